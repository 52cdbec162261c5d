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
  #timer: Timer | undefined

  /** `failed`: told when what changed could not be kept. */
  constructor(store: Store, clock: Clock, failed: (error: unknown) => void) {
    this.#memory = new BoundedMemory(clock)
    this.#memory.load(store.remembered())
    this.#store = store
    this.#clock = clock
    this.#failed = failed
  }

  get(key: string): string | undefined {
    return this.#memory.get(key)
  }

  put(key: string, value: string, expiresAtMs: number): void {
    this.#memory.put(key, value, expiresAtMs)
    this.#saveSoon()
  }

  delete(key: string): void {
    this.#memory.delete(key)
    this.#saveSoon()
  }

  /** Keeps what changed. Never rejects. */
  async save(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    const changes = this.#memory.takeChanges()
    const parts = Array.from({ length: Math.ceil(changes.length / AT_ONCE) }, (_, i) =>
      changes.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
    )
    const commits = parts.map((part) => this.#store.commit([{ kind: 'remembered.put', changes: part }]))
    for (const outcome of await Promise.allSettled(commits))
      if (outcome.status === 'rejected') this.#failed(outcome.reason)
  }

  #saveSoon(): void {
    this.#timer ??= this.#clock.after(SAVED_AFTER_MS, () => void this.save())
  }
}
