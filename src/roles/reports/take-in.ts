// Looks into mail that came to an address for reports and keeps what it reports. The mail itself lies in the postmaster's
// mailbox since it was accepted; this comes afterwards, once for each message, whatever crashes meanwhile.

import { createHash } from 'node:crypto'
import type { AggregateReport } from '../../identity/reports/aggregate.ts'
import type { ReceivedFeedback } from '../../identity/reports/feedback.ts'
import { type IncomingReport, parseReport } from '../../identity/reports/incoming.ts'
import { mergeRows } from '../../identity/reports/observe.ts'
import type { TlsReport } from '../../identity/reports/tls.ts'
import { firstValue } from '../../message/header.ts'
import type { Command } from '../../store/commands.ts'
import type { ReceivedReport } from '../../store/nouns/reports.ts'
import type { TrackEvent } from '../../store/nouns/tracking.ts'
import type { PendingReport } from '../../store/read/reports.ts'
import type { Agent } from '../agent.ts'
import { complaintCommands } from '../bounces/suppressed.ts'
import { noteComplaint } from '../outgoing/heard.ts'
import { commitAll } from '../tracking.ts'

/** Mail goes on at the same time: a larger report of honest senders was not seen, and a bomb costs so much and no more. */
const MAX_UNPACKED_BYTES = 8 * 1024 * 1024
/** For each millisecond of looking, so many of rest. */
const REST = 20

/** What is kept of one report; rows beyond are counted together. */
const MAX_CONTENT_BYTES = 200_000
const MAX_NAME = 253

/** What is kept of an aggregate report. */
export interface AggregateContent {
  readonly report: AggregateReport
  /** Messages in rows that are not kept. */
  readonly omitted: number
}

/** What is kept of feedback. */
export interface FeedbackContent {
  readonly report: Omit<ReceivedFeedback, 'about'>
  readonly messageId: string
  readonly subject: string
  /** CFBL-Feedback-ID (RFC 9477 §3.2). */
  readonly feedbackId: string
  /** Our own name for the message, if it left from here. */
  readonly trace: string
}

/** Looks into what waits, oldest first, with a twentieth of a processor's time. @throws DiskError */
export async function takeIn(agent: Agent, isStopped: () => boolean): Promise<void> {
  const { store, world } = agent
  for (;;) {
    const [pending] = store.reports.pending(1)
    if (pending === undefined || isStopped()) return
    const beganMs = world.clock.monotonic()
    const report = await reportIn(agent, pending)
    const keep = { kind: 'report.keep', pending: pending.id, report } as const
    const [kept] = await commitAll(agent, [keep, ...complained(agent, report)])
    // One that came before gives no id.
    if (kept?.ok && kept.id !== undefined && report?.kind === 'feedback') await noteComplaint(agent, report.about)
    await world.clock.sleep(REST * (world.clock.monotonic() - beganMs))
  }
}

async function reportIn(agent: Agent, pending: PendingReport): Promise<Omit<ReceivedReport, 'id'> | null> {
  const { account, email: id, provenDomain } = pending
  const email = agent.store.email(account, id)
  const message = email === undefined ? undefined : await agent.store.readBlob(email.blob)
  // Its reader was faster and threw it away.
  if (email === undefined || message === undefined) return null
  const described = describe(agent, parseReport(message, MAX_UNPACKED_BYTES), email.blob.hash)
  if (described === undefined) return null
  const { identifier, ...report } = described
  const who = provenDomain === '' ? report.organization : provenDomain
  const key = createHash('sha256')
    .update(JSON.stringify([report.kind, who, report.about, identifier]))
    .digest('hex')
  return { ...report, key, provenDomain, receivedAtMs: email.receivedAtMs }
}

/** Who complains of an Author's message, proven, hears no more of him. */
function complained(agent: Agent, report: Omit<ReceivedReport, 'id'> | null): Command[] {
  if (report?.kind !== 'feedback' || report.provenDomain === '') return []
  const { report: feedback, messageId, trace } = JSON.parse(report.content) as FeedbackContent
  if (trace === '') return []
  const said = `complained to ${report.provenDomain} (${feedback.feedbackType})`
  const addresses = feedback.originalRcptTo.map((each) => each.replace(/^<|>$/g, ''))
  return complaintCommands(agent, { trace, messageId, author: report.about, addresses, said })
}

