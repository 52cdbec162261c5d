// The states of the coarse level as a graph of nodes: where a message of a kind, that names somebody's domain, is after a
// way; and what happens to it there, with which chance. Nodes are made when somebody comes to them.

import { type Cost, NOTHING } from '../simulate/cost.ts'
import type { Kind } from '../simulate/senders.ts'
import { ENDS } from './journeys.ts'
import { actKeys, bringer, type Counts, endIn, type Parameters, proofKeys, TO } from './parameters.ts'

export interface Node {
  readonly population: number
  readonly cost: Cost
  readonly lookups: number
  /** Sums of chances, and for each: the end and why, or the next node. */
  readonly sums: readonly number[]
  readonly acts: readonly Act[]
}

export interface Act {
  readonly end: number
  /** Which of `whys`. */
  readonly why: number
  readonly next: () => Node
}

interface State {
  readonly kind: Kind
  readonly flow: number
  readonly claim: string
  readonly way: string
  readonly previous: string | undefined
  readonly agent: string
}

export class Walks {
  readonly whys: string[] = ['']
  readonly #parameters: Parameters
  readonly #indexOf: ReadonlyMap<string, number>
  readonly #nodes = new Map<string, Node>()
  readonly #whyOf = new Map<string, number>([['', 0]])

  constructor(parameters: Parameters, ids: readonly string[]) {
    this.#parameters = parameters
    this.#indexOf = new Map(ids.map((id, i) => [id, i]))
  }

  /** Where a message begins, each with its chance; nothing where the fine level never saw such a message. */
  firsts(kind: Kind, flow: number, claim: string): { readonly share: number; readonly node: Node }[] {
    const counts = this.#parameters.firsts[`${kind} ${flow}`] ?? {}
    const all = sumOf(counts)
    return Object.entries(counts).map(([agent, n]) => ({
      share: n / all,
      node: this.#node({ kind, flow, claim, way: '', previous: undefined, agent }),
    }))
  }

  #node(state: State): Node {
    const key = `${state.kind} ${state.flow} ${state.claim} ${state.way} ${state.agent}`
    let node = this.#nodes.get(key)
    if (node === undefined) this.#nodes.set(key, (node = this.#made(state)))
    return node
  }

  #made(state: State): Node {
    const { kind, flow, claim, way, previous, agent } = state
    const { proofs, acts, costs, lookups } = this.#parameters
    const found = first(proofs, proofKeys(kind, claim, way, agent))
    const all = sumOf(found)
    const chances = new Map<string, number>()
    for (const [words, n] of Object.entries(found)) {
      const done = first(acts, actKeys(kind, flow, way, agent, words))
      const times = sumOf(done)
      for (const [act, count] of Object.entries(done))
        chances.set(act, (chances.get(act) ?? 0) + (n / all) * (count / times))
    }
    // Never seen on this way at all.
    if (chances.size === 0) chances.set('missing', 1)
    let sum = 0
    const by = bringer(kind, previous)
    return {
      population: this.#indexOf.get(agent)!,
      cost: costs[`${by} ${agent}`] ?? NOTHING,
      lookups: lookups[agent] ?? 0,
      sums: [...chances.values()].map((chance) => (sum += chance)),
      acts: [...chances.keys()].map((act) => this.#act(state, act)),
    }
  }

  #act(state: State, act: string): Act {
    if (act.startsWith(TO)) {
      const way = `${state.way}${TO}${state.agent}`
      const agent = act.slice(TO.length)
      let next: Node | undefined
      return {
        end: -1,
        why: 0,
        next: () => (next ??= this.#node({ ...state, way, previous: state.agent, agent })),
      }
    }
    const { end, why } = endIn(act)
    return {
      end: ENDS.indexOf(end),
      why: this.#why(why),
      next: () => {
        throw new Error('this way is at its end')
      },
    }
  }

  #why(words: string): number {
    let index = this.#whyOf.get(words)
    if (index === undefined) {
      index = this.whys.push(words) - 1
      this.#whyOf.set(words, index)
    }
    return index
  }
}

const sumOf = (counts: Counts) => Object.values(counts).reduce((sum, n) => sum + n, 0)

const first = (table: Record<string, Counts>, keys: readonly string[]): Counts => {
  const key = keys.find((one) => table[one] !== undefined)
  return key === undefined ? {} : table[key]!
}
