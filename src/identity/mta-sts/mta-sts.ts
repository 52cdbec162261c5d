// Which MTA-STS policy holds for a domain now (RFC 8461 §3, §5.1): the record in DNS says whether a policy exists and
// whether it changed, HTTPS brings it, and one that was seen holds until it is out of date, so that an attacker who
// blocks DNS or HTTPS gains nothing. Fetching is the caller's: `HttpsGet` must check the certificate for the host name.

import type { Dns } from '../../world/dns.ts'
import type { Clock } from '../../world/world.ts'
import { isMailDomain, normalDomain } from '../domain.ts'
import { type Step, step } from '../steps.ts'
import { parsePolicy, policyId, type StsPolicy } from './policy.ts'

/** One HTTPS GET. Redirects are not followed (§3.3); a certificate that does not fit the host is a fault. */
export type HttpsGet = (request: {
  readonly host: string
  readonly path: string
  /** Of the whole request. */
  readonly timeoutMs: number
  /** A longer body is a fault: nothing beyond is read. */
  readonly maxBytes: number
  /** 443 unless said. */
  readonly port?: number
  /** Nobody need prove anything: only ever on the machine itself. */
  readonly isPlain?: boolean
  /** A socket file of this machine, instead of the host's addresses. */
  readonly socket?: string
  /** `text/plain` unless said. */
  readonly accept?: string
}) => Promise<
  | { readonly status: number; readonly contentType: string; readonly body: Buffer }
  /** `isTls`: the server did not prove to be the host. */
  | { readonly fault: string; readonly isTls?: boolean }
>

export interface CachedPolicy {
  readonly id: string
  readonly policy: StsPolicy
  readonly fetchedMs: number
  readonly expiresMs: number
}

/** Where policies are kept: a Map, or something that outlives a restart. */
export interface PolicyCache {
  get(domain: string): CachedPolicy | undefined
  set(domain: string, entry: CachedPolicy): unknown
  delete(domain: string): unknown
  /** Domains whose policy was fetched before then, the oldest first. */
  fetchedBefore(fetchedMs: number, limit: number): readonly string[]
}

export interface StsAnswer {
  /** Undefined: no policy holds, deliver as without MTA-STS. */
  readonly policy: StsPolicy | undefined
  /** A policy is announced, and none is known: why, in the words of RFC 8460 §4.3.2.2. */
  readonly failure?: StsFailure
  readonly steps: readonly Step[]
}

export interface StsFailure {
  readonly type: 'sts-policy-fetch-error' | 'sts-policy-invalid' | 'sts-webpki-invalid'
  readonly detail: string
}

/** §3.3 asks for a minute. */
const TIMEOUT_MS = 60_000
/** §3.2: a policy is small; 64 kilobytes are what the RFC suggests. */
const MAX_POLICY_BYTES = 65_536
/** §3.3: after a failure nobody is asked again for five minutes. */
const RETRY_MS = 300_000
const MAX_FAILURES = 10_000
const MAX_CACHED = 10_000
/** §10.2: policies are fetched again long before they are out of date; once a day is what the RFC suggests. */
const REFRESH_MS = 86_400_000

/** The policies of the domains that a Transmitter sends to. */
export class MtaSts {
  readonly #dns: Dns
  readonly #clock: Clock
  readonly #get: HttpsGet
  readonly #cache: PolicyCache
  readonly #inFlight = new Map<string, Promise<StsAnswer>>()
  /** Domain and record id whose policy could not be fetched, and until when not to try again. */
  readonly #failures = new Map<string, { readonly untilMs: number; readonly failure: StsFailure }>()

  constructor(world: { readonly dns: Dns; readonly clock: Clock; readonly get: HttpsGet }, cache?: PolicyCache) {
    this.#dns = world.dns
    this.#clock = world.clock
    this.#get = world.get
    this.#cache = cache ?? new BoundedCache()
  }

  /** The policy of a recipient domain. Never rejects; questions about one domain at one time are asked once. */
  policyFor(domain: string): Promise<StsAnswer> {
    const name = normalDomain(domain)
    if (!isMailDomain(name)) return Promise.resolve({ policy: undefined, steps: [step('no domain', domain)] })
    let answer = this.#inFlight.get(name)
    if (!answer) {
      answer = this.#find(name).finally(() => this.#inFlight.delete(name))
      this.#inFlight.set(name, answer)
    }
    return answer
  }

