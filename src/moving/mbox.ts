// mbox (RFC 4155 and its kin): messages one after another, each after a line that begins with 'From '. Lines of a message
// that look like one are escaped with '>' (mboxrd: any number of them, one more), or Content-Length says where the body
// ends (mboxcl, mboxcl2) and is believed where a message or the end of the file follows. Read and written as a stream.

import { parseDate } from '../message/date.ts'
import { MAX_MESSAGE_BYTES } from './place.ts'

export interface MboxMessage {
  /** Of its From_ line in the file. */
  readonly offset: number
  /** Of the From_ line; undefined when it has none that can be read. */
  readonly atMs: number | undefined
  /** Unescaped, as its lines end in the file; undefined: larger than a message may be. */
  readonly content: Buffer | undefined
  readonly sizeBytes: number
}

const LF = 10
const CR = 13
const FROM = Buffer.from('From ')
const LINE_FROM = Buffer.from('\nFrom ')
const LONGEST_FROM_LINE = 1_000
const LONGEST_HEADER = 256 * 1024
const READ_AHEAD = 4 * 1024 * 1024
const timeOfDay = /\d:\d{2}/
const year = /\d{4}/
const undated = /^From (-\s*|)$/
const field = /^[!-9;-~]+[ \t]*:/

/**
 * The messages of a file. What stands before the first From_ line is left out. `believesLength` false: what Content-Length
 * says is what the sender said.
 */
export async function* readMbox(chunks: AsyncIterable<Uint8Array>, believesLength = true): AsyncGenerator<MboxMessage> {
  const window = new Window(chunks)
  while ((await window.fill(LONGEST_FROM_LINE)) && !(await isFromLine(window, 0))) await skipMessage(window)
  while (await window.fill(1)) yield await readOne(window, believesLength)
}

async function readOne(window: Window, believesLength: boolean): Promise<MboxMessage> {
  const offset = window.offset
  await window.fill(LONGEST_FROM_LINE)
  const fromLine = lineAt(window.bytes, 0)
  const start = fromLine.length + 1
  const said = believesLength ? await endByContentLength(window, start) : undefined
  const end = said ?? (await nextFromLine(window, start))
  if (end === undefined) {
    // Larger than a message may be: what follows is looked for without keeping it.
    const sizeBytes = await skipMessage(window)
    return { offset, atMs: dateOf(fromLine), content: undefined, sizeBytes }
  }
  const raw = window.bytes.subarray(start, withoutBlankLine(window.bytes, start, end))
  // mboxcl2 escapes nothing: then lines of the body begin with From.
  const isEscaped = said === undefined || !(raw.includes('\n\nFrom ') || raw.includes('\r\n\r\nFrom '))
  const content = isEscaped ? unescapeFrom(raw) : Buffer.from(raw)
  window.drop(end)
  return { offset, atMs: dateOf(fromLine), content, sizeBytes: end }
}

/** Where the next From_ line begins, or the end of the file; undefined: too far. */
async function nextFromLine(window: Window, start: number): Promise<number | undefined> {
  for (let from = start - 1; ; ) {
    const at = await window.find(LINE_FROM, from, MAX_MESSAGE_BYTES)
    if (at < 0) return window.isWhole ? window.bytes.length : undefined
    if (isBlankBefore(window.bytes, at) && (await isFromLine(window, at + 1))) return at + 1
    from = at + 1
  }
}

async function skipMessage(window: Window): Promise<number> {
  let skipped = 0
  for (;;) {
    const at = await window.find(LINE_FROM, 0, MAX_MESSAGE_BYTES / 8)
    const isEnd = at >= 0 && isBlankBefore(window.bytes, at) && (await isFromLine(window, at + 1))
    const count = at >= 0 ? at + 1 : window.isWhole ? window.bytes.length : window.bytes.length - LINE_FROM.length - 2
    skipped += count
    window.drop(count)
    if (isEnd || (at < 0 && window.isWhole)) return skipped
  }
}

/** Where the body ends by its Content-Length, if a From_ line or the end of the file is there. */
async function endByContentLength(window: Window, start: number): Promise<number | undefined> {
  await window.fill(start + LONGEST_HEADER)
  const { bytes } = window
  let lengthBytes: number | undefined
  let at = start
  for (let line = lineAt(bytes, at); ; line = lineAt(bytes, at)) {
    if (at >= Math.min(bytes.length, start + LONGEST_HEADER)) return undefined
    at += line.length + 1
    if (line.length === 0 || line === '\r') break
    const said = /^content-length[ \t]*:[ \t]*(\d{1,10})\s*$/i.exec(line)
    if (said) lengthBytes = Number(said[1])
  }
  if (lengthBytes === undefined || lengthBytes > MAX_MESSAGE_BYTES) return undefined
  const end = at + lengthBytes
  await window.fill(end + LONGEST_FROM_LINE)
  const rest = window.bytes
  if (end > rest.length) return undefined
  // The blank line after the body is counted or not.
  for (const gap of ['', '\n', '\r\n']) {
    if (rest.subarray(end, end + gap.length).toString('latin1') !== gap) continue
    const next = end + gap.length
    const isLineStart = rest[next - 1] === LF
    if (next === rest.length && window.isWhole && (isLineStart || gap === '')) return next
    if (isLineStart && (await isFromLine(window, next))) return next
  }
  return undefined
}

