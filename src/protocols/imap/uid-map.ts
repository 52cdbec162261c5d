// The UIDs of a mailbox in order, as ranges: a message number is a position here. A mailbox of a million messages with few
// gaps costs a few numbers, and every question is answered by bisection.

import type { UidSet } from '../../store/commands.ts'

export class UidMap {
  /** First and last UID of each range, and the position of its first. */
  #first: number[] = []
  #last: number[] = []
  #position: number[] = []

  constructor(ranges: UidSet = []) {
    for (const [first, last] of ranges) this.#push(first, last)
  }

  get length(): number {
    const at = this.#first.length - 1
    return at < 0 ? 0 : this.#position[at]! + this.#last[at]! - this.#first[at]! + 1
  }

  /** The largest UID; 0 when there is none. */
  get largest(): number {
    return this.#last.at(-1) ?? 0
  }

  get ranges(): UidSet {
    return this.#first.map((first, at) => [first, this.#last[at]!] as const)
  }

  /** Adds a UID larger than all. */
  push(uid: number): void {
    this.#push(uid, uid)
  }

  #push(first: number, last: number): void {
    const at = this.#first.length - 1
    if (at >= 0 && this.#last[at]! + 1 === first) {
      this.#last[at] = last
      return
    }
    this.#position.push(this.length)
    this.#first.push(first)
    this.#last.push(last)
  }

  /** The UID at a position that exists. */
  at(position: number): number {
    const range = bisect(this.#position, position)
    return this.#first[range]! + position - this.#position[range]!
  }

  /** The position of a UID, or -1. */
  indexOf(uid: number): number {
    const range = bisect(this.#first, uid)
    if (range < 0 || uid > this.#last[range]!) return -1
    return this.#position[range]! + uid - this.#first[range]!
  }

  /** The position of the first UID that is not smaller: `length` when there is none. */
  lowerBound(uid: number): number {
    const range = bisect(this.#first, uid)
    if (range < 0) return 0
    const length = this.#last[range]! - this.#first[range]! + 1
    return this.#position[range]! + Math.min(uid - this.#first[range]!, length)
  }

  /** The UIDs from one position to another, both included, as ranges. */
  slice(from: number, to: number): [number, number][] {
    const sliced: [number, number][] = []
    const end = this.at(to)
    for (let range = bisect(this.#position, from); range < this.#first.length && this.#first[range]! <= end; range++) {
      const first = sliced.length === 0 ? this.at(from) : this.#first[range]!
      sliced.push([first, Math.min(this.#last[range]!, end)])
    }
    return sliced
  }

  /** All in order. */
  *[Symbol.iterator](): Generator<number> {
    for (let range = 0; range < this.#first.length; range++) {
      for (let uid = this.#first[range]!; uid <= this.#last[range]!; uid++) yield uid
    }
  }

  /** Without these (ascending). */
  without(gone: readonly number[]): UidMap {
    const left = new UidMap()
    let at = 0
    for (let range = 0; range < this.#first.length; range++) {
      let next = this.#first[range]!
      const last = this.#last[range]!
      while (at < gone.length && gone[at]! < next) at++
      for (; at < gone.length && gone[at]! <= last; at++) {
        if (gone[at]! > next) left.#push(next, gone[at]! - 1)
        next = gone[at]! + 1
      }
      if (next <= last) left.#push(next, last)
    }
    return left
  }
}

/** The last index whose value is not larger, or -1. */
function bisect(values: readonly number[], wanted: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! <= wanted) low = middle + 1
    else high = middle
  }
  return low - 1
}
