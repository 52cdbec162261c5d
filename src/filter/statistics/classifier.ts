// The learned classifier: an ensemble of six logistic learners, one for each view of a message (header and body, as words,
// pairs and runs of characters). The mean of their log-odds is the verdict; each is taught by an error that is mostly its
// own and partly the ensemble's. Chosen by measurement (bench/spam.ts): better than any one learner on all features, and
// than naive Bayes with or without pairs; Bayes mixed in did not help.
// One for the system, and for a Recipient a small one on top that learns only what the system's gets wrong for them.

import type { Features, View } from './features.ts'
import { LogisticTable, logistic } from './logistic.ts'
import { readTables, writeTables } from './state.ts'

/** Scores from here on are spam. In bench/spam.ts that cost 0.3 % of the wanted mail, most of it among the first 1,000. */
export const SPAM_THRESHOLD = 0.9

/** Below this error nothing is learned: what is known well need not be learned again, and a flood cannot pile up. */
const KNOWN_WELL = 0.02
/** How much of a learner's error is the ensemble's. */
const COMMON_SHARE = 0.25
const SYSTEM_BITS = 21
const RECIPIENT_BITS = 15

function viewsOf(features: Features): View[] {
  const { headerWords, headerPairs, headerGrams, bodyWords, bodyPairs, bodyGrams } = features
  return [headerWords, headerPairs, headerGrams, bodyWords, bodyPairs, bodyGrams]
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export class Classifier {
  /** How many messages of each kind were shown to it, whether or not there was something to learn. */
  spamSeen = 0
  hamSeen = 0
  readonly #bits: number
  /** The learners share one table; their features have no hash in common but by chance. */
  readonly #table: LogisticTable

  /** @param bits it has 2 ** bits weights (4 to 22): 8 bytes each in memory, at most 4 to 6 in the store */
  constructor(bits: number = SYSTEM_BITS) {
    this.#bits = bits
    this.#table = new LogisticTable(bits)
  }

  /** Probability-like: 0 wanted, 1 spam, 0.5 when it knows nothing. */
  score(features: Features): number {
    return logistic(this.logOdds(features))
  }

  /** The score as log-odds, where scores can be added. */
  logOdds(features: Features): number {
    return mean(viewsOf(features).map((view) => this.#table.logOdds(view)))
  }

  /** Learns one message. `given` is what another model already says of it (log-odds): only the rest is learned. */
  learn(features: Features, isSpam: boolean, given = 0): void {
    if (isSpam) this.spamSeen++
    else this.hamSeen++
    const views = viewsOf(features)
    const each = views.map((view) => this.#table.logOdds(view))
    const common = mean(each)
    for (const [index, view] of views.entries()) {
      const said = each[index]! * (1 - COMMON_SHARE) + common * COMMON_SHARE + given
      const error = (isSpam ? 1 : 0) - logistic(said)
      if (Math.abs(error) > KNOWN_WELL) this.#table.learn(view, error)
    }
  }

  /** The state, to be kept in the store: about 8 MB for a system's, 130 KB for a Recipient's, far less while young. */
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

/** A Recipient's own corrections: a small classifier that is read and taught together with the system's. */
export class RecipientClassifier {
  readonly own: Classifier

  constructor(own: Classifier = new Classifier(RECIPIENT_BITS)) {
    this.own = own
  }

  score(system: Classifier, features: Features): number {
    return logistic(system.logOdds(features) + this.own.logOdds(features))
  }

  /** The Recipient moved the message to or from Junk. The system's classifier is not changed. */
  learn(system: Classifier, features: Features, isSpam: boolean): void {
    this.own.learn(features, isSpam, system.logOdds(features))
  }
}
