// How many connections a place takes. A site is a group of mail hosts: domains that share their MX share its limits. The
// limit grows while mail is taken, is halved when the other side says "not so much" or falls silent, and at one connection
// the site pauses instead. Everything is forgotten at a restart, and learned again.

import { isPermanent, type Reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Failed } from './connect.ts'

/** Of a site that has taken a first connection; before, one is enough to find out. */
const FIRST_LIMIT = 5
/** Messages taken for each connection of the limit until it grows by one. */
const TAKEN_TO_GROW = 64
/** Sites that are remembered without mail for them. */
const REMEMBERED = 5000
/** A pause that the other side asks for is kept as long as this. */
const PAUSE_AT_MOST_MS = 3_600_000

/** False: it wants none any more. */
type Wish = () => boolean

interface Wishes {
  /** Of lanes without a connection: they come first. */
  readonly first: Set<Wish>
  readonly more: Set<Wish>
}

export class Site {
  /** Names of its hosts, and the address of ours that it is reached from, where there are several. */
  readonly key: string
  /** Recipients that it was given. */
  given = 0
  /** Connections to it, also those that are being opened. */
  open = 0
  /** Never more than these. */
  most: number
  /** Messages that may go there; undefined: as many as are taken. */
  perMinute: number | undefined
  #nextMs = Number.NEGATIVE_INFINITY
  /** Nothing is tried there before (wall clock), because of this failure. */
  pausedUntilMs = 0
  lastFailure: Failed | undefined
  #limit = 1
  #taken = 0
  /** Connections of each share (lanes.ts). */
  readonly #openOf = new Map<string, number>()
  /** Lanes that want a connection and got none, by share; called in turn when there is room. */
  readonly #waiting = new Map<string, Wishes>()

  constructor(key: string, most: number) {
    this.key = key
    this.most = most
  }

