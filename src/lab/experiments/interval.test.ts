import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../world/simulated/random.ts'
import { interval } from './interval.ts'

test('the interval of five values is that of the tables', () => {
  // Mean 10, standard deviation 1.5811, t of four degrees 2.776.
  const { mean, margin } = interval([8, 9, 10, 11, 12])
  assert.equal(mean, 10)
  assert.ok(Math.abs(margin! - (2.776 * 1.58114) / Math.sqrt(5)) < 0.001, String(margin))
  assert.deepEqual(interval([7]), { mean: 7, margin: undefined })
  assert.deepEqual(interval([3, 3, 3]), { mean: 3, margin: 0 })
  assert.throws(() => interval([]), /no runs/)
})

test('of a thousand intervals about 950 hold the true value', () => {
  const random = new SeededRandom(1, 'intervals')
  let held = 0
  for (let n = 0; n < 1000; n++) {
    const { mean, margin } = interval(
      Array.from({ length: 5 }, () => Array.from({ length: 12 }, () => random.float()).reduce((a, b) => a + b) - 6),
    )
    if (Math.abs(mean) <= margin!) held++
  }
  assert.ok(held > 925 && held < 975, String(held))
})
