// The structure of a message: a tree of parts, offsets only (RFC 2045, RFC 2046 §5, RFC 2183, RFC 3501 §7.4.2).
// The house has this one MIME walker, so that a scanner, an IMAP client and a browser all see the same parts. One pass
// over the bytes, no copies; depth and number of parts are bounded, and a structure that lies still gives a tree.

import { type Header, type HeaderField, parseHeader, unfolded } from './header.ts'
import { parseParameterized } from './parameters.ts'

export type PartDefect =
  | 'invalid-content-type'
  | 'repeated-content-field'
  | 'ambiguous-parameters'
  | 'no-boundary'
  | 'no-parts'
  | 'unclosed-multipart'
  | 'encoded-composite'
  | 'too-deep'
  | 'too-many-parts'

export interface Part {
  /** Number of the part for IMAP (RFC 3501 §6.4.5): '' for a message, '1', '2.1'; of a message's only body: '1'. */
  number: string
  header: Header
  headerStart: number
  /** First byte of the body; the bytes [bodyStart, bodyEnd) are still transfer-encoded. */
  bodyStart: number
  bodyEnd: number
  /** Lower case. What the bytes are treated as: a multipart without parts is `text/plain`, for nothing may be hidden. */
  type: string
  subtype: string
  parameters: Readonly<Record<string, string>>
  /** Lower case; '7bit' where nothing was said. */
  encoding: string
  disposition?: { type: string; parameters: Readonly<Record<string, string>> }
  /** Content-ID without angle brackets. */
  id?: string
  description?: string
  language?: string[]
  location?: string
  md5?: string
  /** The parts of a multipart, in order. */
  children: readonly Part[]
  /** The message inside a message/rfc822 part. */
  message?: Part
  defects: readonly PartDefect[]
}

export interface StructureLimits {
  maxDepth?: number
  maxParts?: number
}

const LF = 10
const CR = 13
const DASH = 45
const NO_PARAMETERS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))
const TYPE = /^([^\s()<>@,;:\\"/[\]?=]+)\s*\/\s*([^\s()<>@,;:\\"/[\]?=]+)/

/** The tree of a message. `source` holds the whole message, with CRLF or bare LF line ends. */
export function parseStructure(source: Buffer, limits: StructureLimits = {}): Part {
  return new Walker(source, limits.maxDepth ?? 50, limits.maxParts ?? 10_000).message(0, '', 0)
}

/** Size of the body in bytes, as it is transferred. */
export function bodySizeBytes(part: Part): number {
  return part.bodyEnd - part.bodyStart
}

/** Lines of the body (RFC 3501 §7.4.2, "size in text lines"). */
export function bodyLines(part: Part): number {
  const { source } = part.header
  let lines = 0
  let at = part.bodyStart
  while (at < part.bodyEnd) {
    const lineFeed = source.indexOf(LF, at)
    if (lineFeed < 0 || lineFeed >= part.bodyEnd) break
    lines++
    at = lineFeed + 1
  }
  return lines
}

/** The part and everything below it, in the order of the source. */
export function* allParts(root: Part): Generator<Part> {
  yield root
  for (const child of root.children) yield* allParts(child)
  if (root.message) yield* allParts(root.message)
}

/** A line that begins with `--` and a boundary. */
interface Delimiter {
  /** Offset of its first dash. */
  start: number
  /** Where the body before it ends: the line end before a delimiter belongs to it (RFC 2046 §5.1.1). */
  bodyEnd: number
  /** Offset after the delimiter line. */
  next: number
  /** Which of the open multiparts it belongs to: index in the stack of boundaries. */
  level: number
  closing: boolean
  /** Nothing but white space stands behind the boundary, and that only at the end of the line. */
  exact: boolean
}

/** A multipart whose end has not come, and what is known of its next delimiter. */
interface OpenMultipart {
  /** LF, two dashes and the boundary. */
  readonly line: Buffer
  searchedFrom: number
  /** Where its next delimiter begins; if there was none, how far it was sought. */
  searchedTo: number
  next: Delimiter | undefined
}

class Walker {
  readonly #source: Buffer
  readonly #maxDepth: number
  readonly #maxParts: number
  /** The open multiparts, outermost first. */
  readonly #open: OpenMultipart[] = []
  #parts = 0

  constructor(source: Buffer, maxDepth: number, maxParts: number) {
    this.#source = source
    this.#maxDepth = maxDepth
    this.#maxParts = maxParts
  }

  message(start: number, number: string, depth: number): Part {
    return this.#entity(start, number, depth, 'text', 'plain')
  }

