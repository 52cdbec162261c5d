// "Did you mean …?": the nearest of some candidates by edit distance (optimal string alignment, bounded length).

const LONGEST = 40

/**
 * The candidate nearest to `word`, or undefined where none is near enough to be what was meant.
 * Case counts half an edit.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  if (word === '' || word.length > LONGEST) return undefined
  const limit = Math.ceil(word.length / 3) + 0.5
  let best: string | undefined
  let bestDistance = limit + 0.01
  for (const candidate of candidates) {
    if (candidate.length > LONGEST || Math.abs(candidate.length - word.length) > limit) continue
    const folded = distance(word.toLowerCase(), candidate.toLowerCase())
    const total = folded + (folded === 0 && word !== candidate ? 0.5 : 0)
    if (total < bestDistance) {
      best = candidate
      bestDistance = total
    }
  }
  return best
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, beforeLast[j - 2]! + 1)
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
