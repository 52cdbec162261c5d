import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PastLesson, PastLessons } from './past-lessons.ts'

const lesson = (n: number, isSpam = true, words = 3): PastLesson => ({
  views: [Int32Array.from({ length: words }, (_, i) => (n * 7919 + i) * (i % 2 === 0 ? 1 : -1)), Int32Array.of(n)],
  isSpam,
  given: 0.5,
  strength: 1,
})

for (const bits of [15, 19]) {
  test(`with a table of ${bits} bits: a new lesson gives an older one, and the state comes back from its bytes`, () => {
    const past = new PastLessons(bits, 2)
    assert.equal(past.exchange(lesson(1)), undefined)
    assert.deepEqual(past.exchange(lesson(2))!.views[1], Int32Array.of(1))
    for (let n = 3; n < 200; n++) assert.ok(past.exchange(lesson(n)) !== undefined)
    const again = PastLessons.fromBytes(past.toBytes(), bits, 2)
    assert.ok(again)
    assert.deepEqual(again.toBytes(), past.toBytes())
    for (let n = 200; n < 300; n++) assert.deepEqual(again.exchange(lesson(n)), past.exchange(lesson(n)))
    assert.ok(past.toBytes().length < 64 * (9 + 2 * 2 + 4 * 4) + 10)
  })
}

test('who has changed their mind does not hear again what they said before', () => {
  const past = new PastLessons(15, 2)
  past.exchange(lesson(1, true))
  assert.equal(past.exchange(lesson(1, false)), undefined)
  for (let n = 2; n < 50; n++) {
    const again = past.exchange(lesson(n, false))
    assert.equal(again?.isSpam, false)
  }
})

test('a message of very many words is not kept', () => {
  const past = new PastLessons(15, 2)
  past.exchange(lesson(1, true, 5_000))
  assert.equal(past.exchange(lesson(2)), undefined)
})

test('bytes that are nothing like it give nothing, and nothing throws', () => {
  const past = new PastLessons(15, 2)
  for (let n = 0; n < 5; n++) past.exchange(lesson(n))
  const bytes = past.toBytes()
  for (let cut = 0; cut < bytes.length; cut++)
    assert.equal(PastLessons.fromBytes(bytes.subarray(0, cut), 15, 2), undefined)
  assert.equal(PastLessons.fromBytes(Buffer.concat([bytes, Buffer.from([0])]), 15, 2), undefined)
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 0xff
    PastLessons.fromBytes(changed, 15, 2)?.exchange(lesson(9))
  }
})
