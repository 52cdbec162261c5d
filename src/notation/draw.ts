// A Picture as SVG: plain shapes and text (opens outside a browser too), no script, nothing from elsewhere, light and
// dark by the reader's setting. Blocks carry `data-block`, hops `data-hop` and an invisible way to move messages along.

import { drawBlock } from './draw-block.ts'
import type { Layer } from './layers.ts'
import { layout, type Picture, type PictureHop, type PictureLayer, type PictureNetwork } from './layout.ts'
import { SIZE, textWidth } from './measure.ts'
import type { Arrow, SystemModel } from './model.ts'
import { n, p, xml } from './svg.ts'
import { pictureStyle, type Theme } from './theme.ts'

export type DrawOptions = {
  /** auto follows the reader's system. */
  theme?: Theme
  /** Put before every element id; for several pictures on one page. */
  idPrefix?: string
  /** Explain the arrows below the picture (default true). */
  legend?: boolean
  /** Which further layers are shown (default: all that the text has). */
  layers?: ReadonlySet<Layer>
}

/** A model as an SVG document. */
export function draw(model: SystemModel, options: DrawOptions = {}): string {
  return renderPicture(layout(model, options.layers), options)
}

/** Any picture as an SVG document: of a model, or of the way a message took. */
export function renderPicture(picture: Picture, options: DrawOptions = {}): string {
  const prefix = options.idPrefix ?? ''
  const legend = options.legend === false ? { svg: '', width: 0, height: 0 } : drawLegend(picture)
  const width = Math.max(picture.width, legend.width)
  const height = picture.height + legend.height
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="borderpost" role="img" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" aria-labelledby="${xml(`${prefix}title ${prefix}desc`)}">`,
    `<title id="${xml(prefix)}title">${xml(picture.title)}</title>`,
    `<desc id="${xml(prefix)}desc">${xml(picture.description)}</desc>`,
    `<style>${pictureStyle(options.theme ?? 'auto')}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...picture.captions.flatMap(({ lines, x, y, heading }) =>
      lines.map(
        (line, k) =>
          `<text class="${heading ? 'heading' : 'caption'}" x="${x}" y="${n(y + k * SIZE.caption)}">${xml(line)}</text>`,
      ),
    ),
    ...picture.networks.map(drawNetwork),
    ...picture.borders.map(
      ({ id, from, to, label }) =>
        `<g class="border" data-border="${xml(id)}"><path d="M${p(from)}L${p(to)}"/><text x="${n(to[0])}" y="${n(to[1] + 17)}" text-anchor="middle">${xml(label)}</text></g>`,
    ),
    ...picture.relations.map(({ a, b, label, curve: [from, c1, c2, to] }) => {
      const x = (from[0] + 3 * c1[0] + 3 * c2[0] + to[0]) / 8
      const y = (from[1] + 3 * c1[1] + 3 * c2[1] + to[1]) / 8
      return `<g class="relation" data-relation="${xml(`${a}--${b}`)}"><path d="M${p(from)}C${p(c1)} ${p(c2)} ${p(to)}"/><text x="${n(x)}" y="${n(y + 16)}" text-anchor="middle">${xml(label)}</text></g>`
    }),
    ...picture.hops.map((hop) => drawHop(hop, prefix)),
    ...picture.blocks.map((block) => drawBlock(block, prefix)),
    ...picture.layers.map(drawLayer),
    legend.svg,
    '</svg>',
  ]
    .filter((part) => part !== '')
    .join('\n')
}

/** A bracket that opens upwards, with its name below. */
function drawLayer({ kind, label, from, to, y }: PictureLayer): string {
  const path = `M${n(from)} ${n(y - 5)}V${n(y)}H${n(to)}V${n(y - 5)}`
  return `<g class="layer ${kind}"><path d="${path}"/><text class="small" x="${n((from + to) / 2)}" y="${n(y + 14)}" text-anchor="middle">${xml(label)}</text></g>`
}

function drawNetwork({ id, name, x, y, width, height }: PictureNetwork): string {
  const middle = x + width / 2
  const half = textWidth(name, SIZE.font) / 2 + 6
  const line = y + 17
  // The bracket of the notation: |--- Name ---|
  const bar = (from: number, to: number) => (to - from > 8 ? `M${n(from)} ${n(line)}H${n(to)}` : '')
  const bracket = `M${n(x + 12)} ${n(line - 6)}v12M${n(x + width - 12)} ${n(line - 6)}v12${bar(x + 12, middle - half)}${bar(middle + half, x + width - 12)}`
  return `<g class="network" data-network="${xml(id)}"><rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(height)}" rx="14"/><path d="${bracket}"/><text x="${n(middle)}" y="${n(line + 5)}" text-anchor="middle">${xml(name)}</text></g>`
}

