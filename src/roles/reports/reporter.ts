// The reporter of an agent: sends the reports and complaints that are due, looks into those that came. What is to be done lies in the
// store, so it goes on after any crash where it was.

import { REPORTS } from '../../store/nouns/watched.ts'
import { DiskError } from '../../world/disk.ts'
import type { Timer } from '../../world/world.ts'
import type { Agent } from '../agent.ts'
import { Complaints } from './complain.ts'
import { sendDue } from './send.ts'
import { takeIn } from './take-in.ts'

/** After something came, so that a burst of mail is one look. */
const LOOK_AFTER_MS = 1000
/** Never longer: clocks may jump. */
const MAX_SLEEP_MS = 600_000
const AFTER_FAULT_MS = 60_000
/** Days that are closed, and reports that came. */
const KEPT_MS = 400 * 86_400_000

export class Reporter {
  readonly #agent: Agent
  readonly #complaints: Complaints
  #timer: { readonly timer: Timer; readonly atMs: number } | undefined
  #unwatch: (() => void) | undefined
  #isWorking = false
  /** Something came meanwhile. */
  #isWoken = false
  #isStopped = false

  constructor(agent: Agent) {
    this.#agent = agent
    this.#complaints = new Complaints(agent)
  }

  start(): void {
    this.#unwatch = this.#agent.store.watch(REPORTS, () => this.#wakeIn(LOOK_AFTER_MS))
    this.#wakeIn(LOOK_AFTER_MS)
  }

  /** Nothing new is begun. A report under way is one that the next start sends. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#unwatch?.()
    this.#timer?.timer.cancel()
  }

  #wakeIn(delayMs: number): void {
    if (this.#isStopped) return
    if (this.#isWorking) {
      this.#isWoken = true
      return
    }
    const { clock } = this.#agent.world
    const atMs = clock.monotonic() + delayMs
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return
    this.#timer?.timer.cancel()
    const timer = clock.after(delayMs, () => {
      this.#timer = undefined
      this.#isWorking = true
      this.#isWoken = false
      void this.#work().then((againMs) => {
        this.#isWorking = false
        if (this.#isWoken) this.#wakeIn(LOOK_AFTER_MS)
        if (againMs !== undefined) this.#wakeIn(againMs)
      })
    })
    this.#timer = { timer, atMs }
  }

  /** Does what there is to do; how long until there may be more, undefined when only an arrival brings some. */
  async #work(): Promise<number | undefined> {
    const { store, world, log, observations, settings } = this.#agent
    const isStopped = () => this.#isStopped
    try {
      await takeIn(this.#agent, isStopped)
      const waits: number[] = []
      const complaintsMs = settings.reports.complains ? await this.#complaints.work(isStopped) : undefined
      if (complaintsMs !== undefined) waits.push(complaintsMs)
      if (observations !== undefined) {
        await sendDue(this.#agent, isStopped)
        waits.push(MAX_SLEEP_MS, (store.reports.nextDueMs() ?? Number.POSITIVE_INFINITY) - world.clock.now())
      }
      return waits.length === 0 ? undefined : Math.max(LOOK_AFTER_MS, Math.min(...waits))
    } catch (error) {
      if (!this.#isStopped)
        log(error instanceof DiskError ? 'warning' : 'error', 'the reports have to wait', { error: String(error) })
      return AFTER_FAULT_MS
    }
  }

  /** Forgets what is too old to be of use. @throws DiskError */
  async prune(): Promise<void> {
    const { store, world } = this.#agent
    await store.commit([{ kind: 'report.prune', beforeMs: world.clock.now() - KEPT_MS }])
  }
}
