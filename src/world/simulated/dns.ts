// A table in place of the Domain Name System: for tests and simulations that are not about DNS itself. (Those that
// are run a Resolver and a server over the simulated network.) CNAMEs are followed as a resolver would.

import type { Dns, DnsAnswer, DnsRecords, DnsType } from '../dns.ts'

/** Records of one name, or 'no-answer' for a name whose servers fail. */
export type NameRecords = { readonly [Type in DnsType]?: readonly DnsRecords[Type][] } | 'no-answer'

const longestChain = 8

export class DnsTable implements Dns {
  readonly #names = new Map<string, NameRecords>()
  /** Names (lower case) whose answers carry the AD bit, with all names below them. */
  readonly #signed = new Set<string>()
  /** What was asked, in order: for tests that count look-ups. */
  readonly questions: { readonly name: string; readonly type: DnsType }[] = []

  constructor(names: Readonly<Record<string, NameRecords>> = {}) {
    for (const [name, records] of Object.entries(names)) this.set(name, records)
  }

  /** Replaces everything known of a name; undefined removes the name. */
  set(name: string, records: NameRecords | undefined): void {
    if (records === undefined) this.#names.delete(canonicalName(name))
    else this.#names.set(canonicalName(name), records)
  }

  /** Adds to (or replaces types of) what is known of a name. */
  add(name: string, records: Exclude<NameRecords, 'no-answer'>): void {
    const known = this.#names.get(canonicalName(name))
    this.set(name, known === undefined || known === 'no-answer' ? records : { ...known, ...records })
  }

  /** Answers for this name and those below it are authenticated (DNSSEC). */
  sign(name: string): void {
    this.#signed.add(canonicalName(name))
  }

  async resolve<T extends DnsType>(name: string, type: T): Promise<DnsAnswer<DnsRecords[T]>> {
    let at = canonicalName(name)
    if (this.questions.length < 10_000) this.questions.push({ name: at, type })
    let authenticated = true
    for (let followed = 0; followed < longestChain; followed++) {
      authenticated &&= this.#isSigned(at)
      const known = this.#names.get(at)
      if (known === 'no-answer') return { status: 'no-answer', reason: `The servers of ${at} do not answer.` }
      if (known === undefined) return { status: this.#hasBelow(at) ? 'no-data' : 'no-name', authenticated }
      const records = known[type] as readonly DnsRecords[T][] | undefined
      if (records !== undefined && records.length > 0) {
        const canonical = followed === 0 ? {} : { canonical: at }
        return { status: 'records', records, ttlS: 300, authenticated, ...canonical }
      }
      const alias = known.CNAME?.[0]
      if (alias === undefined || type === 'CNAME') return { status: 'no-data', authenticated }
      at = canonicalName(alias)
    }
    return { status: 'no-answer', reason: `The CNAME chain of ${name} is too long.` }
  }

  #isSigned(name: string): boolean {
    if (this.#signed.size === 0) return false
    for (let at = name; ; at = at.slice(at.indexOf('.') + 1)) {
      if (this.#signed.has(at)) return true
      if (!at.includes('.')) return false
    }
  }

  /** An empty non-terminal exists (RFC 8020 §2). */
  #hasBelow(name: string): boolean {
    for (const known of this.#names.keys()) if (known.endsWith(`.${name}`)) return true
    return false
  }
}

/** Lower case without the final dot. */
function canonicalName(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}
