// One reading of the text: its model, and which characters are what. What the editor colours is what the project's own parser
// and lexer found; there is no second grammar.

import { commentStart, lex } from '../../../src/notation/lexer.ts'
import type { Span, SystemModel } from '../../../src/notation/model.ts'
import { parse } from '../../../src/notation/parse.ts'
import { type Line, readLines, spanOf } from '../../../src/notation/text.ts'
import { isKnownRole } from '../../../src/notation/vocabulary.ts'

/** Longer texts are not taken: parsing and drawing happen at every key. */
export const MAX_TEXT = 100_000

export type MarkKind =
  | 'comment'
  | 'network'
  | 'role'
  | 'strange'
  | 'id'
  | 'count'
  | 'inside'
  | 'fork'
  | 'direct'
  | 'indirect'
  | 'flow'
  | 'border'
  | 'target'
  | 'key'
  | 'value'

export interface Mark {
  readonly from: number
  readonly to: number
  readonly kind: MarkKind
}

export interface Reading {
  readonly text: string
  readonly model: SystemModel
  /** In order, none within another. */
  readonly marks: readonly Mark[]
}

export function readText(text: string): Reading {
  const { model } = parse(text)
  return { text, model, marks: marksOf(model) }
}

function marksOf(model: SystemModel): Mark[] {
  const marks: Mark[] = []
  const add = ({ start, end }: Span, kind: MarkKind) => {
    if (end > start) marks.push({ from: start, to: end, kind })
  }
  for (const { targetSpan, entries } of model.attributes) {
    add(targetSpan, 'target')
    for (const { keySpan, valueSpan } of entries) {
      add(keySpan, 'key')
      add(valueSpan, 'value')
    }
  }
  const said = new Ranges(model.attributes.map(({ span }) => span))
  const roles = model.blocks.flatMap((block) =>
    block.roles.map((role, k) => ({ span: block.roleSpans[k]!, isKnown: isKnownRole(role) })),
  )
  for (const { span, isKnown } of roles) add(span, isKnown ? 'role' : 'strange')
  const named = new Ranges(roles.map(({ span }) => span))
  for (const line of readLines(model.source, [])) {
    const end = commentStart(line.text)
    add(spanOf(line, end, line.text.length), 'comment')
    if (!said.has(spanOf(line, 0, end), line)) drawingMarks(line, end, named, add)
  }
  return marks.sort((a, b) => a.from - b.from || b.to - a.to).filter(isApart())
}

/** Where ways part and meet. */
const FORKS: ReadonlySet<string> = new Set(['open', 'close', 'next', 'comma', 'plus'])

function drawingMarks(line: Line, end: number, named: Ranges, add: (span: Span, kind: MarkKind) => void): void {
  for (const { kind, arrow, span, text, spaceBefore, spaceAfter } of lex(line, end, () => {})) {
    if (kind === 'arrow') add(span, arrow!)
    else if (FORKS.has(kind)) add(span, 'fork')
    else if (kind === 'bracket') add(span, 'network')
    else if (kind === 'at') add(span, 'id')
    else if (kind === 'star') add(span, 'count')
    else if (kind === 'inside') add(span, 'inside')
    else if (kind === 'slash' && (spaceBefore || spaceAfter)) add(span, 'border')
    else if (kind === 'word' && text.toLowerCase() === 'border' && !named.has(span, line)) add(span, 'border')
  }
}

/** Two marks of the same characters would be two colours: the first and wider one is kept. */
function isApart(): (mark: Mark) => boolean {
  let end = 0
  return ({ from, to }) => {
    if (from < end) return false
    end = to
    return true
  }
}

/** Spans that lines are compared with, from the first to the last. */
class Ranges {
  readonly #spans: readonly Span[]
  #at = 0

  constructor(spans: readonly Span[]) {
    this.#spans = [...spans].sort((a, b) => a.start - b.start)
  }

  /** Does one of them touch this piece of the line. Lines must be asked in order. */
  has({ start, end }: Span, line: Line): boolean {
    while (this.#at < this.#spans.length && this.#spans[this.#at]!.end <= line.start) this.#at++
    for (let k = this.#at; k < this.#spans.length && this.#spans[k]!.start < end; k++)
      if (this.#spans[k]!.end > start) return true
    return false
  }
}
