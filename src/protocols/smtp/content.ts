// Message content as it arrives: dots unstuffed and line ends judged in one pass over the bytes, at any chunk border.
// Keeps RFC 5321 §4.5.2 (transparency), §2.3.8 (lines end in CRLF only: what is smuggled behind another "line end" stays
// inside the message, which is then refused), RFC 3030 (BDAT), RFC 2045 §2.8 (no NUL, which neither the next SMTP hop nor
// an IMAP literal could carry). Memory is bounded by the size limit and a shared Budget.

const CR = 13
const LF = 10
const DOT = 46

/** Bytes that all sessions together may hold of messages under way. */
export class Budget {
  readonly limitBytes: number
  #usedBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** False, and nothing taken, when it would be too much. */
  take(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.limitBytes) return false
    this.#usedBytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes
  }
}

/** Why a message will be refused once its end has come. The first reason stays. */
export type ContentDefect = 'too-big' | 'no-memory' | 'bare-line-end' | 'nul'

/** Where the scanner stands between two chunks. The dot and CR of the last two states are not kept yet. */
type State = 'in-line' | 'after-cr' | 'line-start' | 'line-start-dot' | 'line-start-dot-cr'

/** First room for a message; doubled as needed, so that many tiny chunks cost no more than few big ones. */
const MIN_CAPACITY = 4096
const MAX_FIRST_CAPACITY = 65_536
const EMPTY = Buffer.alloc(0)

/** Collects one message from DATA or BDAT. */
export class ContentCollector {
  readonly #maxBytes: number
  /** Any bytes, by BDAT alone. */
  readonly #isBinary: boolean
  readonly #budget: Budget
  #capacity: number
  #kept: Buffer = EMPTY
  #sizeBytes = 0
  #takenBytes = 0
  #state: State = 'line-start'
  #defect: ContentDefect | undefined

  /** `expectedBytes` is what the client declared: a hint for the first room only. */
  constructor(maxBytes: number, budget: Budget, expectedBytes = 0, isBinary = false) {
    this.#isBinary = isBinary
    this.#maxBytes = maxBytes
    this.#budget = budget
    this.#capacity = Math.max(MIN_CAPACITY, Math.min(expectedBytes + 64, MAX_FIRST_CAPACITY))
  }

  get defect(): ContentDefect | undefined {
    return this.#defect
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Takes DATA bytes from `start`. Returns the offset after the end of the message, or -1 when it has not come yet. */
  data(bytes: Uint8Array, start: number): number {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    let keptUntil = start
    let at = start
    while (at < buffer.length) {
      switch (this.#state) {
        case 'line-start':
          if (buffer[at] === DOT) {
            this.#keep(buffer, keptUntil, at)
            keptUntil = ++at
            this.#state = 'line-start-dot'
          } else this.#state = 'in-line'
          break
        case 'line-start-dot':
          if (buffer[at] === CR) {
            at++
            this.#state = 'line-start-dot-cr'
          } else this.#state = 'in-line'
          break
        case 'line-start-dot-cr':
          if (buffer[at] === LF) {
            this.#state = 'line-start'
            return at + 1
          }
          // The dot was stuffing, and the CR is bare: the message is lost anyway.
          this.#refuse('bare-line-end')
          this.#state = 'in-line'
          break
        case 'after-cr':
          if (buffer[at] !== LF) {
            this.#refuse('bare-line-end')
            this.#state = 'in-line'
          } else {
            at++
            this.#state = 'line-start'
          }
          break
        case 'in-line':
          at = this.#line(buffer, at)
      }
    }
    // A CR held back after a dot at the line start belongs to the end-of-data mark, or to a lost message.
    this.#keep(buffer, keptUntil, this.#state === 'line-start-dot-cr' ? Math.max(keptUntil, at - 1) : at)
    return -1
  }

  /** Takes `bytes` of a BDAT chunk. */
  chunk(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    let at = this.#isBinary ? buffer.length : 0
    while (at < buffer.length) {
      if (this.#state === 'after-cr') {
        if (buffer[at] === LF) at++
        else this.#refuse('bare-line-end')
      }
      this.#state = 'in-line'
      if (at < buffer.length) at = this.#line(buffer, at)
    }
    this.#keep(buffer, 0, buffer.length)
  }

  /** The message, when it has no defect. The budget stays taken until `release`. */
  finish(): Buffer {
    if (this.#state === 'after-cr') this.#refuse('bare-line-end')
    const source = this.#kept.subarray(0, this.#sizeBytes)
    if (!this.#isBinary && source.includes(0)) this.#refuse('nul')
    this.#kept = EMPTY
    return source
  }

  /** Gives back what the message held of the budget. Idempotent. */
  release(): void {
    this.#budget.give(this.#takenBytes)
    this.#takenBytes = 0
    this.#kept = EMPTY
  }

  /** From inside a line to after its end, or to the end of the buffer. */
  #line(buffer: Buffer, at: number): number {
    if (this.#defect !== undefined) return this.#lineOfLostMessage(buffer, at)
    const cr = buffer.indexOf(CR, at)
    const lf = buffer.indexOf(LF, at)
    if (cr >= 0 && lf === cr + 1) {
      this.#state = 'line-start'
      return lf + 1
    }
    if (lf < 0 && cr < 0) return buffer.length
    if (lf < 0 && cr === buffer.length - 1) {
      this.#state = 'after-cr'
      return buffer.length
    }
    this.#refuse('bare-line-end')
    return this.#lineOfLostMessage(buffer, at)
  }

  /** The same when only the end of the message matters any more: bare line ends are passed over. */
  #lineOfLostMessage(buffer: Buffer, at: number): number {
    for (let from = at; ; ) {
      const lf = buffer.indexOf(LF, from)
      if (lf < 0) {
        if (buffer[buffer.length - 1] === CR) this.#state = 'after-cr'
        return buffer.length
      }
      if (lf > at && buffer[lf - 1] === CR) {
        this.#state = 'line-start'
        return lf + 1
      }
      from = lf + 1
    }
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    if (end <= start || this.#defect !== undefined) return
    const needed = this.#sizeBytes + end - start
    if (needed > this.#maxBytes) this.#refuse('too-big')
    else if (needed > this.#kept.length && !this.#grow(needed)) this.#refuse('no-memory')
    else {
      buffer.copy(this.#kept, this.#sizeBytes, start, end)
      this.#sizeBytes = needed
    }
  }

  #grow(needed: number): boolean {
    while (this.#capacity < needed) this.#capacity *= 2
    if (!this.#budget.take(this.#capacity - this.#takenBytes)) return false
    this.#takenBytes = this.#capacity
    const bigger = Buffer.allocUnsafeSlow(this.#capacity)
    this.#kept.copy(bigger, 0, 0, this.#sizeBytes)
    this.#kept = bigger
    return true
  }

  #refuse(defect: ContentDefect): void {
    this.#defect ??= defect
    this.release()
  }
}
