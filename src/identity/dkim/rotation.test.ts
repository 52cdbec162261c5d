import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advanced, type KeyFacts, maySign, revoked, rotated, type Sighting, wantsNext } from './rotation.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)

const key = (selector: string, more: Partial<KeyFacts> = {}): KeyFacts => ({
  selector,
  state: 'prepared',
  sinceMs: START,
  looks: 0,
  ...more,
})

/** Looks every hour; `seen` says what DNS shows of which key. */
function pass(line: readonly KeyFacts[], hours: number, seen: (selector: string) => Sighting, options = {}) {
  const {
    fromMs = START,
    rotateAfterMs = undefined as number | undefined,
    oldestInQueueMs = undefined,
  } = options as {
    fromMs?: number
    rotateAfterMs?: number
    oldestInQueueMs?: undefined
  }
  let now = [...line]
  for (let hour = 0; hour < hours; hour++) {
    const sightings = new Map(now.map(({ selector }) => [selector, seen(selector)] as const))
    now = advanced(now, sightings, { nowMs: fromMs + hour * HOUR, rotateAfterMs, oldestInQueueMs })
  }
  return now
}

const states = (line: readonly KeyFacts[]) => line.map(({ selector, state }) => `${selector} ${state}`)

test('a first key signs once it is seen, and never before', () => {
  const unseen = pass([key('a')], 100, () => 'absent')
  assert.deepEqual(states(unseen), ['a prepared'])
  const unknown = pass([key('a')], 100, () => 'unknown')
  assert.deepEqual(states(unknown), ['a prepared'])
  const [seen] = pass([key('a')], 1, () => 'shown')
  assert.deepEqual([seen!.state, maySign(seen!, START)], ['active', true])
})

test('a next key is published after three looks an hour apart, and a look in between begins anew', () => {
  const active = key('a', { state: 'active', shownMs: START })
  const twice = pass([active, key('b')], 2, () => 'shown')
  assert.deepEqual(states(twice), ['a active', 'b prepared'])
  assert.deepEqual(states(pass(twice, 1, () => 'shown', { fromMs: START + 2 * HOUR })), ['a active', 'b published'])
  const hidden = pass(twice, 1, (one) => (one === 'a' ? 'shown' : 'absent'), { fromMs: START + 2 * HOUR })
  assert.deepEqual(states(pass(hidden, 2, () => 'shown', { fromMs: START + 3 * HOUR })), ['a active', 'b prepared'])
  const impatient = advanced(
    advanced(twice, new Map([['b', 'shown']]), {
      nowMs: START + HOUR + 1,
      rotateAfterMs: undefined,
      oldestInQueueMs: undefined,
    }),
    new Map([['b', 'shown']]),
    { nowMs: START + HOUR + 2, rotateAfterMs: undefined, oldestInQueueMs: undefined },
  )
  assert.deepEqual(states(impatient), ['a active', 'b prepared'])
})

test('when it is time the next key takes over, if it is seen; the old one retires for a week and is taken back', () => {
  const line = [key('a', { state: 'active', shownMs: START })]
  const rotateAfterMs = 90 * DAY
  assert.equal(wantsNext(line, { rotateAfterMs }), true)
  assert.equal(wantsNext(line, { rotateAfterMs: undefined }), false)
  const alone = pass([...line, key('b')], 100 * 24, (one) => (one === 'a' ? 'shown' : 'absent'), { rotateAfterMs })
  assert.deepEqual(states(alone), ['a active', 'b prepared'])
  const due = pass([...line, key('b')], 90 * 24 + 1, () => 'shown', { rotateAfterMs })
  assert.deepEqual(states(due), ['a retiring', 'b active'])
  const from = START + 90 * DAY + HOUR
  assert.deepEqual(states(pass(due, 6 * 24, () => 'shown', { fromMs: from })), ['a retiring', 'b active'])
  const after = pass(due, 8 * 24, () => 'shown', { fromMs: from })
  assert.deepEqual(states(after), ['a revoked', 'b active'])
  const gone = (one: string): Sighting => (one === 'a' ? 'absent' : 'shown')
  assert.deepEqual(states(pass(after, 8 * 24, gone, { fromMs: from + 8 * DAY })), ['b active'])
  // What DNS shows still must be taken back.
  assert.deepEqual(states(pass(after, 80 * 24, () => 'shown', { fromMs: from + 8 * DAY })), ['a revoked', 'b active'])
})

test('a key does not go while a message that it signed waits in the queue', () => {
  const line = [key('a', { state: 'retiring', shownMs: START }), key('b', { state: 'active', shownMs: START })]
  const waits = pass(line, 60 * 24, () => 'shown', { oldestInQueueMs: START - HOUR })
  assert.deepEqual(states(waits), ['a retiring', 'b active'])
})

test('a key that vanishes from DNS signs nothing more: the next takes over at once, or it comes back', () => {
  const line = [key('a', { state: 'active', shownMs: START })]
  const lost = pass(line, 1, () => 'absent')
  assert.equal(maySign(lost[0]!, START), false)
  assert.equal(maySign(pass(lost, 1, () => 'shown', { fromMs: START + HOUR })[0]!, START + HOUR), true)
  const relieved = pass([...line, key('b')], 1, (one) => (one === 'a' ? 'absent' : 'shown'))
  assert.deepEqual(states(relieved), ['a retiring', 'b active'])
})

test('three days without an answer stop no mail; a week does, and so does a clock that jumps ten years', () => {
  const [active] = pass([key('a', { state: 'active', shownMs: START })], 3 * 24, () => 'unknown')
  assert.equal(maySign(active!, START + 3 * DAY), true)
  assert.equal(maySign(active!, START + 7 * DAY), false)
  assert.equal(maySign(active!, START + 3650 * DAY), false)
})

test('a clock that jumps ten years ahead and back takes no key that was just replaced', () => {
  const line = [key('a', { state: 'retiring', shownMs: START }), key('b', { state: 'active', shownMs: START })]
  const ahead = pass(line, 12, () => 'shown', { fromMs: START + 3650 * DAY })
  assert.deepEqual(states(ahead), ['a retiring', 'b active'])
  const back = pass(ahead, 12, () => 'shown', { fromMs: START + 2 * DAY })
  assert.deepEqual(states(back), ['a retiring', 'b active'])
  assert.ok(back.every(({ sinceMs }) => sinceMs <= START + 3 * DAY))
})

test('what somebody asks: no key takes over unseen, a revoked one never comes back', () => {
  const line = [key('a', { state: 'active', shownMs: START }), key('b')]
  assert.equal(rotated(line, START), undefined)
  const taken = revoked(line, 'a', START)
  assert.deepEqual(states(taken), ['a revoked', 'b prepared'])
  assert.deepEqual(states(pass(taken, 5, () => 'shown')), ['a revoked', 'b active'])
  assert.equal(wantsNext([key('a', { state: 'revoked' })], { rotateAfterMs: undefined }), true)
})
