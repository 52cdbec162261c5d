// Feedback reports, both ways: "this message of yours is unwanted" (ARF, RFC 5965) and "this message in your name failed"
// (RFC 6591, for DMARC as of RFC 9991). A multipart/report of three parts: one for people, one of fields, and the message
// or its header.

import { partBytes } from '../../message/body.ts'
import {
  addressField,
  type Entity,
  type FieldText,
  multipart,
  serialize,
  structuredField,
  textEntity,
  textField,
} from '../../message/build.ts'
import { formatDate, parseDate } from '../../message/date.ts'
import { fieldsNamed, firstValue, type Header, parseHeader, unfolded } from '../../message/header.ts'
import { isIp } from '../../message/ip.ts'
import type { Mailbox } from '../../message/mailbox.ts'
import { allParts, type Part } from '../../message/mime.ts'

export interface Feedback {
  /** `abuse`, `fraud`, `virus`, `not-spam`, `other`, `auth-failure`, …: lower case. */
  readonly feedbackType: string
  readonly userAgent: string
  readonly version: number
  readonly originalMailFrom?: string | undefined
  readonly originalRcptTo: readonly string[]
  readonly originalEnvelopeId?: string | undefined
  readonly arrivalMs?: number | undefined
  /** The host that reports, without its `dns;`. */
  readonly reportingMta?: string | undefined
  readonly sourceIp?: string | undefined
  readonly sourcePort?: number | undefined
  readonly incidents: number
  readonly authenticationResults: readonly string[]
  readonly reportedDomains: readonly string[]
  readonly reportedUris: readonly string[]
  /** RFC 6591 §3.1, for `auth-failure`. Lower case: `dmarc`, `bodyhash`, `signature`, `spf`, … */
  readonly authFailure?: string | undefined
  readonly deliveryResult?: string | undefined
  /** RFC 9991 §4: the mechanisms that failed to prove an aligned identity, `dkim` and `spf`, or `none`. */
  readonly identityAlignment: readonly string[]
  readonly dkimDomain?: string | undefined
  readonly dkimIdentity?: string | undefined
  readonly dkimSelector?: string | undefined
  readonly dkimSelectorDns?: string | undefined
  readonly spfDns?: string | undefined
}

/** A report that came, with the header of the message that it is about. */
export interface ReceivedFeedback extends Feedback {
  readonly about: Header | undefined
}

export type FeedbackResult = { readonly report: ReceivedFeedback } | { readonly fault: string }

const MAX_TEXT = 1000
const MAX_REPEATED = 100

/** Reads the feedback report in a message's structure; undefined when there is none in it. */
export function parseFeedback(root: Part): FeedbackResult | undefined {
  const parts = [...allParts(root)]
  const part = parts.find(({ type, subtype }) => type === 'message' && subtype === 'feedback-report')
  if (!part) return undefined
  const fields = parseHeader(partBytes(part))
  const one = (name: string): string | undefined => firstValue(fields, name)?.slice(0, MAX_TEXT) || undefined
  const all = (name: string): string[] =>
    fieldsNamed(fields, name)
      .slice(0, MAX_REPEATED)
      .map((field) => unfolded(fields, field).slice(0, MAX_TEXT))
  const feedbackType = token(one('feedback-type'))
  if (feedbackType === undefined) return { fault: 'no Feedback-Type' } // RFC 5965 §3.1: required
  const sourceIp = token(one('source-ip'))
  const arrival = one('arrival-date') ?? one('received-date') // §3.2: Received-Date was the older name
  const report: ReceivedFeedback = {
    feedbackType,
    userAgent: one('user-agent') ?? '',
    version: number(one('version')) ?? 1,
    originalMailFrom: one('original-mail-from'),
    originalRcptTo: all('original-rcpt-to'),
    originalEnvelopeId: one('original-envelope-id'),
    arrivalMs: arrival === undefined ? undefined : parseDate(arrival)?.epochMs,
    reportingMta: one('reporting-mta')?.replace(/^[\w-]+\s*;\s*/, ''),
    sourceIp: sourceIp !== undefined && isIp(sourceIp) ? sourceIp : undefined,
    sourcePort: number(one('source-port')),
    incidents: number(one('incidents')) ?? 1,
    authenticationResults: all('authentication-results'),
    reportedDomains: all('reported-domain'),
    reportedUris: all('reported-uri'),
    authFailure: token(one('auth-failure')),
    deliveryResult: token(one('delivery-result')),
    identityAlignment: (one('identity-alignment') ?? '')
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((word) => word !== ''),
    dkimDomain: one('dkim-domain'),
    dkimIdentity: one('dkim-identity'),
    dkimSelector: one('dkim-selector'),
    dkimSelectorDns: one('dkim-selector-dns'),
    spfDns: one('spf-dns'),
    about: headerOfOriginal(parts),
  }
  return { report }
}

