import assert from 'node:assert/strict'
import { test } from 'node:test'
import { greetingPauseMs, tarpitMs } from './manners.ts'

const stranger = { isKnown: false, isSuspect: false }
const known = { isKnown: true, isSuspect: false }
const suspect = { isKnown: false, isSuspect: true }

test('who is known is greeted at once, a suspect last, and under stress nobody waits', () => {
  assert.deepEqual(
    [known, stranger, suspect].map((client) => greetingPauseMs(client, 1000, 0)),
    [0, 1000, 6000],
  )
  assert.equal(greetingPauseMs(suspect, 1000, 1), 0)
})

test('the first faults are free, then each pause is twice the last, up to a bound', () => {
  assert.deepEqual(
    [0, 1, 2, 2.8, 3, 4, 5, 6, 7, 8, 100].map((faults) => tarpitMs(faults, 1000, 0)),
    [0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000],
  )
  assert.equal(tarpitMs(50, 1000, 1), 0)
})
