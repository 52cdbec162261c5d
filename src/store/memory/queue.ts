// The queue of a store in memory: entries by id, a lane for each domain and share, and heaps that say what is due.

import type { LaneName, NewQueueEntry, QueueEntry, QueueId, QueueLane } from '../nouns/queue.ts'
import { Due } from './due.ts'

type Entry = { -readonly [Key in keyof QueueEntry]: QueueEntry[Key] }

interface Lane extends LaneName {
  readonly entries: Map<QueueId, Entry>
  readonly due: Due<Entry>
  waiting: number
  /** With which time it was put into the heap of lanes last. */
  putMs: number | undefined
  restsUntilMs: number
  failures: number
  lastReply: string
}

export class Queue {
  readonly #entries = new Map<QueueId, Entry>()
  readonly #lanes = new Map<string, Lane>()
  readonly #due = new Map<string, Due<Lane>>()
  readonly #shares = new Map<string, { messages: number; bytes: number }>()
  #lastId = 0

  get length(): number {
    return this.#entries.size
  }

  add(entry: NewQueueEntry): QueueId {
    const id = ++this.#lastId
    const share = shareOf(entry)
    this.#join({ ...entry, id, share })
    this.#count(share, 1, entry.blob.sizeBytes)
    return id
  }

  /** False: there is no such entry. */
  change(id: QueueId, changes: (entry: QueueEntry) => Partial<NewQueueEntry>): boolean {
    const entry = this.#entries.get(id)
    if (entry === undefined) return false
    const changed = { ...entry, ...changes(entry) }
    // The place among the others stays: a map keeps it when a key is set again.
    this.#leave(entry, changed.domain !== entry.domain)
    this.#join(changed)
    return true
  }

