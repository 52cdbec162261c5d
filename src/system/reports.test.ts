// Reports in the running system: two agents exchange mail for days, and each hears from the other once a day what was
// seen of its domain (RFC 9990, RFC 8460).

import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { parseReport, parseReportFile } from '../identity/reports/incoming.ts'
import type { TlsReport } from '../identity/reports/tls.ts'
import { formatAddress } from '../message/address.ts'
import type { ZoneRecord } from '../protocols/dns/zone.ts'
import { reply } from '../protocols/smtp/reply.ts'
import type { AggregateContent } from '../roles/reports/take-in.ts'
import type { ReceivedReport } from '../store/nouns/reports.ts'
import type { Stream } from '../world/network.ts'
import { realKeymaker } from '../world/real/keymaker.ts'
import type { SimulatedHost } from '../world/simulated/host.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from './testing.ts'
import { backendsOf } from './web.ts'

const REPORTING = `${TWO_AGENTS}\nsender: reports=yes\nrecipient: reports=yes\n`
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

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
    await system.passTime(5 * MINUTE_MS)
    system.system.crash('recipient')
    await system.passTime(MINUTE_MS)
    await system.run(system.system.restart('recipient'))
    // A restart in the middle of the night, while reports leave.
    await system.untilNight(60 * MINUTE_MS)
    system.system.crash('sender')
    await system.run(system.system.restart('sender'))
    await system.passTime(6 * 60 * MINUTE_MS)
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

test('a crash just before the report is queued, or just after, makes it one report all the same', async () => {
  for (const moment of ['before', 'after'] as const) {
    const system = await TestSystem.start(REPORTING)
    await system.submit('bob@recipient.test')
    await system.passTime(5 * MINUTE_MS)
    const { store } = system.agent('recipient')
    const commit = store.commit.bind(store)
    let isThere = false
    mock.method(store, 'commit', async (batch: Parameters<typeof commit>[0]) => {
      if (!batch.some(({ kind }) => kind === 'queue.add')) return commit(batch)
      if (moment === 'after') await commit(batch)
      isThere = true
      return new Promise(() => {})
    })
    await system.simulation.run(() => isThere)
    system.system.crash('recipient')
    await system.run(system.system.restart('recipient'))
    await system.passTime(60 * MINUTE_MS)
    const [report, ...others] = aggregates(system, 'sender')
    assert.deepEqual([rowsOf(report!), others.length], [['1 pass dkim=pass spf=pass 127.0.10.1'], 0])
    const mail = await system.mail('sender', 'postmaster@sender.test')
    assert.equal(mail.filter(({ text }) => text.includes('To: dmarc-reports@')).length, 1)
  }
})

