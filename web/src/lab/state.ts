// What the page knows: the reading of this moment, its picture, and, once the writer pauses, what is found and explained.

import { type Accessor, createEffect, createMemo, createSignal, on, onCleanup } from 'solid-js'
import { draw } from '../../../src/notation/draw.ts'
import { type Explanation, explain } from '../../../src/notation/explain/explain.ts'
import { ALL_LAYERS, type Layer, layerOf } from '../../../src/notation/layers.ts'
import type { Finding, Fix, SystemModel } from '../../../src/notation/model.ts'
import { type Reading, readText } from './reading.ts'

/** Nobody is told that a word is wrong while still writing it. */
const PAUSE_MS = 700
const QUICK_MS = 100
const DRAW_PAUSE_MS = 400
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
  /** That it is the picture of the text as it is now. */
  readonly isDrawn: Accessor<boolean>
  /** Further layers that the text has, and which of them are shown. */
  readonly layers: Accessor<readonly Layer[]>
  readonly shownLayers: Accessor<ReadonlySet<Layer>>
  readonly toggleLayer: (layer: Layer) => void
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
  const [shownLayers, setShownLayers] = createSignal(ALL_LAYERS)
  const toggleLayer = (layer: Layer) => setShownLayers(shownLayers().symmetricDifference(new Set([layer])))
  const layers = createMemo(() => {
    const there = new Set(reading().model.attributes.map(layerOf))
    return [...ALL_LAYERS].filter((layer) => there.has(layer))
  })
  const drawn = createPicture(() => reading().model, shownLayers)
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
  return {
    reading,
    setReading,
    caret,
    setCaret,
    picture: () => drawn().svg,
    isDrawn: () => drawn().model === reading().model && drawn().layers === shownLayers(),
    layers,
    shownLayers,
    toggleLayer,
    settled,
    isSettled,
    settle,
    current,
  }
}

const distance = (a: Finding, b: Finding) => Math.abs(a.span.start - b.span.start)

function settledOf(reading: Reading): Settled {
  return { reading, explanation: explain(reading.model) }
}

interface Drawn {
  readonly model: SystemModel
  readonly layers: ReadonlySet<Layer>
  readonly svg: string | undefined
}

/** A large picture takes its time: it is drawn when the writer pauses, a small one at every key. */
function createPicture(model: Accessor<SystemModel>, layers: Accessor<ReadonlySet<Layer>>): Accessor<Drawn> {
  let tookMs = 0
  const drawNow = (): Drawn => {
    const start = performance.now()
    const now = { model: model(), layers: layers() }
    const svg = pictureOf(now.model, now.layers)
    tookMs = performance.now() - start
    return { ...now, svg }
  }
  const [drawn, setDrawn] = createSignal(drawNow())
  createEffect(
    on(
      [model, layers],
      () => {
        const timer = setTimeout(() => setDrawn(drawNow), tookMs < QUICK_MS ? 0 : DRAW_PAUSE_MS)
        onCleanup(() => clearTimeout(timer))
      },
      { defer: true },
    ),
  )
  return drawn
}

function pictureOf(model: SystemModel, layers: ReadonlySet<Layer>): string | undefined {
  return model.blocks.length > MAX_BLOCKS ? undefined : draw(model, { idPrefix: 'lab-', layers })
}