  remove(id: QueueId): QueueEntry | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    this.#entries.delete(id)
    this.#leave(entry, true)
    this.#count(entry.share, -1, -entry.blob.sizeBytes)
    return entry
  }

  /** Without `share`: all lanes of the domain. */
  rest(
    domain: string,
    share: string | undefined,
    rest: Pick<QueueLane, 'restsUntilMs' | 'failures' | 'lastReply'>,
  ): void {
    for (const lane of share === undefined ? this.#lanesOf(domain) : [this.#lanes.get(keyOf({ domain, share }))]) {
      if (lane === undefined) continue
      Object.assign(lane, rest)
      this.#dueAnew(lane)
    }
  }

  /** Rests that would end after `latestMs` end now. */
  endRests(latestMs: number, nowMs: number): number {
    const late = [...this.#lanes.values()].filter(({ restsUntilMs }) => restsUntilMs > latestMs)
    for (const lane of late) {
      lane.restsUntilMs = nowMs
      this.#dueAnew(lane)
    }
    return late.length
  }

  /** In order of their ids. */
  *entries(afterId = 0): Generator<QueueEntry> {
    // Nearly always only what is new is asked for.
    if (afterId >= this.#lastId) return
    if (this.#lastId - afterId < this.#entries.size)
      for (let id = afterId + 1; id <= this.#lastId; id++) {
        const entry = this.#entries.get(id)
        if (entry !== undefined) yield entry
      }
    else for (const entry of this.#entries.values()) if (entry.id > afterId) yield entry
  }

  get(id: QueueId): QueueEntry | undefined {
    return this.#entries.get(id)
  }

  /** Of the entries that are there. */
  get lastId(): QueueId {
    let last = 0
    if (this.#entries.has(this.#lastId)) return this.#lastId
    for (const id of this.#entries.keys()) last = Math.max(last, id)
    return last
  }

  lane(name: LaneName): QueueLane | undefined {
    const lane = this.#lanes.get(keyOf(name))
    return lane && shown(lane)
  }

  lanesOf(domain: string): QueueLane[] {
    return this.#lanesOf(domain)
      .map(shown)
      .sort((a, b) => (a.share < b.share ? -1 : 1))
  }

  /** Those that have mail, but for ''. */
  shares(): string[] {
    return [...this.#shares.keys()].sort()
  }

  share(share: string): { readonly messages: number; readonly bytes: number } {
    return this.#shares.get(share) ?? { messages: 0, bytes: 0 }
  }

  lanes(): QueueLane[] {
    return [...this.#lanes.values()].map(shown)
  }

  lanesDue(share: string, nowMs: number, limit: number, except: readonly string[]): QueueLane[] {
    const but = new Set(except)
    const due = this.#due.get(share)?.by(nowMs, limit, ({ domain }) => !but.has(domain))
    return due?.map(shown) ?? []
  }

  due(name: LaneName, nowMs: number, limit: number): QueueEntry[] {
    return this.#lanes.get(keyOf(name))?.due.by(nowMs, limit) ?? []
  }

  inLane(name: LaneName): Iterable<QueueEntry> {
    return this.#lanes.get(keyOf(name))?.entries.values() ?? []
  }

  /** In order of their ids. */
  inDomain(domain: string): Iterable<QueueEntry> {
    const [lane, ...others] = this.#lanesOf(domain)
    if (others.length === 0) return lane?.entries.values() ?? []
    return [lane!, ...others].flatMap(({ entries }) => [...entries.values()]).sort((a, b) => a.id - b.id)
  }

  get nextDueMs(): number | undefined {
    const all = [...this.#due.values()].flatMap(({ firstMs }) => firstMs ?? [])
    return all.length === 0 ? undefined : Math.min(...all)
  }

  #lanesOf(domain: string): Lane[] {
    return ['', ...this.#shares.keys()].flatMap((share) => this.#lanes.get(keyOf({ domain, share })) ?? [])
  }

  #count(share: string, messages: number, bytes: number): void {
    if (share === '') return
    const known = this.share(share)
    if (known.messages + messages === 0) this.#shares.delete(share)
    else this.#shares.set(share, { messages: known.messages + messages, bytes: known.bytes + bytes })
  }

  #join(entry: Entry): void {
    this.#entries.set(entry.id, entry)
    const lane = this.#lanes.get(keyOf(entry)) ?? this.#begin(entry)
    lane.entries.set(entry.id, entry)
    if (entry.state === 'waiting') {
      lane.waiting++
      lane.due.put(entry, entry.nextAttemptAtMs)
    }
    this.#dueAnew(lane)
  }

  #leave(entry: Entry, forGood: boolean): void {
    const lane = this.#lanes.get(keyOf(entry))!
    if (entry.state === 'waiting') lane.waiting--
    lane.entries.delete(entry.id)
    if (!forGood) return
    if (lane.entries.size === 0) this.#lanes.delete(keyOf(lane))
    else this.#dueAnew(lane)
  }

  #begin({ domain, share }: LaneName): Lane {
    const entries = new Map<QueueId, Entry>()
    const due = new Due<Entry>(
      (entry, atMs) => entries.get(entry.id) === entry && entry.state === 'waiting' && entry.nextAttemptAtMs === atMs,
    )
    const fresh = { waiting: 0, putMs: undefined, restsUntilMs: 0, failures: 0, lastReply: '' }
    const lane = { domain, share, entries, due, ...fresh }
    this.#lanes.set(keyOf(lane), lane)
    return lane
  }

  #dueAnew(lane: Lane): void {
    const atMs = dueMs(lane)
    if (atMs !== undefined && atMs !== lane.putMs) this.#dueOf(lane.share).put(lane, atMs)
    lane.putMs = atMs
  }

  #dueOf(share: string): Due<Lane> {
    const known = this.#due.get(share)
    if (known !== undefined) return known
    const made = new Due<Lane>((lane, atMs) => this.#lanes.get(keyOf(lane)) === lane && dueMs(lane) === atMs)
    this.#due.set(share, made)
    return made
  }
}

/** Neither holds a line end. */
const keyOf = ({ domain, share }: LaneName) => `${domain}\n${share}`

/** As the store with a disk makes it (schema.ts). */
const shareOf = ({ parameters: { contract, pool } }: NewQueueEntry) =>
  contract ?? (pool === undefined ? '' : `pool ${pool}`)

/** When something of it is due and it does not rest; undefined: nothing waits. */
function dueMs({ due, restsUntilMs }: Lane): number | undefined {
  const first = due.firstMs
  return first === undefined ? undefined : Math.max(first, restsUntilMs)
}

function shown(lane: Lane): QueueLane {
  const { domain, share, entries, due, waiting, restsUntilMs, failures, lastReply } = lane
  const held = entries.size - waiting
  return { domain, share, waiting, held, nextAttemptAtMs: due.firstMs ?? null, restsUntilMs, failures, lastReply }
}
