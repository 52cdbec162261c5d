// All rules, and the two functions that the roles need: prepare a view, weigh it.

import { type Rule, type Weight, weighWith } from './rule.ts'
import { archiveRules } from './rules/archive.ts'
import { attachmentRules } from './rules/attachment.ts'
import { bulkRules } from './rules/bulk.ts'
import { contentRules } from './rules/content.ts'
import { headerRules } from './rules/header.ts'
import { htmlRules } from './rules/html.ts'
import { identityRules } from './rules/identity.ts'
import { knownRules } from './rules/known.ts'
import { mimeRules } from './rules/mime.ts'
import { receivedRules } from './rules/received.ts'
import { recipientRules } from './rules/recipients.ts'
import { senderRules } from './rules/sender.ts'
import { subjectRules } from './rules/subject.ts'
import { urlRules } from './rules/url.ts'
import { type MailFacts, MailView } from './view.ts'

export type { Rule, RuleHit, RuleSubject, Weight } from './rule.ts'
export { type MailFacts, MailView, type ProvenIdentity } from './view.ts'

/** From this weight on a message is Junk, unless the system or the Recipient says otherwise. */
export const JUNK_POINTS = 5

/** In the order in which a message is read. */
export const RULES: readonly Rule[] = [
  ...headerRules,
  ...subjectRules,
  ...senderRules,
  ...recipientRules,
  ...receivedRules,
  ...identityRules,
  ...knownRules,
  ...mimeRules,
  ...htmlRules,
  ...urlRules,
  ...attachmentRules,
  ...archiveRules,
  ...bulkRules,
  ...contentRules,
]

/** What the rules find in a message. Linear in its size; never throws on what a stranger sent. */
export function weigh(view: MailView): Weight {
  return weighWith(RULES, view)
}

/** The same for who has no view yet. */
export function weighMail(facts: MailFacts): Weight {
  return weigh(new MailView(facts))
}