async function isFromLine(window: Window, at: number): Promise<boolean> {
  await window.fill(at + 2 * LONGEST_FROM_LINE)
  const { bytes } = window
  if (!bytes.subarray(at, at + FROM.length).equals(FROM)) return false
  const line = lineAt(bytes, at, LONGEST_FROM_LINE)
  const time = timeOfDay.exec(line)
  if (time !== null && year.test(line.slice(time.index + 4))) return true
  return undated.test(line) && field.test(lineAt(bytes, at + line.length + 1, LONGEST_FROM_LINE))
}

/** Without its line feed. */
function lineAt(bytes: Buffer, at: number, atMost = Number.POSITIVE_INFINITY): string {
  const end = bytes.indexOf(LF, at)
  return bytes.toString('latin1', at, Math.min(end < 0 ? bytes.length : end, at + atMost))
}

function isBlankBefore(bytes: Buffer, lineFeed: number): boolean {
  const before = bytes[lineFeed - 1] === CR ? lineFeed - 2 : lineFeed - 1
  return before < 0 || bytes[before] === LF
}

/** The end of the message, before the blank line that the format puts after it. */
function withoutBlankLine(bytes: Buffer, start: number, end: number): number {
  const last = bytes[end - 1] === LF ? (bytes[end - 2] === CR ? end - 2 : end - 1) : end
  return last > start && last < end && bytes[last - 1] === LF ? last : end
}

function dateOf(fromLine: string): number | undefined {
  const date = /^From \S*\s+(.*)$/s.exec(fromLine.slice(0, LONGEST_FROM_LINE).trim())?.[1] ?? ''
  return parseDate(date)?.epochMs
}

/** One '>' fewer before each 'From '. */
function unescapeFrom(bytes: Buffer): Buffer {
  const pieces: Uint8Array[] = []
  let from = 0
  for (let at = bytes.indexOf('>From '); at >= 0; at = bytes.indexOf('>From ', at + 1)) {
    let first = at
    while (first > 0 && bytes[first - 1] === 0x3e) first--
    if (first > 0 && bytes[first - 1] !== LF) continue
    pieces.push(bytes.subarray(from, at))
    from = at + 1
  }
  return Buffer.concat([...pieces, bytes.subarray(from)])
}

/** One '>' more before each line that is 'From ' after any number of them. */
function escapeFrom(bytes: Buffer): Buffer {
  const pieces: Uint8Array[] = []
  let from = 0
  for (let at = bytes.indexOf(FROM); at >= 0; at = bytes.indexOf(FROM, at + 1)) {
    let first = at
    while (first > 0 && bytes[first - 1] === 0x3e) first--
    if (first > 0 && bytes[first - 1] !== LF) continue
    pieces.push(bytes.subarray(from, at), QUOTE)
    from = at
  }
  return Buffer.concat([...pieces, bytes.subarray(from)])
}
const QUOTE = Buffer.from('>')

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A message as it stands in an mbox file (mboxrd), whose lines end in LF. */
export function mboxEntry(content: Buffer, sender: string, atMs: number): Buffer {
  const at = new Date(atMs)
  const two = (number: number) => String(number).padStart(2, '0')
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`
  const day = `${DAYS[at.getUTCDay()]} ${MONTHS[at.getUTCMonth()]} ${String(at.getUTCDate()).padStart(2, ' ')}`
  const name = /^[\x21-\x7e]{1,256}$/.test(sender) ? sender : 'MAILER-DAEMON'
  const line = `From ${name} ${day} ${time} ${at.getUTCFullYear()}\n`
  const end = content.at(-1) === LF ? '\n' : '\n\n'
  return Buffer.concat([Buffer.from(line), escapeFrom(content), Buffer.from(end)])
}

/** The part of a file that is looked at. */
class Window {
  bytes: Buffer = Buffer.alloc(0)
  /** Of its first byte in the file. */
  offset = 0
  /** Nothing comes after it. */
  isWhole = false
  readonly #chunks: AsyncIterator<Uint8Array>

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Looks further, until so many bytes are there or the file ends; false when there is none. */
  async fill(length: number): Promise<boolean> {
    if (this.bytes.length >= length || this.isWhole) return this.bytes.length > 0
    const pieces: Uint8Array[] = [this.bytes]
    let sum = this.bytes.length
    // Some more than is asked for: what is there already is copied with it.
    for (const wanted = length + READ_AHEAD; sum < wanted; ) {
      const { value, done } = await this.#chunks.next()
      if (done) {
        this.isWhole = true
        break
      }
      pieces.push(value)
      sum += value.length
    }
    this.bytes = Buffer.concat(pieces)
    return this.bytes.length > 0
  }

  /** Where these bytes are from `from` on, looking at most so far; -1 when they are not. */
  async find(what: Buffer, from: number, atMost = Number.POSITIVE_INFINITY): Promise<number> {
    for (let searched = from; ; ) {
      const at = this.bytes.indexOf(what, searched)
      if (at >= 0) return at
      if (this.isWhole || this.bytes.length >= atMost) return -1
      searched = Math.max(from, this.bytes.length - what.length + 1)
      await this.fill(Math.min(Math.max(2 * this.bytes.length, 1024 * 1024), Math.max(atMost, this.bytes.length + 1)))
    }
  }

  drop(count: number): void {
    this.bytes = this.bytes.subarray(count)
    this.offset += count
  }
}
