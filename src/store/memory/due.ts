// What is due when: a binary heap that forgets lazily. What was put in at a time that is no longer its own is passed over
// when it surfaces, so that changing a time costs no search.

interface Entry<T> {
  readonly atMs: number
  readonly sequence: number
  readonly item: T
}

export class Due<T> {
  readonly #isAt: (item: T, atMs: number) => boolean
  #heap: Entry<T>[] = []
  #sequence = 0

  /** `isAt`: this is (still) the time of the item. */
  constructor(isAt: (item: T, atMs: number) => boolean) {
    this.#isAt = isAt
  }

  put(item: T, atMs: number): void {
    this.#push({ atMs, sequence: this.#sequence++, item })
  }

  /** The time of the first, if there is one. */
  get firstMs(): number | undefined {
    return this.#first()?.atMs
  }

  /** At most `limit` that are due by then and wanted, the longest due first. They stay in. */
  by(nowMs: number, limit: number, isWanted: (item: T) => boolean = () => true): T[] {
    const taken: Entry<T>[] = []
    const found: T[] = []
    const seen = new Set<T>()
    for (let first = this.#first(); first !== undefined && first.atMs <= nowMs; first = this.#first()) {
      this.#removeFirst()
      // The same time was put in twice.
      if (seen.has(first.item)) continue
      seen.add(first.item)
      taken.push(first)
      if (isWanted(first.item) && found.push(first.item) >= limit) break
    }
    for (const entry of taken) this.#push(entry)
    return found
  }

  #first(): Entry<T> | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || this.#isAt(first.item, first.atMs)) return first
      this.#removeFirst()
    }
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, entry)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(last, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

const isBefore = (a: Entry<unknown>, b: Entry<unknown>) =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
