// `borderpost simulate`: what becomes of the mail of a drawing, by running it. In the simulated world, or with --send as
// real processes and sockets of this computer, compared with the prediction.

import { writeFileSync } from 'node:fs'
import { completed } from '../../lab/simulate/completed.ts'
import { FAULTS, type Fault } from '../../lab/simulate/faults.ts'
import { plotWaiting } from '../../lab/simulate/plot.ts'
import { renderChanges, renderSurvival, renderTraffic } from '../../lab/simulate/render.ts'
import { Dialogue, renderConversations } from '../../lab/simulate/replay.ts'
import { type Mix, parseMix, USUAL } from '../../lab/simulate/senders.ts'
import { type Survival, survival } from '../../lab/simulate/survival.ts'
import { traffic } from '../../lab/simulate/traffic.ts'
import { changes, turned } from '../../lab/simulate/what-if.ts'
import { simulatedStage } from '../../lab/simulate/world.ts'
import type { SystemModel } from '../../notation/model.ts'
import { planSystem } from '../../system/description.ts'
import type { SystemPlan } from '../../system/plan.ts'
import { EXIT, printFindings, readDescription } from '../read-description.ts'
import { compare, onLoopback } from '../real-stage.ts'
import { coarse } from './coarse.ts'

export interface SimulateOptions {
  readonly seed: string
  readonly whatIf?: string
  /** In reality, too. */
  readonly send: boolean
  /** Days of traffic, and not one letter for each flow. */
  readonly messages?: string
  readonly days: string
  readonly faults: string
  readonly mix?: string
  readonly plot?: string
  /** Populations, and not one agent of each. */
  readonly coarse: boolean
  readonly calibrate: string
  readonly parameters?: string
  readonly outages: string
  readonly replay: boolean
  readonly json: boolean
}

/** The exit code. */
export async function simulateVerb(file: string, options: SimulateOptions): Promise<number> {
  const out = (text: string) => process.stdout.write(text)
  const description = readDescription(file)
  if (description === undefined) return EXIT.usage
  const { source, model } = description
  const { model: whole, assumed } = options.send ? onLoopback(model) : completed(model)
  const errors = [...description.findings, ...planSystem(whole).findings].filter(
    // A password in a description harms nobody where nothing is real.
    ({ severity, code }) => severity === 'error' && code !== 'S07',
  )
  if (printFindings(errors, source, file, (text) => process.stderr.write(text)) > 0) return EXIT.description
  const changed = turned(whole, options.whatIf ?? '')
  if (typeof changed === 'string') {
    console.error(changed)
    return EXIT.usage
  }
  if (!options.json && assumed.length > 0)
    out(`Assumed, since it is not written:\n${assumed.map((one) => `  ${one}\n`).join('')}\n`)
  const mix = options.mix === undefined ? USUAL : parseMix(options.mix)
  if (typeof mix === 'string') {
    console.error(mix)
    return EXIT.usage
  }
  if (options.coarse) return populations(changed, options, mix, out)
  if (options.messages !== undefined) return days(changed === whole ? [whole] : [whole, changed], options, mix, out)
  if (options.send) return compared(changed, options, out)
  const before = await run(whole, options.replay && changed === whole && !options.json ? out : undefined, options)
  if (changed === whole) {
    tell(before, options.json, out)
    return EXIT.ok
  }
  const after = await run(changed, options.replay && !options.json ? out : undefined, options)
  const found = changes(before.survival, after.survival)
  if (options.json) for (const change of found) out(`${JSON.stringify(change)}\n`)
  else out(`With ${options.whatIf}:\n\n`)
  tell(after, options.json, out)
  if (!options.json) out(`What changes, and why:\n\n${renderChanges(found)}`)
  return EXIT.ok
}

/** A day of populations. */
async function populations(
  model: SystemModel,
  options: SimulateOptions,
  mix: Mix,
  out: (text: string) => void,
): Promise<number> {
  const { seed, parameters, plot, json } = options
  const messages = options.messages === undefined ? undefined : numberOf(options.messages, 1, 1e12)
  const span = numberOf(options.days, 0.01, 365)
  const fine = numberOf(options.calibrate, 50, 1_000_000)
  const outages = numberOf(options.outages, 0, 20)
  const isWrong = options.messages !== undefined && messages === undefined
  if (span === undefined || fine === undefined || outages === undefined || isWrong) {
    console.error('--messages and --calibrate (from 50 on) are whole numbers, --days and --outages numbers.')
    return EXIT.usage
  }
  const faults = faultsOf(options.faults)
  if (typeof faults === 'string') {
    console.error(faults)
    return EXIT.usage
  }
  const wishes = {
    seed,
    faults,
    messages,
    mix,
    days: span,
    calibrate: Math.round(fine),
    parameters,
    outages,
    plot,
    json,
  }
  await coarse(planSystem(model).plan, wishes, out)
  return EXIT.ok
}

