// What this Receiver saw, as rows for the aggregate reports it owes others (RFC 9990 §3.1.1): one observation for each
// judged message, merged by everything but the count. A table of observations is all that must be kept for a day.

import type { DkimResult } from '../dkim/verify.ts'
import type { DmarcResult } from '../dmarc/dmarc.ts'
import { domainOf } from '../domain.ts'
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

/** More signatures of one message than this are not reported (RFC 9990 §3.1.3 allows 100). */
const MAX_SIGNATURES = 10
/** Names in DNS are shorter; a stranger's text is no reason to keep more. */
const MAX_TEXT = 253

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
      policy: record.policy ?? 'none', // RFC 9990 §3.1.1.5: p is required, and none is its default
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
      envelopeFrom: domainOf(identity.reversePath).slice(0, MAX_TEXT),
      envelopeTo: outcome.envelopeTo,
      dkimResults: dkim
        .filter(({ domain }) => domain !== '')
        .toSorted((a, b) => rankOf(a, dmarc) - rankOf(b, dmarc))
        .slice(0, MAX_SIGNATURES)
        .map(({ domain, selector, result, reason }) => ({
          domain: domain.slice(0, MAX_TEXT),
          selector: selector.slice(0, MAX_TEXT),
          result,
          humanResult: (reason ?? '').slice(0, MAX_TEXT),
        })),
      // DMARC asks for the reverse-path; of the null one that is postmaster at the name in HELO (RFC 7208 §2.4).
      spfResults: [{ domain: spf.domain.slice(0, MAX_TEXT), scope: 'mfrom', result: spf.result }],
    },
  }
}

/** RFC 9990 §3.1.3: those that prove the Author's domain first, then what else passed. */
function rankOf({ domain, result }: DkimResult, { domain: author, aligned }: DmarcResult): number {
  if (result !== 'pass') return 3
  return domain === author ? 0 : domain === aligned.dkim ? 1 : 2
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
