// When a message in somebody's name fails, and that domain asked to be told (ruf= and fo=, RFC 9989 §4.7; RFC 9991): is a
// failure report due, and what stands in it. Sending it, and how often, is the caller's (RFC 9991 §2 asks for limits).

import { isWithin } from '../domain.ts'
import type { Identity } from '../identity.ts'
import { resultsValue } from '../results.ts'
import type { Feedback } from './feedback.ts'

export interface FailureFacts {
  /** What this host calls itself in Authentication-Results. */
  readonly authservId: string
  readonly arrivalMs: number
  /** What became of the message (RFC 6591 §3.2.2). */
  readonly deliveryResult: 'delivered' | 'spam' | 'policy' | 'reject' | 'other'
  /** Our own name for the message. */
  readonly envelopeId?: string
}

export interface FailureReport {
  /** URIs of ruf=: to be checked by reportDestinations. */
  readonly destinations: readonly string[]
  readonly policyDomain: string
  readonly feedback: Feedback
}

/** The report that is due; undefined where nobody asked for one, or nothing failed that was asked about. */
export function failureReport(identity: Identity, facts: FailureFacts): FailureReport | undefined {
  const { dmarc, dkim, spf } = identity
  const { record, aligned, policyDomain } = dmarc
  if (!record || policyDomain === undefined || record.failureReports.length === 0) return undefined
  // RFC 9991 §2: a public suffix is not told of other people's mail.
  if (record.publicSuffix === 'y' || (dmarc.result !== 'pass' && dmarc.result !== 'fail')) return undefined
  if (!isDue(identity)) return undefined
  const organization = dmarc.organizationalDomain ?? policyDomain
  const broken = dkim.find(({ result, domain }) => result !== 'pass' && isWithin(domain, organization))
  const failed = [...(aligned.dkim ? [] : ['dkim']), ...(aligned.spf ? [] : ['spf'])]
  const spfRecord = spf.steps.find(({ what }) => what === SPF_RECORD_STEP)?.detail
  const feedback: Feedback = {
    feedbackType: 'auth-failure',
    userAgent: 'Borderpost',
    version: 1,
    originalMailFrom: `<${identity.reversePath}>`,
    // Who the message was for is nobody's business but the Recipient's (RFC 9991 §7).
    originalRcptTo: [],
    originalEnvelopeId: facts.envelopeId,
    arrivalMs: facts.arrivalMs,
    reportingMta: facts.authservId,
    sourceIp: identity.ip,
    incidents: 1,
    authenticationResults: [resultsValue(identity, facts.authservId)],
    reportedDomains: [dmarc.domain],
    reportedUris: [],
    authFailure: 'dmarc',
    deliveryResult: facts.deliveryResult,
    identityAlignment: failed.length > 0 ? failed : ['none'],
    dkimDomain: broken?.domain,
    dkimIdentity: broken?.identity,
    dkimSelector: broken?.selector,
    spfDns: aligned.spf || !isWithin(spf.domain, organization) ? undefined : spfDns(spfRecord),
  }
  return { destinations: record.failureReports, policyDomain, feedback }
}

const SPF_RECORD_STEP = 'SPF record'

/** RFC 6591 §3.2.6: `txt : domain : "record"`, from the step that shows both. */
function spfDns(detail: string | undefined): string | undefined {
  const at = detail?.indexOf(': ') ?? -1
  if (detail === undefined || at < 0) return undefined
  return `txt : ${detail.slice(0, at)} : "${detail.slice(at + 2).replace(/["\\]/g, '\\$&')}"`
}

/** RFC 9989 §4.7, fo=: each letter asks about something else. */
function isDue({ dmarc: { record, aligned }, dkim, spf }: Identity): boolean {
  const asked = new Set(record!.failureOptions)
  if (asked.has('d') && dkim.some(({ result }) => result !== 'pass')) return true
  if (asked.has('s') && spf.result !== 'pass' && spf.result !== 'none') return true
  if (asked.has('1') && !(aligned.spf && aligned.dkim)) return true
  return (asked.has('0') || asked.size === 0) && !aligned.spf && !aligned.dkim
}
