// Forwarding across two Borders, bounces that find their way back, and loops that end: judged by mailauth, which nobody
// here wrote, with a resolver that asks the demo's own DNS.

import assert from 'node:assert/strict'
import { promises as dns } from 'node:dns'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { authenticate } from 'mailauth'
import { DEMO_TEXT, type Demo, type DemoPerson, endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap } from './mailbox.ts'
import { Smtp } from './smtp.ts'

/** The demo, with forwards that lead nowhere and round in a circle. */
const FORWARD = 'forward="dora@old.test -> dora@recipient.test"'
const MORE_FORWARDS = `${FORWARD},
           forward="gone@old.test -> nobody@recipient.test",
           forward="self@old.test -> self@old.test",
           forward="round@old.test -> round@older.test"

MSA/Transmitter@sender --> / --> Receiver/Forwarder@older ~~> MDA@recipient ==> Recipient@dora

older: domain=older.test, ip=127.0.40.1, forward="round@older.test -> round@old.test"

# The demo's first letters have met these addresses before.
sender: suppress=no`

let demo: Demo
let anna: DemoPerson
before(async () => {
  const file = join(temporaryFolder(), 'more.borderpost')
  assert.ok(DEMO_TEXT.includes(FORWARD))
  writeFileSync(file, DEMO_TEXT.replace(FORWARD, MORE_FORWARDS))
  demo = await startDemo({ file })
  anna = demo.person('anna')
})
after(endDemos)

let count = 0
const letter = (to: string, about: string): { subject: string; source: Buffer } => {
  const subject = `${about} ${++count}`
  const text = `From: Anna <${anna.address}>\r\nTo: ${to}\r\nSubject: ${subject}\r\nMessage-ID: <${count}.e2e@sender.test>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0100\r\n\r\nDear reader,\r\n\r\nhello.\r\n`
  return { subject, source: Buffer.from(text) }
}

async function submit(to: string, source: Buffer): Promise<void> {
  const smtp = await Smtp.signedIn(anna)
  const reply = await smtp.send(anna.address, [to], source)
  assert.equal(reply.code, 250, reply.text)
  await smtp.quit()
}

/** What a stranger's Transmitter hears from an agent's Receiver. */
async function fromStranger(agent: string, from: string, to: string, source: string): Promise<string> {
  const { smtp } = await Smtp.open(demo.receiver(agent))
  await smtp.expect(250, 'EHLO stranger.test')
  const reply = await smtp.send(from, [to], Buffer.from(source))
  await smtp.quit()
  return reply.text
}

/** The one message that holds this text, as soon as it has come. */
function arrived(person: DemoPerson, text: string): Promise<string> {
  return until(`"${text}" for ${person.address}`, async () => {
    const found = (await byImap(person)).map((source) => source.toString('latin1')).filter((one) => one.includes(text))
    assert.ok(found.length <= 1, 'once')
    return found[0]
  })
}

/** mailauth's opinion of a message that the Forwarder's Transmitter brought. */
function secondOpinion(source: string, reversePath: string) {
  const resolver = new dns.Resolver({ timeout: 2000, tries: 2 })
  resolver.setServers([`${demo.ready.dns.host}:${demo.ready.dns.port}`])
  return authenticate(Buffer.from(source, 'latin1'), {
    ip: '127.0.30.1',
    helo: 'mail.old.test',
    sender: reversePath,
    mta: 'mail.recipient.test',
    trustReceived: false,
    resolver: (name, type) => resolver.resolve(name, type) as never,
  })
}

/** mailauth gives false for what it did not check. */
const resultOf = (one: false | { status: { result: string } }) => (one === false ? 'not checked' : one.status.result)

const headerOf = (source: string) => source.slice(0, source.indexOf('\r\n\r\n') + 2).replace(/\r\n[ \t]+/g, ' ')

for (const [name, trusts] of [
  ['bob', true],
  ['dora', false],
] as const)
  test(`${name}@old.test is forwarded; ${name} ${trusts ? 'trusts' : 'does not trust'} the Forwarder`, async () => {
    const { subject, source } = letter(`${name}@old.test`, 'forwarded')
    await submit(`${name}@old.test`, source)
    const message = await arrived(demo.person(name), subject)
    assert.ok(message.endsWith(source.toString('latin1')), 'nothing altered')
    const header = headerOf(message)
    const reversePath = /^Return-Path: <(SRS0=[^=]+=[^=]+=sender\.test=anna@old\.test)>\r\n/.exec(header)?.[1]
    assert.ok(reversePath, header)
    assert.match(header, new RegExp(`\r\nDelivered-To: ${name}@old\\.test\r\n`))
    const results = /^Authentication-Results: mail\.recipient\.test;.*$/m.exec(header)![0]
    assert.match(results, /spf=pass smtp\.mailfrom=SRS0=[^ ;]+@old\.test/)
    assert.match(results, /dkim=pass [^;]*header\.d=sender\.test/)
    assert.match(results, /dmarc=pass [^;]*header\.from=sender\.test/)
    assert.match(results, /arc=pass [^;]*header\.d=old\.test/)
    assert.equal(header.match(/^Authentication-Results: mail\.recipient\.test;/gm)!.length, 1)
    for (const field of ['ARC-Seal', 'ARC-Message-Signature', 'ARC-Authentication-Results'])
      assert.equal(header.match(new RegExp(`^${field}: .*i=1;`, 'gm'))?.length, 1, field)

    const opinion = await secondOpinion(message, reversePath)
    assert.deepEqual([opinion.arc, opinion.spf, opinion.dmarc].map(resultOf), ['pass', 'pass', 'pass'])
    assert.deepEqual(
      opinion.dkim.results.map(({ status, signingDomain }) => [signingDomain, status.result]),
      [
        ['sender.test', 'pass'],
        ['sender.test', 'pass'],
      ],
    )
  })

