// Moves messages along the arrows of the picture. One message's hops run one after another, as they happened.

import { type Hop, inPathOrder } from './hops.ts'

const FLIGHT_MS = 900
const SVG = 'http://www.w3.org/2000/svg'

/** Actors tell of their steps a little out of order: what comes within this time is put in order first. */
const GATHER_MS = 350

export class Traffic {
  readonly #svg: SVGSVGElement
  readonly #actorOf: (block: string) => string
  readonly #gathering = new Map<string, Hop[]>()
  /** When the last flight of each message lands. */
  readonly #landing = new Map<string, number>()
  readonly #isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches

  constructor(svg: SVGSVGElement, actorOf: (block: string) => string) {
    this.#svg = svg
    this.#actorOf = actorOf
  }

  /** Shows one hop, after this message's earlier ones. */
  show(message: string, hop: Hop): void {
    const known = this.#gathering.get(message)
    if (known) {
      known.push(hop)
      return
    }
    const hops = [hop]
    this.#gathering.set(message, hops)
    setTimeout(() => {
      this.#gathering.delete(message)
      for (const each of inPathOrder(hops, this.#actorOf)) this.#plan(message, each.from, each.to)
    }, GATHER_MS)
  }

  #plan(message: string, from: string, to: string): void {
    const now = performance.now()
    const start = Math.max(now, this.#landing.get(message) ?? 0)
    this.#landing.delete(message)
    this.#landing.set(message, start + (from === to ? FLIGHT_MS / 3 : FLIGHT_MS))
    if (this.#landing.size > 500) this.#landing.delete(this.#landing.keys().next().value!)
    setTimeout(() => (from === to ? this.#pulse(to) : this.#fly(from, to)), start - now)
  }

  /** Writes the number of waiting messages on each block. */
  queues(counts: Readonly<Record<string, number>>): void {
    for (const old of this.#svg.querySelectorAll('.queue-count')) old.remove()
    for (const [id, count] of Object.entries(counts)) {
      const block = this.#block(id)
      if (!block || count === 0) continue
      const box = block.getBBox()
      const text = count > 9999 ? '9999+' : String(count)
      const width = 14 + text.length * 7
      const group = document.createElementNS(SVG, 'g')
      group.setAttribute('class', 'queue-count')
      const rect = element('rect', { x: box.x + box.width - width / 2 - 4, y: box.y - 9, width, height: 18, rx: 9 })
      const label = element('text', { x: box.x + box.width - 4, y: box.y + 4.5 })
      label.textContent = text
      const title = document.createElementNS(SVG, 'title')
      title.textContent = `${count} waiting`
      group.append(title, rect, label)
      block.parentNode?.append(group)
    }
  }

  #block(id: string): SVGGraphicsElement | null {
    return this.#svg.querySelector<SVGGraphicsElement>(`[data-block="${CSS.escape(id)}"]`)
  }

  #way(from: string, to: string): SVGGeometryElement | undefined {
    const hop = this.#svg.querySelector(
      `[data-from="${CSS.escape(from)}"][data-to="${CSS.escape(to)}"], [data-hop="${CSS.escape(`${from}->${to}`)}"]`,
    )
    return (
      hop?.querySelector<SVGGeometryElement>('.way') ??
      hop?.querySelector<SVGGeometryElement>('path, line, polyline') ??
      undefined
    )
  }

  #pulse(id: string): void {
    const block = this.#block(id)
    if (!block) return
    block.classList.remove('pulse')
    block.getBBox()
    block.classList.add('pulse')
  }

  #fly(from: string, to: string): void {
    const way = this.#way(from, to)
    if (!way || this.#isCalm) {
      this.#pulse(to)
      return
    }
    const length = way.getTotalLength()
    const halo = element('circle', { r: 11, class: 'dot-halo' })
    const dot = element('circle', { r: 6, class: 'dot' })
    way.parentNode?.append(halo, dot)
    const start = performance.now()
    const step = (now: number): void => {
      const part = Math.min(1, (now - start) / FLIGHT_MS)
      const eased = part < 0.5 ? 2 * part * part : 1 - (-2 * part + 2) ** 2 / 2
      const { x, y } = way.getPointAtLength(eased * length)
      for (const circle of [halo, dot]) {
        circle.setAttribute('cx', String(x))
        circle.setAttribute('cy', String(y))
      }
      if (part < 1) requestAnimationFrame(step)
      else {
        halo.remove()
        dot.remove()
        this.#pulse(to)
      }
    }
    requestAnimationFrame(step)
  }
}

function element(name: string, attributes: Record<string, string | number>): SVGElement {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value))
  return made
}
