import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FeatureSet } from './feature-set.ts'

test('a set keeps each hash once, stops at its bound, and is empty again after clear', () => {
  const set = new FeatureSet(3)
  for (const hash of [5, -7, 5, 0, -7, 9, 11]) set.add(hash)
  assert.deepEqual([...set.toArray()], [5, -7, 0])
  assert.equal(set.isFull, true)
  set.clear()
  assert.equal(set.isFull, false)
  set.add(9)
  assert.deepEqual([...set.toArray()], [9])
})
