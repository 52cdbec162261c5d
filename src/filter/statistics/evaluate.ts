// How well scores tell spam from mail, as the spam tracks of TREC 2005 to 2007 measured it: messages in the order in
// which they arrived, each scored before it is learned; then the area above the ROC curve, and what share of wanted
// mail would be lost at the threshold that catches a given share of the spam.

import { parseDate } from '../../message/date.ts'
import { fieldsNamed, firstValue, type Header, unfolded } from '../../message/header.ts'

export interface Scored {
  /** Higher is more like spam. */
  score: number
  isSpam: boolean
}

export interface Figures {
  spam: number
  ham: number
  /** (1-AUC)%: of 100 pairs of one spam and one wanted message, how many are the wrong way round; a tie is half. */
  errorAreaPercent: number
}

/** What happens at the threshold that catches a share of the spam. */
export interface OperatingPoint {
  /** Scores at or above it are called spam. */
  threshold: number
  falsePositives: number
  /** Share of the wanted mail that is called spam. */
  falsePositivePercent: number
}

/** Counts, and the area above the ROC curve. Without both classes the area is not defined: NaN. */
export function figuresOf(scored: readonly Scored[]): Figures {
  const sorted = scored.toSorted((a, b) => a.score - b.score)
  let hamBelow = 0
  let rightPairs = 0
  let spam = 0
  for (let at = 0; at < sorted.length; ) {
    const { score } = sorted[at]!
    let tiedHam = 0
    let tiedSpam = 0
    for (; at < sorted.length && sorted[at]!.score === score; at++) sorted[at]!.isSpam ? tiedSpam++ : tiedHam++
    rightPairs += tiedSpam * (hamBelow + tiedHam / 2)
    hamBelow += tiedHam
    spam += tiedSpam
  }
  return { spam, ham: hamBelow, errorAreaPercent: 100 * (1 - rightPairs / (spam * hamBelow)) }
}

/** The strictest threshold that still catches `share` (0..1) of the spam, and the wanted mail it costs. */
export function pointAt(scored: readonly Scored[], share: number): OperatingPoint {
  const spam = scored.filter(({ isSpam }) => isSpam).map(({ score }) => score)
  const ham = scored.filter(({ isSpam }) => !isSpam)
  spam.sort((a, b) => b - a)
  const threshold = spam[Math.max(0, Math.ceil(spam.length * share) - 1)] ?? Number.POSITIVE_INFINITY
  const falsePositives = ham.filter(({ score }) => score >= threshold).length
  return { threshold, falsePositives, falsePositivePercent: (100 * falsePositives) / ham.length }
}

/**
 * When the message arrived: the topmost Received field that has a date (the last server's clock, which no sender sets),
 * else the Date field. Milliseconds since 1970, or undefined.
 */
export function arrivalMs(header: Header): number | undefined {
  for (const field of fieldsNamed(header, 'received')) {
    const value = unfolded(header, field)
    const date = parseDate(value.slice(value.lastIndexOf(';') + 1))
    if (date) return date.epochMs
  }
  return parseDate(firstValue(header, 'date') ?? '')?.epochMs
}
