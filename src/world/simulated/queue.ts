// The event queue of a simulated world: a binary heap ordered by (time, sequence), so that two events at the same
// instant happen in the order they were asked for. Cancelled events stay until they surface or until they are the
// larger half, which keeps the queue within twice its live size.

/** One incarnation of a host: when it ends (crash), nothing that belongs to it happens any more. */
export interface Life {
  alive: boolean
}

export interface QueuedEvent {
  readonly timeMs: number
  readonly sequence: number
  readonly kind: string
  readonly from: string
  readonly to: string
  readonly bytes: Uint8Array | undefined
  /** Skipped without a trace when this life has ended. */
  readonly life: Life | undefined
  /** Undefined once cancelled. */
  action: (() => void) | undefined
}

export class EventQueue {
  #heap: QueuedEvent[] = []
  #cancelled = 0

  /** Events waiting, cancelled ones not counted. */
  get length(): number {
    return this.#heap.length - this.#cancelled
  }

  push(event: QueuedEvent): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, event)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  cancel(event: QueuedEvent): void {
    if (event.action === undefined) return
    event.action = undefined
    this.#cancelled++
    if (this.#cancelled > 1024 && this.#cancelled * 2 > this.#heap.length) this.#compact()
  }

  /** The next event that will happen, or undefined. */
  peek(): QueuedEvent | undefined {
    while (this.#heap.length > 0) {
      const first = this.#heap[0]!
      if (first.action !== undefined && first.life?.alive !== false) return first
      this.#removeFirst()
      first.action = undefined
    }
    return undefined
  }

  /** Takes the event that `peek` showed. */
  pop(): QueuedEvent | undefined {
    const first = this.peek()
    if (first !== undefined) this.#removeFirst()
    return first
  }

  #removeFirst(): void {
    const heap = this.#heap
    if (heap[0]!.action === undefined) this.#cancelled--
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(0, last)
  }

  #sink(start: number, event: QueuedEvent): void {
    const heap = this.#heap
    let at = start
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(event, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = event
  }

  #compact(): void {
    this.#heap = this.#heap.filter((event) => {
      if (event.life?.alive === false) event.action = undefined
      return event.action !== undefined
    })
    this.#cancelled = 0
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at, this.#heap[at]!)
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence)
}
