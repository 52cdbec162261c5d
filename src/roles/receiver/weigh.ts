// What a message holds, weighed by the rules on header and content (src/filter/rules). Once for a message, and once more
// without its identity for Recipients who trust the Forwarder that passed it on: there the Forwarder's Border has judged
// who sent it, and the same check from here would punish honest mail.

import { type Weight, weighMail } from '../../filter/rules/rules.ts'
import type { Identity } from '../../identity/authenticate.ts'
import { formatPath } from '../../message/address.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import type { Agent } from '../agent.ts'

/** The weight, for Recipients who trust the Forwarder or not; undefined where the description says `filter=no`. */
export type Weigher = (throughTrusted: boolean) => Weight | undefined

export function weigher(agent: Agent, mail: InboundMessage, identity: Identity): Weigher {
  if (!agent.settings.receiver.filters) return () => undefined
  const facts = {
    message: mail.source,
    nowMs: agent.world.clock.now(),
    recipients: mail.envelope.recipients.map(({ forwardPath }) => formatPath(forwardPath).slice(1, -1)),
    ownDomains: [agent.domain],
    session: { earlyTalker: mail.session.earlyTalker },
  }
  const known = new Map<boolean, Weight>()
  return (throughTrusted) => {
    const weight = known.get(throughTrusted) ?? weighMail(throughTrusted ? facts : { ...facts, identity })
    known.set(throughTrusted, weight)
    return weight
  }
}