/** The article's arrows: double for direct, wavy for indirect, single for mail flow only. */
function drawHop(hop: PictureHop, prefix: string): string {
  const parts: string[] = []
  for (let k = 1; k < hop.points.length; k++) {
    const [x1, y] = hop.points[k - 1]!
    const [x2] = hop.points[k]!
    const from = x1 + (k > 1 ? 13 : 0)
    const to = x2 - (k < hop.points.length - 1 ? 13 : 0)
    parts.push(drawArrow(hop.arrow, from, to, y))
  }
  const stem = hop.stem ?? []
  if (stem.length > 0)
    parts.push(`<path class="line" d="${stem.map((point, k) => `${k === 0 ? 'M' : 'L'}${p(point)}`).join('')}"/>`)
  const way = [...stem.slice(0, -1), ...hop.points].map((point, k) => `${k === 0 ? 'M' : 'L'}${p(point)}`).join('')
  const id = `${prefix}way-${hop.id.replace('->', '--')}`
  if (hop.label !== undefined) {
    // Above the last piece of the arrow, so that it stands beside the Border's stroke and not on it.
    const [from, to] = [hop.points.at(-2)!, hop.points.at(-1)!]
    const x = (from[0] + to[0]) / 2 + (hop.points.length > 2 ? 6 : 0)
    parts.push(`<text class="small" x="${n(x)}" y="${n(from[1] - 12)}" text-anchor="middle">${xml(hop.label)}</text>`)
  }
  const cls = `hop ${hop.arrow}${hop.wrong ? ' wrong' : ''}`
  return `<g class="${cls}" data-hop="${xml(hop.id)}" data-from="${xml(hop.from)}" data-to="${xml(hop.to)}"><path class="way" id="${xml(id)}" d="${way}"/>${parts.join('')}</g>`
}

const HEAD = 11

function drawArrow(arrow: Arrow, from: number, to: number, y: number): string {
  const neck = to - HEAD
  const half = arrow === 'direct' ? 7.5 : 5.5
  const head = `<path class="head" d="M${n(to)} ${n(y)}L${n(neck)} ${n(y - half)}V${n(y + half)}Z"/>`
  if (arrow === 'direct')
    return `<path class="line" d="M${n(from)} ${n(y - 3)}H${n(neck)}M${n(from)} ${n(y + 3)}H${n(neck)}"/>${head}`
  if (arrow === 'flow') return `<path class="line" d="M${n(from)} ${n(y)}H${n(neck)}"/>${head}`
  const waves = Math.max(1, Math.round((neck - from) / 13))
  const half2 = (neck - from) / waves / 2
  return `<path class="line" d="M${n(from)} ${n(y)}q${n(half2 / 2)} -7 ${n(half2)} 0${`t${n(half2)} 0`.repeat(2 * waves - 1)}"/>${head}`
}

const LEGEND: [Arrow, string][] = [
  ['direct', 'direct relationship'],
  ['indirect', 'indirect relationship'],
  ['flow', 'mail flow only'],
]

/** Explains the arrows that the picture has. */
function drawLegend(picture: Picture): { svg: string; width: number; height: number } {
  const used = LEGEND.filter(([arrow]) => picture.hops.some((hop) => hop.arrow === arrow))
  if (used.length === 0) return { svg: '', width: 0, height: 0 }
  const y = picture.height + 2
  let x: number = SIZE.margin
  const parts = used.map(([arrow, text]) => {
    const part = `<g class="hop ${arrow}">${drawArrow(arrow, x, x + 44, y)}</g><text class="small" x="${n(x + 54)}" y="${n(y + 4)}">${text}</text>`
    x += 54 + textWidth(text, SIZE.small) + 26
    return part
  })
  return { svg: `<g class="legend" aria-hidden="true">${parts.join('')}</g>`, width: Math.ceil(x), height: 28 }
}
