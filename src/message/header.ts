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

/** Where the name of a field that begins at `at` ends, or -1 if no field begins there (RFC 5322 §3.6.8 ftext). */
function endOfName(source: Buffer, at: number, end: number): number {
  let i = at
  while (i < end) {
    const byte = source[i]!
    if (byte <= SPACE || byte === COLON || byte >= 127) break
    i++
  }
  return i > at ? i : -1
}

/** mbox puts `From sender date` before a message, and mail that passed through one keeps it, sometimes quoted. */
function startsWithMboxLine(source: Buffer, at: number): boolean {
  const from = source[at] === 62 ? at + 1 : at // '>'
  return source[from] === 70 && source.toString('latin1', from, from + 5) === 'From '
}

/** Reads the header at the start of `source` (or of the given range). CRLF and bare LF both end a line. */
export function parseHeader(source: Buffer, options: HeaderOptions = {}): Header {
  const end = options.end ?? source.length
  const maxFields = options.maxFields ?? 10_000
  const fields: HeaderField[] = []
  const defects: HeaderDefect[] = []
  const defect = (kind: HeaderDefectKind, at: number): void => {
    if (!defects.some((known) => known.kind === kind)) defects.push({ kind, at })
  }
  let at = options.start ?? 0
  if (startsWithMboxLine(source, at)) at = nextLine(source, at, end)
  const start = at
  let current: HeaderField | undefined
  let fieldsEnd = -1
  while (at < end) {
    const first = source[at]!
    if (first === LF || (first === CR && source[at + 1] === LF && at + 1 < end)) {
      fieldsEnd = at
      at += first === LF ? 1 : 2
      break
    }
    const next = nextLine(source, at, end)
    if (source[next - 1] === LF && (next < at + 2 || source[next - 2] !== CR)) defect('bare-line-feed', at)
    if (first === SPACE || first === TAB) {
      if (current) current.end = next
      else if (fields.length === 0) defect('not-a-field', at)
    } else {
      current = readField(source, at, next, defect)
      if (current) {
        if (fields.length < maxFields) fields.push(current)
        else defect('too-many-fields', at)
      }
    }
    at = next
  }
  if (fieldsEnd < 0) {
    defect('no-end', at)
    fieldsEnd = at
  }
  return { source, start, fields, fieldsEnd, bodyStart: at, defects }
}

function nextLine(source: Buffer, at: number, end: number): number {
  const lineFeed = source.indexOf(LF, at)
  return lineFeed < 0 || lineFeed >= end ? end : lineFeed + 1
}

function readField(
  source: Buffer,
  at: number,
  next: number,
  defect: (kind: HeaderDefectKind, at: number) => void,
): HeaderField | undefined {
  const nameEnd = endOfName(source, at, next)
  let colon = nameEnd
  if (nameEnd > 0) {
    while (colon < next && (source[colon] === SPACE || source[colon] === TAB)) colon++
    if (source[colon] === COLON && colon < next) {
      if (colon > nameEnd) defect('space-before-colon', at)
      const name = source.toString('latin1', at, nameEnd)
      return { name, lowerName: name.toLowerCase(), start: at, end: next, valueStart: colon + 1 }
    }
  }
  defect('not-a-field', at)
  return undefined
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
