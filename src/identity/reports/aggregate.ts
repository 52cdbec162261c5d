// Aggregate DMARC reports as they come in: what others saw of mail in our name (RFC 9990 §3.1 and its schema in
// Appendix A; RFC 7489 Appendix C and the drafts before it, which most of the world still sends). Reading is generous in
// form (order, namespace, case, missing parts) and strict in what is kept: addresses, numbers, known words, short texts.

import { isIp } from '../../message/ip.ts'
import type { Policy } from '../dmarc/record.ts'
import { normalDomain } from '../domain.ts'
import { child, childrenNamed, parseXml, type XmlElement } from './xml.ts'

/** RFC 9990 §3.1.1: `pass` is for mail that passed, `none` for mail that failed and was let through. */
export type Disposition = 'none' | 'pass' | 'quarantine' | 'reject'

export interface PublishedPolicy {
  /** Where the record was found. */
  readonly domain: string
  readonly policy: Policy | undefined
  readonly subdomainPolicy: Policy | undefined
  /** np= (RFC 9990). */
  readonly absentPolicy: Policy | undefined
  /** adkim= and aspf=; undefined where the report does not say. */
  readonly strictDkim: boolean | undefined
  readonly strictSpf: boolean | undefined
  readonly testing: boolean
  readonly discoveryMethod: 'psl' | 'treewalk' | undefined
  /** fo= as written. */
  readonly failureOptions: string | undefined
  /** pct= (RFC 7489). */
  readonly percent: number | undefined
}

/** One row: mail from one address that was judged in one way. */
export interface AggregateRow {
  readonly sourceIp: string
  readonly count: number
  readonly disposition: Disposition
  /** Aligned results. */
  readonly dkim: 'pass' | 'fail'
  readonly spf: 'pass' | 'fail'
  /** Why the disposition is not what the policy asks. */
  readonly reasons: readonly { readonly type: string; readonly comment: string }[]
  readonly headerFrom: string
  readonly envelopeFrom: string
  readonly envelopeTo: string
  readonly dkimResults: readonly DkimRowResult[]
  readonly spfResults: readonly SpfRowResult[]
}

export interface DkimRowResult {
  readonly domain: string
  readonly selector: string
  /** A result of RFC 8601 §2.7.1. */
  readonly result: string
  readonly humanResult: string
}

export interface SpfRowResult {
  readonly domain: string
  readonly scope: 'mfrom' | 'helo' | ''
  /** A result of RFC 8601 §2.7.2. */
  readonly result: string
}

export interface AggregateReport {
  /** Of the format; empty when not said. */
  readonly version: string
  readonly organization: string
  readonly email: string
  readonly extraContact: string
  readonly generator: string
  readonly errors: readonly string[]
  readonly reportId: string
  readonly beginS: number
  readonly endS: number
  readonly published: PublishedPolicy
  readonly rows: readonly AggregateRow[]
  /** Rows that named no address or no number, and rows beyond the limit. */
  readonly skippedRows: number
}

export type AggregateResult = { readonly report: AggregateReport } | { readonly fault: string }

const MAX_ROWS = 50_000
const MAX_TEXT = 500
const MAX_RESULTS = 100
const RESULTS = new Set(['none', 'pass', 'fail', 'policy', 'neutral', 'softfail', 'temperror', 'permerror'])
/** Words of drafts before RFC 7208. */
const OLD_RESULTS: Readonly<Record<string, string>> = { hardfail: 'fail', error: 'temperror', unknown: 'permerror' }

/** Reads the XML of an aggregate report. */
export function parseAggregateReport(xml: string): AggregateResult {
  const document = parseXml(xml)
  if ('fault' in document) return document
  const { root } = document
  if (root.name !== 'feedback') return { fault: `the document is <${root.name.slice(0, 60)}>, not <feedback>` }
  const metadata = child(root, 'report_metadata')
  const published = child(root, 'policy_published')
  if (!metadata || !published) return { fault: 'report_metadata or policy_published is missing' }
  const range = child(metadata, 'date_range')
  const beginS = wholeNumber(range, 'begin')
  const endS = wholeNumber(range, 'end')
  const policy = publishedPolicy(published)
  if (beginS === undefined || endS === undefined) return { fault: 'date_range names no time' }
  if (policy.domain === '') return { fault: 'policy_published names no domain' }
  const records = childrenNamed(root, 'record')
  const rows: AggregateRow[] = []
  for (const record of records.slice(0, MAX_ROWS)) {
    const row = rowOf(record)
    if (row) rows.push(row)
  }
  const report: AggregateReport = {
    version: textOf(root, 'version'),
    organization: textOf(metadata, 'org_name'),
    email: textOf(metadata, 'email'),
    extraContact: textOf(metadata, 'extra_contact_info'),
    // RFC 9990 puts it here; some drafts put it at the top.
    generator: textOf(metadata, 'generator') || textOf(root, 'generator'),
    errors: childrenNamed(metadata, 'error')
      .slice(0, MAX_RESULTS)
      .map(({ text }) => text.slice(0, MAX_TEXT)),
    reportId: textOf(metadata, 'report_id'),
    beginS,
    endS,
    published: policy,
    rows,
    skippedRows: records.length - rows.length,
  }
  return { report }
}

