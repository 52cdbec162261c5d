// Who may hold a connection. Limits per address, per network and in all; when all places are taken, a newcomer gets the
// place of the connection for which we have waited longest, from the network that holds most. So thousands that say
// little cannot keep out one that has mail: who delivers never waits long, and who gave way does not get in by trying
// again.

import type { ConnectionControl } from '../protocols/smtp/policy.ts'
import type { Clock } from '../world/world.ts'
import { neighbourhood } from './lists.ts'
import { placesUnder, stressOf } from './pressure.ts'

export interface PlaceLimits {
  readonly perAddress: number
  readonly perNetwork: number
  readonly inAll: number
}

export interface Entrant {
  readonly ip: string
  /** On the allow list or of good reputation: never gives way. */
  readonly isKnown: boolean
  readonly control: Pick<ConnectionControl, 'waitedMs' | 'messages' | 'drop'>
}

export type Entry = 'ok' | 'per-address' | 'per-network' | 'in-all'

/** Nobody gives way who was silent for less: an honest relay far away takes most of a second between two commands. */
const PATIENT_MS = 1000
/** A newcomer for whom there is no place waits a little for one, before it is sent away. */
const WAITS_MS = 3000
const LOOKS_EVERY_MS = 200
const MAX_WAITING = 100
/** After a look at all of them found nobody who could give way, the next one would not either. */
const LOOKS_AGAIN_MS = 50
/** Who gave way for being silent has no claim on another's place for so long. */
const SULKS_MS = 60_000
const MAX_SULKING = 50_000

/** `Key` is what the connection is known by: its SessionFacts. */
export class Places<Key extends object> {
  readonly #limits: PlaceLimits
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly #open = new Map<Key, Entrant & { readonly network: string }>()
  readonly #ofAddress = new Map<string, number>()
  readonly #ofNetwork = new Map<string, number>()
  /** Addresses that gave way, oldest first, and until when. */
  readonly #gaveWay = new Map<string, number>()
  #waiting = 0
  #looksAgainAtMs = 0

  constructor(limits: PlaceLimits, clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#limits = limits
    this.#clock = clock
  }

  get open(): number {
    return this.#open.size
  }

  /** As `enter`, but a newcomer may wait a little for a place while all are taken. */
  async admit(key: Key, entrant: Entrant): Promise<Entry> {
    let entry = this.enter(key, entrant)
    if (entry !== 'in-all' || this.#waiting >= MAX_WAITING || this.#hasGivenWay(entrant.ip)) return entry
    this.#waiting++
    for (let waitedMs = 0; entry === 'in-all' && waitedMs < WAITS_MS; waitedMs += LOOKS_EVERY_MS) {
      await this.#clock.sleep(LOOKS_EVERY_MS)
      entry = this.enter(key, entrant)
    }
    this.#waiting--
    return entry
  }

  /** Takes a place, or says which limit is reached. Another connection may have to give way. */
  enter(key: Key, entrant: Entrant): Entry {
    const { perAddress, perNetwork, inAll } = this.#limits
    const network = neighbourhood(entrant.ip)
    const stress = stressOf({ connections: this.open, maxConnections: inAll, usedBytes: 0, limitBytes: 1, lagMs: 0 })
    if (!entrant.isKnown) {
      if ((this.#ofAddress.get(entrant.ip) ?? 0) >= placesUnder(stress, perAddress)) return 'per-address'
      if ((this.#ofNetwork.get(network) ?? 0) >= perNetwork) return 'per-network'
    }
    if (this.open >= inAll && (this.#hasGivenWay(entrant.ip) || !this.#makeRoom())) return 'in-all'
    this.#open.set(key, { ...entrant, network })
    count(this.#ofAddress, entrant.ip, 1)
    count(this.#ofNetwork, network, 1)
    return 'ok'
  }

  /** The connection is over. */
  leave(key: Key): void {
    const entrant = this.#open.get(key)
    if (entrant === undefined) return
    this.#open.delete(key)
    count(this.#ofAddress, entrant.ip, -1)
    count(this.#ofNetwork, entrant.network, -1)
  }

  #makeRoom(): boolean {
    if (this.#clock.monotonic() < this.#looksAgainAtMs) return false
    let worst: { key: Key; ip: string; control: Entrant['control']; claim: number } | undefined
    for (const [key, { ip, control, network, isKnown }] of this.#open) {
      const { waitedMs, messages } = control
      if (isKnown || waitedMs < PATIENT_MS) continue
      // Who has delivered may rest between two messages.
      const claim = (waitedMs * this.#ofNetwork.get(network)!) / (messages > 0 ? 10 : 1)
      if (worst === undefined || claim > worst.claim) worst = { key, ip, control, claim }
    }
    if (worst === undefined) {
      this.#looksAgainAtMs = this.#clock.monotonic() + LOOKS_AGAIN_MS
      return false
    }
    this.leave(worst.key)
    this.#remember(worst.ip)
    worst.control.drop()
    return true
  }

  #hasGivenWay(ip: string): boolean {
    return (this.#gaveWay.get(ip) ?? Number.NEGATIVE_INFINITY) > this.#clock.monotonic()
  }

  #remember(ip: string): void {
    this.#gaveWay.delete(ip)
    if (this.#gaveWay.size >= MAX_SULKING) this.#gaveWay.delete(this.#gaveWay.keys().next().value!)
    this.#gaveWay.set(ip, this.#clock.monotonic() + SULKS_MS)
  }
}

function count(table: Map<string, number>, key: string, change: number): void {
  const value = (table.get(key) ?? 0) + change
  if (value <= 0) table.delete(key)
  else table.set(key, value)
}
