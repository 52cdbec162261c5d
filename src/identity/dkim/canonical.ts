// DKIM canonicalization (RFC 6376 §3.4): header fields as bytes to hash, and the hash of a body in one pass over the
// message's own bytes. Lines without white space, which attachments are, are hashed where they lie; other relaxed output goes
// through one small buffer, so a large body is never copied whole.

import { createHash, type Hash } from 'node:crypto'
import type { Header, HeaderField } from '../../message/header.ts'

export type Canonicalization = 'simple' | 'relaxed'

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58
const CRLF = Buffer.from('\r\n')

/** §3.4.1, §3.4.2: one field with its line end. */
export function canonicalField(header: Header, field: HeaderField, method: Canonicalization): Buffer {
  return canonicalFieldBytes(header.source.subarray(field.start, field.end), method)
}

/** The same for a field that stands alone in `raw`, with or without its line end. */
export function canonicalFieldBytes(raw: Buffer, method: Canonicalization): Buffer {
  if (method === 'simple') return raw.at(-1) === LF ? raw : Buffer.concat([raw, CRLF])
  const out = Buffer.allocUnsafe(raw.length + 2)
  let length = 0
  let at = 0
  for (; at < raw.length && raw[at] !== COLON; at++) {
    const byte = raw[at]!
    if (byte === SPACE || byte === TAB) continue
    out[length++] = byte >= 65 && byte <= 90 ? byte + 32 : byte
  }
  out[length++] = COLON
  const valueStart = length
  let space = false
  for (at++; at < raw.length; at++) {
    const byte = raw[at]!
    if (byte === SPACE || byte === TAB) space = true
    else if (byte === LF || (byte === CR && raw[at + 1] === LF)) continue
    else {
      if (space && length > valueStart) out[length++] = SPACE
      space = false
      out[length++] = byte
    }
  }
  out[length++] = CR
  out[length++] = LF
  return out.subarray(0, length)
}

export interface BodyHash {
  readonly sha256: Buffer
  /** Bytes of the whole canonical body. */
  readonly length: number
}

/**
 * SHA-256 of the canonical body, `source[start…end)`; with `limit`, of its first `limit` bytes only (l=, §3.4.5).
 */
export function hashBody(
  source: Buffer,
  start: number,
  end: number,
  method: Canonicalization,
  limit?: number,
): BodyHash {
  const sink = new Sink(limit ?? Number.POSITIVE_INFINITY)
  if (method === 'simple') simpleBody(source, start, end, sink)
  else relaxedBody(source, start, end, sink)
  return { sha256: sink.hash.digest(), length: sink.length }
}

/** The canonical body itself, for tests and for showing. */
export function canonicalBody(source: Buffer, start: number, end: number, method: Canonicalization): Buffer {
  const chunks: Buffer[] = []
  const sink = new Sink(Number.POSITIVE_INFINITY, chunks)
  if (method === 'simple') simpleBody(source, start, end, sink)
  else relaxedBody(source, start, end, sink)
  return Buffer.concat(chunks)
}

/** Takes canonical bytes; hashes those below the limit, counts all. */
class Sink {
  readonly hash: Hash = createHash('sha256')
  readonly limit: number
  readonly kept: Buffer[] | undefined
  length = 0

  constructor(limit: number, kept?: Buffer[]) {
    this.limit = limit
    this.kept = kept
  }

  write(bytes: Buffer): void {
    const room = this.limit - this.length
    this.length += bytes.length
    if (room > 0) this.hash.update(bytes.length > room ? bytes.subarray(0, room) : bytes)
    this.kept?.push(Buffer.from(bytes))
  }
}

function withoutLineEnds(source: Buffer, start: number, end: number): number {
  let last = end
  while (last - 2 >= start && source[last - 1] === LF && source[last - 2] === CR) last -= 2
  return last
}

/** Nothing in it that relaxing could change, but for line ends at its end: asked of the machine, which is fast at it. */
function hasNoWhiteSpace(lines: Buffer): boolean {
  return !lines.includes(SPACE) && !lines.includes(TAB)
}

/** §3.4.3: empty lines at the end are dropped; what is left (or nothing) ends in one CRLF. */
function simpleBody(source: Buffer, start: number, end: number, sink: Sink): void {
  const last = withoutLineEnds(source, start, end)
  if (last > start) sink.write(source.subarray(start, last))
  sink.write(CRLF)
}

const CHUNK_BYTES = 16_384

/** §3.4.4: runs of white space become one space, none at the end of a line, no empty lines at the end. */
function relaxedBody(source: Buffer, start: number, end: number, sink: Sink): void {
  const out = new Collected(sink, Math.min(CHUNK_BYTES, end - start + 2))
  /** Line ends that are not written yet: those at the end never are. */
  let lines = 0
  let isEmpty = true
  for (let from = start; from < end; ) {
    const to = endOfLines(source, from, end)
    const last = withoutLineEnds(source, from, to)
    if (last > from && hasNoWhiteSpace(source.subarray(from, to))) {
      for (; lines > 0; lines--) out.lineEnd()
      out.piece(source.subarray(from, last))
      lines = (to - last) / 2
      isEmpty = false
    } else {
      let space = false
      for (let at = from; at < to; at++) {
        const byte = source[at]!
        if (byte === SPACE || byte === TAB) {
          space = true
          continue
        }
        if (byte === CR && source[at + 1] === LF && at + 1 < to) {
          lines++
          space = false
          at++
          continue
        }
        for (; lines > 0; lines--) out.lineEnd()
        out.byte(byte, space)
        space = false
        isEmpty = false
      }
    }
    from = to
  }
  if (!isEmpty) out.lineEnd()
  out.flush()
}

/** Some whole lines from here on, or what is left. */
function endOfLines(source: Buffer, from: number, end: number): number {
  const at = source.indexOf(CRLF, from + CHUNK_BYTES - 2)
  return at < 0 || at + 2 > end ? end : at + 2
}

/** Bytes on their way to the sink, some thousand at a time. */
class Collected {
  readonly #sink: Sink
  readonly #bytes: Buffer
  #length = 0

  /** `size`: two at least. */
  constructor(sink: Sink, size: number) {
    this.#sink = sink
    this.#bytes = Buffer.allocUnsafe(size)
  }

  /** One byte, behind a space or not. */
  byte(byte: number, space: boolean): void {
    if (this.#length + 2 > this.#bytes.length) this.flush()
    if (space) this.#bytes[this.#length++] = SPACE
    this.#bytes[this.#length++] = byte
  }

  lineEnd(): void {
    if (this.#length + 2 > this.#bytes.length) this.flush()
    this.#bytes[this.#length++] = CR
    this.#bytes[this.#length++] = LF
  }

  piece(bytes: Buffer): void {
    this.flush()
    this.#sink.write(bytes)
  }

  flush(): void {
    if (this.#length > 0) this.#sink.write(this.#bytes.subarray(0, this.#length))
    this.#length = 0
  }
}
