// A message that may be a report to us: aggregate or failure report of DMARC, report on TLS, or feedback. One look at
// its parts tells; what the parts hold decides, for senders label them in every way (RFC 9990 §3, RFC 8460 §5.3,
// RFC 5965 §2).

import { partBytes } from '../../message/body.ts'
import { decodeText } from '../../message/charset.ts'
import { allParts, type Part, parseStructure } from '../../message/mime.ts'
import { type AggregateReport, parseAggregateReport } from './aggregate.ts'
import { parseFeedback, type ReceivedFeedback } from './feedback.ts'
import { parseTlsReport, type TlsReport } from './tls.ts'
import { unpack } from './unpack.ts'

export type IncomingReport =
  | { readonly kind: 'aggregate'; readonly report: AggregateReport }
  | { readonly kind: 'tls'; readonly report: TlsReport }
  | { readonly kind: 'feedback'; readonly report: ReceivedFeedback }
  /** It looks like a report and cannot be read as one. */
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'none' }

/** Parts that are looked into. */
const MAX_PARTS = 20

/** What report a message carries; what unpacks to more than `maxBytes` is unreadable. Never throws. */
export function parseReport(message: Buffer, maxBytes?: number): IncomingReport {
  const root = parseStructure(message)
  const feedback = parseFeedback(root)
  if (feedback)
    return 'fault' in feedback
      ? { kind: 'unreadable', reason: feedback.fault }
      : { kind: 'feedback', report: feedback.report }
  let unreadable: IncomingReport | undefined
  let looked = 0
  for (const part of allParts(root)) {
    if (part.type === 'multipart' || part.message || !mayHoldReport(part)) continue
    if (++looked > MAX_PARTS) break
    const found = parseReportFile(partBytes(part), maxBytes)
    if (found.kind === 'unreadable') unreadable ??= found
    else if (found.kind !== 'none') return found
  }
  return unreadable ?? { kind: 'none' }
}

/** Reports come as files; text that a person reads is none, whatever it begins with. */
function mayHoldReport({ type, subtype }: Part): boolean {
  return type === 'application' || (type === 'text' && subtype === 'xml')
}

/** Reads a report that stands alone: the XML or JSON, packed or not. */
export function parseReportFile(file: Buffer, maxBytes?: number): IncomingReport {
  const unpacked = unpack(file, maxBytes)
  if ('fault' in unpacked) return { kind: 'unreadable', reason: unpacked.fault }
  const { bytes } = unpacked
  const start = bytes.toString('latin1', 0, 200).replace(/^(?:\xef\xbb\xbf)?\s+|^\xef\xbb\xbf/, '')[0]
  if (start === '<') return read('aggregate', parseAggregateReport(decodeText(bytes, 'utf-8')))
  if (start === '{') return read('tls', parseTlsReport(decodeText(bytes, 'utf-8')))
  return { kind: 'none' }
}

function read<K extends 'aggregate' | 'tls', R>(
  kind: K,
  result: { readonly report: R } | { readonly fault: string },
): { readonly kind: K; readonly report: R } | { readonly kind: 'unreadable'; readonly reason: string } {
  return 'fault' in result ? { kind: 'unreadable', reason: result.fault } : { kind, report: result.report }
}
