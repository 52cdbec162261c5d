// The form of the journal: parts, each a header and records one after another. A record has the length of its text, its
// number, the first number of the append it was written by, the checksum of the record before it, its own checksum, and
// the text. Records of one append reach the disk together or not at all: where the last append is torn, the part ends.
// A record that is no more what was written, while later appends are there, is damage, and nobody may cut it off.

import { crc32 } from 'node:zlib'

export const PART_HEADER_BYTES = 24
const RECORD_HEADER_BYTES = 32
const PART_MAGIC = 0x42_50_6a_31 // 'BPj1'
const RECORD_MAGIC = 0x42_50_72_31 // 'BPr1'
/** No batch comes near: what says more is no record. */
const MOST_TEXT_BYTES = 1024 * 1024 * 1024

/** What the header of a part says. */
export interface PartHeader {
  readonly number: number
  /** Number of the first record in it. Where an earlier part goes further than this, that was taken back. */
  readonly first: number
  /** The part before has everything up to there. */
  readonly continues: boolean
}

export interface JournalRecord {
  readonly seq: number
  readonly text: Buffer
  /** Where it ends in the part. */
  readonly end: number
}

/** What a part holds up to where it is whole. */
export interface PartContent {
  readonly header: PartHeader
  readonly records: readonly JournalRecord[]
  /** The end of the last whole record. */
  readonly end: number
  /** For the next record's link. */
  readonly link: number
  /** The last record of later appends, behind one that is not whole: that is damage. 0: none. */
  readonly lastBeyond: number
}

export function partHeader({ number, first, continues }: PartHeader): Buffer {
  const header = Buffer.allocUnsafe(PART_HEADER_BYTES)
  header.writeUInt32BE(PART_MAGIC, 0)
  header.writeUInt32BE(number, 4)
  writeNumber(header, first, 8)
  header.writeUInt32BE(continues ? 1 : 0, 16)
  header.writeUInt32BE(crc32(header.subarray(0, 20)), 20)
  return header
}

/** Undefined: the part was never begun as it should be. */
export function readPartHeader(bytes: Buffer): PartHeader | undefined {
  if (bytes.length < PART_HEADER_BYTES || bytes.readUInt32BE(0) !== PART_MAGIC) return undefined
  if (bytes.readUInt32BE(20) !== crc32(bytes.subarray(0, 20))) return undefined
  return { number: bytes.readUInt32BE(4), first: readNumber(bytes, 8), continues: bytes.readUInt32BE(16) === 1 }
}

/** One append: header and text of each record, and the link for the next. */
export function recordsOf(first: number, texts: readonly Buffer[], link: number): { chunks: Buffer[]; link: number } {
  const headers = Buffer.allocUnsafe(RECORD_HEADER_BYTES * texts.length)
  const chunks: Buffer[] = []
  let last = link
  for (const [index, text] of texts.entries()) {
    const header = headers.subarray(index * RECORD_HEADER_BYTES, (index + 1) * RECORD_HEADER_BYTES)
    header.writeUInt32BE(RECORD_MAGIC, 0)
    header.writeUInt32BE(text.length, 4)
    writeNumber(header, first + index, 8)
    writeNumber(header, first, 16)
    header.writeUInt32BE(last, 24)
    last = crc32(text, crc32(header.subarray(0, 28)))
    header.writeUInt32BE(last, 28)
    chunks.push(header, text)
  }
  return { chunks, link: last }
}

/** Undefined when it has no header. */
export function readPart(bytes: Buffer): PartContent | undefined {
  const header = readPartHeader(bytes)
  if (header === undefined) return undefined
  const records: JournalRecord[] = []
  let end = PART_HEADER_BYTES
  let link = linkOf(header)
  let seq = header.first
  for (;;) {
    const found = readRecord(bytes, end)
    if (found === undefined || found.seq !== seq || found.before !== link) break
    records.push({ seq, text: found.text, end: found.end })
    end = found.end
    link = found.link
    seq++
  }
  return { header, records, end, link, lastBeyond: lastOfLaterAppends(bytes, end, seq) }
}

/** The link of a part's first record. */
export function linkOf(header: PartHeader): number {
  return partHeader(header).readUInt32BE(20)
}

function readRecord(bytes: Buffer, at: number) {
  if (at + RECORD_HEADER_BYTES > bytes.length || bytes.readUInt32BE(at) !== RECORD_MAGIC) return undefined
  const length = bytes.readUInt32BE(at + 4)
  const end = at + RECORD_HEADER_BYTES + length
  if (length > MOST_TEXT_BYTES || end > bytes.length) return undefined
  const text = bytes.subarray(at + RECORD_HEADER_BYTES, end)
  const link = bytes.readUInt32BE(at + 28)
  if (link !== crc32(text, crc32(bytes.subarray(at, at + 28)))) return undefined
  const [seq, appendedFrom] = [readNumber(bytes, at + 8), readNumber(bytes, at + 16)]
  return { seq, appendedFrom, before: bytes.readUInt32BE(at + 24), text, end, link }
}

// What follows may be the rest of the append that was torn, of which any page may have reached the disk. A record of a
// later append shows that this one was whole once.
function lastOfLaterAppends(bytes: Buffer, from: number, expected: number): number {
  const magic = Buffer.alloc(4)
  magic.writeUInt32BE(RECORD_MAGIC)
  let last = 0
  for (let at = bytes.indexOf(magic, from); at >= 0; ) {
    const found = readRecord(bytes, at)
    if (found !== undefined && found.appendedFrom > expected) last = Math.max(last, found.seq)
    at = bytes.indexOf(magic, found?.end ?? at + 1)
  }
  return last
}

const HIGH = 2 ** 32

function writeNumber(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / HIGH), at)
  bytes.writeUInt32BE(value % HIGH, at + 4)
}

function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * HIGH + bytes.readUInt32BE(at + 4)
}
