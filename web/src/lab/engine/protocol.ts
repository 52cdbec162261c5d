// What a page asks the engine, and what comes back: plain data, as it passes between a page and its worker.
//
//   const engine = createEngine()                      // client.ts; loads the worker at the first question
//   const table = await engine.survival(text)          // SPF, HELO, DKIM, DMARC, ARC at every hop of every flow
//   const { changes } = await engine.whatIf(text, 'srs=no, old:arc=no')
//   const { conversations } = await engine.replay(text, 1, '')
//
// Traffic that takes too long is stopped: its promise gets what was until then.
// A question of the same kind asked again takes the place of the one before, whose promise is rejected with a Superseded.
// A description that cannot run is an EngineError with the findings and a sentence.

import type { Fault } from '../../../../src/lab/simulate/faults.ts'
import type { Skipped } from '../../../../src/lab/simulate/letters.ts'
import type { Conversation } from '../../../../src/lab/simulate/replay.ts'
import type { End, HopRow } from '../../../../src/lab/simulate/survival.ts'
import type { TrafficResult } from '../../../../src/lab/simulate/traffic.ts'
import type { Change } from '../../../../src/lab/simulate/what-if.ts'
import type { TraceOptions, TraceResult } from '../../../../src/lab/trace/trace.ts'
import type { Explanation } from '../../../../src/notation/explain/explain.ts'
import type { Finding } from '../../../../src/notation/model.ts'

/** What became of the letter along one flow. */
export interface FlowRow {
  /** From 1, in the order of the text. */
  readonly flow: number
  /** The flow, as it is written. */
  readonly text: string
  readonly from: string
  readonly to: string
  readonly recipient: string
  /** Ids of agents that the drawing leads it through. */
  readonly path: readonly string[]
  /** Who looked at it, with each proof, what was done and why. */
  readonly hops: readonly HopRow[]
  readonly missed: readonly string[]
  readonly end: End
  readonly where: string
}

export interface Table {
  readonly flows: readonly FlowRow[]
  /** Flows that no letter can follow. */
  readonly skipped: readonly Skipped[]
  /** What was not written and is taken so. */
  readonly assumed: readonly string[]
  /** The same seed and description give the same, in Node as here. */
  readonly eventLogHash: string
}

export interface WhatIf {
  readonly before: Table
  readonly after: Table
  readonly changes: readonly Change[]
}

export interface Replay {
  readonly row: FlowRow
  /** In the order in which they began: from whom, to whom, each line with its moment. */
  readonly conversations: readonly Conversation[]
}

export interface Traffic {
  readonly seed?: string
  readonly messages: number
  readonly days?: number
  readonly faults?: readonly Fault[]
  /** Of a hundred messages how many of which kind: `honest=60, spam=40`. */
  readonly mix?: string
  /** Switches, as whatIf takes them. */
  readonly switches?: string
}

export interface Traced {
  readonly result: TraceResult
  /** The system that carried it, in the notation. */
  readonly flow: string
  /** As `borderpost trace` tells it. */
  readonly text: string
}

/** Every question with its answer. */
export interface Questions {
  check: { ask: { readonly text: string }; answer: readonly Finding[] }
  explain: { ask: { readonly text: string }; answer: Explanation }
  survival: { ask: { readonly text: string; readonly switches?: string }; answer: Table }
  whatIf: { ask: { readonly text: string; readonly switches: string }; answer: WhatIf }
  replay: { ask: { readonly text: string; readonly flow: number; readonly switches?: string }; answer: Replay }
  simulate: { ask: Traffic & { readonly text: string }; answer: TrafficResult }
  trace: { ask: { readonly bytes: Uint8Array; readonly options?: TraceOptions }; answer: Traced }
}

export type Kind = keyof Questions

/** To the worker. */
export type ToWorker =
  | { readonly [K in Kind]: { readonly id: number; readonly kind: K; readonly ask: Questions[K]['ask'] } }[Kind]
  | { readonly id: number; readonly kind: 'cancel' | 'stop' }

/** From the worker. The first says that it is there. */
export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly id: number; readonly share: number }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'refused'; readonly id: number; readonly words: string; readonly findings: readonly Finding[] }
