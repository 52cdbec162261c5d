// The event queue of a simulated world: a binary heap ordered by (time, sequence), so that two events at the same
// instant happen in the order they were asked for. Cancelled events stay until they surface or until they are the
// larger half, which keeps the queue within twice its live size. Ten thousand agents plan a hundred thousand events: times
// and sequences lie beside the events, packed, so that finding the next one does not touch the events themselves.

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

/** Children of a place in the heap: neighbours in memory, and half the steps of two. */
const WIDTH = 4
const FIRST_ROOM = 1024

export class EventQueue {
  #events: QueuedEvent[] = []
  #times = new Float64Array(FIRST_ROOM)
  #sequences = new Float64Array(FIRST_ROOM)
  #cancelled = 0

  /** Events waiting, cancelled ones not counted. */
  get length(): number {
    return this.#events.length - this.#cancelled
  }

  push(event: QueuedEvent): void {
    const at = this.#events.length
    this.#events.push(event)
    if (at === this.#times.length) {
      this.#times = withRoom(this.#times, at * 2)
      this.#sequences = withRoom(this.#sequences, at * 2)
    }
    this.#rise(at, event)
  }

  cancel(event: QueuedEvent): void {
    if (event.action === undefined) return
    event.action = undefined
    this.#cancelled++
    if (this.#cancelled > 1024 && this.#cancelled * 2 > this.#events.length) this.#compact()
  }

  /** The next event that will happen, or undefined. */
  peek(): QueuedEvent | undefined {
    while (this.#events.length > 0) {
      const first = this.#events[0]!
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
    if (this.#events[0]!.action === undefined) this.#cancelled--
    const last = this.#events.pop()!
    if (this.#events.length > 0) this.#sink(0, last)
  }

  #rise(start: number, event: QueuedEvent): void {
    const { timeMs, sequence } = event
    let at = start
    while (at > 0) {
      const parent = ((at - 1) / WIDTH) | 0
      const parentMs = this.#times[parent]!
      if (parentMs < timeMs || (parentMs === timeMs && this.#sequences[parent]! < sequence)) break
      this.#move(parent, at)
      at = parent
    }
    this.#put(at, event)
  }

  #sink(start: number, event: QueuedEvent): void {
    const { timeMs, sequence } = event
    const { length } = this.#events
    let at = start
    for (;;) {
      let least = at * WIDTH + 1
      if (least >= length) break
      const end = Math.min(least + WIDTH, length)
      for (let child = least + 1; child < end; child++) if (this.#isBefore(child, least)) least = child
      const leastMs = this.#times[least]!
      if (timeMs < leastMs || (timeMs === leastMs && sequence < this.#sequences[least]!)) break
      this.#move(least, at)
      at = least
    }
    this.#put(at, event)
  }

  #isBefore(a: number, b: number): boolean {
    const aMs = this.#times[a]!
    const bMs = this.#times[b]!
    return aMs < bMs || (aMs === bMs && this.#sequences[a]! < this.#sequences[b]!)
  }

  #move(from: number, to: number): void {
    this.#events[to] = this.#events[from]!
    this.#times[to] = this.#times[from]!
    this.#sequences[to] = this.#sequences[from]!
  }

  #put(at: number, event: QueuedEvent): void {
    this.#events[at] = event
    this.#times[at] = event.timeMs
    this.#sequences[at] = event.sequence
  }

  #compact(): void {
    const left = this.#events.filter((event) => {
      if (event.life?.alive === false) event.action = undefined
      return event.action !== undefined
    })
    this.#events = left
    this.#cancelled = 0
    for (const [at, event] of left.entries()) this.#put(at, event)
    for (let at = Math.floor((left.length - 2) / WIDTH); at >= 0; at--) this.#sink(at, left[at]!)
  }
}

function withRoom(numbers: Float64Array<ArrayBuffer>, room: number): Float64Array<ArrayBuffer> {
  const more = new Float64Array(room)
  more.set(numbers)
  return more
}
