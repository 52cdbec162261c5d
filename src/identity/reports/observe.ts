// What this Receiver saw, as rows for the aggregate reports it owes others (RFC 9990 §3.1.1): one observation for each
// judged message, merged by everything but the count. A table of observations is all that must be kept for a day.

import type { Identity } from '../identity.ts'
import type { AggregateRow, Disposition, PublishedPolicy } from './aggregate.ts'

export interface Observation {
  /** The domain whose record asked for the report. */
  readonly policyDomain: string
  /** rua= of the record: where the report is wanted. */
  readonly destinations: readonly string[]
  readonly published: PublishedPolicy
  /** Its count is 1. */
  readonly row: AggregateRow
}

export interface Outcome {
  /** What became of the message. */
  readonly disposition: Disposition
  /** Why that is not what the policy asks: `trusted_forwarder`, `local_policy`, … (RFC 9990 §3.1.1). */
  readonly reasons?: AggregateRow['reasons']
  /** Domain of the Recipient. */
  readonly envelopeTo: string
}

/** More signatures of one message than this are not reported (the schema of RFC 9990 Appendix A sets a limit, too). */
const MAX_SIGNATURES = 10

/** The row for one message; undefined when nobody asked for a report, or DNS gave no answer. */
export function observe(identity: Identity, outcome: Outcome): Observation | undefined {
  const { dmarc, spf, dkim } = identity
  const { record } = dmarc
  if (!record || dmarc.policyDomain === undefined || record.aggregateReports.length === 0) return undefined
  if (dmarc.result !== 'pass' && dmarc.result !== 'fail') return undefined
  return {
    policyDomain: dmarc.policyDomain,
    destinations: record.aggregateReports,
    published: {
      domain: dmarc.policyDomain,
      policy: record.policy,
      subdomainPolicy: record.subdomainPolicy,
      absentPolicy: record.absentPolicy,
      strictDkim: record.strictDkim,
      strictSpf: record.strictSpf,
      testing: record.testing,
      discoveryMethod: 'treewalk',
      failureOptions: record.failureOptions.join(':'),
      percent: undefined,
    },
    row: {
      sourceIp: identity.ip,
      count: 1,
      disposition: outcome.disposition,
      dkim: dmarc.aligned.dkim ? 'pass' : 'fail',
      spf: dmarc.aligned.spf ? 'pass' : 'fail',
      reasons: outcome.reasons ?? [],
      headerFrom: dmarc.domain,
      envelopeFrom: identity.reversePath.slice(identity.reversePath.lastIndexOf('@') + 1).toLowerCase(),
      envelopeTo: outcome.envelopeTo,
      dkimResults: dkim
        .filter(({ domain }) => domain !== '')
        .slice(0, MAX_SIGNATURES)
        .map(({ domain, selector, result, reason }) => ({ domain, selector, result, humanResult: reason ?? '' })),
      spfResults: [{ domain: spf.domain, scope: spf.identity === 'helo' ? 'helo' : 'mfrom', result: spf.result }],
    },
  }
}

/** Rows that differ in nothing but their count become one. */
export function mergeRows(rows: Iterable<AggregateRow>): AggregateRow[] {
  const merged = new Map<string, AggregateRow>()
  for (const row of rows) {
    const { count, ...rest } = row
    const key = JSON.stringify(rest)
    merged.set(key, { ...row, count: count + (merged.get(key)?.count ?? 0) })
  }
  return [...merged.values()]
}
