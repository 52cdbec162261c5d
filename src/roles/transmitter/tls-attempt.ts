// What one attempt to reach a host over TLS came to, measured by the policy of the recipient's domain (MTA-STS, RFC 8461
// §5). In mode enforce only 'success' may be delivered to; in mode testing, and without a policy, the result is counted
// and mail goes on. The words are those of TLS reports (RFC 8460 §4.3), which are made of these.

import type { StsAnswer } from '../../identity/mta-sts/mta-sts.ts'
import { allowsMx, policyLines } from '../../identity/mta-sts/policy.ts'
import { SmtpConnection, type SmtpFailure } from '../../protocols/smtp/client.ts'
import { replyText } from '../../protocols/smtp/reply.ts'
import type { Destination } from './route.ts'

export interface TlsAttempt {
  /** The recipient's domain. */
  readonly domain: string
  readonly policyType: 'sts' | 'no-policy-found'
  readonly mode: 'enforce' | 'testing' | 'none'
  /** The policy as it was published, a line each; empty where there is none. */
  readonly policyLines: readonly string[]
  /** mx: of the policy. */
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
    | 'sts-policy-fetch-error'
    | 'sts-policy-invalid'
    | 'sts-webpki-invalid'
  /** For people; '' on success. */
  readonly detail: string
}

type Outcome = Pick<TlsAttempt, 'result' | 'detail'>

/** The policy that holds for a domain, as connections to its hosts are measured by it. */
export class TlsPolicy {
  readonly #domain: string
  readonly #sts: StsAnswer
  readonly #mode: TlsAttempt['mode']

  constructor(domain: string, sts: StsAnswer) {
    this.#domain = domain
    this.#sts = sts
    this.#mode = sts.policy?.mode ?? 'none'
  }

  /** There is a policy that says which hosts are the domain's. */
  get vouches(): boolean {
    return this.#mode !== 'none'
  }

  get isEnforced(): boolean {
    return this.#mode === 'enforce'
  }

  /** Before anybody connects: a host that the policy does not name (§4.1). */
  stranger(destination: Destination): TlsAttempt | undefined {
    const { policy } = this.#sts
    if (policy === undefined || this.#mode === 'none' || allowsMx(policy, destination.exchange)) return undefined
    return this.#attempt(destination, {
      result: 'validation-failure',
      detail: `the policy does not name the host ${destination.exchange}`,
    })
  }

  /** What a connection, or the failure of one, says; undefined where it never came as far as TLS. */
  measure(destination: Destination, met: SmtpConnection | SmtpFailure): TlsAttempt | undefined {
    const outcome = met instanceof SmtpConnection ? this.#outcomeOf(met) : failureOf(met)
    if (outcome === undefined) return undefined
    const { failure } = this.#sts
    if (outcome.result === 'success' && failure !== undefined)
      return this.#attempt(destination, { result: failure.type, detail: failure.detail })
    return this.#attempt(destination, outcome)
  }

  #outcomeOf({ tls, tlsFailure, extensions }: SmtpConnection): Outcome {
    if (tls === undefined) {
      if (tlsFailure !== undefined) return { result: 'validation-failure', detail: tlsFailure }
      return extensions.has('STARTTLS')
        ? { result: 'validation-failure', detail: 'STARTTLS was offered and refused' }
        : NO_STARTTLS
    }
    // Without a policy any certificate will do (RFC 7435).
    if (tls.authorized || this.#mode === 'none') return { result: 'success', detail: '' }
    const why = tls.authorizationError ?? 'no reason given'
    return { result: CERTIFICATE_FAULTS[why] ?? 'certificate-not-trusted', detail: why }
  }

  #attempt({ exchange, address }: Destination, outcome: Outcome): TlsAttempt {
    const { policy, failure } = this.#sts
    const isSts = (policy !== undefined && this.#mode !== 'none') || failure !== undefined
    return {
      domain: this.#domain,
      policyType: isSts ? 'sts' : 'no-policy-found',
      mode: this.#mode,
      policyLines: policy === undefined ? [] : policyLines(policy),
      mxHosts: policy?.mx ?? [],
      mx: exchange,
      address,
      ...outcome,
    }
  }
}

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
  return policyType === 'sts' ? { tlsPolicy: `MTA-STS ${mode}`, tlsResult: result } : {}
}
