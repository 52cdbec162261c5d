// Characters of one line to tokens. Knows how arrows, brackets, ids and role words look and how else people write
// them; knows nothing of their order. Linear in the line: no position is looked at more than twice.

import { finding } from './findings.ts'
import type { Arrow, Relay, Report, Span } from './model.ts'
import { after, type Line, spanOf } from './text.ts'

/** What branches and joins are written with: `{ A ; B }`, `A, B`, `--+-->`. */
type Fork = 'open' | 'close' | 'next' | 'comma' | 'plus'

export type Token = {
  kind: 'word' | 'at' | 'star' | 'arrow' | 'slash' | 'bracket' | 'inside' | Fork
  /** The word, the id, the number, the network's name. */
  text: string
  arrow?: Arrow
  /** Of `-->[if spam]`. */
  condition?: string
  /** Of `(a > b, c)`. */
  ways?: Relay[][]
  span: Span
  /** White space or the line's end on this side. */
  spaceBefore: boolean
  spaceAfter: boolean
  /** Columns as seen on a screen, tabs expanded, from 0. */
  column: number
  columnEnd: number
  /** A slash that a fix already explained. */
  explained?: boolean
}

export const NORMAL_ARROW: Record<Arrow, string> = { direct: '==>', indirect: '~~>', flow: '-->' }

type WrittenHop = {
  from?: unknown
  to?: unknown
  arrow: Arrow
  condition?: string
  arrows: readonly { arrow: Arrow }[]
  crossings: readonly unknown[]
}

/** What leads from one place to the next, as it is written: `-->[if spam] / -->`, `--> /` into the open Internet. */
export function arrowText(hop: WrittenHop): string {
  const condition = hop.condition === undefined ? '' : `[${hop.condition}]`
  const [first = hop.arrow, ...rest] = hop.arrows.map(({ arrow }) => arrow)
  const crossings = hop.crossings.length
  const begin = NORMAL_ARROW[first] + condition
  if (crossings > 0 && hop.arrows.length === crossings) {
    if (hop.from === undefined) return `/ ${[begin, ...rest.map((arrow) => NORMAL_ARROW[arrow])].join(' / ')}`
    if (hop.to === undefined) return `${[begin, ...rest.map((arrow) => NORMAL_ARROW[arrow])].join(' / ')} /`
  }
  if (rest.length === crossings) return [begin, ...rest.map((arrow) => NORMAL_ARROW[arrow])].join(' / ')
  return NORMAL_ARROW[hop.arrow] + condition + ' / -->'.repeat(crossings)
}

const UNICODE_ARROWS = new Map<string, Arrow>([
  ...[...'→⟶➔➜➝➞⇢⭢↔'].map((c): [string, Arrow] => [c, 'flow']),
  ...[...'⇒⟹⇨➡⇔'].map((c): [string, Arrow] => [c, 'direct']),
  ...[...'⇝↝⤳⟿⇾↭'].map((c): [string, Arrow] => [c, 'indirect']),
])
const BACKWARD = new Set('←⟵⇐⟸⇜↜')
const DASHES = new Map<string, Arrow>([
  ...[...'-–—−‐‑─―'].map((c): [string, Arrow] => [c, 'flow']),
  ...[...'=═'].map((c): [string, Arrow] => [c, 'direct']),
  ...[...'~∼〜'].map((c): [string, Arrow] => [c, 'indirect']),
])
/** Of an arrow whose line is drawn sign by sign. */
const HEADS = new Set('>▶►▸➤＞❯›»→⟶⇒')
const FORKS: Readonly<Record<string, Fork>> = { '{': 'open', '}': 'close', ';': 'next', ',': 'comma' }
const SLASHES = new Set('/∕⁄／')
const TAB_WIDTH = 8

const PIECES: ReadonlySet<Token['kind']> = new Set(['word', 'at', 'star', 'inside'])

/** Part of a block: of what stands between arrows. */
export const isPiece = (token: Token | undefined) => token !== undefined && PIECES.has(token.kind)

