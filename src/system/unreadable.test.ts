// A whole system whose stores cannot be read for hours (EIO): timers come due, people wait in open sessions, mail comes.
// No agent ends, the log says what is wrong, and everything goes on once the disks can be read.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { done } from '../store/testing.ts'
import type { Stream } from '../world/network.ts'
import { TestSystem } from './testing.ts'

const demoText = readFileSync(new URL('./demo.borderpost', import.meta.url), 'utf8')
const BOB = 'bob@recipient.test'
const UNREADABLE = {
  operation: 'read',
  code: 'failed',
  path: 'store/store.db',
  times: Number.POSITIVE_INFINITY,
} as const
const HOUR_MS = 3_600_000

/** What somebody hears who says these lines, one after another, and then waits. */
async function session(world: TestSystem, stream: Stream, lines: readonly string[]) {
  let heard = ''
  let isOver = false
  const listening = (async () => {
    for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read())
      heard += Buffer.from(bytes).toString('latin1')
  })()
  listening
    .catch(() => {})
    .finally(() => {
      isOver = true
    })
  for (const line of lines) {
    await world.passTime(2000)
    await world.run(stream.write(Buffer.from(`${line}\r\n`)))
  }
  await world.passTime(2000)
  return { heard: () => heard, isOver: () => isOver }
}

test('stores that cannot be read for hours end no agent, and mail goes on once they can', async () => {
  const world = await TestSystem.start(demoText)
  const recipient = world.system.agent('recipient')
  const { store } = recipient.agent
  const bob = store.accountByAddress(BOB)!.id
  const computer = world.stranger('127.0.66.9')
  const open = (service: 'imap' | 'pop3' | 'managesieve') =>
    world.run(computer.world.network.connect(recipient.endpoint(service)!, { timeoutMs: 5000 }))
  const idle = await session(world, await open('imap'), [`a LOGIN ${BOB} demo`, 'b SELECT INBOX', 'c IDLE'])
  assert.match(idle.heard(), /^\+ /m)
  const pop3 = await session(world, await open('pop3'), [`USER ${BOB}`, 'PASS demo'])
  assert.match(pop3.heard(), /^\+OK/m)
  await world.submit(BOB, 'Subject: before\n\nHello\n')
  await world.submit('nobody@recipient.test', 'Subject: a bounce to be\n\nHello\n')
  const agents = [...world.system.agents.keys()]
  for (const id of agents) world.system.hostOf(id).disk.fault(UNREADABLE)
  // People who wait hear that something is new, and it cannot be read.
  await world.run(done(store, { kind: 'mailbox.create', account: bob, path: 'New', nowMs: 1 }))
  await world.passTime(3 * HOUR_MS)
  assert.ok(idle.isOver())
  for (const id of agents) {
    assert.ok(
      world.complaints.some((one) => one.startsWith(`${id}: `) && one.includes('refused by the simulated disk')),
    )
    world.system.hostOf(id).disk.repair()
  }
  await world.passTime(HOUR_MS)
  await world.quiet()
  await world.submit(BOB, 'Subject: after\n\nHello\n')
  await world.quiet()
  const texts = (await world.mail('recipient', BOB)).map(({ text }) => /^Subject: (.*)$/m.exec(text)?.[1]?.trim())
  assert.deepEqual(texts, ['before', 'after'])
})
