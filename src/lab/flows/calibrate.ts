// The coarse level is calibrated by the fine level: the drawing itself, one agent of each kind, for a day in the simulated
// world. A second day with another seed is what the coarse level is then held against, on the same small system: the
// deviation between the two.

import type { SystemPlan } from '../../system/plan.ts'
import { FAULTS, type Fault } from '../simulate/faults.ts'
import { lettersOf } from '../simulate/letters.ts'
import { KINDS, type Kind } from '../simulate/senders.ts'
import { type TrafficResult, traffic } from '../simulate/traffic.ts'
import { simulatedStage } from '../simulate/world.ts'
import { compareFault, type FaultCheck, type FaultDeviation, measureFault } from './faults.ts'
import { type CoarseResult, flows } from './flows.ts'
import { ENDS, type End, type Journey, journeysOf } from './journeys.ts'
import { type Parameters, parametersOf, type Source } from './parameters.ts'
import { populationsOf } from './populations.ts'

export interface Calibration {
  readonly parameters: Parameters
  /** What the fine level says of the day that the parameters were not taken from. */
  readonly check: Pick<TrafficResult, 'kinds' | 'delaysS' | 'cost'> & { readonly source: Source }
  /** The same of days with faults, of those that were measured. */
  readonly faultChecks: Partial<Record<Fault, FaultCheck>>
}

/** Of a share how far it is off, in points, and how far chance alone would let two such days be apart. */
export interface Deviation {
  readonly kind: Kind
  readonly end: End
  readonly fine: number
  readonly coarse: number
  readonly points: number
  readonly chance: number
}

export interface Compared {
  readonly deviations: readonly Deviation[]
  /** What is no share: value by value, and how far the coarse level is off, per cent. */
  readonly values: readonly {
    readonly what: string
    readonly fine: number
    readonly coarse: number
    readonly percent: number
  }[]
  /** Of days with a fault each. */
  readonly faults: readonly FaultDeviation[]
}

/** `claims`: domains that forgers name, if not every agent's. */
export async function calibrate(plan: SystemPlan, source: Source, claims?: readonly string[]): Promise<Calibration> {
  const { seed, messages, days, mix } = source
  const { letters } = lettersOf(plan)
  const stage = await simulatedStage(plan, { seed })
  let parameters: Parameters | undefined
  await traffic(stage, {
    messages,
    days,
    faults: [],
    mix,
    ...(claims && { claims }),
    look(fates, meter) {
      const journeys: Journey[] = journeysOf(stage, letters, fates)
      parameters = parametersOf(source, journeys, plan.agents, meter)
    },
  })
  const other = { ...source, seed: `${seed}/check` }
  const { kinds, delaysS, cost } = await traffic(await simulatedStage(plan, { seed: other.seed }), {
    messages,
    days,
    faults: [],
    mix,
    ...(claims && { claims }),
  })
  return { parameters: parameters!, check: { source: other, kinds, delaysS, cost }, faultChecks: {} }
}

/** The same, with what these faults do. */
export async function withFaults(
  plan: SystemPlan,
  calibration: Calibration,
  faults: readonly Fault[],
): Promise<Calibration> {
  if (faults.every((fault) => calibration.parameters.faults[fault] !== undefined)) return calibration
  let { parameters, faultChecks } = calibration
  for (const fault of faults) {
    if (parameters.faults[fault] !== undefined) continue
    const { effects, check } = await measureFault(plan, fault, parameters, calibration.check.cost)
    parameters = { ...parameters, faults: { ...parameters.faults, [fault]: effects } }
    faultChecks = { ...faultChecks, [fault]: check }
  }
  return { ...calibration, parameters, faultChecks }
}

/** So many that chance plays no part on the coarse side. */
const ENOUGH = 200_000

/** The coarse level on the drawing as it is, against the fine level. */
export function compare(plan: SystemPlan, { parameters, check, faultChecks }: Calibration): Compared {
  const { seed, days, mix } = parameters.source
  const coarse = flows(populationsOf(plan, { isAsDrawn: true }), parameters, {
    seed,
    messages: ENOUGH,
    days,
    mix,
    outages: 0,
    byDay: false,
  })
  const faults = FAULTS.flatMap((fault) => {
    const faultCheck = faultChecks[fault]
    return faultCheck === undefined ? [] : compareFault(plan, parameters, fault, faultCheck)
  })
  return { deviations: deviations(check, coarse), values: values(check, coarse), faults }
}

const deviations = (fine: Calibration['check'], coarse: CoarseResult): Deviation[] =>
  KINDS.flatMap((kind) => {
    const [a, b] = [fine.kinds[kind], coarse.kinds[kind]]
    if (a.sent === 0) return []
    return ENDS.flatMap((end) => {
      const [shareA, shareB] = [a[end] / a.sent, b[end] / Math.max(1, b.sent)]
      if (shareA === 0 && shareB === 0) return []
      // Both days are samples: the one of the parameters, and this one.
      const mean = (shareA + shareB) / 2
      const chance = 196 * Math.sqrt((2 * mean * (1 - mean)) / a.sent)
      return [{ kind, end, fine: 100 * shareA, coarse: 100 * shareB, points: 100 * (shareB - shareA), chance }]
    })
  })

const values = (fine: Calibration['check'], coarse: CoarseResult): Compared['values'] =>
  (
    [
      ['delay, half of honest mail, s', fine.delaysS.p50, coarse.delaysS.p50],
      ['delay, 99 % of honest mail, s', fine.delaysS.p99, coarse.delaysS.p99],
      ['bytes for each message', fine.cost.bytes, coarse.cost.bytes],
      ['connections for each message', fine.cost.connections, coarse.cost.connections],
      ['questions to DNS for each message', fine.cost.lookups, coarse.cost.lookups],
      ['seconds that doors are busy with it', fine.cost.busyS, coarse.cost.busyS],
    ] as const
  ).map(([what, a, b]) => ({ what, fine: a, coarse: b, percent: a === 0 ? 0 : (100 * (b - a)) / a }))
