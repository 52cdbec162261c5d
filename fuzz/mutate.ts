// New inputs from old ones, those kept that reached something new: bytes changed, cut, doubled and moved, words of the parser put in, pieces of other inputs
// spliced. All chance comes from the seed, so that a run can be repeated.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '../src/world/simulated/random.ts'
import type { Target } from './target.ts'

const SUITES = fileURLToPath(new URL('../../shared/suites/', import.meta.url))
export const MAX_INPUT_BYTES = 65_536
const MAX_FILES = 150
const MAX_FILE_BYTES = 20_000
/** Inputs kept for what they reached; a newer one takes the place of one of them. */
const MAX_KEPT = 2000

/** The seeds of a target, and files of the conformance suites where they are present. */
function corpusOf(target: Target): Buffer[] {
  // Characters up to 255 are bytes; a text with others is UTF-8.
  const own = target.seeds.map(bytesOf)
  const files = (target.suites ?? []).flatMap((path) => filesBelow(join(SUITES, path)))
  const step = Math.max(1, Math.floor(files.length / MAX_FILES))
  const chosen = files.filter((_, i) => i % step === 0).slice(0, MAX_FILES)
  return [...own, ...chosen.map((path) => readFileSync(path).subarray(0, MAX_FILE_BYTES))]
}

function filesBelow(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return []
  if (!stat.isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)))
}

const bytesOf = (text: string): Buffer => Buffer.from(text, /^[\0-\xff]*$/.test(text) ? 'latin1' : 'utf8')

/** An endless stream of inputs: first the corpus as it is, then what becomes of it. */
export class Mutator {
  readonly #random: SeededRandom
  readonly #corpus: Buffer[]
  readonly #words: readonly Buffer[]
  readonly #own: number
  #given = 0

  constructor(target: Target, seed: number | string) {
    this.#random = new SeededRandom(seed, 'fuzz')
    this.#corpus = corpusOf(target)
    this.#own = this.#corpus.length
    this.#words = target.words.map(bytesOf)
  }

  /** One more to begin with. */
  keep(input: Buffer): void {
    const kept = this.#corpus.length - this.#own
    if (kept < MAX_KEPT) this.#corpus.push(input)
    else this.#corpus[this.#own + this.#random.integer(kept)] = input
  }

  get kept(): number {
    return this.#corpus.length - this.#own
  }

  next(): Buffer {
    if (this.#given < this.#own) return this.#corpus[this.#given++]!
    let input = this.#one(this.#corpus)
    for (let left = 1 + this.#random.integer(2 ** this.#random.integer(5)); left > 0; left--)
      input = this.#change(input)
    return input.subarray(0, MAX_INPUT_BYTES)
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#random.integer(list.length)]!
  }

  #range(input: Buffer): [start: number, end: number] {
    const start = this.#random.integer(input.length + 1)
    const length = this.#random.integer(2 ** this.#random.integer(12))
    return [start, Math.min(input.length, start + length)]
  }

  #change(input: Buffer): Buffer {
    const [start, end] = this.#range(input)
    const before = input.subarray(0, start)
    const after = input.subarray(end)
    switch (this.#random.integer(10)) {
      case 0: // some bits
        return Buffer.concat([before, input.subarray(start, end).map((b) => b ^ (1 << this.#random.integer(8))), after])
      case 1: // chance
        return Buffer.concat([before, this.#random.bytes(this.#random.integer(8)), input.subarray(start)])
      case 2: // a piece less
        return Buffer.concat([before, after])
      case 3: // a piece again and again
        return Buffer.concat([
          input.subarray(0, end),
          ...Array(this.#random.integer(20)).fill(input.subarray(start, end)),
          after,
        ])
      case 4: // a piece of another input
        return Buffer.concat([before, this.#piece(this.#one(this.#corpus)), input.subarray(start)])
      case 5: // one end
        return before.length > 0 ? before : input
      case 6: // a number
        return this.#number(input)
      case 7: // a word many times
        return Buffer.concat([
          before,
          ...Array(this.#random.integer(2 ** this.#random.integer(11))).fill(this.#one(this.#words)),
          after,
        ])
      default:
        return Buffer.concat([
          before,
          this.#one(this.#words),
          this.#random.integer(2) === 0 ? after : input.subarray(start),
        ])
    }
  }

  #piece(input: Buffer): Buffer {
    return input.subarray(...this.#range(input))
  }

  #number(input: Buffer): Buffer {
    const text = input.toString('latin1')
    const numbers = [...text.matchAll(/\d+/g)]
    if (numbers.length === 0) return input
    const { index, 0: old } = this.#one(numbers)
    const value = this.#one([
      '0',
      '-1',
      '1',
      '255',
      '256',
      '65536',
      '4294967296',
      '9'.repeat(30),
      `${Number(old) + 1}`,
      `0${old}`,
    ])
    return Buffer.from(text.slice(0, index) + value + text.slice(index + old.length), 'latin1')
  }
}
