// The answers to a page's questions, by the project's own code: the same here, in the worker of a browser and in Node.

import { completed } from '../../../../src/lab/simulate/completed.ts'
import { Dialogue } from '../../../../src/lab/simulate/replay.ts'
import { parseMix, USUAL } from '../../../../src/lab/simulate/senders.ts'
import { type FlowResult, type Survival, survival } from '../../../../src/lab/simulate/survival.ts'
import { traffic } from '../../../../src/lab/simulate/traffic.ts'
import { changes, turned } from '../../../../src/lab/simulate/what-if.ts'
import { type SimulatedStage, simulatedStage } from '../../../../src/lab/simulate/world.ts'
import { traceFlow } from '../../../../src/lab/trace/notation.ts'
import { renderTrace } from '../../../../src/lab/trace/render.ts'
import { trace } from '../../../../src/lab/trace/trace.ts'
import { check } from '../../../../src/notation/check.ts'
import { explain } from '../../../../src/notation/explain/explain.ts'
import type { Finding, SystemModel } from '../../../../src/notation/model.ts'
import { parse } from '../../../../src/notation/parse.ts'
import { planSystem } from '../../../../src/system/description.ts'
import type { FlowRow, Kind, Questions, Table } from './protocol.ts'

/** Of letters; of traffic where nobody says another. */
const SEED = '1'
const MAX_MESSAGES = 100_000

/** A question that has no answer, in words for the person who asked. */
export class Refused extends Error {
  readonly findings: readonly Finding[]

  constructor(words: string, findings: readonly Finding[] = []) {
    super(words)
    this.findings = findings
  }
}

/** Whoever waits wants no answer any more. */
export class Cancelled extends Error {}

/** Who waits for an answer. */
export interface Asker {
  isStillThere(): boolean
  /** What there is of the answer will do. */
  isEnough(): boolean
  /** From 0 to 1. */
  progress(share: number): void
}

type Answers = {
  [K in Kind]: (ask: Questions[K]['ask'], asker: Asker) => Promise<Questions[K]['answer']> | Questions[K]['answer']
}

const DAY_MS = 86_400_000
/** Nobody sees smaller steps. */
const STEPS = 200

export const ANSWERS: Answers = {
  check: ({ text }) => check(parse(text).model),
  explain: ({ text }) => explain(parse(text).model),
  async survival({ text, switches = '' }, asker) {
    const { model, assumed } = prepared(text)
    const other = withSwitches(model, switches)
    return tableOf(other === model ? await asWritten(text, model, asker) : await sent(other, asker), assumed)
  },
  async whatIf({ text, switches }, asker) {
    const { model, assumed } = prepared(text)
    const other = withSwitches(model, switches)
    const before = await asWritten(text, model, asker)
    const after = await sent(other, asker)
    return {
      before: tableOf(before, assumed),
      after: tableOf(after, assumed),
      changes: changes(before.found, after.found),
    }
  },
  async replay({ text, flow, switches = '' }, asker) {
    const { model } = prepared(text)
    const { found, conversations } = await sent(withSwitches(model, switches), asker, flow)
    const result = found.results.find(({ letter }) => letter.flow + 1 === flow)
    const skipped = found.skipped.find((one) => one.flow + 1 === flow)
    if (result === undefined)
      throw new Refused(skipped === undefined ? `There is no flow ${flow}.` : `No letter was sent: ${skipped.why}.`)
    return { row: rowOf(result), conversations }
  },
  async simulate({ text, seed = SEED, messages, days = 1, faults = [], mix: shares, switches = '' }, asker) {
    if (!Number.isInteger(messages) || messages < 1 || messages > MAX_MESSAGES)
      throw new Refused(`Messages: a whole number from 1 to ${MAX_MESSAGES}. More are for "borderpost simulate".`)
    if (!(days > 0 && days <= 3650)) throw new Refused('Days: a number above 0, at most 3650.')
    const mix = shares === undefined ? USUAL : parseMix(shares)
    if (typeof mix === 'string') throw new Refused(mix)
    const stage = await staged(withSwitches(prepared(text).model, switches), seed, asker)
    const { simulation } = stage.system
    const startMs = simulation.nowMs
    let told = 0
    simulation.trace(({ timeMs }) => {
      const step = Math.floor((STEPS * (timeMs - startMs)) / (days * DAY_MS))
      if (step > told && step <= STEPS) asker.progress((told = step) / STEPS)
    })
    return traffic(stage, { messages, days, faults, mix, isEnough: () => asker.isEnough() })
  },
  trace({ bytes, options }) {
    const result = trace(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), options)
    return { result, flow: traceFlow(result), text: renderTrace(result) }
  },
}

