// Who is in which trouble at the coarse level, and what becomes of mail that comes to him then: as often as the fine level
// saw it go on, and as much later. An agent that is away and was not measured takes nothing.

import type { Random } from '../../world/world.ts'
import { type Cost, NOTHING } from '../simulate/cost.ts'
import type { Fault } from '../simulate/faults.ts'
import type { FaultEffects } from './faults.ts'
import { poisson } from './poisson.ts'

export interface TroubleOptions {
  readonly faults: readonly Fault[]
  /** How often each kind strikes each agent in a day, on average, for up to forty minutes. */
  readonly outages: number
  /** These and no others: moments in seconds, an agent's population, or everybody (dns). */
  readonly strikes?: readonly Strike[]
}

export interface Strike {
  readonly atS: number
  readonly forS: number
  readonly fault: Fault
  /** Undefined: all. */
  readonly population: number | undefined
}

/** What somebody meets who comes to an agent in trouble. */
export interface Met {
  readonly goesOn: boolean
  readonly lateS: number
  /** More than on a quiet day. */
  readonly cost: Cost
}

interface Going {
  readonly fault: Fault
  readonly untilS: number
}

const DAY_S = 86_400
const SHORTEST_S = 60
const LONGEST_S = 2400
/** Then it can send nothing, either. */
const CUT_OFF: ReadonlySet<Fault> = new Set(['outage', 'crash'])

export class Troubles {
  /** How many strikes each population had. */
  readonly counts: number[]
  readonly #ids: readonly string[]
  readonly #sizes: readonly number[]
  readonly #base: readonly number[]
  readonly #effects: Partial<Record<Fault, FaultEffects>>
  readonly #random: Random
  readonly #options: TroubleOptions
  readonly #stepS: number
  /** Of each agent until when anything is going on at all. */
  readonly #untilS: Float64Array
  readonly #going = new Map<number, Going[]>()
  #next = 0

  constructor(
    agents: { readonly ids: readonly string[]; readonly sizes: readonly number[]; readonly base: readonly number[] },
    effects: Partial<Record<Fault, FaultEffects>>,
    random: Random,
    stepS: number,
    options: TroubleOptions,
  ) {
    this.#ids = agents.ids
    this.#sizes = agents.sizes
    this.#base = agents.base
    this.#effects = effects
    this.#random = random
    this.#stepS = stepS
    this.#options = options
    this.counts = agents.ids.map(() => 0)
    this.#untilS = new Float64Array(agents.sizes.reduce((sum, n) => sum + n, 0))
  }

  /** What begins in the step at `nowS`. */
  begin(nowS: number): void {
    const { faults, outages, strikes } = this.#options
    if (strikes !== undefined) {
      // Each in the step that is nearest to it.
      for (; this.#next < strikes.length && strikes[this.#next]!.atS < nowS + this.#stepS / 2; this.#next++) {
        const { fault, population, forS } = strikes[this.#next]!
        for (const [i, size] of this.#sizes.entries())
          if (population === undefined || population === i)
            for (let n = 0; n < size; n++) this.#strike(i, n, fault, nowS + forS)
      }
      return
    }
    if (outages === 0) return
    for (const fault of faults)
      for (const [i, size] of this.#sizes.entries()) {
        const struck = poisson((outages * size * this.#stepS) / DAY_S, this.#random)
        for (let n = 0; n < struck; n++) {
          const agent = this.#random.integer(size)
          this.#strike(i, agent, fault, nowS + SHORTEST_S + this.#random.float() * (LONGEST_S - SHORTEST_S))
        }
      }
  }

  #strike(population: number, n: number, fault: Fault, untilS: number): void {
    const agent = this.#base[population]! + n
    this.counts[population]!++
    const others = (this.#going.get(agent) ?? []).filter(
      (one) => one.fault !== fault && one.untilS > untilS - LONGEST_S,
    )
    this.#going.set(agent, [...others, { fault, untilS }])
    this.#untilS[agent] = Math.max(this.#untilS[agent]!, untilS)
  }

  /** Undefined: nothing is wrong there. `isEntering`: handed in by who is no agent. */
  meet(
    agent: number,
    population: number,
    nowS: number,
    who: { isKnown: boolean; isEntering: boolean },
  ): Met | undefined {
    if (this.#untilS[agent]! <= nowS) return undefined
    let met: Met | undefined
    for (const { fault, untilS } of this.#going.get(agent)!) {
      if (!this.#isOn(untilS, nowS)) continue
      // Measured of all that was under way while nobody reached the DNS: it is met once.
      if (fault === 'dns' && !who.isEntering) continue
      const effects = this.#effects[fault]
      const effect = effects?.agents[this.#ids[population]!]
      const passes = effect === undefined ? (CUT_OFF.has(fault) ? 0 : 1) : who.isKnown ? effect.known : effect.strangers
      const goesOn = passes > 0 && (passes >= 1 || this.#random.float() < passes)
      const lates = effect?.lateS ?? []
      const lateS = lates.length === 0 ? 0 : lates[this.#random.integer(lates.length)]!
      met = {
        goesOn: goesOn && (met?.goesOn ?? true),
        lateS: lateS + (met?.lateS ?? 0),
        cost: effects?.cost ?? NOTHING,
      }
    }
    return met
  }

  /** It can reach nobody. */
  isCutOff(agent: number, nowS: number): boolean {
    if (this.#untilS[agent]! <= nowS) return false
    return this.#going.get(agent)!.some(({ fault, untilS }) => CUT_OFF.has(fault) && this.#isOn(untilS, nowS))
  }

  /** What ends within the step is met by a part of what comes in it. */
  #isOn(untilS: number, nowS: number): boolean {
    const leftS = untilS - nowS
    if (leftS <= 0) return false
    return leftS >= this.#stepS || this.#random.float() < leftS / this.#stepS
  }
}
