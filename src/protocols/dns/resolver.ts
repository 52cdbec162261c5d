// A stub resolver (RFC 1034 §5.3.1) over world.network: asks recursive servers, in turn when they fail, follows
// aliases, remembers answers for their TTL and shares questions in flight. "Nobody answers" and "there is nothing" are
// kept apart: only NXDOMAIN and an empty NOERROR say something about the name (RFC 5321 §5.1).

import type { Dns, DnsAnswer, DnsRecords, DnsType, DnsWishes } from '../../world/dns.ts'
import type { Endpoint, Network } from '../../world/network.ts'
import type { Clock, Random } from '../../world/world.ts'
import { AnswerCache } from './cache.ts'
import { askServer, type ExchangeContext } from './exchange.ts'
import { canonicalName, isAskable } from './name.ts'
import { type Answer, type Message, responseCodes } from './wire.ts'

export interface ResolverOptions {
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  /** Recursive servers, the preferred one first. */
  readonly servers: readonly Endpoint[]
  /** For each try (default 3000). */
  readonly timeoutMs?: number
  /** Tries for each question, over all servers (default: 2 for each server, at least 3). */
  readonly attempts?: number
  /** Believe the AD bit (RFC 6840 §5.8: only over a path nobody can write to). Default: when all servers are loopback. */
  readonly trustAuthenticatedData?: boolean
  /** Answers remembered (default 10,000). */
  readonly cacheEntries?: number
}

const longestChain = 8
const longestTtlS = 86_400
/** RFC 2308 §5 advises one to three hours at most. */
const longestNegativeTtlS = 3 * 3600
/** RFC 9520 §3.2: failures are remembered for at least a second. */
const failureTtlS = 1
const mostQuestionsAtOnce = 512
const mostQuestionsWaiting = 20_000

type AnyAnswer = DnsAnswer<unknown>
/** An answer with the time it may be remembered. */
interface Timed {
  readonly answer: AnyAnswer
  readonly ttlS: number
}

export class Resolver implements Dns {
  readonly #context: ExchangeContext
  readonly #servers: readonly Endpoint[]
  readonly #attempts: number
  readonly #trustsAd: boolean
  readonly #cache: AnswerCache
  readonly #inFlight = new Map<string, Promise<AnyAnswer>>()
  readonly #waiting: (() => void)[] = []
  #asking = 0
  /** The server that answered last: asked first. */
  #preferred = 0

  constructor(options: ResolverOptions) {
    const { network, clock, random, servers } = options
    this.#context = { network, clock, random, timeoutMs: options.timeoutMs ?? 3000 }
    this.#servers = servers
    this.#attempts = options.attempts ?? Math.max(3, servers.length * 2)
    this.#trustsAd = options.trustAuthenticatedData ?? servers.every(({ address }) => isLoopback(address))
    this.#cache = new AnswerCache(options.cacheEntries ?? 10_000)
  }

  async resolve<T extends DnsType>(
    name: string,
    type: T,
    { mayBeStale = false }: DnsWishes = {},
  ): Promise<DnsAnswer<DnsRecords[T]>> {
    const asked = canonicalName(name)
    // What cannot be a name has no records, and nobody needs to be asked.
    if (!isAskable(asked)) return { status: 'no-name', authenticated: false }
    const key = `${type} ${asked}`
    const found = this.#cache.get(key, this.#context.clock.monotonic()) ?? (await this.#shared(key, asked, type))
    const stale =
      mayBeStale && found.status === 'no-answer' ? this.#cache.stale(key, this.#context.clock.monotonic()) : undefined
    return (stale ?? found) as DnsAnswer<DnsRecords[T]>
  }

