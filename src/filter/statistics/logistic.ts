// Logistic regression on hashed features, learned one message at a time (Goodman and Yih 2006), with a rate of its own
// for each weight (AdaGrad: Duchi et al. 2011), so that a rare telling word moves at once and a common one settles.
// The state is two tables of fixed size; two features that share a slot share a weight, which costs little.

/** The probability that belongs to log-odds. */
export function logistic(logOdds: number): number {
  return 1 / (1 + Math.exp(-logOdds))
}

export interface LogisticOptions {
  /** The tables have 2 ** bits slots. */
  bits: number
  /** How far the first example of a feature moves its weight. */
  rate: number
}

const BIAS_RATE = 0.05
const FIRST_GRADIENT = 0.1
/** A weight never becomes quite fixed: spam changes. */
const MOST_MOVED = 10_000

export class LogisticLearner {
  readonly weights: Float32Array
  /** Sums of squared errors: how much each weight has already been moved. */
  readonly moved: Float32Array
  bias = 0
  readonly #rate: number
  readonly #mask: number

  constructor({ bits, rate }: LogisticOptions) {
    this.weights = new Float32Array(2 ** bits)
    this.moved = new Float32Array(2 ** bits)
    this.#mask = 2 ** bits - 1
    this.#rate = rate
  }

  /** Log-odds that a message with these features is spam; 0 knows nothing. */
  logOdds(lists: readonly Int32Array[]): number {
    const { weights } = this
    const mask = this.#mask
    let sum = 0
    for (const list of lists) {
      for (let i = 0; i < list.length; i++) sum += weights[list[i]! & mask]!
    }
    return sum * scaleOf(lists) + this.bias
  }

  /** Moves the weights towards the label. `error` is 1 or 0 (spam or not) minus the probability that was given. */
  learn(lists: readonly Int32Array[], error: number): void {
    const { weights, moved } = this
    const mask = this.#mask
    const square = error * error
    const step = this.#rate * error * scaleOf(lists)
    for (const list of lists) {
      for (let i = 0; i < list.length; i++) {
        const slot = list[i]! & mask
        const sum = Math.min(moved[slot]! + square, MOST_MOVED)
        moved[slot] = sum
        weights[slot]! += step / Math.sqrt(sum + FIRST_GRADIENT)
      }
    }
    this.bias += BIAS_RATE * error
  }
}

/** A message counts the same whatever its length. */
function scaleOf(lists: readonly Int32Array[]): number {
  let count = 1
  for (const list of lists) count += list.length
  return 1 / Math.sqrt(count)
}
