// A report that is due: what it says, who wants it, and the message that carries it. DMARC: RFC 9990 §3.5 and §4; TLS:
// RFC 8460 §3 and §5. Who wants it is asked of DNS when it leaves.

import { createHmac } from 'node:crypto'
import type { AggregateRow } from '../../identity/reports/aggregate.ts'
import { buildAggregateReport } from '../../identity/reports/aggregate-build.ts'
import { type Destination, parseReportUri, reportDestinations } from '../../identity/reports/destinations.ts'
import type { TlsFailure, TlsPolicyReport } from '../../identity/reports/tls.ts'
import { buildTlsReport, packTlsReport, parseHttpsUri, tlsReportUris } from '../../identity/reports/tls-build.ts'
import { formatAddress, type Mailbox } from '../../message/address.ts'
import { formatMessageId } from '../../message/message-id.ts'
import type { ReportDuty } from '../../store/nouns/reports.ts'
import { type Agent, newTrace } from '../agent.ts'
import { forwardPathOf } from '../routing.ts'
import { reportAddress } from './addresses.ts'
import { DAY_MS, type DmarcDay, type TlsSessionRow } from './observations.ts'

/** Where a report is posted to by HTTPS (RFC 8460 §5.4). */
export interface Post {
  readonly host: string
  readonly path: string
  readonly body: Buffer
}

export type Due =
  | {
      readonly kind: 'report'
      readonly wanted: readonly Destination[]
      readonly posts: readonly Post[]
      /** What is not sent to, and why: one sentence each. */
      readonly refused: readonly string[]
      /** The message to some of them. */
      readonly message: (to: readonly Mailbox[]) => Buffer
    }
  /** Nobody asks for one, as of most domains: not worth a word. */
  | { readonly kind: 'unasked' }
  /** Nobody may have it. */
  | { readonly kind: 'unwanted'; readonly why: string }
  /** DNS gave no answer. */
  | { readonly kind: 'later'; readonly why: string }

/** What is to be done about a day whose report is due. `isLast`: who gives no answer now is not asked again. */
export async function dueReport(agent: Agent, duty: ReportDuty, trace: string, isLast: boolean): Promise<Due> {
  if (duty.worthy === 0) return { kind: 'unwanted', why: 'it would speak of nothing but reports' }
  return duty.kind === 'dmarc' ? dueDmarc(agent, duty, trace, isLast) : dueTls(agent, duty, trace, isLast)
}

async function dueDmarc(agent: Agent, duty: ReportDuty, trace: string, isLast: boolean): Promise<Due> {
  const { destinations, published } = JSON.parse(duty.about) as DmarcDay
  const found = await reportDestinations(duty.domain, destinations, agent.world.dns)
  const reasons = (list: readonly { uri: string; reason: string }[]) =>
    list.map(({ uri, reason }) => `${uri}: ${reason}`)
  if (found.undecided.length > 0 && !isLast) return { kind: 'later', why: reasons(found.undecided).join('; ') }
  const refused = reasons([...found.refused, ...found.undecided])
  if (found.accepted.length === 0) return { kind: 'unwanted', why: refused.join('; ') }
  const rows = agent.store.reports
    .rows(duty)
    .map(({ row, count }): AggregateRow => ({ ...(JSON.parse(row) as Omit<AggregateRow, 'count'>), count }))
  // The form asks for at least one.
  if (rows.length === 0) return { kind: 'unwanted', why: 'more was seen that day than could be kept' }
  const message = (to: readonly Mailbox[]) =>
    buildAggregateReport(duty.domain, rows, {
      ...frameOf(agent, trace, 'dmarc'),
      organization: agent.domain,
      to,
      published,
      beginS: (duty.day * DAY_MS) / 1000,
      endS: ((duty.day + 1) * DAY_MS) / 1000 - 1,
      reportId: reportIdOf(agent, duty),
      errors: duty.omitted > 0 ? [`${duty.omitted} more messages were seen, too different to be listed`] : [],
    })
  return { kind: 'report', wanted: found.accepted, posts: [], refused, message }
}

