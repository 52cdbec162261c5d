// Lanes: what of the queue is in memory, by destination and by share (a contract's mail, that of a pool's Authors, and the
// rest: none waits behind another's). However much lies in the queue, the lanes hold a part that is
// bounded: each its share, and all together; and a lane always gets a few, whatever the others hold.

import type { LaneName, QueueEntry } from '../../store/nouns/queue.ts'
import type { Job } from './jobs.ts'
import type { Site } from './sites.ts'

/** Entries in memory; more are fetched as these are done. */
const ENTRIES_AT_ONCE = 2000
/** Of these, for one lane: few until its place has answered. */
const ENTRIES_PER_LANE = 500
const ENTRIES_ON_TRIAL = 50
/** What a lane, and all of a share, may have however full the others are. */
const ENTRIES_AT_LEAST = 5
const ENTRIES_PER_SHARE = 200
/** Lanes at the same time, and what a share may have of them whatever the others have. */
const LANES = 2000
const LANES_AT_LEAST = 100

const REQUIRES_TLS = 'REQUIRETLS'
const ANY_TLS = 'any TLS'
const KINDS = ['', REQUIRES_TLS, ANY_TLS]

export interface Lane extends LaneName {
  readonly key: string
  readonly heedsPolicy: boolean
  readonly requiresTls: boolean
  readonly jobs: Job[]
  /** Entries that wait here or are being delivered. */
  load: number
  workers: number
  /** A connection has succeeded: more than one is worth trying. */
  isProven: boolean
  /** Where its mail goes, once that was found out: from each address of its pool. */
  sites: readonly Site[]
  /** Its place did not answer so often in a row. */
  failures: number
  /** It is not before then that a message is tried; milliseconds of the wall clock. */
  restsUntilMs: number
  /** There may be more of it in the queue than it could take. */
  hasMore: boolean
  /** A place at a site of its is free. */
  readonly wantsPlace: () => boolean
  /** Wakes a worker that waits for mail with its connection open. */
  readonly waiting: Set<() => void>
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>()
  readonly #hire: (lane: Lane) => boolean
  readonly #ofShare = new Map<string, { lanes: number; load: number }>()
  #load = 0

  /** `hire` is called when a lane that waited for a place at its site may have it. */
  constructor(hire: (lane: Lane) => boolean) {
    this.#hire = hire
  }

  get all(): Iterable<Lane> {
    return this.#lanes.values()
  }

  /** Connections that need not prove anything (TLS reports), or must (REQUIRETLS), are never used for other mail. */
  of({ domain, share, parameters, reversePath }: QueueEntry): Lane {
    const heedsPolicy = parameters.ignoresTlsPolicy !== true
    // RFC 8689 §5: a bounce is not lost for it.
    const requiresTls = parameters.requireTls === true && reversePath !== ''
    const key = keyOf({ domain, share }, requiresTls ? REQUIRES_TLS : heedsPolicy ? '' : ANY_TLS)
    const known = this.#lanes.get(key)
    if (known !== undefined) return known
    const lane: Lane = {
      key,
      domain,
      share,
      heedsPolicy,
      requiresTls,
      jobs: [],
      load: 0,
      workers: 0,
      isProven: false,
      sites: [],
      failures: 0,
      restsUntilMs: 0,
      hasMore: false,
      wantsPlace: () => this.#hire(lane),
      waiting: new Set(),
    }
    return lane
  }

  /** The lane of ordinary mail. */
  at(name: LaneName): Lane | undefined {
    return this.#lanes.get(keyOf(name, ''))
  }

  /** How many more entries it may hold. */
  roomIn(lane: Lane): number {
    if (!this.#lanes.has(lane.key) && !this.#takesMoreOf(lane.share)) return 0
    const most = lane.isProven ? ENTRIES_PER_LANE : ENTRIES_ON_TRIAL
    const left = Math.max(ENTRIES_AT_ONCE - this.#load, ENTRIES_PER_SHARE - (this.#ofShare.get(lane.share)?.load ?? 0))
    return Math.max(Math.min(most - lane.load, left), ENTRIES_AT_LEAST - lane.load)
  }

  /** The same of a lane of ordinary mail, there or not. */
  roomAt(name: LaneName): number {
    const lane = this.at(name)
    if (lane !== undefined) return this.roomIn(lane)
    return this.#takesMoreOf(name.share) ? ENTRIES_ON_TRIAL : 0
  }

  #takesMoreOf(share: string): boolean {
    return this.#lanes.size < LANES || (this.#ofShare.get(share)?.lanes ?? 0) < LANES_AT_LEAST
  }

  /** Entries for a destination that are in memory, whatever TLS they ask for. */
  loadFor(name: LaneName): number {
    return KINDS.reduce((sum, kind) => sum + (this.#lanes.get(keyOf(name, kind))?.load ?? 0), 0)
  }

  /** Is it worth looking for more: half of what it may hold is done. */
  isHungry(lane: Lane): boolean {
    return lane.load <= (lane.isProven ? ENTRIES_PER_LANE : ENTRIES_ON_TRIAL) / 2 && this.roomIn(lane) > 0
  }

  loaded(lane: Lane, count: number): void {
    const share = this.#ofShare.get(lane.share) ?? { lanes: 0, load: 0 }
    this.#ofShare.set(lane.share, share)
    if (!this.#lanes.has(lane.key)) {
      this.#lanes.set(lane.key, lane)
      share.lanes++
    }
    lane.load += count
    share.load += count
    this.#load += count
  }

  unloaded(lane: Lane, count: number): void {
    lane.load -= count
    this.#ofShare.get(lane.share)!.load -= count
    this.#load -= count
    this.forget(lane)
  }

  /** If nothing is done for it any more. */
  forget(lane: Lane): void {
    if (lane.load > 0 || lane.workers > 0 || lane.jobs.length > 0 || !this.#lanes.delete(lane.key)) return
    if (--this.#ofShare.get(lane.share)!.lanes === 0) this.#ofShare.delete(lane.share)
  }
}

/** Neither a domain nor a share holds a line end. */
const keyOf = ({ domain, share }: LaneName, kind: string) => `${domain}\n${share}\n${kind}`
