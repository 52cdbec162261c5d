// The rule language. A rule is one observation about a message that a Recipient can read and judge: points, what it is
// about, one sentence, and a test over the prepared view of the message. Points above zero speak against a message,
// points below zero for it. A rule proves nothing alone; the sum decides, and every hit is kept and shown.

import type { MailView } from './view.ts'

export type RuleSubject =
  | 'header'
  | 'received'
  | 'identity'
  | 'name'
  | 'recipients'
  | 'mime'
  | 'html'
  | 'url'
  | 'attachment'
  | 'bulk'
  | 'content'
  | 'learned'

export interface Rule {
  /** Unique, stable, in kebab case: it is stored with the verdict and may stand in a configuration. */
  readonly id: string
  readonly points: number
  readonly about: RuleSubject
  /** One sentence for the Recipient, ending with a period. */
  readonly explanation: string
  /** True or a piece of evidence (never empty) when it fires. Must be linear in what it looks at and must not throw. */
  test(mail: MailView): boolean | string | undefined
}

export interface RuleHit {
  readonly id: string
  readonly points: number
  readonly about: RuleSubject
  readonly explanation: string
  /** What was seen, on one line. Text of a stranger: show it as such. */
  readonly evidence?: string
}

export interface Weight {
  /** Sum of the points, rounded to a hundredth. */
  readonly points: number
  /** Those that weigh most first. */
  readonly hits: readonly RuleHit[]
}

const MAX_EVIDENCE = 160
/** What anybody can write into a message to look harmless may not outweigh what was found against it. */
const MAX_CREDIT = 2

/** Applies every rule once. */
export function weighWith(rules: readonly Rule[], mail: MailView): Weight {
  const hits: RuleHit[] = []
  let against = 0
  let credit = 0
  for (const { id, points, about, explanation, test } of rules) {
    const found = test(mail)
    if (found === false || found === undefined || found === '') continue
    if (points > 0) against += points
    else credit -= points
    const hit = { id, points, about, explanation }
    hits.push(found === true ? hit : { ...hit, evidence: oneLine(found) })
  }
  hits.sort((a, b) => Math.abs(b.points) - Math.abs(a.points))
  return { points: Math.round((against - Math.min(credit, MAX_CREDIT)) * 100) / 100, hits }
}

/** Evidence is shown to people: no line ends, no characters that turn or hide text. */
function oneLine(text: string): string {
  const clean = text
    .slice(0, MAX_EVIDENCE * 2)
    .replace(/[\0-\x20\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g, ' ')
    .trim()
  return clean.length > MAX_EVIDENCE ? `${clean.slice(0, MAX_EVIDENCE - 1)}…` : clean
}
