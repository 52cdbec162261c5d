// Two systems with scripts that answer or redirect to each other, in the simulated world: it ends, and nothing is lost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'

async function withScripts(anna: string, bob: string) {
  const world = await TestSystem.start(TWO_AGENTS)
  for (const [id, address, script] of [
    ['sender', ANNA, anna],
    ['recipient', BOB, bob],
  ] as const) {
    const { store } = world.agent(id)
    const account = store.accountByAddress(address)!.id
    await world.run(
      (async () => {
        const blob = await store.putBlob([Buffer.from(script)])
        const atMost = { scripts: 1, bytes: 10_000 }
        const results = await store.commit([
          { kind: 'script.put', account, name: 'main', blob, atMost },
          { kind: 'script.activate', account, id: { from: 0 } },
        ])
        assert.ok(results.every(({ ok }) => ok))
      })(),
    )
  }
  return world
}

const subjects = async (world: TestSystem, id: string, address: string) =>
  (await world.mail(id, address)).map(({ text }) => /^Subject: (.*)\r$/m.exec(text)![1])

test('two who are away answer each other once', async () => {
  const away = 'require "vacation"; vacation "I am away.";'
  const world = await withScripts(away, away)
  await world.submit(BOB)
  await world.quiet()
  assert.deepEqual(await subjects(world, 'recipient', BOB), ['hello'])
  assert.deepEqual(await subjects(world, 'sender', ANNA), ['Auto: hello'])
  await world.submit(BOB)
  await world.quiet()
  assert.deepEqual(await subjects(world, 'sender', ANNA), ['Auto: hello'])
})

test('two who redirect to each other: the message stays where it was before', async () => {
  const world = await withScripts(`redirect "${BOB}";`, `redirect "${ANNA}";`)
  await world.submit(BOB)
  await world.quiet()
  const kept = [...(await subjects(world, 'recipient', BOB)), ...(await subjects(world, 'sender', ANNA))]
  assert.equal(kept.filter((subject) => subject === 'hello').length, 1)
  assert.equal(kept.filter((subject) => subject === 'Your Sieve script needs a look').length, 1)
})

test('two who notify each other: a notification is notified to nobody', async () => {
  const world = await withScripts(
    `require "enotify"; notify "mailto:${BOB}";`,
    `require "enotify"; notify "mailto:${ANNA}";`,
  )
  await world.submit(BOB)
  await world.quiet()
  assert.deepEqual(await subjects(world, 'recipient', BOB), ['hello'])
  assert.deepEqual(await subjects(world, 'sender', ANNA), ['Notification: hello'])
})

test('what a rejection makes of it comes back to its sender once', async () => {
  const reject = 'require "reject"; reject "no";'
  const world = await withScripts(reject, reject)
  await world.submit(BOB)
  await world.quiet()
  assert.deepEqual(await subjects(world, 'recipient', BOB), [])
  assert.equal((await subjects(world, 'sender', ANNA)).length, 1)
})

const bounces = async (world: TestSystem, id: string, address: string) =>
  (await subjects(world, id, address)).filter((subject) => subject === 'Your message could not be delivered').length

test('a bounce of our own goes where the script of its Author says', async () => {
  const world = await withScripts(
    'require ["fileinto","mailbox","envelope"]; if envelope "from" "" { fileinto :create "Bounces"; }',
    'keep;',
  )
  await world.submit('nobody@recipient.test')
  await world.quiet()
  const { store } = world.agent('sender')
  const account = store.accountByAddress(ANNA)!.id
  const counts = ['INBOX', 'Bounces'].map((path) => store.mailboxByPath(account, path)?.total)
  assert.deepEqual(counts, [0, 1])
})

test('a bounce that its Author rejects, and one that he redirects to nobody, end in an inbox', async () => {
  for (const [script, annas, postmasters] of [
    ['require "reject"; reject "No bad news.";', 1, 0],
    ['redirect "nobody@recipient.test";', 0, 1],
  ] as const) {
    const world = await withScripts(script, 'keep;')
    await world.submit('nobody@recipient.test')
    await world.quiet()
    assert.equal(await bounces(world, 'sender', ANNA), annas, script)
    assert.equal(await bounces(world, 'sender', 'postmaster@sender.test'), postmasters, script)
  }
})
