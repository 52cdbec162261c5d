// Lines to drawings: which lines belong together as brackets, strokes, label and flows of one diagram, which flow is
// wrapped over several lines (rule A12), and which lines are attributes or comments.

import { looksLikeEntries, type RawAttribute, readAttribute, readEntries, targetEnd } from './attributes.ts'
import { finding } from './findings.ts'
import { type RawFlow, readFlow, stripStrokes } from './flow.ts'
import { commentStart, lex, type Token } from './lexer.ts'
import type { Diagram, Report, Span } from './model.ts'
import type { RawBracket } from './networks.ts'
import { join, type Line, spanOf } from './text.ts'
import type { Lines } from './ways.ts'

export type RawDiagram = {
  form: Diagram['form']
  strokes: boolean
  brackets: RawBracket[]
  flows: RawFlow[]
  caption?: string
  span: Span
}

export type Rows = { diagrams: RawDiagram[]; attributes: RawAttribute[]; title?: string }

/** The lines of one flow; `depth`: how many branchings are still open. */
type Row = Lines & { bracketed: boolean; labelled: boolean; depth: number }

/** A drawing while its lines are collected; each flow is the tokens of its lines. */
type Open = {
  brackets: RawBracket[]
  flows: Row[]
  strokeRows: boolean
  /** A line that may be continued is directly above. */
  adjacent: boolean
  caption?: string
  span: Span
}

/** Longer comments are no captions; to join them all would take the square of their number. */
const MAX_CAPTION = 2000

