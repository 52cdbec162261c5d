// What a message holds, weighed for each Recipient: by the rules on header and content (src/filter/rules), and by what
// their own and the others' earlier decisions say of such mail (src/filter/statistics). The rules are asked once for a
// message, and once more without its identity for Recipients who trust the Forwarder that passed it on: there the
// Forwarder's Border has judged who sent it, and the same check from here would punish honest mail.

import { type MailFacts, MailView, type Weight, weigh } from '../../filter/rules/rules.ts'
import { type Features, featuresOf } from '../../filter/statistics/features.ts'
import { factsOf, withOpinion } from '../../filter/statistics/finding.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { formatPath } from '../../message/address.ts'
import { unfold } from '../../message/header.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import { type Agent, isOwnMessage } from '../agent.ts'
import { reputableSender } from './acquaintance.ts'
import type { Border } from './border.ts'
import { receivedField } from './fields.ts'
import { findings } from './findings.ts'

/** The weight for a Recipient who trusts the Forwarder or not; undefined where the description says `filter=no`. */
export type Weigher = (throughTrusted: boolean, account: AccountId | undefined) => Weight | undefined

/**
 * Asks first what others know of the domains in the message; as long as their lists take, at most.
 * @param copies how often one of its signatures came of late by way of somebody else
 */
export async function weigher(
  agent: Agent,
  border: Border,
  mail: InboundMessage,
  identity: Identity,
  copies: number,
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
  const byRules = (throughTrusted: boolean) =>
    weigh(
      throughTrusted
        ? view.with({ identity: undefined, known: { listings }, answersOurs })
        : view.with({ known: { listings: [...ofAddress, ...listings], standing, copies }, answersOurs }),
    )
  const known = new Map<boolean, { readonly rules: Weight; features?: Features }>()
  return (throughTrusted, account) => {
    const seen = known.get(throughTrusted) ?? { rules: byRules(throughTrusted) }
    known.set(throughTrusted, seen)
    // Nothing is read for who has no opinion yet.
    const read = () =>
      (seen.features ??= featuresOf(view.root, {
        arrival: unfold(receivedField(agent, mail, identity, '').replace(/^Received:/, '')),
        facts: factsOf(findings(identity), throughTrusted, seen.rules.hits),
        rulePoints: seen.rules.points,
      }))
    const opinion = agent.opinions.of(account, read)
    return opinion === undefined ? seen.rules : withOpinion(seen.rules, opinion)
  }
}
