// The trace as text for a terminal: `borderpost trace FILE.eml`. Oldest first, times in UTC, what is claimed says so.

import { format } from '../../notation/format.ts'
import { parse } from '../../notation/parse.ts'
import { answer } from './answer.ts'
import { durationText } from './duration.ts'
import { traceNotation } from './notation.ts'
import type { Step } from './path.ts'
import type { TracedResults } from './results.ts'
import type { TraceResult } from './trace.ts'

/** The whole report, lines ended by \n. */
export function renderTrace(result: TraceResult): string {
  const sections = [
    answer(result).map(clean).join('\n'),
    summary(result),
    pathSection(result),
    forwarderSection(result),
    authenticationSection(result),
    notationSection(result),
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

/** `+3 s`, `+2 h 5 min`; '' if unknown. */
export function delayText(step: Step): string {
  if (step.clocksDifferByMs !== undefined) return `clocks differ by at least ${durationText(step.clocksDifferByMs)}`
  return step.delayMs === undefined ? '' : `+${durationText(step.delayMs)}`
}

/** `TLSv1.3`, `TLS` where only the protocol name says so (RFC 3848), '' where nothing is said. */
export function tlsText(step: Step): string {
  const { tls, with: protocol } = step.received
  if (tls) return tls.protocol ?? 'TLS'
  return /^(?:u?e?smtpsa?|utf8(?:smtp|lmtp)sa?|lmtpsa?|https)$/i.test(protocol ?? '') ? 'TLS' : ''
}

function summary(result: TraceResult): string {
  return summaryRows(result)
    .map(([name, value]) => `${name.padEnd(9)}${clean(value)}`)
    .join('\n')
}

/** From whom, to whom, about what, and how long it took. */
export function summaryRows(result: TraceResult): [string, string][] {
  const rows: [string, string | undefined][] = [
    ['From', result.from],
    ['To', result.to],
    ['Subject', result.subject],
    ['Sent', result.sentMs === undefined ? undefined : timeText(result.sentMs)],
    ['Took', tookText(result)],
  ]
  return rows.flatMap(([name, value]): [string, string][] => (value ? [[name, value]] : []))
}

function tookText(result: TraceResult): string | undefined {
  const handovers = result.steps.filter((step) => step.kind === 'handover').length
  if (result.steps.length === 0) return undefined
  const over = `${handovers} handover${handovers === 1 ? '' : 's'}`
  return result.totalMs === undefined ? over : `${durationText(result.totalMs)} over ${over}`
}

export function timeText(epochMs: number): string {
  const date = new Date(epochMs)
  return Number.isNaN(date.getTime()) ? '' : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

function pathSection(result: TraceResult): string {
  const { steps } = result
  if (steps.length === 0) return ''
  const lines = ['Path, oldest first']
  const entry = steps.findIndex((step) => step.entersHere)
  const firstVerified = steps.findIndex((step) => step.verified)
  for (const [index, step] of steps.entries()) {
    if (index === firstVerified && entry < 0 && index > 0) lines.push(FETCHED)
    if (index === entry)
      lines.push('     ------ Border ------  above: claimed by others, not verified; below: written by our own hosts')
    lines.push(...stepLines(step))
  }
  if (result.trust !== 'configured') lines.push(`     ${clean(trustText(result))}`)
  if (entry < 0 && firstVerified === 0) lines.push('     It never crossed the Border.')
  return lines.join('\n')
}

/** Whose lines are believed. */
export function trustText({ trust, ours, steps }: TraceResult): string {
  if (steps.length === 0) return ''
  if (trust === 'none') return 'Nothing here was written by our own hosts: all of it is claimed, not verified.'
  const names = ours.join(', ')
  return trust === 'assumed'
    ? `Taken as our own: ${names}, who wrote the newest line. Name your hosts to be sure.`
    : `Believed is what ${names} wrote; what stands before the Border is claimed.`
}

const FETCHED = '     ------ Border? ------  no line tells how it came to us (fetched?); above: claimed, not verified'

function stepLines(step: Step): string[] {
  const { received, number } = step
  const lead = `${String(number).padStart(3)}  `
  const when = received.date ? timeText(received.date.epochMs) : 'no time'
  if (step.kind === 'inside') {
    return [`${lead}${clean(insideText(step))}`, `       ${[when, delayText(step)].filter(Boolean).join('  ')}`]
  }
  const from = received.reverseName ?? received.helo ?? 'somebody'
  const address = received.ip ? ` [${received.ip}]` : ''
  const greeting =
    received.helo && received.reverseName && received.helo !== received.reverseName ? ` (says ${received.helo})` : ''
  const facts = [
    when,
    delayText(step),
    received.with,
    tlsText(step) || 'no TLS told',
    received.authenticated ? 'Author logged in' : '',
    step.verified ? 'verified' : 'claimed',
  ]
  return [
    `${lead}${clean(`${from}${address}${greeting}`)} -> ${clean(received.by ?? 'unknown')}`,
    `       ${clean(facts.filter(Boolean).join('  '))}`,
    ...(step.doubt === undefined ? [] : [`       doubtful: ${clean(step.doubt)}`]),
  ]
}

function insideText({ received }: Step): string {
  const what = received.with ? ` (${received.with})` : ''
  return received.by ? `inside ${received.by}${what}` : received.raw.replace(/;[^;]*$/, '').slice(0, 100)
}

function forwarderSection(result: TraceResult): string {
  const signs = result.forwarder ?? result.unplacedSigns
  if (!signs) return ''
  const block = result.blocks.find((each) => each.side === 'forwarder')
  const title = block ? `Forwarder: ${block.organisation}` : 'Signs of a Forwarder, but no block of the path fits'
  return [title, ...signs.evidence.map((sentence) => `     ${clean(sentence)}`)].join('\n')
}

function authenticationSection(result: TraceResult): string {
  return result.authentication
    .toSorted((a, b) => STANDINGS.indexOf(a.standing) - STANDINGS.indexOf(b.standing))
    .flatMap((each) => [`Authentication, ${standingText(each, clean(each.authservId))}`, ...methodLines(each)])
    .join('\n')
}

const STANDINGS: readonly TracedResults['standing'][] = ['verified', 'likely', 'claimed']

/** Whose word it is, in words. */
export function standingText({ standing }: Pick<TracedResults, 'standing'>, by: string): string {
  if (standing === 'verified') return `by our own Border (${by})`
  if (standing === 'likely') return `most likely by our own Border (${by}): with its name, just below its line`
  return `claimed by ${by}`
}

function methodLines(results: TracedResults): string[] {
  if (results.methods.length === 0) return ['     none']
  return results.methods.slice(0, 20).map(({ method, result, properties, reason }) => {
    const facts = properties.map(({ name, value }) => `${name}=${value}`).join(' ')
    return clean(`     ${method.padEnd(6)} ${result.padEnd(9)} ${facts}${reason ? ` (${reason})` : ''}`).trimEnd()
  })
}

function notationSection(result: TraceResult): string {
  const notation = traceNotation(result)
  return notation === '' ? '' : format(parse(notation).model, 'drawn').trimEnd()
}

/** Nothing of a message may move the cursor of a terminal or turn its text around. */
function clean(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g, ' ')
}
