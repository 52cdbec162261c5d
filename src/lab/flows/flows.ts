// The coarse level: a day of mail of populations, as batches of messages that walk from agent to agent, and not as bytes.
// What happens to a batch at an agent is drawn from the parameters; what is only there where there are many is simulated:
// who is large and who small, the hours of the day, agents that are away, connections that are all taken, what waits.
// Memory is bounded by the agents and by MOST_WAITING, whatever the number of messages.

import { createHash } from 'node:crypto'
import { SeededRandom } from '../../world/simulated/random.ts'
import type { Random } from '../../world/world.ts'
import { type Cost, roundedCost } from '../simulate/cost.ts'
import type { Fault } from '../simulate/faults.ts'
import { AUTHORS, KINDS, type Kind, type Mix } from '../simulate/senders.ts'
import { Delays, LATE_S, type Percentiles } from './delays.ts'
import { ENDS, type End } from './journeys.ts'
import type { Parameters } from './parameters.ts'
import { poisson } from './poisson.ts'
import { BySize, type Populations } from './populations.ts'
import { type Strike, Troubles } from './troubles.ts'
import { type Node, Walks } from './walk.ts'

export interface CoarseOptions {
  readonly seed: string
  readonly messages: number
  readonly days: number
  readonly mix: Mix
  /** What strikes agents (default: outages), and how often each of it each agent in a day, for up to forty minutes. */
  readonly faults?: readonly Fault[]
  readonly outages: number
  /** These and no others. */
  readonly strikes?: readonly Strike[]
  /** People write by day; else at every hour alike, as at the fine level. */
  readonly byDay: boolean
}

export type OfEnd = Readonly<Record<'sent' | End | 'waiting', number>>

export interface PopulationResult {
  readonly agents: number
  /** Messages that each saw: on average, and the one with most. */
  readonly seen: number
  readonly mostSeen: number
  /** Of all its agents. */
  readonly cost: Cost
  /** That waited at one agent at once. */
  readonly longestQueue: number
  readonly outages: number
}

export interface CoarseResult {
  readonly agents: number
  readonly messages: number
  readonly days: number
  /** Messages that are moved as one. */
  readonly batch: number
  readonly kinds: Readonly<Record<Kind, OfEnd>>
  readonly delaysS: Percentiles
  /** Of honest mail that arrived, which part came later than LATE_S. */
  readonly late: number
  readonly refusals: readonly {
    readonly at: string
    readonly why: string
    readonly kind: Kind
    readonly count: number
  }[]
  readonly populations: Readonly<Record<string, PopulationResult>>
  /** Messages that wait, by population, over time. */
  readonly queues: readonly { readonly atMs: number; readonly lengths: Readonly<Record<string, number>> }[]
  /** For each message. */
  readonly cost: Cost
  readonly flowLogHash: string
}

const STEP_S = 300
const DAY_S = 86_400
const MOST_BATCHES = 20_000_000
const MOST_WAITING = 1_000_000
/** Who hands in and finds nobody comes again after these; the last one again and again. */
const AGAIN_S: Readonly<Record<'author' | 'spam', readonly number[]>> = {
  author: [60, 300, 900, 1800, 3600, 7200],
  spam: [600],
}
/** Why, where nobody was there to say it. */
export const NOT_REACHED = 'not reached'

/** A batch that could not go on. */
interface Waiting {
  readonly kind: number
  readonly flow: number
  readonly node: Node
  /** The one it goes to, and the one at which it waits (-1: its Author). */
  readonly to: number
  readonly at: number
  count: number
  readonly bornS: number
  readonly attempt: number
}

export function flows(populations: Populations, parameters: Parameters, options: CoarseOptions): CoarseResult {
  return new Day(populations, parameters, options).pass()
}

class Day {
  readonly #options: CoarseOptions
  readonly #populations: Populations
  readonly #random: Random
  readonly #walks: Walks
  /** The number of the first agent of each population. */
  readonly #base: number[] = []
  readonly #agents: number
  readonly #sizes: BySize[] = []
  readonly #isPartner: boolean[][]
  readonly #troubles: Troubles
  readonly #seen: Float64Array
  readonly #sentNow: Uint32Array
  readonly #takenNow: Uint32Array
  readonly #waits: Uint32Array
  readonly #longest: Uint32Array
  readonly #queued: number[]
  readonly #costs: { bytes: number; connections: number; lookups: number; busyS: number }[]
  /** By the step in which they are due; of those at one point of the way the last. */
  readonly #waiting = new Map<number, { batches: Waiting[]; like: Map<Node, Waiting> }>()
  #waitingCount = 0
  readonly #ends: number[][]
  readonly #refusals = new Map<string, number>()
  readonly #delays: Delays
  readonly #log = createHash('sha256')
  #batch = 1
  #nowS = 0

