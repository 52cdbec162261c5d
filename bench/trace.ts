// How many hops of messages with known paths the trace finds, strictly: every flow of the gallery, everything that the
// adversary invents, in several hands. `npm run bench:trace [-- SEEDS [VARIANTS]]`

import { readdirSync, readFileSync } from 'node:fs'
import { measured } from '../src/lab/trace/known/score.ts'
import { parse } from '../src/notation/parse.ts'

const GALLERY = new URL('../gallery/', import.meta.url)
const [seeds = 1, variants = 6] = process.argv.slice(2).map(Number)

const descriptions = readdirSync(GALLERY)
  .filter((name) => name.endsWith('.borderpost'))
  .map((name) => ({ name, model: parse(readFileSync(new URL(name, GALLERY), 'utf8')).model }))
for (let seed = 1; seed <= seeds; seed++) {
  const { own, known, heldBack, stopped } = await measured(descriptions, { seed, every: 1, variants })
  for (const [name, score] of Object.entries({
    'our own hand': own,
    'other hands': known,
    'hands held back': heldBack,
  })) {
    console.log(`seed ${seed}, ${name}: ${score}`)
    for (const [kind, { hops, wrong }] of score.kinds)
      if (wrong > 0) console.log(`  ${kind}: ${hops - wrong} of ${hops}`)
    for (const one of score.examples) console.log(`    ${one}`)
  }
  console.log(`seed ${seed}: ${stopped} messages did not arrive`)
}
