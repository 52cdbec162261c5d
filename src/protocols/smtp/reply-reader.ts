// Replies of a stranger's server: bytes in, one Reply after another out (RFC 5321 §4.2, RFC 2034 §4).
// Bounded in every direction, since the other side may be broken or hostile; the text is kept for people only, with
// control characters replaced. Lines that end in a bare LF are taken as lines: nothing can be smuggled into a client.

import type { Reply } from './reply.ts'

const CR = 13
const LF = 10
const ZERO = 48
/** RFC 5321 §4.5.3.1.5 has 512, RFC 4954 §4 12,288 for challenges. */
const MAX_LINE_BYTES = 12_288
const MAX_LINES = 128
/** What is kept of a line's text, and of how many lines: enough for every extension and every explanation. */
const KEPT_CHARACTERS = 1000

export type ReplyFault = { readonly fault: string }

export class ReplyReader {
  #bytes: Buffer = Buffer.alloc(0)
  #lines: string[] = []
  #code = 0

  push(chunk: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk])
  }

  /** Bytes that belong to no complete reply yet. */
  get pending(): number {
    return this.#bytes.length + this.#lines.length
  }

  /** The next reply; undefined when more bytes are needed; a fault when this is not SMTP (give the connection up). */
  next(): Reply | ReplyFault | undefined {
    for (;;) {
      const lf = this.#bytes.indexOf(LF)
      if (lf > MAX_LINE_BYTES || (lf < 0 && this.#bytes.length > MAX_LINE_BYTES))
        return { fault: 'a reply line is too long' }
      if (lf < 0) return undefined
      const line = this.#bytes.subarray(0, lf > 0 && this.#bytes[lf - 1] === CR ? lf - 1 : lf).toString('utf8')
      this.#bytes = this.#bytes.subarray(lf + 1)
      const code = codeOf(line)
      if (code === undefined) return { fault: `not an SMTP reply: "${printable(line).slice(0, 80)}"` }
      if (this.#lines.length > 0 && code !== this.#code) return { fault: 'a reply changes its code on the way' }
      if (this.#lines.length >= MAX_LINES) return { fault: 'a reply has too many lines' }
      this.#code = code
      this.#lines.push(printable(line.slice(4, 4 + KEPT_CHARACTERS)))
      if (line[3] !== '-') return this.#finish()
    }
  }

  #finish(): Reply {
    const code = this.#code
    let lines = this.#lines
    this.#lines = []
    const enhanced = ENHANCED.exec(lines[0]!)?.[1]
    // RFC 2034 §4: the class must agree with the code, else these are only words.
    if (enhanced === undefined || Number(enhanced[0]) !== Math.floor(code / 100)) return { code, lines }
    lines = lines.map((line) => (line.startsWith(enhanced) ? line.slice(enhanced.length).trimStart() : line))
    return { code, enhanced, lines }
  }
}

const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?= |$)/

/** Of a line of a reply: three digits, alone or before a space or a hyphen. */
function codeOf(line: string): number | undefined {
  const [hundreds, tens, ones] = [line.charCodeAt(0) - ZERO, line.charCodeAt(1) - ZERO, line.charCodeAt(2) - ZERO]
  const isCode = hundreds >= 2 && hundreds <= 5 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9
  const isEnded = line.length === 3 || line[3] === ' ' || line[3] === '-'
  return isCode && isEnded ? hundreds * 100 + tens * 10 + ones : undefined
}

function printable(text: string): string {
  // Nearly all is, and the classes of Unicode are slow.
  if (/^[\x20-\x7e]*$/.test(text)) return text
  return text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '?')
}
