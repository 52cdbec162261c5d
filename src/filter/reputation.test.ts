import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BoundedMemory } from './memory.ts'
import { type Outcome, Reputation, type Sender } from './reputation.ts'

const DAY = 86_400_000

function reputation() {
  const clock = { ms: 1_700_000_000_000, now: () => clock.ms }
  const memory = new BoundedMemory(clock)
  const known = new Reputation(memory, clock)
  const learn = (sender: Sender, outcome: Outcome, times: number) => {
    for (let i = 0; i < times; i++) known.learn(sender, outcome)
  }
  return { clock, memory, known, learn }
}

const good = { provenDomain: 'Good.test', ip: '192.0.2.7' }

test('of a stranger nothing is known', () => {
  assert.deepEqual(reputation().known.standing(good), { score: 0, confidence: 0, reasons: [] })
})

test('a domain whose mail is welcome earns trust, but not in an hour', () => {
  const { known, learn, clock } = reputation()
  learn(good, 'accepted', 100)
  clock.ms += 3_600_000
  assert.ok(known.standing(good).confidence < 0.05)
  clock.ms += 10 * DAY
  const later = known.standing({ provenDomain: 'good.test' })
  assert.ok(later.score > 0.9 && later.confidence > 0.6, JSON.stringify(later))
  assert.match(later.reasons[0]!, /^good\.test: \d+(\.\d)? good and 0 bad in the last 10 days$/)
})

test('distrust does not wait, and a person’s word weighs most', () => {
  const { known, learn } = reputation()
  learn({ provenDomain: 'bad.test' }, 'marked-junk', 4)
  learn({ provenDomain: 'odd.test' }, 'junk', 4)
  const bad = known.standing({ provenDomain: 'bad.test' })
  const odd = known.standing({ provenDomain: 'odd.test' })
  assert.ok(bad.score < -0.9 && bad.confidence > 0.6)
  assert.ok(odd.confidence < bad.confidence)
  learn({ provenDomain: 'bad.test' }, 'marked-good', 4)
  assert.equal(known.standing({ provenDomain: 'bad.test' }).score, 0)
})

test('what was long ago fades, and is forgotten at last', () => {
  const { known, learn, clock, memory } = reputation()
  learn(good, 'refused', 20)
  const before = known.standing(good).confidence
  clock.ms += 30 * DAY
  const after = known.standing(good)
  assert.ok(after.confidence < before && after.score < 0)
  clock.ms += 400 * DAY
  assert.equal(known.standing(good).confidence, 0)
  assert.equal(memory.get('rep:domain:good.test'), undefined)
})

test('a proven domain that is known is not judged by its neighbours', () => {
  const { known, learn, clock } = reputation()
  learn({ ip: '192.0.2.66' }, 'refused', 200)
  learn({ provenDomain: 'good.test' }, 'accepted', 200)
  clock.ms += 20 * DAY
  learn({ ip: '192.0.2.66' }, 'refused', 200)
  assert.ok(known.standing(good).score > 0.3)
  assert.ok(known.standing({ ip: '192.0.2.7' }).score < -0.9)
  assert.ok(known.standing({ provenDomain: 'new.test', ip: '192.0.2.7' }).score < -0.9)
})

test('whatever comes, the score is between -1 and 1 and the confidence between 0 and 1', () => {
  const outcomes = fc.constantFrom<Outcome>('accepted', 'junk', 'refused', 'marked-junk', 'marked-good')
  const step = fc.record({ outcome: outcomes, afterMs: fc.integer({ min: -DAY, max: 90 * DAY }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { known, clock } = reputation()
      for (const { outcome, afterMs } of steps) {
        clock.ms += afterMs
        known.learn(good, outcome)
        const { score, confidence } = known.standing(good)
        assert.ok(score >= -1 && score <= 1 && confidence >= 0 && confidence <= 1)
      }
    }),
  )
})
