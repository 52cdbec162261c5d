// Forwarder: passes mail on to where the Recipient now reads it. Body and signed header fields stay untouched (but where
// the description says otherwise: change.ts), so DKIM survives; the reverse-path becomes ours (SRS), so that SPF speaks of us; the ARC seal tells the next Receiver what our
// Border saw (RFC 8617). Delivered-To marks that the mail was here, against loops.

import { sealArc } from '../../identity/arc/seal.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { resultsValue } from '../../identity/results.ts'
import { fieldsNamed, type Header, parseHeader } from '../../message/header.ts'
import type { Envelope, EnvelopeRecipient } from '../../protocols/smtp/envelope.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'
import { isTlsWaived } from '../msa/demands.ts'
import { isAnswerable } from '../receiver/sorting.ts'
import { forwardPathOf, type Later, listAt, queueCommand, wishesOf } from '../routing.ts'
import type { Happening } from '../tracking.ts'
import { dkim2Fields, dkimFields } from '../transmitter/signing.ts'
import { changed } from './change.ts'
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
  /** A copy stays here. */
  readonly isKept: boolean
  readonly detail: Record<string, unknown>
}

/** What leaves, whether now or from the queue: the same bytes, so that a target that got them twice can know them. */
export interface Outgoing extends Pick<QueueEntry, 'reversePath' | 'forwardPath' | 'parameters'> {
  readonly message: Buffer
  readonly isSealed: boolean
}

/** The message as it leaves for the target. */
export async function prepareForward(agent: Agent, forwarding: Forwarding): Promise<Outgoing> {
  const { mail, recipient, from, to } = forwarding
  const isList = listAt(agent, forwardPathOf(from)) !== undefined
  const source = changed(agent, forwarding.source, from)
  // An Open Relay knows no address here that it could name.
  const passed = Buffer.concat([...(from === to ? [] : [deliveredToField(from)]), ...forwarding.front, source])
  const content = isList ? await signedByList(agent, passed) : passed
  const sealFields = await sealOf(agent, content, forwarding.identity)
  const sealed = sealFields.length === 0 ? content : Buffer.concat([...sealFields, content])
  // What cannot reach a member is for the list to know, and not for the Author.
  const reversePath = isList ? ownerOfList(from) : srsReversePath(agent, forwarding.reversePath)
  return {
    // Without a recipe for the change the chain of custody ends here (draft §8.8).
    message:
      source === forwarding.source ? await withHop(agent, sealed, forwarding.identity, { reversePath, to }) : sealed,
    isSealed: sealFields.length > 0,
    reversePath,
    forwardPath: to,
    parameters: {
      // Its reverse-path may be anybody's.
      ...(isList || isAnswerable(forwarding.identity) ? {} : { isUnproven: true }),
      smtputf8: mail.envelope.smtputf8,
      body: mail.envelope.body,
      ...(isTlsWaived(mail.envelope, parseHeader(forwarding.source)) && { ignoresTlsPolicy: true }),
      ...(isList ? wishesOf(ofMember(recipient, to)) : wishesIn(mail.envelope, recipient, from)),
      // Where a copy is kept the message has arrived: nobody hears of a failure of the other.
      ...(forwarding.isKept ? { notify: [] } : {}),
      forwardedFrom: from,
    },
  }
}

/** RFC 3461 §5.2.7.1: at a list the message has arrived, and its copies are the list's own. */
const ofMember = ({ forwardPath }: EnvelopeRecipient, to: string): EnvelopeRecipient => ({
  forwardPath,
  orcpt: { type: 'rfc822', address: to },
})

/** Who hears of a failure must recognise the address (RFC 3461 §5.2.1, §5.2.7.2). */
const wishesIn = ({ ret, envid }: Envelope, recipient: EnvelopeRecipient, from: string) => ({
  ret,
  envid,
  ...wishesOf({ ...recipient, orcpt: recipient.orcpt ?? { type: 'rfc822', address: from } }),
})

/** What a list sends to its members of mail that came without our Border. @throws DiskError */
export async function listCopy(
  agent: Agent,
  list: string,
  source: Buffer,
): Promise<Pick<Outgoing, 'message' | 'reversePath'>> {
  const passed = Buffer.concat([deliveredToField(list), changed(agent, source, list)])
  return { message: await signedByList(agent, passed), reversePath: ownerOfList(list) }
}

const deliveredToField = (address: string) => Buffer.from(`Delivered-To: ${address}\r\n`)

const signedByList = async (agent: Agent, passed: Buffer) =>
  Buffer.concat([...(await dkimFields(agent, passed)), passed])

/** The addresses that a message has been sent on from, lower case. */
export const sentOnFrom = (header: Header): string[] =>
  fieldsNamed(header, 'delivered-to').map(({ valueStart, end }) =>
    header.source.toString('latin1', valueStart, end).trim().toLowerCase(),
  )

const ownerOfList = (list: string) => list.replace(/@(?=[^@]*$)/, '-owner@')

/** The command that puts it into the queue, due at once if nothing else is said. @throws DiskError */
export async function queueForward(
  agent: Agent,
  { trace }: Forwarding,
  { message, reversePath, forwardPath, parameters }: Outgoing,
  later?: Later,
): Promise<Command[]> {
  const blob = await agent.store.putBlob([message])
  return [queueCommand(agent, { trace, blob, reversePath, parameters, origin: 'forwarder' }, forwardPath, later)]
}

/** What tracking says of a message that goes on, now or from the queue. */
export function forwardedEvent(
  forwarding: Pick<Forwarding, 'trace' | 'messageId' | 'from' | 'to' | 'detail'>,
  { reversePath, isSealed }: Pick<Outgoing, 'reversePath' | 'isSealed'>,
): Happening {
  const { trace, messageId, from, to } = forwarding
  return {
    trace,
    messageId,
    role: 'Forwarder',
    kind: 'forwarded',
    reversePath,
    forwardPath: to,
    text: `${from === to ? `Relayed to ${to}, as an Open Relay does for anybody` : `Forwarded from ${from} to ${to}`}${isSealed ? ', sealed with ARC' : ''}; the reverse-path is ${reversePath === '' ? '<>' : reversePath}.`,
    detail: { ...forwarding.detail, from, to },
  }
}

/**
 * Our hop in the chain of custody, where the chain was whole when the message came (draft-ietf-dkim-dkim2-spec §9.2). What
 * we changed is not hashed, so no recipe is needed.
 */
export async function withHop(
  agent: Agent,
  message: Buffer,
  { dkim2 }: Identity,
  { reversePath, to }: { readonly reversePath: string; readonly to: string },
): Promise<Buffer> {
  if (dkim2?.result !== 'pass') return message
  const leaving = { reversePath, recipients: [to], atMs: agent.world.clock.now() }
  return Buffer.concat([...(await dkim2Fields(agent, message, leaving)), message])
}

/** The ARC set over what we send; none when sealing is off or the chain is already broken (RFC 8617 §5.1.1). */
async function sealOf(agent: Agent, content: Buffer, identity: Identity): Promise<Uint8Array[]> {
  const key = agent.secrets.dkim.find(({ algorithm, domain }) => algorithm === 'rsa-sha256' && domain === agent.domain)
  if (!agent.settings.forwarder.seals || key === undefined) return []
  const results = resultsValue(identity, agent.hostName)
  return [await sealArc(parseHeader(content), results, { ...key, domain: agent.domain }, identity.arc, agent.world)]
}
