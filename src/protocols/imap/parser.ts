// The grammar of what a client says after the tag (RFC 3501 §9, RFC 9051 §9), read with a cursor over one RawCommand.
// The first mistake sticks: every later read gives an empty value and `more()` is false, so that a command is written
// as a plain sequence of reads and one look at `error` at its end. Nothing here throws.

import type { RawCommand } from './reader.ts'
import { parseSequenceSet, type SequenceSet } from './sequence.ts'

const SPACE = 32
const QUOTE = 34
const OPEN = 40
const CLOSE = 41
const BACKSLASH = 92

/** Bytes an atom may not hold: controls, '(' ')' '{' SP '%' '*' '"' '\' (RFC 3501 §9 atom-specials), and 8-bit. */
const ATOM = byteSet((byte) => byte > 32 && byte < 127 && !'(){%*"\\'.includes(String.fromCharCode(byte)))
/** astring may hold ']' (it is in ATOM here too: real clients send it in flags and names). */
const LIST_MAILBOX = byteSet((byte) => ATOM[byte] === 1 || byte === 37 || byte === 42 || byte > 127)

const NOT_SPACE = byteSet((byte) => byte !== SPACE)

function byteSet(holds: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (holds(byte) ? 1 : 0))
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

export class Cursor {
  readonly #command: RawCommand
  #line = 0
  #at: number
  /** What was wrong first, for the tagged BAD. */
  error: string | undefined

  constructor(command: RawCommand, at = 0) {
    this.#command = command
    this.#at = at
  }

