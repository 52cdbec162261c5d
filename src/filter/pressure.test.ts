import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { patienceUnder, placesUnder, stressOf } from './pressure.ts'

const calm = { connections: 10, maxConnections: 1000, usedBytes: 0, limitBytes: 1000, lagMs: 5 }

test('a calm server has all its patience (RFC 5321 §4.5.3.2.7)', () => {
  assert.equal(stressOf(calm), 0)
  assert.deepEqual(patienceUnder(0), {
    commandMs: 300_000,
    dataBlockMs: 180_000,
    wholeMessageMs: 1_800_000,
    handshakeMs: 30_000,
  })
  assert.equal(placesUnder(0, 20), 20)
})

test('the scarcest of places, memory and time counts', () => {
  assert.equal(stressOf({ ...calm, connections: 1000 }), 1)
  assert.equal(stressOf({ ...calm, usedBytes: 990 }), 1)
  assert.equal(stressOf({ ...calm, lagMs: 5000 }), 1)
  const half = stressOf({ ...calm, connections: 725 })
  assert.ok(half > 0.49 && half < 0.51)
  assert.equal(stressOf({ ...calm, limitBytes: 0 }), 0)
})

test('more stress never means more patience or more places, and nobody is left without', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(share, share, fc.integer({ min: 1, max: 500 }), (a, b, places) => {
      const [less, more] = a < b ? [a, b] : [b, a]
      const [patient, hasty] = [patienceUnder(less), patienceUnder(more)]
      for (const key of ['commandMs', 'dataBlockMs', 'wholeMessageMs', 'handshakeMs'] as const) {
        assert.ok(hasty[key] <= patient[key] && hasty[key] >= 5000)
      }
      assert.ok(placesUnder(more, places) <= placesUnder(less, places) && placesUnder(more, places) >= 1)
    }),
  )
})
