// Clocks are set, by people and by time servers, also by ten years and also wrongly. The queue's moments are of the wall
// clock, for they outlive the machine; so when it leaps they are put right: no message is given up because a clock said
// that days had passed, and none waits for a year that will not come.

import type { Command } from '../../store/commands.ts'
import type { Agent } from '../agent.ts'

/** What time servers correct by slewing or a small step is no leap. */
const LEAP_MS = 3_600_000
const DAY_MS = 86_400_000

export class ClockWatch {
  readonly #agent: Agent
  #offsetMs: number
  /** After a leap ahead: what was read before it is not given up earlier. */
  expiresNotBeforeMs = 0

  constructor(agent: Agent) {
    this.#agent = agent
    this.#offsetMs = this.#offset()
  }

  /** What a start asks for: the machine may have been off while its clock was set back. */
  atStart(): Command {
    return this.#reclock(false)
  }

  /** What has to be done now because the clock leapt since the last time. */
  leap(): Command | undefined {
    const byMs = this.#offset() - this.#offsetMs
    if (Math.abs(byMs) < LEAP_MS) return undefined
    this.#offsetMs += byMs
    const command = this.#reclock(byMs > 0)
    this.expiresNotBeforeMs = byMs > 0 ? command.nowMs + command.periodMs : 0
    const days = (byMs / DAY_MS).toFixed(1)
    this.#agent.log('warning', `the clock leapt by ${days} days: is it right? Queued mail gets its full time from now`)
    return command
  }

  #reclock(isLater: boolean): Extract<Command, { kind: 'queue.reclock' }> {
    const { retryAfterS, expiresAfterS } = this.#agent.settings.transmitter
    const nowMs = this.#agent.world.clock.now()
    const longestWaitMs = Math.max(DAY_MS, 1100 * Math.max(...retryAfterS))
    return { kind: 'queue.reclock', nowMs, latestMs: nowMs + longestWaitMs, periodMs: expiresAfterS * 1000, isLater }
  }

  #offset(): number {
    const { clock } = this.#agent.world
    return clock.now() - clock.monotonic()
  }
}
