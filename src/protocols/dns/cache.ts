// Answers remembered for as long as their TTL says (RFC 1035 §3.2.1, negative ones RFC 2308 §5), the least recently
// used forgotten first when there are too many. Records that are out of date are kept a while longer, for those to whom
// they are better than no answer (RFC 8767); a "no" is not: whoever silences name servers must not make names vanish.

import type { DnsAnswer } from '../../world/dns.ts'

/** RFC 8767 §5 proposes one to three days. */
const STALE_FOR_MS = 86_400_000
/** §4: so soon the servers are asked again. */
const STALE_TTL_S = 30

interface Entry {
  readonly answer: DnsAnswer<unknown>
  readonly expiresMs: number
}

export class AnswerCache {
  readonly #entries = new Map<string, Entry>()
  readonly #mostEntries: number

  constructor(mostEntries: number) {
    this.#mostEntries = mostEntries
  }

  /** The answer, its TTL counted down; undefined when none is fresh. */
  get(key: string, nowMs: number): DnsAnswer<unknown> | undefined {
    const entry = this.#fresh(key, nowMs) ?? this.#fresh(failureOf(key), nowMs)
    if (entry === undefined) return undefined
    if (entry.answer.status !== 'records') return entry.answer
    return { ...entry.answer, ttlS: Math.ceil((entry.expiresMs - nowMs) / 1000) }
  }

  #fresh(key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expiresMs <= nowMs) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  /** Records that have been out of date for no longer than a day. */
  stale(key: string, nowMs: number): DnsAnswer<unknown> | undefined {
    const entry = this.#entries.get(key)
    if (entry?.answer.status !== 'records' || entry.expiresMs + STALE_FOR_MS <= nowMs) return undefined
    return { ...entry.answer, ttlS: STALE_TTL_S }
  }

  set(key: string, answer: DnsAnswer<unknown>, lifetimeMs: number, nowMs: number): void {
    if (lifetimeMs <= 0) return
    // A failure does not take the place of records that may still be of use, and is remembered longer beside them.
    if (answer.status !== 'no-answer') this.#keep(key, { answer, expiresMs: nowMs + lifetimeMs })
    else {
      const heldOffMs = this.stale(key, nowMs) === undefined ? lifetimeMs : Math.max(lifetimeMs, STALE_TTL_S * 1000)
      this.#keep(failureOf(key), { answer, expiresMs: nowMs + heldOffMs })
    }
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size > this.#mostEntries) this.#entries.delete(this.#entries.keys().next().value!)
  }

  clear(): void {
    this.#entries.clear()
  }
}

/** Questions begin with a type, so this is none. */
const failureOf = (key: string): string => `! ${key}`
