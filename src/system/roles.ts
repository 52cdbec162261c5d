// Which roles of the drawing an agent runs. Five run as they are; the others are these five in a certain place or with
// certain duties: a Filter, a Gateway or a
// Backup MX at the Border is a Receiver that hands over, a Bulk Sender is an MSA/Transmitter, a
// Mailing List is a Receiver/Forwarder whose targets are its members, an Open Relay takes from anybody for anybody.

import type { Block, SystemModel } from '../notation/model.ts'
import type { AgentRole } from '../roles/agent.ts'

const AS_THEY_ARE: readonly string[] = ['MSA', 'Transmitter', 'Receiver', 'Forwarder', 'MDA'] satisfies AgentRole[]

const RUN_AS: Readonly<Record<string, readonly AgentRole[]>> = {
  Filter: ['Receiver'],
  'Backup MX': ['Receiver'],
  'Bulk Sender': ['MSA', 'Transmitter'],
  'Mailing List': ['Receiver', 'Forwarder'],
  'Open Relay': ['Receiver', 'Transmitter'],
}

/** All that a description may name to be run. */
export const RUNNABLE: readonly string[] = [...AS_THEY_ARE, ...Object.keys(RUN_AS), 'Gateway']

/** The roles that an agent runs in this place of the drawing. */
export function rolesIn(model: SystemModel, block: Block): AgentRole[] {
  const roles = block.roles.flatMap((role): readonly AgentRole[] => {
    if (AS_THEY_ARE.includes(role)) return [role as AgentRole]
    if (role === 'Gateway') return [isBeforeBorder(model, block) ? 'Transmitter' : 'Receiver']
    return RUN_AS[role] ?? []
  })
  return [...new Set(roles)]
}

/** Mail has still to cross the Border when it leaves this place, and has not crossed one to come here. */
function isBeforeBorder(model: SystemModel, { id, flow }: Block): boolean {
  const { blocks, hops } = model.flows[flow]!
  const at = blocks.findIndex((block) => block.id === id)
  const place = (block: string | undefined) => blocks.findIndex((one) => one.id === block)
  const borders = hops.filter(({ border }) => border)
  const isBehind = borders.some(({ to }) => place(to) >= 0 && place(to) <= at)
  return !isBehind && borders.some(({ from }) => place(from) >= at)
}
