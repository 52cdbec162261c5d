// The picture of the system: what the caret is at is marked in it, and a click, or Enter, goes to the place in the text.
// One stop for the Tab key; the arrow keys go from actor to actor. It can be made larger and smaller.

import { createEffect, createSignal, For, on, onMount, Show } from 'solid-js'
import type { Layer } from '../../../src/notation/layers.ts'
import { Icon } from '../parts/icons.tsx'
import type { Place } from './place.ts'

const STEPS = [0.5, 0.7, 0.85, 1, 1.25, 1.5, 2, 3] as const

export function Picture(props: {
  /** undefined: too large to be drawn. */
  svg: string | undefined
  marked: Place
  /** In words, for who does not see it. */
  words: string
  layers: readonly Layer[]
  shownLayers: ReadonlySet<Layer>
  onLayer: (layer: Layer) => void
  /** That it is the picture of the text as it is now. */
  isDrawn: boolean
  onChoose: (block: string) => void
  /** The drawn picture, each time that it is drawn anew. */
  onDrawn: (svg: SVGSVGElement) => void
}) {
  const [drawn, setDrawn] = createSignal<SVGSVGElement>()
  /** undefined: as wide as there is room. */
  const [zoom, setZoom] = createSignal<number>()
  let place!: HTMLDivElement

  createEffect(() => {
    const { svg } = props
    if (svg === undefined) {
      setDrawn(undefined)
      return
    }
    const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement
    const element = document.adoptNode(parsed) as unknown as SVGSVGElement
    // A picture for who looks; here one can also go about in it.
    element.setAttribute('role', 'group')
    element.setAttribute('aria-labelledby', 'lab-title picture-help')
    for (const block of blocksOf(element)) {
      block.setAttribute('role', 'button')
      block.setAttribute('tabindex', '-1')
      const lines = [...block.querySelectorAll('text')]
      block.setAttribute('aria-label', lines.map((line) => line.textContent).join(' '))
      // Who compares the name with what is seen reads line after line without a space.
      for (const line of lines) line.append(' ')
    }
    blocksOf(element)[0]?.setAttribute('tabindex', '0')
    place.replaceChildren(element)
    setDrawn(element)
    props.onDrawn(element)
  })

  createEffect(() => {
    const svg = drawn()
    const { blocks, hops, networks } = props.marked
    if (svg === undefined) return
    for (const old of svg.querySelectorAll('.marked')) old.classList.remove('marked')
    const mark = (attribute: string, ids: readonly string[]) => {
      for (const id of ids) svg.querySelector(`[${attribute}="${CSS.escape(id)}"]`)?.classList.add('marked')
    }
    mark('data-block', blocks)
    mark('data-hop', hops)
    mark('data-network', networks)
  })

  createEffect(() => {
    const svg = drawn()
    if (svg === undefined) return
    const { width, height } = svg.viewBox.baseVal
    const scale = zoom()
    svg.style.width = scale === undefined ? '' : `${Math.round(width * scale)}px`
    svg.style.maxWidth = scale === undefined ? `${Math.round(width * 1.35)}px` : 'none'
    svg.style.aspectRatio = `${width} / ${height}`
    svg.classList.toggle('fits', scale === undefined)
  })

  const scaleNow = () =>
    zoom() ?? (drawn() ? drawn()!.getBoundingClientRect().width / drawn()!.viewBox.baseVal.width : 1)
  const larger = () => setZoom(STEPS.find((step) => step > scaleNow() * 1.02) ?? STEPS.at(-1))
  const smaller = () => setZoom(STEPS.findLast((step) => step < scaleNow() * 0.98) ?? STEPS[0])

  const choose = (target: EventTarget | null) => {
    const block = (target as Element | null)?.closest('[data-block]')?.getAttribute('data-block')
    if (block) props.onChoose(block)
  }

  function onKeyDown(event: KeyboardEvent): void {
    const svg = drawn()
    const here = (event.target as Element).closest('[data-block]')
    if (svg === undefined || here === null) return
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      choose(here)
      return
    }
    const blocks = blocksOf(svg)
    const at = blocks.indexOf(here as SVGElement)
    const to = NEXT[event.key]?.(at, blocks.length)
    if (to === undefined) return
    event.preventDefault()
    const next = blocks[Math.max(0, Math.min(to, blocks.length - 1))]!
    here.setAttribute('tabindex', '-1')
    next.setAttribute('tabindex', '0')
    next.focus()
  }

  onMount(() => {
    // Not as an attribute of the page: the browser's own zoom must be told no before it begins.
    place.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey) return
        event.preventDefault()
        if (event.deltaY < 0) larger()
        else smaller()
      },
      { passive: false },
    )
  })
  createEffect(on(drawn, (svg) => svg === undefined && place.replaceChildren()))

  return (
    <figure class="lab-picture">
      <div class="picture-tools">
        <span class="layers">
          <For each={props.layers}>
            {(layer) => (
              <button
                type="button"
                class="plain"
                aria-pressed={props.shownLayers.has(layer)}
                onClick={() => props.onLayer(layer)}
              >
                {layer}
              </button>
            )}
          </For>
        </span>
        <button type="button" class="icon-button" aria-label="Smaller" title="Smaller" onClick={smaller}>
          <Icon name="dash" />
        </button>
        <button type="button" class="plain" onClick={() => setZoom(undefined)} aria-pressed={zoom() === undefined}>
          Fit
        </button>
        <button type="button" class="icon-button" aria-label="Larger" title="Larger" onClick={larger}>
          <Icon name="plus" />
        </button>
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the actors in it are the buttons; their events are heard here */}
      <div
        class="picture-place"
        aria-busy={!props.isDrawn}
        ref={place}
        onClick={(event) => choose(event.target)}
        onKeyDown={onKeyDown}
      />
      <Show when={props.svg === undefined}>
        <p class="empty">This system is too large for one picture. Its text and its findings are still read.</p>
      </Show>
      <p class="hidden" id="picture-help">
        Arrow keys go from actor to actor; Enter goes to the place in the text.
      </p>
      <figcaption class="hidden">{props.words}</figcaption>
    </figure>
  )
}

const blocksOf = (svg: SVGSVGElement) => [...svg.querySelectorAll<SVGElement>('[data-block]')]

const NEXT: Readonly<Record<string, (at: number, count: number) => number>> = {
  ArrowRight: (at) => at + 1,
  ArrowDown: (at) => at + 1,
  ArrowLeft: (at) => at - 1,
  ArrowUp: (at) => at - 1,
  Home: () => 0,
  End: (_at, count) => count - 1,
}
