// Guessing passwords, and spraying one over many names or many guesses at one name over many addresses. Counted are the
// name that was asked for, whether it exists or not, and where the question came from. Nobody can lock an owner out from
// elsewhere: from a place where this name has signed in before, only what was tried from that very place counts.

import type { Clock } from '../world/world.ts'
import { neighbourhood, unmapped } from './lists.ts'
import { BoundedMemory } from './memory.ts'
import { RateLimit } from './rate.ts'

const WINDOW_MS = 15 * 60_000
/** One name from one place (an IPv4 address, an IPv6 network of 64 bits). */
const AT_NAME_FROM_PLACE = 20
const FROM_PLACE = 60
/** 256 addresses of IPv4. */
const FROM_NETWORK = 200
/** One name from all places where it never signed in. */
const AT_NAME = 100
const AT_NAME_MS = 3_600_000
const HOME_MS = 60 * 86_400_000

export class Guesses {
  readonly #clock: Clock
  readonly #pairs: RateLimit
  readonly #places: RateLimit
  readonly #networks: RateLimit
  readonly #names: RateLimit
  /** Where a name has signed in. */
  readonly #homes: BoundedMemory

  constructor(clock: Clock) {
    this.#clock = clock
    this.#pairs = new RateLimit(clock, AT_NAME_FROM_PLACE, WINDOW_MS)
    this.#places = new RateLimit(clock, FROM_PLACE, WINDOW_MS)
    this.#networks = new RateLimit(clock, FROM_NETWORK, WINDOW_MS)
    this.#names = new RateLimit(clock, AT_NAME, AT_NAME_MS)
    this.#homes = new BoundedMemory(clock)
  }

  /** May a password be tried? Nothing is taken: many at once may be many people behind one address. */
  admits(name: string, ip: string): boolean {
    return this.#limits(name, ip).every(([limit, key]) => limit.hasRoom(key))
  }

  /** One was tried. It counts as wrong until `right` is told; many wrong ones at once only take longer to drain. */
  count(name: string, ip: string): void {
    for (const [limit, key] of this.#limits(name, ip)) limit.add(key)
  }

  /** What was counted last was right: the place is this name's from now on. */
  right(name: string, ip: string): void {
    for (const [limit, key] of this.#limits(name, ip)) limit.add(key, -1)
    const pair = pairOf(name, ip)
    this.#pairs.clear(pair)
    this.#homes.put(pair, '', this.#clock.now() + HOME_MS)
  }

  /** The limits that hold for this name from there. */
  #limits(name: string, ip: string): [limit: RateLimit, key: string][] {
    const pair = pairOf(name, ip)
    if (this.#homes.get(pair) !== undefined) return [[this.#pairs, pair]]
    return [
      [this.#pairs, pair],
      [this.#places, placeOf(ip)],
      [this.#networks, neighbourhood(ip)],
      [this.#names, name.toLowerCase()],
    ]
  }
}

const placeOf = (ip: string) => (unmapped(ip).includes(':') ? neighbourhood(ip) : unmapped(ip))
const pairOf = (name: string, ip: string) => `${placeOf(ip)} ${name.toLowerCase()}`
