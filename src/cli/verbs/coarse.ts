// `borderpost simulate --coarse`: a day of mail of populations (population= and people= in the description), with parameters
// that the fine level measures on the drawing itself, and the deviation between the two levels.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type Calibration, calibrate, compare, withFaults } from '../../lab/flows/calibrate.ts'
import { flows } from '../../lab/flows/flows.ts'
import { messagesOf, populationsOf } from '../../lab/flows/populations.ts'
import { renderCalibration, renderCoarse, renderCompared } from '../../lab/flows/render.ts'
import type { Fault } from '../../lab/simulate/faults.ts'
import { plotWaiting } from '../../lab/simulate/plot.ts'
import type { Mix } from '../../lab/simulate/senders.ts'
import type { SystemPlan } from '../../system/plan.ts'

export interface CoarseWishes {
  readonly seed: string
  readonly messages: number | undefined
  readonly days: number
  /** Messages of the fine level that the parameters are taken from. */
  readonly calibrate: number
  /** A file: read where it is there, else written. */
  readonly parameters: string | undefined
  /** None: outages, as somebody thinks of them, unmeasured. */
  readonly faults: readonly Fault[]
  readonly outages: number
  readonly plot: string | undefined
  readonly json: boolean
  readonly mix: Mix
}

export async function coarse(plan: SystemPlan, wishes: CoarseWishes, out: (text: string) => void): Promise<void> {
  const { seed, days, json, outages, mix, faults } = wishes
  const calibration = await calibrated(plan, wishes, mix)
  const compared = compare(plan, calibration)
  const populations = populationsOf(plan, { isAsDrawn: false })
  const messages = wishes.messages ?? messagesOf(populations, mix) * days
  const some = faults.length > 0 ? { faults } : {}
  const result = flows(populations, calibration.parameters, {
    seed,
    messages,
    days,
    mix,
    outages,
    byDay: true,
    ...some,
  })
  if (wishes.plot !== undefined) writeFileSync(wishes.plot, plotWaiting(result.queues, days))
  if (!json) {
    out(`${renderCalibration(calibration)}\n${renderCompared(compared)}\n${renderCoarse(result)}`)
    return
  }
  const { flowLogHash, ...rest } = result
  const { source } = calibration.parameters
  for (const line of [{ source, ...compared }, rest, { eventLogHash: flowLogHash }]) out(`${JSON.stringify(line)}\n`)
}

async function calibrated(plan: SystemPlan, wishes: CoarseWishes, mix: Mix): Promise<Calibration> {
  const { parameters: file, seed, calibrate: messages, faults } = wishes
  // How many there are of each changes nothing at the fine level.
  const flow = plan.model.source.replace(/\b(?:population|people)=\d+,?[ \t]*/g, '')
  let known: Calibration | undefined
  if (file !== undefined && existsSync(file)) {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as { flow: string; calibration: Calibration }
    if (kept.flow !== flow)
      throw new Error(`${file} holds the parameters of another description: remove it, or name another file.`)
    // Of before faults were measured there are none.
    const { faultChecks = {}, parameters } = kept.calibration
    known = { ...kept.calibration, faultChecks, parameters: { ...parameters, faults: parameters.faults ?? {} } }
  }
  const calibration = await withFaults(plan, known ?? (await calibrate(plan, { seed, messages, days: 1, mix })), faults)
  if (file !== undefined && calibration !== known)
    writeFileSync(file, `${JSON.stringify({ flow, calibration }, null, 1)}\n`)
  return calibration
}
