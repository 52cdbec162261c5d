// Lines of the source with a way back to its offsets. HTML entities are decoded here (text copied from web pages
// has them), so the lexer sees plain characters and findings still point at what was written.

import type { Edit, Span } from './model.ts'

export type Line = {
  number: number
  /** Offset of the first character, and of the end without the line break. */
  start: number
  end: number
  /** Decoded text. */
  text: string
  /** Decoded index to source offset; absent where nothing was decoded. */
  map?: number[]
}

const ENTITIES: Record<string, string> = {
  gt: '>',
  lt: '<',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  rarr: '→',
  mdash: '—',
  ndash: '–',
  '#39': "'",
  '#x27': "'",
  '#62': '>',
  '#60': '<',
  '#47': '/',
  '#x2f': '/',
  '#34': '"',
}

/** Splits a text into lines (LF, CRLF or CR) and decodes entities; `entities` gets the edits that would do the same. */
export function readLines(source: string, entities: Edit[]): Line[] {
  const lines: Line[] = []
  const breaks = /\r\n|\n|\r/g
  let start = 0
  for (;;) {
    const found = breaks.exec(source)
    const end = found ? found.index : source.length
    lines.push(decode({ number: lines.length + 1, start, end, text: source.slice(start, end) }, entities))
    if (!found) return lines
    start = breaks.lastIndex
  }
}

function decode(line: Line, entities: Edit[]): Line {
  if (!line.text.includes('&')) return line
  const pattern = /&(#?[a-z0-9]{1,6});/gi
  const map: number[] = []
  let text = ''
  let from = 0
  const copy = (to: number) => {
    for (let i = from; i < to; i++) map.push(line.start + i)
    text += line.text.slice(from, to)
  }
  for (let found = pattern.exec(line.text); found; found = pattern.exec(line.text)) {
    const character = ENTITIES[found[1]!.toLowerCase()]
    if (character === undefined) continue
    copy(found.index)
    map.push(line.start + found.index)
    text += character
    from = pattern.lastIndex
    const start = line.start + found.index
    const span = { start, end: line.start + from, line: line.number, column: found.index + 1 }
    entities.push({ span, text: character })
  }
  if (from === 0) return line
  copy(line.text.length)
  map.push(line.end)
  return { ...line, text, map }
}

/** The span of decoded characters `from` to `to` of a line. */
export function spanOf(line: Line, from: number, to: number): Span {
  const start = line.map ? line.map[from]! : line.start + from
  const end = line.map ? line.map[to]! : line.start + to
  return { start, end, line: line.number, column: start - line.start + 1 }
}

/** From the start of `a` to the end of `b`. */
export function join(a: Span, b: Span): Span {
  return { ...a, end: Math.max(a.end, b.end) }
}

/** The empty span at the end of one. */
export function after(span: Span): Span {
  return { start: span.end, end: span.end, line: span.line, column: span.column + span.end - span.start }
}

/** The empty span at the start of one. */
export function before(span: Span): Span {
  return { ...span, end: span.start }
}

/** Applies edits to a text. Where two overlap, the earlier and wider one wins. */
export function applyEdits(source: string, edits: Edit[]): string {
  const sorted = [...edits].sort((a, b) => a.span.start - b.span.start || b.span.end - a.span.end)
  let out = ''
  let at = 0
  for (const { span, text } of sorted) {
    if (span.start < at) continue
    out += source.slice(at, span.start) + text
    at = span.end
  }
  return out + source.slice(at)
}
