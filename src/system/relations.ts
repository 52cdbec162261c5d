// Along which relationships mail goes from one agent of a description to another: an MSA that has no Transmitter of its own
// hands over to one that carries mail for it; a Receiver that keeps no mailstore hands over to the MDA it stands before.
// Neither crosses the Border, so both sides know each other: the description says who they are and where.

import type { Hop, SystemModel } from '../notation/model.ts'
import type { AgentRole, Partner } from '../roles/agent.ts'
import type { AgentPlan } from './description.ts'
import { rolesIn } from './roles.ts'

export interface HandOver {
  /** Ids of actors. */
  readonly from: string
  readonly to: string
  /** `carry`: mail that leaves; `keep`: mail that has arrived. */
  readonly kind: 'carry' | 'keep'
}

/** Every pair of agents along which the description draws mail within a network, each once. */
function handOversOf(model: SystemModel): HandOver[] {
  const blocks = new Map(model.blocks.map((block) => [block.id, block]))
  const found = new Map<string, HandOver>()
  for (const hop of model.hops) {
    const [from, to] = [blocks.get(hop.from ?? ''), blocks.get(hop.to ?? '')]
    if (hop.border || hop.arrow === 'indirect' || from === undefined || to === undefined) continue
    if (from.actor === to.actor) continue
    const kind = kindOf(rolesIn(model, from), rolesIn(model, to))
    if (kind !== undefined) found.set(`${kind} ${from.actor} ${to.actor}`, { from: from.actor, to: to.actor, kind })
  }
  return [...found.values()]
}

function kindOf(from: readonly AgentRole[], to: readonly AgentRole[]): HandOver['kind'] | undefined {
  const sends = from.includes('MSA') || from.includes('Transmitter')
  if (sends && to.includes('Transmitter')) return 'carry'
  // A Forwarder passes mail on to an address, as the Recipient asked; that is no hand-over.
  if (from.includes('Receiver') && !from.includes('Forwarder') && to.includes('MDA')) return 'keep'
  return undefined
}

/** The Receivers to which mail comes from outside: not only from another one that stands before it. */
export function agentsAtTheBorder(model: SystemModel): Set<string> {
  const blocks = new Map(model.blocks.map((block) => [block.id, block]))
  const receivers = new Map(
    model.blocks.flatMap(({ id, actor }) =>
      rolesIn(model, blocks.get(id)!).includes('Receiver') ? [[id, actor] as const] : [],
    ),
  )
  const isHandedOver = ({ border, arrow, from, to }: Hop) =>
    !border &&
    arrow !== 'indirect' &&
    from !== undefined &&
    kindOf(rolesIn(model, blocks.get(from)!), rolesIn(model, blocks.get(to!)!)) === 'keep'
  const [reached, fromOutside] = [new Set<string>(), new Set<string>()]
  for (const hop of model.hops) {
    const actor = receivers.get(hop.to ?? '')
    if (actor === undefined) continue
    reached.add(actor)
    if (!isHandedOver(hop)) fromOutside.add(actor)
  }
  return new Set([...receivers.values()].filter((actor) => !reached.has(actor) || fromOutside.has(actor)))
}

type Complain = (agent: string, code: string, message: string, remedy: string, reason?: string) => void