function publishedPolicy(element: XmlElement): PublishedPolicy {
  const strictness = (name: string): boolean | undefined => {
    const word = wordOf(element, name)
    return word === '' ? undefined : word.startsWith('s')
  }
  const policy = (name: string): Policy | undefined => {
    const word = wordOf(element, name)
    return word === 'none' || word === 'quarantine' || word === 'reject' ? word : undefined
  }
  const method = wordOf(element, 'discovery_method')
  return {
    domain: domainIn(element, 'domain'),
    policy: policy('p'),
    subdomainPolicy: policy('sp'),
    absentPolicy: policy('np'),
    strictDkim: strictness('adkim'),
    strictSpf: strictness('aspf'),
    testing: wordOf(element, 'testing') === 'y',
    discoveryMethod: method === 'psl' || method === 'treewalk' ? method : undefined,
    failureOptions: textOf(element, 'fo') || undefined,
    percent: wholeNumber(element, 'pct'),
  }
}

function rowOf(record: XmlElement): AggregateRow | undefined {
  const row = child(record, 'row')
  const evaluated = child(row, 'policy_evaluated')
  // Drafts said `identities`.
  const identifiers = child(record, 'identifiers') ?? child(record, 'identities')
  const results = child(record, 'auth_results')
  const sourceIp = textOf(row, 'source_ip')
  const count = wholeNumber(row, 'count')
  if (!isIp(sourceIp) || count === undefined) return undefined
  const disposition = wordOf(evaluated, 'disposition')
  return {
    sourceIp,
    count,
    disposition: isDisposition(disposition) ? disposition : 'none',
    dkim: wordOf(evaluated, 'dkim') === 'pass' ? 'pass' : 'fail',
    spf: wordOf(evaluated, 'spf') === 'pass' ? 'pass' : 'fail',
    reasons: childrenNamed(evaluated, 'reason')
      .slice(0, MAX_RESULTS)
      .map((reason) => ({ type: wordOf(reason, 'type'), comment: textOf(reason, 'comment') }))
      .filter(({ type, comment }) => type !== '' || comment !== ''),
    headerFrom: domainIn(identifiers, 'header_from'),
    envelopeFrom: domainIn(identifiers, 'envelope_from'),
    envelopeTo: domainIn(identifiers, 'envelope_to'),
    dkimResults: childrenNamed(results, 'dkim')
      .slice(0, MAX_RESULTS)
      .map((each) => ({
        domain: domainIn(each, 'domain'),
        selector: textOf(each, 'selector'),
        result: resultIn(each),
        humanResult: textOf(each, 'human_result'),
      })),
    spfResults: childrenNamed(results, 'spf')
      .slice(0, MAX_RESULTS)
      .map((each) => {
        const scope = wordOf(each, 'scope')
        return {
          domain: domainIn(each, 'domain'),
          scope: scope === 'mfrom' || scope === 'helo' ? scope : '',
          result: resultIn(each),
        }
      }),
  }
}

function isDisposition(word: string): word is Disposition {
  return word === 'none' || word === 'pass' || word === 'quarantine' || word === 'reject'
}

function resultIn(element: XmlElement): string {
  const word = wordOf(element, 'result')
  return RESULTS.has(word) ? word : (OLD_RESULTS[word] ?? 'none')
}

function textOf(element: XmlElement | undefined, name: string): string {
  return child(element, name)?.text.replace(/\s+/g, ' ').slice(0, MAX_TEXT) ?? ''
}

function wordOf(element: XmlElement | undefined, name: string): string {
  return textOf(element, name).toLowerCase()
}

function domainIn(element: XmlElement | undefined, name: string): string {
  return normalDomain(textOf(element, name).slice(0, 255))
}

/** A time or a count; undefined where it is none. */
function wholeNumber(element: XmlElement | undefined, name: string): number | undefined {
  const text = textOf(element, name)
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
