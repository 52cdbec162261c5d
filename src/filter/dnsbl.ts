// Lists over DNS (RFC 5782): addresses of bad senders and of good ones, domains seen in spam. An answer counts only if
// it is a code that the list documents: refusals of public resolvers (127.255.255.x, 127.0.0.1), answers outside 127/8
// (a hijacked or abandoned zone) and silence are "nothing known", never a listing. Every look-up is bounded in time.

import { isIp, isPrivateIp, parseIp } from '../message/ip.ts'
import type { Dns } from '../world/dns.ts'
import type { Clock } from '../world/world.ts'
import { unmapped } from './lists.ts'

/** One meaning of an answer. */
export interface ListCode {
  /** Four parts with dots, each a number, a range '4-7', '*', or '&8' (that bit is set). */
  readonly answer: string
  readonly meaning: string
}

export interface DnsList {
  readonly zone: string
  /** What is looked up: connecting addresses, or domains (of links, senders, HELO). */
  readonly of: 'address' | 'domain'
  readonly says: 'bad' | 'good'
  readonly codes: readonly ListCode[]
}

export type ListResult =
  | { readonly kind: 'listed'; readonly list: DnsList; readonly subject: string; readonly meanings: readonly string[] }
  | { readonly kind: 'not-listed'; readonly list: DnsList; readonly subject: string }
  /** The list does not speak to us, or does not speak: nothing is known. `reason` is for the administrator. */
  | { readonly kind: 'unknown'; readonly list: DnsList; readonly subject: string; readonly reason: string }

/** Lists that are well known, by zone; the description names those it wants. Their terms of use differ. */
export const KNOWN_LISTS: readonly DnsList[] = [
  {
    zone: 'zen.spamhaus.org',
    of: 'address',
    says: 'bad',
    codes: [
      { answer: '127.0.0.2', meaning: 'sends spam (SBL)' },
      { answer: '127.0.0.3', meaning: 'sends spam from many addresses (CSS)' },
      { answer: '127.0.0.4-7', meaning: 'is taken over by malware (XBL)' },
      { answer: '127.0.0.9', meaning: 'belongs to criminals (DROP)' },
      { answer: '127.0.0.10-11', meaning: 'is an end user’s address and should send through a provider (PBL)' },
    ],
  },
  {
    zone: 'bl.spamcop.net',
    of: 'address',
    says: 'bad',
    codes: [{ answer: '127.0.0.2', meaning: 'was reported for spam' }],
  },
  {
    zone: 'list.dnswl.org',
    of: 'address',
    says: 'good',
    codes: [
      { answer: '127.0.*.1', meaning: 'is known for little spam' },
      { answer: '127.0.*.2', meaning: 'is known for hardly any spam' },
      { answer: '127.0.*.3', meaning: 'is known for no spam' },
    ],
  },
  {
    zone: 'dbl.spamhaus.org',
    of: 'domain',
    says: 'bad',
    codes: [
      { answer: '127.0.1.2', meaning: 'is a spammer’s domain' },
      { answer: '127.0.1.4', meaning: 'is used for phishing' },
      { answer: '127.0.1.5', meaning: 'spreads malware' },
      { answer: '127.0.1.6', meaning: 'controls a botnet' },
      { answer: '127.0.1.102-106', meaning: 'is an honest domain that is abused' },
    ],
  },
  {
    zone: 'multi.surbl.org',
    of: 'domain',
    says: 'bad',
    codes: [
      { answer: '127.0.0.&8', meaning: 'is used for phishing' },
      { answer: '127.0.0.&16', meaning: 'spreads malware' },
      { answer: '127.0.0.&64', meaning: 'is seen in spam' },
      { answer: '127.0.0.&128', meaning: 'is a cracked site' },
    ],
  },
]

export interface DnsListOptions {
  /** For one look-up. */
  readonly timeoutMs: number
  /** Subjects looked up in one call; more are not (a message may hold thousands of links). */
  readonly maxSubjects: number
}

const DEFAULT_OPTIONS: DnsListOptions = { timeoutMs: 3000, maxSubjects: 20 }

