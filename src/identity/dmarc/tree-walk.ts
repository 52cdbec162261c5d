// The DNS tree walk (RFC 9989 §4.10): which DMARC records stand above a domain, whose organization it belongs to, and
// which record speaks for it. It takes the place of the public suffix list of RFC 7489.

import type { Dns } from '../../world/dns.ts'
import { isAskable } from '../domain.ts'
import { type DmarcRecord, parseDmarcRecord } from './record.ts'

/** What stands at _dmarc.<domain>: one record, none, or nothing is known. */
type Lookup = { readonly record: DmarcRecord | undefined } | { readonly noAnswer: string }

export interface Walk {
  /** Records found, the longest name first. */
  readonly found: readonly { readonly domain: string; readonly record: DmarcRecord }[]
  /** §4.10.2 */
  readonly organizationalDomain: string
  /** DNS gave no answer on the way, so the rest cannot be relied on. */
  readonly noAnswer?: string
}

/** §4.10: names of eight labels and more are cut to seven after the first question. */
const MAX_LABELS = 8

/** Walks trees for one message; every name is asked once. */
export class TreeWalker {
  readonly #dns: Dns
  readonly #lookups = new Map<string, Promise<Lookup>>()

  constructor(dns: Dns) {
    this.#dns = dns
  }

  /** The record at exactly this domain (§4.10 steps 1 and 2). */
  lookup(domain: string): Promise<Lookup> {
    let lookup = this.#lookups.get(domain)
    if (!lookup) {
      lookup = this.#ask(`_dmarc.${domain}`)
      this.#lookups.set(domain, lookup)
    }
    return lookup
  }

  async #ask(name: string): Promise<Lookup> {
    if (!isAskable(name)) return { record: undefined }
    const answer = await this.#dns.resolve(name, 'TXT')
    if (answer.status === 'no-answer') return { noAnswer: `${name}: ${answer.reason}` }
    if (answer.status !== 'records') return { record: undefined }
    const records = answer.records.map(parseDmarcRecord).filter((record) => record !== undefined)
    // Step 2: several records count as none.
    return { record: records.length === 1 ? records[0] : undefined }
  }

  async walk(start: string): Promise<Walk> {
    const found: { domain: string; record: DmarcRecord }[] = []
    for (const domain of namesToAsk(start)) {
      const lookup = await this.lookup(domain)
      if ('noAnswer' in lookup) return { found, organizationalDomain: start, noAnswer: lookup.noAnswer }
      const { record } = lookup
      if (!record) continue
      found.push({ domain, record })
      if (record.publicSuffix !== 'u') break
    }
    return { found, organizationalDomain: organizationalDomain(start, found) }
  }
}

/** §4.10 steps 3 to 5: at most eight names. */
export function namesToAsk(start: string): string[] {
  // An address that looks like a name has nothing above it (RFC 1123 §2.1: the highest label of a name is alphabetic).
  if (/^[0-9.]+$/.test(start)) return [start]
  const labels = start.split('.')
  const names = [start]
  const rest = labels.length >= MAX_LABELS ? labels.slice(-(MAX_LABELS - 1)) : labels.slice(1)
  for (let i = 0; i < rest.length; i++) names.push(rest.slice(i).join('.'))
  return names
}

/** §4.10.2 */
function organizationalDomain(start: string, found: Walk['found']): string {
  const last = found.at(-1)
  if (!last) return start
  if (last.record.publicSuffix === 'y' && last.domain !== start) {
    // One label below the public suffix.
    const above = last.domain.split('.').length
    return start
      .split('.')
      .slice(-(above + 1))
      .join('.')
  }
  return last.domain
}
