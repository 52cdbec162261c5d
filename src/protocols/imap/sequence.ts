// Sets of message numbers or UIDs: '2,4:7,9:*' (RFC 3501 §9 sequence-set), as inclusive ranges.
// '*' is the largest number in use, which only the one who resolves the set knows.

import type { UidSet } from '../../store/commands.ts'

/** Infinity stands for '*'. Ranges as written: not ordered, perhaps reversed. */
export type SequenceSet = readonly (readonly [number, number])[]

const MAX_NUMBER = 4_294_967_295
const MAX_RANGES = 20_000

/** The set, or undefined when the text is none. Linear. */
export function parseSequenceSet(text: string): SequenceSet | undefined {
  const ranges: [number, number][] = []
  for (const part of text.split(',', MAX_RANGES + 1)) {
    const match = /^(\*|[1-9]\d{0,9})(?::(\*|[1-9]\d{0,9}))?$/.exec(part)
    if (match === null || ranges.length === MAX_RANGES) return undefined
    const first = numberOf(match[1]!)
    const last = match[2] === undefined ? first : numberOf(match[2])
    if (Number.isNaN(first) || Number.isNaN(last)) return undefined
    ranges.push([first, last])
  }
  return ranges
}

function numberOf(text: string): number {
  if (text === '*') return Number.POSITIVE_INFINITY
  const value = Number(text)
  return value <= MAX_NUMBER ? value : Number.NaN
}

/** Ordered, joined, and free of '*', which becomes `largest`. '5:*' names the largest even when it is below 5. */
export function resolveSet(set: SequenceSet, largest: number): UidSet {
  const ranges = set
    .map(([a, b]): [number, number] => {
      const first = a === Number.POSITIVE_INFINITY ? largest : a
      const last = b === Number.POSITIVE_INFINITY ? largest : b
      return first <= last ? [first, last] : [last, first]
    })
    .sort((a, b) => a[0] - b[0])
  const joined: [number, number][] = []
  for (const range of ranges) {
    const previous = joined.at(-1)
    if (previous && range[0] <= previous[1] + 1) previous[1] = Math.max(previous[1], range[1])
    else joined.push([range[0], range[1]])
  }
  return joined
}

/** The numbers of ranges in order, at most so many. */
export function numbersOf(set: UidSet, most: number): number[] {
  const numbers: number[] = []
  for (const [first, last] of set) {
    for (let number = first; number <= last; number++) {
      if (numbers.length >= most) return numbers
      numbers.push(number)
    }
  }
  return numbers
}

/** Ascending numbers as ranges. */
export function toRanges(numbers: readonly number[]): [number, number][] {
  const ranges: [number, number][] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last && number === last[1] + 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges
}

/** '1:3,7'. The order is kept as given: COPYUID pairs its two sets by position (RFC 4315 §3). */
export function formatSet(numbers: readonly number[]): string {
  return formatRanges(toRanges(numbers))
}

export function formatRanges(ranges: UidSet): string {
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}:${last}`)).join(',')
}

/** What is in both of two sets that are ordered and joined. Linear. */
export function inBoth(one: UidSet, other: UidSet): UidSet {
  const both: [number, number][] = []
  for (let [i, j] = [0, 0]; i < one.length && j < other.length; ) {
    const [first, last] = [Math.max(one[i]![0], other[j]![0]), Math.min(one[i]![1], other[j]![1])]
    if (first <= last) both.push([first, last])
    if (one[i]![1] < other[j]![1]) i++
    else j++
  }
  return both
}

/** Is the number in a set that is ordered and joined, as `resolveSet` and `toRanges` give it. */
export function setContains(set: UidSet, number: number): boolean {
  let low = 0
  let high = set.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const [first, last] = set[middle]!
    if (number < first) high = middle - 1
    else if (number > last) low = middle + 1
    else return true
  }
  return false
}
