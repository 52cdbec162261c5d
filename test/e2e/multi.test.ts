// Several of one person's programs at once: what one does, the others see without asking (IMAP IDLE, JMAP EventSource).

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Demo, type DemoPerson, endDemos, startDemo, until } from './demo.ts'
import { countOf, Jmap, withImap } from './mailbox.ts'
import { Smtp } from './smtp.ts'

let demo: Demo
let anna: DemoPerson
let bob: DemoPerson
before(async () => {
  demo = await startDemo()
  anna = demo.person('anna')
  bob = demo.person('bob')
})
after(endDemos)

interface Changes {
  readonly created: string[]
  readonly updated: string[]
  readonly destroyed: string[]
  readonly newState: string
}

test('new mail, a flag, a removal: IMAP IDLE and the JMAP event source tell of each', async () => {
  const jmap = await Jmap.open(bob)
  const events = await jmap.listen()
  let { state } = await jmap.call<{ state: string }>('Email/get', { ids: [] })
  /** What JMAP says has changed, once the event source has told of it. */
  const changes = async (what: string): Promise<Changes> => {
    await until(`the event source to tell of ${what}`, () => {
      const email = events.told.findLast((one) => one.Email !== undefined)?.Email
      return email !== undefined && email !== state ? email : undefined
    })
    const found = await jmap.call<Changes>('Email/changes', { sinceState: state })
    state = found.newState
    return found
  }
  try {
    await withImap(bob, async (imap) => {
      await imap.mailboxOpen('INBOX')
      const before = await countOf(bob)
      const seen: string[] = []
      imap.on('exists', ({ count }) => seen.push(`exists ${count}`))
      imap.on('flags', ({ seq, flags }) =>
        seen.push(`flags ${seq} ${[...flags!].filter((f) => f !== '\\Recent').sort()}`),
      )
      imap.on('expunge', ({ seq }) => seen.push(`expunge ${seq}`))
      const heard = (what: string) =>
        until(`IDLE to tell of ${what}, not only ${seen}`, () => (seen.includes(what) ? true : undefined))
      void imap.idle()

      const smtp = await Smtp.signedIn(anna)
      const source = `From: ${anna.address}\r\nTo: ${bob.address}\r\nSubject: seen by all\r\n\r\nHello.\r\n`
      assert.equal((await smtp.send(anna.address, [bob.address], Buffer.from(source))).code, 250)
      await smtp.quit()
      await heard(`exists ${before + 1}`)
      const { created } = await changes('new mail')
      assert.equal(created.length, 1)
      const { list } = await jmap.call<{ list: { subject: string }[] }>('Email/get', {
        ids: created,
        properties: ['subject'],
      })
      assert.deepEqual(
        list.map(({ subject }) => subject),
        ['seen by all'],
      )

      // A flag set by JMAP is told by IDLE; one set by another IMAP client is told by both.
      await jmap.call('Email/set', { update: { [created[0]!]: { 'keywords/$flagged': true } } })
      await heard(`flags ${before + 1} \\Flagged`)
      assert.deepEqual((await changes('the flag')).updated, created)
      await withImap(bob, async (other) => {
        await other.mailboxOpen('INBOX')
        await other.messageFlagsAdd(`${before + 1}`, ['\\Seen'])
        await heard(`flags ${before + 1} \\Flagged,\\Seen`)
        assert.deepEqual((await changes('the other flag')).updated, created)
        await other.messageDelete(`${before + 1}`)
      })
      await heard(`expunge ${before + 1}`)
      assert.deepEqual((await changes('the removal')).destroyed, created)
    })
  } finally {
    events.stop()
  }
})

test('a draft written and sent by JMAP is told to the reader by IDLE', async () => {
  const jmap = await Jmap.open(anna)
  const { list } = await jmap.call<{ list: { id: string; role: string | null }[] }>('Mailbox/get', {})
  const drafts = list.find(({ role }) => role === 'drafts')!.id
  const identities = await jmap.call<{ list: { id: string; email: string }[] }>('Identity/get', {})
  const draft = await jmap.call<{ created: Record<string, { id: string }> | null }>('Email/set', {
    create: {
      d: {
        mailboxIds: { [drafts]: true },
        keywords: { $draft: true },
        from: [{ name: 'Änna', email: anna.address }],
        to: [{ email: bob.address }],
        subject: 'Geschrieben mit JMAP 🦔',
        textBody: [{ partId: 'text', type: 'text/plain' }],
        bodyValues: { text: { value: 'Grüße\n.\nEnde' } },
      },
    },
  })
  const emailId = draft.created!.d!.id
  await withImap(bob, async (imap) => {
    await imap.mailboxOpen('INBOX')
    const told = new Promise<number>((resolve) => imap.on('exists', ({ count }) => resolve(count)))
    void imap.idle()
    const sent = await jmap.call<{ created: Record<string, object> | null; notCreated: object | null }>(
      'EmailSubmission/set',
      { create: { s: { emailId, identityId: identities.list[0]!.id } } },
    )
    assert.ok(sent.created?.s, JSON.stringify(sent))
    const message = await imap.fetchOne(`${await told}`, { source: true, envelope: true })
    assert.ok(message)
    assert.equal(message.envelope!.subject, 'Geschrieben mit JMAP 🦔')
    assert.equal(message.envelope!.from![0]!.name, 'Änna')
  })
})
