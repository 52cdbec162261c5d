import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../world/world.ts'
import { Concurrency, RateLimit } from './rate.ts'

test('a rate lets through its count at once, then as it drains, each key for itself', () => {
  let nowMs = 0
  const clock = { monotonic: () => nowMs } as Clock
  const rate = new RateLimit(clock, 3, 60_000)
  assert.deepEqual(
    [1, 2, 3, 4].map(() => rate.take('a')),
    [true, true, true, false],
  )
  assert.equal(rate.take('b'), true)
  nowMs = 19_000
  assert.equal(rate.take('a'), false)
  nowMs = 20_000
  assert.equal(rate.take('a'), true)
  assert.equal(rate.take('a'), false)
  rate.clear('a')
  assert.equal(rate.hasRoom('a'), true)
})

test('concurrency counts what is open, per key and in all', () => {
  const doors = new Concurrency(2, 3)
  assert.deepEqual(
    ['a', 'a', 'a', 'b', 'c'].map((key) => doors.enter(key)),
    ['ok', 'ok', 'per-key', 'ok', 'in-all'],
  )
  doors.leave('a')
  assert.equal(doors.enter('c'), 'ok')
  doors.leave('nobody')
  assert.equal(doors.enter('b'), 'in-all')
})
