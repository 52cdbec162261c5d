// How large a block is, and what stands in it: roles, the relays and processes that work for each, smaller lines below.

import type { PictureBlock } from './layout.ts'
import { SIZE, textWidth } from './measure.ts'

/** A relay with a name, inside a block. */
export const CHIP = { height: 20, pad: 7, gap: 16, way: 5, below: 8 } as const
/** Relays that are only counted are little squares, as many as can be taken in. */
export const SQUARE = { side: 7, gap: 3, row: 12, most: 36, above: 8 } as const

type Written = Pick<PictureBlock, 'kind' | 'roles' | 'at' | 'note' | 'relays' | 'insides'>

/** What is written in a block: roles, and smaller lines below. Of an unknown role we know only what it is called. */
export function blockTexts(block: Written) {
  const unknown = block.kind === 'unknown'
  const people = block.kind === 'user' && block.relays > 1 ? ` ×${block.relays}` : ''
  const names = unknown || block.roles.length === 0 ? ['?'] : block.roles.map((role) => role + people)
  const smalls = [...(unknown ? block.roles : []), block.at === undefined ? '' : `@${block.at}`, block.note ?? '']
  return { names, smalls: smalls.filter((line) => line !== '') }
}

/** The article's Open Relay floats in the cloud. */
export function isCloud(block: Pick<PictureBlock, 'kind' | 'roles'>): boolean {
  return block.kind === 'internet' || (block.roles.length === 1 && block.roles[0] === 'Open Relay')
}

/** The ways of relays that work for a role. */
export function waysOf(block: Written, role: string): readonly (readonly string[])[] {
  return block.kind === 'unknown'
    ? []
    : (block.insides ?? []).filter((one) => one.role === role).flatMap(({ ways }) => ways)
}

export const chipWidth = (name: string) => textWidth(name, SIZE.small) + 2 * CHIP.pad
export const wayWidth = (way: readonly string[]) =>
  way.reduce((sum, name) => sum + chipWidth(name), 0) + (way.length - 1) * CHIP.gap
export const waysHeight = (ways: readonly (readonly string[])[]) =>
  ways.length === 0 ? 0 : ways.length * (CHIP.height + CHIP.way) + CHIP.below

/** How many squares stand for the relays of a block that has no names for them. */
export function squaresOf(block: Written): number {
  const isCounted = block.kind === 'agent' && block.relays > 1 && block.relays <= SQUARE.most && !isCloud(block)
  return isCounted && (block.insides ?? []).length === 0 ? block.relays : 0
}

export function squaresHeight(count: number): number {
  return count === 0 ? 0 : Math.ceil(count / SQUARE.row) * (SQUARE.side + SQUARE.gap) + SQUARE.above
}

export function blockSize(block: Written): { width: number; height: number } {
  const { names, smalls } = blockTexts(block)
  const widest = Math.max(
    ...names.map((name) => textWidth(name, SIZE.font)),
    ...smalls.map((line) => textWidth(line, SIZE.small)),
    ...names.flatMap((name) => waysOf(block, name).map(wayWidth)),
    Math.min(squaresOf(block), SQUARE.row) * (SQUARE.side + SQUARE.gap),
    0,
  )
  const smallHeight = smalls.length * (SIZE.small + 5)
  if (isCloud(block)) return { width: widest + 64, height: 66 + smallHeight }
  if (block.kind === 'user') {
    // Symmetric about the middle of the figure, where the arrows meet it.
    const below = names.length * 19 + smallHeight
    return { width: Math.max(2 * SIZE.userRadius + 10, widest), height: 2 * (SIZE.userRadius + below) }
  }
  const lines = names.length
  const divided = (lines - 1) * 9
  const inside = names.reduce((sum, name) => sum + waysHeight(waysOf(block, name)), 0) + squaresHeight(squaresOf(block))
  return {
    width: Math.max(92, widest + 2 * SIZE.padX),
    height: lines * SIZE.line + divided + inside + smallHeight + 2 * SIZE.padY,
  }
}