const isSpace = (c: string) => c <= ' ' || c === '\u00a0' || c === '\u200b' || c === '\ufeff'
const isWord = (c: string) => /[\p{L}\p{N}\p{M}\p{S}_.'’?&!-]/u.test(c) && !'<>=~|^`+$'.includes(c)
const isSurrogate = (c: string) => c >= '\ud800' && c <= '\udfff'

/** Where the line's comment begins (`#` at its start, or with white space on both sides, outside quotes), or its length. */
export function commentStart(text: string): number {
  const first = text.length - text.trimStart().length
  let from = 0
  for (let at = text.indexOf('#', first); at >= 0; at = text.indexOf('#', at + 1)) {
    if (at === first) return at
    if (!isSpace(text[at - 1]!) || !isSpace(text[at + 1] ?? ' ')) continue
    from = quotesEnd(text, from, at)
    if (from <= at) return at
    at = from - 1
  }
  return text.length
}

/** Behind the last quote that begins before `at` and is closed; at most `at` where none reaches over it. */
function quotesEnd(text: string, from: number, at: number): number {
  let behind = from
  for (let open = text.indexOf('"', from); open >= 0 && open < at; open = text.indexOf('"', behind)) {
    let close = open + 1
    while (close < text.length && text[close] !== '"') close += text[close] === '\\' ? 2 : 1
    // An open quote is a mistake, and hides no remark.
    if (close >= text.length) return at
    behind = close + 1
  }
  return behind
}

/** Tokens of a line up to its comment. What nothing is made of is reported once per run of characters. */
export function lex(line: Line, end: number, report: Report): Token[] {
  const { text } = line
  const tokens: Token[] = []
  let column = 0
  let seen = 0
  const columnAt = (index: number) => {
    for (; seen < index; seen++) column = text[seen] === '\t' ? column + TAB_WIDTH - (column % TAB_WIDTH) : column + 1
    return column
  }
  const push = (kind: Token['kind'], from: number, to: number, value: string, arrow?: Arrow) => {
    const start = columnAt(from)
    tokens.push({
      kind,
      text: value,
      ...(arrow === undefined ? {} : { arrow }),
      span: spanOf(line, from, to),
      spaceBefore: from === 0 || isSpace(text[from - 1]!),
      spaceAfter: to >= end || isSpace(text[to]!),
      column: start,
      columnEnd: columnAt(to),
    })
  }

  let at = 0
  while (at < end) {
    const c = text[at]!
    if (isSpace(c)) {
      at++
      continue
    }
    if (c === '|') {
      const bracket = readBracket(line, at, end, report)
      if (bracket.name !== undefined) push('bracket', at, bracket.to, bracket.name)
      at = bracket.next
      continue
    }
    const to = c === '(' && isPiece(tokens.at(-1)) ? insideEnd(text, at, end) : at
    if (to > at && (text[to - 1] === ')' || !isSpace(text[at - 1]!))) {
      push('inside', at, to, text.slice(at, to))
      tokens.at(-1)!.ways = readWays(line, at + 1, text[to - 1] === ')' ? to - 1 : to)
      reportInside(tokens.at(-1)!, report)
      at = to
      continue
    }
    const fork = FORKS[c]
    const stem = fork === undefined ? plusEnd(text, at, end) : at + 1
    if (fork !== undefined || stem > at) {
      push(fork ?? 'plus', at, stem, text.slice(at, stem))
      at = stem
      continue
    }
    const arrow = arrowAt(text, at, end)
    if (arrow) {
      push('arrow', at, at + arrow.length, text.slice(at, at + arrow.length), arrow.arrow)
      reportArrow(tokens.at(-1)!, arrow, report)
      at += arrow.length
      at = readCondition(text, at, end, tokens.at(-1)!)
      continue
    }
    if (SLASHES.has(c)) {
      push('slash', at, at + 1, '/')
      if (c !== '/') spelling(tokens.at(-1)!.span, c, '/', report)
      at++
      continue
    }
    const behind = wordEnd(text, c === '@' || c === '*' ? at + 1 : at, end)
    if (c === '@' || c === '*') {
      push(c === '@' ? 'at' : 'star', at, behind, text.slice(at + 1, behind))
      at = behind
    } else if (behind > at) {
      push('word', at, behind, text.slice(at, behind))
      at = behind
    } else {
      at = reportUnexpected(line, at, end, report)
    }
  }
  return tokens
}

/** `-->[10%]`, `-->[if spam]`: when mail goes this way. Returns where the text goes on. */
function readCondition(text: string, from: number, end: number, arrow: Token): number {
  const close = text[from] === '[' ? text.indexOf(']', from) : -1
  const condition = text.slice(from + 1, close).trim()
  if (close < 0 || close >= end || condition === '' || /[[|]/.test(condition)) return from
  arrow.condition = condition
  arrow.spaceAfter = close + 1 >= end || isSpace(text[close + 1]!)
  return close + 1
}

export const MAX_NAMED_RELAYS = 200

/** Behind the closing parenthesis; where there is none, before what can be no relay. */
function insideEnd(text: string, from: number, end: number): number {
  for (let at = from + 1; at < end; at++) {
    if (text[at] === ')') return at + 1
    if (text[at] === '|' || text[at] === '(') return at
  }
  return end
}

/** `a > b, c`: ways side by side, relays one after another. Empty names are left out. */
function readWays(line: Line, from: number, to: number): Relay[][] {
  const ways: Relay[][] = [[]]
  for (const part of line.text.slice(from, to).matchAll(/([^,;>→]*)([,;>→]?)/g)) {
    const written = part[1]!.replace(/[-=~]+$/, '')
    const name = written.trim()
    const start = from + part.index + written.length - written.trimStart().length
    if (name !== '') ways.at(-1)!.push({ name, span: spanOf(line, start, start + name.length) })
    if (part[2] === ',' || part[2] === ';') ways.push([])
  }
  return ways.filter((way) => way.length > 0)
}

function reportInside({ text, span, ways }: Token, report: Report) {
  if (!text.endsWith(')'))
    report(
      finding('N24', 'error', span, 'The relays of this block are not closed', [
        { label: 'Close them', edits: [{ span: after(span), text: ')' }] },
      ]),
    )
  else if (ways!.length === 0 || ways!.flat().length > MAX_NAMED_RELAYS)
    report(
      finding(
        'N24',
        'error',
        span,
        ways!.length === 0 ? 'Nothing works in these parentheses' : 'So many relays have no names',
        [{ label: 'Write relays by name, Transmitter(in > out, spare), or their number, Transmitter*12', edits: [] }],
      ),
    )
}

function wordEnd(text: string, from: number, end: number): number {
  let at = from
  while (at < end) {
    const c = text[at]!
    if (DASHES.has(c) || c === '<') {
      if (arrowAt(text, at, end)) return at
      if (c !== '-') return at
      // The whole run at once: looking at each dash of a long run again would be quadratic.
      const run = at
      while (at < end && text[at] === '-') at++
      if (text[at] === '+') return run
    } else if (!isSurrogate(c) && (SLASHES.has(c) || UNICODE_ARROWS.has(c) || BACKWARD.has(c) || !isWord(c))) {
      return at
    } else {
      at++
    }
  }
  return at
}

/** Behind the `+` at which a drawn flow branches, with the line that leads to it; `from` where there is none. */
function plusEnd(text: string, from: number, end: number): number {
  let at = from
  while (at < end && DASHES.has(text[at]!)) at++
  return at < end && text[at] === '+' ? at + 1 : from
}

type ArrowShape = { length: number; arrow: Arrow; shape: 'normal' | 'variant' | 'backward' | 'headless' }

function arrowAt(text: string, at: number, end: number): ArrowShape | undefined {
  const c = text[at]!
  const unicode = UNICODE_ARROWS.get(c)
  if (unicode !== undefined) return { length: 1, arrow: unicode, shape: 'variant' }
  if (BACKWARD.has(c)) return { length: 1, arrow: 'flow', shape: 'backward' }
  const from = c === '<' ? at + 1 : at
  const arrow = DASHES.get(text[from] ?? '')
  if (arrow === undefined || from >= end) return undefined
  let to = from
  let pure = true
  while (to < end && DASHES.has(text[to]!)) {
    if (text[to] !== text[from]) pure = false
    to++
  }
  const head = to < end && HEADS.has(text[to]!)
  const length = to - at + (head ? 1 : 0)
  if (from > at) return { length, arrow, shape: head ? 'variant' : 'backward' }
  if (head) {
    const normal = pure && to - from >= 2 && '-=~'.includes(text[from]!) && text[to] === '>'
    return { length, arrow, shape: normal ? 'normal' : 'variant' }
  }
  const alone = (at === 0 || isSpace(text[at - 1]!)) && (to >= end || isSpace(text[to]!))
  return alone && to - from >= 2 ? { length, arrow, shape: 'headless' } : undefined
}

function reportArrow(token: Token, { arrow, shape }: ArrowShape, report: Report) {
  const normal = NORMAL_ARROW[arrow]
  if (shape === 'variant') spelling(token.span, token.text, normal, report)
  if (shape === 'headless')
    report(
      finding('N12', 'warning', token.span, `"${token.text}" has no head; it is read as ${normal}`, [
        { label: `Write ${normal}`, edits: [{ span: token.span, text: normal }] },
      ]),
    )
  if (shape === 'backward')
    report(
      finding(
        'N12',
        'error',
        token.span,
        `"${token.text}" points backward`,
        [{ label: `Turn the flow round, and write ${normal}`, edits: [] }],
        'Arrows show the direction of mail flow, from left to right; a reply is a flow of its own on another line.',
      ),
    )
}

function spelling(span: Span, written: string, normal: string, report: Report) {
  report(
    finding('N01', 'hint', span, `"${written}" is read as ${normal}`, [
      { label: `Write ${normal}`, edits: [{ span, text: normal }] },
    ]),
  )
}

/** `|--- Name ---|`. Two brackets may share a bar: `|-- A --|-- B --|`. */
function readBracket(line: Line, at: number, end: number, report: Report) {
  const { text } = line
  const bar = text.indexOf('|', at + 1)
  const closed = bar > 0 && bar < end
  const to = closed ? bar + 1 : openBracketEnd(text, at + 1, end)
  const inner = text.slice(at + 1, closed ? bar : to).trim()
  const name = trimDashes(inner)
  const span = spanOf(line, at, to)
  if (!DASHES.has(inner[0] ?? '') || (name === '' && !closed)) {
    report(
      finding('N10', 'error', spanOf(line, at, at + 1), 'A "|" that begins no bracket', [
        { label: "Write a network's bracket as |--- Name ---|", edits: [] },
      ]),
    )
    return { name: undefined, to: at + 1, next: at + 1 }
  }
  if (!closed)
    report(
      finding('N10', 'error', span, `The bracket of "${name}" is not closed`, [
        { label: 'Close it', edits: [{ span: after(span), text: DASHES.has(inner.at(-1)!) ? '|' : ' --|' }] },
      ]),
    )
  else if (name === '')
    report(finding('N10', 'warning', span, 'This bracket has no name', [{ label: 'Write |--- Name ---|', edits: [] }]))
  else if (!DASHES.has(inner.at(-1)!))
    report(
      finding('N10', 'hint', span, `The bracket of "${name}" lacks its last dashes`, [
        // Between the bars only: the next bracket may share the right one.
        { label: 'Write dashes on both sides', edits: [{ span: spanOf(line, at + 1, bar), text: `-- ${name} --` }] },
      ]),
    )
  // A shared bar opens the next bracket.
  const shared = closed && DASHES.has(text[bar + 1] ?? '') && arrowAt(text, bar + 1, end) === undefined
  return { name, to, next: shared ? bar : to }
}

/** Where a bracket without its right bar ends: behind its second run of dashes that is no arrow, or with the line. */
function openBracketEnd(text: string, from: number, end: number): number {
  let at = from
  while (at < end && DASHES.has(text[at]!)) at++
  while (at < end) {
    const run = at
    while (at < end && DASHES.has(text[at]!)) at++
    if (at - run >= 2 && !HEADS.has(text[at] ?? '')) return at
    if (at - run >= 2) return run
    at++
  }
  return end
}

function trimDashes(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && DASHES.has(text[from]!)) from++
  while (to > from && DASHES.has(text[to - 1]!)) to--
  return text.slice(from, to).trim()
}

function reportUnexpected(line: Line, at: number, end: number, report: Report): number {
  let to = at
  while (to < end && DASHES.has(line.text[to]!)) to++
  if (to === at) to++
  while (to < end && !isSpace(line.text[to]!) && !isWord(line.text[to]!) && !'|/@*<=~({};,+'.includes(line.text[to]!))
    to++
  const span = spanOf(line, at, to)
  report(
    finding('N02', 'error', span, `"${line.text.slice(at, to)}" has no meaning here`, [
      { label: 'Remove it', edits: [{ span, text: '' }] },
    ]),
  )
  return to
}
