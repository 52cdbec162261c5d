// Tracking events of a store in memory, found by what they are about; the newest so many are kept.

import type { TrackEvent } from '../nouns/tracking.ts'

type Filter = { trace?: string; messageId?: string; afterId?: number; limit?: number }

export class Tracking {
  readonly #kept: number
  /** In order of their ids. */
  readonly #events = new Map<number, TrackEvent>()
  readonly #byTrace = new Map<string, TrackEvent[]>()
  readonly #byMessage = new Map<string, TrackEvent[]>()
  lastId = 0

  constructor(kept: number) {
    this.#kept = kept
  }

  add(about: Omit<TrackEvent, 'id'>): TrackEvent {
    const event = { ...about, id: ++this.lastId }
    if (this.#kept === 0) return event
    this.#events.set(event.id, event)
    put(this.#byTrace, event.trace, event)
    if (event.messageId !== '') put(this.#byMessage, event.messageId, event)
    for (const old of this.#events.values()) {
      if (this.#events.size <= this.#kept) break
      this.#forget(old)
    }
    return event
  }

  /** Forgets what is older, and all but the newest `keep`. */
  prune(beforeMs: number, keep: number): void {
    for (const event of this.#events.values()) {
      if (event.atMs >= beforeMs && event.id > this.lastId - keep) break
      this.#forget(event)
    }
  }

  find({ trace, messageId, afterId = 0, limit = 1000 }: Filter): TrackEvent[] {
    const some =
      trace !== undefined
        ? (this.#byTrace.get(trace) ?? [])
        : messageId !== undefined
          ? (this.#byMessage.get(messageId) ?? [])
          : this.#after(afterId)
    const found: TrackEvent[] = []
    for (const event of some) {
      if (found.length >= limit) break
      if (event.id > afterId && (messageId === undefined || event.messageId === messageId)) found.push(event)
    }
    return found
  }

  *#after(id: number): Generator<TrackEvent> {
    const first = this.#events.values().next().value?.id ?? 1
    for (let at = Math.max(first, id + 1); at <= this.lastId; at++) {
      const event = this.#events.get(at)
      if (event !== undefined) yield event
    }
  }

  #forget(event: TrackEvent): void {
    this.#events.delete(event.id)
    take(this.#byTrace, event.trace, event)
    take(this.#byMessage, event.messageId, event)
  }
}

function put(lists: Map<string, TrackEvent[]>, key: string, event: TrackEvent): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [event])
  else list.push(event)
}

function take(lists: Map<string, TrackEvent[]>, key: string, event: TrackEvent): void {
  const left = lists.get(key)?.filter((one) => one !== event) ?? []
  if (left.length > 0) lists.set(key, left)
  else lists.delete(key)
}