  constructor(populations: Populations, parameters: Parameters, options: CoarseOptions) {
    this.#populations = populations
    this.#options = options
    this.#random = new SeededRandom(options.seed, 'flows')
    const all = populations.populations
    this.#walks = new Walks(
      parameters,
      all.map(({ id }) => id),
    )
    let agents = 0
    for (const { id, count } of all) {
      this.#base.push(agents)
      this.#sizes.push(new BySize(count, new SeededRandom(options.seed, `sizes of ${id}`)))
      agents += count
    }
    this.#agents = agents
    this.#isPartner = all.map((a) => all.map((b) => populations.partners.has(`${a.id} ${b.id}`)))
    this.#troubles = new Troubles(
      { ids: all.map(({ id }) => id), sizes: all.map(({ count }) => count), base: this.#base },
      parameters.faults,
      this.#random,
      STEP_S,
      { faults: ['outage'], ...options },
    )
    this.#seen = new Float64Array(agents)
    this.#sentNow = new Uint32Array(agents)
    this.#takenNow = new Uint32Array(agents)
    this.#waits = new Uint32Array(agents)
    this.#longest = new Uint32Array(agents)
    this.#queued = all.map(() => 0)
    this.#costs = all.map(() => ({ bytes: 0, connections: 0, lookups: 0, busyS: 0 }))
    this.#ends = KINDS.map(() => ENDS.map(() => 0))
    this.#delays = new Delays(parameters.delays)
  }

  pass(): CoarseResult {
    const { messages, days, mix, byDay } = this.#options
    const steps = Math.max(1, Math.round((days * DAY_S) / STEP_S))
    this.#batch = Math.max(1, Math.ceil(messages / MOST_BATCHES))
    const springs = this.#springs(mix)
    const sent = KINDS.map(() => 0)
    const queues: { atMs: number; lengths: Record<string, number> }[] = []
    for (let step = 0; step < steps; step++) {
      this.#nowS = step * STEP_S
      this.#sentNow.fill(0)
      this.#takenNow.fill(0)
      this.#troubles.begin(this.#nowS)
      this.#tryAgain(step)
      for (const { kind, flow, share, node } of springs) {
        const isByDay = byDay && AUTHORS.has(KINDS[kind]!)
        const wanted = (messages / steps) * share * (isByDay ? hour(this.#nowS) : 1)
        const batches = poisson(wanted / this.#batch, this.#random)
        sent[kind]! += batches * this.#batch
        for (let n = 0; n < batches; n++) this.#begin(kind, flow, node)
      }
      const lengths = Object.fromEntries(this.#populations.populations.map(({ id }, i) => [id, this.#queued[i]!]))
      queues.push({ atMs: (step + 1) * STEP_S * 1000, lengths })
      this.#log.update(JSON.stringify([step, sent, this.#ends, this.#queued, this.#waitingCount]))
    }
    return this.#result(sent, queues)
  }

  /** Every kind of message with a way to go, and its share of all. */
  #springs(mix: Mix) {
    const { flows: all, claims } = this.#populations
    const whole = KINDS.reduce((sum, kind) => sum + (mix[kind] ?? 0), 0)
    const named = claims.reduce((sum, { weight }) => sum + weight, 0)
    return KINDS.flatMap((kind, index) => {
      const ofKind = (mix[kind] ?? 0) / whole
      const weights = all.reduce((sum, { weight }) => sum + weight[kind], 0)
      if (ofKind === 0) return []
      return all.flatMap(({ flow, claim, weight }) => {
        const names =
          kind === 'forged'
            ? claims.map((one) => ({ id: one.id, share: one.weight / named }))
            : [{ id: AUTHORS.has(kind) ? claim : kind, share: 1 }]
        return names.flatMap(({ id, share }) =>
          this.#walks.firsts(kind, flow, id).map((first) => ({
            kind: index,
            flow,
            share: (ofKind * weight[kind] * share * first.share) / weights,
            node: first.node,
          })),
        )
      })
    })
  }

  #begin(kind: number, flow: number, node: Node): void {
    const to = this.#pick(node.population)
    this.#knock(kind, flow, node, to, -1, this.#batch, this.#nowS, 0)
  }

  /** One of a population, the larger the likelier. */
  #pick(population: number): number {
    return this.#base[population]! + this.#sizes[population]!.pick(this.#random.float(), this.#random.float())
  }

  /** Whom it goes to next: with a relationship always the same one. */
  #next(population: number, agent: number, from: number): number {
    if (!this.#isPartner[from]![population]!) return this.#pick(population)
    const own = Math.imul(agent + 1, 0x9e3779b1) >>> 0
    const other = Math.imul(own ^ (own >>> 15), 0x85ebca6b) >>> 0
    return this.#base[population]! + this.#sizes[population]!.pick(own / 2 ** 32, other / 2 ** 32)
  }

  #knock(
    kind: number,
    flow: number,
    node: Node,
    to: number,
    at: number,
    count: number,
    bornS: number,
    attempt: number,
  ) {
    const who = { isKnown: at >= 0 || AUTHORS.has(KINDS[kind]!), isEntering: at < 0 }
    const met = this.#troubles.meet(to, node.population, this.#nowS, who)
    // What it costs more is measured of all that a message goes through for it.
    if (met !== undefined && attempt === 0) this.#charge(node.population, met.cost, count)
    const isStopped = met?.goesOn === false || (at >= 0 && this.#troubles.isCutOff(at, this.#nowS))
    if (isStopped || !this.#isFree(node, to, at, count))
      return this.#wait(kind, flow, node, to, at, count, bornS, attempt)
    const writtenS = bornS - (met?.lateS ?? 0)
    const { population, cost, lookups, sums, acts } = node
    this.#seen[to]! += count
    this.#charge(population, { ...cost, lookups }, count)
    const chance = this.#random.float() * sums.at(-1)!
    let i = 0
    while (i < sums.length - 1 && chance >= sums[i]!) i++
    const { end, why, next } = acts[i]!
    if (end < 0) {
      const there = next()
      this.#knock(kind, flow, there, this.#next(there.population, to, population), to, count, writtenS, 0)
      return
    }
    this.#ends[kind]![end]! += count
    if (end <= 1) {
      if (KINDS[kind] === 'honest') this.#delays.add(flow, this.#nowS - writtenS, count, this.#random.float())
    } else this.#refuse(population, why, kind, count)
  }

  #charge(population: number, cost: Cost, count: number): void {
    const all = this.#costs[population]!
    all.bytes += cost.bytes * count
    all.connections += cost.connections * count
    all.busyS += cost.busyS * count
    all.lookups += cost.lookups * count
  }

  #refuse(population: number, why: number, kind: number, count: number): void {
    const key = `${population} ${kind} ${why}`
    this.#refusals.set(key, (this.#refusals.get(key) ?? 0) + count)
  }

  /** Both have a connection left in these minutes. */
  #isFree({ population, cost }: Node, to: number, at: number, count: number): boolean {
    const all = this.#populations.populations
    const eachS = Math.max(cost.busyS, 0.001)
    const taken = this.#takenNow[to]! + count
    if (taken > count && taken * eachS > all[population]!.takes * STEP_S) return false
    if (at >= 0) {
      const sent = this.#sentNow[at]! + count
      if (sent > count && sent * eachS > all[this.#populationOf(at)]!.opens * STEP_S) return false
      this.#sentNow[at] = sent
    }
    this.#takenNow[to] = taken
    return true
  }

  #populationOf(agent: number): number {
    let population = this.#base.length - 1
    while (this.#base[population]! > agent) population--
    return population
  }

  #wait(kind: number, flow: number, node: Node, to: number, at: number, count: number, bornS: number, attempt: number) {
    const again = this.#againS(kind, at)
    const waitS = again[Math.min(attempt, again.length - 1)]
    const isOver = at < 0 && !AUTHORS.has(KINDS[kind]!) && attempt >= again.length
    if (waitS === undefined || isOver) {
      this.#ends[kind]![ENDS.indexOf('refused')]! += count
      this.#refuse(node.population, -1, kind, count)
      return
    }
    const step = Math.floor(this.#nowS / STEP_S) + Math.max(1, Math.ceil(waitS / STEP_S))
    const due = this.#waiting.get(step) ?? { batches: [], like: new Map<Node, Waiting>() }
    this.#waiting.set(step, due)
    // When memory is full, it goes on with another batch that is at the same point of its way, wherever that waits.
    const like = this.#waitingCount >= MOST_WAITING ? due.like.get(node) : undefined
    const place = like?.at ?? at
    if (like !== undefined) like.count += count
    else {
      const waiting = { kind, flow, node, to, at, count, bornS, attempt }
      due.batches.push(waiting)
      due.like.set(node, waiting)
      this.#waitingCount++
    }
    if (place < 0) return
    this.#waits[place]! += count
    if (this.#waits[place]! > this.#longest[place]!) this.#longest[place] = this.#waits[place]!
    this.#queued[this.#populationOf(place)]! += count
  }

  #againS(kind: number, at: number): readonly number[] {
    if (at >= 0) return this.#populations.populations[this.#populationOf(at)]!.retryS
    return AUTHORS.has(KINDS[kind]!) ? AGAIN_S.author : KINDS[kind] === 'spam' ? AGAIN_S.spam : []
  }

  #tryAgain(step: number): void {
    const due = this.#waiting.get(step)?.batches ?? []
    this.#waiting.delete(step)
    this.#waitingCount -= due.length
    for (const { kind, flow, node, to, at, count, bornS, attempt } of due) {
      if (at >= 0) {
        this.#waits[at]! -= count
        this.#queued[this.#populationOf(at)]! -= count
      }
      this.#knock(kind, flow, node, to, at, count, bornS, attempt + 1)
    }
  }

  #result(sent: readonly number[], queues: CoarseResult['queues']): CoarseResult {
    const { populations } = this.#populations
    const { days } = this.#options
    const messages = sent.reduce((sum, n) => sum + n, 0)
    const kinds = Object.fromEntries(
      KINDS.map((kind, k) => {
        const ends = this.#ends[k]!
        const ended = ends.reduce((sum, n) => sum + n, 0)
        const named = Object.fromEntries(ENDS.map((end, i) => [end, ends[i]!])) as Record<End, number>
        return [kind, { sent: sent[k]!, ...named, waiting: sent[k]! - ended }]
      }),
    ) as Record<Kind, OfEnd>
    const each = populations.map(({ id, count }, i): [string, PopulationResult] => {
      let [seen, mostSeen, longestQueue] = [0, 0, 0]
      for (let agent = this.#base[i]!; agent < this.#base[i]! + count; agent++) {
        seen += this.#seen[agent]!
        mostSeen = Math.max(mostSeen, this.#seen[agent]!)
        longestQueue = Math.max(longestQueue, this.#longest[agent]!)
      }
      const outages = this.#troubles.counts[i]!
      return [
        id,
        {
          agents: count,
          seen: Math.round((seen / count) * 100) / 100,
          mostSeen,
          cost: roundedCost(this.#costs[i]!),
          longestQueue,
          outages,
        },
      ]
    })
    const total = (of: (cost: Cost) => number) => this.#costs.reduce((sum, cost) => sum + of(cost), 0) / messages
    const refusals = [...this.#refusals]
      .map(([key, count]) => {
        const [at, kind, why] = key.split(' ').map(Number) as [number, number, number]
        const words = why < 0 ? NOT_REACHED : this.#walks.whys[why]!
        return { at: populations[at]!.id, kind: KINDS[kind]!, why: words, count }
      })
      .sort((a, b) => b.count - a.count || (a.why < b.why ? -1 : 1))
    return {
      agents: this.#agents,
      messages,
      days,
      batch: this.#batch,
      kinds,
      delaysS: this.#delays.percentiles(),
      late: this.#delays.later(LATE_S),
      refusals,
      populations: Object.fromEntries(each),
      queues,
      cost: roundedCost({
        bytes: total(({ bytes }) => bytes),
        connections: total(({ connections }) => connections),
        lookups: total(({ lookups }) => lookups),
        busyS: total(({ busyS }) => busyS),
      }),
      flowLogHash: this.#log.update(JSON.stringify(each)).digest('hex'),
    }
  }
}

/** How much people write at a time of the day, against the average: least at four in the morning, most in the afternoon. */
const hour = (nowS: number) => 1 + 0.8 * Math.sin(((nowS / DAY_S) * 24 - 10) * (Math.PI / 12))
