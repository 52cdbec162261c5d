import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testWorld } from '../world/testing.ts'
import { MAX_COPIES, Replays } from './replay.ts'

const HOUR_MS = 3_600_000

test('copies are counted for each signature, and drain away within a day', async () => {
  const { world, run } = testWorld()
  const replays = new Replays(world.clock)
  assert.equal(replays.copies(['a.test x']), 0)
  replays.count(['a.test x', 'b.test y'], 500)
  replays.count(['a.test x'], 500)
  assert.equal(replays.copies(['a.test x']), MAX_COPIES)
  assert.equal(replays.copies(['b.test y']), 500)
  assert.equal(replays.copies(['b.test y', 'a.test x', 'c.test z']), MAX_COPIES)
  await run(world.clock.sleep(6 * HOUR_MS))
  assert.ok(Math.abs(replays.copies(['a.test x']) - 0.75 * MAX_COPIES) < 1)
  await run(world.clock.sleep(19 * HOUR_MS))
  assert.equal(replays.copies(['a.test x']), 0)
  replays.count(['a.test x'], 1)
  assert.equal(replays.copies(['a.test x']), 1)
})