/** The agents with what their relationships to each other mean; what cannot work is complained about. */
export function joined(model: SystemModel, alone: readonly AgentPlan[], complain: Complain): AgentPlan[] {
  const agents = withNames(alone)
  const handOvers = handOversOf(model)
  const byId = new Map(agents.map((agent) => [agent.id, agent]))
  const agentOf = (id: string) => byId.get(id)
  const others = new Map<string, AgentPlan[]>()
  for (const { kind, from, to } of handOvers)
    for (const [side, id, other] of [['from', to, from] as const, ['to', from, to] as const]) {
      const list = others.get(`${kind} ${side} ${id}`) ?? []
      others.set(`${kind} ${side} ${id}`, list)
      list.push(...(agentOf(other) === undefined ? [] : [agentOf(other)!]))
    }
  const partners = (kind: HandOver['kind'], side: 'from' | 'to', id: string) =>
    others.get(`${kind} ${side} ${id}`) ?? []
  /** Whose mail an agent may carry: its own domain's, and of those who hand over to it. Circles end. */
  const domainsOf = (id: string, seen: readonly string[] = []): string[] =>
    seen.includes(id)
      ? []
      : [
          ...new Set([
            ...(agentOf(id) === undefined ? [] : [agentOf(id)!.domain]),
            ...partners('carry', 'from', id).flatMap((one) => domainsOf(one.id, [...seen, id])),
          ]),
        ]
  /** Selectors of one domain differ: the first to sign for it has the plain ones. */
  const firstOf = (isMeant: (one: AgentPlan) => boolean) =>
    new Map(
      agents
        .filter(isMeant)
        .toReversed()
        .map((one) => [one.domain, one]),
    )
  const signers = firstOf(({ roles }) => roles.has('Transmitter') || roles.has('Forwarder'))
  const ofDomain = firstOf(() => true)
  const mdas = firstOf(({ roles }) => roles.has('MDA'))
  const firstSigner = (domain: string) => (signers.get(domain) ?? ofDomain.get(domain))?.id
  return agents.map((agent): AgentPlan => {
    const { id, roles, settings } = agent
    const [carrier] = roles.has('Transmitter') ? [] : partners('carry', 'to', id)
    const through = carrier ?? partners('carry', 'to', id)[0]
    const homes = partners('keep', 'to', id)
    const receivers = partners('keep', 'from', id)
    const mda = mdas.get(agent.domain)
    const isAnothers = mda !== undefined && mda !== agent
    if (roles.has('MSA') && !roles.has('Transmitter') && carrier === undefined)
      complain(
        id,
        'S09',
        `${id} plays MSA without Transmitter: its mail would never leave`,
        'Write MSA/Transmitter, or draw who carries it: MSA ==> Transmitter.',
      )
    if (roles.has('MDA') && !roles.has('Receiver') && receivers.length === 0 && settings.mda.lmtpFrom.length === 0)
      complain(
        id,
        'S09',
        `${id} plays MDA without Receiver: no mail would reach it`,
        'Write Receiver/MDA, or draw who hands it over: Receiver ==> MDA.',
        'Border defence should be done at the Border: by a Receiver.',
      )
    if (roles.has('Forwarder') && !roles.has('Receiver'))
      complain(
        id,
        'S09',
        `${id} plays Forwarder without Receiver: no mail would reach it`,
        'Write Receiver/Forwarder.',
        'Border defence should be done at the Border: by a Receiver.',
      )
    if (roles.has('MDA') && mda !== agent)
      complain(
        id,
        'S06',
        `${mda!.id} and ${id} are both the MDA of ${agent.domain}`,
        'Give each its own domain, or make them one actor with the same @id.',
      )
    if (homes.length > 0 && roles.has('MDA') && homes.some(({ domain }) => domain === agent.domain))
      complain(id, 'S06', `${id} hands mail of ${agent.domain} over, and keeps it`, 'Let one agent be the MDA of it.')
    return {
      ...agent,
      signsFor: domainsOf(id).map((domain) => ({
        domain,
        suffix: firstSigner(domain) === id ? '' : `-${id.toLowerCase()}`,
      })),
      settings: {
        ...settings,
        msa: { ...settings.msa, keepsNone: isAnothers && !roles.has('Receiver') },
        transmitter: {
          ...settings.transmitter,
          via: through && partnerOf(through),
          carries: partners('carry', 'from', id).map((one) => ({ ...partnerOf(one), domains: domainsOf(one.id) })),
        },
        receiver: {
          ...settings.receiver,
          homes: homes.map((home) => ({
            domain: home.domain,
            at: partnerOf(home),
            trusts: new Map(home.people.map(({ address, trusts }) => [address.toLowerCase(), trusts])),
          })),
        },
        mda: { ...settings.mda, receivers: receivers.map(partnerOf) },
      },
    }
  })
}

const partnerOf = ({ id, hostName, listen }: AgentPlan): Partner => ({ id, hostName, ip: listen })

/** Hosts of one domain have different names. */
function withNames(agents: readonly AgentPlan[]): AgentPlan[] {
  const taken = new Set<string>()
  return agents.map((agent) => {
    const hostName = taken.has(agent.hostName) ? `${agent.id.toLowerCase()}.${agent.domain}` : agent.hostName
    taken.add(hostName)
    const stsPolicy = agent.stsPolicy && { ...agent.stsPolicy, mx: [hostName] }
    return { ...agent, hostName, stsPolicy }
  })
}
