// The learned classifier: an ensemble of six logistic learners, one for each view of a message (header and body, as words,
// pairs and runs of characters). The mean of their log-odds is the verdict; each is taught by an error that is mostly its
// own and partly the ensemble's. Chosen by measurement (bench/spam.ts): better than any one learner on all features, and
// than naive Bayes with or without pairs; Bayes mixed in did not help.
// Whose decisions it learns, and when its word counts: opinions.ts.

import type { Features, View } from './features.ts'
import { LogisticTable, logistic } from './logistic.ts'
import { readTables, writeTables } from './state.ts'

/** Scores from here on are spam. In bench/spam.ts that cost 0.3 % of the wanted mail, most of it among the first 1,000. */
export const SPAM_THRESHOLD = 0.9

/** Below this error nothing is learned: what is known well need not be learned again, and a flood cannot pile up. */
const KNOWN_WELL = 0.02
/** How much of a learner's error is the ensemble's. */
const COMMON_SHARE = 0.25
const BITS = 21
/** Who insists wants log-odds that are right by so much, and says it so often at most. */
const MARGIN = 2.5
const MOST_TIMES = 4

/** What a classifier looks at. One with a small table learns more from less. */
const LOOKS = {
  all: ({ headerWords, headerPairs, headerGrams, bodyWords, bodyPairs, bodyGrams }: Features): View[] => [
    headerWords,
    headerPairs,
    headerGrams,
    bodyWords,
    bodyPairs,
    bodyGrams,
  ],
  words: ({ headerWords, bodyWords }: Features): View[] => [headerWords, bodyWords],
}

/** From so many weights on it looks at everything. */
const LARGE_BITS = 18

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** How a message is learned. */
export interface Teaching {
  /** What another model already says of it (log-odds): only the rest is learned. */
  readonly given?: number
  /** How much the lesson counts, up to 1. */
  readonly strength?: number
}

export class Classifier {
  /** How many messages of each kind were shown to it, whether or not there was something to learn. */
  spamSeen = 0
  hamSeen = 0
  readonly #bits: number
  readonly #viewsOf: (features: Features) => View[]
  /** The learners share one table; their features have no hash in common but by chance. */
  readonly #table: LogisticTable

  /** @param bits it has 2 ** bits weights (4 to 22): 8 bytes each in memory, at most 4 to 6 in the store */
  constructor(bits: number = BITS) {
    this.#bits = bits
    this.#viewsOf = bits < LARGE_BITS ? LOOKS.words : LOOKS.all
    this.#table = new LogisticTable(bits)
  }

  /** Probability-like: 0 wanted, 1 spam, 0.5 when it knows nothing. */
  score(features: Features): number {
    return logistic(this.logOdds(features))
  }

  /** The score as log-odds, where scores can be added. */
  logOdds(features: Features): number {
    return mean(this.#viewsOf(features).map((view) => this.#table.logOdds(view)))
  }

  /** Learns one message. */
  learn(features: Features, isSpam: boolean, how: Teaching = {}): void {
    if (isSpam) this.spamSeen++
    else this.hamSeen++
    this.#move(features, isSpam, how)
  }

  /** Learns one message until the next one like it is quite sure to go there, or it has been tried often enough. */
  insist(features: Features, isSpam: boolean, given: number): void {
    const far = { given: given + (isSpam ? -MARGIN : MARGIN) }
    this.learn(features, isSpam, far)
    const isSure = () => (this.logOdds(features) + given) * (isSpam ? 1 : -1) >= 2 * MARGIN
    for (let times = 1; times < MOST_TIMES && !isSure(); times++) this.#move(features, isSpam, far)
  }

  #move(features: Features, isSpam: boolean, { given = 0, strength = 1 }: Teaching): void {
    const views = this.#viewsOf(features)
    const each = views.map((view) => this.#table.logOdds(view))
    const common = mean(each)
    for (const [index, view] of views.entries()) {
      const said = each[index]! * (1 - COMMON_SHARE) + common * COMMON_SHARE + given
      const error = (isSpam ? 1 : 0) - logistic(said)
      if (Math.abs(error) > KNOWN_WELL) this.#table.learn(view, error * strength)
    }
  }

  /** The state, to be kept in the store: at most 4 bytes a weight and a little, far less while it is young. */
  toBytes(): Buffer {
    const { weights, moved } = this.#table
    return writeTables({ bits: this.#bits, numbers: [this.spamSeen, this.hamSeen], tables: [weights, moved] })
  }

  /** The classifier whose state this is, or undefined if the bytes are no state of this version. */
  static fromBytes(bytes: Buffer): Classifier | undefined {
    const state = readTables(bytes, 2, 2)
    if (!state) return undefined
    const classifier = new Classifier(state.bits)
    classifier.spamSeen = state.numbers[0]!
    classifier.hamSeen = state.numbers[1]!
    classifier.#table.weights.set(state.tables[0]!)
    classifier.#table.moved.set(state.tables[1]!)
    return classifier
  }
}
