// Logistic regression on hashed features, learned one message at a time (Goodman and Yih 2006), with a rate of its own
// for each weight (AdaGrad: Duchi et al. 2011), so that a rare telling word moves at once and a common one settles.
// The state is two tables of fixed size. Two features that share a slot share a weight, but half of all features read
// it with the other sign, so that what is learned of one is as often against the other as for it (Weinberger et al.
// 2009): in a small table that halves the error.

/** The probability that belongs to log-odds. */
export function logistic(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds))
}

/** How far an example moves weights that were never moved. Of 10 to 40, this measured best. */
const RATE = 20
/** Keeps the first step finite. The smaller, the more one example teaches of what is new. */
const FIRST_MOVED = 0.01
/** A weight never becomes quite fixed: spam changes. */
const MOST_MOVED = 10_000

export class LogisticTable {
  readonly weights: Float32Array
  /** Sums of squared errors: how much each weight has already been moved. */
  readonly moved: Float32Array
  /** How many of the features that were last asked about had been seen before. */
  known = 0
  readonly #mask: number

  /** @param bits the tables have 2 ** bits slots */
  constructor(bits: number) {
    this.weights = new Float32Array(2 ** bits)
    this.moved = new Float32Array(2 ** bits)
    this.#mask = 2 ** bits - 1
  }

  /** Log-odds that a message with these features is spam; 0 knows nothing. */
  logOdds(features: Int32Array): number {
    const { weights } = this
    const mask = this.#mask
    let sum = 0
    let known = 0
    for (let i = 0; i < features.length; i++) {
      const hash = features[i]!
      const weight = weights[hash & mask]!
      sum += hash < 0 ? -weight : weight
      if (weight !== 0) known++
    }
    this.known = known
    return sum * scaleOf(features)
  }

  /** Moves the weights by an error: 1 or 0 (spam or not) minus the probability that was given. */
  learn(features: Int32Array, error: number): void {
    const { weights, moved } = this
    const mask = this.#mask
    const square = error * error
    const step = RATE * error * scaleOf(features)
    for (let i = 0; i < features.length; i++) {
      const hash = features[i]!
      const slot = hash & mask
      const sum = Math.min(moved[slot]! + square, MOST_MOVED)
      moved[slot] = sum
      const by = step / Math.sqrt(sum + FIRST_MOVED)
      weights[slot]! += hash < 0 ? -by : by
    }
  }
}

/** A text counts the same whatever its length. */
function scaleOf(features: Int32Array): number {
  return 1 / Math.sqrt(1 + features.length)
}
