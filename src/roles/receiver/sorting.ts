// The Recipient's own script at the Border: it is asked about what the Border would take, before the reply. What it rejects is
// refused (RFC 5429 §2.1: at the protocol, so that nobody is bounced at); all else is carried out in the commit of the 250.

import type { Identity } from '../../identity/authenticate.ts'
import { formatAddress } from '../../message/address.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import { type Arrival, isRefusal, replyLines, sort, sorts } from '../mda/sort.ts'
import { addressOf, type Handled, isSpared, isStanding } from './handle.ts'
import { REFUSE_POINTS } from './judge.ts'

/** The account here that would keep the message. */
function homeOf({ way }: Pick<Handled, 'way'>): Account | undefined {
  return way.kind === 'mailbox' ? way.account : way.kind === 'forward' ? way.keep : undefined
}

/** What each Recipient's script makes of the message. `kept`: the message as mailboxes get it. @throws DiskError */
export async function sortAll(
  agent: Agent,
  mail: InboundMessage,
  identity: Identity,
  reversePath: string,
  kept: () => Buffer,
  handled: readonly Handled[],
): Promise<readonly Handled[]> {
  const isAsked = (one: Handled) => {
    const account = homeOf(one)
    return isStanding(one) && account !== undefined && sorts(agent, account)
  }
  if (!handled.some(isAsked)) return handled
  const message = kept()
  return Promise.all(
    handled.map(async (one): Promise<Handled> => {
      const account = homeOf(one)
      if (!isAsked(one) || account === undefined) return one
      const arrival = { ...factsOf(agent, mail, identity, one), account, reversePath, message }
      const outcome = await sort(agent, arrival)
      if (outcome === undefined) return one
      const refusal = outcome.actions.find(isRefusal)
      if (refusal === undefined) return { ...one, sorting: { arrival, outcome } }
      const reason = `${account.address} does not want this message (a rule of its owner)`
      if (isSpared(one) || one.way.kind === 'forward') return { ...one, judgement: { outcome: 'junk', reason } }
      return {
        ...one,
        judgement: { outcome: 'refuse', reason, reply: reply(550, '5.7.1', ...replyLines(refusal.reason)) },
      }
    }),
  )
}

function factsOf(
  agent: Agent,
  mail: InboundMessage,
  identity: Identity,
  one: Handled,
): Omit<Arrival, 'account' | 'reversePath' | 'message'> {
  const { judgement, content, places, way } = one
  const isJunk = judgement.outcome === 'junk'
  const share = content === undefined ? undefined : Math.min(1, Math.max(0, content.points / REFUSE_POINTS))
  const { forwardPath } = mail.envelope.recipients[places[0]!]!
  return {
    address: forwardPath.type === 'mailbox' ? formatAddress(forwardPath.mailbox) : addressOf(way),
    verdict: isJunk ? 'junk' : 'inbox',
    spam: isJunk ? Math.max(0.5, share ?? 0) : share,
    virus: agent.settings.receiver.clamd === undefined ? undefined : 1,
    remote: { ip: identity.ip, name: identity.iprev.result === 'pass' ? identity.iprev.name : undefined },
  }
}

/** May the sender be answered: nobody else may be written to in his name. */
export const isAnswerable = (identity: Identity): boolean => {
  const { spf, dmarc } = identity
  return dmarc.result !== 'fail' && spf.result !== 'fail' && spf.result !== 'softfail'
}
