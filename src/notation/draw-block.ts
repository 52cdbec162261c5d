// A block of a picture as SVG: Figure 1's box with its roles and the relays inside, a person, a cloud.

import {
  blockTexts,
  CHIP,
  chipWidth,
  isCloud,
  SQUARE,
  squaresHeight,
  squaresOf,
  waysHeight,
  waysOf,
  wayWidth,
} from './block-size.ts'
import type { PictureBlock } from './layout.ts'
import { SIZE, textWidth } from './measure.ts'
import { n, xml } from './svg.ts'

/** A block as a group: a box, a person, a cloud. */
export function drawBlock(block: PictureBlock, prefix: string): string {
  const { id, kind, roles, at, actor } = block
  const tint = block.tint === undefined ? '' : ` tint${block.tint}`
  const shape = kind === 'user' ? user(block) : isCloud(block) ? cloud(block) : box(block)
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
    const ways = waysOf(block, role)
    out.push(...chips(ways, middle, line + SIZE.line / 2 + 3))
    line += SIZE.line + 9 + waysHeight(ways)
  })
  out.push(...smallLines(smalls, middle, line - 24), ...squares(block, y + height - SIZE.padY))
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

/** Relays with names: ways below each other, relays of a way one after another. */
function chips(ways: readonly (readonly string[])[], middle: number, top: number): string[] {
  return ways.flatMap((way, k) => {
    const y = top + k * (CHIP.height + CHIP.way)
    let x = middle - wayWidth(way) / 2
    return way.flatMap((name, at) => {
      const width = chipWidth(name)
      const line = y + CHIP.height / 2
      const arrow = `<path class="step" d="M${n(x - CHIP.gap + 2)} ${n(line)}h${CHIP.gap - 5}m-4 -3l4 3l-4 3"/>`
      const chip = [
        `<rect class="relay" x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${CHIP.height}" rx="4"/>`,
        `<text class="small" x="${n(x + width / 2)}" y="${n(line + 4)}" text-anchor="middle">${xml(name)}</text>`,
      ]
      x += width + CHIP.gap
      return at > 0 ? [arrow, ...chip] : chip
    })
  })
}

/** One little square for each relay that is only counted. */
function squares(block: PictureBlock, bottom: number): string[] {
  const count = squaresOf(block)
  const step = SQUARE.side + SQUARE.gap
  const wide = Math.min(count, SQUARE.row) * step - SQUARE.gap
  const left = block.x + (block.width - wide) / 2
  const top = bottom - squaresHeight(count) + SQUARE.above
  return Array.from({ length: count }, (_, k) => {
    const [x, y] = [left + (k % SQUARE.row) * step, top + Math.floor(k / SQUARE.row) * step]
    return `<rect class="relay" x="${n(x)}" y="${n(y)}" width="${SQUARE.side}" height="${SQUARE.side}" rx="1.5"/>`
  })
}

function cloud(block: PictureBlock): string {
  const { x, y, width, height, roles } = block
  const w = (k: number) => n(x + width * k)
  const h = (k: number) => n(y + height * k)
  const path = `M${w(0.2)} ${h(0.86)}C${w(-0.06)} ${h(0.86)} ${w(-0.04)} ${h(0.42)} ${w(0.17)} ${h(0.42)}C${w(0.18)} ${h(0.02)} ${w(0.52)} ${h(-0.04)} ${w(0.6)} ${h(0.24)}C${w(0.76)} ${h(0.1)} ${w(0.92)} ${h(0.28)} ${w(0.86)} ${h(0.46)}C${w(1.06)} ${h(0.5)} ${w(1.04)} ${h(0.86)} ${w(0.82)} ${h(0.86)}Z`
  const text = (cls: string, y: number, words: string) =>
    `<text class="${cls}" x="${w(0.51)}" y="${n(y)}" text-anchor="middle">${xml(words)}</text>`
  const { smalls } = blockTexts(block)
  const lines =
    block.kind === 'internet'
      ? [text('small', y + height * 0.65, roles.join(' '))]
      : [
          text('role', y + height * 0.6, roles.join(' ')),
          ...smalls.map((line, k) => text('small', y + height * 0.6 + 16 + k * 15, line)),
        ]
  return `<path class="body" d="${path}"/>${lines.join('')}`
}
