// Reports in the running system: two agents exchange mail for days, and each hears from the other once a day what was
// seen of its domain (RFC 9990, RFC 8460).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildAggregateReport } from '../identity/reports/aggregate-build.ts'
import { buildFeedback } from '../identity/reports/feedback.ts'
import { parseReport } from '../identity/reports/incoming.ts'
import type { TlsReport } from '../identity/reports/tls.ts'
import { type Domain, formatAddress } from '../message/address.ts'
import type { ZoneRecord } from '../protocols/dns/zone.ts'
import { reply } from '../protocols/smtp/reply.ts'
import type { AggregateContent } from '../roles/reports/take-in.ts'
import { PUBLISHED, rowOf } from '../roles/reports/testing.ts'
import type { ReceivedReport } from '../store/types.ts'
import type { SimulatedHost } from '../world/simulated/host.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from './testing.ts'
import { backendsOf } from './web.ts'

const REPORTING = `${TWO_AGENTS}\nsender: reports=yes\nrecipient: reports=yes\n`
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** Virtual time passes until this long after the next midnight (UTC). */
async function untilNight(system: TestSystem, afterMs: number): Promise<void> {
  const midnightMs = (Math.floor(system.simulation.nowMs / DAY_MS) + 1) * DAY_MS
  await passTime(system, midnightMs + afterMs - system.simulation.nowMs)
}

async function passTime(system: TestSystem, forMs: number): Promise<void> {
  const endMs = system.simulation.nowMs + forMs
  await system.simulation.run(() => system.simulation.nowMs >= endMs)
}

const received = (system: TestSystem, id: string) => system.agent(id).store.reports.received(0, 1000)
const aggregates = (system: TestSystem, id: string) => received(system, id).filter(({ kind }) => kind === 'aggregate')

/** The rows of a report: how many, what became of them, what proved them. */
function rowsOf(report: ReceivedReport): string[] {
  const { report: said, omitted } = JSON.parse(report.content) as AggregateContent
  assert.equal(omitted, 0)
  return said.rows
    .map(({ count, disposition, dkim, spf, sourceIp, reasons }) =>
      [count, disposition, `dkim=${dkim}`, `spf=${spf}`, sourceIp, ...reasons.map(({ type }) => type)].join(' '),
    )
    .toSorted()
}

async function forge(system: TestSystem, forger: SimulatedHost): Promise<void> {
  const letter = { from: 'x@forger.test', to: 'bob@recipient.test' }
  const text = 'From: anna@sender.test\nTo: bob@recipient.test\nSubject: money\n\nSend money.\n'
  const [reply] = await system.send(forger, 'recipient', 'smtp', { ...letter, text })
  assert.match(reply!, /^550 5\.7\.26/)
}

test('two days, two reports for each: they count what happened, over a crash and a restart', async () => {
  const system = await TestSystem.start(REPORTING)
  const forger = system.stranger('127.0.66.1', domainAt('forger.test', '127.0.66.1'))
  for (let day = 0; day < 2; day++) {
    for (let letter = 0; letter < 3; letter++) await system.submit('bob@recipient.test')
    const bobs = { from: 'bob@recipient.test', to: 'anna@sender.test', login: 'bob@recipient.test' }
    await system.send(forger, 'recipient', 'submission', bobs)
    await forge(system, forger)
    await passTime(system, 5 * MINUTE_MS)
    system.system.crash('recipient')
    await passTime(system, MINUTE_MS)
    await system.run(system.system.restart('recipient'))
    // A restart in the middle of the night, while reports leave.
    await untilNight(system, 60 * MINUTE_MS)
    system.system.crash('sender')
    await system.run(system.system.restart('sender'))
    await passTime(system, 6 * 60 * MINUTE_MS)
  }
  const toSender = aggregates(system, 'sender').toReversed()
  const toRecipient = aggregates(system, 'recipient').toReversed()
  for (const reports of [toSender, toRecipient]) {
    assert.equal(reports.length, 2)
    assert.ok(reports.every(({ beginMs, endMs }) => beginMs % DAY_MS === 0 && endMs === beginMs + DAY_MS - 1000))
    assert.equal(reports[1]!.beginMs, reports[0]!.beginMs + DAY_MS)
  }
  assert.deepEqual(
    toSender.map(({ about, organization, provenDomain }) => [about, organization, provenDomain]),
    Array(2).fill(['sender.test', 'recipient.test', 'recipient.test']),
  )
  const forged = '1 reject dkim=fail spf=fail 127.0.66.1'
  assert.deepEqual(rowsOf(toSender[0]!), [forged, '3 pass dkim=pass spf=pass 127.0.10.1'])
  // On the second day the reports about the first came along (DMARC and TLS), from the null reverse-path.
  assert.deepEqual(rowsOf(toSender[1]!), [
    forged,
    '2 pass dkim=pass spf=pass 127.0.10.1',
    '3 pass dkim=pass spf=pass 127.0.10.1',
  ])
  assert.deepEqual(rowsOf(toRecipient[0]!), ['1 pass dkim=pass spf=pass 127.0.20.1'])
  // Each lies in the postmaster's mailbox, once.
  for (const id of ['sender', 'recipient']) {
    const mail = await system.mail(id, `postmaster@${id}.test`)
    const kinds = mail.map(({ text }) => /^To: (\w+)-reports@/m.exec(text)?.[1])
    assert.deepEqual(kinds.toSorted(), ['dmarc', 'dmarc', 'tls', 'tls'])
  }
  assert.deepEqual(system.complaints, [])
})

