// TLS reports (RFC 8460 §4): what senders met when they tried to reach our servers over TLS. JSON that a stranger
// wrote: every value is checked for its kind and cut to a length, unknown words are kept as words, never trusted as code.

export interface TlsFailure {
  /** RFC 8460 §4.3: `starttls-not-supported`, `certificate-expired`, …; as written. */
  readonly resultType: string
  readonly sendingIp: string
  readonly receivingMxHostname: string
  readonly receivingMxHelo: string
  readonly receivingIp: string
  readonly failedSessions: number
  readonly additionalInformation: string
  readonly reasonCode: string
}

export interface TlsPolicyReport {
  /** `other` for a word that RFC 8460 does not know. */
  readonly type: 'tlsa' | 'sts' | 'no-policy-found' | 'other'
  readonly domain: string
  readonly policyLines: readonly string[]
  readonly mxHosts: readonly string[]
  readonly successfulSessions: number
  readonly failedSessions: number
  readonly failures: readonly TlsFailure[]
}

export interface TlsReport {
  readonly organization: string
  readonly contact: string
  readonly reportId: string
  readonly beginMs: number
  readonly endMs: number
  readonly policies: readonly TlsPolicyReport[]
}

export type TlsResult = { readonly report: TlsReport } | { readonly fault: string }

const MAX_TEXT = 1000
const MAX_POLICIES = 1000
const MAX_FAILURES = 10_000
const MAX_LINES = 200
/** What JSON.parse may be given: it builds everything before anything can be looked at. */
const MAX_JSON_CHARACTERS = 4 * 1024 * 1024

type Json = { readonly [name: string]: unknown }

/** Reads the JSON of a TLS report. Never throws. */
export function parseTlsReport(text: string): TlsResult {
  if (text.length > MAX_JSON_CHARACTERS) return { fault: 'a TLS report of more than 4 MB' }
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    return { fault: 'not JSON' }
  }
  const root = objectOf(value)
  const range = objectOf(root['date-range'])
  const beginMs = Date.parse(textOf(range['start-datetime']))
  const endMs = Date.parse(textOf(range['end-datetime']))
  if (Number.isNaN(beginMs) || Number.isNaN(endMs)) return { fault: 'date-range names no time' }
  if (!Array.isArray(root.policies)) return { fault: 'no policies' }
  const report: TlsReport = {
    organization: textOf(root['organization-name']),
    contact: textOf(root['contact-info']),
    reportId: textOf(root['report-id']),
    beginMs,
    endMs,
    policies: root.policies.slice(0, MAX_POLICIES).map(policyOf),
  }
  return { report }
}

function policyOf(value: unknown): TlsPolicyReport {
  const entry = objectOf(value)
  const policy = objectOf(entry.policy)
  const summary = objectOf(entry.summary)
  const type = textOf(policy['policy-type'])
  return {
    type: type === 'tlsa' || type === 'sts' || type === 'no-policy-found' ? type : 'other',
    domain: textOf(policy['policy-domain']).toLowerCase(),
    policyLines: textsOf(policy['policy-string']),
    // §4.4 has `mx-host` as one pattern; others send a list.
    mxHosts: textsOf(policy['mx-host']),
    successfulSessions: countOf(summary['total-successful-session-count']),
    failedSessions: countOf(summary['total-failure-session-count']),
    failures: listOf(entry['failure-details']).slice(0, MAX_FAILURES).map(failureOf),
  }
}

function failureOf(value: unknown): TlsFailure {
  const failure = objectOf(value)
  return {
    resultType: textOf(failure['result-type']),
    sendingIp: textOf(failure['sending-mta-ip']),
    receivingMxHostname: textOf(failure['receiving-mx-hostname']),
    receivingMxHelo: textOf(failure['receiving-mx-helo']),
    receivingIp: textOf(failure['receiving-ip']),
    failedSessions: countOf(failure['failed-session-count']),
    additionalInformation: textOf(failure['additional-information']),
    reasonCode: textOf(failure['failure-reason-code']),
  }
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]
}

function textsOf(value: unknown): string[] {
  return listOf(value)
    .slice(0, MAX_LINES)
    .map(textOf)
    .filter((text) => text !== '')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : ''
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0
}
