// Reports and complaints that come to us, and complaints that we tell (RFC 9477).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildAggregateReport } from '../identity/reports/aggregate-build.ts'
import { buildFeedback } from '../identity/reports/feedback.ts'
import type { Domain } from '../message/address.ts'
import { PUBLISHED, rowOf } from '../roles/reports/testing.ts'
import { domainAt, TestSystem, TWO_AGENTS } from './testing.ts'
import { backendsOf } from './web.ts'

const REPORTING = `${TWO_AGENTS}\nsender: reports=yes\nrecipient: reports=yes\n`
const MINUTE_MS = 60_000
const received = (system: TestSystem, id: string) => system.agent(id).store.reports.received(0, 1000)

test('a report is looked into after a crash, kept once, and the mail stays whatever is in it', async () => {
  const system = await TestSystem.start(TWO_AGENTS)
  const ip = '127.0.77.1'
  const host = system.stranger(ip, domainAt('big.test', ip))
  const report = (id: string) =>
    buildAggregateReport('sender.test', [rowOf('127.0.10.1', 5)], {
      submitter: 'big.test',
      organization: 'big.test',
      from: { localPart: 'reports', domain: 'big.test' as Domain },
      to: [{ localPart: 'dmarc-reports', domain: 'sender.test' as Domain }],
      published: PUBLISHED,
      beginS: 0,
      endS: 86_399,
      reportId: id,
      messageId: `<${id}@big.test>`,
      nowMs: system.simulation.nowMs,
      boundary: () => 'boundary',
    }).toString()
  const send = (text: string, to = 'dmarc-reports@sender.test') =>
    system.send(host, 'sender', 'smtp', { from: 'reports@big.test', to, text })
  assert.match((await send(report('one')))[0]!, /^250/)
  system.system.crash('sender')
  await system.run(system.system.restart('sender'))
  await system.passTime(MINUTE_MS)
  for (const text of [report('one'), report('two'), 'From: reports@big.test\nSubject: hi\n\nno report\n'])
    await send(text)
  const broken = report('three').replace(/H4sI[A-Za-z0-9+/]{20}/, 'H4sIAAAAAAAAAAAAAAAAAAAA')
  await send(broken, 'Abuse@sender.test')
  await system.passTime(MINUTE_MS)
  assert.deepEqual(
    received(system, 'sender').map(({ kind, provenDomain }) => [kind, provenDomain]),
    [
      ['unreadable', 'big.test'],
      ['aggregate', 'big.test'],
      ['aggregate', 'big.test'],
    ],
  )
  assert.equal((await system.mail('sender', 'postmaster@sender.test')).length, 5)
  assert.deepEqual(system.agent('sender').store.reports.pending(10), [])
})

test('a complaint is counted against the Author whose message it is about', async () => {
  const system = await TestSystem.start(TWO_AGENTS)
  const ip = '127.0.77.1'
  const host = system.stranger(ip, domainAt('big.test', ip))
  await system.submit('bob@recipient.test')
  await system.quiet()
  const [sent] = system.events('sender', 'accepted')
  const complain = (from: string, messageId: string) =>
    buildFeedback(
      {
        feedbackType: 'abuse',
        userAgent: 'Big/1',
        version: 1,
        originalRcptTo: [],
        incidents: 1,
        authenticationResults: [],
        reportedDomains: ['sender.test'],
        reportedUris: [],
        identityAlignment: [],
      },
      {
        from: { localPart: 'fbl', domain: from as Domain },
        to: [{ localPart: 'abuse', domain: 'sender.test' as Domain }],
        subject: 'complaint',
        messageId: `<c${messageId}>`,
        nowMs: system.simulation.nowMs,
        text: 'Somebody complains.\n',
        original: Buffer.from(`From: anna@sender.test\r\nMessage-ID: <${messageId}>\r\nSubject: offers\r\n\r\n`),
        headerOnly: true,
        boundary: () => 'boundary',
      },
    ).toString()
  const messages = [
    complain('big.test', sent!.messageId),
    complain('big.test', 'of.somebody@sender.test'),
    complain('nobody.test', sent!.messageId),
  ]
  for (const text of messages)
    await system.send(host, 'sender', 'smtp', { from: 'fbl@big.test', to: 'abuse@sender.test', text })
  await system.passTime(MINUTE_MS)
  const { reports } = system.agent('sender').store
  assert.deepEqual(
    received(system, 'sender').map(({ kind, about, provenDomain }) => [kind, about, provenDomain]),
    [
      ['feedback', 'anna@sender.test', ''],
      ['feedback', 'sender.test', 'big.test'],
      ['feedback', 'anna@sender.test', 'big.test'],
    ],
  )
  assert.equal(reports.complaints('anna@sender.test', 0), 1)
})

