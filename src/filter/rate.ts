// Rates: how much one key (an address, a network, an Author) may do in a time. A leaky bucket per key; the table is
// bounded, and the keys that have drained are forgotten first.

import type { Clock } from '../world/world.ts'

const MAX_KEYS = 100_000

export class RateLimit {
  readonly #clock: Clock
  readonly #capacity: number
  readonly #drainPerMs: number
  readonly #levels = new Map<string, { level: number; atMs: number }>()

  /** At most `count` within `windowMs`, then one more each time the bucket has drained by one. */
  constructor(clock: Clock, count: number, windowMs: number) {
    this.#clock = clock
    this.#capacity = count
    this.#drainPerMs = count / windowMs
  }

  /** Takes one (or `amount`) if there is room; false when the limit is reached: then nothing is taken. */
  take(key: string, amount = 1): boolean {
    const level = this.#levelOf(key)
    if (level + amount > this.#capacity) return false
    this.#put(key, level + amount)
    return true
  }

  /** Takes one (or gives some back) whether there is room or not: beyond the limit it only takes longer to drain. */
  add(key: string, amount = 1): void {
    this.#put(key, Math.max(0, this.#levelOf(key) + amount))
  }

  /** Is there room for one more, without taking it. */
  hasRoom(key: string): boolean {
    return this.#levelOf(key) + 1 <= this.#capacity
  }

  /** Forgets a key: what it did no longer counts. */
  clear(key: string): void {
    this.#levels.delete(key)
  }

  #levelOf(key: string): number {
    const entry = this.#levels.get(key)
    if (entry === undefined) return 0
    return Math.max(0, entry.level - (this.#clock.monotonic() - entry.atMs) * this.#drainPerMs)
  }

  #put(key: string, level: number): void {
    // Re-inserting moves the key to the end: the map's first keys are the longest untouched.
    this.#levels.delete(key)
    if (this.#levels.size >= MAX_KEYS) this.#levels.delete(this.#levels.keys().next().value!)
    this.#levels.set(key, { level, atMs: this.#clock.monotonic() })
  }
}

/** How many of something are open at once, per key. */
export class Concurrency {
  readonly #open = new Map<string, number>()
  readonly #perKey: number
  readonly #inAll: number
  #total = 0

  constructor(perKey: number, inAll: number) {
    this.#perKey = perKey
    this.#inAll = inAll
  }

  /** Enters, or says which limit is reached. */
  enter(key: string): 'ok' | 'per-key' | 'in-all' {
    if (this.#total >= this.#inAll) return 'in-all'
    const open = this.#open.get(key) ?? 0
    if (open >= this.#perKey) return 'per-key'
    this.#open.set(key, open + 1)
    this.#total++
    return 'ok'
  }

  leave(key: string): void {
    const open = this.#open.get(key)
    if (open === undefined) return
    if (open === 1) this.#open.delete(key)
    else this.#open.set(key, open - 1)
    this.#total--
  }
}
