// Many messages at once, as from a mailbox: by which paths mail comes, how often, how fast, over TLS or not, and what our own
// Border found out. Bounded: paths beyond a number are counted together.

import type { Picture } from '../../notation/layout.ts'
import { durationText } from './duration.ts'
import { traceFlow, tracesPicture } from './notation.ts'
import { type TraceOptions, type TraceResult, trace } from './trace.ts'

/** Distinct paths that are told apart. */
const MAX_PATHS = 5000
/** Delays kept of one path, for its middle. */
const MAX_DELAYS = 1000
/** Lines of examples that are kept, of all paths together. */
const MAX_KEPT_LINES = 50_000
/** Of a line that is kept. */
const MAX_KEPT_TEXT = 500

export interface TracedPath {
  /** In the notation. */
  readonly flow: string
  readonly messages: number
  /** Milliseconds from the Date field to our mailbox, of the message in the middle. */
  readonly medianMs: number | undefined
  /** Messages that crossed the last Border over TLS. */
  readonly overTls: number
  /** Messages for which our own Border found DMARC pass. */
  readonly proven: number
  /** A message that came by it; undefined: more are not kept. */
  readonly example: TraceResult | undefined
}

export interface TracedMany {
  readonly messages: number
  /** No path could be read. */
  readonly without: number
  /** Came by paths beyond those told apart. */
  readonly others: number
  /** Most frequent first. */
  readonly paths: readonly TracedPath[]
}

interface Counted {
  messages: number
  overTls: number
  proven: number
  readonly delays: number[]
  readonly example: TraceResult | undefined
}

/** Traces each message; keeps one example of each path. */
export async function traceMany(
  messages: AsyncIterable<Buffer> | Iterable<Buffer>,
  options: TraceOptions = {},
): Promise<TracedMany> {
  const paths = new Map<string, Counted>()
  let [count, without, others, kept] = [0, 0, 0, 0]
  for await (const message of messages) {
    count++
    const result = trace(message, options)
    const flow = traceFlow(result)
    if (flow === '') {
      without++
      continue
    }
    const known = paths.get(flow)
    if (known === undefined && paths.size >= MAX_PATHS) {
      others++
      continue
    }
    let counted = known
    if (counted === undefined) {
      kept += result.steps.length
      const example = kept > MAX_KEPT_LINES ? undefined : small(result)
      counted = { messages: 0, overTls: 0, proven: 0, delays: [], example }
      paths.set(flow, counted)
    }
    counted.messages++
    if (isOverTls(result)) counted.overTls++
    if (isProven(result)) counted.proven++
    if (result.totalMs !== undefined && counted.delays.length < MAX_DELAYS) counted.delays.push(result.totalMs)
  }
  const told = [...paths].map(
    ([flow, { delays, ...counted }]): TracedPath => ({ flow, ...counted, medianMs: middle(delays) }),
  )
  return { messages: count, without, others, paths: told.sort((a, b) => b.messages - a.messages) }
}

/** A copy that keeps neither the message nor long lines of it in memory. */
function small(result: TraceResult): TraceResult {
  for (const { received } of result.steps) received.raw = received.raw.slice(0, MAX_KEPT_TEXT)
  return structuredClone(result)
}

function isOverTls({ hops }: TraceResult): boolean {
  const step = hops.findLast(({ crossesBorder }) => crossesBorder)?.step
  return step !== undefined && (step.received.tls !== undefined || /smtpsa?$/i.test(step.received.with ?? ''))
}

const isProven = ({ authentication }: TraceResult) =>
  authentication.some(
    ({ standing, methods }) =>
      standing !== 'claimed' && methods.some(({ method, result }) => method === 'dmarc' && result === 'pass'),
  )

function middle(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

/** Paths in one picture: more are no picture. */
const DRAWN = 12

/** The most frequent paths in one picture; undefined: there is none. */
export function manyPicture({ paths }: TracedMany): Picture | undefined {
  const drawn = paths
    .slice(0, DRAWN)
    .flatMap(({ example, messages }) => (example === undefined ? [] : [{ example, messages }]))
  if (drawn.length === 0) return undefined
  return tracesPicture(
    drawn.map(({ example }) => example),
    (index) => `${drawn[index]!.messages} messages`,
  )
}

export interface PathsRow {
  readonly messages: number
  readonly share: string
  readonly tls: string
  /** By DMARC, as our own Border found. */
  readonly proven: string
  /** The time within which half of them came; '' where none tells. */
  readonly took: string
  /** In the notation, or what these have in common. */
  readonly flow: string
}

const share = (part: number, whole: number) => `${Math.round((100 * part) / whole)} %`

/** The most frequent paths, and what came otherwise. */
export function pathsTable({ messages, without, others, paths }: TracedMany, mostPaths: number): PathsRow[] {
  const rows = paths.slice(0, mostPaths).map(
    ({ flow, messages: n, medianMs, overTls, proven }): PathsRow => ({
      messages: n,
      share: share(n, messages),
      tls: share(overTls, n),
      proven: share(proven, n),
      took: medianMs === undefined ? '' : durationText(medianMs),
      flow,
    }),
  )
  const rest = paths.slice(mostPaths).reduce((sum, path) => sum + path.messages, others)
  const other = (count: number, flow: string): PathsRow[] =>
    count === 0 ? [] : [{ messages: count, share: share(count, messages), tls: '', proven: '', took: '', flow }]
  return [...rows, ...other(rest, 'by other paths'), ...other(without, 'without a path that can be read')]
}

/** The table for a terminal: a line of figures and a line of notation for each path. */
export function renderMany(many: TracedMany, mostPaths = 50): string {
  const { messages, paths } = many
  const rows = pathsTable(many, mostPaths).map(({ messages: n, share: part, tls, proven, took, flow }) => {
    const head = `${String(n).padStart(7)}  ${part.padStart(5)}  `
    if (tls === '') return `${head}${flow}`
    return `${head}TLS ${tls}, proven (DMARC) ${proven}${took === '' ? '' : `, half within ${took}`}\n                ${flow}`
  })
  const head = `${messages} message${messages === 1 ? '' : 's'} by ${paths.length} path${paths.length === 1 ? '' : 's'}`
  return `${[head, '', ...rows].join('\n')}\n`
}
