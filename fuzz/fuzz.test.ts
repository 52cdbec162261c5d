// Every target for some hundred inputs, always the same ones. More: npm run fuzz.

import { test } from 'node:test'
import { Mutator } from './mutate.ts'
import { TARGETS } from './targets.ts'

const INPUTS = 300
const LONGEST_MS = 3000

for (const [name, target] of Object.entries(TARGETS))
  test(`fuzz: ${name}`, async () => {
    const mutator = new Mutator(target, 1)
    const end = performance.now() + LONGEST_MS
    for (let run = 0; run < INPUTS && performance.now() < end; run++) await target.fuzz(Buffer.from(mutator.next()))
  })