  get limit(): number {
    // No connection waits for more than some seconds for its turn.
    const atRate = this.perMinute === undefined ? this.most : Math.ceil(this.perMinute / 20)
    return Math.min(this.#limit, this.most, atRate)
  }

  /** How long the next message must wait (monotonic clock), which is then the last one. */
  paceMs(nowMs: number): number {
    if (this.perMinute === undefined) return 0
    const atMs = Math.max(nowMs, this.#nextMs)
    this.#nextMs = atMs + 60_000 / this.perMinute
    return atMs - nowMs
  }

  get hasRoom(): boolean {
    return this.open < this.limit
  }

  /** Others are there, and no more may come. */
  get isFull(): boolean {
    return this.open > 0 && !this.hasRoom
  }

  /** A connection came about. */
  opened(): void {
    this.pausedUntilMs = 0
    if (this.#limit === 1 && this.#taken === 0) this.#limit = FIRST_LIMIT
    this.#call()
  }

  took(): void {
    if (++this.#taken % (TAKEN_TO_GROW * this.limit) !== 0) return
    this.#limit = Math.min(this.#limit + 1, this.most)
    this.#call()
  }

  /** It wants fewer, or is slow to answer. False: it has only one, and wants less than that. */
  shrink(atMost = Math.floor(this.limit / 2)): boolean {
    // Growth begins anew, and slowly.
    this.#taken = 1
    if (this.limit === 1) return false
    this.#limit = Math.max(1, atMost)
    return true
  }

  enter(share: string): void {
    this.open++
    this.#openOf.set(share, (this.#openOf.get(share) ?? 0) + 1)
  }

  leave(share: string): void {
    this.open--
    const left = this.#openOf.get(share)! - 1
    if (left > 0) this.#openOf.set(share, left)
    else this.#openOf.delete(share)
    this.#call()
  }

  /** Lanes wait for a place. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0
  }

  /** A place that is not needed by this share is needed by others, or by a lane of it that has none. */
  isWanted(share: string): boolean {
    for (const [other, { first }] of this.#waiting) if (other !== share || first.size > 0) return true
    return false
  }

  /** `has`: it has connections, and wants one more. */
  wait(share: string, lane: Wish, has: boolean): void {
    const wishes = this.#waiting.get(share) ?? { first: new Set(), more: new Set() }
    this.#waiting.set(share, wishes)
    wishes[has ? 'more' : 'first'].add(lane)
  }

  /** Whoever has more connections here than one who waits gives one to him: a share, or a lane of the same one. */
  owes(share: string, connectionsOfLane: number): boolean {
    const own = this.#openOf.get(share) ?? 0
    for (const [other, { first }] of this.#waiting) {
      const isLess = (this.#openOf.get(other) ?? 0) + 1 < own
      if (other === share ? first.size > 0 && connectionsOfLane > 1 : isLess) return true
    }
    return false
  }

  /** As many lanes in turn as there are places, first of the share that has fewest; one that needs none any more says so. */
  #call(): void {
    let places = this.limit - this.open
    while (places > 0 && this.#waiting.size > 0) {
      const [share, wishes] = [...this.#waiting].reduce((least, one) =>
        (this.#openOf.get(one[0]) ?? 0) < (this.#openOf.get(least[0]) ?? 0) ? one : least,
      )
      const { first, more } = wishes
      const lanes = first.size > 0 ? first : more
      const [lane] = lanes
      lanes.delete(lane!)
      if (first.size + more.size === 0) this.#waiting.delete(share)
      if (lane!()) places--
    }
  }
}

/** All sites that mail went to lately. */
export class Sites {
  readonly #sites = new Map<string, Site>()

  forgetPauses(): void {
    for (const site of this.#sites.values()) site.pausedUntilMs = 0
  }

  at(key: string, most: number, perMinute?: number): Site {
    const site = this.#sites.get(key) ?? new Site(key, most)
    site.most = most
    site.perMinute = perMinute
    // Newest last: the others are forgotten first.
    this.#sites.delete(key)
    this.#sites.set(key, site)
    if (this.#sites.size > REMEMBERED)
      for (const [old, { open, isAwaited }] of this.#sites) {
        if (open > 0 || isAwaited) continue
        this.#sites.delete(old)
        break
      }
    return site
  }
}

/** "Less of it", in the words of the large providers; 421 and our own 4.4.x (silence) say so without words. */
const LESS =
  /\brate.?limit|\btoo (?:many|much|fast)\b|\bthrottl|\bslow down\b|\bexceed(?:ed|s|ing)?\b.{0,40}\b(?:rate|limit|quota|connections)|\bconnections? limit|\btemporarily (?:deferred|rate)|\bunusual rate\b|\bconcurrent\b/i
/** Of one recipient alone, whatever the words. */
const OF_A_MAILBOX = /^4\.(?:1|2)\./

/** Does this reply, to a command within a transaction, say something of all mail from here. */
export function wantsLess(reply: Reply): boolean {
  if (reply.code < 400 || isPermanent(reply)) return false
  if (reply.code === 421) return true
  if (reply.code === 452 || OF_A_MAILBOX.test(reply.enhanced ?? '')) return false
  return LESS.test(replyText(reply).slice(0, 1000))
}

const UNITS_MS: readonly (readonly [RegExp, number])[] = [
  [/^s/i, 1000],
  [/^m/i, 60_000],
  [/^h/i, 3_600_000],
]

/** How long the other side asks us to wait; undefined: it says nothing of it. */
export function askedPauseMs(reply: Reply): number | undefined {
  const said = replyText(reply).slice(0, 1000)
  const match =
    /\b(?:in|for|after|wait|within)\s+(?:at least\s+|another\s+|about\s+)?(\d{1,5})\s*(s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?)\b/i.exec(
      said,
    )
  if (match === null) return undefined
  const unitMs = UNITS_MS.find(([pattern]) => pattern.test(match[2]!))![1]
  return Math.min(Number(match[1]) * unitMs, PAUSE_AT_MOST_MS)
}
