// Answers remembered for as long as their TTL says (RFC 1035 §3.2.1, negative ones RFC 2308 §5), the least recently
// used forgotten first when there are too many.

import type { DnsAnswer } from '../../world/dns.ts'

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
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (entry.expiresMs <= nowMs) return undefined
    this.#entries.set(key, entry)
    if (entry.answer.status !== 'records') return entry.answer
    return { ...entry.answer, ttlS: Math.ceil((entry.expiresMs - nowMs) / 1000) }
  }

  set(key: string, answer: DnsAnswer<unknown>, lifetimeMs: number, nowMs: number): void {
    if (lifetimeMs <= 0) return
    this.#entries.delete(key)
    this.#entries.set(key, { answer, expiresMs: nowMs + lifetimeMs })
    if (this.#entries.size > this.#mostEntries) this.#entries.delete(this.#entries.keys().next().value!)
  }

  clear(): void {
    this.#entries.clear()
  }
}
