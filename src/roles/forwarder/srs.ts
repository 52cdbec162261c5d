// The Forwarder's reverse-path: SRS, so that SPF speaks of the Forwarder that really sends, and a bounce still finds its
// way back. The scheme is in identity/srs.ts; here are this agent's secrets, its domain and its clock.

import { forwardSrs, reverseLocalPart } from '../../identity/srs.ts'
import type { Agent } from '../agent.ts'

/**
 * The reverse-path that forwarded mail leaves with. The null reverse-path stays null; an address too long to be
 * rewritten stays as it is: then SPF fails at the next Receiver, and DKIM and the seal must speak for the message.
 */
export function srsReversePath(agent: Agent, reversePath: string): string {
  if (!agent.settings.forwarder.srs) return reversePath
  return forwardSrs(reversePath, srsOf(agent), agent.world.clock) ?? reversePath
}

/** Where an SRS address of ours leads back to; undefined when it is forged, too old or none of ours. */
export function reverseSrs(agent: Agent, localPart: string): string | undefined {
  const reversed = reverseLocalPart(localPart, srsOf(agent), agent.world.clock)
  return reversed.result === 'address' ? reversed.address : undefined
}

const srsOf = (agent: Agent) => ({ domain: agent.domain, secrets: agent.secrets.srs })
