// What faults do to mail at the flow level, measured at the fine level: one agent after another is in trouble for a while,
// and what comes to it then goes on at once, some seconds later, or is put off until it is over. How far the coarse level is
// off is measured on another day with the fault: the very strikes of that day are put into the coarse one.

import type { SystemPlan } from '../../system/plan.ts'
import { type Cost, roundedCost } from '../simulate/cost.ts'
import type { Fault, Happened } from '../simulate/faults.ts'
import { lettersOf } from '../simulate/letters.ts'
import { AUTHORS } from '../simulate/senders.ts'
import { type Fate, type TrafficOptions, traffic } from '../simulate/traffic.ts'
import { simulatedStage } from '../simulate/world.ts'
import { LATE_S } from './delays.ts'
import { flows, NOT_REACHED } from './flows.ts'
import type { Parameters, Source } from './parameters.ts'
import { populationsOf } from './populations.ts'

export interface FaultEffect {
  /** Which part of what comes goes on at once: handed in or passed on by who is known, and by strangers who come once. */
  readonly known: number
  readonly strangers: number
  /** How much later than on a quiet day what goes on arrives, seconds, from the least. */
  readonly lateS: readonly number[]
}

export interface FaultEffects {
  /** By agent in trouble. */
  readonly agents: Readonly<Record<string, FaultEffect>>
  /** What a message that meets it costs more. */
  readonly cost: Cost
}

/** A day with the fault at the fine level, for the coarse one to be held against. */
export interface FaultCheck {
  readonly strikes: readonly Happened[]
  readonly met: Met
  readonly cost: Cost
}

