// The page's side of the engine: questions as promises. The worker is made at the first question, and made anew when it does
// not answer within reason.

import type { TrafficResult } from '../../../../src/lab/simulate/traffic.ts'
import type { TraceOptions } from '../../../../src/lab/trace/trace.ts'
import type { Explanation } from '../../../../src/notation/explain/explain.ts'
import type { Finding } from '../../../../src/notation/model.ts'
import type { FromWorker, Kind, Questions, Replay, Table, ToWorker, Traced, Traffic, WhatIf } from './protocol.ts'

/** The question cannot be answered; the message says why, to a person. */
export class EngineError extends Error {
  /** What is wrong with the description, if it is that. */
  readonly findings: readonly Finding[]

  constructor(words: string, findings: readonly Finding[] = []) {
    super(words)
    this.name = 'EngineError'
    this.findings = findings
  }
}

/** A newer question took the place of this one. */
export class Superseded extends Error {
  constructor() {
    super('A newer question took the place of this one.')
    this.name = 'Superseded'
  }
}

export interface Engine {
  check(text: string): Promise<readonly Finding[]>
  explain(text: string): Promise<Explanation>
  survival(text: string, switches?: string): Promise<Table>
  whatIf(text: string, switches: string): Promise<WhatIf>
  /** `flow` from 1. */
  replay(text: string, flow: number, switches?: string): Promise<Replay>
  /** `onProgress`: which part of the days has passed, from 0 to 1. */
  simulate(text: string, traffic: Traffic, onProgress?: (share: number) => void): Promise<TrafficResult>
  /** Ends the days that pass: the promise of simulate gets what was until then. */
  stop(): void
  trace(bytes: Uint8Array, options?: TraceOptions): Promise<Traced>
  /** Ends the worker. Whoever still waits is told. */
  close(): void
}

export interface EngineOptions {
  /** The engine (about 1 MB) is being loaded, is there, or is loaded anew. */
  readonly onState?: (state: 'loading' | 'ready') => void
  /** How long a question may take: for loading, letters and traces; for traffic. */
  readonly patienceMs?: number
  readonly trafficPatienceMs?: number
}

const NOT_LOADED = 'The engine could not be loaded. Please load the page again.'

interface Waiting {
  readonly kind: Kind
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
  readonly onProgress: ((share: number) => void) | undefined
  timer: ReturnType<typeof setTimeout> | undefined
}

export function createEngine({
  onState = () => {},
  patienceMs = 60_000,
  trafficPatienceMs = 900_000,
}: EngineOptions = {}): Engine {
  let worker: Worker | undefined
  let isReady = false
  let lastId = 0
  const waiting = new Map<number, Waiting>()

  const take = (id: number) => {
    const found = waiting.get(id)
    clearTimeout(found?.timer)
    waiting.delete(id)
    return found
  }
  const end = (words: string) => {
    worker?.terminate()
    worker = undefined
    isReady = false
    for (const id of [...waiting.keys()]) take(id)?.reject(new EngineError(words))
  }

  function start(): Worker {
    onState('loading')
    const fresh = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'engine' })
    fresh.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === 'ready') {
        isReady = true
        onState('ready')
      } else if (data.kind === 'progress') waiting.get(data.id)?.onProgress?.(data.share)
      else if (data.kind === 'answer') take(data.id)?.resolve(data.answer as never)
      else take(data.id)?.reject(new EngineError(data.words, data.findings))
    }
    fresh.onerror = (event) => {
      event.preventDefault()
      const words = isReady ? `The engine failed (${event.message}). Please ask again.` : NOT_LOADED
      end(words)
    }
    fresh.onmessageerror = () => end('The engine sent what cannot be read. Please ask again.')
    return fresh
  }

  function ask<K extends Kind>(
    kind: K,
    question: Questions[K]['ask'],
    onProgress?: (share: number) => void,
  ): Promise<Questions[K]['answer']> {
    for (const [id, one] of waiting)
      if (one.kind === kind) {
        worker?.postMessage({ id, kind: 'cancel' } satisfies ToWorker)
        take(id)?.reject(new Superseded())
      }
    worker ??= start()
    const id = ++lastId
    return new Promise((resolve, reject) => {
      const boundMs = kind === 'simulate' ? trafficPatienceMs : patienceMs
      const timer = setTimeout(
        () => end(`There was no answer within ${Math.round(boundMs / 1000)} seconds; the engine was started anew.`),
        boundMs,
      )
      waiting.set(id, { kind, resolve, reject, onProgress, timer })
      worker!.postMessage({ id, kind, ask: question } as ToWorker)
    })
  }

  return {
    check: (text) => ask('check', { text }),
    explain: (text) => ask('explain', { text }),
    survival: (text, switches) => ask('survival', { text, ...(switches !== undefined && { switches }) }),
    whatIf: (text, switches) => ask('whatIf', { text, switches }),
    replay: (text, flow, switches) => ask('replay', { text, flow, ...(switches !== undefined && { switches }) }),
    simulate: (text, traffic, onProgress) => ask('simulate', { text, ...traffic }, onProgress),
    stop() {
      for (const [id, { kind }] of waiting)
        if (kind === 'simulate') worker?.postMessage({ id, kind: 'stop' } satisfies ToWorker)
    },
    trace: (bytes, options) => ask('trace', { bytes, ...(options !== undefined && { options }) }),
    close: () => end('The engine was ended.'),
  }
}
