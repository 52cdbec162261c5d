// What the server says: strings, literals, lists, dates in IMAP's forms (RFC 3501 §4.3, §7), and the buffer they are
// collected in. Text here is "bytes as latin1": one character for each byte on the wire.

import { string } from '../../message/imap-text.ts'

export { nstring, string } from '../../message/imap-text.ts'

/** Output under way: short texts joined, bodies kept as they are. */
export class Output {
  #text = ''
  #chunks: Buffer[] = []
  #sizeBytes = 0

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  text(text: string): void {
    this.#text += text
    this.#sizeBytes += text.length
  }

  bytes(bytes: Buffer): void {
    this.#sizeBytes += bytes.length
    if (bytes.length < 1024) {
      this.#text += bytes.toString('latin1')
      return
    }
    this.#closeText()
    this.#chunks.push(bytes)
  }

  /** A line of its own: adds the CRLF. */
  line(text: string): void {
    this.text(`${text}\r\n`)
  }

  /** What was collected; the buffer is empty afterwards. */
  take(): Buffer[] {
    this.#closeText()
    const chunks = this.#chunks
    this.#chunks = []
    this.#sizeBytes = 0
    return chunks
  }

  #closeText(): void {
    if (this.#text !== '') this.#chunks.push(Buffer.from(this.#text, 'latin1'))
    this.#text = ''
  }
}

/** An atom where it may be one, else a string. */
export function astring(text: string): string {
  return /^[^\x00-\x20(){%*"\\\x7f-\xff]+$/.test(text) && text.toUpperCase() !== 'NIL' ? text : string(text)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** '"17-Jul-1996 09:44:25 +0000"' (RFC 3501 §9 date-time). */
export function dateTime(timeMs: number): string {
  const date = new Date(timeMs)
  const two = (n: number): string => String(n).padStart(2, '0')
  const day = String(date.getUTCDate()).padStart(2, ' ')
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  return `"${day}-${MONTHS[date.getUTCMonth()]}-${String(date.getUTCFullYear()).padStart(4, '0')} ${time} +0000"`
}