  get #bytes(): Buffer {
    return this.#command.lines[this.#line]!
  }

  fail(text: string): void {
    this.error ??= text
  }

  /** The byte at the cursor, or -1 at the end or after a mistake. */
  peek(): number {
    return this.error === undefined ? (this.#bytes[this.#at] ?? -1) : -1
  }

  more(): boolean {
    return this.peek() !== -1
  }

  /** Steps over the byte if it stands here. */
  skip(byte: number): boolean {
    if (this.peek() !== byte) return false
    this.#at++
    return true
  }

  /** One space; more than one is forgiven (clients send them). */
  space(): void {
    if (!this.skip(SPACE)) this.fail('a space is missing')
    while (this.skip(SPACE));
  }

  /** True if there was a space and something follows: between optional arguments. */
  optionalSpace(): boolean {
    let found = false
    while (this.skip(SPACE)) found = true
    return found && this.more()
  }

  /** Nothing but spaces may follow. */
  end(): void {
    while (this.skip(SPACE));
    if (this.more()) this.fail('something follows that does not belong there')
  }

  #while(set: Uint8Array): string {
    const bytes = this.#bytes
    const start = this.#at
    if (this.error !== undefined) return ''
    while (this.#at < bytes.length && set[bytes[this.#at]!] === 1) this.#at++
    return bytes.toString('latin1', start, this.#at)
  }

  atom(): string {
    const text = this.#while(ATOM)
    if (text === '') this.fail('an atom is missing')
    return text
  }

  /** An atom in capitals: a keyword. */
  keyword(): string {
    return this.atom().toUpperCase()
  }

  /** Everything up to a space or the end: base64. */
  word(): string {
    return this.#while(NOT_SPACE)
  }

  /** True and stepped over if this keyword stands here, ended by a space, a parenthesis or the end. */
  skipKeyword(word: string): boolean {
    if (this.error !== undefined) return false
    const end = this.#at + word.length
    const next = this.#bytes[end]
    if (next !== undefined && ATOM[next] === 1) return false
    if (this.#bytes.toString('latin1', this.#at, end).toUpperCase() !== word) return false
    this.#at = end
    return true
  }

  /** A flag: '\Seen' or a keyword. */
  flag(): string {
    return this.skip(BACKSLASH) ? `\\${this.atom()}` : this.atom()
  }

  number(): number {
    const text = /^\d{1,16}/.exec(this.#bytes.toString('latin1', this.#at, this.#at + 17))?.[0]
    if (this.error !== undefined || text === undefined) {
      this.fail('a number is missing')
      return 0
    }
    this.#at += text.length
    return Number(text)
  }

  sequenceSet(): SequenceSet {
    const start = this.#at
    const bytes = this.#bytes
    if (this.error !== undefined) return []
    while (this.#at < bytes.length && /[\d:,*]/.test(String.fromCharCode(bytes[this.#at]!))) this.#at++
    const set = parseSequenceSet(bytes.toString('latin1', start, this.#at))
    if (set === undefined) this.fail('not a sequence set')
    return set ?? []
  }

  /** Does a literal stand here ('{5}' or '~{5}' at the end of the line). */
  #literal(): Buffer | undefined {
    const rest = this.#bytes.toString('latin1', this.#at, this.#at + 30)
    const literal = this.#command.literals[this.#line]
    if (literal === undefined || !/^~?\{\d+\+?\}$/.test(rest)) return undefined
    this.#line++
    this.#at = 0
    return literal
  }

  /** A literal (for APPEND), or undefined. */
  literal(): Buffer | undefined {
    const literal = this.error === undefined ? this.#literal() : undefined
    if (literal === undefined) this.fail('a literal is missing')
    return literal
  }

  #quoted(): Buffer {
    const bytes = this.#bytes
    const parts: number[] = []
    for (this.#at++; this.#at < bytes.length; this.#at++) {
      let byte = bytes[this.#at]!
      if (byte === QUOTE) {
        this.#at++
        return Buffer.from(parts)
      }
      if (byte === BACKSLASH) byte = bytes[++this.#at] ?? 0
      if (byte === 0) break
      parts.push(byte)
    }
    this.fail('a quoted string has no end')
    return Buffer.alloc(0)
  }

  /** One byte back: after looking too far. */
  back(): void {
    if (this.error === undefined) this.#at--
  }

  /** What follows, at most so many bytes: to look before reading. */
  ahead(length: number): string {
    return this.error === undefined ? this.#bytes.toString('latin1', this.#at, this.#at + length) : ''
  }

  /** A quoted string or a literal that may hold anything, NUL too. */
  binary(): Buffer {
    const next = this.peek()
    if (next === QUOTE) return this.#quoted()
    const literal = next === -1 ? undefined : this.#literal()
    if (literal === undefined) this.fail('a string is missing')
    return literal ?? Buffer.alloc(0)
  }

  /** A quoted string or a literal, as bytes. */
  string(): Buffer {
    const next = this.peek()
    if (next === QUOTE) return this.#quoted()
    const literal = next === -1 ? undefined : this.#literal()
    if (literal?.includes(0)) this.fail('a string holds NUL')
    if (literal === undefined) this.fail('a string is missing')
    return literal ?? Buffer.alloc(0)
  }

  /** An atom or a string, as bytes. 8-bit bytes outside quotes are refused. */
  astring(): Buffer {
    const next = this.peek()
    if (next === QUOTE || next === 123) return this.string() // '{'
    return Buffer.from(this.atom(), 'latin1')
  }

  /** An astring that may hold wildcards (RFC 3501 §9 list-mailbox). */
  listPattern(): Buffer {
    const next = this.peek()
    if (next === QUOTE || next === 123) return this.string()
    const text = this.#while(LIST_MAILBOX)
    if (text === '') this.fail('a pattern is missing')
    return Buffer.from(text, 'latin1')
  }

  /** A string, or undefined for NIL. */
  nstring(): Buffer | undefined {
    return this.skipKeyword('NIL') ? undefined : this.string()
  }

  /** '(' items ')' with `read` for each item; spaces between them are forgiven where they are too many. */
  list<T>(read: () => T): T[] {
    const items: T[] = []
    if (!this.skip(OPEN)) this.fail('a list is missing')
    for (;;) {
      while (this.skip(SPACE));
      if (!this.more()) {
        this.fail('a list has no end')
        return items
      }
      if (this.skip(CLOSE)) return items
      items.push(read())
    }
  }

  isList(): boolean {
    return this.peek() === OPEN
  }

  isString(): boolean {
    return this.peek() === QUOTE || this.peek() === 123 || this.peek() === 126
  }

  /** Steps over exactly this text (any case), as in 'BODY.PEEK[' or '.MIME'. */
  skipText(text: string): boolean {
    if (this.error !== undefined) return false
    const end = this.#at + text.length
    if (this.#bytes.toString('latin1', this.#at, end).toUpperCase() !== text) return false
    this.#at = end
    return true
  }

  /** '1-Feb-2007', quoted or not, as [year, month 0..11, day]: a day, in no zone (RFC 3501 §9 date). */
  date(): { year: number; month: number; day: number } {
    const text = this.astring().toString('latin1')
    const match = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/.exec(text)
    const month = match === null ? -1 : MONTHS.indexOf(match[2]!.toLowerCase())
    if (match === null || month < 0) this.fail('not a date')
    return { year: Number(match?.[3] ?? 0), month, day: Number(match?.[1] ?? 0) }
  }

  /** '"17-Jul-1996 02:44:25 -0700"' as milliseconds since 1970 (RFC 3501 §9 date-time). */
  dateTime(): number {
    const text = this.string().toString('latin1')
    const match = /^([ \d]?\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/.exec(text)
    const month = match === null ? -1 : MONTHS.indexOf(match[2]!.toLowerCase())
    if (match === null || month < 0) {
      this.fail('not a date and time')
      return 0
    }
    const [, day, , year, hour, minute, second, sign, zoneHours, zoneMinutes] = match
    const local = Date.UTC(Number(year), month, Number(day), Number(hour), Number(minute), Number(second))
    const zoneMs = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000
    return sign === '+' ? local - zoneMs : local + zoneMs
  }
}

/** The tag and the command's name of a command's first line, and a cursor after the name; or what is wrong. */
export function parseCommand(
  command: RawCommand,
): { tag: string; name: string; args: Cursor } | { tag: string | undefined; error: string } {
  const line = command.lines[0]!
  const head = /^([^\x00-\x20\x7f-\xff(){%*"\\+]{1,512}) +([A-Za-z0-9.-]{1,32})(?=$|[ \r])/.exec(
    line.toString('latin1', 0, 600),
  )
  if (head === null) return { tag: tagOf(line), error: 'not a command: tag SP name' }
  const name = head[2]!.toUpperCase()
  if (line.includes(0)) return { tag: head[1], error: 'NUL in a command' }
  return { tag: head[1]!, name, args: new Cursor(command, head[0].length) }
}

/** The tag a line begins with, where it has one. */
export function tagOf(line: Buffer): string | undefined {
  return /^([^\x00-\x20\x7f-\xff(){%*"\\+]{1,128}) /.exec(line.toString('latin1', 0, 130))?.[1]
}
