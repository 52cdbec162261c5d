import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentBodies } from './recent.ts'

test('bodies are kept up to a size, those used last longest', () => {
  const recent = new RecentBodies(100)
  for (const name of ['a', 'b', 'c', 'd']) recent.put(name, Buffer.alloc(25, name))
  assert.equal(recent.get('a')?.toString(), 'a'.repeat(25))
  recent.put('e', Buffer.alloc(20, 'e'))
  assert.equal(recent.get('b'), undefined, 'not used for longest')
  for (const name of ['a', 'c', 'd', 'e']) assert.ok(recent.get(name), name)
  recent.put('large', Buffer.alloc(26))
  assert.equal(recent.get('large'), undefined, 'one alone does not take the place of many')
  recent.forget('a')
  recent.forget('never there')
  recent.put('f', Buffer.alloc(25, 'f'))
  for (const name of ['c', 'd', 'e', 'f']) assert.ok(recent.get(name), name)
})
