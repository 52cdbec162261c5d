import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Hop, inPathOrder, Names } from './hops.ts'

const hop = (from: string, to: string, kind: string, more: Partial<Hop> = {}): Hop => ({
  atMs: 0,
  trace: '',
  messageId: '',
  text: '',
  role: '',
  from,
  to,
  kind,
  ...more,
})
const actorOf = (block: string): string => block.replace(/-2$/, '')

test('hops told out of order are put along the path', () => {
  const told = [
    hop('anna', 'sender', 'accepted'),
    hop('old', 'old', 'forwarded'),
    hop('sender-2', 'old', 'transmitted'),
    hop('recipient', 'bob', 'delivered'),
    hop('old', 'recipient', 'transmitted'),
  ]
  assert.deepEqual(
    inPathOrder(told, actorOf).map(({ from, to }) => `${from}>${to}`),
    ['anna>sender', 'sender-2>old', 'old>old', 'old>recipient', 'recipient>bob'],
  )
})

test('a circle ends', () => {
  assert.equal(inPathOrder([hop('a', 'b', 'x'), hop('b', 'a', 'y')], actorOf).length, 2)
})

test('a hop without Message-ID belongs to the message of its trace', () => {
  const names = new Names()
  assert.equal(names.keyOf(hop('a', 'b', 'x', { trace: 'T', messageId: 'm@x' })), 'm@x')
  assert.equal(names.keyOf(hop('a', 'b', 'y', { trace: 'T' })), 'm@x')
  assert.equal(names.keyOf(hop('a', 'b', 'y', { trace: 'U' })), 'U')
})
