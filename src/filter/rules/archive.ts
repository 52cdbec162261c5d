// What lies in an archive, without unpacking it: zip (its central directory, or its local headers where that is cut off),
// tar, gzip, rar 4 and 5. Bounded: 1,000 entries, three levels, 16 MiB unpacked of one archive and 48 MiB of all that a
// message holds, what failed counted too; beyond that it says so.
// Nothing is written anywhere, and nothing is unpacked but archives within archives and the few parts of a document
// that must be read.

import { gunzipSync, inflateRawSync } from 'node:zlib'
import { ARCHIVE, endingsOf, type FileKind, kindOf } from './file-type.ts'

export interface ArchiveEntry {
  readonly name: string
  readonly encrypted: boolean
  readonly sizeBytes: number
  readonly packedBytes: number
}

export interface ArchiveListing {
  readonly entries: ArchiveEntry[]
  encrypted: boolean
  /** It could not be read to its end. */
  broken: boolean
  /** A limit was reached: too many entries, too deep, too large for what it is. */
  excessive: boolean
  /** Archives within it. */
  nested: number
}

const MAX_ENTRIES = 1000
const MAX_DEPTH = 3
const MAX_UNPACKED = 16 * 1024 * 1024
const MAX_UNPACKED_OF_MESSAGE = 3 * MAX_UNPACKED
/** What an attempt counts that ended in damaged data: nobody says how far it came. */
const FAILED = 4 * 1024 * 1024
const MAX_RATIO = 100
/** A small file may honestly shrink a lot; a bomb is large. */
const LARGE = 10 * 1024 * 1024
const MAX_NAME = 500

/** What may still be unpacked. */
interface Budget {
  leftBytes: number
}

/** For all archives of one message together. */
export const unpackBudget = (): Budget => ({ leftBytes: MAX_UNPACKED_OF_MESSAGE })

/** The listing of an archive of that kind; undefined where the kind cannot be listed. */
export function listArchive(
  bytes: Buffer,
  kind: FileKind,
  name: string,
  ofMessage: Budget = unpackBudget(),
): ArchiveListing | undefined {
  const listing: ArchiveListing = { entries: [], encrypted: false, broken: false, excessive: false, nested: 0 }
  const lister = LISTERS[kind]
  if (lister === undefined) return undefined
  const budget = { leftBytes: Math.min(MAX_UNPACKED, ofMessage.leftBytes) }
  const before = budget.leftBytes
  lister(bytes, listing, budget, 1, name)
  ofMessage.leftBytes -= before - budget.leftBytes
  return listing
}

/** Unpacks within the budget; undefined, and the listing says why, where that cannot be done. */
function unpack(
  way: (packed: Buffer, options: { maxOutputLength: number }) => Buffer,
  packed: Buffer,
  listing: ArchiveListing,
  budget: Budget,
): Buffer | undefined {
  const { leftBytes } = budget
  if (leftBytes <= 0) {
    listing.excessive = true
    return undefined
  }
  try {
    const unpacked = way(packed, { maxOutputLength: leftBytes })
    budget.leftBytes -= unpacked.length
    return unpacked
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    if (isTooLarge) listing.excessive = true
    else listing.broken = true
    budget.leftBytes -= isTooLarge ? leftBytes : Math.min(leftBytes, FAILED)
    return undefined
  }
}

const stored = (packed: Buffer, { maxOutputLength }: { maxOutputLength: number }) => packed.subarray(0, maxOutputLength)

type Lister = (bytes: Buffer, listing: ArchiveListing, budget: Budget, depth: number, name: string) => void
const LISTERS: Partial<Record<FileKind, Lister>> = { zip: listZip, tar: listTar, gzip: listGzip, rar: listRar }

function add(listing: ArchiveListing, entry: ArchiveEntry): boolean {
  if (listing.entries.length >= MAX_ENTRIES) {
    listing.excessive = true
    return false
  }
  listing.entries.push({ ...entry, name: entry.name.slice(0, MAX_NAME) })
  if (entry.encrypted) listing.encrypted = true
  if (entry.sizeBytes > LARGE && entry.sizeBytes > entry.packedBytes * MAX_RATIO) listing.excessive = true
  return true
}

interface ZipEntry extends ArchiveEntry {
  readonly method: number
  readonly localAt: number
}

