// Aggregate DMARC reports as we send them: the XML of RFC 9990 Appendix A, gzipped, attached to a message whose subject
// and file name programs can read (RFC 9990 §3, the transport of reports).

import { gzipSync } from 'node:zlib'
import { addressField, buildMessage, structuredField, textField } from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import type { Mailbox } from '../../message/mailbox.ts'
import type { AggregateRow, PublishedPolicy } from './aggregate.ts'
import { mergeRows } from './observe.ts'
import { escapeXml } from './xml.ts'

export interface AggregateReportOptions {
  /** Who reports: a domain of ours, `receiver.example`. */
  readonly submitter: string
  readonly organization: string
  /** From, and the contact in the report. */
  readonly from: Mailbox
  /** Verified destinations (destinations.ts). */
  readonly to: readonly Mailbox[]
  readonly extraContact?: string
  readonly published: PublishedPolicy
  /** Seconds since 1970, both inclusive. */
  readonly beginS: number
  readonly endS: number
  /** Unique for this submitter and domain: letters, digits, dots and hyphens, and at most one `@`. */
  readonly reportId: string
  /** Errors that kept rows from being complete. */
  readonly errors?: readonly string[]
  /** With brackets. */
  readonly messageId: string
  readonly nowMs: number
  readonly boundary: () => string
}

/** The report about `domain` as a message, ready to be signed and queued. */
export function buildAggregateReport(
  domain: string,
  rows: Iterable<AggregateRow>,
  options: AggregateReportOptions,
): Buffer {
  const { submitter, reportId, beginS, endS } = options
  const xml = buildAggregateXml(domain, rows, options)
  const begins = new Date(beginS * 1000).toISOString()
  const ends = new Date(endS * 1000).toISOString()
  return buildMessage({
    fields: [
      structuredField('Date', formatDate(options.nowMs)),
      addressField('From', [options.from]),
      addressField('To', options.to),
      // RFC 9990, dmarc-subject: the words are fixed.
      textField('Subject', `Report Domain: ${domain} Submitter: ${submitter} Report-ID: <${safeId(reportId)}>`),
      structuredField('Message-ID', options.messageId),
      structuredField('Auto-Submitted', 'auto-generated'), // RFC 3834 §5
    ],
    text: `DMARC aggregate report of ${options.organization} about mail from ${domain},\n${begins} to ${ends}.\n`,
    attachments: [
      {
        mediaType: 'application/gzip',
        fileName: reportFileName(domain, options),
        // No time and no system in the gzip header: the same report is the same bytes.
        content: gzipSync(xml, { level: 9 }),
      },
    ],
    boundary: options.boundary,
  })
}

/** RFC 9990, filename: `receiver.example!sender.example!1700000000!1700086399!id.xml.gz` */
export function reportFileName(
  domain: string,
  { submitter, beginS, endS, reportId }: Pick<AggregateReportOptions, 'submitter' | 'beginS' | 'endS' | 'reportId'>,
): string {
  const unique = reportId.replace(/[^A-Za-z0-9]+/g, '').slice(0, 60)
  return `${submitter}!${domain}!${beginS}!${endS}${unique ? `!${unique}` : ''}.xml.gz`
}

/** RFC 9990, ridtxt: dot-atom text, with at most one `@`. */
function safeId(reportId: string): string {
  return reportId.replace(/[^A-Za-z0-9.@_+-]+/g, '-')
}

/** The report itself. Rows that differ in their count only are merged. */
function buildAggregateXml(
  domain: string,
  rows: Iterable<AggregateRow>,
  options: Omit<AggregateReportOptions, 'to' | 'messageId' | 'nowMs' | 'boundary'>,
): Buffer {
  const { published, from } = options
  const lines: string[] = ['<?xml version="1.0" encoding="UTF-8"?>']
  lines.push('<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">', element('version', '1.0'))
  lines.push(
    group('report_metadata', [
      element('org_name', options.organization),
      element('email', `${from.localPart}@${from.domain}`),
      optional('extra_contact_info', options.extraContact),
      element('report_id', safeId(options.reportId)),
      group('date_range', [element('begin', options.beginS), element('end', options.endS)]),
      ...(options.errors ?? []).map((error) => element('error', error)),
      element('generator', 'Borderpost'),
    ]),
    group('policy_published', [
      element('domain', domain),
      optional('discovery_method', published.discoveryMethod),
      optional('p', published.policy),
      optional('sp', published.subdomainPolicy),
      optional('np', published.absentPolicy),
      optional('fo', published.failureOptions),
      optional('adkim', strictness(published.strictDkim)),
      optional('aspf', strictness(published.strictSpf)),
      element('testing', published.testing ? 'y' : 'n'),
    ]),
  )
  for (const row of mergeRows(rows)) lines.push(record(row))
  lines.push('</feedback>', '')
  return Buffer.from(lines.join('\n'))
}

function record(row: AggregateRow): string {
  return group('record', [
    group('row', [
      element('source_ip', row.sourceIp),
      element('count', row.count),
      group('policy_evaluated', [
        element('disposition', row.disposition),
        element('dkim', row.dkim),
        element('spf', row.spf),
        ...row.reasons.map(({ type, comment }) =>
          group('reason', [element('type', type || 'other'), optional('comment', comment)]),
        ),
      ]),
    ]),
    group('identifiers', [
      element('header_from', row.headerFrom),
      element('envelope_from', row.envelopeFrom),
      optional('envelope_to', row.envelopeTo),
    ]),
    group('auth_results', [
      ...row.dkimResults.map(({ domain, selector, result, humanResult }) =>
        group('dkim', [
          element('domain', domain),
          element('selector', selector),
          element('result', result),
          optional('human_result', humanResult),
        ]),
      ),
      ...row.spfResults.map(({ domain, scope, result }) =>
        group('spf', [element('domain', domain), optional('scope', scope), element('result', result)]),
      ),
    ]),
  ])
}

function strictness(strict: boolean | undefined): string | undefined {
  return strict === undefined ? undefined : strict ? 's' : 'r'
}

function element(name: string, value: string | number): string {
  return `<${name}>${escapeXml(String(value))}</${name}>`
}

function optional(name: string, value: string | undefined): string {
  return value === undefined || value === '' ? '' : element(name, value)
}

function group(name: string, lines: readonly string[]): string {
  const inner = lines.filter((line) => line !== '').map((line) => line.replace(/^/gm, '  '))
  return [`<${name}>`, ...inner, `</${name}>`].join('\n')
}