/** Traffic of many, with what goes wrong; with switches the same days twice, as it is and as it would be. */
async function days(
  models: readonly SystemModel[],
  options: SimulateOptions,
  mix: Mix,
  out: (text: string) => void,
): Promise<number> {
  const messages = numberOf(options.messages!, 1, 10_000_000)
  const span = numberOf(options.days, 0.001, 3650)
  const faults = faultsOf(options.faults)
  if (messages === undefined || span === undefined || typeof faults === 'string') {
    console.error(
      typeof faults === 'string' ? faults : '--messages is a whole number from 1 on, --days a number above 0.',
    )
    return EXIT.usage
  }
  for (const [i, model] of models.entries()) {
    const stage = await simulatedStage(planSystem(model).plan, { seed: options.seed, mail: 'counted' })
    const result = await traffic(stage, { messages: Math.round(messages), days: span, faults, mix })
    const isLast = i === models.length - 1
    if (options.plot !== undefined && isLast) writeFileSync(options.plot, plotWaiting(result.queues, span))
    const { eventLogHash, ...rest } = result
    if (!options.json && models.length > 1) out(isLast ? `With ${options.whatIf}:\n\n` : 'As it is:\n\n')
    out(options.json ? `${JSON.stringify(rest)}\n` : `${renderTraffic(result)}\n`)
    if (options.json && isLast) out(`${JSON.stringify({ eventLogHash })}\n`)
  }
  return EXIT.ok
}

/** Kinds of faults, or a sentence that says which is none. */
function faultsOf(text: string): readonly Fault[] | string {
  const faults = text.split(',').filter((word) => word !== '') as Fault[]
  const unknown = faults.find((one) => !FAULTS.includes(one))
  return unknown === undefined ? faults : `"${unknown}" is no fault: ${FAULTS.join(', ')}.`
}

function numberOf(text: string, from: number, to: number): number | undefined {
  const value = Number(text)
  return text !== '' && value >= from && value <= to ? value : undefined
}

/** The prediction, reality, and where they differ. */
async function compared(
  model: SystemModel,
  { seed, json }: SimulateOptions,
  out: (text: string) => void,
): Promise<number> {
  const { real, cells } = await compare(model, seed)
  const wrong = cells.filter((one) => one.predicted !== one.real)
  const sum = { passed: cells.length - wrong.length, failed: wrong.length, skipped: real.skipped.length }
  if (json) for (const cell of cells) out(`${JSON.stringify(cell)}\n`)
  else {
    out(`${renderSurvival(real)}\n`)
    for (const { cell, predicted, real: found } of wrong) out(`${cell}: predicted ${predicted}, really ${found}\n`)
  }
  out(json ? `${JSON.stringify(sum)}\n` : `${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped\n`)
  return wrong.length === 0 ? EXIT.ok : EXIT.findings
}

interface Ran {
  readonly survival: Survival
  readonly eventLogHash: string
}

function tell(
  { survival: { results, skipped }, eventLogHash }: Ran,
  isJson: boolean,
  out: (text: string) => void,
): void {
  if (!isJson) {
    out(`${renderSurvival({ results, skipped })}\n`)
    return
  }
  for (const { letter, hops, missed, end, where } of results) {
    const { flow, text, from, to, path } = letter
    out(`${JSON.stringify({ flow: flow + 1, text, from, to, path, hops, missed, end, where })}\n`)
  }
  for (const one of skipped) out(`${JSON.stringify({ ...one, flow: one.flow + 1, skipped: one.why })}\n`)
  out(`${JSON.stringify({ eventLogHash })}\n`)
}

async function run(
  model: SystemModel,
  replay: ((text: string) => void) | undefined,
  { seed }: SimulateOptions,
): Promise<Ran> {
  const plan: SystemPlan = planSystem(model).plan
  const stage = await simulatedStage(plan, { seed })
  const { simulation } = stage.system
  const names = new Map(plan.agents.map(({ ip, id }) => [ip, id]))
  const dialogue = replay && new Dialogue(simulation, (ip) => names.get(ip) ?? `the computer at ${ip}`)
  const found = await survival(stage)
  if (dialogue !== undefined) {
    dialogue.stop()
    replay!(`${renderConversations(dialogue.take())}\n\n`)
  }
  return { survival: found, eventLogHash: simulation.eventLogHash() }
}