type Described = Omit<ReceivedReport, 'id' | 'key' | 'provenDomain' | 'receivedAtMs'> & {
  /** What its sender calls it. */
  readonly identifier: string
}

function describe(agent: Agent, found: IncomingReport, hash: string): Described | undefined {
  switch (found.kind) {
    case 'aggregate':
      return describeAggregate(found.report)
    case 'tls':
      return describeTls(found.report)
    case 'feedback':
      return describeFeedback(agent, found.report, hash)
    case 'unreadable': {
      const content = JSON.stringify({ reason: found.reason.slice(0, 500) })
      return { kind: 'unreadable', about: '', organization: '', beginMs: 0, endMs: 0, identifier: hash, content }
    }
    case 'none':
      return undefined
  }
}

function describeAggregate(report: AggregateReport): Described {
  const rows = mergeRows(report.rows).toSorted((a, b) => b.count - a.count)
  const total = rows.reduce((sum, { count }) => sum + count, 0)
  let content = ''
  let kept = rows.length
  do {
    const part = rows.slice(0, kept)
    const omitted = total - part.reduce((sum, { count }) => sum + count, 0)
    content = JSON.stringify({ report: { ...report, rows: part }, omitted } satisfies AggregateContent)
    kept >>= 1
  } while (content.length > MAX_CONTENT_BYTES && kept > 0)
  return {
    kind: 'aggregate',
    about: report.published.domain.slice(0, MAX_NAME),
    organization: report.organization.slice(0, MAX_NAME),
    beginMs: report.beginS * 1000,
    endMs: report.endS * 1000,
    identifier: report.reportId,
    content,
  }
}

function describeTls(report: TlsReport): Described {
  let content = ''
  let kept = report.policies.length
  let failures = 100
  do {
    const policies = report.policies
      .slice(0, kept)
      .map((policy) => ({ ...policy, failures: policy.failures.slice(0, failures) }))
    content = JSON.stringify({ ...report, policies } satisfies TlsReport)
    kept >>= 1
    failures >>= 1
  } while (content.length > MAX_CONTENT_BYTES && kept > 0)
  return {
    kind: 'tls',
    about: (report.policies[0]?.domain ?? '').slice(0, MAX_NAME),
    organization: report.organization.slice(0, MAX_NAME),
    beginMs: report.beginMs,
    endMs: report.endMs,
    identifier: report.reportId,
    content,
  }
}

/** Feedback is about a message: if it left from here, about the Author who sent it. */
function describeFeedback(agent: Agent, feedback: ReceivedFeedback, hash: string): Described {
  const { about: header, ...report } = feedback
  const value = (name: string) => (header === undefined ? '' : (firstValue(header, name) ?? '').slice(0, 250))
  const messageId = value('message-id').replace(/^<|>$/g, '')
  const sent = sentAs(agent, messageId)
  const domain = report.reportedDomains[0]?.toLowerCase().slice(0, MAX_NAME) ?? ''
  const atMs = report.arrivalMs ?? 0
  const content: FeedbackContent = {
    report: {
      ...report,
      originalRcptTo: report.originalRcptTo.slice(0, 10),
      authenticationResults: report.authenticationResults.slice(0, 5),
      reportedDomains: report.reportedDomains.slice(0, 10),
      reportedUris: report.reportedUris.slice(0, 10),
    },
    messageId,
    subject: value('subject'),
    feedbackId: value('cfbl-feedback-id'),
    trace: sent?.trace ?? '',
  }
  return {
    kind: report.feedbackType === 'auth-failure' ? 'failure' : 'feedback',
    about: sent?.author ?? domain,
    organization: (report.reportingMta ?? report.userAgent).slice(0, MAX_NAME),
    beginMs: atMs,
    endMs: atMs,
    identifier: hash,
    content: JSON.stringify(content),
  }
}

/** The message among what Authors here sent lately, as tracking remembers it. */
function sentAs(agent: Agent, messageId: string): { author: string; trace: string } | undefined {
  if (messageId === '') return undefined
  const byAuthor = ({ role, kind, detail }: TrackEvent) =>
    role === 'MSA' && kind === 'accepted' && typeof detail.author === 'string'
  const event = agent.store.events({ messageId, limit: 100 }).find(byAuthor)
  return event === undefined ? undefined : { author: String(event.detail.author).toLowerCase(), trace: event.trace }
}
