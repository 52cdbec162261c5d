import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FeatureSet } from './feature-set.ts'
import { addReceived, shapeOf } from './received-look.ts'

function wordsOf(line: string, hop = 0): Int32Array {
  const words = new FeatureSet(2_048)
  addReceived(line, hop, words)
  return words.toArray()
}

const shared = (a: Int32Array, b: Int32Array): number => {
  const known = new Set(a)
  return b.filter((hash) => known.has(hash)).length
}

const LINE =
  'from mail.shop.test (mail.shop.test [192.0.2.10]) by mx.here.test with ESMTPS id 4bcd7; Mon, 23 Nov 2026 10:00:00 +0100'

test('ids and dates make no difference, the zone does', () => {
  assert.deepEqual(wordsOf(LINE.replace('4bcd7', 'X-999-Z')), wordsOf(LINE))
  assert.deepEqual(wordsOf(LINE.replace('Mon, 23 Nov 2026 10:00:00', 'Tue, 1 Dec 2026 09:31:12')), wordsOf(LINE))
  assert.notDeepEqual(wordsOf(LINE.replace('+0100', '-0500')), wordsOf(LINE))
})

test('neighbours in a network and in a domain look alike, strangers do not', () => {
  const near = shared(wordsOf(LINE), wordsOf(LINE.replaceAll('mail.shop', 'news.shop').replace('2.10', '2.77')))
  const far = shared(
    wordsOf(LINE),
    wordsOf(LINE.replaceAll('mail.shop.test', 'dsl-1.pool.example').replace('192.0.2', '203.7.1')),
  )
  assert.ok(near > far + 5, `${near} ${far}`)
})

test('a form is without content', () => {
  assert.equal(shapeOf('<9a63C01c@x.test>  (ABC)', 100), '<0a0A0a@a.a> (A)')
  assert.equal(shapeOf('abcdef', 3), 'a')
})

test('hostile lines are read in no time and make few words', () => {
  for (const text of [
    'from '.repeat(50_000),
    '('.repeat(200_000),
    '1.1.1.'.repeat(50_000),
    `from ${'a.'.repeat(100_000)}`,
  ])
    assert.ok(wordsOf(text).length <= 2_048)
})
