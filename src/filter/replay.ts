// DKIM replay: one signed message, got from its signer once, sent on to thousands by somebody else; the signature holds,
// and the good name that it brings is the signer's. Copies are counted for each signature, in memory only: bounded, and
// what is not seen again drains away, so that what waited at the limit comes through in the end.

import type { Clock } from '../world/world.ts'
import { BoundedMemory } from './memory.ts'

/** Copies of one signature within a day, beyond which no more are taken from somebody of no standing. */
export const MAX_COPIES = 1000
const DAY_MS = 86_400_000
const MAX_SIGNATURES = 100_000

export class Replays {
  readonly #clock: Pick<Clock, 'now'>
  /** Copies and when they were last counted, under domain and b=. */
  readonly #levels: BoundedMemory

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#levels = new BoundedMemory(clock, MAX_SIGNATURES)
  }

  /** Copies of late, of that of the signatures that was seen most. */
  copies(signatures: readonly string[]): number {
    return Math.max(0, ...signatures.map((signature) => this.#level(signature)))
  }

  /** So many more were taken. */
  count(signatures: readonly string[], copies: number): void {
    const now = this.#clock.now()
    for (const signature of signatures) {
      const level = this.#level(signature) + copies
      this.#levels.put(signature, `${level} ${now}`, now + (level / MAX_COPIES) * DAY_MS)
    }
  }

  #level(signature: string): number {
    const [level, atMs] = (this.#levels.get(signature) ?? '0 0').split(' ').map(Number) as [number, number]
    return Math.max(0, level - ((this.#clock.now() - atMs) / DAY_MS) * MAX_COPIES)
  }
}
