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

/** Where the header and the first `lines` lines of the body end, or -1 when the bytes do not reach so far (TOP). */
export function endOfTop(bytes: Buffer, lines: number): number {
  let at = 0
  let inBody = false
  let left = lines
  for (;;) {
    if (inBody && left === 0) return at
    const lineFeed = bytes.indexOf(LF, at)
    if (lineFeed < 0) return -1
    const length = lineFeed - at - (bytes[lineFeed - 1] === CR && lineFeed > at ? 1 : 0)
    if (inBody) left--
    else if (length === 0) inBody = true
    at = lineFeed + 1
  }
}
