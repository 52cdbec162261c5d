// A flow that branches, as text: flat with `{ A ; B }`, or drawn with a `+` below which its branches begin.

import { arrowText } from './lexer.ts'
import { blockText, type Flow, type Hop, type SystemModel, type Tree } from './model.ts'
import { isUserRole } from './vocabulary.ts'

/** The arrow between two blocks as it is written; '' where there is none. */
type HopText = (from: string | undefined, to: string | undefined) => string

const END = undefined
const MAX_BLANKS = 200_000

/** The flow with its branches on one line. */
export function flatTree(model: SystemModel, flow: Flow): string {
  const { text, hop, isPerson } = writers(model, flow)
  const tree = flow.tree!
  const write = (steps: Tree): string => {
    const out: string[] = []
    steps.forEach((step, k) => {
      const before = steps[k - 1]
      const exits = k === 0 ? [] : exitsOf(before!)
      if (typeof step === 'string') {
        // Behind a fork whose ways end alike, the arrow is written once.
        if (exits.length > 0) out.push(common(exits.map((exit) => hop(exit, step))) ?? '')
        out.push(text(step))
        return
      }
      const entries = step.map((way) => entryOf(way))
      const into = entries.map((entry) => (exits.length === 0 ? '' : hop(exits[0], entry)))
      const shared = common(into)
      if (shared !== undefined && shared !== '') out.push(shared)
      const after = exitHops(step, steps[k + 1])
      const ways = step.map((way, at) => {
        const lead = shared === undefined ? into[at]! : ''
        return [lead, write(way), after?.[at] ?? ''].filter((part) => part !== '').join(' ')
      })
      // People are written as a list.
      const isList = step.every(([one, other]) => typeof one === 'string' && other === undefined && isPerson(one))
      out.push(isList && shared !== undefined ? ways.join(', ') : `{ ${ways.join(' ; ')} }`)
    })
    out.push(trailing(steps, hop))
    return out.filter((part) => part !== '').join(' ')
  }
  /** What each way ends with, where they do not end alike. */
  const exitHops = (step: Tree[], next: string | Tree[] | undefined): string[] | undefined => {
    if (typeof next !== 'string') return undefined
    const hops = step.map((way) => hop(exitOf(way), next))
    return common(hops) === undefined ? hops : undefined
  }
  return [hop(END, entryOf(tree)), write(tree)].filter((part) => part !== '').join(' ')
}

/** A line that may go on, and the lines below it. */
type Drawn = { line: string; below: string[] }