  /** One question for all who ask it at the same time. */
  #shared(key: string, name: string, type: DnsType): Promise<AnyAnswer> {
    let answer = this.#inFlight.get(key)
    if (answer === undefined) {
      answer = this.#lookUp(key, name, type).finally(() => this.#inFlight.delete(key))
      this.#inFlight.set(key, answer)
    }
    return answer
  }

  /** Forgets every answer. */
  clearCache(): void {
    this.#cache.clear()
  }

  async #lookUp(key: string, name: string, type: DnsType): Promise<AnyAnswer> {
    if (this.#asking >= mostQuestionsAtOnce) {
      if (this.#waiting.length >= mostQuestionsWaiting) return noAnswer('Too many questions are waiting.').answer
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#asking++
    try {
      const { answer, ttlS } = await this.#follow(name, type)
      this.#cache.set(key, answer, ttlS * 1000, this.#context.clock.monotonic())
      return answer
    } finally {
      this.#asking--
      this.#waiting.shift()?.()
    }
  }

  /** Asks, and asks again for the end of an alias that the first answer left open. */
  async #follow(name: string, type: DnsType): Promise<Timed> {
    let at = name
    let ttlS = longestTtlS
    let authenticated = true
    let hops = 0
    for (;;) {
      const reply = await this.#ask(at, type)
      if (typeof reply === 'string') return noAnswer(`${at} ${type}: ${reply}`)
      authenticated &&= this.#trustsAd && reply.flag_ad
      const chain = walkChain(reply, at, type, longestChain - hops)
      if (chain === undefined) return noAnswer(`The aliases of ${name} are too many.`)
      ttlS = Math.min(ttlS, chain.ttlS)
      if (chain.records.length > 0) {
        const canonical = chain.end === name ? {} : { canonical: chain.end }
        return { answer: { status: 'records', records: chain.records, ttlS, authenticated, ...canonical }, ttlS }
      }
      const negativeTtlS = Math.min(ttlS, soaTtlS(reply) ?? 0)
      if (reply.responseCode === responseCodes.noName) {
        return { answer: { status: 'no-name', authenticated }, ttlS: negativeTtlS }
      }
      const hasSoa = reply.authorities.some((record) => record.type === 'SOA')
      if (chain.hops > 0 && !hasSoa) {
        hops += chain.hops
        at = chain.end
        continue
      }
      // RFC 2308 §2.2: an SOA or nothing is "no data"; name servers alone point elsewhere.
      const isReferral = !hasSoa && !reply.flag_aa && reply.authorities.some((record) => record.type === 'NS')
      if (isReferral) return noAnswer(`${at} ${type}: the server only points to other servers.`)
      return { answer: { status: 'no-data', authenticated }, ttlS: negativeTtlS }
    }
  }

  /** The first usable reply, or why there is none. */
  async #ask(name: string, type: DnsType): Promise<Message | string> {
    let reason = 'no server is configured.'
    let withEdns = true
    const first = this.#preferred
    for (let attempt = 0; attempt < this.#attempts && this.#servers.length > 0; attempt++) {
      const index = (first + attempt) % this.#servers.length
      const result = await askServer(this.#context, this.#servers[index]!, name, type, withEdns)
      if (result.kind === 'failure') {
        reason = result.reason
        continue
      }
      const { responseCode } = result.message
      if (responseCode === responseCodes.noError || responseCode === responseCodes.noName) {
        this.#preferred = index
        return result.message
      }
      reason = failureNames[responseCode] ?? `response code ${responseCode}.`
      // RFC 6891 §7: a server that does not know EDNS0 says FORMERR.
      if (responseCode === responseCodes.formError || responseCode === responseCodes.notImplemented) withEdns = false
    }
    return reason
  }
}

const failureNames: Readonly<Record<number, string>> = {
  [responseCodes.formError]: 'the server does not understand the question (FORMERR).',
  [responseCodes.serverFailure]: 'the server failed (SERVFAIL).',
  [responseCodes.notImplemented]: 'the server cannot do this (NOTIMP).',
  [responseCodes.refused]: 'the server refused.',
}

interface Chain {
  readonly records: unknown[]
  /** Where the aliases in this message end. */
  readonly end: string
  readonly hops: number
  readonly ttlS: number
}

/** The records at the end of the aliases in one message; undefined when there are too many of them. */
function walkChain(message: Message, name: string, type: DnsType, mostHops: number): Chain | undefined {
  const aliases = new Map<string, Answer>()
  const finals = new Map<string, Answer[]>()
  for (const record of message.answers) {
    if (record.type === 'OPT' || record.class !== 'IN') continue
    const owner = canonicalName(record.name)
    if (record.type === type) {
      const found = finals.get(owner)
      if (found === undefined) finals.set(owner, [record])
      else found.push(record)
    } else if (record.type === 'CNAME') aliases.set(owner, record)
  }
  let at = name
  let ttlS = longestTtlS
  for (let hops = 0; ; hops++) {
    const found = finals.get(at)
    if (found !== undefined) {
      const records = found.map((record) => readRecord(record)).filter((record) => record !== undefined)
      for (const record of found) ttlS = Math.min(ttlS, ttlOf(record))
      return { records, end: at, hops, ttlS }
    }
    const alias = aliases.get(at)
    if (alias?.type !== 'CNAME') return { records: [], end: at, hops, ttlS }
    if (hops >= mostHops) return undefined
    ttlS = Math.min(ttlS, ttlOf(alias))
    at = canonicalName(alias.data)
  }
}

/** A record as DnsRecords has it; undefined for data that is not what its type says. */
function readRecord(record: Answer): DnsRecords[DnsType] | undefined {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.data
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return canonicalName(record.data)
    case 'MX':
      // RFC 7505: the null MX's exchange is the root, ''.
      return { preference: record.data.preference ?? 0, exchange: canonicalName(record.data.exchange) }
    case 'TXT':
      return Buffer.concat(record.data as Buffer[]).toString('latin1')
    case 'SRV': {
      const { priority, weight, port, target } = record.data
      return { priority: priority ?? 0, weight: weight ?? 0, port, target: canonicalName(target) }
    }
    case 'CAA': {
      const { issuerCritical = false, tag, value } = record.data
      return { isCritical: issuerCritical, tag: tag.toLowerCase(), value }
    }
    case 'TLSA':
      return { ...record.data, certificate: Buffer.from(record.data.certificate) }
    default:
      return undefined
  }
}

/** RFC 2308 §5: the smaller of the SOA's own TTL and its minimum. */
function soaTtlS(message: Message): number | undefined {
  for (const record of message.authorities) {
    if (record.type === 'SOA') return Math.min(ttlOf(record), record.data.minimum ?? 0, longestNegativeTtlS)
  }
  return undefined
}

/** RFC 2181 §8: a TTL with the top bit set is zero. */
function ttlOf(record: Answer): number {
  const ttlS = record.type === 'OPT' ? 0 : (record.ttl ?? 0)
  return ttlS > 0x7fffffff ? 0 : Math.min(ttlS, longestTtlS)
}

function noAnswer(reason: string): Timed {
  return { answer: { status: 'no-answer', reason }, ttlS: failureTtlS }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
