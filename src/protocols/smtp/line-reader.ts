// Lines from a byte stream: CRLF ends a line and nothing else does (RFC 5321 §2.3.8).
// A line that is too long or holds a bare CR or LF is reported as soon as that is certain, once, and then passed over
// up to its CRLF: what is smuggled behind a bare line end is never taken for a command. Memory is bounded by the limit.

const CR = 13
const LF = 10
const EMPTY: Buffer = Buffer.alloc(0)

export type LineFault = 'too-long' | 'bare-line-end'

/** Bytes that have arrived and were not consumed. */
export class LineReader {
  #bytes: Buffer = EMPTY
  #at = 0
  #skipping = false
  /** The last byte passed over was a CR. */
  #skippedCr = false

  push(chunk: Uint8Array): void {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    this.#bytes = this.pending === 0 ? buffer : Buffer.concat([this.#bytes.subarray(this.#at), buffer])
    this.#at = 0
  }

  get pending(): number {
    return this.#bytes.length - this.#at
  }

  /** Drops everything, e.g. what came in plain text before TLS (RFC 3207 §4.2). */
  clear(): void {
    this.#bytes = EMPTY
    this.#at = 0
    this.#skipping = false
  }

  /** Does the next line begin so, in whichever case. */
  begins(text: string): boolean {
    return this.#bytes.toString('latin1', this.#at, this.#at + text.length).toUpperCase() === text
  }

  /** Takes all pending bytes out, for content. Give back what it did not need with `push`. */
  takeAll(): Buffer {
    return this.take(this.pending)
  }

  /** Takes up to `count` bytes out. */
  take(count: number): Buffer {
    const end = Math.min(this.#bytes.length, this.#at + count)
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  /** The next line without its CRLF; undefined when more bytes are needed. `maxBytes` counts the CRLF. */
  next(maxBytes: number): Buffer | LineFault | undefined {
    if (this.#skipping && !this.#skip()) return undefined
    const lf = this.#bytes.indexOf(LF, this.#at)
    const length = (lf < 0 ? this.#bytes.length : lf + 1) - this.#at
    if (length > maxBytes) return this.#fault('too-long')
    if (lf < 0) return undefined
    const cr = this.#bytes.indexOf(CR, this.#at)
    if (cr < 0 || cr !== lf - 1) return this.#fault('bare-line-end')
    const line = this.#bytes.subarray(this.#at, cr)
    this.#at = lf + 1
    return line
  }

  #fault(fault: LineFault): LineFault {
    this.#skipping = true
    this.#skippedCr = false
    this.#skip()
    return fault
  }

  /** Passes over bytes up to and including the next CRLF. False when it has not come yet. */
  #skip(): boolean {
    while (this.pending > 0) {
      const lf = this.#bytes.indexOf(LF, this.#at)
      if (lf < 0) {
        this.#skippedCr = this.#bytes[this.#bytes.length - 1] === CR
        this.#at = this.#bytes.length
        return false
      }
      const before = lf > this.#at ? this.#bytes[lf - 1] === CR : this.#skippedCr
      this.#at = lf + 1
      this.#skippedCr = false
      if (before) {
        this.#skipping = false
        return true
      }
    }
    return false
  }
}
