// What a message on its way out looks like, to the same filter that guards our Border: rules on what it holds, and what
// people here decided about such mail. Rules that ask how a message came across a Border have nothing to say of our own.

import { type RuleSubject, weighWith } from '../../filter/rules/rule.ts'
import { type MailFacts, MailView, RULES } from '../../filter/rules/rules.ts'
import { featuresOf } from '../../filter/statistics/features.ts'
import { rulesAsFacts, withOpinion } from '../../filter/statistics/finding.ts'
import type { Agent } from '../agent.ts'
import { printsOf } from './prints.ts'

const OF_A_BORDER: ReadonlySet<RuleSubject> = new Set(['header', 'received', 'identity', 'recipients', 'bulk'])
const RULES_OUT = RULES.filter(({ about }) => !OF_A_BORDER.has(about))

export interface Look {
  readonly points: number
  /** What it looks like, as its rules say it. */
  readonly sentences: readonly string[]
  readonly prints: readonly number[]
}

/** Linear in the size of the message. */
export function lookOf(agent: Agent, message: Buffer): Look {
  const facts: MailFacts = { message, nowMs: agent.world.clock.now() }
  const view = new MailView(facts)
  const rules = weighWith(RULES_OUT, view)
  const read = () => featuresOf(view.root, { facts: rulesAsFacts(rules.hits), rulePoints: rules.points })
  const opinion = agent.opinions.of(undefined, read)
  const { points, hits } = opinion === undefined ? rules : withOpinion(rules, opinion)
  const sentences = hits.filter((hit) => hit.points > 0).map(({ explanation }) => explanation)
  return { points, sentences: sentences.slice(0, 3), prints: printsOf(`${view.subject} ${view.text}`) }
}
