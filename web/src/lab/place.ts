// What stands at a place of the text, so that the picture can mark it.

import type { Span, SystemModel } from '../../../src/notation/model.ts'

export interface Place {
  /** Ids of blocks; all of an actor that is drawn at several places. */
  readonly blocks: readonly string[]
  readonly hops: readonly string[]
  readonly networks: readonly string[]
}

const NOTHING: Place = { blocks: [], hops: [], networks: [] }

/** The actor, the arrow or the network under the caret; of an attribute line, what it is about. */
export function placeAt(model: SystemModel, offset: number): Place {
  const isHere = ({ start, end }: Span) => start <= offset && offset <= end
  const block = model.blocks.find(({ span }) => isHere(span))
  if (block !== undefined) return { ...NOTHING, blocks: blocksOf(model, [block.actor]) }
  const hop = model.hops.find(({ arrows, crossings }) => [...arrows.map(({ span }) => span), ...crossings].some(isHere))
  if (hop !== undefined) return { ...NOTHING, hops: [hop.id] }
  const bracket = model.diagrams.flatMap(({ brackets }) => brackets).find(({ span }) => isHere(span))
  if (bracket !== undefined) return { ...NOTHING, networks: [bracket.network] }
  const line = model.attributes.find(({ span }) => isHere(span))
  if (line === undefined) return NOTHING
  if (line.kind === 'actor' || line.kind === 'role') return { ...NOTHING, blocks: blocksOf(model, line.refs) }
  if (line.kind === 'block') return { ...NOTHING, blocks: line.refs }
  if (line.kind === 'hop') return { ...NOTHING, hops: line.refs }
  if (line.kind === 'network') return { ...NOTHING, networks: line.refs }
  return NOTHING
}

function blocksOf(model: SystemModel, actors: readonly string[]): string[] {
  return model.blocks.filter(({ actor }) => actors.includes(actor)).map(({ id }) => id)
}