const MAX_CACHED = 20_000
const LISTED_NOT_MS = 300_000
const UNKNOWN_MS = 60_000
/** A list that refuses to speak to us is left alone for this long, and so is one that keeps silent. */
const REFUSED_MS = 3_600_000
const SILENT_MS = 60_000
const SILENCES = 5
const SANE_MS = 86_400_000

interface Cached {
  readonly result: Promise<ListResult>
  untilMs: number
}

interface Health {
  silences: number
  /** Not asked before then (monotonic), and why. */
  restsUntilMs: number
  reason: string
  sanity: Promise<boolean>
  saneUntilMs: number
}

/** Asks lists; remembers answers, and which lists do not answer. One for all connections. */
export class DnsLists {
  readonly #lists: readonly DnsList[]
  readonly #dns: Dns
  readonly #clock: Clock
  readonly #options: DnsListOptions
  readonly #cache = new Map<string, Cached>()
  readonly #health = new Map<DnsList, Health>()

  constructor(
    lists: readonly DnsList[],
    { dns, clock }: { readonly dns: Dns; readonly clock: Clock },
    options: Partial<DnsListOptions> = {},
  ) {
    this.#lists = lists
    this.#dns = dns
    this.#clock = clock
    this.#options = { ...DEFAULT_OPTIONS, ...options }
  }

  /** Every list of addresses about one address. Private addresses are not asked about. Never rejects. */
  address(ip: string): Promise<ListResult[]> {
    return isPrivateIp(ip) || !isIp(unmapped(ip)) ? Promise.resolve([]) : this.#ask('address', [unmapped(ip)])
  }

  /** Every list of domains about these domains (lower case, A-labels; the caller chooses the registered ones). */
  domains(domains: readonly string[]): Promise<ListResult[]> {
    const subjects = [...new Set(domains)].filter((domain) => domain.includes('.') && !isIp(domain) && isName(domain))
    return this.#ask('domain', subjects.slice(0, this.#options.maxSubjects))
  }

  #ask(of: DnsList['of'], subjects: readonly string[]): Promise<ListResult[]> {
    const lists = this.#lists.filter((list) => list.of === of)
    return Promise.all(subjects.flatMap((subject) => lists.map((list) => this.#lookUp(list, subject))))
  }

  #lookUp(list: DnsList, subject: string): Promise<ListResult> {
    const name = listName(list, subject)
    if (name === undefined) return Promise.resolve({ kind: 'not-listed', list, subject })
    const now = this.#clock.monotonic()
    const known = this.#cache.get(name)
    if (known !== undefined && known.untilMs > now) return known.result
    const health = this.#healthOf(list)
    if (health.restsUntilMs > now) return Promise.resolve({ kind: 'unknown', list, subject, reason: health.reason })
    this.#cache.delete(name)
    if (this.#cache.size >= MAX_CACHED) this.#cache.delete(this.#cache.keys().next().value!)
    // Held from the start, so that many messages that ask at once cause one question.
    const entry: Cached = { result: this.#resolve(list, subject, name), untilMs: now + this.#options.timeoutMs }
    this.#cache.set(name, entry)
    void entry.result.then((result) => {
      entry.untilMs = this.#clock.monotonic() + (result.kind === 'unknown' ? UNKNOWN_MS : LISTED_NOT_MS)
    })
    return entry.result
  }

  async #resolve(list: DnsList, subject: string, name: string): Promise<ListResult> {
    const answer = await this.#within(this.#dns.resolve(name, 'A'))
    const unknown = (reason: string): ListResult => ({ kind: 'unknown', list, subject, reason })
    if (answer === 'timeout' || answer.status === 'no-answer') {
      const reason = answer === 'timeout' ? `${list.zone} did not answer in time` : answer.reason
      const health = this.#healthOf(list)
      if (++health.silences >= SILENCES) this.#rest(list, SILENT_MS, reason)
      return unknown(reason)
    }
    this.#healthOf(list).silences = 0
    if (answer.status !== 'records') return { kind: 'not-listed', list, subject }
    const refusal = answer.records.map(refusalOf).find((reason) => reason !== undefined)
    if (refusal !== undefined) {
      const reason = `${list.zone}: ${refusal}`
      this.#rest(list, REFUSED_MS, reason)
      return unknown(reason)
    }
    const meanings = list.codes.filter(({ answer: code }) => answer.records.some((ip) => matches(ip, code)))
    if (meanings.length === 0) return unknown(`${list.zone} answered ${answer.records[0]}, which it does not document`)
    if (!(await this.#isSane(list))) return unknown(this.#healthOf(list).reason)
    return { kind: 'listed', list, subject, meanings: meanings.map(({ meaning }) => meaning) }
  }

  /** A list that lists what no list may (RFC 5782 §5) lists everything: it was given up. Looked at once a day. */
  async #isSane(list: DnsList): Promise<boolean> {
    const health = this.#healthOf(list)
    const now = this.#clock.monotonic()
    if (now >= health.saneUntilMs) {
      const name = `${list.of === 'address' ? '1.0.0.127' : 'invalid'}.${list.zone}`
      health.sanity = this.#within(this.#dns.resolve(name, 'A')).then((a) => a === 'timeout' || a.status !== 'records')
      health.saneUntilMs = now + SANE_MS
    }
    const isSane = await health.sanity
    if (!isSane) this.#rest(list, SANE_MS, `${list.zone} lists everything, as a list does that was given up`)
    return isSane
  }

  #within<T>(work: Promise<T>): Promise<T | 'timeout'> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(this.#options.timeoutMs, () => resolve('timeout'))
      void work.then((value) => {
        timer.cancel()
        resolve(value)
      })
    })
  }