test('reports on TLS say how the sessions to a domain went, and leave out those that carried reports only', async () => {
  const system = await TestSystem.start(REPORTING)
  await system.submit('bob@recipient.test')
  await system.passTime(MINUTE_MS)
  await system.untilNight(6 * 60 * MINUTE_MS)
  // The day after nobody wrote: the reports themselves are no reason for more reports.
  for (let day = 0; day < 3; day++) await system.untilNight(6 * 60 * MINUTE_MS)
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
  await system.untilNight(6 * 60 * MINUTE_MS)
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

test('a TLS report is posted where its domain asks for that, again while nobody takes it, under the same name', async () => {
  const identity = await realKeymaker.tlsIdentity(['reports.plain.test'])
  const system = await TestSystem.start(REPORTING, { trusted: [identity.certificatePem] })
  const ip = '127.0.77.1'
  const asks = { type: 'TXT', ttlS: 60, data: 'v=TLSRPTv1;rua=https://reports.plain.test/in?x=1' } as const
  const web = { name: 'reports.plain.test', type: 'A', ttlS: 60, data: ip } as const
  const host = system.stranger(ip, [...domainAt('plain.test', ip), { ...asks, name: '_smtp._tls.plain.test' }, web])
  await serveScript(system, host, { message: () => reply(250, '2.0.0', 'thanks') })
  const posts: Buffer[] = []
  const statuses = ['503 Busy', '201 Created']
  const serve = async (stream: Stream) => {
    const pieces: Uint8Array[] = []
    const head = () => /\r\nContent-Length: (\d+)\r\n[\s\S]*?\r\n\r\n/.exec(Buffer.concat(pieces).toString('latin1'))
    for (
      let match = head();
      match === null || Buffer.concat(pieces).length < match.index + match[0].length + Number(match[1]);
      match = head()
    )
      pieces.push((await stream.read())!)
    posts.push(Buffer.concat(pieces))
    await stream.write(Buffer.from(`HTTP/1.1 ${statuses.shift()}\r\nContent-Length: 0\r\n\r\n`))
    stream.end()
  }
  await system.run(host.world.network.listen({ address: ip, port: 443 }, (stream) => void serve(stream), identity))
  await system.submit('carol@plain.test')
  for (let day = 0; day < 2; day++) await system.untilNight(8 * 60 * MINUTE_MS)
  const reports = posts.map((post) => {
    const text = post.toString('latin1')
    assert.match(
      text,
      /^POST \/in\?x=1 HTTP\/1\.1\r\nHost: reports\.plain\.test\r\n[\s\S]*Content-Type: application\/tlsrpt\+gzip\r\n/,
    )
    const found = parseReportFile(post.subarray(text.indexOf('\r\n\r\n') + 4))
    assert.ok(found.kind === 'tls')
    return found.report
  })
  assert.equal(reports.length, 2)
  assert.deepEqual(reports[0], reports[1])
  assert.equal(reports[0]!.policies[0]!.failedSessions, 1)
  const duty = system
    .agent('sender')
    .store.reports.days(0, 10)
    .find(({ domain }) => domain === 'plain.test')
  assert.match(duty!.outcome, /^Sent to https:\/\/reports\.plain\.test\/in\?x=1 as /)
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
  for (let day = 0; day < 3; day++) await system.untilNight(6 * 60 * MINUTE_MS)
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
  await system.untilNight(6 * 60 * MINUTE_MS)
  assert.deepEqual(to.toSorted(), ['big@asks.test', 'y@agrees.test'])
  const duty = system
    .agent('recipient')
    .store.reports.days(0, 10)
    .find(({ kind, domain }) => kind === 'dmarc' && domain === 'asks.test')
  assert.equal(duty!.state, 'sent', duty!.outcome)
  assert.match(duty!.outcome, /^Sent to big@asks\.test, y@agrees\.test as \w+\. Not to mailto:x@victim\.test: /)
})

test('what was let in against the policy says why: the allow list, a trusted Forwarder', async () => {
  const system = await TestSystem.start(`${REPORTING}\nrecipient: allow=127.0.66.1\nbob: trusts=old.test\n`)
  const text = 'From: anna@sender.test\nTo: bob@recipient.test\nSubject: hello\n\nHello.\n'
  const senders = [
    ['127.0.66.1', 'allowed.test'],
    ['127.0.67.1', 'old.test'],
  ] as const
  const hosts = senders.map(([ip, domain]) => system.stranger(ip, domainAt(domain, ip)))
  for (const [n, [, domain]] of senders.entries()) {
    const letter = { from: `x@${domain}`, to: 'bob@recipient.test', text, helo: `mail.${domain}` }
    assert.match((await system.send(hosts[n]!, 'recipient', 'smtp', letter))[0]!, /^250/)
  }
  await system.untilNight(6 * 60 * MINUTE_MS)
  assert.deepEqual(rowsOf(aggregates(system, 'sender')[0]!), [
    '1 none dkim=fail spf=fail 127.0.66.1 local_policy',
    '1 none dkim=fail spf=fail 127.0.67.1 trusted_forwarder',
  ])
})

test('mail forged in our own name is reported to ourselves, once a day, without going through the Border', async () => {
  const system = await TestSystem.start(REPORTING)
  const forger = system.stranger('127.0.66.1', domainAt('forger.test', '127.0.66.1'))
  const text = 'From: bob@recipient.test\nTo: bob@recipient.test\nSubject: you\n\nIt is me, you.\n'
  await system.send(forger, 'recipient', 'smtp', { from: 'x@forger.test', to: 'bob@recipient.test', text })
  for (let day = 0; day < 3; day++) await system.untilNight(6 * 60 * MINUTE_MS)
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
  await system.untilNight(6 * 60 * MINUTE_MS)
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
  await system.untilNight(6 * 60 * MINUTE_MS)
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