  async #find(domain: string): Promise<StsAnswer> {
    const steps: Step[] = []
    const known = this.#known(domain)
    const kept = (failure?: StsFailure): StsAnswer => {
      if (known) steps.push(step('the policy seen before still holds', known.policy.mode))
      return { policy: known?.policy, steps, ...(failure && !known && { failure }) }
    }
    const answer = await this.#dns.resolve(`_mta-sts.${domain}`, 'TXT')
    const id = answer.status === 'records' ? policyId(answer.records) : undefined
    if (id === undefined) {
      steps.push(step('no record', `_mta-sts.${domain}: ${answer.status}`))
      return kept()
    }
    steps.push(step('record', `_mta-sts.${domain}: id=${id}`))
    if (known?.id === id) return kept()
    const attempt = `${domain} ${id}`
    const before = this.#failures.get(attempt)
    if (before !== undefined && before.untilMs > this.#clock.monotonic()) {
      steps.push(step('not asked again so soon', `https://mta-sts.${domain}`))
      return kept(before.failure)
    }
    const fetched = await this.#fetch(domain)
    if ('detail' in fetched) {
      steps.push(step('no policy', `https://mta-sts.${domain}: ${fetched.detail}`))
      this.#failures.delete(attempt)
      if (this.#failures.size >= MAX_FAILURES) this.#failures.delete(this.#failures.keys().next().value!)
      this.#failures.set(attempt, { untilMs: this.#clock.monotonic() + RETRY_MS, failure: fetched })
      return kept(fetched)
    }
    const { policy } = fetched
    this.#keep(domain, id, policy)
    steps.push(step('policy', `mode ${policy.mode}, mx ${policy.mx.join(' ')}, ${policy.maxAgeS} s`))
    return { policy, steps }
  }

  #keep(domain: string, id: string, policy: StsPolicy): void {
    const fetchedMs = this.#clock.now()
    this.#cache.set(domain, { id, policy, fetchedMs, expiresMs: fetchedMs + policy.maxAgeS * 1000 })
  }

  /**
   * Fetches policies again that were seen a day ago or longer, at most `limit`: so that one whose record has not changed
   * does not run out just when somebody stands in the way. What cannot be fetched holds as long as it did. Never rejects.
   */
  async refresh(limit: number): Promise<void> {
    for (const domain of this.#cache.fetchedBefore(this.#clock.now() - REFRESH_MS, limit)) {
      const known = this.#known(domain)
      if (known === undefined || this.#inFlight.has(domain)) continue
      const fetched = await this.#fetch(domain)
      if ('detail' in fetched) continue
      // Read before the record is asked: a policy that changes meanwhile is fetched when mail goes there.
      this.#keep(domain, known.id, fetched.policy)
    }
  }

  #known(domain: string): CachedPolicy | undefined {
    const entry = this.#cache.get(domain)
    if (!entry || entry.expiresMs > this.#clock.now()) return entry
    this.#cache.delete(domain)
    return undefined
  }

  async #fetch(domain: string): Promise<{ policy: StsPolicy } | StsFailure> {
    const response = await this.#get({
      host: `mta-sts.${domain}`,
      path: '/.well-known/mta-sts.txt',
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_POLICY_BYTES,
    })
    if ('fault' in response) {
      const type = response.isTls ? 'sts-webpki-invalid' : 'sts-policy-fetch-error'
      return { type, detail: response.fault }
    }
    const unusable = (detail: string) => ({ type: 'sts-policy-fetch-error', detail }) as const
    if (response.status !== 200) return unusable(`status ${response.status}`) // §3.3: redirects too
    // §3.2: text/plain only, so that nobody who may put a page there makes it a policy.
    if (!/^text\/plain[ \t]*(?:;|$)/i.test(response.contentType)) return unusable(`of type ${response.contentType}`)
    if (response.body.length > MAX_POLICY_BYTES) return unusable('too long')
    const read = parsePolicy(response.body.toString('utf8'))
    return 'fault' in read ? { type: 'sts-policy-invalid', detail: read.fault } : read
  }
}

/** The policies that were used last. */
class BoundedCache implements PolicyCache {
  readonly #entries = new Map<string, CachedPolicy>()

  get(domain: string): CachedPolicy | undefined {
    const entry = this.#entries.get(domain)
    if (entry) {
      this.#entries.delete(domain)
      this.#entries.set(domain, entry)
    }
    return entry
  }

  set(domain: string, entry: CachedPolicy): void {
    this.#entries.delete(domain)
    if (this.#entries.size >= MAX_CACHED) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(domain, entry)
  }

  delete(domain: string): void {
    this.#entries.delete(domain)
  }

  fetchedBefore(fetchedMs: number, limit: number): string[] {
    const old = [...this.#entries].filter(([, entry]) => entry.fetchedMs < fetchedMs)
    return old
      .sort(([, a], [, b]) => a.fetchedMs - b.fetchedMs)
      .slice(0, limit)
      .map(([domain]) => domain)
  }
}
