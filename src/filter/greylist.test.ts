import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Attempt, DEFAULT_GREYLIST, Greylist } from './greylist.ts'
import { BoundedMemory } from './memory.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

function greylist() {
  const clock = { ms: 1_700_000_000_000, now: () => clock.ms }
  const memory = new BoundedMemory(clock)
  const list = new Greylist(memory, clock)
  const check = (change: Partial<Attempt> = {}) => {
    const stranger = {
      ip: '192.0.2.7',
      senderDomain: 'one.test',
      recipient: 'bob@two.test',
      proven: false,
      known: false,
    }
    const verdict = list.check({ ...stranger, ...change })
    return verdict.outcome === 'pass' ? verdict.reason : Math.round(verdict.retryAfterMs / 1000)
  }
  return { clock, memory, check }
}

test('who is proven or known never waits, and leaves nothing behind', () => {
  const { check, memory } = greylist()
  assert.equal(check({ proven: true }), 'proven')
  assert.equal(check({ known: true }), 'known')
  assert.equal(memory.size, 0)
})

test('a stranger waits a minute, is told how long, and then is let in', () => {
  const { check, clock } = greylist()
  assert.equal(check(), 60)
  clock.ms += 20_000
  assert.equal(check(), 40)
  clock.ms += 40_000
  assert.equal(check(), 'came back')
  clock.ms += DEFAULT_GREYLIST.remembersMs - 1
  assert.equal(check(), 'came back')
  // Seen again, it is remembered from then on.
  clock.ms += DEFAULT_GREYLIST.remembersMs - 1
  assert.equal(check(), 'came back')
  clock.ms += DEFAULT_GREYLIST.remembersMs
  assert.equal(check(), 60)
})

test('who comes back after more than a day is a stranger again', () => {
  const { check, clock } = greylist()
  check()
  clock.ms += DAY + 1
  assert.equal(check(), 60)
})

test('a relay farm retries from a neighbour; another network or sender is another stranger', () => {
  const { check, clock } = greylist()
  check()
  check({ ip: '2001:db8:1:2::7' })
  clock.ms += MINUTE
  assert.equal(check({ ip: '192.0.2.99' }), 'came back')
  assert.equal(check({ ip: '::ffff:192.0.2.8' }), 'came back')
  assert.equal(check({ ip: '2001:db8:1:2:ffff::8' }), 'came back')
  assert.equal(check({ ip: '192.0.3.7' }), 60)
  assert.equal(check({ senderDomain: 'other.test' }), 60)
  assert.equal(check({ recipient: 'eve@two.test' }), 60)
  assert.equal(check({ recipient: 'BOB@two.test', senderDomain: 'One.Test' }), 'came back')
})

test('who came back for three recipients is let in for all', () => {
  const { check, clock } = greylist()
  const people = ['a', 'b', 'c'].map((name) => ({ recipient: `${name}@two.test` }))
  for (const one of people) check(one)
  clock.ms += MINUTE
  for (const one of people) assert.equal(check(one), 'came back')
  assert.equal(check({ recipient: 'new@two.test' }), 'came back')
  assert.equal(check({ recipient: 'new@two.test', senderDomain: 'other.test' }), 60)
})

test('a clock that is set back makes nobody wait longer than at first', () => {
  const { check, clock } = greylist()
  check()
  clock.ms -= DAY
  assert.equal(check(), 60)
  clock.ms += MINUTE
  assert.equal(check(), 'came back')
})
