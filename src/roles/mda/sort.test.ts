// A Recipient's script at delivery, in the simulated world: what senders hear, what is in which mailbox, what leaves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reputation } from '../../filter/reputation.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'

const BOB = 'bob@recipient.test'
const GOOD = '192.0.2.10'

async function withScript(script: string, lines = '') {
  const world = await TestSystem.start(`${TWO_AGENTS}\n${lines}`)
  const good = world.stranger(GOOD, domainAt('good.test', GOOD, 'reject'))
  const { store } = world.agent('recipient')
  const account = store.accountByAddress(BOB)!.id
  const atMost = { scripts: 10, bytes: 100_000 }
  const install = (text: string, name = 'main') =>
    world.run(
      (async () => {
        const blob = await store.putBlob([Buffer.from(text)])
        const results = await store.commit([
          { kind: 'script.put', account, name, blob, atMost },
          ...(name === 'main' ? [{ kind: 'script.activate', account, id: { from: 0 } } as const] : []),
        ])
        assert.ok(results.every(({ ok }) => ok))
      })(),
    )
  await install(script)
  const send = (text?: string, to: string | string[] = BOB, from = 'gina@good.test') =>
    world.send(good, 'recipient', 'smtp', { from, to, helo: 'mail.good.test', text })
  const inMailbox = async (path: string) => {
    const mailbox = store.mailboxByPath(account, path)
    if (mailbox === undefined) return undefined
    const placed = store.placements(account, mailbox.id)
    const texts = await world.run(
      Promise.all(
        placed.map(async ({ email }) => (await store.readBlob(store.email(account, email)!.blob))!.toString()),
      ),
    )
    return placed.map(({ flags }, i) => ({ flags, text: texts[i]!.replaceAll(/\r\n[ \t]+/g, ' ') }))
  }
  const counts = (...paths: string[]) => paths.map((path) => store.mailboxByPath(account, path)?.total)
  return { world, store, account, good, install, send, inMailbox, counts }
}

/** A mail host outside that takes everything; what it got. */
async function taker(world: TestSystem, domain: string, ip: string, known?: SimulatedHost) {
  const host = known ?? world.stranger(ip, domainAt(domain, ip))
  const got: { from: string; to: string; text: string }[] = []
  await serveScript(world, host, {
    message: async ({ envelope, source }) => {
      const address = (path: { type: string; mailbox?: { localPart: string; domain: string } }) =>
        path.mailbox === undefined ? '' : `${path.mailbox.localPart}@${path.mailbox.domain}`
      const to = envelope.recipients.map(({ forwardPath }) => address(forwardPath)).join()
      got.push({ from: address(envelope.reversePath), to, text: source.toString().replaceAll(/\r\n[ \t]+/g, ' ') })
      return { code: 250, lines: ['taken'] }
    },
  })
  return got
}

const letter = (subject = 'hello', more = '') =>
  `From: Gina <gina@good.test>\nTo: ${BOB}\nSubject: ${subject}\nMessage-ID: <${subject}@good.test>\n${more}\nHello\n`

