// Forwarder: passes mail on to where the Recipient now reads it. Body and signed header fields stay untouched, so DKIM
// survives; the reverse-path becomes ours (SRS), so that SPF speaks of us; the ARC seal tells the next Receiver what our
// Border saw (RFC 8617). Delivered-To marks that the mail was here, against loops.

import { sealArc } from '../../identity/arc/seal.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { resultsValue } from '../../identity/results.ts'
import { parseHeader } from '../../message/header.ts'
import type { EnvelopeRecipient } from '../../protocols/smtp/envelope.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import type { Command } from '../../store/commands.ts'
import type { Agent } from '../agent.ts'
import { queueCommand, wishesOf } from '../routing.ts'
import { eventCommand } from '../tracking.ts'
import { srsReversePath } from './srs.ts'

export interface Forwarding {
  readonly trace: string
  readonly reversePath: string
  readonly messageId: string
  readonly mail: InboundMessage
  readonly recipient: EnvelopeRecipient
  /** The fields that the Receiver put in front. */
  readonly front: readonly Uint8Array[]
  readonly source: Buffer
  readonly identity: Identity
  /** The Recipient's address here, and where he reads now. */
  readonly from: string
  readonly to: string
  readonly detail: Record<string, unknown>
}

/** The commands that pass one message on for one Recipient; part of the Receiver's commit. @throws DiskError */
export async function forwardCommands(agent: Agent, forwarding: Forwarding): Promise<Command[]> {
  const { trace, messageId, mail, recipient, from, to } = forwarding
  const deliveredTo = Buffer.from(`Delivered-To: ${from}\r\n`)
  const content = Buffer.concat([deliveredTo, ...forwarding.front, forwarding.source])
  const sealFields = await sealOf(agent, content, forwarding.identity)
  const blob = await agent.store.putBlob([...sealFields, content])
  const reversePath = srsReversePath(agent, forwarding.reversePath)
  const parameters = {
    smtputf8: mail.envelope.smtputf8,
    body: mail.envelope.body,
    ret: mail.envelope.ret,
    envid: mail.envelope.envid,
    // Who hears of a failure must recognise the address (RFC 3461 §5.2.1).
    ...wishesOf({ ...recipient, orcpt: recipient.orcpt ?? { type: 'rfc822', address: from } }),
  }
  return [
    queueCommand(agent, { trace, blob, reversePath, parameters, origin: 'forwarder' }, to),
    eventCommand(agent, {
      trace,
      messageId,
      role: 'Forwarder',
      kind: 'forwarded',
      reversePath,
      forwardPath: to,
      text: `Forwarded from ${from} to ${to}${sealFields.length > 0 ? ', sealed with ARC' : ''}; the reverse-path is ${reversePath === '' ? '<>' : reversePath}.`,
      detail: { ...forwarding.detail, from, to },
    }),
  ]
}

/** The ARC set over what we send; none when sealing is off or the chain is already broken (RFC 8617 §5.1.1). */
async function sealOf(agent: Agent, content: Buffer, identity: Identity): Promise<Uint8Array[]> {
  const key = agent.secrets.dkim.find(({ algorithm }) => algorithm === 'rsa-sha256')
  if (!agent.settings.forwarder.seals || key === undefined) return []
  const results = resultsValue(identity, agent.hostName)
  return [await sealArc(parseHeader(content), results, { ...key, domain: agent.domain }, identity.arc, agent.world)]
}
