// What the checker says, for a person: place, reason, numbered remedies (the form compilers taught everybody).
// Notation: N01 other spelling, N02 stray characters, N03 half-spaced slash, N04 doubtful slash, N05 half a crossing,
// N06 arrow or actor missing, N07 network unnamed, N08 network undecided, N09 column, N10 bracket, N11 unknown role,
// N12 arrow, N13 Border as role, N14 role twice, N15 @id or *count, N16 no flow, N20 to N23 attribute lines, N24 relays inside
// a block, N25 members of a machine, an organisation or a contract, N26 branches, N99 more.
// Model: M01 relationship across the Border, M02 no third party, M03 Forwarder abroad. Responsibilities: R01 Border
// defence, R02 submission, R03 identity, R04 Open Relay, R05 Forwarder not trusted, R06 MSA lets anybody in, R07 Forwarder
// makes mail look forged, R08 no mailstore, R09 no relationship, R10 Border to oneself, R11 unequal doors, R12 mail of
// nobody known leaves, R13 a backup MX that knows nobody.

import type { Finding, Fix, Severity, Span } from './model.ts'

/** A finding; fewer words at the place where it is found. */
export function finding(
  code: string,
  severity: Severity,
  span: Span,
  message: string,
  fixes: Fix[] = [],
  reason?: string,
): Finding {
  return { code, severity, message, ...(reason === undefined ? {} : { reason }), span, fixes }
}

/** Order of the text; at one place the worst first. */
export function byPlace(a: Finding, b: Finding): number {
  return a.span.start - b.span.start || RANK[a.severity] - RANK[b.severity]
}

const RANK: Record<Severity, number> = { error: 0, warning: 1, hint: 2 }

const WINDOW = 110
const LEAD = 60

/**
 * One finding as text for a terminal: `file:line:column: error N04: message`, the source line with carets, the reason
 * and the remedies. Long lines are cut around the place.
 */
export function renderFinding(source: string, found: Finding, fileName: string): string {
  const { span } = found
  const out = [`${fileName}:${span.line}:${span.column}: ${found.severity} ${found.code}: ${found.message}`]
  const lineStart = span.start - span.column + 1
  const lineEnd = endOfLine(source, span.start)
  const from = span.column - 1 > WINDOW - 10 ? span.start - LEAD : lineStart
  const to = Math.min(lineEnd, from + WINDOW)
  const text = source.slice(from, to)
  if (text.trim() !== '') {
    const lead = from > lineStart ? '…' : ''
    const pad = source.slice(from, span.start).replace(/[^\t]/g, ' ')
    const carets = '^'.repeat(Math.max(1, Math.min(span.end, to) - span.start))
    out.push(`  ${lead}${text}${to < lineEnd ? '…' : ''}`, `  ${lead ? ' ' : ''}${pad}${carets}`)
  }
  if (found.reason !== undefined) out.push(`  Why: ${found.reason}`)
  found.fixes.forEach((fix, i) => {
    out.push(`  ${i + 1}. ${fix.label}`)
  })
  return out.join('\n')
}

function endOfLine(source: string, from: number): number {
  const breaks = /[\r\n]/g
  breaks.lastIndex = from
  return breaks.exec(source)?.index ?? source.length
}
