// The fields that the Receiver puts in front of what it takes: Received (RFC 5321 §4.4), Authentication-Results (RFC 8601),
// and Received-SPF where the description asks for it (RFC 7208 §9.1: "SHOULD"; Authentication-Results says the same).

import { authenticationResults, type Identity, stripForgedResults } from '../../identity/authenticate.ts'
import { receivedSpf } from '../../identity/spf/received-spf.ts'
import { formatAddress } from '../../message/address.ts'
import type { Header } from '../../message/header.ts'
import { buildReceived } from '../../message/received.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import type { Agent } from '../agent.ts'

/** Our fields, and what came behind them; forged results in our name taken out (RFC 8601 §5). */
export function withOurFields(
  agent: Agent,
  mail: InboundMessage,
  header: Header,
  identity: Identity,
  trace: string,
): { front: Uint8Array[]; source: Buffer } {
  const forged = stripForgedResults(header, agent.hostName)
  const { session, envelope } = mail
  const [only, ...others] = envelope.recipients
  const recipient = others.length === 0 ? only!.forwardPath : undefined
  const receivedField = buildReceived({
    helo: session.helo,
    remoteIp: identity.ip,
    remoteName: identity.iprev.result === 'pass' ? identity.iprev.name : undefined,
    byHost: agent.hostName,
    protocol: session.protocol,
    tls: session.tls,
    id: trace,
    forAddress: recipient?.type === 'mailbox' ? formatAddress(recipient.mailbox) : undefined,
    epochMs: agent.world.clock.now(),
  })
  const { helo, ip, reversePath: sender, spf } = identity
  const front = [
    authenticationResults(identity, agent.hostName),
    ...(agent.settings.receiver.receivedSpf ? [receivedSpf({ ip, helo, sender }, spf, agent.hostName)] : []),
    Buffer.from(receivedField),
  ]
  if (forged.length === 0) return { front, source: mail.source }
  const kept: Buffer[] = []
  let at = 0
  for (const field of forged) {
    kept.push(mail.source.subarray(at, field.start))
    at = field.end
  }
  kept.push(mail.source.subarray(at))
  return { front, source: Buffer.concat(kept) }
}