export function readRows(lines: Line[], report: Report): Rows {
  const out: Rows = { diagrams: [], attributes: [] }
  let open: Open | undefined
  let attribute: RawAttribute | undefined
  let caption: { text: string; line: number } | undefined

  const close = () => {
    if (open !== undefined) closeDiagram(open, out.diagrams, report)
    open = undefined
  }
  const drawing = (line: Line): Open => {
    const span = spanOf(line, 0, line.text.length)
    const above = caption?.line === line.number - 1 && caption.text !== '' ? { caption: caption.text } : {}
    open ??= { brackets: [], flows: [], strokeRows: false, adjacent: false, ...above, span }
    open.span = join(open.span, span)
    return open
  }

  lines.forEach((written, index) => {
    const line = unmarked(written, report)
    const end = commentStart(line.text)
    const text = line.text.slice(0, end)
    const content = text.trim()
    if (content === '') {
      attribute = undefined
      if (open !== undefined) open.adjacent = false
      if (open !== undefined && open.flows.length > 0) close()
      if (end === line.text.length) return
      const words = line.text
        .slice(end)
        .replace(/^#+\s*/, '')
        .trim()
      if (words !== '') out.title ??= words
      const more = caption?.line === line.number - 1 ? `${caption.text} ` : ''
      caption = { text: (more + words).trim().slice(0, MAX_CAPTION), line: line.number }
      return
    }
    if (/^(?:```|~~~)\s*\w*$/.test(content) || isRuler(content)) {
      close()
      attribute = undefined
      if (content[0] === '`' || content[0] === '~') reportFence(line, report)
      return
    }
    if (attribute !== undefined && continues(attribute, text)) {
      readEntries(attribute, line, 0, end, report)
      return
    }
    const colon = targetEnd(text)
    if (colon !== undefined || looksLikeEntries(content)) {
      close()
      attribute = colon === undefined ? undefined : readAttribute(line, colon, end, report)
      if (attribute !== undefined) out.attributes.push(attribute)
      else reportNoTarget(spanOf(line, text.length - text.trimStart().length, text.trimEnd().length), report)
      return
    }
    attribute = undefined

    const isBelow =
      open !== undefined &&
      open.flows.length > 0 &&
      /^[\s|]*[+|][\s|]*(?:$|\+|[-=~+])/.test(text) &&
      !/\|[-–—]/.test(text)
    // The upright lines of a drawing lead from one + to another.
    const upright = isBelow
      ? { ...line, text: line.text.replace(/^[\s|]+/, (lead) => lead.replaceAll('|', ' ')) }
      : line
    if (isBelow && upright.text.slice(0, end).trim() === '') return
    const tokens = lex(upright, end, report)
    const brackets = tokens.filter((token) => token.kind === 'bracket')
    const flow = tokens.filter((token) => token.kind !== 'bracket')
    if (
      brackets.length === 0 &&
      flow.length > 0 &&
      flow.every(isStroke) &&
      !isWrappedBorder(flow, open, lines[index + 1])
    ) {
      const last = drawing(line).flows.at(-1)
      if (last !== undefined && flow.some((token) => token.kind === 'word')) last.labelled = true
      open!.adjacent = false
      open!.strokeRows = true
      return
    }
    if (brackets.length > 0 && open !== undefined && open.flows.length > 0) close()
    if (brackets.length > 0) drawing(line).adjacent = false
    for (const { text: name, span, column, columnEnd } of brackets)
      open!.brackets.push({ name, span, column, columnEnd })
    if (flow.length === 0) return
    const last = open?.flows.at(-1)
    if (last !== undefined && flow[0]!.kind === 'plus' && flow.length > 1) {
      drawing(line)
      last.branches.push(flow)
      open!.adjacent = true
      return
    }
    const lineAbove = last?.branches.at(-1) ?? last?.tokens
    if (last !== undefined && open!.adjacent && (last.depth > 0 || wraps(lineAbove!, flow))) {
      drawing(line)
      for (const token of flow) lineAbove!.push(token)
      last.depth += depthOf(flow)
      return
    }
    if (last?.bracketed) close()
    const isHead = (row: Row | undefined) => row?.tokens.at(-1)?.kind === 'plus' && row.tokens.length > 1
    const heads: Token[][] = []
    while (open?.adjacent && isHead(open.flows.at(-1)) && flow.slice(0, -1).some(({ kind }) => kind === 'plus'))
      heads.unshift(open.flows.pop()!.tokens)
    drawing(line).flows.push({
      tokens: flow,
      branches: [],
      heads,
      bracketed: brackets.length > 0,
      labelled: false,
      depth: depthOf(flow),
    })
    open!.adjacent = true
  })
  close()
  return out
}

const depthOf = (tokens: Token[]) =>
  tokens.reduce((depth, { kind }) => depth + (kind === 'open' ? 1 : kind === 'close' ? -1 : 0), 0)

const isStroke = (token: Token) =>
  token.kind === 'slash' || (token.kind === 'word' && token.text.toLowerCase() === 'border')
const connects = (token: Token | undefined) => token?.kind === 'arrow' || token?.kind === 'slash'

/** Rule A12. An arrow on both sides of the break ends one flow in the open Internet and begins another. */
function wraps(above: Token[], below: Token[]): boolean {
  const last = above.at(-1)
  const first = below[0]
  if (last?.kind === 'word' && isStroke(last)) return false
  if (last?.kind === 'comma' || first?.kind === 'comma') return true
  if (connects(last) && connects(first)) return last?.kind !== first?.kind
  return connects(last) || connects(first)
}

/** A lone `/` between two lines that break at arrows is the crossing of a wrapped flow, not a stroke. */
function isWrappedBorder(row: Token[], open: Open | undefined, next: Line | undefined): boolean {
  const above = open?.adjacent ? open.flows.at(-1)?.tokens.at(-1) : undefined
  return row.length === 1 && above?.kind === 'arrow' && /^\s*(?:[-=~]+>|[→⇒⇝])/.test(next?.text ?? '')
}

/** "A line may continue on following lines that are indented." */
function continues(attribute: RawAttribute, text: string): boolean {
  if (!/^\s/.test(text) || targetEnd(text) !== undefined) return false
  return looksLikeEntries(text) || (attribute.kind !== undefined && !/[-=~]>|\|/.test(text))
}

function closeDiagram(open: Open, diagrams: RawDiagram[], report: Report) {
  if (open.flows.length === 0) {
    const previous = diagrams.at(-1)
    if (open.brackets.length === 0 && previous !== undefined) previous.span = join(previous.span, open.span)
    else
      report(
        finding('N16', 'warning', open.span, 'Here is a drawing without a flow', [
          { label: 'Write the flow below it, e.g. Author ==> MSA/Transmitter --> / -->', edits: [] },
        ]),
      )
    return
  }
  let flat = false
  let stroked = open.strokeRows
  const flows = open.flows.flatMap((row) => {
    const { tokens, strokes } = stripStrokes(row.tokens, row.bracketed, row.labelled)
    stroked ||= strokes
    flat ||= row.bracketed || (strokes && !open.strokeRows)
    return tokens.length === 0 ? [] : readFlow({ ...row, tokens }, report)
  })
  const isDrawn = open.brackets.length > 0 || open.strokeRows || open.flows.some(isOnLines)
  const form = flat ? 'flat' : isDrawn ? 'drawn' : 'plain'
  const caption = open.caption === undefined ? {} : { caption: open.caption }
  diagrams.push({ form, strokes: stroked, brackets: open.brackets, flows, ...caption, span: open.span })
}

const MARK = /^\s*(?:>(?=\s|$)|(?:[-*•]|\d{1,3}[.)])(?=\s.*(?:[-=~]>|[→⇒⇝]|\|-)))/

/** Mail and Markdown put a sign before a line that is quoted, or one of a list. */
function unmarked(line: Line, report: Report): Line {
  const mark = line.text.length < MAX_MARKED ? MARK.exec(line.text)?.[0] : undefined
  if (mark === undefined) return line
  const from = mark.search(/\S/)
  const edits = [{ span: spanOf(line, from, mark.length + (line.text.length > mark.length ? 1 : 0)), text: '' }]
  const span = spanOf(line, from, mark.length)
  report(
    finding('N01', 'hint', span, `"${mark.trim()}" before the line is not part of the notation`, [
      { label: 'Remove it', edits },
    ]),
  )
  return { ...line, text: ' '.repeat(mark.length) + line.text.slice(mark.length) }
}

/** What is longer was not written by hand. */
const MAX_MARKED = 10_000

const isOnLines = ({ branches, heads }: Row) => branches.length > 0 || heads.length > 0

function reportFence(line: Line, report: Report) {
  const span = spanOf(line, 0, line.text.length)
  const fixes = [{ label: 'Write it as a comment', edits: [{ span, text: '#' }] }]
  report(finding('N01', 'hint', span, 'A code fence is not part of the notation', fixes))
}

function reportNoTarget(span: Span, report: Report) {
  report(
    finding('N20', 'error', span, 'This line does not say whom it is about', [
      { label: 'Write Target: key=value, where the target is an @id, a role or a network', edits: [] },
    ]),
  )
}

/** A line of one sign, as Markdown draws them. By hand: a regular expression would need a stack as deep as the line is long. */
function isRuler(content: string): boolean {
  const [sign] = content
  if (sign === undefined || content.length < 3 || !'-=_*'.includes(sign)) return false
  return content === sign.repeat(content.length)
}
