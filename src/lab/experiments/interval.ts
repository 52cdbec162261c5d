// How sure a mean is: the 95 % confidence interval of a few runs (Student 1908).

export interface Interval {
  readonly mean: number
  /** It reaches so far to both sides; undefined of one run, which says nothing of chance. */
  readonly margin: number | undefined
}

/** Quantiles of Student's t for 97.5 %, by degrees of freedom from 1; behind them the normal distribution is near enough. */
const T = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
] as const
const NORMAL = 1.96

/** @throws Error without a value */
export function interval(values: readonly number[]): Interval {
  const n = values.length
  if (n === 0) throw new Error('There is no mean of no runs.')
  const mean = values.reduce((sum, one) => sum + one, 0) / n
  if (n === 1) return { mean, margin: undefined }
  const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (n - 1)
  return { mean, margin: (T[n - 2] ?? NORMAL) * Math.sqrt(variance / n) }
}
