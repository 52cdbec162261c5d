// Scanners at the Receiver, in the simulated world: a clamd and a milter that a test plays. What they find is said while
// the sender is still there, and what they fail to look at is not taken.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Packet, PacketReader, packet, uint32 } from '../../filter/milter/packets.ts'
import { domainAt, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import type { Stream } from '../../world/network.ts'

const BOB = 'bob@recipient.test'
const IP = '192.0.2.10'
const SCANNER = '192.0.2.30'
const letter = (body: string) => `From: gina@good.test\nTo: ${BOB}\nSubject: hello\n\n${body}\n`

async function start(lines: string, play: ((stream: Stream) => Promise<void>) | undefined) {
  const world = await TestSystem.start(`${TWO_AGENTS}\n${lines}`)
  const good = world.stranger(IP, domainAt('good.test', IP))
  const scanner = world.stranger(SCANNER)
  if (play !== undefined)
    await world.run(scanner.world.network.listen({ address: SCANNER, port: 3310 }, (s) => void play(s).catch(() => {})))
  const send = (body: string, to: string | string[] = BOB) =>
    world.send(good, 'recipient', 'smtp', { from: 'gina@good.test', to, helo: 'mail.good.test', text: letter(body) })
  return { world, send }
}

/** Says what it found in what INSTREAM brings. */
const clamd = (find: (content: string) => string) => async (stream: Stream) => {
  let bytes = Buffer.alloc(0)
  while (!bytes.subarray(-4).equals(Buffer.alloc(4))) bytes = Buffer.concat([bytes, (await stream.read())!])
  await stream.write(Buffer.from(`${find(bytes.toString('latin1'))}\0`))
  stream.end()
}

/** Answers each command of the milter protocol; all others may go on. */
const milter = (answer: (told: Packet) => readonly Buffer[] | undefined) => async (stream: Stream) => {
  const reader = new PacketReader()
  for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
    reader.push(bytes)
    for (let told = reader.next(); told !== undefined; told = reader.next()) {
      if (told === 'malformed') return
      if (told.command === 'O') await stream.write(packet('O', uint32(6, 0x1ff, 0)))
      else if ('CHMRTLNBE'.includes(told.command))
        for (const one of answer(told) ?? [packet('c')]) await stream.write(one)
    }
  }
}
const text = (value: string) => Buffer.from(`${value}\0`)

describe('clamd', () => {
  const lines = `recipient: clamav=${SCANNER}:3310`

  test('malware is refused with its name, and nothing is kept; clean mail arrives', async () => {
    const find = (content: string) => (content.includes('EVIL') ? 'stream: Test.Evil FOUND' : 'stream: OK')
    const { world, send } = await start(lines, clamd(find))
    assert.match((await send('This is EVIL.'))[0]!, /^550 5\.7\.1 it carries malware \(Test\.Evil\)/)
    assert.match((await send('This is not.'))[0]!, /^250 /)
    assert.equal((await world.mail('recipient', BOB)).length, 1)
    assert.equal(world.events('recipient', 'refused').length, 1)
  })

  test('too large to be searched is refused for good, not taken unseen', async () => {
    const { world, send } = await start(
      lines,
      clamd(() => 'INSTREAM size limit exceeded. ERROR'),
    )
    assert.match((await send('x'))[0]!, /^552 5\.3\.4 /)
    assert.equal((await world.mail('recipient', BOB)).length, 0)
  })

  for (const [about, play] of [
    ['is not there', undefined],
    ['hangs up', async (stream: Stream) => stream.destroy()],
    ['never answers', async (stream: Stream) => void (await stream.read(600_000))],
    ['talks nonsense', clamd(() => 'what?')],
  ] as const)
    test(`a clamd that ${about}: 451, never silent acceptance`, async () => {
      const { world, send } = await start(lines, play)
      assert.match((await send('x'))[0]!, /^451 4\.7\.1 /)
      assert.equal((await world.mail('recipient', BOB)).length, 0)
      assert.ok(world.complaints.some((said) => said.includes('does not look at messages')))
    })

  test('what a trusted Forwarder passed on is not sent back to it: it goes into Junk, and says why', async () => {
    const { world, send } = await start(
      `${lines}\nbob: trusts=good.test`,
      clamd(() => 'stream: Test.Evil FOUND'),
    )
    assert.match((await send('x'))[0]!, /^250 /)
    const [mail] = await world.mail('recipient', BOB, 'junk')
    assert.equal(mail!.verdict!.reason, 'it carries malware (Test.Evil)')
  })
})

describe('milters', () => {
  const lines = `recipient: milter=${SCANNER}:3310`

  test('what it writes into the header is in the mailbox', async () => {
    const add = packet('h', Buffer.concat([text('X-Site'), text('seen')]))
    const { world, send } = await start(
      lines,
      milter(({ command }) => (command === 'E' ? [add, packet('a')] : undefined)),
    )
    assert.match((await send('x'))[0]!, /^250 /)
    const [mail] = await world.mail('recipient', BOB)
    assert.match(mail!.text, /\r\nX-Site: seen\r\n/)
  })

  test('its refusal is the reply, and so is its "later"', async () => {
    const says = (words: string) => milter(({ command }) => (command === 'E' ? [packet('y', text(words))] : undefined))
    const refusing = await start(lines, says('554 5.7.1 not on our watch'))
    assert.match((await refusing.send('x'))[0]!, /^554 5\.7\.1 not on our watch/)
    const later = await start(lines, says('451 4.7.1 come at noon'))
    assert.match((await later.send('x'))[0]!, /^451 4\.7\.1 come at noon/)
    for (const { world } of [refusing, later]) assert.equal((await world.mail('recipient', BOB)).length, 0)
  })

  test('quarantine is Junk, with its reason; discard is a refusal, because nothing is dropped', async () => {
    const aside = milter(({ command }) => (command === 'E' ? [packet('q', text('looks odd')), packet('a')] : undefined))
    const first = await start(lines, aside)
    assert.match((await first.send('x'))[0]!, /^250 /)
    assert.match((await first.world.mail('recipient', BOB, 'junk'))[0]!.verdict!.reason, /looks odd/)
    const second = await start(
      lines,
      milter(({ command }) => (command === 'E' ? [packet('d')] : undefined)),
    )
    assert.match((await second.send('x'))[0]!, /^550 /)
  })

  test('a milter that is not there: 451', async () => {
    const { world, send } = await start(lines, undefined)
    assert.match((await send('x'))[0]!, /^451 4\.7\.1 /)
    assert.equal((await world.mail('recipient', BOB)).length, 0)
  })
})
