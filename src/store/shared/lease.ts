// Work that only one node may do: whoever has the lease does it, and keeps the lease while he can. When he ends or cannot
// reach the database, he stops, and only after that may another take over: the lease in the database lasts longer than he
// counts on it.

import { DiskError } from '../../world/disk.ts'
import type { Timer, World } from '../../world/world.ts'
import type { SharedLog } from './log.ts'

const LEASE_MS = 15_000
/** How long the holder counts on it since it was last confirmed. */
const trustedMs = LEASE_MS * 0.6
const renewEveryMs = LEASE_MS / 5

export class Lease {
  readonly #world: World
  readonly #log: SharedLog
  readonly #name: string
  readonly #holder: string
  readonly #work: { begin(): void; end(): Promise<void> }
  #isHeld = false
  #isEnding: Promise<void> | undefined
  #confirmedMs = 0
  #timer: Timer | undefined
  #round: Promise<void> | undefined
  #isStopped = false

  constructor(world: World, log: SharedLog, name: string, work: { begin(): void; end(): Promise<void> }) {
    this.#world = world
    this.#log = log
    this.#name = name
    this.#holder = world.random.bytes(8).toString('hex')
    this.#work = work
  }

  /** It is ours, and nobody else can have it yet: also where this process was stopped for a while and has just gone on. */
  get isSure(): boolean {
    return this.#isHeld && this.#world.clock.monotonic() - this.#confirmedMs < trustedMs
  }

  /** By whom commits are made that only the holder may make. */
  get holder(): string {
    return this.#holder
  }

  /** Tries to get it, from now on. */
  start(): void {
    this.#round = this.#try().finally(() => {
      if (!this.#isStopped) this.#timer = this.#world.clock.after(renewEveryMs, () => this.start())
    })
  }

  /** Ends the work, and lets others have it at once. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#round
    this.#timer?.cancel()
    await this.#lose()
    await this.#log.release(this.#name, this.#holder)
  }

  async #try(): Promise<void> {
    const askedMs = this.#world.clock.monotonic()
    // Should no answer come in time, the work ends while it is asked.
    const watchdog = this.#isHeld
      ? this.#world.clock.after(Math.max(0, this.#confirmedMs + trustedMs - askedMs), () => void this.#lose())
      : undefined
    let got = false
    try {
      await this.#isEnding
      got = await this.#log.lease(this.#name, this.#holder, LEASE_MS)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      watchdog?.cancel()
      if (this.#isHeld && this.#world.clock.monotonic() - this.#confirmedMs > trustedMs) await this.#lose()
      return
    }
    watchdog?.cancel()
    if (!got) {
      await this.#lose()
      return
    }
    this.#confirmedMs = askedMs
    if (this.#isHeld || this.#isStopped) return
    this.#isHeld = true
    this.#work.begin()
  }

  #lose(): Promise<void> {
    if (!this.#isHeld) return this.#isEnding ?? Promise.resolve()
    this.#isHeld = false
    this.#isEnding = this.#work.end().finally(() => {
      this.#isEnding = undefined
    })
    return this.#isEnding
  }
}
