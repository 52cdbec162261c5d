// Runs an experiment: for each series and each value on the axis a day of mail of its own, at the fine level with copies of
// the agents, or at the coarse level with populations; and takes the measures.

import { createHash } from 'node:crypto'
import { parse } from '../../notation/parse.ts'
import { planSystem } from '../../system/description.ts'
import type { SystemPlan } from '../../system/plan.ts'
import { type Calibration, calibrate } from '../flows/calibrate.ts'
import { flows } from '../flows/flows.ts'
import { type Populations, populationsOf } from '../flows/populations.ts'
import { completed } from '../simulate/completed.ts'
import { KINDS, type Kind, type Mix } from '../simulate/senders.ts'
import { traffic } from '../simulate/traffic.ts'
import { parseSwitches, switched } from '../simulate/what-if.ts'
import { simulatedStage } from '../simulate/world.ts'
import { copiesOf, withCopies } from './copies.ts'
import type { Experiment, Measure, Series } from './experiment.ts'
import { interval } from './interval.ts'

export interface Plotted {
  readonly series: string
  readonly x: number
  /** By the name of the measure: the mean of all repeats. */
  readonly values: Readonly<Record<string, number>>
  /** Half the width of its 95 % confidence interval; none of a single run. */
  readonly margins: Readonly<Record<string, number>>
}

export interface Point extends Plotted {
  /** Of everything that happened. */
  readonly eventLogHash: string
}

/** @throws Error when a series cannot be run: who is named is not there, or a description is not whole */
export async function runExperiment(
  experiment: Experiment,
  onPoint: (point: Point, n: number, of: number) => void = () => {},
): Promise<Point[]> {
  const points: Point[] = []
  const { series, axis, level } = experiment
  for (const one of series) {
    const runs = seedsOf(experiment).map((seed) => {
      const withSeed = { ...experiment, seed }
      return level === 'fine' ? fine(withSeed, one) : coarse(withSeed, one)
    })
    for (const x of axis.values) {
      const found: Ran[] = []
      for (const at of runs) found.push(await at(x))
      points.push({ series: one.name, x, ...summed(experiment.measures, found), eventLogHash: hashOf(found) })
      onPoint(points.at(-1)!, points.length, series.length * axis.values.length)
    }
  }
  return points
}

/** The first is that of the file, so that a single run is one of several. */
const seedsOf = ({ seed, repeats }: Experiment) =>
  Array.from({ length: repeats }, (_, n) => (n === 0 ? seed : `${seed}/${n + 1}`))

function summed(measures: readonly Measure[], runs: readonly Ran[]): Pick<Plotted, 'values' | 'margins'> {
  const [values, margins]: Record<string, number>[] = [{}, {}]
  for (const measure of measures) {
    const { mean, margin } = interval(runs.map(({ result }) => take(measure, result)))
    values![measure.name] = rounded(mean)
    if (margin !== undefined) margins![measure.name] = rounded(margin)
  }
  return { values: values!, margins: margins! }
}

/** As long as it is one, it is what the simulation itself says. */
const hashOf = (runs: readonly Ran[]) =>
  runs.length === 1
    ? runs[0]!.eventLogHash
    : createHash('sha256')
        .update(runs.map(({ eventLogHash }) => eventLogHash).join())
        .digest('hex')

interface Ran {
  readonly result: object
  readonly eventLogHash: string
}

function fine(experiment: Experiment, series: Series): (x: number) => Promise<Ran> {
  const { seed, messages, days } = experiment
  return async (x) => {
    const plan = planOf(experiment, series, experiment.copies, x, (share, n) => Math.round((share / 100) * n))
    const stage = await simulatedStage(plan, { seed })
    const claims = claimsOf(experiment, plan)
    const options = { messages, days, faults: [], mix: mixAt(experiment, series, x), ...(claims && { claims }) }
    const result = await traffic(stage, options)
    return { result, eventLogHash: result.eventLogHash }
  }
}

/** Messages of the fine level that the parameters of a series are measured on. */
const CALIBRATION = 600

/** Two agents stand for all: one that has the switches, one that has not; the value on the axis says how many of each. */
function coarse(experiment: Experiment, series: Series): (x: number) => Promise<Ran> {
  const { seed, messages, days } = experiment
  const { share } = series
  const kept = new Map<string, Promise<Calibration>>()
  return async (x) => {
    const plan = planOf(experiment, series, share === undefined ? {} : { [owner(experiment, share.of)]: 2 }, x, () => 1)
    const mix = mixAt(experiment, series, x)
    const key = JSON.stringify([mix, series.switches.replaceAll('{x}', String(x))])
    const source = { seed, messages: CALIBRATION, days, mix }
    kept.set(key, kept.get(key) ?? calibrate(plan, source, claimsOf(experiment, plan)))
    const { parameters } = await kept.get(key)!
    const drawn = populationsOf(plan, { isAsDrawn: false, claims: experiment.forge })
    const populations = share === undefined ? drawn : shared(drawn, owner(experiment, share.of), x)
    const result = flows(populations, parameters, { seed, messages, days, mix, outages: 0, byDay: true })
    return { result, eventLogHash: result.flowLogHash }
  }
}

