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
const DELIMITER_START = Buffer.from('\n--')
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
}

class Walker {
  readonly #source: Buffer
  readonly #maxDepth: number
  readonly #maxParts: number
  /** Boundaries of the open multiparts, outermost first. */
  readonly #boundaries: Buffer[] = []
  #parts = 0
  #next: Delimiter | undefined
  /** The next delimiter is known from here on. */
  #searchedFrom = -1

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
    const level = this.#boundaries.push(Buffer.from(boundary)) - 1
    this.#searchedFrom = -1
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
    this.#boundaries.pop()
    this.#searchedFrom = -1
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

  /** The first delimiter of an open multipart at or after `from`. Remembers it, so that no byte is searched twice. */
  #delimiterFrom(from: number): Delimiter | undefined {
    if (this.#boundaries.length === 0) return undefined
    if (this.#searchedFrom >= 0 && from >= this.#searchedFrom) {
      if (!this.#next || this.#next.start >= from) return this.#next
    }
    this.#searchedFrom = from
    this.#next = this.#search(from)
    return this.#next
  }

  #search(from: number): Delimiter | undefined {
    const source = this.#source
    let lineFeed = from > 0 && source[from - 1] === LF ? from - 1 : source.indexOf(DELIMITER_START, from)
    if (from === 0 && source[0] === DASH) lineFeed = -1
    else if (lineFeed < 0) return undefined
    for (;;) {
      const start = lineFeed + 1
      if (source[start] === DASH && source[start + 1] === DASH) {
        const found = this.#match(start)
        if (found) {
          const bodyEnd = lineFeed > 0 && source[lineFeed - 1] === CR ? lineFeed - 1 : Math.max(lineFeed, 0)
          return { start, bodyEnd, ...found }
        }
      }
      lineFeed = source.indexOf(DELIMITER_START, start)
      if (lineFeed < 0) return undefined
    }
  }

  /**
   * The open multipart to which the line at `start` belongs: the innermost whose boundary it is exactly, else one that
   * is followed by white space (RFC 2046 §5.1.1: padding; what else stands on the line does not count).
   */
  #match(start: number): Pick<Delimiter, 'next' | 'level' | 'closing'> | undefined {
    const source = this.#source
    const lineFeed = source.indexOf(LF, start)
    const next = lineFeed < 0 ? source.length : lineFeed + 1
    let end = lineFeed < 0 ? next : lineFeed
    while (end > start && isBlank(source[end - 1]!)) end--
    let padded: Pick<Delimiter, 'next' | 'level' | 'closing'> | undefined
    for (let level = this.#boundaries.length - 1; level >= 0; level--) {
      const boundary = this.#boundaries[level]!
      let at = start + 2 + boundary.length
      if (at > end || source.compare(boundary, 0, boundary.length, start + 2, at) !== 0) continue
      const closing = source[at] === DASH && source[at + 1] === DASH && at + 2 <= end
      if (closing) at += 2
      if (at === end) return { next, level, closing }
      if (isBlank(source[at]!)) padded ??= { next, level, closing }
    }
    return padded
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
