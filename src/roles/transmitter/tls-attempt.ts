// What one attempt to reach a host over TLS came to, measured by who speaks for the host: its TLSA records (DANE, RFC
// 7672), else the policy of the recipient's domain (MTA-STS, RFC 8461 §5, which DANE goes before: §2); and by what our own
// administrator asks (tls=). Where something is enforced, mail goes only if it is met; in mode testing, and without a policy, the result is counted and mail goes on.
// The words are those of TLS reports (RFC 8460 §4.3), which are made of these.

import type { Dane } from '../../identity/dane/lookup.ts'
import { daneFault, tlsaText } from '../../identity/dane/tlsa.ts'
import type { StsAnswer } from '../../identity/mta-sts/mta-sts.ts'
import { allowsMx, policyLines } from '../../identity/mta-sts/policy.ts'
import { SmtpConnection, type SmtpFailure } from '../../protocols/smtp/client.ts'
import { replyText } from '../../protocols/smtp/reply.ts'
import type { TlsRule } from '../agent.ts'
import type { Destination } from './route.ts'

export interface TlsAttempt {
  /** The recipient's domain. */
  readonly domain: string
  readonly policyType: 'tlsa' | 'sts' | 'no-policy-found'
  readonly mode: 'enforce' | 'testing' | 'none'
  /** The policy as it was published, a line each; empty where there is none. */
  readonly policyLines: readonly string[]
  /** mx: of the policy; the host itself where its TLSA records are one. */
  readonly mxHosts: readonly string[]
  readonly mx: string
  readonly address: string
  /** RFC 8460 §4.3. */
  readonly result:
    | 'success'
    | 'starttls-not-supported'
    | 'certificate-host-mismatch'
    | 'certificate-expired'
    | 'certificate-not-trusted'
    | 'validation-failure'
    | 'tlsa-invalid'
    | 'dnssec-invalid'
    | 'dane-required'
    | 'sts-policy-fetch-error'
    | 'sts-policy-invalid'
    | 'sts-webpki-invalid'
  /** For people; '' on success. */
  readonly detail: string
  /** What is asked of the host was met: mail may go, whatever is counted. */
  readonly isMet: boolean
}

type Outcome = Pick<TlsAttempt, 'result' | 'detail'> & { readonly isMet?: boolean }

const NO_DANE: Dane = { kind: 'none' }

/** The policy that holds for a domain. */
export class TlsPolicy {
  readonly domain: string
  readonly sts: StsAnswer
  readonly mode: TlsAttempt['mode']
  /** What our own administrator asks. */
  readonly rule: TlsRule | undefined

  constructor(domain: string, sts: StsAnswer, rules: readonly TlsRule[] = []) {
    this.domain = domain
    this.rule = rules.find((rule) => rule.domain === domain) ?? rules.find((rule) => rule.domain === '*')
    this.sts = this.isOff ? { policy: undefined, steps: [] } : sts
    this.mode = this.sts.policy?.mode ?? 'none'
  }

  /** No TLS is tried: our administrator knows that it fails there. */
  get isOff(): boolean {
    return this.rule?.level === 'none'
  }

  /** Somebody says which hosts are the domain's. */
  get vouches(): boolean {
    return this.mode !== 'none' || (this.rule?.hosts.length ?? 0) > 0
  }

  /** Its hosts must show a certificate that an authority vouches for. */
  get asksForCertificates(): boolean {
    return this.mode !== 'none' || this.rule?.level === 'verified'
  }

  /** How one of the domain's hosts is measured; `nowMs` is what its certificate's dates are held against. */
  at(destination: Destination, nowMs: number, dane = NO_DANE): HostPolicy {
    return new HostPolicy(this, destination, nowMs, dane)
  }
}

/** What is asked of one host, and how a connection to it, or the lack of one, is measured by it. */
export class HostPolicy {
  readonly #policy: TlsPolicy
  readonly #destination: Destination
  readonly #nowMs: number
  readonly #dane: Dane

  /** Use `TlsPolicy.at`. */
  constructor(policy: TlsPolicy, destination: Destination, nowMs: number, dane: Dane) {
    this.#policy = policy
    this.#destination = destination
    this.#nowMs = nowMs
    this.#dane = dane
  }

  /** Somebody says who this host is, so that a certificate can prove it. */
  get vouches(): boolean {
    const dane = this.#dane
    return dane.kind === 'records' ? dane.usable.length > 0 : dane.kind === 'none' && this.#policy.vouches
  }

  get isEnforced(): boolean {
    return this.#dane.kind !== 'none' || this.#policy.mode === 'enforce'
  }

  /** Our administrator's word holds for mail, too, whose sender waives the domain's. */
  get isRuled(): boolean {
    return this.#policy.rule !== undefined && !this.#policy.isOff
  }

  /** The name that TLS asks for (RFC 7672 §8.1). */
  get serverName(): string {
    return this.#dane.kind === 'records' ? this.#dane.base : this.#destination.exchange
  }