  #entity(start: number, number: string, depth: number, defaultType: string, defaultSubtype: string): Part {
    this.#parts++
    const delimiter = this.#delimiterFrom(start)
    const header = parseHeader(this.#source, { start, end: delimiter?.start ?? this.#source.length })
    const part = describe(header, defaultType, defaultSubtype)
    part.bodyEnd = Math.max(part.bodyStart, delimiter?.bodyEnd ?? this.#source.length)
    part.number = number
    if (part.type === 'multipart') this.#multipart(part, depth)
    else if (part.type === 'message' && (part.subtype === 'rfc822' || part.subtype === 'global')) {
      this.#embedded(part, depth)
    }
    if (part.type !== 'multipart' && number === '') part.number = '1'
    return part
  }

  #multipart(part: MutablePart, depth: number): void {
    const boundary = part.parameters.boundary?.trimEnd() // which cannot end with a space (§5.1.1)
    if (!boundary || depth >= this.#maxDepth) {
      asText(part, boundary ? 'too-deep' : 'no-boundary')
      return
    }
    if (part.encoding === 'base64' || part.encoding === 'quoted-printable') part.defects.push('encoded-composite')
    const line = Buffer.from(`\n--${boundary}`)
    const level = this.#open.push({ line, searchedFrom: 0, searchedTo: 0, next: undefined }) - 1
    const inDigest = part.subtype === 'digest' // RFC 2046 §5.1.5
    const prefix = part.number === '' ? '' : `${part.number}.`
    const children: Part[] = []
    let delimiter = this.#delimiterFrom(part.bodyStart)
    while (delimiter && delimiter.level === level && !delimiter.closing) {
      if (this.#parts >= this.#maxParts) {
        part.defects.push('too-many-parts')
        break
      }
      const number = `${prefix}${children.length + 1}`
      const [type, subtype] = inDigest ? ['message', 'rfc822'] : ['text', 'plain']
      const child = this.#entity(delimiter.next, number, depth + 1, type!, subtype!)
      children.push(child)
      delimiter = this.#delimiterFrom(child.bodyEnd)
    }
    this.#open.pop()
    const closed = delimiter?.level === level
    if (children.length === 0) {
      asText(part, 'no-parts')
      return
    }
    if (!closed) part.defects.push('unclosed-multipart')
    part.children = children
    // What follows the closing delimiter is the epilogue: it ends where the enclosing part ends. Without one, the line end
    // after the closing delimiter is already that before the next (RFC 2046 §5.1.1).
    const from = closed ? delimiter!.next : children.at(-1)!.bodyEnd
    const end = this.#delimiterFrom(from)?.bodyEnd ?? this.#source.length
    part.bodyEnd = closed ? end : Math.max(from, end)
  }

  #embedded(part: MutablePart, depth: number): void {
    // RFC 2046 §5.2.1 forbids encoding a message; decoded it may be parsed on its own, as an attachment.
    if (part.encoding === 'base64' || part.encoding === 'quoted-printable') part.defects.push('encoded-composite')
    else if (depth >= this.#maxDepth) part.defects.push('too-deep')
    else if (this.#parts >= this.#maxParts) part.defects.push('too-many-parts')
    else {
      const message = this.message(part.bodyStart, '', depth + 1)
      renumber(message, part.number === '' ? '1' : part.number)
      part.message = message
      part.bodyEnd = message.bodyEnd
    }
  }

  /**
   * The first delimiter of an open multipart at or after `from`: of several on one line the innermost whose boundary it is
   * exactly, else one that is followed by white space. An inner multipart is not sought beyond the next delimiter of an
   * outer one, which ends it; each keeps what it found, so that it passes over no byte twice.
   */
  #delimiterFrom(from: number): Delimiter | undefined {
    let next: Delimiter | undefined
    for (const [level, open] of this.#open.entries()) {
      const found = this.#nextOf(open, level, from, next?.start ?? this.#source.length)
      if (found && (!next || found.start < next.start || found.exact || !next.exact)) next = found
    }
    return next
  }

