// The Forwarder's reverse-path: SRS, so that SPF speaks of the Forwarder that really sends, and a bounce still finds its
// way back. The scheme is in identity/srs.ts; here are this agent's secrets, its domain and its clock.

import { forwardSrs, reverseSrs as reverse } from '../../identity/srs.ts'
import type { Agent } from '../agent.ts'

/** The reverse-path that forwarded mail leaves with. The null reverse-path stays null. */
export function srsReversePath(agent: Agent, reversePath: string): string {
  if (reversePath === '' || !agent.settings.forwarder.srs) return reversePath
  // Our own addresses pass SPF as they are.
  if (reversePath.toLowerCase().endsWith(`@${agent.domain}`)) return reversePath
  return forwardSrs(reversePath, agent.domain, { secrets: agent.secrets.srs, nowMs: agent.world.clock.now() })
}

/** Where an SRS address of ours leads back to; undefined when it is forged, too old or none of ours. */
export function reverseSrs(agent: Agent, localPart: string): string | undefined {
  const result = reverse(localPart, { secrets: agent.secrets.srs, nowMs: agent.world.clock.now() })
  return result.ok ? result.address : undefined
}
