// The agents of the coarse level: for each agent of a drawing a population of agents like it, of different sizes, and for
// each flow how much mail goes along it.

import type { Actor, SystemModel } from '../../notation/model.ts'
import { Sayings } from '../../notation/said.ts'
import type { SystemPlan } from '../../system/plan.ts'
import type { Random } from '../../world/world.ts'
import { lettersOf } from '../simulate/letters.ts'
import { AUTHORS, domainOf, KINDS, type Kind, type Mix } from '../simulate/senders.ts'

export interface Population {
  readonly id: string
  readonly count: number
  /** Of each agent, on average. */
  readonly people: number
  /** Connections that each can have open to others, and take. */
  readonly opens: number
  readonly takes: number
  /** Waits between attempts, seconds. */
  readonly retryS: readonly number[]
}

export interface CoarseFlow {
  readonly flow: number
  readonly path: readonly string[]
  /** Whose domain its Author has: an agent, or a stranger's. */
  readonly claim: string
  /** Of all mail of a kind, how much, in proportion. */
  readonly weight: Readonly<Record<Kind, number>>
}

export interface Populations {
  readonly populations: readonly Population[]
  readonly flows: readonly CoarseFlow[]
  /** Whose domains forgers name, in proportion. */
  readonly claims: readonly { readonly id: string; readonly weight: number }[]
  /** Pairs of agents with a relationship: one of them always goes to the same one of the others. */
  readonly partners: ReadonlySet<string>
}

/**
 * `claims`: agents whose domains forgers name (default: all). `isAsDrawn`: one agent of each, and each flow is as likely as
 * any other, as at the fine level.
 */
export function populationsOf(
  plan: SystemPlan,
  { isAsDrawn, claims: named = [] }: { readonly isAsDrawn: boolean; readonly claims?: readonly string[] },
): Populations {
  const { model } = plan
  const sayings = new Sayings(model)
  const numberOf = (actor: Actor, key: 'population' | 'people') => Number(sayings.values(actor, key).at(-1) ?? 1)
  const populations = plan.agents.map(({ id, settings }): Population => {
    const actor = model.actors.find((one) => one.id === id)!
    const relays = Math.max(1, ...model.blocks.filter((block) => block.actor === id).map((block) => block.relays))
    return {
      id,
      count: isAsDrawn ? 1 : numberOf(actor, 'population'),
      people: isAsDrawn ? 1 : numberOf(actor, 'people'),
      opens: settings.transmitter.connections,
      takes: relays * settings.receiver.connections,
      retryS: settings.transmitter.retryAfterS,
    }
  })
  const peopleOf = (id: string) => {
    const one = populations.find((population) => population.id === id)!
    return one.count * one.people
  }
  const { letters } = lettersOf(plan)
  const ownerOf = (domain: string) => plan.agents.find((agent) => agent.domain === domain)?.id
  const flows = letters.map(({ flow, path, first, from }): CoarseFlow => {
    const last = path.at(-1)!
    const alike = (of: (one: (typeof letters)[number]) => string, id: string) =>
      letters.filter((one) => of(one) === id).length
    const written = peopleOf(first.id) / alike((one) => one.first.id, first.id)
    const read = peopleOf(last) / alike((one) => one.path.at(-1)!, last)
    const weight = Object.fromEntries(
      KINDS.map((kind) => [kind, isAsDrawn ? 1 : AUTHORS.has(kind) ? written : read]),
    ) as Record<Kind, number>
    return { flow, path, claim: ownerOf(domainOf(from)) ?? 'honest', weight }
  })
  const isNamed = ({ id }: { readonly id: string }) => named.length === 0 || named.includes(id.replace(/-\d+$/, ''))
  const owners = [...new Set(plan.agents.filter(isNamed).map(({ domain }) => ownerOf(domain)!))]
  const claims = owners.map((id) => ({ id, weight: isAsDrawn ? 1 : peopleOf(id) }))
  return { populations, flows, claims, partners: partnersOf(model) }
}

function partnersOf(model: SystemModel): Set<string> {
  const actorOf = new Map(model.blocks.map(({ id, actor }) => [id, actor]))
  return new Set(
    model.hops
      .filter(({ from, to, border, arrow }) => from !== undefined && to !== undefined && !border && arrow !== 'flow')
      .map(({ from, to }) => `${actorOf.get(from!)} ${actorOf.get(to!)}`),
  )
}

/** What a million of people write in a day, if nobody says otherwise: so many messages each. */
const WRITES = 20

/** Messages of a day: what the people of all agents write, and the others in proportion. */
export function messagesOf({ populations, flows }: Populations, mix: Mix): number {
  const authors = new Set(flows.map(({ path }) => path[0]))
  const people = populations
    .filter(({ id }) => authors.has(id))
    .reduce((sum, { count, people }) => sum + count * people, 0)
  const all = KINDS.reduce((sum, kind) => sum + (mix[kind] ?? 0), 0)
  return Math.round((people * WRITES * all) / (mix.honest ?? all))
}

/** Picks one of many by size, in constant time (the alias method, Walker 1977). */
export class BySize {
  readonly #keep: Float32Array
  readonly #alias: Uint32Array

  /** Sizes are drawn: most agents are small, a few large (exponential). */
  constructor(count: number, random: Random) {
    this.#keep = new Float32Array(count)
    this.#alias = new Uint32Array(count)
    let sum = 0
    for (let i = 0; i < count; i++) sum += this.#keep[i] = count === 1 ? 1 : -Math.log(1 - random.float())
    const small = new Uint32Array(count)
    const large = new Uint32Array(count)
    let [smalls, larges] = [0, 0]
    for (let i = 0; i < count; i++) {
      this.#keep[i]! *= count / sum
      if (this.#keep[i]! < 1) small[smalls++] = i
      else large[larges++] = i
    }
    while (smalls > 0 && larges > 0) {
      const [less, more] = [small[--smalls]!, large[larges - 1]!]
      this.#alias[less] = more
      this.#keep[more]! -= 1 - this.#keep[less]!
      if (this.#keep[more]! < 1) {
        larges--
        small[smalls++] = more
      }
    }
    // What is left is 1, but for rounding.
    while (larges > 0) this.#keep[large[--larges]!] = 1
    while (smalls > 0) this.#keep[small[--smalls]!] = 1
  }

  /** `a`, `b`: two numbers in [0, 1). */
  pick(a: number, b: number): number {
    const i = Math.floor(a * this.#keep.length)
    return b < this.#keep[i]! ? i : this.#alias[i]!
  }
}
