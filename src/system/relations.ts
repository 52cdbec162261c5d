// Along which relationships mail goes from one agent of a description to another: an MSA that has no Transmitter of its own
// hands over to one that carries mail for it; a Receiver that keeps no mailstore hands over to the MDA it stands before; a
// Backup MX keeps mail for the Receiver or MDA that it stands in for. None crosses the Border, so both sides know each other: the description says who they are and where.

import type { Block, Hop, SystemModel } from '../notation/model.ts'
import type { BackedDomain, Partner } from '../roles/agent.ts'
import type { AgentPlan } from './plan.ts'
import { rolesIn } from './roles.ts'

export interface HandOver {
  /** Ids of actors. */
  readonly from: string
  readonly to: string
  /** `carry`: mail that leaves; `keep`: mail that has arrived; `back`: the same, and it waits while they are away. */
  readonly kind: 'carry' | 'keep' | 'back'
}

/** Every pair of agents along which the description draws mail within a network, each once. */
function handOversOf(model: SystemModel): HandOver[] {
  const blocks = new Map(model.blocks.map((block) => [block.id, block]))
  const found = new Map<string, HandOver>()
  for (const hop of model.hops) {
    const [from, to] = [blocks.get(hop.from ?? ''), blocks.get(hop.to ?? '')]
    if (hop.border || hop.arrow === 'indirect' || from === undefined || to === undefined) continue
    if (from.actor === to.actor) continue
    const kind = kindOf(model, from, to)
    if (kind !== undefined) found.set(`${kind} ${from.actor} ${to.actor}`, { from: from.actor, to: to.actor, kind })
  }
  return [...found.values()]
}

function kindOf(model: SystemModel, before: Block, behind: Block): HandOver['kind'] | undefined {
  const [from, to] = [rolesIn(model, before), rolesIn(model, behind)]
  if (before.roles.includes('Backup MX') && (to.includes('Receiver') || to.includes('MDA'))) return 'back'
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
    ['keep', 'back'].includes(kindOf(model, blocks.get(from)!, blocks.get(to!)!) ?? '')
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
    const standIns = partners('back', 'from', id)
    const receivers = [...partners('keep', 'from', id), ...(roles.has('Receiver') ? [] : standIns)]
    const primaries = partners('back', 'to', id)
    const backs = primaries.flatMap((one) => backedBy(one, partners('keep', 'to', one.id)))
    const drawn = new Set(backs.map(({ domain }) => domain))
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
            trusts: trustsOf(home),
          })),
          backs: [...backs, ...settings.receiver.backs.filter(({ domain }) => !drawn.has(domain))],
          backups: roles.has('Receiver') ? standIns.map(partnerOf) : [],
        },
        mda: { ...settings.mda, receivers: receivers.map(partnerOf) },
      },
    }
  })
}

const partnerOf = ({ id, hostName, listen }: AgentPlan): Partner => ({ id, hostName, ip: listen })

const trustsOf = ({ people }: AgentPlan) =>
  new Map(people.map(({ address, trusts }) => [address.toLowerCase(), trusts]))

/** What is taken for a primary while it is away: mail of its domain, and of the MDAs behind it. */
function backedBy(primary: AgentPlan, homes: readonly AgentPlan[]): BackedDomain[] {
  const domains = primary.roles.has('MDA') || homes.length === 0 ? [primary, ...homes] : homes
  const service = primary.roles.has('Receiver') ? 'smtp' : 'lmtp'
  // One actor may be the MDA of a domain, and its Receiver another's: each domain once.
  return [...new Map(domains.map((one) => [one.domain, one])).values()].map((one) => ({
    domain: one.domain,
    primary: { at: partnerOf(primary), service },
    trusts: trustsOf(one),
  }))
}

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
