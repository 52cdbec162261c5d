// The header fields that the Receiver writes in front: Received (RFC 5321 §4.4), Authentication-Results (RFC 8601), and
// Received-SPF where the description asks for it (RFC 7208 §9.1: "SHOULD"; Authentication-Results says the same). What
// strangers wrote in our name is taken out (RFC 8601 §5).

import { unmapped } from '../../filter/lists.ts'
import { authenticationResults, type Identity, stripForgedResults } from '../../identity/authenticate.ts'
import { receivedSpf } from '../../identity/spf/received-spf.ts'
import { formatAddress } from '../../message/address.ts'
import { buildReceived } from '../../message/build-received.ts'
import { parseHeader } from '../../message/header.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import type { Agent } from '../agent.ts'

/** Our trace of the message. */
export function receivedField(
  agent: Agent,
  { session, envelope }: InboundMessage,
  identity: Identity,
  trace: string,
): string {
  const [only, ...others] = envelope.recipients
  const recipient = others.length === 0 ? only!.forwardPath : undefined
  const remoteIp = unmapped(session.peer.address)
  // Of what our backup MX hands over, the identity is that of who came to it.
  const isKnown = identity.ip === remoteIp && identity.iprev.result === 'pass'
  return buildReceived({
    helo: session.helo,
    remoteIp,
    remoteName: isKnown ? identity.iprev.name : undefined,
    byHost: agent.hostName,
    protocol: session.protocol,
    tls: session.tls,
    id: trace,
    forAddress: recipient?.type === 'mailbox' ? formatAddress(recipient.mailbox) : undefined,
    epochMs: agent.world.clock.now(),
  })
}

/** Our fields, in the order in which they stand on top. */
export function ourFields(agent: Agent, mail: InboundMessage, identity: Identity, trace: string): Uint8Array[] {
  const { helo, ip, reversePath: sender, spf } = identity
  return [
    authenticationResults(identity, agent.hostName),
    ...(agent.settings.receiver.receivedSpf ? [receivedSpf({ ip, helo, sender }, spf, agent.hostName)] : []),
    Buffer.from(receivedField(agent, mail, identity, trace)),
  ]
}

/** The message without results that were forged in our name. */
export function withoutForgedResults(agent: Agent, source: Buffer, header = parseHeader(source)): Buffer {
  const kept: Buffer[] = []
  let at = 0
  for (const field of stripForgedResults(header, agent.hostName)) {
    kept.push(source.subarray(at, field.start))
    at = field.end
  }
  return at === 0 ? source : Buffer.concat([...kept, source.subarray(at)])
}
