import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventQueue, type Life, type QueuedEvent } from './queue.ts'

/** Put in at a time, cancel one of those put in, end a life, take the next. */
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), n: fc.nat(9), life: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), n: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
)

test('events come in the order of their times, and of asking where the time is the same', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.nat(300), (steps, endsAt) => {
      const queue = new EventQueue()
      const lives: Life[] = [{ alive: true }, { alive: true }]
      const waiting: QueuedEvent[] = []
      const next = () => {
        const alive = waiting.filter(({ action, life }) => action !== undefined && life?.alive !== false)
        return alive.sort((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence)[0]
      }
      for (const [sequence, one] of [...steps, ...steps.map(() => ({ kind: 'take' as const }))].entries()) {
        if (sequence === endsAt) lives[0]!.alive = false
        if (one.kind === 'put') {
          const about = { timeMs: one.n / 2, sequence, kind: 'k', from: 'a', to: 'b', bytes: undefined }
          const event: QueuedEvent = { ...about, life: lives[one.life], action: () => {} }
          waiting.push(event)
          queue.push(event)
        } else if (one.kind === 'cancel' && waiting.length > 0) queue.cancel(waiting[one.n % waiting.length]!)
        else if (one.kind === 'take') {
          const expected = next()
          assert.equal(queue.pop(), expected)
          if (expected !== undefined) waiting.splice(waiting.indexOf(expected), 1)
        }
      }
    }),
  )
})

test('most of very many are cancelled, and the rest come in order', () => {
  const queue = new EventQueue()
  const count = 20_000
  const events = Array.from({ length: count }, (_, sequence): QueuedEvent => {
    const timeMs = (sequence * 7919) % 1009
    return { timeMs, sequence, kind: 'k', from: 'a', to: 'b', bytes: undefined, life: undefined, action: () => {} }
  })
  for (const event of events) queue.push(event)
  for (const event of events) if (event.sequence % 10 !== 0) queue.cancel(event)
  assert.equal(queue.length, count / 10)
  const taken: QueuedEvent[] = []
  for (let event = queue.pop(); event !== undefined; event = queue.pop()) taken.push(event)
  const expected = events
    .filter(({ sequence }) => sequence % 10 === 0)
    .sort((a, b) => a.timeMs - b.timeMs || a.sequence - b.sequence)
  assert.deepEqual(
    taken.map(({ sequence }) => sequence),
    expected.map(({ sequence }) => sequence),
  )
})
