// How long mail takes at the coarse level: what the fine level measured of the flow on a quiet day, and what it waited
// besides. Counted in steps of five per cent, so that any number of messages takes no memory.

export type Percentiles = Readonly<Record<'p50' | 'p90' | 'p99' | 'max', number>>

/** Mail that takes longer, seconds, has met something. */
export const LATE_S = 20

const STEP = Math.log(1.05)
const LEAST_S = 0.01
const SLOTS = 400

export class Delays {
  readonly #quiet: Readonly<Record<string, readonly number[]>>
  readonly #slots = new Float64Array(SLOTS)
  #count = 0
  #maxS = 0

  constructor(quiet: Readonly<Record<string, readonly number[]>>) {
    this.#quiet = quiet
  }

  /** `chance`: where in the distribution of the quiet day, from 0 to 1. */
  add(flow: number, waitedS: number, count: number, chance: number): void {
    const quiet = this.#quiet[flow]
    const at = chance * ((quiet?.length ?? 1) - 1)
    const low = quiet?.[Math.floor(at)] ?? 0
    const high = quiet?.[Math.ceil(at)] ?? low
    // By a clock that is wrong it may have been there before it was written.
    const seconds = Math.max(0, waitedS + low + (high - low) * (at - Math.floor(at)))
    const slot = Math.floor(Math.log(Math.max(seconds, LEAST_S) / LEAST_S) / STEP)
    this.#slots[Math.min(slot, SLOTS - 1)]! += count
    this.#count += count
    this.#maxS = Math.max(this.#maxS, seconds)
  }

  /** Which part took longer. */
  later(thanS: number): number {
    const slot = Math.floor(Math.log(thanS / LEAST_S) / STEP)
    const later = this.#slots.subarray(slot + 1).reduce((sum, n) => sum + n, 0)
    return this.#count === 0 ? 0 : later / this.#count
  }

  percentiles(): Percentiles {
    const at = (share: number) => {
      let left = share * this.#count
      for (let slot = 0; slot < SLOTS; slot++) {
        left -= this.#slots[slot]!
        if (left < 0) return rounded(Math.min(this.#maxS, LEAST_S * Math.exp((slot + 0.5) * STEP)))
      }
      return rounded(this.#maxS)
    }
    return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: rounded(this.#maxS) }
  }
}

const rounded = (seconds: number) => Math.round(seconds * 100) / 100