test('reports on TLS say how the sessions to a domain went, and leave out those that carried reports only', async () => {
  const system = await TestSystem.start(REPORTING)
  await system.submit('bob@recipient.test')
  await passTime(system, MINUTE_MS)
  await untilNight(system, 6 * 60 * MINUTE_MS)
  // The day after nobody wrote: the reports themselves are no reason for more reports.
  for (let day = 0; day < 3; day++) await untilNight(system, 6 * 60 * MINUTE_MS)
  const tls = received(system, 'recipient').filter(({ kind }) => kind === 'tls')
  assert.equal(tls.length, 1)
  const report = JSON.parse(tls[0]!.content) as TlsReport
  assert.deepEqual([tls[0]!.about, report.organization], ['recipient.test', 'sender.test'])
  assert.deepEqual(report.policies, [
    {
      type: 'no-policy-found',
      domain: 'recipient.test',
      policyLines: [],
      mxHosts: [],
      successfulSessions: 1,
      failedSessions: 0,
      failures: [],
    },
  ])
  assert.deepEqual(
    received(system, 'sender').map(({ kind }) => kind),
    ['aggregate'],
  )
  const unsent = system
    .agent('sender')
    .store.reports.days(0, 100)
    .filter(({ state }) => state === 'unsent')
  assert.ok(
    unsent.length > 0 && unsent.every(({ outcome }) => outcome === 'Not sent: it would speak of nothing but reports.'),
  )
})

test('a server without TLS is reported to its domain, if it asks', async () => {
  const system = await TestSystem.start(REPORTING)
  const ip = '127.0.77.1'
  const asks = {
    name: '_smtp._tls.plain.test',
    type: 'TXT',
    ttlS: 60,
    data: 'v=TLSRPTv1;rua=mailto:tls@plain.test',
  } as const
  const host = system.stranger(ip, [...domainAt('plain.test', ip), asks])
  const came: string[] = []
  await serveScript(system, host, {
    message: ({ source }) => {
      came.push(source.toString())
      return reply(250, '2.0.0', 'thanks')
    },
  })
  await system.submit('carol@plain.test')
  await untilNight(system, 6 * 60 * MINUTE_MS)
  const found = came.map((text) => parseReport(Buffer.from(text))).find(({ kind }) => kind === 'tls')
  assert.ok(found?.kind === 'tls')
  const [policy] = found.report.policies
  assert.deepEqual([policy!.successfulSessions, policy!.failedSessions], [0, 1])
  const [failure] = policy!.failures
  assert.deepEqual(
    [failure!.resultType, failure!.receivingMxHostname, failure!.receivingIp],
    ['starttls-not-supported', 'mail.plain.test', ip],
  )
})

test('a report that is refused makes no bounce, no second try on another day, and no loop', async () => {
  const system = await TestSystem.start(REPORTING)
  const ip = '127.0.77.1'
  const records = domainAt('grumpy.test', ip).map((record) =>
    record.name === '_dmarc.grumpy.test'
      ? { ...record, data: 'v=DMARC1; p=none; rua=mailto:dmarc@grumpy.test' }
      : record,
  )
  const host = system.stranger(ip, records as ZoneRecord[])
  const paths: string[] = []
  const server = await serveScript(system, host, {
    mail: (path) => {
      paths.push(path.type)
      return undefined
    },
    recipient: () => reply(550, '5.1.1', 'no reports here'),
    message: () => reply(250, '2.0.0', 'thanks'),
  })
  await system.send(host, 'recipient', 'smtp', { from: 'carol@grumpy.test', to: 'bob@recipient.test' })
  for (let day = 0; day < 3; day++) await untilNight(system, 6 * 60 * MINUTE_MS)
  assert.deepEqual([server.sessions, paths], [1, ['null']])
  assert.deepEqual(await system.mail('recipient', 'postmaster@recipient.test'), [])
  const [given] = system.events('recipient', 'bounced')
  assert.match(given!.text, /^Given up, and its sender wants no notification; refused by mail\.grumpy\.test/)
})