  #healthOf(list: DnsList): Health {
    const known = this.#health.get(list)
    if (known !== undefined) return known
    const health = { silences: 0, restsUntilMs: 0, reason: '', sanity: Promise.resolve(true), saneUntilMs: -Infinity }
    this.#health.set(list, health)
    return health
  }

  #rest(list: DnsList, forMs: number, reason: string): void {
    const health = this.#healthOf(list)
    health.silences = 0
    health.restsUntilMs = this.#clock.monotonic() + forMs
    health.reason = reason
  }
}

/** The name that is asked for: RFC 5782 §2.1 (IPv4), §2.4 (IPv6, by nibbles), §3 (domains). */
function listName(list: DnsList, subject: string): string | undefined {
  const name = `${list.of === 'address' ? reversed(subject) : subject}.${list.zone}`
  return name.length <= 253 ? name : undefined
}

function reversed(ip: string): string {
  const bytes = parseIp(ip)!
  const labels = bytes.length === 4 ? bytes.map(String) : bytes.flatMap((byte) => [hex(byte >> 4), hex(byte & 15)])
  return labels.reverse().join('.')
}

const hex = (nibble: number) => nibble.toString(16)

function isName(domain: string): boolean {
  return /^(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z0-9_-]{1,63}$/.test(domain) && domain.length <= 253
}

/** Why an answer is none about the subject. */
function refusalOf(ip: string): string | undefined {
  // Spamhaus and others: 252 a wrong name, 254 asked through a public resolver, 255 too many questions.
  if (ip.startsWith('127.255.255.')) return `refuses to answer our resolver (${ip}): use a resolver of your own`
  // SURBL and URIBL refuse with 127.0.0.1, which RFC 5782 §5 leaves unlisted in every list.
  if (ip === '127.0.0.1') return 'refuses to answer our resolver (127.0.0.1): use a resolver of your own'
  // RFC 5782 §2.1: answers lie in 127/8. An abandoned zone is often answered with the address of a web site.
  if (!ip.startsWith('127.')) return `answered ${ip}, as a zone does that is no longer a list`
  return undefined
}

function matches(ip: string, code: string): boolean {
  const parts = ip.split('.')
  return code.split('.').every((wanted, i) => {
    const value = Number(parts[i])
    if (wanted === '*') return true
    if (wanted.startsWith('&')) return (value & Number(wanted.slice(1))) !== 0
    const [low, high = low] = wanted.split('-').map(Number)
    return value >= low! && value <= high!
  })
}
