import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JUNK_POINTS, type Weight } from '../rules/rules.ts'
import { factsOf, withOpinion } from './finding.ts'
import type { Opinion } from './opinions.ts'

const weight = (points: number): Weight => ({
  points,
  hits: points === 0 ? [] : [{ id: 'x', points, about: 'content', explanation: 'It promises money.' }],
})
const opinion = (logOdds: number, more: Partial<Opinion> = {}): Opinion => ({
  logOdds,
  whose: 'own',
  lessons: 1000,
  ...more,
})
const pointsOf = (logOdds: number, more: Partial<Opinion> = {}) => withOpinion(weight(0), opinion(logOdds, more)).points

test('decisions alone are enough for Junk and never for a refusal', () => {
  assert.ok(pointsOf(4) >= JUNK_POINTS)
  assert.equal(pointsOf(1e9), 6)
  assert.equal(withOpinion(weight(10), opinion(1e9)).points, 16)
})

test('what few decisions say counts less, and a little doubt is not told', () => {
  assert.ok(pointsOf(4, { lessons: 3 }) < JUNK_POINTS)
  assert.ok(pointsOf(4, { lessons: 3 }) > 0)
  assert.deepEqual(withOpinion(weight(3), opinion(0.1)), weight(3))
})

test('their own decisions get a message out of Junk, those of others help a little', () => {
  assert.equal(withOpinion(weight(9), opinion(-50)).points, 4)
  assert.equal(withOpinion(weight(9), opinion(-50, { whose: 'system' })).points, 7)
})

test('the finding stands among the rules by its weight, with a sentence for the Recipient', () => {
  const hits = (logOdds: number, whose: Opinion['whose']) =>
    withOpinion(weight(3), opinion(logOdds, { whose })).hits.map(({ id, explanation }) => `${id}: ${explanation}`)
  assert.deepEqual(hits(9, 'own'), [
    'learned-unwanted: Your earlier decisions say that mail like this is unwanted.',
    'x: It promises money.',
  ])
  assert.match(hits(-1, 'system')[1]!, /^learned-wanted: Decisions of the Recipients here say .* is wanted\.$/)
})

test('facts for the next lesson: proofs unless a trusted Forwarder passed it on, rules, and never the opinion itself', () => {
  const results = { spf: 'pass', dkim: 'none', dmarc: 'fail', arc: 'none' }
  const hits = [{ id: 'learned-unwanted' }, { id: 'html-only' }]
  assert.deepEqual(factsOf(results, false, hits), ['spf=pass', 'dkim=none', 'dmarc=fail', 'arc=none', 'rule html-only'])
  assert.deepEqual(factsOf(results, true, hits), ['rule html-only'])
})