test('a failure report is kept under the domain in whose name the message was, and shown to the postmaster', async () => {
  const system = await TestSystem.start(`${TWO_AGENTS}
Author@post ==> MSA/Transmitter@sender
post: address=postmaster@sender.test, password=demo
`)
  const ip = '127.0.77.1'
  const host = system.stranger(ip, domainAt('big.test', ip))
  const text = buildFeedback(
    {
      feedbackType: 'auth-failure',
      userAgent: 'Big/1',
      version: 1,
      originalRcptTo: [],
      incidents: 1,
      sourceIp: '203.0.113.7',
      authenticationResults: ['mx.big.test; dmarc=fail header.from=sender.test'],
      reportedDomains: ['Sender.test'],
      reportedUris: [],
      authFailure: 'dmarc',
      deliveryResult: 'reject',
      identityAlignment: ['none'],
    },
    {
      from: { localPart: 'noreply', domain: 'big.test' as Domain },
      to: [{ localPart: 'postmaster', domain: 'sender.test' as Domain }],
      subject: 'FW: money',
      messageId: '<f1@big.test>',
      nowMs: system.simulation.nowMs,
      text: 'A message in your name failed.\n',
      original: Buffer.from('From: anna@sender.test\r\nMessage-ID: <nobody@sender.test>\r\nSubject: money\r\n\r\n'),
      headerOnly: true,
      boundary: () => 'boundary',
    },
  ).toString()
  await system.send(host, 'sender', 'smtp', { from: 'noreply@big.test', to: 'postmaster@sender.test', text })
  await system.passTime(MINUTE_MS)
  const [report] = received(system, 'sender')
  assert.deepEqual([report!.kind, report!.about, report!.provenDomain], ['failure', 'sender.test', 'big.test'])
  const backends = backendsOf([...system.system.agents.values()])
  const postmaster = backends.accountFor('postmaster@sender.test')
  const [shown] = backends.reports(postmaster!, 0)!.complaints
  assert.deepEqual(
    [shown!.about, shown!.latest[0]!.type, shown!.latest[0]!.subject],
    ['sender.test', 'auth-failure', 'money'],
  )
  // It is no complaint about an Author.
  assert.equal(system.agent('sender').store.reports.complaints('sender.test', 0), 0)
})

/** Bob moves everything in one of his mailboxes to another, by hand. */
async function moveAll(system: TestSystem, from: 'inbox' | 'junk', to: 'inbox' | 'junk'): Promise<void> {
  const { store } = system.agent('recipient')
  const account = store.accountByAddress('bob@recipient.test')!.id
  const [mailbox, target] = [from, to].map((use) => store.mailboxByUse(account, use)!.id) as [number, number]
  const uids = [[1, 1_000_000]] as const
  await system.run(store.commit([{ kind: 'placement.copy', account, mailbox, uids, to: target, move: true }]))
}

test("a complaint: moved to Junk, told to the Author's MSA once, by name alone; not without agreement", async () => {
  for (const agreed of [true, false]) {
    const system = await TestSystem.start(`${REPORTING}\n${agreed ? 'recipient: complaints=yes' : ''}\n`)
    await system.submit(
      'bob@recipient.test',
      'From: anna@sender.test\nTo: bob@recipient.test\nSubject: offers\n\nSecret.\n',
    )
    await system.quiet()
    const [letter] = await system.mail('recipient', 'bob@recipient.test')
    assert.match(letter!.text, /^CFBL-Address: abuse@sender\.test; report=arf\r$/m)
    await moveAll(system, 'inbox', 'junk')
    await system.passTime(5 * MINUTE_MS)
    // A second thought, and a third.
    await moveAll(system, 'junk', 'inbox')
    await system.passTime(MINUTE_MS)
    await moveAll(system, 'inbox', 'junk')
    system.system.crash('recipient')
    await system.run(system.system.restart('recipient'))
    await system.passTime(30 * MINUTE_MS)
    await moveAll(system, 'junk', 'inbox')
    await moveAll(system, 'inbox', 'junk')
    await system.passTime(60 * MINUTE_MS)
    const complaints = received(system, 'sender').filter(({ kind }) => kind === 'feedback')
    assert.deepEqual(
      complaints.map(({ about, provenDomain }) => [about, provenDomain]),
      agreed ? [['anna@sender.test', 'recipient.test']] : [],
    )
    assert.equal(system.agent('sender').store.reports.complaints('anna@sender.test', 0), agreed ? 1 : 0)
    const mail = await system.mail('sender', 'postmaster@sender.test')
    assert.equal(mail.length, agreed ? 1 : 0)
    for (const { text } of mail) assert.doesNotMatch(text, /Secret|offers|bob@/)
    assert.deepEqual(system.complaints, [])
  }
})

test('what was taken out of Junk again is no complaint', async () => {
  const system = await TestSystem.start(`${REPORTING}\nrecipient: complaints=yes\n`)
  await system.submit('bob@recipient.test')
  await system.quiet()
  await moveAll(system, 'inbox', 'junk')
  await system.passTime(MINUTE_MS)
  await moveAll(system, 'junk', 'inbox')
  await system.passTime(60 * MINUTE_MS)
  assert.deepEqual(await system.mail('sender', 'postmaster@sender.test'), [])
  assert.deepEqual(system.agent('recipient').store.reports.complaintsDue(10), [])
})
