// What stands at a place of a text, in the article's words: for the pages and editors that explain it under the pointer.

import { aboutOf } from './complete.ts'
import { NORMAL_ARROW } from './lexer.ts'
import type { Actor, Span, SystemModel } from './model.ts'
import { parse } from './parse.ts'
import { SETTINGS } from './settings.ts'
import { KEYWORDS, roleSays } from './vocabulary.ts'
import { ARROW_SAYS, BORDER_SAYS, JOIN_SAYS } from './words.ts'

export interface Hover {
  readonly from: number
  readonly to: number
  readonly title: string
  readonly says: string
}

/** What is at `offset`; undefined where there is nothing to say. */
export function hover(text: string, offset: number): Hover | undefined {
  const { model } = parse(text)
  return inFlows(model, offset) ?? inBrackets(model, offset) ?? inAttributes(model, offset)
}

const covers = ({ start, end }: Span, offset: number) => start <= offset && offset < end
const at = ({ start, end }: Span, title: string, says: string): Hover => ({ from: start, to: end, title, says })

function inFlows(model: SystemModel, offset: number): Hover | undefined {
  for (const hop of model.hops) {
    const arrow = hop.arrows.find(({ span }) => covers(span, offset))
    if (arrow !== undefined) return at(arrow.span, NORMAL_ARROW[arrow.arrow], ARROW_SAYS[arrow.arrow])
    const border = hop.crossings.find((span) => covers(span, offset))
    if (border !== undefined) return at(border, 'Border', BORDER_SAYS)
  }
  const block = model.blocks.find(({ span }) => covers(span, offset))
  if (block === undefined) return undefined
  const role = block.roleSpans.findIndex((span) => covers(span, offset))
  if (role >= 0) {
    const name = block.roles[role]!
    return at(block.roleSpans[role]!, name, roleSays(name) ?? 'a role that the notation does not know')
  }
  if (model.source[offset] === '/') return at({ ...block.span, start: offset, end: offset + 1 }, '/', JOIN_SAYS)
  const actor = model.actors.find(({ id }) => id === block.actor)!
  const named = block.at === undefined ? -1 : model.source.lastIndexOf(`@${block.at}`, offset)
  if (named >= block.span.start && offset <= named + block.at!.length)
    return at({ ...block.span, start: named, end: named + block.at!.length + 1 }, `@${block.at}`, whoIs(model, actor))
  const count = `${block.relays} ${block.relays === 1 ? 'relay' : 'relays'} in this block`
  return at(block.span, block.roles.join('/') || '?', block.unknown ? 'Nobody is written here.' : count)
}

function whoIs(model: SystemModel, actor: Actor): string {
  const network = model.networks.find(({ id }) => id === actor.network)
  const kind = actor.kind === 'user' ? 'a user' : 'an agent'
  return `${kind} in the role of ${actor.roles.join(', ') || '?'}${network?.named ? `, in ${network.name}` : ''}`
}

function inBrackets(model: SystemModel, offset: number): Hover | undefined {
  const bracket = model.diagrams.flatMap(({ brackets }) => brackets).find(({ span }) => covers(span, offset))
  if (bracket === undefined) return undefined
  const members = model.networks.find(({ id }) => id === bracket.network)?.actors ?? []
  return at(bracket.span, bracket.name || '(unnamed)', `a network: ${members.join(', ') || 'nobody is in it'}`)
}

function inAttributes(model: SystemModel, offset: number): Hover | undefined {
  const line = model.attributes.find(({ span }) => covers(span, offset))
  if (line === undefined) return undefined
  if (covers(line.targetSpan, offset)) {
    const keyword = KEYWORDS.find(({ word }) => word === line.kind)
    const actor = model.actors.find(({ id }) => line.refs.includes(id))
    const says = keyword?.says ?? (actor === undefined ? `a ${line.kind}` : whoIs(model, actor))
    return at(line.targetSpan, line.target, says)
  }
  const entry = line.entries.find((one) => covers({ ...one.keySpan, end: one.valueSpan.end }, offset))
  const about = aboutOf(model, line)
  const setting = SETTINGS.find((one) => one.about === about && one.name === entry?.key)
  if (entry === undefined || setting === undefined) return undefined
  const words = setting.words.length === 0 ? '' : ` One of: ${setting.words.join(', ')}.`
  const without = setting.without === '' ? '' : ` Without it: ${setting.without}.`
  return at({ ...entry.keySpan, end: entry.valueSpan.end }, entry.key, `${setting.says}.${words}${without}`)
}
