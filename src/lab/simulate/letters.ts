// One letter for each flow of a drawing: who writes it, to which address, and which agents it should pass. A flow that
// begins in the open Internet gets an honest stranger's letter.

import type { Block, Flow } from '../../notation/model.ts'
import { blockLabel } from '../../notation/model.ts'
import type { ZoneRecord } from '../../protocols/dns/zone.ts'
import type { AgentPlan, PersonPlan, SystemPlan } from '../../system/plan.ts'

export interface FlowLetter {
  readonly flow: number
  /** The flow, as it is written. */
  readonly text: string
  /** Where the Author's program hands it in, and by which door. */
  readonly first: AgentPlan
  readonly door: 'submission' | 'smtp'
  readonly from: string
  /** Undefined: the MSA knows its Author by the address of the machine. */
  readonly password: string | undefined
  /** The address of the machine that it is written on. */
  readonly ip: string
  readonly to: string
  /** Where it should end. */
  readonly recipient: string
  /** Ids of agents, in the order of the drawing. */
  readonly path: readonly string[]
}

export interface Skipped {
  readonly flow: number
  readonly text: string
  readonly why: string
}

/** A domain that has no part in the drawing: its host, its addresses, no key. */
export const STRANGER = { domain: 'stranger.test', ip: '127.0.99.77', address: 'sam@stranger.test' } as const

export const STRANGERS_RECORDS: readonly ZoneRecord[] = [
  { name: STRANGER.domain, type: 'MX', ttlS: 60, data: { preference: 10, exchange: `mail.${STRANGER.domain}` } },
  { name: `mail.${STRANGER.domain}`, type: 'A', ttlS: 60, data: STRANGER.ip },
  { name: `mail.${STRANGER.domain}`, type: 'TXT', ttlS: 60, data: `v=spf1 ip4:${STRANGER.ip} -all` },
  { name: '77.99.0.127.in-addr.arpa', type: 'PTR', ttlS: 60, data: `mail.${STRANGER.domain}` },
  { name: STRANGER.domain, type: 'TXT', ttlS: 60, data: `v=spf1 ip4:${STRANGER.ip} -all` },
  { name: `_dmarc.${STRANGER.domain}`, type: 'TXT', ttlS: 60, data: 'v=DMARC1; p=none' },
]

const AUTHORS_IP = '127.0.99.1'

/** The letters of all flows, and the flows that no letter can follow. */
export function lettersOf(plan: SystemPlan): { letters: FlowLetter[]; skipped: Skipped[] } {
  const letters: FlowLetter[] = []
  const skipped: Skipped[] = []
  const agentOf = new Map(plan.agents.map((agent) => [agent.id, agent]))
  const people = new Map(plan.agents.flatMap((agent) => agent.people.map((person) => [person.id, person])))
  const blocks = new Map(plan.model.blocks.map((block) => [block.id, block]))
  const handing = Map.groupBy(plan.agents, ({ settings }) => settings.transmitter.via?.id ?? '')
  const order = new Map(plan.agents.map((agent, at) => [agent, at]))
  for (const flow of plan.model.flows) {
    const text = textOf(blocks, flow)
    const letter = letterOf({ agentOf, people, handing, order }, flow)
    if (typeof letter === 'string') skipped.push({ flow: flow.index, text, why: letter })
    else letters.push({ ...letter, flow: flow.index, text })
  }
  return { letters, skipped }
}

/** Who there is, by ids. */
interface Cast {
  readonly agentOf: ReadonlyMap<string, AgentPlan>
  readonly people: ReadonlyMap<string, PersonPlan>
  /** MSAs that hand over to this carrier. */
  readonly handing: ReadonlyMap<string, readonly AgentPlan[]>
  /** In the text. */
  readonly order: ReadonlyMap<AgentPlan, number>
}