/** A description that can run. @throws Refused */
function prepared(text: string): { model: SystemModel; assumed: readonly string[] } {
  const { model: written } = parse(text)
  const { model, assumed } = completed(written)
  const errors = [...check(written), ...planSystem(model).findings].filter(
    // A password in a description harms nobody where nothing is real.
    ({ severity, code }) => severity === 'error' && code !== 'S07',
  )
  const [first] = errors
  if (first !== undefined) {
    const more = errors.length > 1 ? ` And ${errors.length - 1} more.` : ''
    throw new Refused(`It cannot be run as it is: ${first.message} (line ${first.span.line}).${more}`, errors)
  }
  return { model, assumed }
}

/** @throws Refused */
function withSwitches(model: SystemModel, text: string): SystemModel {
  const other = turned(model, text)
  if (typeof other === 'string') throw new Refused(other)
  return other
}

async function staged(model: SystemModel, seed: string, asker: Asker): Promise<SimulatedStage> {
  const { plan, findings } = planSystem(model)
  const wrong = findings.filter(({ severity, code }) => severity === 'error' && code !== 'S07')
  if (wrong.length > 0) throw new Refused(`With these switches it cannot be run: ${wrong[0]!.message}`, wrong)
  const stage = await simulatedStage(plan, { seed })
  stage.system.simulation.trace(() => {
    if (!asker.isStillThere()) throw new Cancelled()
  })
  return stage
}

interface Sent {
  readonly found: Survival
  readonly eventLogHash: string
  readonly conversations: ReturnType<Dialogue['take']>
}

/** A letter along each flow; what was said on the way of one of them. */
async function sent(model: SystemModel, asker: Asker, heard?: number): Promise<Sent> {
  const stage = await staged(model, SEED, asker)
  const { simulation } = stage.system
  const names = new Map(stage.plan.agents.map(({ ip, id }) => [ip, id]))
  const dialogue = new Dialogue(simulation, (ip) => names.get(ip) ?? `the computer at ${ip}`)
  let conversations: Sent['conversations'] = []
  const found = await survival(stage, {
    onSent({ flow }) {
      const said = dialogue.take()
      if (flow + 1 === heard) conversations = said
    },
  })
  return { found, conversations, eventLogHash: simulation.eventLogHash() }
}

let last: { readonly text: string; readonly sent: Sent } | undefined

/** The same text is asked about with one switch after another. */
async function asWritten(text: string, model: SystemModel, asker: Asker): Promise<Sent> {
  if (last?.text !== text) last = { text, sent: await sent(model, asker) }
  return last.sent
}

const tableOf = ({ found: { results, skipped }, eventLogHash }: Sent, assumed: readonly string[]): Table => ({
  flows: results.map(rowOf),
  skipped: skipped.map((one) => ({ ...one, flow: one.flow + 1 })),
  assumed,
  eventLogHash,
})

const rowOf = ({ letter: { flow, text, from, to, recipient, path }, ...rest }: FlowResult): FlowRow => ({
  flow: flow + 1,
  text,
  from,
  to,
  recipient,
  path,
  ...rest,
})