/** Of the population x per cent are the first of the two. */
function shared(all: Populations, id: string, x: number): Populations {
  const partOf = (one: string) => (one === id ? x / 100 : one === `${id}-2` ? 1 - x / 100 : 1)
  return {
    ...all,
    populations: all.populations.map((one) => ({ ...one, count: Math.round(one.count * partOf(one.id)) })),
    flows: all.flows.map((flow) => {
      const part = flow.path.reduce((product, one) => product * partOf(one), 1)
      const weight = Object.fromEntries(KINDS.map((kind) => [kind, flow.weight[kind] * part])) as Record<Kind, number>
      return { ...flow, weight }
    }),
    claims: all.claims.map((one) => ({ ...one, weight: one.weight * partOf(one.id) })),
  }
}

/** The agent that is copied when an actor is: himself, or whose person he is. */
function owner({ copies, system }: Experiment, id: string): string {
  if (copies[id] !== undefined) return id
  const { flows: all } = parse(system).model
  const beside = all.flatMap(({ blocks }) =>
    blocks.flatMap(({ actor }, i) => (actor === id ? [blocks[i - 1]?.actor, blocks[i + 1]?.actor] : [])),
  )
  const found = beside.find((one) => one !== undefined && copies[one] !== undefined)
  if (found === undefined)
    throw new Error(`copies: say how many there are of ${id}, or of the agent whose person it is.`)
  return found
}

function planOf(
  experiment: Experiment,
  { switches, share }: Series,
  copies: Readonly<Record<string, number>>,
  x: number,
  haveOf: (share: number, n: number) => number,
): SystemPlan {
  const { model } = completed(parse(withCopies(experiment.system, copies)).model)
  const words = [switches.replaceAll('{x}', String(x))]
  if (share !== undefined) {
    const all = copiesOf(share.of, copies[owner(experiment, share.of)] ?? 1)
    const have = haveOf(x, all.length)
    for (const [i, id] of all.entries()) words.push(prefixed(id, i < have ? share.have : share.others))
  }
  const parsed = parseSwitches(words.filter((word) => word.trim() !== '').join(', '))
  const none = words.every((word) => word.trim() === '')
  if (!none && typeof parsed === 'string') throw new Error(parsed)
  const changed = none || typeof parsed === 'string' ? model : switched(model, parsed)
  const { plan, findings } = planSystem(changed)
  const error = findings.find(({ severity, code }) => severity === 'error' && code !== 'S07')
  if (error !== undefined) throw new Error(`${error.code}: ${error.message}`)
  return plan
}

const prefixed = (id: string, switches: string) =>
  switches
    .split(/,(?=\s*[\w-]+=)/)
    .filter((word) => word.trim() !== '')
    .map((word) => `${id}:${word.trim()}`)
    .join(', ')

function claimsOf({ forge }: Experiment, { agents }: SystemPlan): string[] | undefined {
  if (forge.length === 0) return undefined
  const isNamed = (id: string) => forge.includes(id.replace(/-\d+$/, '')) || forge.includes(id)
  return [...new Set(agents.filter(({ id }) => isNamed(id)).map(({ domain }) => domain))]
}

function mixAt(experiment: Experiment, { mix = experiment.mix }: Series, x: number): Mix {
  const value = (text: string) => (text === '{x}' ? x : text === '{rest}' ? 100 - x : Number(text))
  return Object.fromEntries(Object.entries(mix).map(([kind, text]) => [kind, value(text)]))
}

const rounded = (value: number) => Math.round(value * 100) / 100

function take({ name, sum, of, factor }: Measure, result: object): number {
  const total = (paths: readonly string[]) => paths.reduce((all, path) => all + numberAt(name, result, path), 0)
  const under = of.length === 0 ? 1 : total(of)
  return under === 0 ? 0 : (factor * total(sum)) / under
}

/** `forged.inbox` is of a kind, `cost.bytes` and `costs.old.bytes` of the result itself; `costs.*.bytes` of all. */
function numberAt(measure: string, result: object, path: string): number {
  const [first = '', ...rest] = path.split('.')
  const start = KINDS.includes(first as Kind) ? ['kinds', first, ...rest] : [first, ...rest]
  let found: unknown[] = [result]
  // What never happened has no count.
  if (first === 'load' && path.split('.').length === 3) found.push({ load: { [rest[0]!]: { [rest[1]!]: 0 } } })
  for (const step of start)
    found = found.flatMap((one) => {
      if (typeof one !== 'object' || one === null) return []
      if (step === '*') return Object.values(one)
      // Copies count with the one they are copies of.
      return Object.entries(one).flatMap(([key, value]) =>
        key === step || key.replace(/-\d+$/, '') === step ? [value] : [],
      )
    })
  const numbers = found.filter((one) => typeof one === 'number')
  if (numbers.length === 0) throw new Error(`measures: ${measure}: the result has no number ${path}`)
  return numbers.reduce((sum, one) => sum + one, 0)
}