  /** Before anybody connects: nothing can be known of this host, or the policy does not name it (RFC 8461 §4.1). */
  get stranger(): TlsAttempt | undefined {
    const { exchange } = this.#destination
    if (this.#dane.kind === 'no-answer')
      return this.#attempt({ result: 'dnssec-invalid', detail: this.#dane.reason, isMet: false })
    const { sts, mode, rule } = this.#policy
    const hosts = rule?.hosts ?? []
    if (hosts.length > 0 && !allowsMx({ mx: hosts }, exchange))
      return this.#attempt({ result: 'validation-failure', detail: `tls= does not name the host ${exchange}` })
    if (rule?.level === 'dane' && (this.#dane.kind !== 'records' || this.#dane.usable.length === 0))
      return this.#attempt({ result: 'dane-required', detail: 'it has no signed TLSA records that can be used' })
    if (this.#dane.kind === 'records' || mode === 'none' || allowsMx(sts.policy!, exchange)) return undefined
    const detail = `the policy does not name the host ${exchange}`
    return this.#attempt({ result: 'validation-failure', detail, isMet: mode !== 'enforce' })
  }

  /**
   * What a connection, or the failure of one, says; undefined where it never came as far as TLS. `address`: which of the
   * host's was met.
   */
  measure(met: SmtpConnection | SmtpFailure, address = this.#destination.address): TlsAttempt | undefined {
    const outcome = met instanceof SmtpConnection ? this.#outcomeOf(met) : failureOf(met)
    if (outcome === undefined) return undefined
    const { failure } = this.#policy.sts
    if (outcome.result === 'success' && failure !== undefined && this.#dane.kind === 'none')
      return this.#attempt({ result: failure.type, detail: failure.detail, isMet: true }, address)
    return this.#attempt(outcome, address)
  }

  #outcomeOf({ tls, tlsFailure, extensions }: SmtpConnection): Outcome {
    if (tls === undefined) {
      if (tlsFailure !== undefined) return { result: 'validation-failure', detail: tlsFailure }
      return extensions.has('STARTTLS')
        ? { result: 'validation-failure', detail: 'STARTTLS was offered and refused' }
        : NO_STARTTLS
    }
    if (this.#dane.kind === 'records') return this.#provenByDane(this.#dane, tls.peerCertificates ?? [])
    // Without a policy any certificate will do (RFC 7435).
    if (tls.authorized || !this.#policy.asksForCertificates) return SUCCESS
    const why = tls.authorizationError ?? 'no reason given'
    const isMet = this.#policy.mode !== 'enforce' && this.#policy.rule?.level !== 'verified'
    const detail = why === 'UNSPECIFIED' ? 'the certificate is not good enough, such as a key that is too weak' : why
    return { result: CERTIFICATE_FAULTS[why] ?? 'certificate-not-trusted', detail, isMet }
  }

  #provenByDane({ base, usable }: Extract<Dane, { kind: 'records' }>, chain: readonly Buffer[]): Outcome {
    if (usable.length === 0)
      return { result: 'tlsa-invalid', detail: `no TLSA record of ${base} can be used`, isMet: true }
    const names = [base, ...(this.#destination.signed?.nextHops ?? [])]
    return daneFault(usable, chain, names, this.#nowMs) ?? SUCCESS
  }

  #attempt({ result, detail, isMet = result === 'success' }: Outcome, address = this.#destination.address): TlsAttempt {
    const { domain } = this.#policy
    const { exchange: mx } = this.#destination
    return { domain, ...this.#published(mx), mx, address, result, detail, isMet }
  }

  #published(mx: string): Pick<TlsAttempt, 'policyType' | 'mode' | 'policyLines' | 'mxHosts'> {
    const { mode, sts } = this.#policy
    if (this.#dane.kind !== 'none') {
      const lines = this.#dane.kind === 'records' ? this.#dane.all.slice(0, MAX_LINES).map(tlsaText) : []
      return { policyType: 'tlsa', mode: 'enforce', policyLines: lines, mxHosts: [mx] }
    }
    const isSts = (sts.policy !== undefined && mode !== 'none') || sts.failure !== undefined
    return {
      policyType: isSts ? 'sts' : 'no-policy-found',
      mode,
      policyLines: sts.policy === undefined ? [] : policyLines(sts.policy),
      mxHosts: sts.policy?.mx ?? [],
    }
  }
}

const MAX_LINES = 20
const SUCCESS: Outcome = { result: 'success', detail: '' }
const NO_STARTTLS: Outcome = { result: 'starttls-not-supported', detail: 'the server does not offer TLS' }

function failureOf({ stage, tlsOffered, reply }: SmtpFailure): Outcome | undefined {
  if (stage !== 'tls') return undefined
  return tlsOffered ? { result: 'validation-failure', detail: replyText(reply) } : NO_STARTTLS
}

/** As OpenSSL and Node name them. */
const CERTIFICATE_FAULTS: Readonly<Record<string, TlsAttempt['result']>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-host-mismatch',
  CERT_HAS_EXPIRED: 'certificate-expired',
}

/** For tracking: what a policy that holds asked for, and what came of it. */
export function policyDetail({ policyType, mode, result }: TlsAttempt): Record<string, unknown> {
  if (policyType === 'no-policy-found') return {}
  return { tlsPolicy: policyType === 'tlsa' ? 'DANE' : `MTA-STS ${mode}`, tlsResult: result }
}
