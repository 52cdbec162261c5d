// What a message holds, weighed by the rules on header and content (src/filter/rules). Once for a message, and once more
// without its identity for Recipients who trust the Forwarder that passed it on: there the Forwarder's Border has judged
// who sent it, and the same check from here would punish honest mail.

import { type MailFacts, MailView, type Weight, weigh } from '../../filter/rules/rules.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { formatPath } from '../../message/address.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { type Agent, isOwnMessage } from '../agent.ts'
import { reputableSender } from './acquaintance.ts'
import type { Border } from './border.ts'

/** The weight, for Recipients who trust the Forwarder or not; undefined where the description says `filter=no`. */
export type Weigher = (throughTrusted: boolean) => Weight | undefined

/** Asks first what others know of the domains in the message; as long as their lists take, at most. */
export async function weigher(
  agent: Agent,
  border: Border,
  mail: InboundMessage,
  identity: Identity,
): Promise<Weigher> {
  if (!agent.settings.receiver.filters) return () => undefined
  const facts: MailFacts = {
    message: mail.source,
    nowMs: agent.world.clock.now(),
    recipients: mail.envelope.recipients.map(({ forwardPath }) => formatPath(forwardPath).slice(1, -1)),
    ownDomains: [agent.domain],
    session: { earlyTalker: mail.session.earlyTalker },
  }
  const view = new MailView({ ...facts, identity })
  const listings = await border.askAbout(view)
  const ofAddress = border.acquaintance(mail.session)?.listings ?? []
  const standing = border.reputation.standing(reputableSender(identity))
  const answersOurs = view.answers.some((messageId) => isOwnMessage(agent, messageId))
  const known = new Map<boolean, Weight>()
  return (throughTrusted) => {
    const weight =
      known.get(throughTrusted) ??
      weigh(
        throughTrusted
          ? view.with({ identity: undefined, known: { listings }, answersOurs })
          : view.with({ known: { listings: [...ofAddress, ...listings], standing }, answersOurs }),
      )
    known.set(throughTrusted, weight)
    return weight
  }
}
