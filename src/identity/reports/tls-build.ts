// TLS reports as we send them (RFC 8460): JSON of §4.4, gzipped, in the message of §5.3. Where a domain wants them stands
// in its DNS (§3).

import { gzipSync } from 'node:zlib'
import {
  addressField,
  attachmentEntity,
  multipart,
  serialize,
  structuredField,
  textEntity,
  textField,
} from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import type { Mailbox } from '../../message/mailbox.ts'
import { isMailDomain } from '../domain.ts'
import type { TlsPolicyReport, TlsReport } from './tls.ts'

const MAX_URIS = 10
/** RFC 8460 §6.4. */
export const TLS_REPORT_TYPE = 'application/tlsrpt+gzip'

/** rua= of the TLS reporting record; undefined where there is none, or several (§3: then none counts). */
export function tlsReportUris(records: readonly string[]): string[] | undefined {
  const ours = records.filter((text) => /^v=TLSRPTv1\s*;/.test(text))
  if (ours.length !== 1) return undefined
  const rua = ours[0]!
    .split(';', 50)
    .map((part) => /^\s*rua\s*=(.*)$/s.exec(part)?.[1])
    .find((value) => value !== undefined)
  const uris = (rua ?? '').split(',').map((uri) => uri.trim())
  return uris.filter((uri) => /^(?:mailto|https):[^\s,;]+$/i.test(uri)).slice(0, MAX_URIS)
}

export interface TlsReportMessage {
  /** Who reports: a domain of ours. */
  readonly submitter: string
  readonly from: Mailbox
  readonly to: readonly Mailbox[]
  /** With brackets. */
  readonly messageId: string
  readonly nowMs: number
  readonly boundary: () => string
}

/** The JSON of a report, ready to be packed. */
function tlsReportJson(report: TlsReport): string {
  return JSON.stringify({
    'organization-name': report.organization,
    'date-range': { 'start-datetime': dateTime(report.beginMs), 'end-datetime': dateTime(report.endMs) },
    'contact-info': report.contact,
    'report-id': report.reportId,
    policies: report.policies.map(policyJson),
  })
}

function policyJson({ type, domain, policyLines, mxHosts, failures, ...counts }: TlsPolicyReport): object {
  return {
    policy: {
      'policy-type': type,
      ...(policyLines.length > 0 && { 'policy-string': policyLines }),
      'policy-domain': domain,
      ...(mxHosts.length > 0 && { 'mx-host': mxHosts }),
    },
    summary: {
      'total-successful-session-count': counts.successfulSessions,
      'total-failure-session-count': counts.failedSessions,
    },
    ...(failures.length > 0 && {
      'failure-details': failures.map((failure) => ({
        'result-type': failure.resultType,
        ...said('sending-mta-ip', failure.sendingIp),
        ...said('receiving-mx-hostname', failure.receivingMxHostname),
        ...said('receiving-mx-helo', failure.receivingMxHelo),
        ...said('receiving-ip', failure.receivingIp),
        'failed-session-count': failure.failedSessions,
        ...said('additional-information', failure.additionalInformation),
        ...said('failure-reason-code', failure.reasonCode),
      })),
    }),
  }
}

const said = (name: string, value: string) => (value === '' ? {} : { [name]: value })
const dateTime = (atMs: number) => new Date(atMs).toISOString().replace('.000Z', 'Z')

/** What an https: URI of rua= asks to be posted to; only its own port, and nobody's password. */
export function parseHttpsUri(uri: string): { readonly host: string; readonly path: string } | undefined {
  if (!URL.canParse(uri)) return undefined
  const { protocol, hostname, port, username, password, pathname, search } = new URL(uri)
  if (protocol !== 'https:' || port !== '' || username !== '' || password !== '' || !isMailDomain(hostname))
    return undefined
  return { host: hostname, path: `${pathname}${search}` }
}

/** The report packed, as it is attached or posted. */
export function packTlsReport(report: TlsReport): Buffer {
  return gzipSync(tlsReportJson(report), { level: 9 })
}

/** The report about `domain` as a message, ready to be signed and queued. */
export function buildTlsReport(domain: string, report: TlsReport, message: TlsReportMessage): Buffer {
  const { submitter } = message
  const [beginS, endS] = [report.beginMs, report.endMs].map((atMs) => Math.floor(atMs / 1000))
  const fields = [
    structuredField('Date', formatDate(message.nowMs)),
    addressField('From', [message.from]),
    addressField('To', message.to),
    // §5.3: the words are fixed, and so are the two fields.
    textField('Subject', `Report Domain: ${domain} Submitter: ${submitter} Report-ID: <${report.reportId}>`),
    structuredField('TLS-Report-Domain', domain),
    structuredField('TLS-Report-Submitter', submitter),
    structuredField('Message-ID', message.messageId),
    structuredField('Auto-Submitted', 'auto-generated'), // RFC 3834 §5
    structuredField('MIME-Version', '1.0'),
  ]
  const text = `TLS report of ${report.organization} about mail to ${domain},\n${dateTime(report.beginMs)} to ${dateTime(report.endMs)}.\n`
  const attached = attachmentEntity({
    mediaType: TLS_REPORT_TYPE,
    fileName: `${submitter}!${domain}!${beginS}!${endS}!${report.reportId.replace(/[^A-Za-z0-9]+/g, '').slice(0, 60)}.json.gz`,
    content: packTlsReport(report),
  })
  const entity = multipart(
    'report',
    [textEntity('plain', text), attached],
    message.boundary(),
    ' report-type="tlsrpt";',
  )
  return Buffer.concat([Buffer.from(fields.join('')), serialize(entity)])
}