test('fileinto: into a mailbox that is made for it, with flags; the rest is kept', async () => {
  const { send, inMailbox, counts, world } = await withScript(
    'require ["fileinto","mailbox","imap4flags"]; if header :contains "subject" "list" { fileinto :create :flags "\\\\Seen $work" "Lists/Work"; }',
  )
  assert.match((await send(letter('list')))[0]!, /^250 /)
  assert.match((await send(letter('other')))[0]!, /^250 /)
  const [mail] = (await inMailbox('Lists/Work'))!
  assert.deepEqual(mail!.flags, ['$work', '\\Seen'])
  assert.match(mail!.text, /^Return-Path: <gina@good\.test>\r\nAuthentication-Results: /)
  assert.deepEqual(counts('INBOX', 'Lists', 'Lists/Work'), [1, 0, 1])
  const [first] = world.events('recipient', 'delivered')
  assert.match(first!.text, /^Sorted by the script of bob@recipient\.test: put into Lists\/Work \(/)
})

test('one message in two mailboxes is one email; changed for one of them it is two', async () => {
  const { send, inMailbox, store, account } = await withScript(
    'require ["fileinto","copy","editheader"]; fileinto :copy "Archive"; fileinto :copy "Trash"; addheader "X-Sorted" "yes";',
  )
  await send(letter())
  const [archive, trash, inbox] = [await inMailbox('Archive'), await inMailbox('Trash'), await inMailbox('INBOX')]
  assert.equal(archive![0]!.text, trash![0]!.text)
  assert.match(inbox![0]!.text, /^X-Sorted: yes\r\nReturn-Path:/)
  assert.ok(!archive![0]!.text.includes('X-Sorted'))
  assert.equal(store.emails(account, store.listEmails(account, {}, 'oldest')).length, 2)
})

test('reject: refused at the Border with the words of the owner, and nothing is kept or bounced', async () => {
  const { send, counts, store } = await withScript('require "reject"; reject "Not today.\r\nCome to the market: ü";')
  assert.match(
    (await send(letter()))[0]!,
    /^550 5\.7\.1 Not today\. Come to the market: \? \(kept here as [a-z0-9]{12}\)$/,
  )
  assert.deepEqual(counts('INBOX', 'Junk'), [0, 0])
  assert.equal(store.queue.length(), 0)
})

test('reject by one of several: one reply for all, so the message goes into his Junk', async () => {
  const { send, counts, world } = await withScript(
    'require "reject"; reject "no";',
    'carl: address=carl@recipient.test, name=Carl, password=demo\n\nAuthor@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@carl',
  )
  assert.match((await send(letter(), [BOB, 'carl@recipient.test']))[0]!, /^250 /)
  assert.deepEqual(counts('INBOX', 'Junk'), [0, 1])
  assert.equal((await world.mail('recipient', 'carl@recipient.test')).length, 1)
})

test('discard: taken, tracked, and nowhere', async () => {
  const { send, counts, world } = await withScript('discard;')
  assert.match((await send(letter()))[0]!, /^250 /)
  assert.deepEqual(counts('INBOX', 'Junk'), [0, 0])
  assert.match(world.events('recipient', 'delivered')[0]!.text, /: discarded \(/)
})

test('redirect: in the queue with the 250, under our SRS, marked against loops; a second time round it stays', async () => {
  const { send, counts, world, inMailbox } = await withScript('redirect "bob@new.test";')
  const got = await taker(world, 'new.test', '192.0.2.20')
  assert.match((await send(letter()))[0]!, /^250 /)
  assert.deepEqual(counts('INBOX'), [0])
  await world.quiet()
  assert.equal(got.length, 1)
  assert.match(got[0]!.from, /^SRS0=.*=good\.test=gina@recipient\.test$/)
  assert.equal(got[0]!.to, 'bob@new.test')
  assert.match(got[0]!.text, /^Delivered-To: bob@recipient\.test\r\n/m)
  assert.ok(!got[0]!.text.includes('Return-Path'))
  assert.match((await send(letter('again', `Delivered-To: ${BOB}\n`)))[0]!, /^250 /)
  await world.quiet()
  assert.equal(got.length, 1)
  const inbox = (await inMailbox('INBOX'))!
  assert.equal(inbox.length, 2)
  assert.ok(inbox.some(({ text }) => /Your Sieve script needs a look/.test(text)))
})

test('redirect to nobody here keeps the message and tells the owner', async () => {
  const { send, inMailbox } = await withScript('redirect "nobody@recipient.test";')
  assert.match((await send(letter()))[0]!, /^250 /)
  const texts = (await inMailbox('INBOX'))!.map(({ text }) => text)
  assert.equal(texts.length, 2)
  assert.ok(
    texts.some((text) => /Subject: hello/.test(text)) &&
      texts.some((text) => /no mailbox nobody@recipient\.test/.test(text)),
  )
})

test('vacation: answered once in the period, with the null reverse-path; never lists, machines, strangers in the header', async () => {
  const { send, world, good } = await withScript('require "vacation"; vacation :days 3 :subject "Away" "I am at sea.";')
  const got = await taker(world, 'good.test', GOOD, good)
  await send(letter('one'))
  await send(letter('two'))
  await send(letter('three', 'List-Id: <x.good.test>\n'))
  await send(letter('four', 'Auto-Submitted: auto-generated\n'))
  await send('From: gina@good.test\nTo: all@recipient.test\nSubject: five\n\nHello\n')
  await send(letter('six'), BOB, '')
  await send(letter('seven'), BOB, 'mailer-daemon@good.test')
  await world.quiet()
  assert.deepEqual(
    got.map(({ from, to }) => [from, to]),
    [['', 'gina@good.test']],
  )
  const { text } = got[0]!
  assert.match(text, /^Subject: Away\r$/m)
  assert.match(text, /^From: bob@recipient\.test\r$/m)
  assert.match(text, /^Auto-Submitted: auto-replied\r$/m)
  assert.match(text, /^In-Reply-To: <one@good\.test>\r$/m)
  assert.match(text, /^DKIM-Signature: /m)
  assert.match(text, /I am at sea\./)
})

test('a script that fails keeps the message, and its owner is told once', async () => {
  const { send, inMailbox } = await withScript(
    'require ["ihave","fileinto"]; fileinto "Archive"; error "out of ideas";',
  )
  await send(letter('one'))
  await send(letter('two'))
  const texts = (await inMailbox('INBOX'))!.map(({ text }) => text)
  assert.equal(texts.length, 3)
  const notes = texts.filter((text) => /Subject: Your Sieve script needs a look/.test(text))
  assert.equal(notes.length, 1)
  assert.match(notes[0]!, /line 1: out of ideas/)
  assert.equal((await inMailbox('Archive'))!.length, 0)
})

test('a mailbox that is not there: the inbox, and a note', async () => {
  const { send, counts } = await withScript('require "fileinto"; fileinto "Nowhere";')
  await send(letter())
  assert.deepEqual(counts('INBOX', 'Nowhere'), [2, undefined])
})

test('what the Border calls Junk: keep is Junk, fileinto is what it says, nothing is redirected or answered', async () => {
  const script = `require ["fileinto","copy","spamtest","relational","comparator-i;ascii-numeric","vacation","special-use"];
    vacation "away"; redirect :copy "bob@new.test";
    if allof (header "subject" "file", spamtest :value "ge" :comparator "i;ascii-numeric" "5") { fileinto :specialuse "\\\\Archive" "X"; }`
  const { world, counts, send } = await withScript(script)
  const got = await taker(world, 'new.test', '192.0.2.20')
  const bad = world.stranger('192.0.2.66', domainAt('shady.test', '192.0.2.99', 'quarantine'))
  const shady = (subject: string) =>
    world.send(bad, 'recipient', 'smtp', {
      from: 'eve@shady.test',
      to: BOB,
      text: `From: eve@shady.test\nTo: ${BOB}\nSubject: ${subject}\n\nBuy\n`,
    })
  assert.match((await shady('keep'))[0]!, /^250 /)
  assert.deepEqual(counts('INBOX', 'Junk', 'Archive'), [0, 1, 0])
  assert.match((await shady('file'))[0]!, /^250 /)
  assert.deepEqual(counts('INBOX', 'Junk', 'Archive'), [0, 1, 1])
  await world.quiet()
  assert.equal(got.length, 0)
  await send(letter())
  await world.quiet()
  assert.equal(got.length, 1)
})

test('duplicate: the same Message-ID within the period is known again', async () => {
  const { send, counts } = await withScript('require ["duplicate","fileinto"]; if duplicate { fileinto "Trash"; }')
  await send(letter('same'))
  await send(letter('same', 'X-Again: 1\n'))
  assert.deepEqual(counts('INBOX', 'Trash'), [1, 1])
})

test('included scripts of the owner; when one is gone the message is kept and he is told', async () => {
  const { send, counts, install, store, account, world } = await withScript(
    'require "include"; include :optional "none";',
  )
  await install('require "fileinto"; fileinto "Archive";', 'part')
  await install('require "include"; include "part";')
  await send(letter('one'))
  assert.deepEqual(counts('INBOX', 'Archive'), [0, 1])
  const part = store.scripts(account).find(({ name }) => name === 'part')!
  await world.run(store.commit([{ kind: 'script.remove', account, id: part.id }]))
  await send(letter('two'))
  assert.deepEqual(counts('INBOX', 'Archive'), [2, 1])
})

test('notify goes out by mail, from the postmaster', async () => {
  const { send, world } = await withScript(
    'require "enotify"; notify :importance "1" :message "Mail!" "mailto:phone@pager.test";',
  )
  const got = await taker(world, 'pager.test', '192.0.2.30')
  await send(letter())
  await world.quiet()
  assert.deepEqual(
    got.map(({ from, to }) => [from, to]),
    [['postmaster@recipient.test', 'phone@pager.test']],
  )
  assert.match(got[0]!.text, /^Auto-Submitted: auto-notified; owner-email="bob@recipient\.test"\r$/m)
  assert.match(got[0]!.text, /^Importance: High\r$/m)
})

test('the answer while away stands beside the script, within its dates', async () => {
  const { send, world, store, account, good } = await withScript('keep;')
  const got = await taker(world, 'good.test', GOOD, good)
  const response = {
    isEnabled: true,
    fromMs: null,
    toMs: null,
    subject: null,
    textBody: 'later',
    htmlBody: '<p>later</p>',
  }
  const put = (more: object) =>
    world.run(store.commit([{ kind: 'vacation.put', account, response: { ...response, ...more } }]))
  await put({ toMs: 1 })
  await send(letter('one'))
  await put({ isEnabled: false })
  await send(letter('two'))
  await world.quiet()
  assert.equal(got.length, 0)
  await put({})
  await send(letter('three'))
  await world.quiet()
  assert.equal(got.length, 1)
  assert.match(got[0]!.text, /multipart\/alternative/)
  assert.match(got[0]!.text, /^Subject: Auto: three\r$/m)
})

test('mail of somebody here is sorted, too: at the MSA, and its refusal is his', async () => {
  const { world, install, counts } = await withScript('require "fileinto"; fileinto "Archive";')
  const carl = world.stranger('127.0.98.1')
  const submit = () => world.send(carl, 'recipient', 'submission', { from: BOB, to: BOB, login: BOB })
  assert.match((await submit())[0]!, /^250 /)
  assert.deepEqual(counts('INBOX', 'Archive'), [0, 1])
  await install('require "reject"; reject "not even me";')
  assert.match((await submit())[0]!, /^550 5\.7\.1 not even me/)
  assert.deepEqual(counts('INBOX', 'Archive'), [0, 1])
})

test('annotations of mailboxes and of the account are seen, each reader his own', async () => {
  const { send, counts, world, store, account } = await withScript(
    `require ["mboxmetadata","servermetadata","fileinto"];
     if allof (metadata "INBOX" "/private/color" "red", servermetadata "/shared/team" "blue",
       not metadataexists "INBOX" "/shared/color") { fileinto "Archive"; }`,
  )
  const put = (mailbox: number, reader: number, entry: string, value: string) =>
    world.run(
      store.commit([
        { kind: 'metadata.put', account, mailbox, entries: [{ reader, entry, value: Buffer.from(value) }], most: 10 },
      ]),
    )
  await send(letter('one'))
  await put(store.mailboxByPath(account, 'INBOX')!.id, account, '/color', 'red')
  await put(0, 0, '/team', 'blue')
  await send(letter('two'))
  assert.deepEqual(counts('INBOX', 'Archive'), [1, 1])
})

test('an account that is full still gets what was taken, and the notes about it', async () => {
  const { send, counts, world, store, account } = await withScript(
    'require ["fileinto","copy"]; fileinto :copy "Nowhere";',
  )
  await world.run(store.commit([{ kind: 'quota.put', account, bytes: 1_000_000, messages: 1 }]))
  assert.match((await send(letter()))[0]!, /^250 /)
  assert.deepEqual(counts('INBOX'), [2])
})

test('nobody writes as somebody else: :from must be an address of the owner, and :mime brings no fields but those of MIME', async () => {
  const entity = 'From: ceo@recipient.test\r\nBcc: x@y.test\r\nContent-Type: text/html\r\n\r\n<p>away</p>'
  const { send, world, good, inMailbox } = await withScript(
    `require ["vacation","enotify"]; vacation :mime :from "CEO <ceo@recipient.test>" "${entity}"; notify :from "ceo@recipient.test" "mailto:gina@good.test";`,
  )
  const got = await taker(world, 'good.test', GOOD, good)
  await send(letter())
  await world.quiet()
  assert.deepEqual(got.map(({ from }) => from).sort(), ['', 'postmaster@recipient.test'])
  for (const { text } of got) assert.ok(!/ceo@|^Bcc:/im.test(text), text)
  const answer = got.find(({ from }) => from === '')!.text
  assert.match(answer, /^From: bob@recipient\.test\r$/m)
  assert.match(answer, /^Content-Type: text\/html\r\n\r\n<p>away<\/p>/m)
  assert.ok((await inMailbox('INBOX'))!.some(({ text }) => /not an address of/.test(text)))
})

test('what one person’s script rejects is no mark against its sender for the others', async () => {
  const { send, world } = await withScript('require "reject"; reject "No, thank you.";', 'recipient: filter=yes')
  const { memory, world: inside } = world.agent('recipient')
  for (let i = 0; i < 5; i++) assert.match((await send(letter()))[0]!, /^550 5\.7\.1 No, thank you\./)
  const { score } = new Reputation(memory, inside.clock).standing({ provenDomain: 'good.test' })
  assert.ok(score >= 0, String(score))
})
