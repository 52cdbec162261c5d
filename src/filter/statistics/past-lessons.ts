// A few past lessons, so that what is learned later does not wash them out: with each new lesson one of them is learned
// again. Which are kept and which are repeated follows from their number alone, so that the same lessons in the same
// order make the same state. Bounded: a message of very many words is not kept.

import { mix } from './feature-set.ts'

export interface PastLesson {
  /** Of each hash only the slot in the table and the sign. */
  readonly views: readonly Int32Array[]
  readonly isSpam: boolean
  readonly given: number
  readonly strength: number
}

const MOST_LESSONS = 64
const MOST_WORDS = 4_000
/** A table of so many bits has slots that fit into two bytes with their sign. */
const SHORT_BITS = 15
const SHORT_SIGN = 0x8000
const SIGN = -0x8000_0000

export class PastLessons {
  readonly #bits: number
  readonly #viewCount: number
  readonly #kept: PastLesson[] = []
  #count = 0

  constructor(bits: number, viewCount: number) {
    this.#bits = bits
    this.#viewCount = viewCount
  }

  /** Takes a new lesson, and gives an older one to be learned again; undefined while there is none. */
  exchange({ views, ...lesson }: PastLesson): PastLesson | undefined {
    this.#count++
    const mask = 2 ** this.#bits - 1
    const short = views.map((view) => view.map((hash) => (hash & mask) | (hash < 0 ? SIGN : 0)))
    // Who has changed their mind about a message must not hear what they said of it before.
    const same = this.#kept.findIndex((kept) => isSame(kept.views, short))
    if (same >= 0) this.#kept.splice(same, 1)
    const again = this.#kept.length === 0 ? undefined : this.#kept[this.#draw(1) % this.#kept.length]
    if (short.reduce((sum, { length }) => sum + length, 0) <= MOST_WORDS) {
      const place = this.#kept.length < MOST_LESSONS ? this.#kept.length : this.#draw(2) % MOST_LESSONS
      this.#kept[place] = { views: short, ...lesson }
    }
    return again
  }

  #draw(salt: number): number {
    return mix(this.#count, salt) >>> 0
  }

  toBytes(): Buffer {
    const width = this.#bits <= SHORT_BITS ? 2 : 4
    const words = this.#kept.reduce((sum, { views }) => sum + views.reduce((all, { length }) => all + length, 0), 0)
    const out = Buffer.alloc(9 + this.#kept.length * (9 + 2 * this.#viewCount) + words * width)
    let at = out.writeDoubleBE(this.#count, 0)
    at = out.writeUInt8(this.#kept.length, at)
    for (const { views, isSpam, given, strength } of this.#kept) {
      at = out.writeUInt8(isSpam ? 1 : 0, at)
      at = out.writeFloatBE(given, at)
      at = out.writeFloatBE(strength, at)
      for (const view of views) {
        at = out.writeUInt16BE(view.length, at)
        for (const hash of view) {
          const slot = hash & ~SIGN
          at = width === 4 ? out.writeInt32BE(hash, at) : out.writeUInt16BE(hash < 0 ? slot | SHORT_SIGN : slot, at)
        }
      }
    }
    return out
  }

  /** What was written by one of the same kind, or undefined if these bytes are nothing like it. */
  static fromBytes(bytes: Buffer, bits: number, viewCount: number): PastLessons | undefined {
    const past = new PastLessons(bits, viewCount)
    const width = bits <= SHORT_BITS ? 2 : 4
    if (bytes.length < 9) return undefined
    past.#count = bytes.readDoubleBE(0)
    const lessons = bytes[8]!
    if (!Number.isSafeInteger(past.#count) || past.#count < 0 || lessons > MOST_LESSONS) return undefined
    let at = 9
    for (let n = 0; n < lessons; n++) {
      if (at + 9 > bytes.length) return undefined
      const [isSpam, given, strength] = [bytes[at] === 1, bytes.readFloatBE(at + 1), bytes.readFloatBE(at + 5)]
      if (!Number.isFinite(given) || !Number.isFinite(strength)) return undefined
      at += 9
      const views: Int32Array[] = []
      for (let v = 0; v < viewCount; v++) {
        const length = at + 2 > bytes.length ? -1 : bytes.readUInt16BE(at)
        at += 2
        if (length < 0 || length > MOST_WORDS || at + length * width > bytes.length) return undefined
        const view = new Int32Array(length)
        for (let i = 0; i < length; i++, at += width) {
          const half = width === 4 ? bytes.readInt32BE(at) : bytes.readUInt16BE(at)
          view[i] = width === 4 ? half : half & SHORT_SIGN ? (half & ~SHORT_SIGN) | SIGN : half
        }
        views.push(view)
      }
      past.#kept.push({ views, isSpam, given, strength })
    }
    return at === bytes.length ? past : undefined
  }
}

function isSame(one: readonly Int32Array[], other: readonly Int32Array[]): boolean {
  return one.every((view, index) => {
    const against = other[index]!
    return view.length === against.length && view.every((hash, at) => hash === against[at])
  })
}
