// Where the brackets of machines, organisations and contracts stand.

import type { LayerMark } from './layers.ts'
import type { Picture, PictureBlock, PictureLayer } from './layout.ts'
import { SIZE, textWidth } from './measure.ts'

/** Brackets below the row, each on the first line where there is room for it and its label. */
export function placeLayers(picture: Picture, marks: LayerMark[], nodes: ReadonlyMap<string, PictureBlock>) {
  const ends: number[] = []
  const placed = marks.map((mark): PictureLayer => {
    const [first, last] = [nodes.get(mark.first)!, nodes.get(mark.last)!]
    const inset = mark.kind === 'contracts' ? [first.width / 2, last.width / 2] : [-4, -4]
    const [from, to] = [first.x + inset[0]!, last.x + last.width - inset[1]!]
    return { kind: mark.kind, label: mark.label, from, to, y: 0 }
  })
  for (const layer of placed.sort((a, b) => a.from - b.from)) {
    const half = Math.max(layer.to - layer.from, textWidth(layer.label, SIZE.small)) / 2
    const middle = (layer.from + layer.to) / 2
    const free = ends.slice(0, MAX_LEVELS).findIndex((end) => end <= middle - half)
    const level = free >= 0 ? free : Math.min(ends.length, MAX_LEVELS)
    ends[level] = middle + half + 12
    layer.y = picture.height + 14 + level * SIZE.layer
    picture.width = Math.max(picture.width, middle + half)
    picture.layers.push(layer)
  }
  if (placed.length > 0) picture.height += 10 + ends.length * SIZE.layer
}

/** More brackets over one place lie on each other. */
const MAX_LEVELS = 40
