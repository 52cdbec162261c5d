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
      const next = steps[k + 1]
      const ways = step.map((way, at) => {
        const lead = shared === undefined ? into[at]! : ''
        const after = exitHops(step, next)
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

/** The flow on several lines; undefined where it joins in a way that lines cannot show. */
export function drawnTree(model: SystemModel, flow: Flow): string[] | undefined {
  const { text, hop } = writers(model, flow)
  const write = (steps: Tree, lead: string): string[] | undefined => {
    let line = lead
    const add = (part: string) => {
      if (part !== '') line += line === '' || line.endsWith(' ') ? part : ` ${part}`
    }
    let above: string[] = []
    for (const [k, step] of steps.entries()) {
      const before = steps[k - 1]
      if (typeof step === 'string') {
        if (typeof before === 'string') add(hop(before, step))
        add(text(step))
        continue
      }
      const next = steps[k + 1]
      if (k === 0 && typeof next === 'string') {
        const hops = common(step.map((way) => hop(exitOf(way), next)))
        const heads = step.map((way) => (way.every((one) => typeof one === 'string') ? write(way, '')?.[0] : undefined))
        if (hops === undefined || hops === '' || lead !== '' || heads.some((head) => head === undefined))
          return undefined
        const width = Math.max(...heads.map((head) => head!.length))
        const stems = heads.map((head) => `${head} `.padEnd(width + 1, '-'))
        above = stems.slice(0, -1).map((stem) => `${stem}--+`)
        line = `${stems.at(-1)}--+${hops}`
        continue
      }
      if (k === 0 || next !== undefined || typeof before !== 'string') return undefined
      const hops = step.map((way) => hop(before, entryOf(way)))
      if (hops.includes('')) return undefined
      // The Border is drawn once, where every branch crosses it.
      const crosses = hops.every((one) => one === '--> / -->')
      add(crosses ? '--> / --+' : '--+')
      const column = line.length - 1
      // Far to the right each branch would be a line of blanks.
      if (column * step.length > MAX_BLANKS) return undefined
      const out: string[] = []
      for (const [at, way] of step.entries()) {
        const arrow = crosses ? '-->' : hops[at]!
        const start = at === 0 ? `${line}${arrow}` : `${' '.repeat(column)}+${arrow}`
        const lines = write(way, start)
        if (lines === undefined) return undefined
        out.push(...lines)
      }
      return [...above, ...out]
    }
    add(trailing(steps, hop))
    return [...above, line]
  }
  return write(flow.tree!, hop(END, entryOf(flow.tree!)))
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
