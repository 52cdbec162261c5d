// The queue of a store in memory: entries by id, a lane for each domain, and heaps that say what is due.

import type { QueueEntry, QueueId, QueueLane } from '../types.ts'
import { Due } from './due.ts'

type Entry = { -readonly [Key in keyof QueueEntry]: QueueEntry[Key] }

interface Lane {
  readonly domain: string
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
  readonly #due = new Due<Lane>((lane, atMs) => this.#lanes.get(lane.domain) === lane && dueMs(lane) === atMs)
  #lastId = 0

  get length(): number {
    return this.#entries.size
  }

  add(entry: Omit<QueueEntry, 'id'>): QueueId {
    const id = ++this.#lastId
    this.#join({ ...entry, id })
    return id
  }

  /** False: there is no such entry. */
  change(id: QueueId, changes: (entry: QueueEntry) => Partial<Omit<QueueEntry, 'id'>>): boolean {
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
    return entry
  }

  rest(domain: string, untilMs: number, failures: number, lastReply: string): void {
    const lane = this.#lanes.get(domain)
    if (lane === undefined) return
    Object.assign(lane, { restsUntilMs: untilMs, failures, lastReply })
    this.#dueAnew(lane)
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

  lane(domain: string): QueueLane | undefined {
    const lane = this.#lanes.get(domain)
    return lane && shown(lane)
  }

  lanes(): QueueLane[] {
    return [...this.#lanes.values()].map(shown)
  }

  lanesDue(nowMs: number, limit: number, except: readonly string[]): QueueLane[] {
    const but = new Set(except)
    return this.#due.by(nowMs, limit, ({ domain }) => !but.has(domain)).map(shown)
  }

  due(domain: string, nowMs: number, limit: number): QueueEntry[] {
    return this.#lanes.get(domain)?.due.by(nowMs, limit) ?? []
  }

  inLane(domain: string): Iterable<QueueEntry> {
    return this.#lanes.get(domain)?.entries.values() ?? []
  }

  get nextDueMs(): number | undefined {
    return this.#due.firstMs
  }

  #join(entry: Entry): void {
    this.#entries.set(entry.id, entry)
    const lane = this.#lanes.get(entry.domain) ?? this.#begin(entry.domain)
    lane.entries.set(entry.id, entry)
    if (entry.state === 'waiting') {
      lane.waiting++
      lane.due.put(entry, entry.nextAttemptAtMs)
    }
    this.#dueAnew(lane)
  }

  #leave(entry: Entry, forGood: boolean): void {
    const lane = this.#lanes.get(entry.domain)!
    if (entry.state === 'waiting') lane.waiting--
    lane.entries.delete(entry.id)
    if (!forGood) return
    if (lane.entries.size === 0) this.#lanes.delete(lane.domain)
    else this.#dueAnew(lane)
  }

  #begin(domain: string): Lane {
    const entries = new Map<QueueId, Entry>()
    const due = new Due<Entry>(
      (entry, atMs) => entries.get(entry.id) === entry && entry.state === 'waiting' && entry.nextAttemptAtMs === atMs,
    )
    const lane = { domain, entries, due, waiting: 0, putMs: undefined, restsUntilMs: 0, failures: 0, lastReply: '' }
    this.#lanes.set(domain, lane)
    return lane
  }

  #dueAnew(lane: Lane): void {
    const atMs = dueMs(lane)
    if (atMs !== undefined && atMs !== lane.putMs) this.#due.put(lane, atMs)
    lane.putMs = atMs
  }
}

/** When something of it is due and it does not rest; undefined: nothing waits. */
function dueMs({ due, restsUntilMs }: Lane): number | undefined {
  const first = due.firstMs
  return first === undefined ? undefined : Math.max(first, restsUntilMs)
}

function shown(lane: Lane): QueueLane {
  const { domain, entries, due, waiting, restsUntilMs, failures, lastReply } = lane
  const held = entries.size - waiting
  return { domain, waiting, held, nextAttemptAtMs: due.firstMs ?? null, restsUntilMs, failures, lastReply }
}
