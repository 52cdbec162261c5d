// Further layers over the flows: which machine hosts what, who belongs to which organisation, who has a contract with whom.
// For each flow the places that stand side by side in one of them.

import type { Actor, Attribute, Block, SystemModel } from './model.ts'

export const LAYERS = ['machines', 'organisations', 'contracts'] as const
export type Layer = (typeof LAYERS)[number]
export const ALL_LAYERS: ReadonlySet<Layer> = new Set(LAYERS)

/** From the first to the last of neighbours, as block ids. */
export type LayerMark = { kind: Layer; label: string; first: string; last: string }

const LAYER_OF: Partial<Record<Attribute['kind'], Layer>> = {
  machine: 'machines',
  org: 'organisations',
  contract: 'contracts',
}

/** The layer that an attribute line is about, if it is. */
export function layerOf(line: Attribute): Layer | undefined {
  return LAYER_OF[line.kind]
}

/** What a line of a layer is called in pictures. */
export function layerLabel({ kind, target }: Attribute): string {
  return kind === 'machine' ? `machine ${target}` : target
}

/** Both sides of a contract, as block ids: those that it names, or whom it is with and who keeps it. */
export function sidesOf(line: Attribute, actors: ReadonlyMap<string, Actor>): [string[], string[]] | undefined {
  const [a, b] = line.members ?? []
  if (a !== undefined && b !== undefined) return [a.blocks, b.blocks]
  const named = (key: string) => {
    return actors.get(line.entries.findLast((entry) => entry.key === key)?.value ?? '')?.blocks
  }
  const [theirs, ours] = [named('with'), named('by')]
  return theirs === undefined || ours === undefined ? undefined : [theirs, ours]
}

/** By flow, in the order of the text. */
export function layerMarks(model: SystemModel, shown: ReadonlySet<Layer>): Map<number, LayerMark[]> {
  const marks = new Map<number, LayerMark[]>()
  const lines = model.attributes.filter((line) => shown.has(layerOf(line)!))
  if (lines.length === 0) return marks
  const actors = new Map(model.actors.map((actor) => [actor.id, actor]))
  const places = new Map<string, { block: Block; at: number }>()
  for (const flow of model.flows)
    for (const [at, block] of flow.blocks.entries()) if (!places.has(block.id)) places.set(block.id, { block, at })
  const byFlow = (ids: readonly string[]) => {
    const found = new Map<number, number[]>()
    for (const id of new Set(ids)) {
      const { block, at } = places.get(id)!
      if (!found.has(block.flow)) found.set(block.flow, [])
      found.get(block.flow)!.push(at)
    }
    return found
  }
  const mark = (flow: number, kind: Layer, label: string, from: number, to: number) => {
    const { blocks } = model.flows[flow]!
    if (!marks.has(flow)) marks.set(flow, [])
    marks.get(flow)!.push({ kind, label, first: blocks[from]!.id, last: blocks[to]!.id })
  }
  for (const line of lines) {
    const kind = layerOf(line)!
    const label = layerLabel(line)
    if (kind === 'contracts') {
      const [left, right] = (sidesOf(line, actors) ?? [[], []]).map(byFlow)
      for (const [flow, ats] of left!) {
        const other = right!.get(flow)
        if (other !== undefined) mark(flow, kind, label, Math.min(ats[0]!, other[0]!), Math.max(ats[0]!, other[0]!))
      }
      continue
    }
    for (const [flow, ats] of byFlow(line.refs)) {
      ats.sort((a, b) => a - b)
      for (let k = 0; k < ats.length; ) {
        let end = k
        while (ats[end + 1] === ats[end]! + 1) end++
        mark(flow, kind, label, ats[k]!, ats[end]!)
        k = end + 1
      }
    }
  }
  return marks
}
