// Whom a switch of "what if" concerns: by the roles alone, so that a page can ask without what runs a system.

import type { Actor } from '../../notation/model.ts'

const plays =
  (...roles: readonly string[]) =>
  (actor: Actor) =>
    actor.kind === 'agent' && actor.roles.some((role) => roles.includes(role))

export const SENDERS = plays('MSA', 'Transmitter', 'Bulk Sender')
export const PASSERS = plays('Forwarder', 'Mailing List', 'Open Relay')

/** A Recipient, or the MDA for all of them that it has. */
export const isTrusting = (actor: Actor) => actor.roles.includes(actor.kind === 'agent' ? 'MDA' : 'Recipient')

/** Which of the usual switches make a difference to one. */
export function switchesOf(actor: Actor): readonly string[] {
  const ofDomain = SENDERS(actor) || PASSERS(actor) ? ['spf', 'dkim', 'dmarc'] : []
  const passing = PASSERS(actor) ? ['srs', 'arc', 'modifies'] : []
  return [...ofDomain, ...passing, ...(isTrusting(actor) ? ['trust'] : [])]
}
