// Where a flow branches or joins: `Transmitter --> { Receiver@a ; Receiver@b }`, `Author@a, Author@b ==> MSA`, and drawn with
// `+` over several lines. Tokens to a tree of ways, and the tree to single ways from end to end, which share their places.

import { finding } from './findings.ts'
import { isPiece, type Token } from './lexer.ts'
import type { Report } from './model.ts'
import { join } from './text.ts'

/** Tokens one after another, with alternatives where the flow branches. */
export type Step<T> = { kind: 'run'; run: T[] } | { kind: 'fork'; ways: Step<T>[][] }

/** Lines of a drawing: the main one, those that begin at a `+` of another, and those that end at one. */
export type Lines = { tokens: Token[]; branches: Token[][]; heads: Token[][] }

const MAX_DEPTH = 16
/** Of one flow. */
const MAX_WAYS = 5000
/** What a way repeats of the places before and behind its own. */
const MAX_SHARED = 100
const MAX_CANDIDATES = 64
/** Columns that a drawing by hand is off. */
const ABOUT = 3

const FORKING: ReadonlySet<Token['kind']> = new Set(['open', 'close', 'next', 'comma', 'plus'])

/** Does it branch at all? Most flows do not. */
export function isForked({ tokens, branches, heads }: Lines): boolean {
  return branches.length > 0 || heads.length > 0 || tokens.some(({ kind }) => FORKING.has(kind))
}

/** The tree of a flow's tokens. What does not fit is reported and left out. */
export function readWays(lines: Lines, report: Report): Step<Token>[] {
  const { below, above, joinOf } = matched(lines, report)
  const wrong = (token: Token, message: string, label: string) =>
    report(finding('N26', 'error', token.span, message, [{ label, edits: [] }]))
  let depth = 0

  const sequence = (tokens: Token[], from: number, isInner: boolean, end = tokens.length): [Step<Token>[], number] => {
    const steps: Step<Token>[] = []
    const push = (token: Token) => {
      const last = steps.at(-1)
      if (last?.kind === 'run') last.run.push(token)
      else steps.push({ kind: 'run', run: [token] })
    }
    // One way alone is no branching.
    const pushFork = (ways: Step<Token>[][]) => {
      if (ways.length > 1) steps.push({ kind: 'fork', ways })
      else
        for (const step of ways[0] ?? [])
          if (step.kind === 'run') step.run.forEach(push)
          else steps.push(step)
    }
    let k = from
    for (; k < end; k++) {
      const token = tokens[k]!
      if (token.kind === 'open' && depth < MAX_DEPTH) {
        depth++
        const ways: Step<Token>[][] = []
        do {
          const [way, next] = sequence(tokens, k + 1, true, end)
          ways.push(way)
          k = next
        } while (k < end && tokens[k]?.kind === 'next')
        depth--
        if (k >= end || tokens[k]?.kind !== 'close')
          wrong(token, 'This branching is not closed', 'Write } behind its last branch')
        pushFork(ways)
      } else if (token.kind === 'open') {
        wrong(
          token,
          `Branches within branches, deeper than ${MAX_DEPTH}`,
          'Give the places an @id, and write several flows',
        )
      } else if (token.kind === 'next' || token.kind === 'close') {
        if (isInner) break
        wrong(token, `"${token.text}" stands outside of a branching`, 'Write branches as --> { A ; B }')
      } else if (token.kind === 'plus') {
        const heads = above.get(token)
        if (heads !== undefined) {
          const ways = heads.map((head) => sequence(withoutCommas(head.slice(0, -1)), 0, false)[0])
          steps.splice(0, steps.length, { kind: 'fork', ways: [...ways, steps.slice()] })
          continue
        }
        const branches = below.get(token)
        if (branches === undefined || depth >= MAX_DEPTH) continue
        // What ends at a + of this line goes on there.
        const join = branches.map((branch) => joinOf.get(branch)).find((plus) => plus !== undefined)
        const found = join === undefined ? -1 : tokens.indexOf(join, k + 1)
        const until = found < 0 || found > end ? end : found
        depth++
        const inside = (branch: Token[]) => withoutCommas(branch.slice(1, joinOf.has(branch) ? -1 : undefined))
        const ways = [
          sequence(tokens, k + 1, isInner, until)[0],
          ...branches.map((branch) => sequence(inside(branch), 0, false)[0]),
        ]
        depth--
        pushFork(ways)
        k = until
      } else if (token.kind !== 'comma') {
        push(token)
      }
    }
    return [steps, k]
  }
  return sequence(withoutCommas(lines.tokens), 0, false)[0]
}

