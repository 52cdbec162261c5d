// What reports say, all together: who sends as our domains, how encryption on the way to us went, who complains, and what
// we reported to others. For the postmaster's page and the command line.

import type { AggregateRow } from '../../identity/reports/aggregate.ts'
import type { TlsReport } from '../../identity/reports/tls.ts'
import type { ReceivedReport, ReportDuty } from '../../store/nouns/reports.ts'
import type { Store } from '../../store/store.ts'
import { DAY_MS } from './observations.ts'
import { type Source, sourcesOf } from './sources.ts'
import type { AggregateContent, FeedbackContent } from './take-in.ts'
import { explainTls } from './tls-words.ts'

export interface Overview {
  readonly sinceMs: number
  readonly domains: readonly DomainView[]
  readonly tls: readonly TlsView[]
  readonly complaints: readonly ComplaintView[]
  /** What came, newest first. */
  readonly received: readonly ReceivedView[]
  /** What we owe and what we sent, newest first. */
  readonly ours: readonly DutyView[]
}

export interface DomainView {
  readonly domain: string
  /** The policy that the newest report saw. */
  readonly policy: string
  readonly messages: number
  readonly proven: number
  readonly refused: number
  readonly setAside: number
  readonly reporters: readonly string[]
  readonly sources: readonly Source[]
  /** Sources that are not listed. */
  readonly moreSources: number
}

export interface TlsView {
  readonly domain: string
  readonly reporters: readonly string[]
  readonly good: number
  readonly bad: number
  readonly failures: readonly {
    readonly what: string
    readonly where: string
    readonly count: number
    readonly meaning: string
  }[]
}

/** What others say of our messages one by one. */
export interface ComplaintView {
  /** The Author, or the domain where nobody here is known to have sent it. */
  readonly about: string
  readonly count: number
  readonly latest: readonly {
    readonly atMs: number
    readonly type: string
    readonly by: string
    readonly isProven: boolean
    readonly subject: string
    readonly messageId: string
    readonly trace: string
  }[]
}

interface ReceivedView {
  readonly atMs: number
  readonly kind: ReceivedReport['kind']
  readonly about: string
  readonly by: string
  /** Nobody proven sent it: it is shown, and counts for nothing. */
  readonly isProven: boolean
  readonly beginMs: number
  readonly endMs: number
  readonly note: string
}

interface DutyView {
  readonly kind: ReportDuty['kind']
  readonly domain: string
  /** `2026-11-26` */
  readonly date: string
  readonly state: ReportDuty['state']
  readonly messages: number
  readonly outcome: string
}

const MOST_REPORTS = 2000
const MOST_SOURCES = 100
const MOST_LISTED = 200
const LATEST = 20

/** What came and what went since a time. Reports that nobody is proven to have sent are listed and not counted. */
export function overview(reads: Store['reports'], sinceMs: number): Overview {
  const reports = reads.received(sinceMs, MOST_REPORTS)
  const proven = reports.filter(({ provenDomain }) => provenDomain !== '')
  return {
    sinceMs,
    domains: domainsOf(proven.filter(({ kind }) => kind === 'aggregate')),
    tls: tlsOf(proven.filter(({ kind }) => kind === 'tls')),
    complaints: complaintsOf(reports.filter(({ kind }) => kind === 'feedback' || kind === 'failure')),
    received: reports.slice(0, MOST_LISTED).map(receivedView),
    ours: reads.days(Math.floor(sinceMs / DAY_MS), MOST_LISTED).map(dutyView),
  }
}

function domainsOf(reports: readonly ReceivedReport[]): DomainView[] {
  return [...Map.groupBy(reports, ({ about }) => about)]
    .map(([domain, list]) => {
      const contents = list.map(({ content }) => (JSON.parse(content) as AggregateContent).report)
      return domainView(
        domain,
        contents[0]!.published.policy,
        reportersOf(list),
        contents.flatMap(({ rows }) => rows),
      )
    })
    .toSorted((a, b) => b.messages - a.messages)
}

/** What rows about one domain say. */
export function domainView(
  domain: string,
  policy: 'none' | 'quarantine' | 'reject' | undefined,
  reporters: readonly string[],
  rows: readonly AggregateRow[],
): DomainView {
  const sources = sourcesOf({ domain, policy }, rows)
  const total = (of: (source: Source) => number) => sources.reduce((sum, source) => sum + of(source), 0)
  return {
    domain,
    policy: policy ?? 'none',
    messages: total(({ messages }) => messages),
    proven: total((source) => source.proven),
    refused: total(({ refused }) => refused),
    setAside: total(({ setAside }) => setAside),
    reporters,
    sources: sources.slice(0, MOST_SOURCES),
    moreSources: Math.max(0, sources.length - MOST_SOURCES),
  }
}

function tlsOf(reports: readonly ReceivedReport[]): TlsView[] {
  return [...Map.groupBy(reports, ({ about }) => about)].map(([domain, list]) =>
    tlsView(
      domain,
      reportersOf(list),
      list.map(({ content }) => JSON.parse(content) as TlsReport),
    ),
  )
}

/** What TLS reports say of one domain. */
export function tlsView(domain: string, reporters: readonly string[], reports: readonly TlsReport[]): TlsView {
  const policies = reports.flatMap((report) => report.policies)
  const failures = policies.flatMap((policy) => policy.failures)
  const grouped = Map.groupBy(
    failures,
    ({ resultType, receivingMxHostname }) => `${resultType}\0${receivingMxHostname}`,
  )
  return {
    domain,
    reporters,
    good: policies.reduce((sum, { successfulSessions }) => sum + successfulSessions, 0),
    bad: policies.reduce((sum, { failedSessions }) => sum + failedSessions, 0),
    failures: [...grouped.values()].slice(0, MOST_LISTED).map((alike) => ({
      what: alike[0]!.resultType,
      where: alike[0]!.receivingMxHostname,
      count: alike.reduce((sum, { failedSessions }) => sum + failedSessions, 0),
      meaning: explainTls(alike[0]!.resultType),
    })),
  }
}

function complaintsOf(reports: readonly ReceivedReport[]): ComplaintView[] {
  return [...Map.groupBy(reports, ({ about }) => about)]
    .map(([about, list]) => ({
      about,
      count: list.length,
      latest: list.slice(0, LATEST).map(({ receivedAtMs, organization, provenDomain, content }) => {
        const { report, subject, messageId, trace } = JSON.parse(content) as FeedbackContent
        return {
          atMs: receivedAtMs,
          type: report.feedbackType,
          by: provenDomain || organization,
          isProven: provenDomain !== '',
          subject,
          messageId,
          trace,
        }
      }),
    }))
    .toSorted((a, b) => b.count - a.count)
}

const reportersOf = (list: readonly ReceivedReport[]) => [...new Set(list.map(({ provenDomain }) => provenDomain))]

function receivedView({ kind, about, organization, provenDomain, ...report }: ReceivedReport): ReceivedView {
  return {
    atMs: report.receivedAtMs,
    kind,
    about,
    by: provenDomain || organization,
    isProven: provenDomain !== '',
    beginMs: report.beginMs,
    endMs: report.endMs,
    note: kind === 'unreadable' ? (JSON.parse(report.content) as { reason: string }).reason : '',
  }
}

function dutyView({ kind, domain, day, state, messages, outcome }: ReportDuty): DutyView {
  return { kind, domain, date: new Date(day * DAY_MS).toISOString().slice(0, 10), state, messages, outcome }
}
