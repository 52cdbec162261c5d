// The Transmitter proves its identity out of band: it signs with the keys that its DNS publishes (DKIM, RFC 6376 and 8463).

import { signDkim } from '../../identity/dkim/sign.ts'
import { parseHeader } from '../../message/header.ts'
import type { Agent } from '../agent.ts'

/** The DKIM-Signature fields for a message that leaves, one for each key; none when signing is off. */
export async function dkimFields(agent: Agent, message: Buffer): Promise<Uint8Array[]> {
  const sends = agent.roles.has('Transmitter') || agent.roles.has('Forwarder')
  if (!sends || !agent.settings.transmitter.signs) return []
  const keys = agent.secrets.dkim.map((key) => ({ ...key, domain: agent.domain }))
  return [await signDkim(parseHeader(message), keys, agent.world)]
}
