// Messages whose path is known, because the simulator carried them along every flow of the gallery, for honest people and for
// an adversary: the trace must find every hop again, exactly (known/truth.ts says what that means). Also in the hands of other
// systems, of which half were looked at only when the trace was made. `npm run bench:trace` is the same with everything.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from '../../notation/parse.ts'
import { measured } from './known/score.ts'

const GALLERY = new URL('../../../gallery/', import.meta.url)

test('every hop of the gallery is found again, strictly, in 99 of 100', { timeout: 600_000 }, async (t) => {
  const descriptions = readdirSync(GALLERY)
    .filter((name) => name.endsWith('.borderpost'))
    .map((name) => ({ name, model: parse(readFileSync(new URL(name, GALLERY), 'utf8')).model }))
  const { own, known, heldBack, stopped } = await measured(descriptions, { seed: 1, every: 3, variants: 3 })
  for (const [name, score] of Object.entries({ own, known, heldBack })) {
    t.diagnostic(`${name}: ${score}`)
    for (const one of score.examples) t.diagnostic(`  ${one}`)
  }
  t.diagnostic(`${stopped} messages did not arrive`)
  for (const score of [own, known, heldBack]) {
    assert.ok(score.hops > 1000, String(score))
    assert.ok(score.share >= 0.99, String(score))
  }
})
