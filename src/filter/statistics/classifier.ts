// The learned classifier: three logistic learners that see a message in three ways (its words, pairs of words, runs of
// four characters), each taught by its own errors; their mean is the verdict. Chosen by measurement (bench/spam.ts): it
// was better than any one of them, and than naive Bayes with or without pairs, or than Bayes mixed in.
// One for the system, and for a Recipient a small one on top that learns only what the system's gets wrong for them.

import type { Features } from './features.ts'
import { LogisticLearner, logistic } from './logistic.ts'
import { readTables, writeTables } from './state.ts'

/** Scores from here on are spam: at this point one in about 300 wanted messages was called spam (bench/spam.ts). */
export const SPAM_THRESHOLD = 0.9

/** Below this error nothing is learned: what is known well need not be learned again, and a flood cannot pile up. */
const KNOWN_WELL = 0.02
const RATE = 20
const SYSTEM_BITS = 20
const RECIPIENT_BITS = 14

type View = (features: Features) => readonly Int32Array[]

const VIEWS: readonly View[] = [({ words }) => [words], ({ pairs }) => [pairs], ({ grams }) => [grams]]

export class Classifier {
  /** How many messages of each kind were shown to it, learned or known well already. */
  spamSeen = 0
  hamSeen = 0
  readonly #bits: number
  readonly #learners: readonly LogisticLearner[]

  /** @param bits each of the three learners has 2 ** bits weights (14 to 22) */
  constructor(bits: number = SYSTEM_BITS) {
    this.#bits = bits
    this.#learners = VIEWS.map(() => new LogisticLearner({ bits, rate: RATE }))
  }

  /** Probability-like: 0 wanted, 1 spam, 0.5 when it knows nothing. */
  score(features: Features): number {
    return logistic(this.logOdds(features))
  }

  /** The score as log-odds, where scores can be added. */
  logOdds(features: Features): number {
    let sum = 0
    for (const [index, learner] of this.#learners.entries()) sum += learner.logOdds(VIEWS[index]!(features))
    return sum / this.#learners.length
  }

  /** Learns one message. `given` is what another model already says of it (log-odds): only the rest is learned. */
  learn(features: Features, isSpam: boolean, given = 0): void {
    if (isSpam) this.spamSeen++
    else this.hamSeen++
    for (const [index, learner] of this.#learners.entries()) {
      const lists = VIEWS[index]!(features)
      const error = (isSpam ? 1 : 0) - logistic(learner.logOdds(lists) + given)
      if (Math.abs(error) > KNOWN_WELL) learner.learn(lists, error)
    }
  }

  /** The state, to be kept in the store: 10 MB at most for a system's, 160 KB for a Recipient's; far less when young. */
  toBytes(): Buffer {
    const { spamSeen, hamSeen } = this
    const biases = this.#learners.map(({ bias }) => bias)
    const tables = this.#learners.flatMap(({ weights, moved }) => [weights, moved])
    return writeTables({ bits: this.#bits, numbers: [spamSeen, hamSeen, ...biases], tables })
  }

  /** The classifier whose state this is, or undefined if the bytes are no state of this version. */
  static fromBytes(bytes: Buffer): Classifier | undefined {
    const state = readTables(bytes, VIEWS.length + 2, VIEWS.length * 2)
    if (!state) return undefined
    const classifier = new Classifier(state.bits)
    const [spamSeen, hamSeen, ...biases] = state.numbers
    classifier.spamSeen = spamSeen!
    classifier.hamSeen = hamSeen!
    for (const [index, learner] of classifier.#learners.entries()) {
      learner.bias = biases[index]!
      learner.weights.set(state.tables[index * 2]!)
      learner.moved.set(state.tables[index * 2 + 1]!)
    }
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
