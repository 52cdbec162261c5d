import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dayOf, endOfDay, startOfDay } from './days.ts'
import { mistakesIn, offsetOf } from './mistakes.ts'

test('days become moments and days again, whatever the clock does in the night', () => {
  for (const day of ['2026-12-24', '2026-03-29', '2026-10-25', '2027-02-28', '2026-12-31']) {
    assert.equal(dayOf(startOfDay(day), 0), day)
    assert.equal(dayOf(endOfDay(day), -1), day)
    assert.match(endOfDay(day), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.ok(startOfDay(day) < endOfDay(day))
  }
  assert.equal(dayOf(null, 0), '')
})

test('mistakes are read with their places, and a place is found in the text', () => {
  assert.deepEqual(mistakesIn('line 3, column 7: unknown command\nsomething else\n'), [
    { line: 1, column: 1, message: 'something else' },
    { line: 3, column: 7, message: 'unknown command' },
  ])
  const text = 'keep;\nif "ü€😀" x\n'
  assert.equal(text[offsetOf(text, 1, 1)], 'k')
  assert.equal(text[offsetOf(text, 2, 4)], '"')
  // As the server counts: 😀 is two.
  assert.equal(text[offsetOf(text, 2, 11)], 'x')
  assert.equal(offsetOf(text, 9, 9), text.length)
})
