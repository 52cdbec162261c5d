import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoundedMemory } from './memory.ts'

test('what was put is there until its time is over', () => {
  let now = 1000
  const memory = new BoundedMemory({ now: () => now })
  memory.put('a', 'x', 2000)
  assert.equal(memory.get('a'), 'x')
  now = 2000
  assert.equal(memory.get('a'), undefined)
})

test('the table is bounded: the longest unchanged goes first, and what is over goes by itself', () => {
  let now = 0
  const memory = new BoundedMemory({ now: () => now }, 3)
  for (const key of ['a', 'b', 'c', 'a', 'd']) memory.put(key, key, 1000)
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => memory.get(key)),
    ['a', undefined, 'c', 'd'],
  )
  const wide = new BoundedMemory({ now: () => now }, 10_000)
  for (let i = 0; i < 1000; i++) wide.put(`old${i}`, '', 1000)
  now = 2000
  for (let i = 0; i < 600; i++) wide.put(`new${i}`, '', 9000)
  assert.equal(wide.size, 600)
})

test('changes are told once each; of a loaded table only what is over', () => {
  const memory = new BoundedMemory({ now: () => 0 })
  memory.load([
    { key: 'kept', value: 'k', expiresAtMs: 10 },
    { key: 'over', value: 'o', expiresAtMs: 0 },
  ])
  assert.equal(memory.size, 1)
  assert.deepEqual(memory.takeChanges(), [{ key: 'over', value: undefined, expiresAtMs: 0 }])
  memory.put('a', '1', 5)
  memory.put('a', '2', 6)
  memory.delete('kept')
  memory.delete('nobody')
  assert.deepEqual(memory.takeChanges(), [
    { key: 'a', value: '2', expiresAtMs: 6 },
    { key: 'kept', value: undefined, expiresAtMs: 0 },
  ])
  assert.deepEqual(memory.takeChanges(), [])
})