async function dueTls(agent: Agent, duty: ReportDuty, trace: string, isLast: boolean): Promise<Due> {
  const name = `_smtp._tls.${duty.domain}`
  const answer = await agent.world.dns.resolve(name, 'TXT')
  if (answer.status === 'no-answer' && !isLast) return { kind: 'later', why: `${name}: ${answer.reason}` }
  const uris = answer.status === 'records' ? (tlsReportUris(answer.records) ?? []) : []
  const found = uris.map((uri) => ({ uri, destination: parseReportUri(uri), https: parseHttpsUri(uri) }))
  const refused = found.flatMap(({ uri, destination, https }) =>
    destination === undefined && https === undefined ? [`${uri}: nothing that can be sent to`] : [],
  )
  // RFC 8460 has no sizes; what a mailto: of DMARC may say is no part of it here.
  const wanted = found.flatMap(({ destination }) => (destination === undefined ? [] : [destination]))
  const places = found.flatMap(({ https }) => (https === undefined ? [] : [https]))
  if (wanted.length + places.length === 0)
    return refused.length > 0 ? { kind: 'unwanted', why: refused.join('; ') } : { kind: 'unasked' }
  const report = {
    organization: agent.domain,
    contact: reportAddress('tls', agent.domain),
    reportId: reportIdOf(agent, duty),
    beginMs: duty.day * DAY_MS,
    endMs: (duty.day + 1) * DAY_MS - 1000,
    policies: policiesOf(agent, duty),
  }
  const message = (to: readonly Mailbox[]) =>
    buildTlsReport(duty.domain, report, { ...frameOf(agent, trace, 'tls'), to })
  const body = packTlsReport(report)
  return { kind: 'report', wanted, posts: places.map((place) => ({ ...place, body })), refused, message }
}

/** RFC 8460 §4: sessions by the policy that they were held against, failures in detail. */
function policiesOf(agent: Agent, duty: ReportDuty): TlsPolicyReport[] {
  const rows = agent.store.reports
    .rows(duty)
    .map(({ row, count }) => ({ ...(JSON.parse(row) as TlsSessionRow), count }))
  const byPolicy = Map.groupBy(rows, ({ policy, policyLines = [] }) => [policy, ...policyLines].join('\n'))
  return [...byPolicy.values()].map((sessions) => {
    const { policy: type, policyLines = [], mxHosts = [] } = sessions[0]!
    const failed = sessions.filter(({ result }) => result !== 'success')
    const sum = (list: readonly { count: number }[]) => list.reduce((total, { count }) => total + count, 0)
    return {
      type,
      domain: duty.domain,
      policyLines,
      mxHosts,
      successfulSessions: sum(sessions) - sum(failed),
      failedSessions: sum(failed),
      failures: failed.map(
        ({ result, sendingIp, mx, ip, count, detail = '' }): TlsFailure => ({
          resultType: result,
          sendingIp,
          receivingMxHostname: mx,
          receivingMxHelo: '',
          receivingIp: ip,
          failedSessions: count,
          additionalInformation: detail,
          reasonCode: '',
        }),
      ),
    }
  })
}

/**
 * A report that has to be made twice has the same name (RFC 9990 §3.5.2): whoever gets both knows it. Letters and digits
 * only, so that it is the same in Subject, file name and report (§3.1.4).
 */
function reportIdOf(agent: Agent, { kind, domain, day }: ReportDuty): string {
  const date = new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '')
  const hash = createHmac('sha256', agent.secrets.server).update(`report id\0${kind}\0${domain}\0${day}`)
  return `${date}${hash.digest('hex').slice(0, 16)}`
}

/** What every message of ours about reports has. */
export function frameOf(agent: Agent, trace: string, kind: 'dmarc' | 'tls' | 'abuse') {
  const path = forwardPathOf(reportAddress(kind, agent.domain))
  if (path.type !== 'mailbox') throw new Error(`${agent.domain} makes no address`)
  return {
    submitter: agent.domain,
    from: { displayName: `Reports of ${agent.domain}`, ...path.mailbox },
    messageId: formatMessageId(trace, agent.hostName),
    nowMs: agent.world.clock.now(),
    boundary: () => `=_${newTrace(agent.world)}${newTrace(agent.world)}`,
  }
}

/** Those whose limit a message of this size keeps. */
export function withinSize(wanted: readonly Destination[], sizeBytes: number): Destination[] {
  return wanted.filter(({ maxBytes }) => maxBytes === undefined || sizeBytes <= maxBytes)
}

export const addressOf = ({ mailbox }: Destination) => formatAddress(mailbox)