function letterOf(cast: Cast, flow: Flow): Omit<FlowLetter, 'flow' | 'text'> | string {
  const agents = flow.blocks.flatMap((block) => cast.agentOf.get(block.actor) ?? [])
  const path = agents.map(({ id }) => id).filter((id, i, all) => id !== all[i - 1])
  const [first] = agents
  const last = agents.at(-1)
  if (first === undefined || last === undefined) return 'no agent is drawn'
  if (flow.hops.length === 0) return 'no mail flows'
  if (flow.hops.at(-1)?.to === undefined) return 'it ends in the open Internet'
  const end = cast.people.get(flow.blocks.at(-1)!.actor)
  const recipient = end?.address ?? addressAt(last)
  if (recipient === undefined) return `no mail stays at ${last.id}`
  // Backwards: the address at each Forwarder or list that leads there.
  let to = recipient
  for (const agent of agents.toReversed()) {
    const { lists, forwards } = agent.settings.forwarder
    const isTo = (one: string) => one.toLowerCase() === to.toLowerCase()
    if (to.toLowerCase().endsWith(`@${agent.domain}`)) continue
    const before =
      lists.find(({ members }) => members.some(isTo))?.address ?? forwards.find((one) => isTo(one.to))?.from
    if (before !== undefined) to = before
  }
  // Nobody hands in at an Open Relay: whoever found it writes.
  const author = first.settings.receiver.isOpen ? undefined : authorOf(cast, flow, agents)
  const common = { to, recipient, path }
  if (author !== undefined) {
    const { person, msa } = author
    const ip = person.stations[0]?.value ?? msa.settings.msa.networks[0]?.value
    const hasPassword = person.password !== undefined && msa.settings.msa.password
    if (!hasPassword && ip === undefined) return `${person.id} has no password in the description`
    return {
      ...common,
      first: msa,
      door: 'submission',
      from: person.address,
      password: hasPassword ? person.password : undefined,
      ip: hasPassword || ip === undefined ? AUTHORS_IP : addressIn(ip),
    }
  }
  const receiver = agents.find(({ roles }) => roles.has('Receiver'))
  if (receiver === undefined) return `nobody writes at ${first.id}, and nobody takes mail there from outside`
  return { ...common, first: receiver, door: 'smtp', from: STRANGER.address, password: undefined, ip: STRANGER.ip }
}

/** An address in a network that is no other machine's: its last but a few. */
function addressIn(network: string): string {
  const [base = '', bits = '32'] = network.split('/')
  if (base.includes(':') || Number(bits) >= 32) return base
  const parts = base.split('.').map(Number)
  return [...parts.slice(0, 3), Number(bits) <= 24 ? 201 : parts[3]! + 1].join('.')
}

function authorOf({ agentOf, handing, order }: Cast, flow: Flow, [first]: readonly AgentPlan[]) {
  const isDrawn = ({ id }: PersonPlan) =>
    flow.blocks.some((block) => block.actor === id && block.roles.includes('Author'))
  const drawn = new Set(flow.blocks.map(({ actor }) => actor))
  const hands = (agent: AgentPlan) =>
    agent.id === first!.id || agent.settings.transmitter.via?.id === first!.id || drawn.has(agent.id)
  const near = [first!, ...[...drawn].flatMap((id) => agentOf.get(id) ?? []), ...(handing.get(first!.id) ?? [])]
  const found = [...new Set(near)]
    .filter((agent) => agent.roles.has('MSA') && hands(agent))
    .sort((a, b) => order.get(a)! - order.get(b)!)
    .flatMap((msa) => msa.people.map((person) => ({ person, msa })))
    .filter(({ person }) => person.roles.includes('Author'))
  const written = flow.blocks.some((block) => block.roles.includes('Author'))
  if (written) return found.find(({ person }) => isDrawn(person))
  return first!.roles.has('MSA') || first!.roles.has('Transmitter') ? found[0] : undefined
}

function addressAt({ roles, people, settings, domain }: AgentPlan): string | undefined {
  if (roles.has('MDA'))
    return (people.find((one) => one.roles.includes('Recipient')) ?? people[0])?.address ?? `postmaster@${domain}`
  return settings.forwarder.lists[0]?.address ?? settings.forwarder.forwards[0]?.from
}

const SIGN = { direct: '==>', indirect: '~~>', flow: '-->' } as const

function textOf(all: ReadonlyMap<string, Block>, { hops }: Flow): string {
  const label = (id: string | undefined) => {
    const block = id === undefined ? undefined : all.get(id)
    return block === undefined ? '' : blockLabel(block)
  }
  const words = hops.flatMap((hop, i) => [
    ...(i === 0 ? [label(hop.from)] : []),
    hop.border ? '--> / -->' : SIGN[hop.arrow],
    label(hop.to),
  ])
  return words.filter((word) => word !== '').join(' ')
}
