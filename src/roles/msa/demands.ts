// What is asked for beside a message, of an MSA or of a Transmitter by its partners: when it may leave (FUTURERELEASE, RFC
// 4865), by when it must be there (DELIVERBY, RFC 2852), over what it may travel (RFC 8689), what goes first (RFC 6710).
// What of it is taken, what the queue keeps, and what the next hops hear.

import { fieldsNamed, type Header, rawValue } from '../../message/header.ts'
import type { Envelope, Hold, MailParameters } from '../../protocols/smtp/envelope.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'

/** How long an Author may have mail held (RFC 4865). */
export const HOLD_AT_MOST_S = 60 * 86_400
/** The shortest time, in seconds, in which mail may be wanted delivered or returned (RFC 2852 §2). */
const DELIVER_BY_S = 60

/** RFC 2852 §7: whoever hands over leaves the time that the next server wants, and some for the way there. */
export const deliverByLeastS = ({ roles }: Pick<Agent, 'roles'>): number =>
  roles.has('Transmitter') ? DELIVER_BY_S : 2 * DELIVER_BY_S

const releaseMs = (hold: Hold, nowMs: number): number => ('untilMs' in hold ? hold.untilMs : nowMs + hold.forS * 1000)

/** When it leaves, where that is later than now. */
export function releasedLater({ hold }: Pick<Envelope, 'hold'>, nowMs: number): number | undefined {
  const atMs = hold && releaseMs(hold, nowMs)
  return atMs !== undefined && atMs > nowMs ? atMs : undefined
}

/** Why MAIL is refused for its times (RFC 4865 §4.2, §5.2.2). */
export function timesRefusal({ hold, deliverBy }: MailParameters, nowMs: number): Reply | undefined {
  if (hold === undefined) return undefined
  const atMs = releaseMs(hold, nowMs)
  if (atMs > nowMs + HOLD_AT_MOST_S * 1000)
    return reply(501, '5.5.4', `mail is held for at most ${HOLD_AT_MOST_S} seconds`)
  if (deliverBy !== undefined && atMs > nowMs + deliverBy.byS * 1000)
    return reply(501, '5.5.4', 'it is to leave later than it is to be delivered: ask for one of the two')
  return undefined
}

/** What the next hops must hear of the envelope, or heed, and what notices of it tell. */
export function demandsOf(envelope: Envelope, header: Header, nowMs: number): QueueEntry['parameters'] {
  const { smtputf8, body, ret, envid, requireTls, priority, deliverBy, hold } = envelope
  return {
    ...{ smtputf8, body, ret, envid, requireTls, priority },
    ...(isTlsWaived(envelope, header) && { ignoresTlsPolicy: true }),
    ...(hold && { futureRelease: requestOf(hold) }),
    ...(deliverBy && { deliverBy: whenOf(deliverBy, nowMs) }),
  }
}

/** RFC 8689 §3, §4.1: rather in plain text than not at all. REQUIRETLS overrides it. */
export function isTlsWaived({ requireTls }: Pick<Envelope, 'requireTls'>, header: Header): boolean {
  const [field, ...others] = fieldsNamed(header, 'tls-required')
  if (requireTls || field === undefined || others.length > 0) return false
  return rawValue(header, field).toString('latin1').trim().toLowerCase() === 'no'
}

const whenOf = ({ byS, ...rest }: NonNullable<Envelope['deliverBy']>, nowMs: number) => ({
  ...rest,
  atMs: nowMs + byS * 1000,
})

/** As a notification gives it back (RFC 4865 §5.1.2). */
const requestOf = (hold: Hold): string =>
  'untilMs' in hold ? `until;${new Date(hold.untilMs).toISOString().replace('.000Z', 'Z')}` : `for;${hold.forS}`
