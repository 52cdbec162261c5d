// What is known of a message's path, hop by hop, because we carried it: which machines handled it, what each did, on whose
// side it stands, and where the Border was crossed. A hop is a machine that wrote a Received line, or should have.
//
// Which roles a header can show. A line says who took the message from whom, so a role shows where it changes who holds the
// message: MSA (took it from an Author), Transmitter (sent it out of the sender's network, or towards it), Receiver (took it
// at the Border), Forwarder and Mailing List (passed it on to another address), Open Relay (took it from a stranger for
// others), MDA (nobody handed it on). Not shown, and so read as what they do here:
//   Bulk Sender: a Transmitter; how many others got the same stands in no header.
//   Backup MX, Filter: a Receiver; the order of MX records and whose filter it is stand in DNS and in contracts.
//   Gateway: a Transmitter on the sender's side, a Receiver on the Recipient's.
//   Roles that an agent has and does not play for this message: an MDA that keeps a copy of what it forwards, the Receiver
//   for which a backup MX has taken the mail.
// An agent of several relays that plays two roles does the first at its first relay and the other at its last; a Forwarder's
// relays are one, since nothing shows which of them rewrote the address.

import type { Flow } from '../../../notation/model.ts'
import type { SystemPlan } from '../../../system/plan.ts'
import type { TraceBlock } from '../blocks.ts'

export interface KnownHop {
  /** The name in its own line; its address, where it wrote none and has no name. */
  readonly host: string
  readonly roles: readonly string[]
  readonly side: TraceBlock['side']
  /** The Border is crossed to come here, or a Forwarder's indirect relationship. */
  readonly isEntered: boolean
}

export interface KnownPath {
  readonly hops: readonly KnownHop[]
  /** Received lines that no relay wrote: each its value's first characters, unique in the message. */
  readonly forged: readonly string[]
}

/** The path of a message along a flow, by the agents that it passed. */
export function knownPath(
  plan: SystemPlan,
  flow: Flow,
  passed: readonly string[],
  forged: readonly string[],
): KnownPath {
  const agents = flow.blocks.flatMap((block) => {
    const agent = plan.agents.find(({ id }) => id === block.actor)
    return agent === undefined ? [] : [{ block, agent }]
  })
  const isRelayed = (roles: readonly string[]) => roles.includes('Forwarder') || roles.includes('Mailing List')
  const firstInside = agents.findIndex(({ block }) => !block.roles.includes('MSA') && isAtBorder(flow, block.id))
  // A Gateway before the Border is a Transmitter, and one behind it a Receiver.
  const entry = firstInside < 0 ? agents.length : firstInside
  const lastPassing = agents.findLastIndex(({ block }, index) => isRelayed(block.roles) && index < agents.length - 1)
  const hops = agents.map(({ block, agent }, index): KnownHop => {
    const isEntered = isAtBorder(flow, block.id)
    const isLast = index === agents.length - 1
    const common = { host: agent.hostName, isEntered }
    if (block.roles.includes('Open Relay')) return { ...common, roles: ['Open Relay'], side: 'cloud' }
    if (index < entry) {
      const roles = ['MSA', 'Transmitter'].filter((role) => isSending(block.roles, role))
      return { ...common, roles, side: 'sender' }
    }
    if (index <= lastPassing) {
      const passing = block.roles.includes('Mailing List') ? 'Mailing List' : 'Forwarder'
      return { ...common, roles: ['Receiver', passing], side: 'forwarder' }
    }
    const roles = [...(isEntered || !isLast ? ['Receiver'] : []), ...(isLast ? ['MDA'] : [])]
    return { ...common, roles, side: 'recipient' }
  })
  return { hops: hops.filter((_, index) => passed.includes(agents[index]!.agent.id)), forged }
}

export const isAtBorder = (flow: Flow, block: string): boolean =>
  flow.hops.some((hop) => hop.to === block && (hop.border || hop.arrow === 'indirect'))

const SENDS = new Set(['Transmitter', 'Bulk Sender', 'Gateway'])

const isSending = (roles: readonly string[], role: string): boolean =>
  role === 'Transmitter' ? roles.some((one) => SENDS.has(one)) : roles.includes(role)

/** A stranger who handed the message over without a line of his own. */
export const strangersHop = (host: string): KnownHop => ({
  host,
  roles: ['Transmitter'],
  side: 'sender',
  isEntered: false,
})
