// What the Border remembers about strangers: short texts under keys, each with its end. The table lives in memory, is
// bounded, and says what changed, so that its owner can keep it in the store now and then; what a crash forgets is
// learned again.

import type { Remembered } from '../store/nouns/others.ts'
import type { Clock } from '../world/world.ts'

type MemoryEntry = Remembered & { readonly value: string }

/** What greylisting and reputation need of a store. Synchronous, as the store's reads are. */
export interface KeyValueWithTime {
  /** Undefined when there is none, or its time is over. */
  get(key: string): string | undefined
  /** `expiresAtMs`: milliseconds since 1970 (wall time, because it outlives the process). */
  put(key: string, value: string, expiresAtMs: number): void
  delete(key: string): void
}

const MAX_KEYS = 200_000
/** Keys looked at in each `put`, in turn: all that is over is found without ever walking the whole table. */
const SWEPT_PER_PUT = 4

export class BoundedMemory implements KeyValueWithTime {
  readonly #clock: Pick<Clock, 'now'>
  readonly #maxKeys: number
  readonly #entries = new Map<string, MemoryEntry>()
  readonly #changed = new Set<string>()
  #sweep: Iterator<MemoryEntry> | undefined

  constructor(clock: Pick<Clock, 'now'>, maxKeys = MAX_KEYS) {
    this.#clock = clock
    this.#maxKeys = maxKeys
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): string | undefined {
    const entry = this.#entries.get(key)
    return entry === undefined || entry.expiresAtMs <= this.#clock.now() ? undefined : entry.value
  }

  put(key: string, value: string, expiresAtMs: number): void {
    // Re-inserting moves the key to the end: the map's first keys are the longest unchanged.
    this.#entries.delete(key)
    this.#forgetOld()
    if (this.#entries.size >= this.#maxKeys) this.delete(this.#entries.keys().next().value!)
    this.#entries.set(key, { key, value, expiresAtMs })
    this.#changed.add(key)
  }

  delete(key: string): void {
    if (this.#entries.delete(key)) this.#changed.add(key)
  }

  /** What was kept before, at the start. What is over, or too much, is a change: it is forgotten there too. */
  load(entries: Iterable<MemoryEntry>): void {
    for (const entry of entries) {
      const isKept = this.#entries.size < this.#maxKeys && entry.expiresAtMs > this.#clock.now()
      if (isKept) this.#entries.set(entry.key, entry)
      else this.#changed.add(entry.key)
    }
  }

  /** Everything that changed since the last call, to be kept; each key once. */
  takeChanges(): Remembered[] {
    const changes = Array.from(this.#changed, (key) => {
      const entry = this.#entries.get(key)
      return entry ?? { key, value: undefined, expiresAtMs: 0 }
    })
    this.#changed.clear()
    return changes
  }

  #forgetOld(): void {
    const now = this.#clock.now()
    for (let i = 0; i < SWEPT_PER_PUT; i++) {
      this.#sweep ??= this.#entries.values()
      const next = this.#sweep.next()
      if (next.done) {
        this.#sweep = undefined
        return
      }
      if (next.value.expiresAtMs <= now) this.delete(next.value.key)
    }
  }
}