test('reports go only where they are wanted: verified destinations, within their size', async () => {
  const system = await TestSystem.start(REPORTING)
  const ip = '127.0.77.1'
  const rua = 'mailto:small@asks.test!1k,mailto:big@asks.test!10m,mailto:x@victim.test,mailto:y@agrees.test'
  const records = domainAt('asks.test', ip).map((record) =>
    record.name === '_dmarc.asks.test' ? { ...record, data: `v=DMARC1; p=none; rua=${rua}` } : record,
  )
  const agrees = { name: 'asks.test._report._dmarc.agrees.test', type: 'TXT', ttlS: 60, data: 'v=DMARC1' } as const
  const host = system.stranger(ip, [
    ...(records as ZoneRecord[]),
    agrees,
    ...domainAt('agrees.test', ip),
    ...domainAt('victim.test', ip),
  ])
  const to: string[] = []
  await serveScript(system, host, {
    recipient: (path) => {
      to.push(path.type === 'mailbox' ? formatAddress(path.mailbox) : '')
      return undefined
    },
    message: () => reply(250, '2.0.0', 'thanks'),
  })
  await system.send(host, 'recipient', 'smtp', { from: 'carol@asks.test', to: 'bob@recipient.test' })
  await untilNight(system, 6 * 60 * MINUTE_MS)
  assert.deepEqual(to.toSorted(), ['big@asks.test', 'y@agrees.test'])
  const duty = system
    .agent('recipient')
    .store.reports.days(0, 10)
    .find(({ kind, domain }) => kind === 'dmarc' && domain === 'asks.test')
  assert.equal(duty!.state, 'sent', duty!.outcome)
  assert.match(duty!.outcome, /^Sent to big@asks\.test, y@agrees\.test as \w+\. Not to mailto:x@victim\.test: /)
})

test('mail forged in our own name is reported to ourselves, once a day, without going through the Border', async () => {
  const system = await TestSystem.start(REPORTING)
  const forger = system.stranger('127.0.66.1', domainAt('forger.test', '127.0.66.1'))
  const text = 'From: bob@recipient.test\nTo: bob@recipient.test\nSubject: you\n\nIt is me, you.\n'
  await system.send(forger, 'recipient', 'smtp', { from: 'x@forger.test', to: 'bob@recipient.test', text })
  for (let day = 0; day < 3; day++) await untilNight(system, 6 * 60 * MINUTE_MS)
  const [report, ...others] = received(system, 'recipient')
  assert.deepEqual(
    [rowsOf(report!), report!.provenDomain],
    [['1 reject dkim=fail spf=fail 127.0.66.1'], 'recipient.test'],
  )
  assert.equal(others.length, 0)
})

test('without reports=yes a lab is quiet: nothing is collected, sent or asked for', async () => {
  const system = await TestSystem.start(TWO_AGENTS)
  await system.submit('bob@recipient.test')
  await untilNight(system, 6 * 60 * MINUTE_MS)
  assert.deepEqual(system.agent('recipient').store.reports.days(0, 10), [])
  assert.equal(system.agent('recipient').observations, undefined)
})

test('what came is explained to the postmaster, and to nobody else', async () => {
  const system = await TestSystem.start(`${REPORTING}
Author@post ==> MSA/Transmitter@sender
post: address=postmaster@sender.test, password=demo
`)
  const forger = system.stranger('127.0.66.1', domainAt('forger.test', '127.0.66.1'))
  await system.submit('bob@recipient.test')
  await forge(system, forger)
  await untilNight(system, 6 * 60 * MINUTE_MS)
  const backends = backendsOf([...system.system.agents.values()])
  const anna = backends.accountFor('anna@sender.test')!
  assert.equal(backends.reports(anna, 0), undefined)
  const postmaster = backends.accountFor('postmaster@sender.test')!
  const [domain] = backends.reports(postmaster, 0)!.domains
  assert.deepEqual([domain!.messages, domain!.proven, domain!.refused], [2, 1, 1])
  assert.deepEqual(
    domain!.sources.map(({ ip, meaning }) => [ip, meaning]),
    [
      ['127.0.10.1', 'Yours: proven by signature and by address.'],
      ['127.0.66.1', 'Sent by forger.test with your domain in From.'],
    ],
  )
})

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
  await passTime(system, MINUTE_MS)
  for (const text of [report('one'), report('two'), 'From: reports@big.test\nSubject: hi\n\nno report\n'])
    await send(text)
  const broken = report('three').replace(/H4sI[A-Za-z0-9+/]{20}/, 'H4sIAAAAAAAAAAAAAAAAAAAA')
  await send(broken, 'Abuse@sender.test')
  await passTime(system, MINUTE_MS)
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
  await passTime(system, MINUTE_MS)
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
    await passTime(system, 5 * MINUTE_MS)
    // A second thought, and a third.
    await moveAll(system, 'junk', 'inbox')
    await passTime(system, MINUTE_MS)
    await moveAll(system, 'inbox', 'junk')
    system.system.crash('recipient')
    await system.run(system.system.restart('recipient'))
    await passTime(system, 30 * MINUTE_MS)
    await moveAll(system, 'junk', 'inbox')
    await moveAll(system, 'inbox', 'junk')
    await passTime(system, 60 * MINUTE_MS)
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
  await passTime(system, MINUTE_MS)
  await moveAll(system, 'junk', 'inbox')
  await passTime(system, 60 * MINUTE_MS)
  assert.deepEqual(await system.mail('sender', 'postmaster@sender.test'), [])
  assert.deepEqual(system.agent('recipient').store.reports.complaintsDue(10), [])
})
