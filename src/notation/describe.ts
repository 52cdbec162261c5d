// The system read aloud: for `<desc>` of the picture, for screen readers, and for who learns the notation.

import type { Block, Flow, Hop, SystemModel } from './model.ts'

const RELATION = {
  direct: 'with whom there is a direct relationship',
  indirect: 'with whom there is an indirect relationship',
  flow: '',
} as const

/** A few plain sentences about who is there and how mail flows. */
export function describe(model: SystemModel): string {
  const named = model.networks.filter((network) => network.named)
  const networks =
    named.length === 0 ? '' : ` in ${count(named.length, 'network')}: ${list(named.map((network) => network.name))}`
  const users = model.actors.filter((actor) => actor.kind === 'user').length
  const agents = model.actors.length - users
  const who = [users > 0 ? count(users, 'user') : '', agents > 0 ? count(agents, 'agent') : ''].filter(Boolean)
  const head = `An email system with ${list(who.length > 0 ? who : ['nobody'])}${networks}.`
  return [head, ...model.flows.map((flow) => describeFlow(flow))].join(' ')
}

function describeFlow(flow: Flow): string {
  const blocks = new Map(flow.blocks.map((block) => [block.id, block]))
  const name = (id: string | undefined) => (id === undefined ? 'the open Internet' : nameOf(blocks.get(id)!))
  if (flow.hops.length === 0) return flow.blocks.map((block) => `There is ${nameOf(block)}.`).join(' ')
  const steps = flow.hops.map(
    (hop) => `${way(hop)} ${name(hop.to)}${RELATION[hop.arrow] && `, ${RELATION[hop.arrow]}`}`,
  )
  return `Mail flows from ${name(flow.hops[0]!.from)} ${steps.join('; then ')}.`
}

function way(hop: Hop): string {
  if (!hop.border) return 'to'
  return hop.crossings.length > 1 ? `across ${hop.crossings.length} Borders to` : 'across the Border to'
}

function nameOf(block: Block): string {
  const roles = block.unknown ? 'somebody unknown' : `the ${list(block.roles)}`
  const relays = block.relays > 1 ? ` (${block.relays} relays)` : ''
  return roles + (block.at === undefined ? '' : ` ${block.at}`) + relays
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

function list(items: string[]): string {
  return items.length < 2 ? (items[0] ?? '') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}