/** Which lines begin or end at which `+`: by its column, or the nearest one. */
function matched({ tokens, branches, heads }: Lines, report: Report) {
  const below = new Map<Token, Token[][]>()
  const above = new Map<Token, Token[][]>()
  const column = (token: Token) => token.columnEnd
  const nearest = (candidates: Token[], wanted: Token) =>
    candidates
      .slice(-MAX_CANDIDATES)
      .reduce<Token | undefined>(
        (best, one) =>
          best !== undefined && Math.abs(column(best) - column(wanted)) < Math.abs(column(one) - column(wanted))
            ? best
            : one,
        undefined,
      )
  const own = tokens.filter(({ kind }) => kind === 'plus')
  /** Of a branch that ends at a + of the line where it began. */
  const joinOf = new Map<Token[], Token>()
  const joins = new Set<Token>()
  const plusesOf = new Map(own.map((plus, k) => [plus, { line: own, k }]))
  for (const head of heads) {
    const plus = nearest(own.slice(0, MAX_CANDIDATES), head.at(-1)!)
    if (plus === undefined) continue
    if (!above.has(plus)) above.set(plus, [])
    above.get(plus)!.push(head)
  }
  const forks = own.filter((plus) => !above.has(plus))
  for (const branch of branches) {
    const plus = nearest(forks, branch[0]!)
    if (plus !== undefined) {
      if (!below.has(plus)) below.set(plus, [])
      below.get(plus)!.push(branch)
      const last = branch.at(-1)!
      const { line, k } = plusesOf.get(plus)!
      const behind = line.slice(k + 1, k + 1 + MAX_CANDIDATES).filter((one) => !below.has(one))
      const join = last.kind === 'plus' && branch.length > 1 ? nearest(behind, last) : undefined
      if (join !== undefined && Math.abs(column(join) - column(last)) <= ABOUT) {
        joinOf.set(branch, join)
        joins.add(join)
      }
    }
    const inside = branch.slice(1, joinOf.has(branch) ? -1 : undefined).filter(({ kind }) => kind === 'plus')
    for (const [k, token] of inside.entries()) {
      plusesOf.set(token, { line: inside, k })
      forks.push(token)
    }
  }
  const lonely = [
    ...forks.filter((plus) => !below.has(plus) && !joins.has(plus)),
    ...(own.length === 0 ? branches.map(([plus]) => plus!) : []),
  ]
  for (const { span } of lonely)
    report(
      finding('N26', 'error', span, 'Nothing branches at this +', [
        { label: 'Write each branch on a line below that begins with +--> under it, or as --> { A ; B }', edits: [] },
      ]),
    )
  return { below, above, joinOf }
}

/** `A, B` is `{ A ; B }`. */
function withoutCommas(tokens: Token[]): Token[] {
  if (!tokens.some(({ kind }) => kind === 'comma')) return tokens
  const isWithin = (k: number) =>
    isPiece(tokens[k]) || (tokens[k]?.kind === 'slash' && isPiece(tokens[k - 1]) && isPiece(tokens[k + 1]))
  const out: Token[] = []
  for (let k = 0; k < tokens.length; k++) {
    const from = k
    let commas = 0
    while (isWithin(k) || (tokens[k]?.kind === 'comma' && isWithin(k - 1) && isWithin(k + 1)))
      commas += tokens[k++]!.kind === 'comma' ? 1 : 0
    const list = tokens.slice(from, k)
    if (commas === 0) out.push(...list)
    else {
      const as = (token: Token, kind: Token['kind'], text: string): Token => ({ ...token, kind, text })
      out.push(as(list[0]!, 'open', '{'))
      for (const token of list) out.push(token.kind === 'comma' ? as(token, 'next', ';') : token)
      out.push(as(list.at(-1)!, 'close', '}'))
    }
    if (k < tokens.length) out.push(tokens[k]!.kind === 'comma' ? { ...tokens[k]!, kind: 'next' } : tokens[k]!)
  }
  return out
}

/** Every way from end to end: each alternative once, with the first of all others before and behind it. */
export function waysThrough<T>(steps: Step<T>[], limit: { left: number } = { left: MAX_WAYS }): T[][] {
  const parts = steps.map((step) =>
    step.kind === 'run' ? [step.run] : step.ways.flatMap((way) => (limit.left > 0 ? waysThrough(way, limit) : [])),
  )
  const first = parts.map((ways) => ways[0] ?? [])
  const out = [first.flat()]
  parts.forEach((ways, k) => {
    if (ways.length < 2) return
    const before = first.slice(0, k).flat().slice(-MAX_SHARED)
    const behind = first
      .slice(k + 1)
      .flat()
      .slice(0, MAX_SHARED)
    for (const way of ways.slice(1)) if (limit.left-- > 0) out.push([...before, ...way, ...behind])
  })
  return out
}

/** The same tree of other things. */
export function mapSteps<A, B>(steps: Step<A>[], each: (run: A[]) => B[]): Step<B>[] {
  return steps.map((step) =>
    step.kind === 'run'
      ? { kind: 'run', run: each(step.run) }
      : { kind: 'fork', ways: step.ways.map((way) => mapSteps(way, each)) },
  )
}

/** Where all of it stands. */
export function spanOfLines({ tokens, branches, heads }: Lines) {
  const all = [...heads, tokens, ...branches].filter((line) => line.length > 0)
  return join(all[0]![0]!.span, all.at(-1)!.at(-1)!.span)
}