test('mailauth sees a body that was changed after sealing', async () => {
  const { subject, source } = letter('bob@old.test', 'tampered')
  await submit('bob@old.test', source)
  const message = await arrived(demo.person('bob'), subject)
  const opinion = await secondOpinion(message.replace('hello.', 'hallo.'), 'x@old.test')
  assert.equal(resultOf(opinion.arc), 'fail')
})

test('an address that the remote refuses: the Author gets a report (RFC 3464)', async () => {
  const { subject, source } = letter('nobody@recipient.test', 'undeliverable')
  await submit('nobody@recipient.test', source)
  const report = await arrived(anna, subject)
  assert.match(report, /^Return-Path: <>\r\n/)
  const header = headerOf(report)
  assert.match(header, /^Content-Type: multipart\/report; .*report-type="?delivery-status"?/m)
  assert.match(header, /^Auto-Submitted: auto-replied/m)
  assert.match(header, /^To: .*anna@sender\.test/m)
  assert.match(report, /\r\nReporting-MTA: dns; ?mail\.sender\.test\r\n/)
  assert.match(report, /\r\nFinal-Recipient: rfc822; ?nobody@recipient\.test\r\n/)
  assert.match(report, /\r\nAction: failed\r\nStatus: 5\.1\.1\r\n/)
  assert.match(report, /\r\nRemote-MTA: dns; ?mail\.recipient\.test\r\n/)
  assert.match(report, /\r\nDiagnostic-Code: smtp; ?550 5\.1\.1 /)
  assert.ok(report.includes(source.toString('latin1')), 'with what was sent')
})

test('what the target of a forward refuses is refused at the Border, and the Author gets one report', async () => {
  const { subject, source } = letter('gone@old.test', 'forwarded into nothing')
  await submit('gone@old.test', source)
  const report = await arrived(anna, subject)
  assert.match(report, /^Return-Path: <>\r\n/)
  assert.match(report, /\r\nReporting-MTA: dns; ?mail\.sender\.test\r\n/)
  assert.match(report, /\r\nFinal-Recipient: rfc822; ?gone@old\.test\r\n/)
  assert.match(report, /\r\nStatus: 5\.1\.1\r\n/)
})

test('a bounce to an SRS address comes back to the Author; a forged one is refused', async () => {
  const { subject, source } = letter('bob@old.test', 'will bounce later')
  await submit('bob@old.test', source)
  const srs = /^Return-Path: <([^>]+)>/.exec(await arrived(demo.person('bob'), subject))![1]!
  const bounce = 'From: MAILER-DAEMON@else.test\r\nSubject: late bounce\r\n\r\nSorry.\r\n'
  assert.match(await fromStranger('old', '', srs, bounce), /^250 /)
  assert.match(await arrived(anna, 'Subject: late bounce\r\n'), /\r\n\r\nSorry\.\r\n$/)
  const forged = srs.replace(/^SRS0=./, (start) => `SRS0=${start.endsWith('A') ? 'B' : 'A'}`)
  assert.match(await fromStranger('old', '', forged, bounce), /^550 5\.1\.1 /)
  assert.match(await fromStranger('old', '', srs.replace('anna', 'boss'), bounce), /^550 5\.1\.1 /)
})

test('loops end: Delivered-To, a hundred hops, and two Forwarders that pass a message to each other', async () => {
  const body = 'From: a@else.test\r\nSubject: loop\r\n\r\nRound.\r\n'
  assert.match(
    await fromStranger('old', 'a@else.test', 'bob@old.test', `Delivered-To: Bob@old.test\r\n${body}`),
    /^554 5\.4\.6 /,
  )
  const hops = 'Received: from a.test by b.test; Mon, 23 Nov 2026 12:00:00 +0100\r\n'.repeat(101)
  assert.match(await fromStranger('recipient', 'a@else.test', 'bob@recipient.test', hops + body), /^554 5\.4\.6 /)
  assert.match(await fromStranger('old', 'a@else.test', 'self@old.test', body), /^550 5\.1\.1 /)
  const { subject, source } = letter('round@old.test', 'round and round')
  await submit('round@old.test', source)
  const report = await arrived(anna, subject)
  assert.match(report, /\r\nReporting-MTA: dns; ?mail\.sender\.test\r\n/)
  assert.match(report, /\r\nFinal-Recipient: rfc822; ?round@old\.test\r\n/)
  assert.match(report, /\r\nStatus: 5\.4\.6\r\n/)
})

test('forged mail is refused at the Border', async () => {
  const forged = `From: Anna <${anna.address}>\r\nSubject: forged\r\n\r\nSend money.\r\n`
  assert.match(await fromStranger('recipient', anna.address, 'bob@recipient.test', forged), /^550 5\.7\.26 /)
  assert.match(await fromStranger('recipient', 'me@else.test', 'bob@recipient.test', forged), /^550 5\.7\.26 /)
  assert.match(await fromStranger('old', anna.address, 'bob@old.test', forged), /^550 5\.7\.26 /)
})