/** The entries of a zip file (APPNOTE 6.3, §4.3); empty where there is no readable directory. */
export function zipEntries(bytes: Buffer): { entries: ZipEntry[]; broken: boolean; tooMany: boolean } {
  const entries: ZipEntry[] = []
  const end = bytes.lastIndexOf('PK\x05\x06', bytes.length, 'latin1')
  let at = end >= 0 && end + 22 <= bytes.length ? bytes.readUInt32LE(end + 16) : -1
  let broken = at < 0
  while (at >= 0 && at + 46 <= bytes.length && bytes.readUInt32LE(at) === 0x02014b50) {
    if (entries.length > MAX_ENTRIES) return { entries, broken, tooMany: true }
    const nameLength = bytes.readUInt16LE(at + 28)
    entries.push({
      name: bytes.toString('utf8', at + 46, at + 46 + nameLength),
      encrypted: (bytes.readUInt16LE(at + 8) & 1) !== 0,
      method: bytes.readUInt16LE(at + 10),
      packedBytes: bytes.readUInt32LE(at + 20),
      sizeBytes: bytes.readUInt32LE(at + 24),
      localAt: bytes.readUInt32LE(at + 42),
    })
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
  }
  if (entries.length > 0) return { entries, broken, tooMany: false }
  // No directory (cut off, or hidden on purpose): the local headers say the same.
  at = 0
  while (at + 30 <= bytes.length && bytes.readUInt32LE(at) === 0x04034b50 && entries.length <= MAX_ENTRIES) {
    const nameLength = bytes.readUInt16LE(at + 26)
    const packedBytes = bytes.readUInt32LE(at + 18)
    entries.push({
      name: bytes.toString('utf8', at + 30, at + 30 + nameLength),
      encrypted: (bytes.readUInt16LE(at + 6) & 1) !== 0,
      method: bytes.readUInt16LE(at + 8),
      packedBytes,
      sizeBytes: bytes.readUInt32LE(at + 22),
      localAt: at,
    })
    broken = true
    at += 30 + nameLength + bytes.readUInt16LE(at + 28) + packedBytes
    if (packedBytes === 0 && bytes.indexOf('PK\x03\x04', at, 'latin1') > at)
      at = bytes.indexOf('PK\x03\x04', at, 'latin1')
  }
  return { entries, broken, tooMany: entries.length > MAX_ENTRIES }
}

/** The content of one entry, up to `maxBytes`; undefined if it is longer, encrypted or damaged. */
export function unpackZipEntry(bytes: Buffer, entry: ZipEntry, maxBytes: number): Buffer | undefined {
  const packed = packedBytesOf(bytes, entry)
  if (packed === undefined) return undefined
  if (entry.method === 0) return packed.length <= maxBytes ? packed : undefined
  try {
    return inflateRawSync(packed, { maxOutputLength: maxBytes })
  } catch {
    return undefined // damaged, or larger than allowed
  }
}

/** The packed bytes of an entry that can be unpacked here (APPNOTE 4.4.5: 0 is stored, 8 deflated). */
function packedBytesOf(bytes: Buffer, { encrypted, method, localAt, packedBytes }: ZipEntry): Buffer | undefined {
  if (encrypted || (method !== 0 && method !== 8)) return undefined
  if (localAt + 30 > bytes.length || bytes.readUInt32LE(localAt) !== 0x04034b50) return undefined
  const start = localAt + 30 + bytes.readUInt16LE(localAt + 26) + bytes.readUInt16LE(localAt + 28)
  return bytes.subarray(start, start + packedBytes)
}

function listZip(bytes: Buffer, listing: ArchiveListing, budget: Budget, depth: number): void {
  const { entries, broken, tooMany } = zipEntries(bytes)
  if (broken) listing.broken = true
  if (tooMany) listing.excessive = true
  for (const entry of entries) {
    if (!add(listing, entry)) return
    if (!ARCHIVE.has(endingsOf(entry.name)[0] ?? '')) continue
    listing.nested++
    if (depth >= MAX_DEPTH) {
      listing.excessive = true
      continue
    }
    const packed = packedBytesOf(bytes, entry)
    if (packed === undefined) continue
    const inner = unpack(entry.method === 0 ? stored : inflateRawSync, packed, listing, budget)
    if (inner === undefined) continue
    descend(inner, entry.name, listing, budget, depth)
  }
}

function descend(inner: Buffer, name: string, listing: ArchiveListing, budget: Budget, depth: number): void {
  const kind = kindOf(inner.subarray(0, 65_536))
  const lister = kind && LISTERS[kind]
  if (lister) lister(inner, listing, budget, depth + 1, name)
}

