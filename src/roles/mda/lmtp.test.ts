// LMTP to the MDA, in the simulated world: who may, and a reply for each recipient.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const RELAY = '192.0.2.40'
const DESCRIPTION = `${TWO_AGENTS}
carl: address=carl@recipient.test, name=Carl, password=demo

Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@carl
recipient: lmtp=${RELAY}/32
`

/** Says lines to the LMTP door; what was replied, line by line. */
async function say(world: TestSystem, ip: string, lines: readonly string[]): Promise<string[]> {
  const host = world.stranger(ip)
  return world.run(
    (async () => {
      const stream = await host.world.network.connect(world.system.agent('recipient').endpoint('lmtp')!, {
        timeoutMs: 5_000,
      })
      await stream.write(Buffer.from(lines.map((line) => `${line}\r\n`).join('')))
      let heard = ''
      for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read())
        heard += Buffer.from(chunk).toString()
      return heard.split('\r\n').filter((line) => !/^250-/.test(line) && line !== '')
    })(),
  )
}

const MAIL = ['From: a@x.test', 'To: b@y.test', 'Subject: by LMTP', '', 'Hello', '.']

test('a reply for each recipient, in their order, and none for the message', async () => {
  const world = await TestSystem.start(DESCRIPTION)
  const { store } = world.agent('recipient')
  const carl = store.accountByAddress('carl@recipient.test')!.id
  const script = 'require "reject"; reject "not for me";'
  await world.run(
    (async () => {
      const blob = await store.putBlob([Buffer.from(script)])
      const atMost = { scripts: 1, bytes: 1000 }
      await store.commit([
        { kind: 'script.put', account: carl, name: 'x', blob, atMost },
        { kind: 'script.activate', account: carl, id: { from: 0 } },
      ])
    })(),
  )
  const replies = await say(world, RELAY, [
    'LHLO relay.test',
    'MAIL FROM:<a@x.test>',
    'RCPT TO:<bob@recipient.test>',
    'RCPT TO:<nobody@recipient.test>',
    'RCPT TO:<carl@recipient.test>',
    'RCPT TO:<bob+more@recipient.test>',
    'DATA',
    ...MAIL,
    'QUIT',
  ])
  assert.deepEqual(
    replies.map((line) => line.slice(0, 9).trim()),
    [
      '220 mail.',
      '250 START',
      '250 2.1.0',
      '250 2.1.5',
      '550 5.1.1',
      '250 2.1.5',
      '250 2.1.5',
      '354 send',
      '250 2.0.0',
      '550 5.7.1',
      '250 2.0.0',
      '221 2.0.0',
    ],
  )
  assert.match(replies[0]!, / LMTP /)
  const [mail, ...others] = await world.mail('recipient', 'bob@recipient.test')
  assert.equal(others.length, 0)
  assert.match(mail!.text, /^Return-Path: <a@x\.test>\r\nReceived: from relay\.test/)
  assert.match(mail!.text.replaceAll(/\r\n[ \t]+/g, ' '), /with LMTP id/)
  assert.equal((await world.mail('recipient', 'carl@recipient.test')).length, 0)
})

test('SMTP is not spoken there, LMTP not elsewhere, and without recipients there is no message', async () => {
  const world = await TestSystem.start(DESCRIPTION)
  const codes = async (lines: string[]) => (await say(world, RELAY, lines)).map((line) => line.slice(0, 3))
  assert.deepEqual(await codes(['EHLO a.test', 'HELO a.test', 'LHLO a.test', 'MAIL FROM:<>', 'DATA', 'QUIT']), [
    '220',
    '500',
    '500',
    '250',
    '250',
    '503',
    '221',
  ])
  const smtp = world.stranger('192.0.2.41')
  const stream = await world.run(
    smtp.world.network.connect(world.system.agent('recipient').endpoint('smtp')!, { timeoutMs: 5_000 }),
  )
  await world.run(stream.write(Buffer.from('LHLO a.test\r\nQUIT\r\n')))
  let heard = ''
  for (let chunk = await world.run(stream.read()); chunk !== null; chunk = await world.run(stream.read()))
    heard += Buffer.from(chunk).toString()
  assert.match(heard, /^220 .*\r\n500 /)
})

test('only those whom the description names may hand mail over; without names there is no door', async () => {
  const world = await TestSystem.start(DESCRIPTION)
  assert.match(
    (await say(world, '192.0.2.99', ['LHLO a.test']))[0]!,
    /^554 5\.7\.1 192\.0\.2\.99 may not hand mail over/,
  )
  const closed = await TestSystem.start(TWO_AGENTS)
  assert.equal(closed.system.agent('recipient').endpoint('lmtp'), undefined)
})

test('a defect of the message is told for each recipient', async () => {
  const world = await TestSystem.start(`${DESCRIPTION}recipient: max-size=1K`)
  const big = ['From: a@x.test', '', ...Array.from({ length: 40 }, () => 'x'.repeat(60)), '.']
  const replies = await say(world, RELAY, [
    'LHLO relay.test',
    'MAIL FROM:<a@x.test>',
    'RCPT TO:<bob@recipient.test>',
    'RCPT TO:<carl@recipient.test>',
    'DATA',
    ...big,
    'QUIT',
  ])
  assert.deepEqual(
    replies.slice(-3).map((line) => line.slice(0, 3)),
    ['552', '552', '221'],
  )
})
