// A bounce that comes in from the Border is told in the story of the message that it is about, and counted for its Author.
// Everybody can write a bounce, so it counts only of a message that left from here, to a recipient that it went to: known
// by the reverse-path that nobody else can have made (VERP), or by its Message-ID, which only its recipients have seen.

import { type Bounce, type BouncedRecipient, readBounce } from '../../identity/reports/bounces/read.ts'
import { REASONS } from '../../identity/reports/bounces/reasons.ts'
import { isVerpRecipient, type VerpAddress } from '../../identity/verp.ts'
import { type ForwardPath, formatAddress } from '../../message/address.ts'
import type { Command } from '../../store/commands.ts'
import type { TrackEvent } from '../../store/nouns/tracking.ts'
import type { Agent } from '../agent.ts'
import { copyOf } from '../msa/tagged.ts'
import { eventCommand } from '../tracking.ts'
import { authorOf, notedWith } from './suppressed.ts'

const KINDS = { failed: 'bounced', delayed: 'deferred', delivered: 'transmitted', feedback: 'bounced' } as const
/** Recipients of one bounce that are told. */
const MAX_TOLD = 50

/**
 * What it means for our own message; nothing where it is about none.
 * @param bounceTrace Under which the bounce itself is known
 */
export function cameBack(agent: Agent, source: Buffer, to: ForwardPath, bounceTrace: string): Command[] {
  const verp = to.type === 'mailbox' ? copyOf(agent, formatAddress(to.mailbox)) : undefined
  const bounce = read(agent, source, bounceTrace)
  if (bounce === undefined || bounce.kind === 'auto-reply') return []
  const events = storyOf(agent, verp, bounce)
  const accepted = events.find(({ role, kind }) => role === 'MSA' && kind === 'accepted')
  if (accepted === undefined) return []
  const { trace, messageId, reversePath } = accepted
  const author = authorOf(agent, trace)
  const { kind } = bounce
  const told = verp ? bounce.recipients.slice(0, 1) : bounce.recipients.slice(0, MAX_TOLD)
  return told.flatMap((one) => {
    const recipient = recipientOf(events, verp, one)
    if (recipient === undefined) return []
    const said = one.diagnostic || REASONS[one.reason]
    const by = one.remoteHost || bounce.reportingHost
    const event = eventCommand(agent, {
      trace,
      messageId,
      role: 'Transmitter',
      kind: KINDS[kind],
      reversePath,
      forwardPath: recipient,
      text: `${WORDS[kind]}${by === '' ? '' : ` from ${by}`} for ${recipient}, ${REASONS[one.reason]}: ${said}`,
      detail: { reason: one.reason, status: one.status, isHard: one.isHard, bounce: bounceTrace, reply: said },
    })
    const isFailure = kind === 'failed' && author !== undefined
    return isFailure
      ? [event, ...notedWith(agent, author, recipient, { reason: one.reason, isForGood: one.isHard, said }, trace)]
      : [event]
  })
}

/** A bug of ours in reading must not keep the mail itself from being taken. */
function read(agent: Agent, source: Buffer, trace: string): Bounce | undefined {
  try {
    return readBounce(source)
  } catch (error) {
    agent.log('error', 'a bounce could not be read', { trace, error: String(error) })
    return undefined
  }
}

const WORDS = {
  failed: 'A bounce came',
  delayed: 'A warning of delay came',
  delivered: 'Word of delivery came',
  feedback: 'A complaint came',
} as const

function storyOf({ store }: Agent, verp: VerpAddress | undefined, { messageId }: Bounce): TrackEvent[] {
  if (verp !== undefined) return store.events({ trace: verp.trace, limit: 1000 })
  return messageId === '' ? [] : store.events({ messageId: messageId.slice(0, 250), limit: 1000 })
}

/** Of those that the message went to, the one that the bounce is about. */
function recipientOf(events: readonly TrackEvent[], verp: VerpAddress | undefined, { address }: BouncedRecipient) {
  const sentTo = events.map(({ forwardPath }) => forwardPath)
  return verp
    ? sentTo.find((one) => isVerpRecipient(verp, one))
    : sentTo.find((one) => one.toLowerCase() === address.toLowerCase())
}
