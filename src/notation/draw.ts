// A Picture as SVG: plain shapes and text (opens outside a browser too), no script, nothing from elsewhere, light and
// dark by the reader's setting. Blocks carry `data-block`, hops `data-hop` and an invisible way to move messages along.

import {
  blockTexts,
  layout,
  type Picture,
  type PictureBlock,
  type PictureHop,
  type PictureNetwork,
  type Point,
  SIZE,
  textWidth,
} from './layout.ts'
import type { Arrow, SystemModel } from './model.ts'
import { pictureStyle, type Theme } from './theme.ts'

export type DrawOptions = {
  /** auto follows the reader's system. */
  theme?: Theme
  /** Put before every element id; for several pictures on one page. */
  idPrefix?: string
  /** Explain the arrows below the picture (default true). */
  legend?: boolean
}

/** A model as an SVG document. */
export function draw(model: SystemModel, options: DrawOptions = {}): string {
  return renderPicture(layout(model), options)
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
    legend.svg,
    '</svg>',
  ]
    .filter((part) => part !== '')
    .join('\n')
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

function drawBlock(block: PictureBlock, prefix: string): string {
  const { id, kind, roles, at, actor } = block
  const tint = block.tint === undefined ? '' : ` tint${block.tint}`
  const shape = kind === 'user' ? user(block) : kind === 'internet' ? cloud(block) : box(block)
  const label = [...(roles.length > 0 ? roles : ['?'])].join('/') + (at === undefined ? '' : `@${at}`)
  const data = `data-block="${xml(id)}" data-actor="${xml(actor)}" data-roles="${xml(roles.join(' / '))}"`
  return `<g id="${xml(prefix)}block-${xml(id)}" class="block ${kind}${tint}" ${data} role="group" aria-label="${xml(label)}">${shape}</g>`
}

/** Figure 1's block: a rounded box that lists its roles; several relays are a stack. */
function box(block: PictureBlock): string {
  const { x, y, width, height, relays } = block
  const { names, smalls } = blockTexts(block)
  const rect = (dx: number, cls: string) =>
    `<rect class="${cls}" x="${n(x + dx)}" y="${n(y - dx)}" width="${n(width)}" height="${n(height)}" rx="10"/>`
  const middle = x + width / 2
  const out = relays > 1 ? [rect(10, 'back'), rect(5, 'back')] : []
  out.push(rect(0, 'body'))
  let line = y + SIZE.padY + SIZE.line / 2
  names.forEach((role, k) => {
    if (k > 0) out.push(`<path class="divider" d="M${n(x + 14)} ${n(line - 15)}H${n(x + width - 14)}"/>`)
    out.push(`<text class="role" x="${n(middle)}" y="${n(line + 5.5)}" text-anchor="middle">${xml(role)}</text>`)
    line += SIZE.line + 9
  })
  out.push(...smallLines(smalls, middle, line - 24))
  if (relays > 1) {
    const text = `×${relays}`
    const wide = textWidth(text, SIZE.small) + 12
    out.push(
      `<rect class="count" x="${n(x + width + 10 - wide + 6)}" y="${n(y - 20)}" width="${n(wide)}" height="19" rx="9.5"/>`,
      `<text class="count" x="${n(x + width + 16 - wide / 2)}" y="${n(y - 6)}" text-anchor="middle">${text}</text>`,
    )
  }
  return out.join('')
}

/** A person: head and shoulders in a circle, the name below. */
function user(block: PictureBlock): string {
  const { x, y, width, height } = block
  const { names, smalls } = blockTexts(block)
  const cx = x + width / 2
  const cy = y + height / 2
  const r = SIZE.userRadius
  const out = [
    `<circle class="body" cx="${n(cx)}" cy="${n(cy)}" r="${r}"/>`,
    `<circle class="person" cx="${n(cx)}" cy="${n(cy - 6.5)}" r="7.5"/>`,
    `<path class="person" d="M${n(cx - 14)} ${n(cy + 16)}a14 12.5 0 0 1 28 0z"/>`,
  ]
  let line = cy + r + 17
  for (const text of names) {
    out.push(`<text class="role" x="${n(cx)}" y="${n(line)}" text-anchor="middle">${xml(text)}</text>`)
    line += 19
  }
  out.push(...smallLines(smalls, cx, line - 14))
  return out.join('')
}

function smallLines(lines: string[], x: number, from: number): string[] {
  return lines.map(
    (text, k) =>
      `<text class="small" x="${n(x)}" y="${n(from + (k + 1) * (SIZE.small + 4))}" text-anchor="middle">${xml(text)}</text>`,
  )
}

function cloud({ x, y, width, height, roles }: PictureBlock): string {
  const w = (k: number) => n(x + width * k)
  const h = (k: number) => n(y + height * k)
  const path = `M${w(0.2)} ${h(0.86)}C${w(-0.06)} ${h(0.86)} ${w(-0.04)} ${h(0.42)} ${w(0.17)} ${h(0.42)}C${w(0.18)} ${h(0.02)} ${w(0.52)} ${h(-0.04)} ${w(0.6)} ${h(0.24)}C${w(0.76)} ${h(0.1)} ${w(0.92)} ${h(0.28)} ${w(0.86)} ${h(0.46)}C${w(1.06)} ${h(0.5)} ${w(1.04)} ${h(0.86)} ${w(0.82)} ${h(0.86)}Z`
  return `<path class="body" d="${path}"/><text class="small" x="${w(0.51)}" y="${h(0.65)}" text-anchor="middle">${xml(roles.join(' '))}</text>`
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
  const way = hop.points.map((point, k) => `${k === 0 ? 'M' : 'L'}${p(point)}`).join('')
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

const n = (value: number) => String(Math.round(value * 10) / 10)
const p = ([x, y]: Point) => `${n(x)} ${n(y)}`

/** For text and attributes; characters that XML does not know are left out. */
function xml(text: string): string {
  return text
    .replace(
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
      '',
    )
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
}