  /** The next delimiter of one multipart that begins in [from, last]. */
  #nextOf(open: OpenMultipart, level: number, from: number, last: number): Delimiter | undefined {
    const isKnown = open.searchedFrom <= from && from <= open.searchedTo
    if (isKnown && open.next && open.next.start >= from) return open.next.start <= last ? open.next : undefined
    const start = isKnown && !open.next ? open.searchedTo : from
    if (isKnown && !open.next && last <= open.searchedTo) return undefined
    open.searchedFrom = from
    open.next = this.#search(open.line, level, start, last)
    open.searchedTo = open.next?.start ?? last
    return open.next
  }

  #search(line: Buffer, level: number, from: number, last: number): Delimiter | undefined {
    // At the very beginning no line end stands before it.
    if (from === 0 && this.#source.subarray(0, line.length - 1).equals(line.subarray(1))) {
      const found = this.#delimiterAt(-1, line.length, level)
      if (found) return found
    }
    const source = this.#source.subarray(0, last + line.length - 1)
    let lineFeed = source.indexOf(line, Math.max(0, from - 1))
    while (lineFeed >= 0) {
      const found = this.#delimiterAt(lineFeed, line.length, level)
      if (found) return found
      lineFeed = source.indexOf(line, lineFeed + 1)
    }
    return undefined
  }

  /** RFC 2046 §5.1.1: after the boundary comes padding; what else stands on the line does not count. */
  #delimiterAt(lineFeed: number, lineLength: number, level: number): Delimiter | undefined {
    const source = this.#source
    const start = lineFeed + 1
    const lineEnd = source.indexOf(LF, start)
    const next = lineEnd < 0 ? source.length : lineEnd + 1
    let end = lineEnd < 0 ? next : lineEnd
    while (end > start && isBlank(source[end - 1]!)) end--
    let at = lineFeed + lineLength
    if (at > end) return undefined
    const closing = source[at] === DASH && source[at + 1] === DASH && at + 2 <= end
    if (closing) at += 2
    const exact = at === end
    if (!exact && !isBlank(source[at]!)) return undefined
    const bodyEnd = lineFeed > 0 && source[lineFeed - 1] === CR ? lineFeed - 1 : Math.max(lineFeed, 0)
    return { start, bodyEnd, next, level, closing, exact }
  }
}

function isBlank(byte: number): boolean {
  return byte === 32 || byte === 9 || byte === CR
}

interface MutablePart extends Part {
  defects: PartDefect[]
}

/** A multipart in which no part can be found is shown as what it looks like: text. */
function asText(part: MutablePart, defect: PartDefect): void {
  part.defects.push(defect)
  part.type = 'text'
  part.subtype = 'plain'
}

/** RFC 3501 §6.4.5: the parts of a message inside part 2 are 2.1, 2.2, …; its only body is 2.1. */
function renumber(message: Part, prefix: string): void {
  for (const part of allParts(message)) {
    // A multipart that is a whole message has no number of its own.
    if (part.number !== '') part.number = `${prefix}.${part.number}`
  }
}

/** What the header says of the part. Of repeated fields the first counts, as for most readers. */
function describe(header: Header, defaultType: string, defaultSubtype: string): MutablePart {
  const part: MutablePart = {
    number: '',
    header,
    headerStart: header.start,
    bodyStart: header.bodyStart,
    bodyEnd: header.bodyStart,
    type: defaultType,
    subtype: defaultSubtype,
    parameters: NO_PARAMETERS,
    encoding: '7bit',
    children: [],
    defects: [],
  }
  let seen: Set<string> | undefined
  for (const field of header.fields) {
    if (!field.lowerName.startsWith('content-')) continue
    seen ??= new Set()
    if (seen.has(field.lowerName)) part.defects.push('repeated-content-field')
    else {
      seen.add(field.lowerName)
      describeField(part, header, field)
    }
  }
  return part
}

function describeField(part: MutablePart, header: Header, field: HeaderField): void {
  switch (field.lowerName) {
    case 'content-type': {
      const parsed = parseParameterized(unfolded(header, field))
      const named = TYPE.exec(parsed.value)
      if (!named) {
        // RFC 2045 §5.2: what is syntactically wrong is plain text.
        part.defects.push('invalid-content-type')
        return
      }
      part.type = named[1]!.toLowerCase()
      part.subtype = named[2]!.toLowerCase()
      part.parameters = parsed.parameters
      if (parsed.ambiguous) part.defects.push('ambiguous-parameters')
      return
    }
    case 'content-transfer-encoding':
      part.encoding = tokenOf(unfolded(header, field)) || '7bit'
      return
    case 'content-disposition': {
      const parsed = parseParameterized(unfolded(header, field))
      part.disposition = { type: parsed.value.toLowerCase() || 'attachment', parameters: parsed.parameters }
      if (parsed.ambiguous) part.defects.push('ambiguous-parameters')
      return
    }
    case 'content-id':
      part.id = unfolded(header, field).replace(/^.*<|>.*$/gs, '')
      return
    case 'content-description':
      part.description = unfolded(header, field)
      return
    case 'content-language':
      part.language = unfolded(header, field)
        .split(/[\s,]+/)
        .filter((tag) => tag !== '')
      return
    case 'content-location':
      part.location = unfolded(header, field)
      return
    case 'content-md5':
      part.md5 = unfolded(header, field)
      return
    default:
  }
}

/** `base64 (a comment); x` as `base64`. */
function tokenOf(text: string): string {
  return /^[^\s();,"]*/.exec(text.replace(/^["'\s]+/, '').toLowerCase())![0]
}