function listTar(bytes: Buffer, listing: ArchiveListing, budget: Budget, depth: number): void {
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const sizeBytes = Number.parseInt(bytes.toString('latin1', at + 124, at + 136), 8) || 0
    const name = bytes.toString('utf8', at, at + 100).replace(/\0.*$/s, '')
    if (!add(listing, { name, encrypted: false, sizeBytes, packedBytes: sizeBytes })) return
    if (ARCHIVE.has(endingsOf(name)[0] ?? '')) {
      listing.nested++
      if (depth < MAX_DEPTH) descend(bytes.subarray(at + 512, at + 512 + sizeBytes), name, listing, budget, depth)
      else listing.excessive = true
    }
    at += 512 + Math.ceil(Math.max(0, sizeBytes) / 512) * 512
  }
}

function listGzip(bytes: Buffer, listing: ArchiveListing, budget: Budget, depth: number, outer: string): void {
  let name = outer.replace(/\.t?gz$/i, (ending) => (ending.toLowerCase() === '.tgz' ? '.tar' : ''))
  // RFC 1952 §2.3: with FNAME alone the original name follows the ten fixed bytes.
  if (bytes[3] === 8) name = bytes.toString('latin1', 10, Math.max(10, bytes.indexOf(0, 10))).slice(0, MAX_NAME) || name
  const inner = unpack(gunzipSync, bytes, listing, budget)
  if (!add(listing, { name, encrypted: false, sizeBytes: inner?.length ?? 0, packedBytes: bytes.length }) || !inner)
    return
  if (inner.length > LARGE && inner.length > bytes.length * MAX_RATIO) listing.excessive = true
  if (depth < MAX_DEPTH) descend(inner, name, listing, budget, depth)
}

function listRar(bytes: Buffer, listing: ArchiveListing): void {
  if (bytes[6] === 1) listRar5(bytes, listing)
  else listRar4(bytes, listing)
}

/** Blocks of a RAR 4 file: crc(2) type(1) flags(2) size(2), files have type 0x74. */
function listRar4(bytes: Buffer, listing: ArchiveListing): void {
  for (let at = 7; at + 7 <= bytes.length; ) {
    const type = bytes[at + 2]!
    const flags = bytes.readUInt16LE(at + 3)
    const size = bytes.readUInt16LE(at + 5)
    if (size < 7 || type < 0x72 || type > 0x7b) {
      listing.broken = true
      return
    }
    if (type === 0x7b) return
    if (type === 0x73 && (flags & 0x80) !== 0) {
      listing.encrypted = true // the names are encrypted too
      return
    }
    let next = at + size
    if (type === 0x74 && at + 32 <= bytes.length) {
      const packedBytes = bytes.readUInt32LE(at + 7)
      const nameLength = bytes.readUInt16LE(at + 26)
      const nameAt = at + 32 + ((flags & 0x100) !== 0 ? 8 : 0)
      const name = bytes.toString('latin1', nameAt, nameAt + nameLength).replace(/\0.*$/s, '')
      if (!add(listing, { name, encrypted: (flags & 4) !== 0, sizeBytes: bytes.readUInt32LE(at + 11), packedBytes }))
        return
      next += packedBytes
    } else if ((flags & 0x8000) !== 0 && at + 11 <= bytes.length) next += bytes.readUInt32LE(at + 7)
    at = next
  }
}

/** Blocks of a RAR 5 file: crc(4), then numbers of seven bits each: size, type, flags, extra size, data size. */
function listRar5(bytes: Buffer, listing: ArchiveListing): void {
  let at = 8
  const number = (): number => {
    let value = 0
    for (let shift = 1, i = 0; i < 7 && at < bytes.length; i++, shift *= 128) {
      const byte = bytes[at++]!
      value += (byte & 127) * shift
      if (byte < 128) break
    }
    return value
  }
  while (at + 7 <= bytes.length) {
    at += 4
    const size = number()
    const start = at
    const type = number()
    const flags = number()
    const extraBytes = (flags & 1) !== 0 ? number() : 0
    const packedBytes = (flags & 2) !== 0 ? number() : 0
    if (size === 0 || type === 5) return
    if (type === 4) {
      listing.encrypted = true
      return
    }
    if (type === 2) {
      const fileFlags = number()
      const sizeBytes = number()
      number()
      if ((fileFlags & 2) !== 0) at += 4
      if ((fileFlags & 4) !== 0) at += 4
      number()
      number()
      const nameLength = number()
      const name = bytes.toString('utf8', at, at + Math.min(nameLength, MAX_NAME))
      // An encryption record (type 1) in the extra area at the end of the header.
      at = start + size - extraBytes
      number()
      const encrypted = extraBytes > 0 && number() === 1
      if (!add(listing, { name, encrypted, sizeBytes, packedBytes })) return
    }
    at = start + size + packedBytes
  }
}
