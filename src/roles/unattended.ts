// Work that nobody waits for: a timer begins it, or news of a change. What it throws (the store cannot be read: EIO) would
// end the process, and with it everybody's mail. So all such work goes through here: a fault is told, and the work is done
// again after a rest.

import type { Clock, Timer } from '../world/world.ts'

const REST_MS = 10_000

export class Unattended {
  readonly #clock: Pick<Clock, 'after'>
  readonly #work: () => void
  readonly #failed: (error: unknown) => void
  #resting: Timer | undefined
  #isStopped = false

  /** `work`: may throw before it has changed anything, and may be done twice. `failed`: told of each fault, for the log. */
  constructor(clock: Pick<Clock, 'after'>, work: () => void, failed: (error: unknown) => void) {
    this.#clock = clock
    this.#work = work
    this.#failed = failed
  }

  /** Does it now; after a fault, when it has rested. Never throws. */
  begin(): void {
    if (this.#isStopped || this.#resting !== undefined) return
    try {
      this.#work()
    } catch (error) {
      this.#failed(error)
      this.#resting = this.#clock.after(REST_MS, () => {
        this.#resting = undefined
        this.begin()
      })
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#resting?.cancel()
  }
}