/** The flow on several lines; undefined where it branches or joins in a way that lines cannot show. */
export function drawnTree(model: SystemModel, flow: Flow): string[] | undefined {
  const { text, hop } = writers(model, flow)
  /** The one arrow that leads there from all of them. */
  const into = (exits: Ends, entry: string | undefined) => common(exits.map((exit) => hop(exit, entry)))
  const above: string[] = []

  /** Goes on with `line`, whose arrow from `exits` is still to be written. `joins`: all ways of the steps come together. */
  const write = (steps: Tree, begun: string, from: Ends, joins: boolean): Drawn | undefined => {
    let line = begun
    let exits = from
    const below: string[] = []
    for (const [k, step] of steps.entries()) {
      const isLast = k === steps.length - 1
      if (typeof step === 'string') {
        const arrow = into(exits, step)
        if (arrow === undefined || (arrow === '' && line !== '' && exits.length > 0)) return undefined
        const led = arrowed(line, arrow)
        line = led === '' ? text(step) : `${led} ${text(step)}`
      } else {
        const isBeginning = line === '' && step.every((way) => into(exits, entryOf(way)) === '')
        const drawn = isBeginning ? (isLast ? undefined : begin(step)) : fork(step, line, exits, joins || !isLast)
        if (drawn === undefined) return undefined
        line = drawn.line
        below.push(...drawn.below)
      }
      exits = exitsOf(step)
    }
    return { line: arrowed(line, trailing(steps, hop)), below }
  }

  /** Several begin the flow: each on a line of its own, of which the last goes on. */
  const begin = (ways: Tree[]): Drawn | undefined => {
    const heads = ways.map((way) => write(way, '', [END], true))
    if (heads.some((head) => head === undefined || head.below.length > 0)) return undefined
    const lines = joined(heads.map((head) => head!.line))
    above.push(...lines.slice(0, -1))
    return { line: lines.at(-1)!, below: [] }
  }

  /** Each way begins at a + below the one where they branch, and ends at another if they join. */
  const fork = (ways: Tree[], line: string, exits: Ends, joins: boolean): Drawn | undefined => {
    // Behind a join each way but the first has an arrow from the first only.
    const arrows = ways.map(([entry], at) =>
      typeof entry === 'string' ? into(at === 0 ? exits : exits.slice(0, 1), entry) : undefined,
    )
    if (exits.length === 0 || arrows.some((arrow) => arrow === undefined || arrow === '')) return undefined
    // The Border is drawn once, where every branch crosses it.
    const crosses = arrows.every((arrow) => arrow === '--> / -->')
    const begun = arrowed(line, crosses ? '--> / --+' : '--+')
    const column = begun.length - 1
    // Far to the right each branch would be a line of blanks.
    if (column * ways.length > MAX_BLANKS) return undefined
    const drawn: Drawn[] = []
    for (const [at, way] of ways.entries()) {
      const lead = at === 0 ? begun : `${' '.repeat(column)}+`
      const one = write(way, lead + (crosses ? '-->' : arrows[at]!), [], joins)
      if (one === undefined) return undefined
      drawn.push(one)
    }
    const lines = drawn.map((one) => one.line)
    const [main, ...others] = joins ? joined(lines) : lines
    return {
      line: main!,
      below: [...drawn[0]!.below, ...others.flatMap((other, k) => [other, ...drawn[k + 1]!.below])],
    }
  }

  const drawn = write(flow.tree!, '', [END], false)
  return drawn && [...above, drawn.line, ...drawn.below]
}

type Ends = readonly (string | undefined)[]

/** An arrow begins at the + of a join. */
const arrowed = (line: string, arrow: string) =>
  arrow === '' || line === '' || line.endsWith('+') ? line + arrow : `${line} ${arrow}`

/** All as long as the longest, each ending at a + in the same column. */
function joined(lines: string[]): string[] {
  const width = Math.max(...lines.map((line) => line.length))
  return lines.map((line) => `${`${line}${line.endsWith('+') ? '' : ' '}`.padEnd(width + 1, '-')}--+`)
}

function writers(model: SystemModel, flow: Flow) {
  const group = [flow]
  for (let k = flow.index + 1; model.flows[k]?.branchOf === flow.index; k++) group.push(model.flows[k]!)
  const blocks = new Map(group.flatMap((way) => way.blocks.map((block) => [block.id, block] as const)))
  const hops = new Map<string, Hop>()
  for (const way of group) for (const hop of way.hops) hops.set(`${hop.from ?? ''} ${hop.to ?? ''}`, hop)
  return {
    text: (id: string) => blockText(blocks.get(id)!),
    isPerson: (id: string) => blocks.get(id)!.roles.every(isUserRole) && blocks.get(id)!.roles.length > 0,
    hop: (from: string | undefined, to: string | undefined) => {
      const hop = from === undefined && to === undefined ? undefined : hops.get(`${from ?? ''} ${to ?? ''}`)
      return hop === undefined ? '' : arrowText(hop)
    },
  }
}

/** Of the ways of a fork, or of all one. */
const exitsOf = (step: string | Tree[]) => (typeof step === 'string' ? [step] : step.map(exitOf))

function entryOf(way: Tree): string | undefined {
  const [first] = way
  return first === undefined || typeof first === 'string' ? first : entryOf(first[0] ?? [])
}

function exitOf(way: Tree): string | undefined {
  const last = way.at(-1)
  return last === undefined || typeof last === 'string' ? last : exitOf(last[0] ?? [])
}

/** The arrow into the open Internet at the end. */
function trailing(way: Tree, hop: HopText): string {
  const last = way.at(-1)
  return typeof last === 'string' ? hop(last, END) : ''
}

/** The one text that all are; undefined where they differ. */
function common(texts: readonly string[]): string | undefined {
  return texts.every((text) => text === texts[0]) ? (texts[0] ?? '') : undefined
}
