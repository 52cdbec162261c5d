// The parameters of the coarse level: counts, as the fine level showed them, with where they come from. A message is a
// state that walks from agent to agent; two tables say what happens at each:
//   proofs: kind, whose domain it names, the way so far, the agent -> what SPF, DKIM, DMARC, ARC come to
//   acts:   kind, the way so far, the agent, those proofs          -> where it ends, or who has it next
// What was never seen in just that state is taken from the next coarser one.

import type { AgentPlan } from '../../system/plan.ts'
import { type Cost, type Meter, roundedCost } from '../simulate/cost.ts'
import type { Fault } from '../simulate/faults.ts'
import { AUTHORS, type Kind, type Mix, STRANGERS_IPS } from '../simulate/senders.ts'
import type { FaultEffects } from './faults.ts'
import type { End, Journey } from './journeys.ts'

export type Counts = Record<string, number>

export interface Source {
  readonly seed: string
  readonly messages: number
  readonly days: number
  readonly mix: Mix
}

export interface Parameters {
  readonly source: Source
  /** Where mail of a kind for a flow is handed in. */
  readonly firsts: Record<string, Counts>
  readonly proofs: Record<string, Counts>
  readonly acts: Record<string, Counts>
  /** By flow: from writing to mailbox on a quiet day, seconds: the lowest, then every twentieth. */
  readonly delays: Record<string, readonly number[]>
  /** By who brings it and who takes it: for each message. */
  readonly costs: Record<string, Cost>
  /** Questions to DNS that an agent asks, for each message that it sees. */
  readonly lookups: Record<string, number>
  /** What faults do, of those that were measured. */
  readonly faults: Partial<Record<Fault, FaultEffects>>
}

const SLOTS = 20
/** An act: an end with what was said, or the next agent. */
export const TO = '>'

const actOf = (end: End, why: string) => (why === '' ? end : `${end}|${why}`)
export const endIn = (act: string) => {
  const at = act.indexOf('|')
  return { end: (at < 0 ? act : act.slice(0, at)) as End, why: at < 0 ? '' : act.slice(at + 1) }
}

/** Keys from the finest to the coarsest. */
export const proofKeys = (kind: Kind, claim: string, way: string, agent: string) => [
  `${kind} ${claim} ${way} ${agent}`,
  `${kind} * ${way} ${agent}`,
]
export const actKeys = (kind: Kind, flow: number, way: string, agent: string, proofs: string) => [
  `${kind} ${flow} ${way} ${agent} ${proofs}`,
  `${kind} ${flow} ${way} ${agent} *`,
  `${kind} * * ${agent} ${proofs}`,
  `${kind} * * ${agent} *`,
]

/** Who brings it: an agent, the Authors of this one, spammers or bots. */
export const bringer = (kind: Kind, previous: string | undefined) =>
  previous ?? (AUTHORS.has(kind) ? 'authors' : kind === 'spam' ? 'spammers' : 'bots')

export function parametersOf(
  source: Source,
  journeys: readonly Journey[],
  agents: readonly AgentPlan[],
  meter: Meter,
): Parameters {
  const tables = { firsts: {}, proofs: {}, acts: {} } as Record<'firsts' | 'proofs' | 'acts', Record<string, Counts>>
  const count = (table: Record<string, Counts>, key: string, what: string) => {
    table[key] ??= {}
    table[key][what] = (table[key][what] ?? 0) + 1
  }
  const brought: Counts = {}
  const seen: Counts = {}
  const delays: Record<string, number[]> = {}
  for (const { kind, flow, claim, visits, end, why, delayS } of journeys) {
    count(tables.firsts, `${kind} ${flow}`, visits[0]!.agent)
    let way = ''
    for (const [i, { agent, proofs }] of visits.entries()) {
      const next = visits[i + 1]?.agent
      for (const key of proofKeys(kind, claim, way, agent)) count(tables.proofs, key, proofs)
      const act = next === undefined ? actOf(end, why) : `${TO}${next}`
      for (const key of actKeys(kind, flow, way, agent, proofs)) count(tables.acts, key, act)
      const by = `${bringer(kind, visits[i - 1]?.agent)} ${agent}`
      brought[by] = (brought[by] ?? 0) + 1
      seen[agent] = (seen[agent] ?? 0) + 1
      way = `${way}${TO}${agent}`
    }
    if (kind === 'honest' && delayS !== undefined) (delays[flow] ??= []).push(delayS)
  }
  const ipOf = new Map(agents.map(({ id, ip }) => [id, ip]))
  const isAgent = new Set(ipOf.values())
  const outside = (client: string) =>
    STRANGERS_IPS.spammers(client) ? 'spammers' : STRANGERS_IPS.bots(client) ? 'bots' : 'authors'
  const costs = Object.fromEntries(
    Object.entries(brought).map(([by, messages]) => {
      const [from, to] = by.split(' ') as [string, string]
      const isMeant = (client: string) =>
        ipOf.has(from) ? client === ipOf.get(from) : !isAgent.has(client) && outside(client) === from
      const { bytes, connections, busyS } = meter.to(ipOf.get(to)!, isMeant)
      const each = { bytes: bytes / messages, connections: connections / messages, busyS: busyS / messages }
      return [by, roundedCost({ ...each, lookups: 0 })]
    }),
  )
  const lookups = Object.fromEntries(
    Object.entries(seen).map(([agent, messages]) => [
      agent,
      Math.round((meter.of(ipOf.get(agent)!).lookups / messages) * 1000) / 1000,
    ]),
  )
  const quantiles = Object.fromEntries(
    Object.entries(delays).map(([flow, all]) => {
      all.sort((a, b) => a - b)
      return [flow, Array.from({ length: SLOTS + 1 }, (_, i) => all[Math.round((i / SLOTS) * (all.length - 1))]!)]
    }),
  )
  return { source, ...tables, delays: quantiles, costs, lookups, faults: {} }
}

/** Of what passes which proofs: by kind of mail and its way, in per cent of those at whom somebody looked. */
export interface PassRate {
  readonly kind: string
  readonly way: string
  readonly seen: number
  readonly rates: readonly number[]
}

export const PROOF_NAMES = ['SPF', 'DKIM', 'DMARC', 'ARC'] as const

export function passRates({ proofs }: Parameters): PassRate[] {
  return Object.entries(proofs).flatMap(([key, counts]) => {
    const [kind, claim, way, agent] = key.split(' ') as [string, string, string, string]
    const looked = Object.entries(counts).filter(([words]) => words.includes('/'))
    const seen = looked.reduce((sum, [, n]) => sum + n, 0)
    if (claim !== '*' || seen === 0) return []
    const passed = (i: number) => looked.reduce((sum, [words, n]) => sum + (words.split('/')[i] === 'pass' ? n : 0), 0)
    return [{ kind, way: `${way}${TO}${agent}`, seen, rates: PROOF_NAMES.map((_, i) => (100 * passed(i)) / seen) }]
  })
}
