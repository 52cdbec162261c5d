// Greylisting (RFC 6647): who is seen for the first time is asked to come again, which relays do and most senders of
// spam do not. Nobody is delayed who is proven or known; who came back once is not asked again. RFC 6647 §5: the triplet
// of network, sender and recipient, a range of time within which a retry counts, and an end of each entry.

import { createHash } from 'node:crypto'
import type { Clock } from '../world/world.ts'
import { neighbourhood } from './lists.ts'
import type { KeyValueWithTime } from './memory.ts'

export interface GreylistSettings {
  /** A retry counts from here on, milliseconds after the first attempt … */
  readonly afterMs: number
  /** … and until here; later it is a first attempt again. */
  readonly untilMs: number
  /** Who came back is let in for this long after it was last seen. */
  readonly remembersMs: number
  /** A network that came back for so many triplets of one sending domain is let in for every recipient. */
  readonly knownAfter: number
}

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** RFC 6647 §5 recommends retries between one minute and 24 hours, and at least a week of memory. */
export const DEFAULT_GREYLIST: GreylistSettings = {
  afterMs: MINUTE,
  untilMs: DAY,
  remembersMs: 36 * DAY,
  knownAfter: 3,
}

export interface Attempt {
  readonly ip: string
  /** Domain of the reverse-path; '' for a bounce. */
  readonly senderDomain: string
  readonly recipient: string
  /** SPF or DKIM proved the sender's domain. */
  readonly proven: boolean
  /** Someone here has written to this sender, allowed it, or its reputation is good. */
  readonly known: boolean
}

export type GreylistVerdict =
  | { readonly outcome: 'pass'; readonly reason: 'proven' | 'known' | 'came back' }
  | { readonly outcome: 'defer'; readonly retryAfterMs: number; readonly reason: string }

export class Greylist {
  readonly #memory: KeyValueWithTime
  readonly #clock: Pick<Clock, 'now'>
  readonly #settings: GreylistSettings

  constructor(memory: KeyValueWithTime, clock: Pick<Clock, 'now'>, settings: Partial<GreylistSettings> = {}) {
    this.#memory = memory
    this.#clock = clock
    this.#settings = { ...DEFAULT_GREYLIST, ...settings }
  }

  /** May this recipient's message come now? Remembers the attempt. */
  check(attempt: Attempt): GreylistVerdict {
    if (attempt.proven) return { outcome: 'pass', reason: 'proven' }
    if (attempt.known) return { outcome: 'pass', reason: 'known' }
    const network = neighbourhood(attempt.ip)
    const domain = attempt.senderDomain.toLowerCase()
    const pair = keyOf('pair', network, domain)
    if (this.#comebacks(pair) >= this.#settings.knownAfter) {
      this.#remember(pair, String(this.#comebacks(pair)))
      return { outcome: 'pass', reason: 'came back' }
    }
    const triplet = keyOf('triplet', network, domain, attempt.recipient.toLowerCase())
    return this.#checkTriplet(triplet, pair)
  }

  #checkTriplet(triplet: string, pair: string): GreylistVerdict {
    const { afterMs, untilMs } = this.#settings
    const now = this.#clock.now()
    const state = this.#memory.get(triplet)
    if (state === PASSED) {
      this.#remember(triplet, PASSED)
      return { outcome: 'pass', reason: 'came back' }
    }
    const firstMs = Number(state)
    // A wall clock that was set back must not make anybody wait for longer.
    const waitedMs = state === undefined || firstMs > now ? undefined : now - firstMs
    if (waitedMs === undefined || waitedMs > untilMs) {
      this.#memory.put(triplet, String(now), now + untilMs)
      return deferred(afterMs)
    }
    // An early retry does not begin the time anew: relays that try every few seconds would never get in.
    if (waitedMs < afterMs) return deferred(afterMs - waitedMs)
    this.#remember(triplet, PASSED)
    this.#remember(pair, String(this.#comebacks(pair) + 1))
    return { outcome: 'pass', reason: 'came back' }
  }

  #comebacks(pair: string): number {
    return Number(this.#memory.get(pair) ?? 0)
  }

  #remember(key: string, value: string): void {
    this.#memory.put(key, value, this.#clock.now() + this.#settings.remembersMs)
  }
}

const PASSED = 'passed'

function deferred(retryAfterMs: number): GreylistVerdict {
  const seconds = Math.ceil(retryAfterMs / 1000)
  return {
    outcome: 'defer',
    retryAfterMs,
    reason: `we have not met before and nothing proves who you are; come again in ${seconds} seconds`,
  }
}

/** Short, and nobody's address can be read from it. */
function keyOf(...parts: string[]): string {
  return `grey:${createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 22)}`
}
