// The learned classifier: an ensemble of logistic learners, one for each view of a message. The mean of their log-odds is
// the verdict; each is taught by an error that is mostly its own and partly the ensemble's. Mail unlike anything seen
// before gets the benefit of the doubt, and while little was seen the rules have a say. With each lesson a past one is
// learned again. Chosen by measurement
// (bench/spam.ts): better than any one learner on all features, and than naive Bayes with or without pairs; Bayes mixed
// in did not help. Whose decisions it learns, and when its word counts: opinions.ts.

import type { Features, View } from './features.ts'
import { LogisticTable, logistic } from './logistic.ts'
import { type PastLesson, PastLessons } from './past-lessons.ts'
import { readTables, writeTables } from './state.ts'

/** Scores from here on are spam: in bench/spam.ts that is 97 % of the spam and 0.2 % of the wanted mail. */
export const SPAM_THRESHOLD = 0.7

/** Below this error nothing is learned: what is known well need not be learned again, and a flood cannot pile up. */
const KNOWN_WELL = 0.02
/** How much of a learner's error is the ensemble's. */
const COMMON_SHARE = 0.25
const BITS = 19
/** From so many weights on it looks at neighbouring words, too. One with a small table learns more from less. */
const LARGE_BITS = 17
/** Log-odds that a message has in its favour of whose words nothing was ever seen. */
const DOUBT = 2
/** What a point of the rules is worth at first; after so many messages half. The first points are nobody's. */
const POINT = 0.3
const HALF_AFTER = 200
const NEUTRAL_POINTS = 2
const MOST_POINTS = 10
/**
 * Where far more spam was taught than wanted mail, what is common to all mail looks like spam: so much of that surplus (as
 * log-odds) is taken back.
 */
const COMPLAINTS = 0.5
const SMOOTH = 10
/** Who insists wants log-odds that are right by so much, and says it so often at most. */
const MARGIN = 2.5
const MOST_TIMES = 4

/** A view, and whether its words tell how much of the message is new. */
type Look = readonly [view: (features: Features) => View, tellsNews: boolean]

const SMALL: readonly Look[] = [
  [({ headerWords }) => headerWords, true],
  [({ sender }) => sender, false],
  [({ path }) => path, false],
  [({ known }) => known, false],
  [({ bodyWords }) => bodyWords, true],
  [({ plainWords }) => plainWords, true],
]
const LARGE: readonly Look[] = [...SMALL, [({ headerPairs }) => headerPairs, true], [({ phrases }) => phrases, true]]

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
  readonly #looks: readonly Look[]
  /** The learners share one table; their features have no hash in common but by chance. */
  readonly #table: LogisticTable
  #past: PastLessons

  /** @param bits it has 2 ** bits weights (4 to 22): 8 bytes each in memory, at most 4 to 6 in the store */
  constructor(bits: number = BITS) {
    this.#bits = bits
    this.#looks = bits < LARGE_BITS ? SMALL : LARGE
    this.#table = new LogisticTable(bits)
    this.#past = new PastLessons(bits, this.#looks.length)
  }

  /** Probability-like: 0 wanted, 1 spam, about 0.5 when it knows nothing. */
  score(features: Features): number {
    return logistic(this.logOdds(features))
  }

  /** The score as log-odds. */
  logOdds(features: Features): number {
    const { said, news } = this.#hear(features)
    const { spamSeen, hamSeen } = this
    const points = Math.min(features.rulePoints, MOST_POINTS) - NEUTRAL_POINTS
    const inexperience = HALF_AFTER / (HALF_AFTER + spamSeen + hamSeen)
    const complaints = Math.max(0, Math.log((spamSeen + SMOOTH) / (hamSeen + SMOOTH)))
    return said - DOUBT * news + POINT * points * inexperience - COMPLAINTS * complaints
  }

  /** What was learned alone, as log-odds: to be added to what another model says. 0 where nothing is known. */
  evidence(features: Features): number {
    return this.#hear(features).said
  }

  /** What the learners say together, and what share of the message's words is new. */
  #hear(features: Features): { said: number; news: number } {
    let sum = 0
    let news = 0
    let telling = 0
    for (const [viewOf, tellsNews] of this.#looks) {
      const view = viewOf(features)
      sum += this.#table.logOdds(view)
      if (!tellsNews) continue
      news += view.length === 0 ? 1 : 1 - this.#table.known / view.length
      telling++
    }
    return { said: sum / this.#looks.length, news: news / telling }
  }

  /** Learns one message, and one of before again. */
  learn(features: Features, isSpam: boolean, { given = 0, strength = 1 }: Teaching = {}): void {
    const lesson = { views: this.#viewsOf(features), isSpam, given, strength }
    this.#take(lesson)
    this.#repeat(lesson)
  }

  /** Learns one message until the next one like it is quite sure to go there, or it has been tried often enough. */
  insist(features: Features, isSpam: boolean, given: number): void {
    const far = given + (isSpam ? -MARGIN : MARGIN)
    const lesson = { views: this.#viewsOf(features), isSpam, given: far, strength: 1 }
    this.#take(lesson)
    const isSure = () => (this.evidence(features) + given) * (isSpam ? 1 : -1) >= 2 * MARGIN
    for (let times = 1; times < MOST_TIMES && !isSure(); times++) this.#move(lesson)
    this.#repeat(lesson)
  }

  #take(lesson: PastLesson): void {
    if (lesson.isSpam) this.spamSeen++
    else this.hamSeen++
    this.#move(lesson)
  }

  #repeat(lesson: PastLesson): void {
    const before = this.#past.exchange(lesson)
    if (before !== undefined) this.#move(before)
  }

  #viewsOf(features: Features): View[] {
    return this.#looks.map(([viewOf]) => viewOf(features))
  }

  #move({ views, isSpam, given, strength }: PastLesson): void {
    const each = views.map((view) => this.#table.logOdds(view))
    const common = each.reduce((sum, value) => sum + value, 0) / each.length
    for (const [index, view] of views.entries()) {
      const said = each[index]! * (1 - COMMON_SHARE) + common * COMMON_SHARE + given
      const error = (isSpam ? 1 : 0) - logistic(said)
      if (Math.abs(error) > KNOWN_WELL) this.#table.learn(view, error * strength)
    }
  }

  /** The state, to be kept in the store: at most 4 bytes a weight and the past lessons, far less while it is young. */
  toBytes(): Buffer {
    const { weights, moved } = this.#table
    const tables = writeTables({ bits: this.#bits, numbers: [this.spamSeen, this.hamSeen], tables: [weights, moved] })
    return Buffer.concat([tables, this.#past.toBytes()])
  }

  /** The classifier whose state this is, or undefined if the bytes are no state of this version. */
  static fromBytes(bytes: Buffer): Classifier | undefined {
    const state = readTables(bytes, 2, 2)
    if (!state?.numbers.every((seen) => Number.isSafeInteger(seen) && seen >= 0)) return undefined
    const classifier = new Classifier(state.bits)
    const past = PastLessons.fromBytes(bytes.subarray(state.end), state.bits, classifier.#looks.length)
    if (past === undefined) return undefined
    classifier.#past = past
    classifier.spamSeen = state.numbers[0]!
    classifier.hamSeen = state.numbers[1]!
    classifier.#table.weights.set(state.tables[0]!)
    classifier.#table.moved.set(state.tables[1]!)
    return classifier
  }
}
