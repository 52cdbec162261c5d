// A message as POP3 sends it (RFC 1939 §3): every line ends in CRLF, a line that begins with '.' gets another one, and
// a line with one '.' ends it. Works on pieces of any size.

const CR = 13
const LF = 10
const DOT = 46

export class DotStuffer {
  #atLineStart = true
  #afterCr = false

  /** The piece with its dots doubled. A bare LF becomes CRLF: a lenient client would take '\n.\n' for the end. */
  feed(piece: Buffer): Buffer {
    const out: Buffer[] = []
    let from = 0
    if (piece.length === 0) return piece
    if (this.#atLineStart && piece[0] === DOT) out.push(ONE_DOT)
    for (let at = piece.indexOf(LF); at >= 0; at = piece.indexOf(LF, at + 1)) {
      const crBefore = at === 0 ? this.#afterCr : piece[at - 1] === CR
      if (!crBefore) {
        out.push(piece.subarray(from, at), ONE_CR)
        from = at
      }
      if (piece[at + 1] === DOT) {
        out.push(piece.subarray(from, at + 1), ONE_DOT)
        from = at + 1
      }
    }
    out.push(piece.subarray(from))
    const last = piece[piece.length - 1]
    this.#atLineStart = last === LF
    this.#afterCr = last === CR
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }

  /** What ends the message; a last line without its end gets one. */
  end(): Buffer {
    return Buffer.from(this.#atLineStart ? '.\r\n' : this.#afterCr ? '\n.\r\n' : '\r\n.\r\n')
  }
}

const ONE_DOT = Buffer.from('.')
const ONE_CR = Buffer.from('\r')

/** Lets the header and the first lines of the body through (TOP), in pieces of any size. */
export class TopFinder {
  #linesLeft: number
  #inBody = false
  /** The line under way has only a CR so far, or nothing. */
  #isBlank = true
  isFound = false

  constructor(lines: number) {
    this.#linesLeft = lines
  }

  /** As much of the piece as belongs to the top. */
  feed(piece: Buffer): Buffer {
    let at = 0
    while (!this.isFound) {
      const lineFeed = piece.indexOf(LF, at)
      const end = lineFeed < 0 ? piece.length : lineFeed
      // 'CR LF' ends an empty line; a CR alone, or two of them, do not.
      const text = piece.subarray(at, end)
      if (text.length > 1 || (text.length === 1 && (text[0] !== CR || !this.#isBlank))) this.#isBlank = false
      if (lineFeed < 0) break
      at = lineFeed + 1
      if (this.#inBody) this.#linesLeft--
      else if (this.#isBlank) this.#inBody = true
      this.#isBlank = true
      this.isFound = this.#inBody && this.#linesLeft <= 0
    }
    return this.isFound ? piece.subarray(0, at) : piece
  }
}
