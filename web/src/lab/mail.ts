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

/** For all whom it concerns. */
export const ALL = ''

export interface Turned {
  readonly of: string
  readonly key: string
  readonly value: string
}

export interface Mail {
  readonly engine: Engine
  readonly outcome: Accessor<Outcome | undefined>
  /** Why there is none for the text as it is. */
  readonly refusal: Accessor<Refusal | undefined>
  readonly isBusy: Accessor<boolean>
  /** The engine is being loaded. */
  readonly isLoading: Accessor<boolean>
  /** Turned switches; those for all come first, so that one may be an exception. */
  readonly turned: Accessor<readonly Turned[]>
  /** `of`: an actor's id, or ALL; an empty value: as written. */
  readonly turn: (of: string, key: string, value: string) => void
  readonly reset: () => void
  /** As the engine and `borderpost simulate --what-if` take them. */
  readonly switches: Accessor<string>
}

/** `ids`: of the actors of the text. Who is not there any more has no switches. */
export function createMail(
  text: Accessor<string>,
  ids: Accessor<readonly string[]>,
  isWatched: Accessor<boolean>,
): Mail {
  const [outcome, setOutcome] = createSignal<Outcome>()
  const [refusal, setRefusal] = createSignal<Refusal>()
  const [isBusy, setIsBusy] = createSignal(false)
  const [isLoading, setIsLoading] = createSignal(false)
  const [kept, setKept] = createSignal<readonly Turned[]>([])
  const turned = createMemo(() => kept().filter(({ of }) => of === ALL || ids().includes(of)))
  const engine = createEngine({ onState: (state) => setIsLoading(state === 'loading') })
  const switches = createMemo(() =>
    turned()
      .map(({ of, key, value }) => `${of === ALL ? '' : `${of}:`}${key}=${value}`)
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
    turn(of, key, value) {
      const others = kept().filter((one) => one.of !== of || one.key !== key)
      const all = value === '' ? others : [...others, { of, key, value }]
      setKept(all.sort((a, b) => Number(a.of !== ALL) - Number(b.of !== ALL)))
    },
    reset: () => setKept([]),
    switches,
  }
}

export function refusalOf(error: unknown, text: string): Refusal {
  if (error instanceof EngineError) return { text, words: error.message, findings: error.findings }
  return { text, words: `Something went wrong here: ${(error as Error).message}`, findings: [] }
}
