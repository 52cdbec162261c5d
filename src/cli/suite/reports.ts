// The reports suite: folders of DMARC, TLS and feedback reports. Where a .json of the same name stands beside a report,
// its values are what must be read (`views` translate our names); elsewhere a report is read or refused, never a crash.

import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { AggregateReport } from '../../identity/reports/aggregate.ts'
import type { ReceivedFeedback } from '../../identity/reports/feedback.ts'
import { type IncomingReport, parseReport, parseReportFile } from '../../identity/reports/incoming.ts'
import type { TlsReport } from '../../identity/reports/tls.ts'
import { filesIn, foldersOf, type Suite, SuiteReport } from './report.ts'

export const reportsSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  runFolder(report, dir, '')
  return report
}

function runFolder(report: SuiteReport, dir: string, path: string): void {
  const files = filesIn(dir)
  for (const file of files) {
    const name = `${path}${basename(file)}`
    const expected = file.replace(/\.(?:eml|xml)$/, '.json')
    const isExpectation = file.endsWith('.json') && /\/\d+\.json$/.test(file) && files.length > 1
    if (isExpectation || file.endsWith('.md')) continue
    const bytes = readFileSync(file)
    const read = file.endsWith('.eml') ? parseReport(bytes) : parseReportFile(bytes)
    if (expected !== file && existsSync(expected))
      compare(report, name, JSON.parse(readFileSync(expected, 'utf8')), read)
    else checkReadable(report, name, read, path.includes('invalid') || /invalid|empty\.xml|changed/.test(name))
  }
  for (const folder of foldersOf(dir)) runFolder(report, `${dir}/${folder}`, `${path}${folder}/`)
}

/** A name that says that the report is broken allows it to be refused. */
function checkReadable(report: SuiteReport, name: string, read: IncomingReport, mayBeRefused: boolean): void {
  const isRead = read.kind !== 'unreadable' && read.kind !== 'none'
  const got = isRead ? 'read' : `refused: ${'reason' in read ? read.reason : 'no report'}`
  if (isRead || mayBeRefused) report.check(name, got, got)
  else report.fail(name, 'read', got)
}

function compare(report: SuiteReport, name: string, expected: Record<string, unknown>, read: IncomingReport): void {
  const wanted: Record<string, unknown> = {}
  const got: Record<string, unknown> = {}
  if (read.kind === 'aggregate') {
    flatten(expected, '', wanted)
    flatten(aggregateView(read.report), '', got)
  } else if (read.kind === 'tls') {
    flatten(expected, '', wanted)
    flatten(tlsView(read.report), '', got)
  } else if (read.kind === 'feedback') {
    flatten(expected, '', wanted)
    flatten(feedbackView(read.report), '', got)
  } else {
    report.fail(name, 'a report', `${read.kind}${'reason' in read ? `: ${read.reason}` : ''}`)
    return
  }
  const paths = [...new Set([...Object.keys(wanted), ...Object.keys(got)])].sort()
  const show = (values: Record<string, unknown>) => paths.map((path) => `${path}=${values[path] ?? ''}`).join('\n    ')
  report.check(name, show(wanted), show(got))
}

/** Every value by its path. Empty values, and words for "not said", are left out; white space and case do not count. */
function flatten(value: unknown, path: string, into: Record<string, unknown>): void {
  if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) flatten(inner, path === '' ? name : `${path}.${name}`, into)
    return
  }
  const text = String(value ?? '')
    .replace(/\s+/g, '')
    .toLowerCase()
  if (!['', 'unspecified', 'false', '0'].includes(text)) into[path] = text
}