/** RFC 5965 §2(d): the message, or at least its header. */
function headerOfOriginal(parts: readonly Part[]): Header | undefined {
  const original = parts.find(({ type, subtype }) =>
    type === 'message' ? subtype === 'rfc822' || subtype === 'global' : type === 'text' && subtype === 'rfc822-headers',
  )
  return original?.message?.header ?? (original && parseHeader(partBytes(original)))
}

/** `192.0.2.1 (name)` as `192.0.2.1`; lower case. */
function token(text: string | undefined): string | undefined {
  return text?.replace(/\(.*$/s, '').trim().toLowerCase() || undefined
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

export interface FeedbackMessage {
  readonly from: Mailbox
  readonly to: readonly Mailbox[]
  readonly subject: string
  /** With brackets. */
  readonly messageId: string
  readonly nowMs: number
  /** For people. */
  readonly text: string
  /** The message that the report is about. */
  readonly original: Buffer
  /** Send only its header: bodies are nobody's business but the Recipient's (RFC 9991 §7). */
  readonly headerOnly: boolean
  readonly boundary: () => string
}

/** A feedback report as a message, to be sent from the null reverse-path. */
export function buildFeedback(feedback: Feedback, message: FeedbackMessage): Buffer {
  const fields: FieldText[] = [
    structuredField('Date', formatDate(message.nowMs)),
    addressField('From', [message.from]),
    addressField('To', message.to),
    textField('Subject', message.subject),
    structuredField('Message-ID', message.messageId),
    structuredField('Auto-Submitted', 'auto-generated'), // RFC 3834 §5
    structuredField('MIME-Version', '1.0'),
  ]
  const report = multipart(
    'report',
    [textEntity('plain', message.text), fieldsEntity(feedback), originalEntity(message)],
    message.boundary(),
    ' report-type=feedback-report;',
  )
  return Buffer.concat([Buffer.from(fields.join('')), serialize(report)])
}

function fieldsEntity(feedback: Feedback): Entity {
  const lines: [name: string, value: string | number | undefined][] = [
    ['Feedback-Type', feedback.feedbackType],
    ['User-Agent', feedback.userAgent],
    ['Version', feedback.version],
    ['Original-Mail-From', feedback.originalMailFrom],
    ...feedback.originalRcptTo.map((value): [string, string] => ['Original-Rcpt-To', value]),
    ['Original-Envelope-Id', feedback.originalEnvelopeId],
    ['Arrival-Date', feedback.arrivalMs === undefined ? undefined : formatDate(feedback.arrivalMs)],
    ['Reporting-MTA', feedback.reportingMta && `dns; ${feedback.reportingMta}`],
    ['Source-IP', feedback.sourceIp],
    ['Source-Port', feedback.sourcePort],
    ['Incidents', feedback.incidents === 1 ? undefined : feedback.incidents],
    ...feedback.authenticationResults.map((value): [string, string] => ['Authentication-Results', value]),
    ...feedback.reportedDomains.map((value): [string, string] => ['Reported-Domain', value]),
    ...feedback.reportedUris.map((value): [string, string] => ['Reported-URI', value]),
    ['Auth-Failure', feedback.authFailure],
    ['Delivery-Result', feedback.deliveryResult],
    ['Identity-Alignment', feedback.identityAlignment.join(', ')],
    ['DKIM-Domain', feedback.dkimDomain],
    ['DKIM-Identity', feedback.dkimIdentity],
    ['DKIM-Selector', feedback.dkimSelector],
    ['DKIM-Selector-DNS', feedback.dkimSelectorDns],
    ['SPF-DNS', feedback.spfDns],
  ]
  const fields = lines
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => structuredField(name, ascii(String(value))))
  return { fields: [structuredField('Content-Type', 'message/feedback-report')], body: Buffer.from(fields.join('')) }
}

/** RFC 5965 §2 (e): the second part is 7bit. */
function ascii(text: string): string {
  return text.replace(/[^ -~]+/g, ' ').slice(0, MAX_TEXT)
}

function originalEntity({ original, headerOnly }: FeedbackMessage): Entity {
  const content = headerOnly ? original.subarray(0, parseHeader(original).fieldsEnd) : original
  return {
    fields: [
      structuredField('Content-Type', headerOnly ? 'text/rfc822-headers' : 'message/rfc822'),
      structuredField('Content-Transfer-Encoding', content.some((byte) => byte > 127) ? '8bit' : '7bit'),
    ],
    body: content,
  }
}