/** What faults change: per cent of honest mail that did not arrive, or late; of bots, that nobody listened to. */
export interface Met {
  readonly absent: number
  readonly late: number
  readonly p99S: number
  readonly unheard: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Of each agent: so often, for so long, with a pause behind each. */
const TIMES = 3
const STRIKE_MS = 15 * 60_000
const PAUSE_MS = 15 * 60_000
/** Who comes just before the end is not held up by it. */
const MARGIN_MS = 2 * 60_000
const AN_HOUR = 80
const MOST_CHECKED = 400
const SLOTS = 20

export async function measureFault(
  plan: SystemPlan,
  fault: Fault,
  parameters: Parameters,
  quiet: Cost,
  claims?: readonly string[],
): Promise<{ readonly effects: FaultEffects; readonly check: FaultCheck }> {
  const { source } = parameters
  const victims = fault === 'dns' ? ['dns'] : plan.agents.map(({ id }) => id)
  const strikes = victims.flatMap((agent, v) =>
    Array.from({ length: TIMES }, (_, n) => ({
      atMs: (v * TIMES + n) * (STRIKE_MS + PAUSE_MS) + PAUSE_MS / 2,
      forMs: STRIKE_MS,
      fault,
      agent,
    })),
  )
  const lengthMs = victims.length * TIMES * (STRIKE_MS + PAUSE_MS)
  const options = { faults: [], mix: source.mix, ...(claims && { claims }) }
  let met: Meeting[] = []
  const messages = Math.ceil((AN_HOUR * lengthMs) / HOUR_MS)
  const stage = await simulatedStage(plan, { seed: `${source.seed}/${fault}` })
  const { nowMs: startMs } = stage.system.simulation
  const { cost } = await traffic(stage, {
    ...options,
    messages,
    days: lengthMs / DAY_MS,
    strikes,
    look(fates) {
      met = meetings(plan, [...fates.values()], strikes, startMs, parameters)
    },
  })
  const names = fault === 'dns' ? plan.agents.map(({ id }) => id) : victims
  const agents = Object.fromEntries(
    names.map((id) => [id, effectOf(met.filter((one) => fault === 'dns' || one.agent === id))]),
  )
  return {
    effects: { agents, cost: more(cost, quiet, messages / Math.max(1, met.length)) },
    check: await checked(plan, fault, source, options),
  }
}

/** A message that came to an agent in trouble. */
interface Meeting {
  readonly agent: string
  readonly isKnown: boolean
  readonly wentOn: boolean
  readonly lateS: number | undefined
}

function meetings(
  plan: SystemPlan,
  fates: readonly Fate[],
  strikes: readonly Happened[],
  startMs: number,
  { delays }: Parameters,
): Meeting[] {
  const pathOf = new Map(lettersOf(plan).letters.map(({ flow, path }) => [flow, path]))
  return fates.flatMap((fate): Meeting[] => {
    const { sentMs, kind, flow, first, takenMs, reply } = fate
    const atMs = sentMs - startMs
    const strike = strikes.find((one) => atMs >= one.atMs && atMs < one.atMs + one.forMs - MARGIN_MS)
    if (strike === undefined) return []
    const path = pathOf.get(flow)!
    const way = path.slice(Math.max(0, path.indexOf(first)))
    if (strike.agent !== 'dns' && !way.includes(strike.agent)) return []
    const isKnown = AUTHORS.has(kind)
    // A spammer comes again, and when he did is not known.
    if (!isKnown && kind === 'spam') return []
    const endMs = strike.atMs + strike.forMs
    if (!isKnown) {
      // Whom it did not even look at came to the door of the agent in trouble.
      if (strike.agent !== 'dns' && strike.agent !== first) return []
      return [
        { agent: strike.agent, isKnown, wentOn: takenMs !== undefined || reply.startsWith('5'), lateS: undefined },
      ]
    }
    // By the clock of the world, which no fault turns.
    const wentOn = fate.doneMs !== undefined && fate.doneMs - startMs < endMs
    const usual = delays[flow]?.[SLOTS / 2] ?? 0
    const tookS = delayOf(fate)
    return [{ agent: strike.agent, isKnown, wentOn, lateS: wentOn && tookS !== undefined ? tookS - usual : undefined }]
  })
}

function effectOf(met: readonly Meeting[]): FaultEffect {
  const share = (all: readonly Meeting[], otherwise: number) =>
    all.length === 0 ? otherwise : all.filter(({ wentOn }) => wentOn).length / all.length
  const known = share(
    met.filter(({ isKnown }) => isKnown),
    1,
  )
  const strangers = share(
    met.filter(({ isKnown }) => !isKnown),
    known,
  )
  const lates = met.flatMap(({ lateS }) => lateS ?? []).sort((a, b) => a - b)
  const lateS = Array.from({ length: lates.length === 0 ? 0 : SLOTS + 1 }, (_, i) => {
    const value = lates[Math.round((i / SLOTS) * (lates.length - 1))]!
    return Math.round(value * 100) / 100
  })
  return { known, strangers, lateS }
}

/** `each`: how many messages there were for each that met it. */
function more(cost: Cost, quiet: Cost, each: number): Cost {
  const of = (key: keyof Cost) => (cost[key] - quiet[key]) * each
  return roundedCost({ bytes: of('bytes'), connections: of('connections'), lookups: of('lookups'), busyS: of('busyS') })
}

const delayOf = ({ arrivedMs, sentMs }: Fate) =>
  arrivedMs === undefined ? undefined : Math.max(0, arrivedMs - sentMs) / 1000

async function checked(
  plan: SystemPlan,
  fault: Fault,
  source: Source,
  options: Omit<TrafficOptions, 'messages' | 'days' | 'faults'>,
): Promise<FaultCheck> {
  const stage = await simulatedStage(plan, { seed: `${source.seed}/check ${fault}` })
  let met: Met | undefined
  const { faults, cost } = await traffic(stage, {
    ...options,
    messages: Math.min(MOST_CHECKED, source.messages),
    days: 1,
    faults: [fault],
    look(fates) {
      met = metBy([...fates.values()])
    },
  })
  return { strikes: faults, met: met!, cost }
}

function metBy(fates: readonly Fate[]): Met {
  const honest = fates.filter(({ kind }) => kind === 'honest')
  const delays = honest.flatMap((fate) => delayOf(fate) ?? []).sort((a, b) => a - b)
  const bots = fates.filter(({ kind }) => kind === 'botnet')
  const unheard = bots.filter(({ takenMs, reply }) => takenMs === undefined && !reply.startsWith('5'))
  const part = (some: number, all: number) => (all === 0 ? 0 : (100 * some) / all)
  return {
    absent: part(honest.length - delays.length, honest.length),
    late: part(delays.filter((one) => one > LATE_S).length, delays.length),
    p99S: delays[Math.min(delays.length - 1, Math.floor(0.99 * delays.length))] ?? 0,
    unheard: part(unheard.length, bots.length),
  }
}

/** One line of the comparison of the levels. */
export interface FaultDeviation {
  readonly fault: Fault
  readonly what: string
  readonly fine: number
  readonly coarse: number
}

/** So many that chance plays no part on the coarse side. */
const ENOUGH = 100_000

/** The coarse level on the drawing as it is, with the strikes of the fine level's day. */
export function compareFault(
  plan: SystemPlan,
  parameters: Parameters,
  fault: Fault,
  check: FaultCheck,
): FaultDeviation[] {
  const { seed, mix } = parameters.source
  const populations = populationsOf(plan, { isAsDrawn: true })
  const ids = populations.populations.map(({ id }) => id)
  const coarse = flows(populations, parameters, {
    seed,
    messages: ENOUGH,
    days: 1,
    mix,
    outages: 0,
    byDay: false,
    strikes: check.strikes.map(({ atMs, forMs, agent }) => ({
      atS: atMs / 1000,
      forS: forMs / 1000,
      fault,
      population: agent === 'dns' ? undefined : ids.indexOf(agent),
    })),
  })
  const { honest, botnet } = coarse.kinds
  const arrived = honest.inbox + honest.junk
  const unheard = coarse.refusals.reduce(
    (sum, { kind, why, count }) => sum + (kind === 'botnet' && why === NOT_REACHED ? count : 0),
    0,
  )
  const part = (some: number, all: number) => (all === 0 ? 0 : (100 * some) / all)
  return (
    [
      ['honest, not there at the end, %', check.met.absent, part(honest.sent - arrived, honest.sent)],
      [`honest, later than ${LATE_S} s, %`, check.met.late, 100 * coarse.late],
      ['delay, 99 % of honest mail, s', check.met.p99S, coarse.delaysS.p99],
      ['bots that nobody listened to, %', check.met.unheard, part(unheard, botnet.sent)],
      ['bytes for each message', check.cost.bytes, coarse.cost.bytes],
      ['connections for each message', check.cost.connections, coarse.cost.connections],
      ['questions to DNS for each message', check.cost.lookups, coarse.cost.lookups],
      ['seconds that doors are busy with it', check.cost.busyS, coarse.cost.busyS],
    ] as const
  ).map(([what, fine, found]) => ({ fault, what, fine, coarse: found }))
}
