// What the page knows: the reading of this moment, its picture, and, once the writer pauses, what is found and explained.

import { type Accessor, createEffect, createMemo, createSignal, on, onCleanup } from 'solid-js'
import { draw } from '../../../src/notation/draw.ts'
import { type Explanation, explain } from '../../../src/notation/explain/explain.ts'
import type { Finding, Fix, SystemModel } from '../../../src/notation/model.ts'
import { type Reading, readText } from './reading.ts'

/** Nobody is told that a word is wrong while still writing it. */
const PAUSE_MS = 700
/** A picture of more places than this is one that nobody can look at. */
const MAX_BLOCKS = 1500

export interface Settled {
  readonly reading: Reading
  readonly explanation: Explanation
}

export interface Lab {
  readonly reading: Accessor<Reading>
  readonly setReading: (reading: Reading) => void
  readonly caret: Accessor<number>
  readonly setCaret: (offset: number) => void
  /** The SVG; undefined: too large. */
  readonly picture: Accessor<string | undefined>
  readonly settled: Accessor<Settled>
  /** The findings stand for the text as it is now. */
  readonly isSettled: Accessor<boolean>
  /** At once, where somebody pressed a button. */
  readonly settle: () => Settled
  /** The same finding and remedy in the text of this moment; undefined: it is gone. */
  readonly current: (finding: Finding, fix: Fix) => Fix | undefined
}

export function createLab(initial: string): Lab {
  const first = readText(initial)
  const [reading, setReading] = createSignal(first)
  const [caret, setCaret] = createSignal(0)
  const [settled, setSettled] = createSignal(settledOf(first))
  const picture = createMemo(() => pictureOf(reading().model))
  const isSettled = () => settled().reading.text === reading().text

  const settle = () => {
    if (!isSettled()) setSettled(settledOf(reading()))
    return settled()
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  createEffect(
    on(reading, () => {
      clearTimeout(timer)
      timer = setTimeout(settle, PAUSE_MS)
    }),
  )
  onCleanup(() => clearTimeout(timer))

  const current = (finding: Finding, fix: Fix) =>
    settle()
      .explanation.findings.filter(({ code, message }) => code === finding.code && message === finding.message)
      .sort((a, b) => distance(a, finding) - distance(b, finding))[0]
      ?.fixes.find(({ label }) => label === fix.label)
  return { reading, setReading, caret, setCaret, picture, settled, isSettled, settle, current }
}

const distance = (a: Finding, b: Finding) => Math.abs(a.span.start - b.span.start)

function settledOf(reading: Reading): Settled {
  return { reading, explanation: explain(reading.model) }
}

function pictureOf(model: SystemModel): string | undefined {
  return model.blocks.length > MAX_BLOCKS ? undefined : draw(model, { idPrefix: 'lab-' })
}
