// Strangers at the Border: who has not been met is asked to come again, and what became of anybody's mail is remembered.

import { verdictOn } from '../../filter/reputation.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { formatAddress } from '../../message/address.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import type { Agent } from '../agent.ts'
import { isCorrespondent } from '../correspondents.ts'
import { isProven, reputableSender } from './acquaintance.ts'
import type { Border } from './border.ts'
import { addressOf, type Handled, isStanding } from './handle.ts'

/** Strangers are asked to come again (RFC 6647): all recipients or none, since one that waits makes the message wait. */
export function greylisted(
  agent: Agent,
  border: Border,
  identity: Identity,
  handled: readonly Handled[],
): readonly Handled[] {
  if (!agent.settings.receiver.greylist) return handled
  const proven = isProven(identity)
  const sender = reputableSender(identity)
  const isWellKnown = verdictOn(border.reputation.standing(sender)) === 'good'
  const asked = handled.filter((one) => isStanding(one) && one.way.kind !== 'return')
  const answers = asked.map(({ way, forwarder, allowedBy }) =>
    border.greylist.check({
      ip: identity.ip,
      senderDomain: identity.reversePath.slice(identity.reversePath.lastIndexOf('@') + 1),
      recipient: addressOf(way),
      proven: proven || forwarder !== undefined || allowedBy !== undefined,
      known: isWellKnown || isAwaited(agent, way, identity),
    }),
  )
  const [first] = answers
  if (first?.outcome !== 'defer' || answers.some(({ outcome }) => outcome === 'pass')) return handled
  const { reason } = first
  const judgement = { outcome: 'defer' as const, reason, reply: reply(451, '4.7.1', reason) }
  return handled.map((one) => (asked.includes(one) ? { ...one, judgement } : one))
}

/** The Recipient has written to who claims to send it. */
function isAwaited(agent: Agent, way: Handled['way'], { reversePath, from }: Identity): boolean {
  const account = way.kind === 'mailbox' ? way.account : way.kind === 'forward' ? way.keep : undefined
  if (account === undefined) return false
  return [reversePath, ...from.mailboxes.map(formatAddress)].some((one) => isCorrespondent(agent, account.id, one))
}

/** What became of it is remembered of its sender; what a trusted Forwarder passed on says nothing about who sends. */
export function learnFrom(agent: Agent, border: Border, identity: Identity, handled: readonly Handled[]): void {
  if (!agent.settings.receiver.filters || handled.some(({ forwarder }) => forwarder !== undefined)) return
  const outcomes = new Set(handled.map(({ judgement }) => judgement.outcome))
  const worst = (['refuse', 'junk', 'accept'] as const).find((one) => outcomes.has(one))
  if (worst === undefined || outcomes.has('defer')) return
  border.reputation.learn(reputableSender(identity), LEARNED[worst])
}

const LEARNED = { refuse: 'refused', junk: 'junk', accept: 'accepted' } as const
