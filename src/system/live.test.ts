import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Live, type LiveHop } from './live.ts'
import { domainAt, TestSystem } from './testing.ts'

const demoText = readFileSync(new URL('./demo.borderpost', import.meta.url), 'utf8')

async function watched() {
  const world = await TestSystem.start(demoText)
  const agents = [...world.system.agents.values()]
  const live = new Live({ plan: world.system.plan, agents, moved: [], stop: async () => {} })
  const hops: LiveHop[] = []
  const unwatch = live.watch((hop) => hops.push(hop))
  return { world, live, hops, unwatch }
}

const event = {
  atMs: 0,
  trace: 't',
  role: 'MSA',
  kind: 'refused',
  messageId: '',
  reversePath: '',
  forwardPath: '',
  text: '',
  detail: {},
} as const

/** A block of the drawing, by the text in it. */
const named = (live: Live, id: string) => live.picture().blocks.find((block) => block.id === id)!

test('a message moves along the arrows of the drawing, from its Author to its Recipient', async () => {
  const { world, live, hops } = await watched()
  await world.submit('bob@recipient.test')
  await world.quiet()
  const { model } = world.system.plan
  const actorOf = (id: string) => model.blocks.find((block) => block.id === id)!.actor
  assert.deepEqual(
    hops.map(({ role, kind, from, to }) => `${role} ${kind}: ${actorOf(from)} > ${actorOf(to)}`),
    ['MSA accepted: anna > sender', 'MDA delivered: recipient > bob', 'Transmitter transmitted: sender > recipient'],
  )
  for (const hop of hops) assert.ok(named(live, hop.from) && named(live, hop.to))
  assert.deepEqual(live.recent(), hops)
})

test('a forwarded message passes the Forwarder, and a refusal stays where it happened', async () => {
  const { world, hops } = await watched()
  await world.submit('dora@old.test')
  await world.quiet()
  const { model } = world.system.plan
  const actorOf = (id: string) => model.blocks.find((block) => block.id === id)!.actor
  const moves = hops.map(({ kind, from, to }) => `${kind}: ${actorOf(from)} > ${actorOf(to)}`)
  assert.ok(moves.includes('transmitted: sender > old'), moves.join('\n'))
  assert.ok(moves.includes('forwarded: old > old'))
  assert.ok(moves.includes('transmitted: old > recipient'))
  hops.length = 0
  const stranger = world.stranger('192.0.2.66')
  await world.send(stranger, 'recipient', 'smtp', { from: 'anna@sender.test', to: 'bob@recipient.test' })
  await world.simulation.runFor(1000)
  assert.deepEqual(
    hops.map(({ kind, from, to }) => `${kind}: ${actorOf(from)} > ${actorOf(to)}`),
    ['refused: recipient > recipient'],
  )
})

test('queue lengths stand on the blocks that have a queue', async () => {
  const { world, live } = await watched()
  assert.deepEqual(Object.values(live.queues()), [0, 0, 0])
  const ip = '127.0.50.1'
  world.stranger(ip, domainAt('silent.test', ip))
  await world.submit(['a@silent.test', 'b@silent.test'])
  const queued = Object.entries(live.queues()).filter(([, length]) => length > 0)
  assert.equal(queued.length, 1)
  assert.equal(queued[0]![1], 2)
  assert.ok(named(live, queued[0]![0])!.roles.includes('Transmitter'))
})

test('only the last hops are kept, and who stopped watching hears nothing', async () => {
  const { world, live, hops, unwatch } = await watched()
  const { store } = world.agent('sender')
  unwatch()
  for (let n = 0; n < 3; n++)
    await world.run(store.commit(Array.from({ length: 200 }, () => ({ kind: 'event.add', event }) as const)))
  assert.equal(live.recent().length, 500)
  assert.deepEqual(hops, [])
  live.stop()
  await world.run(store.commit([{ kind: 'event.add', event: { ...event, trace: 'unseen' } }]))
  assert.ok(!live.recent().some(({ trace }) => trace === 'unseen'))
})

test('hops of a time in which the store could not be read are shown once it can', async () => {
  const { world, hops } = await watched()
  const { disk } = world.system.hostOf('sender')
  // Of the events, or of the queue.
  for (const after of [0, 1]) {
    disk.fault({ operation: 'read', code: 'failed', path: 'store/store.db', times: Number.POSITIVE_INFINITY, after })
    await world.run(world.agent('sender').store.commit([{ kind: 'event.add', event }]))
    await world.passTime(500)
    assert.equal(hops.length, after)
    disk.repair()
    await world.passTime(20_000)
    assert.equal(hops.length, after + 1)
  }
  assert.ok(world.complaints.some((one) => one.startsWith('sender: what the live page shows cannot be read now')))
})
