// The agent's memory of strangers, kept in its store: loaded at the start, saved a minute after it changed and at the
// end. No mail depends on it and nothing waits for it: what a crash or a full disk forgets is learned again.

import { BoundedMemory, type KeyValueWithTime } from '../filter/memory.ts'
import type { Store } from '../store/store.ts'
import type { Clock, Timer } from '../world/world.ts'

const SAVED_AFTER_MS = 60_000
/** Changes in one commit, so that others do not wait for long. */
const AT_ONCE = 2000

export class KeptMemory implements KeyValueWithTime {
  readonly #memory: BoundedMemory
  readonly #store: Store
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  readonly #isShared: boolean
  /** What only another node had remembered, and is no more. */
  readonly #forgotten = new Set<string>()
  #timer: Timer | undefined

  /** `failed`: told when what changed could not be kept. `isShared`: other nodes keep theirs in the same store. */
  constructor(store: Store, clock: Clock, failed: (error: unknown) => void, isShared = false) {
    this.#isShared = isShared
    this.#memory = new BoundedMemory(clock)
    this.#memory.load(store.remembered())
    this.#store = store
    this.#clock = clock
    this.#failed = failed
  }

  get(key: string): string | undefined {
    const own = this.#memory.get(key)
    if (own !== undefined || !this.#isShared || this.#forgotten.has(key)) return own
    // Another node may have met him: it says so within a minute.
    const theirs = this.#store.rememberedAt(key)
    return theirs === undefined || theirs.expiresAtMs <= this.#clock.now() ? undefined : theirs.value
  }

  put(key: string, value: string, expiresAtMs: number): void {
    this.#memory.put(key, value, expiresAtMs)
    this.#saveSoon()
  }

  delete(key: string): void {
    this.#memory.delete(key)
    if (this.#isShared && this.get(key) !== undefined) this.#forgotten.add(key)
    this.#saveSoon()
  }

  /** Keeps what changed. Never rejects. */
  async save(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const forgotten = [...this.#forgotten].map((key) => ({ key, value: undefined, expiresAtMs: 0 }))
    const own = this.#memory.takeChanges()
    const known = new Set(own.map(({ key }) => key))
    const changes = [...own, ...forgotten.filter(({ key }) => !known.has(key))]
    const parts = Array.from({ length: Math.ceil(changes.length / AT_ONCE) }, (_, i) =>
      changes.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
    )
    const commits = parts.map((part) => this.#store.commit([{ kind: 'remembered.put', changes: part }]))
    for (const outcome of await Promise.allSettled(commits))
      if (outcome.status === 'rejected') this.#failed(outcome.reason)
    for (const { key } of forgotten) this.#forgotten.delete(key)
  }

  #saveSoon(): void {
    this.#timer ??= this.#clock.after(SAVED_AFTER_MS, () => void this.save())
  }
}
