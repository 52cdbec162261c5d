// The header of a message or of a body part: where each field begins and ends, as offsets into the bytes.
// Keeps RFC 5322 §2.2 (fields, folding), §3.6 and §4.5 (obsolete space before the colon), RFC 6532 §3.2 (UTF-8).
// The house has this one header parser. It copies nothing but names, is linear, and never throws: what is wrong is
// listed as a defect. A line that is no field is passed over with its continuation lines, it does not end the header.

import { isUtf8 } from 'node:buffer'

const CR = 13
const LF = 10
const SPACE = 32
const TAB = 9
const COLON = 58

export interface HeaderField {
  /** The name as written. */
  name: string
  lowerName: string
  /** Offset of the first byte of the field. */
  start: number
  /** Offset after the field's line end (of its last continuation line). */
  end: number
  /** Offset after the colon. */
  valueStart: number
}

export type HeaderDefectKind = 'not-a-field' | 'too-many-fields' | 'space-before-colon' | 'bare-line-feed' | 'no-end'

/** What is wrong with a header, and at which offset it was first seen. Each kind is listed at most once. */
export interface HeaderDefect {
  kind: HeaderDefectKind
  at: number
}

export interface Header {
  source: Buffer
  /** Offset of the first field's line (after a skipped mbox `From ` line). */
  start: number
  fields: readonly HeaderField[]
  /** Offset of the empty line that ends the header; `bodyStart` where there is none. */
  fieldsEnd: number
  /** Offset of the body; the end of the range where there is none. */
  bodyStart: number
  defects: readonly HeaderDefect[]
}

export interface HeaderOptions {
  /** Fields beyond this number are not listed. */
  maxFields?: number
  /** The range of `source` that holds the header and the body: default all of it. */
  start?: number
  end?: number
}

/** Reads the header at the start of `source` (or of the given range). CRLF and bare LF both end a line. */
export function parseHeader(source: Buffer, options: HeaderOptions = {}): Header {
  const start = options.start ?? 0
  const end = options.end ?? source.length
  const maxFields = options.maxFields ?? 10_000
  // A window of the source as one Latin-1 string (a character is a byte) is many times faster than asking the buffer
  // line by line. Few headers need more than the first window; the windows double so that the whole stays linear.
  for (let size = 4096; ; size *= 2) {
    const windowEnd = Math.min(end, start + size)
    const header = new HeaderReader(source, start, windowEnd, maxFields).read(windowEnd === end)
    if (header) return header
  }
}

class HeaderReader {
  readonly #source: Buffer
  readonly #text: string
  /** Offset of the window in the source. */
  readonly #base: number
  readonly #maxFields: number
  readonly #fields: HeaderField[] = []
  readonly #defects: HeaderDefect[] = []

  constructor(source: Buffer, start: number, end: number, maxFields: number) {
    this.#source = source
    this.#text = source.toString('latin1', start, end)
    this.#base = start
    this.#maxFields = maxFields
  }

  /** The header, or undefined if the window ends before it does and is not the last one. */
  read(isLast: boolean): Header | undefined {
    const text = this.#text
    let at = 0
    // mbox puts `From sender date` before a message, and mail that passed through one keeps it, sometimes quoted.
    if (text.startsWith('From ') || text.startsWith('>From ')) at = text.indexOf('\n') + 1 || text.length
    const start = at
    let current: HeaderField | undefined
    while (at < text.length) {
      const first = text.charCodeAt(at)
      if (first === LF || (first === CR && text.charCodeAt(at + 1) === LF)) {
        return this.#header(start, at, at + (first === LF ? 1 : 2))
      }
      const lineFeed = text.indexOf('\n', at)
      if (lineFeed < 0 && !isLast) return undefined
      const next = lineFeed < 0 ? text.length : lineFeed + 1
      if (lineFeed >= 0 && text.charCodeAt(lineFeed - 1) !== CR) this.#defect('bare-line-feed', at)
      if (first === SPACE || first === TAB) {
        if (current) current.end = this.#base + next
        else this.#defect('not-a-field', at)
      } else {
        current = this.#field(at, next)
        if (!current) this.#defect('not-a-field', at)
        else if (this.#fields.length < this.#maxFields) this.#fields.push(current)
        else this.#defect('too-many-fields', at)
      }
      at = next
    }
    if (!isLast) return undefined
    this.#defect('no-end', at)
    return this.#header(start, at, at)
  }

  #header(start: number, fieldsEnd: number, bodyStart: number): Header {
    const base = this.#base
    return {
      source: this.#source,
      start: base + start,
      fields: this.#fields,
      fieldsEnd: base + fieldsEnd,
      bodyStart: base + bodyStart,
      defects: this.#defects,
    }
  }

  /** The field whose first line is [at, next), or undefined if the line has no name and colon (RFC 5322 §3.6.8). */
  #field(at: number, next: number): HeaderField | undefined {
    const text = this.#text
    let colon = at
    while (colon < next) {
      const code = text.charCodeAt(colon)
      if (code <= SPACE || code === COLON || code >= 127) break
      colon++
    }
    if (colon === at) return undefined
    const name = text.slice(at, colon)
    if (text.charCodeAt(colon) !== COLON) {
      while (colon < next && (text.charCodeAt(colon) === SPACE || text.charCodeAt(colon) === TAB)) colon++
      if (colon >= next || text.charCodeAt(colon) !== COLON) return undefined
      this.#defect('space-before-colon', at)
    }
    const base = this.#base
    return { name, lowerName: name.toLowerCase(), start: base + at, end: base + next, valueStart: base + colon + 1 }
  }

  #defect(kind: HeaderDefectKind, at: number): void {
    if (!this.#defects.some((known) => known.kind === kind)) this.#defects.push({ kind, at: this.#base + at })
  }
}

/** The exact bytes of the field, with name, folding and line end. */
export function rawField(header: Header, field: HeaderField): Buffer {
  return header.source.subarray(field.start, field.end)
}

/** The bytes after the colon up to the last line end: not unfolded, not trimmed. */
export function rawValue(header: Header, field: HeaderField): Buffer {
  const { source } = header
  let end = field.end
  if (end > field.valueStart && source[end - 1] === LF) end--
  if (end > field.valueStart && source[end - 1] === CR) end--
  return source.subarray(field.valueStart, end)
}

/** The value with its folding removed (RFC 5322 §2.2.3) and trimmed: UTF-8, or Latin-1 where it is not valid UTF-8. */
export function unfolded(header: Header, field: HeaderField): string {
  return unfold(bytesToText(rawValue(header, field)))
}

/** Removes the line ends of folding; a line end that no folding explains becomes a space. */
export function unfold(text: string): string {
  const flat = text.includes('\n') ? text.replace(/\r?\n(?=[ \t])/g, '').replace(/\r?\n/g, ' ') : text
  return flat.trim()
}

/** Text of bytes that should be ASCII or UTF-8 (RFC 6532); anything else is read as Latin-1, so nothing is lost. */
export function bytesToText(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1')
}

/** All fields of that name (any case), in the order in which they stand. */
export function fieldsNamed(header: Header, name: string): HeaderField[] {
  const lowerName = name.toLowerCase()
  return header.fields.filter((field) => field.lowerName === lowerName)
}

/** The first field of that name, unfolded, or undefined. */
export function firstValue(header: Header, name: string): string | undefined {
  const lowerName = name.toLowerCase()
  const field = header.fields.find((candidate) => candidate.lowerName === lowerName)
  return field && unfolded(header, field)
}
