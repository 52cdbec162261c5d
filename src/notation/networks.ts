// Which bracket stands over which block (rules A4, A5, A6): by order where the counts agree, by columns in a drawing,
// by the relationships that leave a network (`~~>`) where a line was flattened.

import { finding } from './findings.ts'
import type { RawFlow } from './flow.ts'
import type { Report, Span } from './model.ts'

export type RawBracket = { name: string; span: Span; column: number; columnEnd: number }

/**
 * For each block of a flow the index of its bracket, or undefined where none can be told.
 * `drawn`: the brackets stand on a line above, so columns mean something.
 */
export function assignBrackets(flow: RawFlow, brackets: RawBracket[], drawn: boolean, report: Report) {
  const owner = new Array<number | undefined>(flow.blocks.length).fill(undefined)
  if (brackets.length === 0 || flow.blocks.length === 0) return owner
  const sides = segments(flow, false)
  const byOrder = (groups: number[][]) => {
    groups.forEach((group, k) => {
      for (const block of group) owner[block] = k
    })
  }
  const columns = drawn ? nearestByColumn(flow, brackets) : []

  if (brackets.length === sides.length) {
    byOrder(sides)
    if (drawn) reportMismatch(flow, brackets, owner, report)
  } else if (brackets.length < sides.length) {
    assignFewer(flow, brackets, sides, drawn, owner)
  } else {
    const trusts = segments(flow, true)
    if (drawn && tellsApart(columns, sides, brackets.length)) columns.forEach((bracket, k) => void (owner[k] = bracket))
    else if (trusts.length === brackets.length) byOrder(trusts)
    else {
      byOrder(drawn ? [] : sides)
      columns.forEach((bracket, k) => void (owner[k] = bracket))
      reportUndecided(brackets, owner, report)
    }
  }
  return owner
}

/** Blocks between Borders; with `relations`, also split where only an indirect relationship leads on. */
function segments(flow: RawFlow, relations: boolean): number[][] {
  const out: number[][] = [[]]
  const hopTo = new Map(flow.hops.map((hop) => [hop.to, hop]))
  flow.blocks.forEach((_, k) => {
    const hop = hopTo.get(k)
    const splits = hop !== undefined && (hop.crossings.length > 0 || (relations && hop.arrow === 'indirect'))
    if (splits && out.at(-1)!.length > 0) out.push([])
    out.at(-1)!.push(k)
  })
  return out.filter((group) => group.length > 0)
}

function overlap(bracket: RawBracket, block: { column: number; columnEnd: number }): number {
  // Negative where they do not touch: minus the gap.
  return Math.min(bracket.columnEnd, block.columnEnd) - Math.max(bracket.column, block.column)
}

/** The bracket with the greatest overlap, else the nearest. Both lists run left to right, so one sweep is enough. */
function nearestByColumn(flow: RawFlow, brackets: RawBracket[]): number[] {
  let k = 0
  return flow.blocks.map((block) => {
    while (k + 1 < brackets.length && overlap(brackets[k + 1]!, block) > overlap(brackets[k]!, block)) k++
    return k
  })
}

/** Columns decide if every bracket gets a block and none reaches over the Border. */
function tellsApart(columns: number[], sides: number[][], count: number): boolean {
  if (new Set(columns).size !== count) return false
  const sideOf = new Map<number, number>()
  return sides.every((side, s) =>
    side.every((block) => {
      const bracket = columns[block]!
      if (!sideOf.has(bracket)) sideOf.set(bracket, s)
      return sideOf.get(bracket) === s
    }),
  )
}

/** Fewer brackets than sides (A5): each goes to the side it stands over, in a flat line to the first free one. */
function assignFewer(
  flow: RawFlow,
  brackets: RawBracket[],
  sides: number[][],
  drawn: boolean,
  owner: (number | undefined)[],
) {
  let next = 0
  brackets.forEach((bracket, b) => {
    let best = next
    if (drawn) {
      const over = (side: number[]) => Math.max(...side.slice(0, 1000).map((k) => overlap(bracket, flow.blocks[k]!)))
      // Sides left over must still suffice for the brackets that follow.
      const last = sides.length - (brackets.length - b)
      for (let s = next + 1; s <= last && over(sides[s]!) > over(sides[best]!); s++) best = s
    }
    for (const block of sides[best] ?? []) owner[block] = b
    next = best + 1
  })
}

function reportMismatch(flow: RawFlow, brackets: RawBracket[], owner: (number | undefined)[], report: Report) {
  const stray = flow.blocks.findIndex((block, k) => {
    const own = brackets[owner[k] ?? 0]!
    const beside = brackets[(owner[k] ?? 0) + (block.column >= own.columnEnd ? 1 : -1)]
    return overlap(own, block) < 0 && beside !== undefined && overlap(beside, block) > 0
  })
  if (stray < 0) return
  const name = brackets[owner[stray]!]!.name
  report(
    finding(
      'N09',
      'hint',
      flow.blocks[stray]!.span,
      `This stands outside the bracket of "${name}" but is read as part of it`,
      [{ label: 'The order of brackets decides; format with style drawn puts the columns right', edits: [] }],
    ),
  )
}

function reportUndecided(brackets: RawBracket[], owner: (number | undefined)[], report: Report) {
  const empty = brackets.find((_, b) => !owner.includes(b)) ?? brackets.at(-1)!
  report(
    finding(
      'N08',
      'warning',
      empty.span,
      `It cannot be told who belongs to "${empty.name}"`,
      [
        { label: 'Draw the brackets above the flow, each over its own blocks', edits: [] },
        { label: `Or say it below: Role: in="${empty.name}"`, edits: [] },
      ],
      'Several networks stand on one side of the Border.',
    ),
  )
}
