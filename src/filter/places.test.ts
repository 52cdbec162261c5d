import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../world/testing.ts'
import type { Clock } from '../world/world.ts'
import { Places } from './places.ts'

const limits = { perAddress: 4, perNetwork: 6, inAll: 10 }

function room(
  change: Partial<typeof limits> = {},
  clock: Pick<Clock, 'monotonic' | 'sleep'> = testWorld().world.clock,
) {
  const places = new Places<object>({ ...limits, ...change }, clock)
  const dropped: string[] = []
  const enter = (ip: string, waitedMs = 0, { isKnown = false, messages = 0 } = {}) => {
    const key = {}
    const control = { waitedMs, messages, drop: () => dropped.push(`${ip} ${waitedMs}`) }
    return { key, entry: places.enter(key, { ip, isKnown, control }) }
  }
  return { places, dropped, enter }
}

test('limits per address and per network; who is known has neither', () => {
  const { enter, places } = room({ inAll: 100 })
  const four = [1, 2, 3, 4].map(() => enter('192.0.2.1'))
  assert.deepEqual(new Set(four.map(({ entry }) => entry)), new Set(['ok']))
  assert.equal(enter('192.0.2.1').entry, 'per-address')
  assert.equal(enter('192.0.2.2').entry, 'ok')
  assert.equal(enter('192.0.2.3').entry, 'ok')
  assert.equal(enter('192.0.2.4').entry, 'per-network')
  assert.equal(enter('192.0.2.1', 0, { isKnown: true }).entry, 'ok')
  assert.equal(enter('192.0.3.1').entry, 'ok')
  places.leave(four[0]!.key)
  places.leave(four[0]!.key)
  places.leave(four[1]!.key)
  assert.equal(places.open, 6)
  assert.equal(enter('192.0.2.1').entry, 'ok')
})

test('as places run short one address gets fewer of them', () => {
  const { enter } = room()
  for (let i = 0; i < 9; i++) assert.equal(enter(`10.0.${i}.1`).entry, 'ok')
  assert.equal(enter('10.0.0.1').entry, 'ok')
  assert.equal(enter('10.0.0.1').entry, 'per-address')
})

test('when all are taken, the longest silent of the largest crowd gives way, and nobody else', () => {
  const { enter, dropped, places } = room()
  for (const [ip, waitedMs] of [
    ['10.0.1.1', 20_000],
    ['10.0.1.2', 15_000],
    ['10.0.1.3', 15_000],
    ['10.0.2.1', 30_000],
    ['10.0.3.1', 500],
    ['10.0.4.1', 900],
  ] as const)
    enter(ip, waitedMs)
  enter('10.0.5.1', 600_000, { isKnown: true })
  enter('10.0.6.1', 100_000, { messages: 3 })
  enter('10.0.7.1', 0)
  enter('10.0.8.1', 0)
  assert.equal(places.open, 10)
  for (let i = 1; i <= 5; i++) assert.equal(enter(`10.1.${i}.1`).entry, 'ok')
  assert.deepEqual(dropped, ['10.0.1.1 20000', '10.0.1.2 15000', '10.0.2.1 30000', '10.0.1.3 15000', '10.0.6.1 100000'])
  assert.equal(enter('10.1.9.1').entry, 'in-all')
  assert.equal(places.open, 10)
})

test('a newcomer waits a little for a place, and is sent away only then', async () => {
  const { world, run } = testWorld()
  const { places, enter } = room({ inAll: 2 }, world.clock)
  const first = enter('10.0.1.1')
  enter('10.0.2.1')
  const newcomer = (ip: string) => {
    const control = { waitedMs: 0, messages: 0, drop: () => {} }
    return places.admit({}, { ip, isKnown: false, control })
  }
  world.clock.after(1000, () => places.leave(first.key))
  const entries = await run(() => Promise.all([newcomer('10.0.3.1'), newcomer('10.0.4.1'), newcomer('10.0.5.1')]))
  assert.deepEqual(entries, ['ok', 'in-all', 'in-all'])
  assert.equal(world.clock.monotonic() < 4000, true)
})

test('who gave way gets nobody else’s place by coming again, but a free one', async () => {
  const { world, run } = testWorld()
  const { places, enter, dropped } = room({ inAll: 2 }, world.clock)
  enter('10.0.1.1', 5000)
  const second = enter('10.0.2.1', 4000)
  assert.equal(enter('10.0.3.1').entry, 'ok')
  assert.deepEqual(dropped, ['10.0.1.1 5000'])
  assert.equal(enter('10.0.1.1').entry, 'in-all')
  assert.equal(places.open, 2)
  places.leave(second.key)
  const again = enter('10.0.1.1')
  assert.equal(again.entry, 'ok')
  places.leave(again.key)
  enter('10.0.5.1', 3000)
  assert.equal(enter('10.0.1.1').entry, 'in-all')
  await run(world.clock.sleep(60_001))
  assert.equal(enter('10.0.1.1').entry, 'ok')
})
