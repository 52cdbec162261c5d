// Prints of a text, by which one that went to many people is known again although each got it with his own name in it:
// four least hashes of its runs of words (min-hashing: Broder 1997). Of two texts that share most runs, three prints agree.

import { hashText, mix } from '../../filter/statistics/feature-set.ts'

const MAX_TEXT = 65_536
const RUN = 4
const SEEDS = [0x2f0b4c47, 0x51ed27a9, 0x7a3c9b15, 0x0d9e86f3]

/** Integers, each of another kind: none equals one of another place. */
export function printsOf(text: string): number[] {
  const words =
    text
      .slice(0, MAX_TEXT)
      .toLowerCase()
      .match(/\p{L}{2,40}/gu) ?? []
  const hashes = words.map((word) => hashText(word))
  const least = SEEDS.map(() => 0xffffffff)
  for (let at = 0; at < Math.max(1, hashes.length - RUN + 1); at++) {
    let run = 0
    for (let i = at; i < Math.min(at + RUN, hashes.length); i++) run = mix(run, hashes[i]!)
    for (const [i, seed] of SEEDS.entries()) {
      const hash = mix(run, seed) >>> 0
      if (hash < least[i]!) least[i] = hash
    }
  }
  return least.map((hash, i) => hash + i * 2 ** 32)
}
