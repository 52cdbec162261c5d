// Seeded chance: sfc32 (Chris Doty-Humphrey's small fast counter generator), keyed by SHA-256 of seed and purpose.
// A generator for each purpose keeps one more draw in one place from changing everything else.

import { createHash } from 'node:crypto'
import type { Random } from '../world.ts'

export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #counter: number

  constructor(seed: number | string, purpose: string) {
    const key = createHash('sha256').update(`${seed}/${purpose}`).digest()
    this.#a = key.readInt32LE(0)
    this.#b = key.readInt32LE(4)
    this.#c = key.readInt32LE(8)
    this.#counter = 1
    for (let warmUp = 0; warmUp < 12; warmUp++) this.#next()
  }

  /** 32 bits, unsigned. */
  #next(): number {
    const result = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    let at = 0
    for (; at + 4 <= length; at += 4) bytes.writeUInt32LE(this.#next(), at)
    for (let rest = this.#next(); at < length; at++, rest >>>= 8) bytes[at] = rest & 0xff
    return bytes
  }

  float(): number {
    // 53 bits, as Math.random gives.
    return ((this.#next() >>> 5) * 0x4000000 + (this.#next() >>> 6)) / 0x20000000000000
  }

  integer(below: number): number {
    return Math.floor(this.float() * below)
  }
}
