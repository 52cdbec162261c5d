// Message content as it leaves: every line ends in CRLF, lines that begin with a dot get another, a dot alone ends it.
// Keeps RFC 5321 §4.5.2 (transparency) and §2.3.8. Whatever the message holds, no bare CR, bare LF or NUL leaves, so the
// next server cannot find a second message inside it ("SMTP smuggling"). Clean content is not copied to look at it.

import { isAscii } from 'node:buffer'

const CR = 13
const LF = 10
const SPACE = 32

export interface WireContent {
  /** To be written in order: the content, dots stuffed, and the final dot. */
  readonly pieces: readonly Buffer[]
  /** Size for SIZE= (RFC 1870 §5): without stuffed dots and the final one. */
  readonly sizeBytes: number
  readonly eightBit: boolean
  /** The header holds bytes beyond ASCII: SMTPUTF8 is needed (RFC 6531 §3.1). */
  readonly eightBitHeader: boolean
}

const FINAL_DOT = Buffer.from('.\r\n')
const LINE_END_AND_FINAL_DOT = Buffer.from('\r\n.\r\n')
const DOT = Buffer.from('.')
/** A message of nothing but dots would otherwise cost fifty times its size. */
const MAX_PIECES = 1000

/** Makes a message ready to be sent after 354. */
export function toWire(message: Buffer): WireContent {
  const content = withSafeLineEnds(message)
  const pieces = withStuffedDots(content)
  const complete = content.length === 0 || content.subarray(-2).equals(LINE_END_AND_FINAL_DOT.subarray(0, 2))
  pieces.push(complete ? FINAL_DOT : LINE_END_AND_FINAL_DOT)
  const eightBit = !isAscii(content)
  return {
    pieces,
    sizeBytes: content.length + (complete ? 0 : 2),
    eightBit,
    eightBitHeader: eightBit && !isAscii(headerOf(content)),
  }
}

/** The content with a second dot before each that begins a line: in pieces, or as a copy where they would be many. */
function withStuffedDots(content: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  let start = 0
  if (content[0] === 0x2e) pieces.push(DOT)
  for (let at = content.indexOf('\r\n.'); at >= 0; at = content.indexOf('\r\n.', at + 2)) {
    if (pieces.length === MAX_PIECES) {
      pieces.push(stuffedCopy(content.subarray(start)))
      return pieces
    }
    // Up to and with the dot; the next piece begins with that same dot once more.
    pieces.push(content.subarray(start, at + 3))
    start = at + 2
  }
  pieces.push(content.subarray(start))
  return pieces
}

/** `content` begins within a line, or with a dot that has its second one already. */
function stuffedCopy(content: Buffer): Buffer {
  let dots = 0
  for (let at = content.indexOf('\r\n.'); at >= 0; at = content.indexOf('\r\n.', at + 2)) dots++
  const copy = Buffer.allocUnsafe(content.length + dots)
  let from = 0
  let to = 0
  for (let at = content.indexOf('\r\n.'); at >= 0; at = content.indexOf('\r\n.', at + 2)) {
    to += content.copy(copy, to, from, at + 3)
    from = at + 2
  }
  content.copy(copy, to, from)
  return copy
}

/** The message with CRLF line ends only and without NUL: what may be signed, and what leaves. Clean content is not copied. */
export function withSafeLineEnds(message: Buffer): Buffer {
  return isCanonical(message) ? message : canonical(message)
}

function headerOf(content: Buffer): Buffer {
  const end = content.indexOf('\r\n\r\n')
  return end < 0 ? content : content.subarray(0, end)
}

/** Every CR is followed by LF, every LF follows a CR, there is no NUL. */
function isCanonical(message: Buffer): boolean {
  for (let at = 0; ; ) {
    const cr = message.indexOf(CR, at)
    const lf = message.indexOf(LF, at)
    if (cr < 0 && lf < 0) return !message.includes(0)
    if (lf !== cr + 1 || cr < 0) return false
    at = lf + 1
  }
}

/** A bare LF becomes CRLF (it is how programs end lines). A bare CR or NUL becomes a space: it never begins a line. */
function canonical(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(2 * message.length)
  let to = 0
  for (let at = 0; at < message.length; at++) {
    const byte = message[at]!
    if (byte === LF) {
      if (message[at - 1] !== CR) out[to++] = CR
      out[to++] = LF
    } else if (byte === 0 || (byte === CR && message[at + 1] !== LF)) out[to++] = SPACE
    else out[to++] = byte
  }
  return out.subarray(0, to)
}
