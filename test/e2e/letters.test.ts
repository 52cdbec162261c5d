// Letters of unusual size and to unusual addresses, and those that only some of their recipients get.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { type Demo, type DemoPerson, endDemos, startDemo, until } from './demo.ts'
import { byImap, byJmap, byPop3 } from './mailbox.ts'
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

const letter = (subject: string, body = 'Hello.\r\n') =>
  Buffer.from(`From: ${anna.address}\r\nSubject: ${subject}\r\n\r\n${body}`)

function arrived(person: DemoPerson, text: string): Promise<Buffer> {
  return until(`"${text}" for ${person.address}`, async () => {
    const found = (await byImap(person)).filter((source) => source.includes(text))
    assert.ok(found.length <= 1, `${text} came ${found.length} times`)
    return found[0]
  })
}

const hash = (source: Buffer) => createHash('sha256').update(source).digest('hex')

test('twelve megabytes, a line of two megabytes, ten thousand header fields, and nothing at all', async () => {
  const lines = Array.from(
    { length: 150_000 },
    (_, i) => `${'.'.repeat(i % 3)}line ${i} ${'x'.repeat(i % 130)}\r\n`,
  ).join('')
  const sources = [
    letter('twelve megabytes', lines),
    letter('a long line', `${'y'.repeat(2_000_000)}\r\n`),
    Buffer.from(
      `From: ${anna.address}\r\nSubject: many fields\r\n${'X-Field: value\r\n'.repeat(10_000)}\r\nHello.\r\n`,
    ),
    letter('no body at all', ''),
    Buffer.from(`From: ${anna.address}\r\nSubject: only a header\r\n`),
  ]
  const smtp = await Smtp.signedIn(anna)
  for (const [i, source] of sources.entries()) {
    const reply = await smtp.send(anna.address, [bob.address], source, i % 2 === 0 ? 'DATA' : 'BDAT')
    assert.match(reply.text, /^250 /)
  }
  await smtp.quit()
  for (const source of sources) await arrived(bob, /Subject: (.*)/.exec(source.toString('latin1', 0, 100))![1]!)
  for (const read of [byImap, byPop3, byJmap]) {
    const found = await read(bob)
    for (const source of sources) {
      const ends = found.filter((one) => hash(one.subarray(Math.max(0, one.length - source.length))) === hash(source))
      assert.equal(ends.length, 1, `${read.name} ${source.toString('latin1', 0, 60)}`)
    }
  }
})

test('one recipient exists and another does not: the one gets it, the Author hears of the other', async () => {
  const smtp = await Smtp.signedIn(anna)
  const recipients = [bob.address, 'nobody@recipient.test', 'dora@recipient.test', 'no.one@nowhere.test']
  const source = letter('to several')
  assert.match((await smtp.send(anna.address, recipients, source)).text, /^250 /)
  await smtp.quit()
  for (const person of [bob, demo.person('dora')])
    assert.ok((await arrived(person, 'Subject: to several')).subarray(-source.length).equals(source))
  const reports = await until('both reports', async () => {
    const texts = (await byImap(anna)).map((one) => one.toString('latin1'))
    return texts.length >= 2 ? texts : undefined
  })
  const named = reports.flatMap((text) =>
    [...text.matchAll(/^Final-Recipient: rfc822; ?(.*)\r$/gm)].map(([, who]) => who),
  )
  assert.deepEqual(named.sort(), ['no.one@nowhere.test', 'nobody@recipient.test'])
  const nowhere = reports.find((text) => text.includes('no.one@nowhere.test\r\nAction'))
  assert.match(nowhere!, /\r\nStatus: 5\.1\.2\r\n/, 'bad destination system (RFC 3463 §3.2)')
})

test('every way to write an address that RFC 5321 has; others are refused with their code', async () => {
  const { smtp } = await Smtp.open(demo.receiver('recipient'))
  await smtp.expect(250, 'EHLO stranger.test')
  const answers: [command: string, expected: RegExp][] = [
    ['RCPT TO:<bob@recipient.test>', /^250 2\.1\.5 /],
    ['RCPT TO:<BOB@Recipient.TEST>', /^250 2\.1\.5 /],
    ['rcpt to:<bob@recipient.test>', /^250 2\.1\.5 /],
    ['RCPT TO:<"bob"@recipient.test>', /^250 2\.1\.5 /],
    ['RCPT TO:<@relay.test,@other.test:bob@recipient.test>', /^250 2\.1\.5 /],
    ['RCPT TO:<postmaster>', /^250 2\.1\.5 /],
    ['RCPT TO:<Postmaster@recipient.test>', /^250 2\.1\.5 /],
    ['RCPT TO:<>', /^501 /],
    ['RCPT TO:<bob>', /^501 /],
    ['RCPT TO:<bob@>', /^501 /],
    ['RCPT TO:<@recipient.test>', /^501 /],
    ['RCPT TO:<bob@@recipient.test>', /^501 /],
    ['RCPT TO:<bob.@recipient.test>', /^501 /],
    ['RCPT TO:<böb@recipient.test>', /^5(?:01|50|53) /],
    [`RCPT TO:<${'b'.repeat(65)}@recipient.test>`, /^5/],
    ['RCPT TO:<"bob\\@else.test"@recipient.test>', /^550 5\.1\.1 /],
    ['RCPT TO:<bob%else.test@recipient.test>', /^550 5\.1\.1 /],
    ['RCPT TO:<else.test!bob@recipient.test>', /^550 5\.1\.1 /],
    ['RCPT TO:<bob@else.test>', /^550 5\.7\.1 /],
    ['RCPT TO:<bob@sub.recipient.test>', /^550 5\.7\.1 /],
    ['RCPT TO:<bob@[127.0.0.1]>', /^5/],
  ]
  await smtp.expect(250, 'MAIL FROM:<stranger@else.test>')
  for (const [command, expected] of answers) assert.match((await smtp.say(command)).text, expected, command)
  await smtp.expect(354, 'DATA')
  smtp.write('From: stranger@else.test\r\nSubject: once only\r\n\r\nHello.\r\n')
  assert.match((await smtp.say('.')).text, /^250 /)
  await smtp.quit()
  // Five ways to write one Recipient are one Recipient.
  await arrived(bob, 'Subject: once only')
})

test('what cannot be delivered and has no reverse-path goes to none of the people', async () => {
  const smtp = await Smtp.signedIn(anna)
  const source = letter('from nobody to nobody')
  assert.match((await smtp.send('', ['nobody.at.all@recipient.test'], source)).text, /^250 /)
  await smtp.quit()
  await new Promise((resolve) => setTimeout(resolve, 1500))
  for (const person of demo.ready.people)
    assert.ok(!(await byImap(person)).some((one) => one.includes('from nobody to nobody')))
})
