// What moves in the picture: words go along the arrows as dots, the letter as a letter; who speaks and who listens is
// marked, and what an agent found out stands above it. Without motion, where the reader's system asks for that.

import type { HopRow } from '../../../../src/lab/simulate/survival.ts'
import { toneOf } from '../proofs.ts'
import type { Step, Way } from './steps.ts'

const SVG = 'http://www.w3.org/2000/svg'

export class Flight {
  readonly #svg: SVGSVGElement
  readonly #isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches
  readonly #layer: SVGGElement
  #frame = 0

  constructor(svg: SVGSVGElement) {
    this.#svg = svg
    this.#layer = element('g', { class: 'flight' })
    svg.append(this.#layer)
  }

  /** The state of the picture after some steps: the last is shown as it happens, what was found out before stays. */
  show(steps: readonly Step[], durationMs: number): void {
    this.#stop()
    const step = steps.at(-1)
    if (step === undefined) return
    for (const one of steps) if (one.kind === 'verdict') this.#found(one.at, one.hop)
    if (step.kind === 'verdict') {
      this.#mark(step.at, 'speaks')
      return
    }
    const { way } = step
    const isBack = step.kind === 'said' && step.side === 'server'
    // The cloud of the open Internet is no block of the model.
    const from = way.from ?? (way.hops.length > 0 ? this.#hop(way.hops[0]!)?.dataset.from : undefined)
    const speaker = isBack ? way.to : from
    const listener = isBack ? from : way.to
    this.#mark(speaker, 'speaks')
    this.#mark(listener, 'listens')
    for (const hop of way.hops) this.#hop(hop)?.classList.add('used')
    const isLetter = step.kind === 'end' || step.isLetter
    this.#move(way, isBack, isLetter, durationMs)
  }

  clear(): void {
    this.#stop()
    this.#layer.remove()
  }

  #stop(): void {
    cancelAnimationFrame(this.#frame)
    this.#layer.replaceChildren()
    for (const name of ['speaks', 'listens', 'used'])
      for (const old of this.#svg.querySelectorAll(`.${name}`)) old.classList.remove(name)
  }

  #block(id: string): SVGGraphicsElement | null {
    return this.#svg.querySelector<SVGGraphicsElement>(`[data-block="${CSS.escape(id)}"]`)
  }

  /** Marked, and scrolled into sight within the picture. */
  #mark(id: string | undefined, as: 'speaks' | 'listens'): void {
    const block = id === undefined ? null : this.#block(id)
    const place = this.#svg.parentElement
    if (block === null || place === null) return
    block.classList.add(as)
    const [mine, frame] = [block.getBoundingClientRect(), place.getBoundingClientRect()]
    if (mine.top < frame.top + 30) place.scrollTop -= frame.top + 50 - mine.top
    else if (mine.bottom > frame.bottom - 10) place.scrollTop += mine.bottom - frame.bottom + 50
    if (mine.left < frame.left + 10) place.scrollLeft -= frame.left + 40 - mine.left
    else if (mine.right > frame.right - 10) place.scrollLeft += mine.right - frame.right + 40
  }

  #hop(id: string): SVGGElement | null {
    return this.#svg.querySelector<SVGGElement>(`[data-hop="${CSS.escape(id)}"]`)
  }

  #move({ hops }: Way, isBack: boolean, isLetter: boolean, durationMs: number): void {
    const lines = hops.flatMap((id) => this.#hop(id)?.querySelector<SVGGeometryElement>('.way') ?? [])
    if (lines.length === 0) return
    const lengths = lines.map((line) => line.getTotalLength())
    const whole = lengths.reduce((sum, length) => sum + length, 0)
    const thing = isLetter ? letter() : element('circle', { r: 6, class: isBack ? 'word back' : 'word' })
    this.#layer.append(thing)
    const put = (part: number) => {
      let rest = (isBack ? 1 - part : part) * whole
      let at = 0
      while (at < lines.length - 1 && rest > lengths[at]!) rest -= lengths[at++]!
      const { x, y } = lines[at]!.getPointAtLength(rest)
      thing.setAttribute('transform', `translate(${x} ${y})`)
    }
    if (this.#isCalm || durationMs === 0) {
      put(isLetter ? 1 : 0.5)
      return
    }
    const start = performance.now()
    const frame = (now: number): void => {
      const part = Math.min(1, (now - start) / durationMs)
      put(part < 0.5 ? 2 * part * part : 1 - (-2 * part + 2) ** 2 / 2)
      if (part < 1) this.#frame = requestAnimationFrame(frame)
    }
    put(0)
    this.#frame = requestAnimationFrame(frame)
  }

  /** Above the block of who looked. */
  #found(at: string | undefined, { proofs }: HopRow): void {
    const box = at === undefined ? undefined : this.#block(at)?.getBBox()
    if (box === undefined) return
    const shown = (['spf', 'dkim', 'dmarc', 'arc'] as const).filter((proof) => proofs[proof] !== 'none')
    const widths = shown.map((proof) => 13 + 7.4 * proof.length)
    const group = element('g', { class: 'found', 'aria-hidden': 'true' })
    let x = box.x + box.width / 2 - widths.reduce((sum, width) => sum + width, 0) / 2
    shown.forEach((proof, k) => {
      const width = widths[k]!
      const tone = toneOf(proofs[proof])
      const label = element('text', { x: x + width / 2, y: box.y - 9, class: tone })
      label.textContent = proof.toUpperCase()
      group.append(
        element('rect', { x: x + 1, y: box.y - 21, width: width - 2, height: 17, rx: 8.5, class: tone }),
        label,
      )
      x += width
    })
    this.#layer.prepend(group)
  }
}

function letter(): SVGElement {
  const group = element('g', { class: 'letter' })
  group.append(
    element('rect', { x: -13, y: -9, width: 26, height: 18, rx: 3 }),
    element('path', { d: 'M-12 -7 0 2 12 -7' }),
  )
  return group
}

function element<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}