function aggregateView(report: AggregateReport): unknown {
  const { published } = report
  const strictness = (strict: boolean | undefined) => (strict === undefined ? '' : strict ? 'strict' : 'relaxed')
  return {
    version: Number(report.version),
    report_metadata: {
      org_name: report.organization,
      email: report.email,
      extra_contact_info: report.extraContact,
      report_id: report.reportId,
      date_range: { begin: report.beginS, end: report.endS },
      error: report.errors,
      generator: report.generator,
    },
    policy_published: {
      domain: published.domain,
      adkim: strictness(published.strictDkim),
      aspf: strictness(published.strictSpf),
      p: published.policy,
      sp: published.subdomainPolicy,
      np: published.absentPolicy,
      testing: published.testing,
      discovery_method: published.discoveryMethod,
      fo: published.failureOptions,
    },
    record: report.rows.map((row) => ({
      row: {
        source_ip: row.sourceIp,
        count: row.count,
        policy_evaluated: {
          disposition: row.disposition,
          dkim: row.dkim,
          spf: row.spf,
          // Theirs has no word for those that RFC 9990 retired.
          reason: row.reasons.map(({ type, comment }) => ({
            type_: type === 'sampled_out' || type === 'forwarded' ? 'other' : type.replace(/_/g, ''),
            comment,
          })),
        },
      },
      identifiers: { envelope_to: row.envelopeTo, envelope_from: row.envelopeFrom, header_from: row.headerFrom },
      auth_results: {
        dkim: row.dkimResults.map(({ domain, selector, result, humanResult }) => ({
          domain,
          selector,
          result,
          human_result: humanResult,
        })),
        spf: row.spfResults.map(({ domain, scope, result }) => ({
          domain,
          scope: scope === 'mfrom' ? 'mailfrom' : scope,
          result,
        })),
      },
    })),
  }
}

function tlsView(report: TlsReport): unknown {
  const isoSeconds = (timeMs: number) => new Date(timeMs).toISOString().replace('.000Z', 'Z')
  return {
    'organization-name': report.organization,
    'date-range': { 'start-datetime': isoSeconds(report.beginMs), 'end-datetime': isoSeconds(report.endMs) },
    'contact-info': report.contact,
    'report-id': report.reportId,
    policies: report.policies.map((policy) => ({
      policy: {
        'policy-type': policy.type === 'other' ? 'invalid-policy-type' : policy.type,
        'policy-string': policy.policyLines,
        'policy-domain': policy.domain,
        'mx-host': policy.mxHosts,
      },
      summary: {
        'total-successful-session-count': policy.successfulSessions,
        'total-failure-session-count': policy.failedSessions,
      },
      'failure-details': policy.failures.map((failure) => ({
        'result-type': failure.resultType,
        'sending-mta-ip': failure.sendingIp,
        'receiving-mx-hostname': failure.receivingMxHostname,
        'receiving-mx-helo': failure.receivingMxHelo,
        'receiving-ip': failure.receivingIp,
        'failed-session-count': failure.failedSessions,
        'additional-information': failure.additionalInformation,
        'failure-reason-code': failure.reasonCode,
      })),
    })),
  }
}

function feedbackView(report: ReceivedFeedback): unknown {
  const { about } = report
  return {
    feedback_type: report.feedbackType.replace(/-/g, ''),
    arrival_date: report.arrivalMs === undefined ? '' : report.arrivalMs / 1000,
    authentication_results: report.authenticationResults,
    incidents: report.incidents,
    original_envelope_id: report.originalEnvelopeId,
    original_mail_from: report.originalMailFrom,
    original_rcpt_to: report.originalRcptTo[0],
    reported_domain: report.reportedDomains,
    reported_uri: report.reportedUris,
    reporting_mta: report.reportingMta,
    source_ip: report.sourceIp,
    source_port: report.sourcePort,
    user_agent: report.userAgent,
    version: report.version,
    auth_failure: report.authFailure,
    delivery_result: report.deliveryResult,
    dkim_domain: report.dkimDomain,
    dkim_identity: report.dkimIdentity,
    dkim_selector: report.dkimSelector,
    dkim_selector_dns: report.dkimSelectorDns,
    spf_dns: report.spfDns,
    // Theirs has the text of a part that holds nothing but a header.
    headers: about && about.bodyStart >= about.source.length ? about.source.toString('utf8', about.start) : '',
  }
}
