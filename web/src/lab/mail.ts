// What becomes of the mail: asked of the engine when the writer pauses or turns a switch, and only while somebody looks.

import { type Accessor, createEffect, createMemo, createSignal, on, onCleanup } from 'solid-js'
import type { Change } from '../../../src/lab/simulate/what-if.ts'
import type { Finding } from '../../../src/notation/model.ts'
import { createEngine, type Engine, EngineError, Superseded } from './engine/client.ts'
import type { Table } from './engine/protocol.ts'

/** So long after the last change of the text a run is begun. */
const PAUSE_MS = 900

export interface Outcome {
  readonly text: string
  readonly switches: string
  readonly table: Table
  readonly changes: ReadonlyMap<string, Change>
}

export interface Refusal {
  /** Of which text. */
  readonly text: string
  readonly words: string
  readonly findings: readonly Finding[]
}

export interface Mail {
  readonly engine: Engine
  readonly outcome: Accessor<Outcome | undefined>
  /** Why there is none for the text as it is. */
  readonly refusal: Accessor<Refusal | undefined>
  readonly isBusy: Accessor<boolean>
  /** The engine is being loaded. */
  readonly isLoading: Accessor<boolean>
  /** Turned switches, by key. */
  readonly turned: Accessor<Readonly<Record<string, string>>>
  readonly turn: (key: string, value: string) => void
  readonly reset: () => void
  /** As the engine and `borderpost simulate --what-if` take them. */
  readonly switches: Accessor<string>
}

export function createMail(text: Accessor<string>, isWatched: Accessor<boolean>): Mail {
  const [outcome, setOutcome] = createSignal<Outcome>()
  const [refusal, setRefusal] = createSignal<Refusal>()
  const [isBusy, setIsBusy] = createSignal(false)
  const [isLoading, setIsLoading] = createSignal(false)
  const [turned, setTurned] = createSignal<Readonly<Record<string, string>>>({})
  const engine = createEngine({ onState: (state) => setIsLoading(state === 'loading') })
  const switches = createMemo(() =>
    Object.entries(turned())
      .filter(([, value]) => value !== '')
      .map(([key, value]) => `${key}=${value}`)
      .join(', '),
  )

  async function ask(): Promise<void> {
    const asked = { text: text(), switches: switches() }
    const isShown = outcome()?.text === asked.text && outcome()?.switches === asked.switches
    if (isShown && refusal() === undefined) return
    setIsBusy(true)
    try {
      const { table, changes } = await answer(asked)
      setOutcome({ ...asked, table, changes: new Map(changes.map((change) => [change.cell, change])) })
      setRefusal(undefined)
      setIsBusy(false)
    } catch (error) {
      if (error instanceof Superseded) return
      setRefusal(refusalOf(error, asked.text))
      setIsBusy(false)
    }
  }
  async function answer(asked: {
    text: string
    switches: string
  }): Promise<{ table: Table; changes: readonly Change[] }> {
    if (asked.switches === '') return { table: await engine.survival(asked.text), changes: [] }
    const { after, changes } = await engine.whatIf(asked.text, asked.switches)
    return { table: after, changes }
  }

  let timer: ReturnType<typeof setTimeout> | undefined
  createEffect(
    on([text, switches, isWatched], ([, , isOpen], before) => {
      clearTimeout(timer)
      if (!isOpen) return
      const isWriting = before !== undefined && before[0] !== text()
      timer = setTimeout(() => void ask(), isWriting ? PAUSE_MS : 0)
    }),
  )
  onCleanup(() => {
    clearTimeout(timer)
    engine.close()
  })
  return {
    engine,
    outcome,
    refusal,
    isBusy,
    isLoading,
    turned,
    turn: (key, value) => setTurned({ ...turned(), [key]: value }),
    reset: () => setTurned({}),
    switches,
  }
}

export function refusalOf(error: unknown, text: string): Refusal {
  if (error instanceof EngineError) return { text, words: error.message, findings: error.findings }
  return { text, words: `Something went wrong here: ${(error as Error).message}`, findings: [] }
}
