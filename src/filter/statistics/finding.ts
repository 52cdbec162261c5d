// What the learned classifier adds to the weight of a message: points and a sentence, like a rule. Alone it is enough for
// Junk and never for a refusal; against the rules it can get a message out of Junk, for its Recipient has decided so.

import type { RuleHit, Weight } from '../rules/rule.ts'
import type { Opinion } from './opinions.ts'

/** Log-odds that are worth 5 points, which is Junk, once there is experience. */
const FULL = 3.5
/** Of few lessons only what is quite like them is sure: so much more is asked while they are few. */
const CAUTION = 4
/** Below so many points nothing is said. */
const FEWEST_POINTS = 0.5
/** Most points against and for a message, by whose decisions they are. */
const MOST = { own: { against: 6, for: 5 }, system: { against: 6, for: 2 } } as const

const SENTENCES = {
  own: {
    against: 'Your earlier decisions say that mail like this is unwanted.',
    for: 'Your earlier decisions say that mail like this is wanted.',
  },
  system: {
    against: 'Decisions of the Recipients here say that mail like this is unwanted.',
    for: 'Decisions of the Recipients here say that mail like this is wanted.',
  },
} as const

/** The weight with what earlier decisions say. */
export function withOpinion(weight: Weight, { logOdds, whose, lessons }: Opinion): Weight {
  const side = logOdds > 0 ? 'against' : 'for'
  const scaled = (5 * Math.abs(logOdds)) / (FULL + CAUTION / Math.sqrt(lessons + 1))
  const points = Math.round(Math.min(scaled, MOST[whose][side]) * 10) / 10
  if (points < FEWEST_POINTS) return weight
  const hit: RuleHit = {
    id: `${LEARNED}${side === 'against' ? 'unwanted' : 'wanted'}`,
    points: side === 'against' ? points : -points,
    about: 'learned',
    explanation: SENTENCES[whose][side],
  }
  const hits = [...weight.hits, hit].sort((a, b) => Math.abs(b.points) - Math.abs(a.points))
  return { points: Math.round((weight.points + hit.points) * 100) / 100, hits }
}

const LEARNED = 'learned-'

/**
 * What is known besides the message, as words for the classifier: results of authentication (those of a message that a
 * trusted Forwarder passed on say nothing of its sender) and the rules that fired, but never its own earlier opinion.
 */
export function factsOf(
  results: { readonly spf: string; readonly dkim: string; readonly dmarc: string; readonly arc: string },
  isThroughTrusted: boolean,
  hits: readonly Pick<RuleHit, 'id'>[],
): string[] {
  const { spf, dkim, dmarc, arc } = results
  const proven = isThroughTrusted ? [] : [`spf=${spf}`, `dkim=${dkim}`, `dmarc=${dmarc}`, `arc=${arc}`]
  return [...proven, ...rulesAsFacts(hits)]
}

/** The rules that fired, as words. */
export function rulesAsFacts(hits: readonly Pick<RuleHit, 'id'>[]): string[] {
  return hits.filter(({ id }) => !id.startsWith(LEARNED)).map(({ id }) => `rule ${id}`)
}
