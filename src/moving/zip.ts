// Zip archives (PKWARE APPNOTE 6.3.10, with Zip64), read as a Place from their directory, entry by entry as
// streams. What a stranger's archive claims is held against what it is: entries do not overlap, none becomes more than its
// directory says, all together not more than mail can be.

import { once } from 'node:events'
import { crc32, createInflateRaw } from 'node:zlib'
import type { Entry, Place } from './place.ts'

/** A file that can be read anywhere. */
export interface RandomFile {
  readonly sizeBytes: number
  read(offset: number, length: number): Promise<Buffer>
}

/** It is no archive that can be read here. The message is for people. */
export class ZipError extends Error {}

export const LOCAL = 0x04034b50
export const CENTRAL = 0x02014b50
export const END = 0x06054b50
export const END64 = 0x06064b50
export const LOCATOR64 = 0x07064b50
export const DESCRIPTOR = 0x08074b50
export const MAX32 = 0xffff_ffff
const STORED = 0
export const DEFLATED = 8
const PIECE_BYTES = 256 * 1024
const MAX_ENTRIES = 2_000_000
const MAX_DIRECTORY_BYTES = 512 * 1024 * 1024
/** Mail becomes a fifth; what becomes less than a two hundredth is no mail. */
const MOST_GROWTH = 200
const FREE_GROWTH_BYTES = 1024 * 1024 * 1024

interface Packed {
  readonly offset: number
  readonly method: number
  readonly crc: number
  readonly packedBytes: number
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/** @throws ZipError */
export async function zipPlace(file: RandomFile): Promise<Place> {
  const files = await directoryOf(file)
  const folders = new Map<string, Map<string, boolean>>()
  for (const path of files.keys()) {
    const parts = path.split('/')
    for (let depth = 0; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join('/')
      let names = folders.get(folder)
      if (names === undefined) folders.set(folder, (names = new Map()))
      names.set(parts[depth]!, depth < parts.length - 1)
    }
  }
  return {
    async list(folder): Promise<Entry[]> {
      const names = [...(folders.get(folder) ?? [])].map(([name, isFolder]) => ({ name, isFolder }))
      return names.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    stat: async (path) => files.get(path),
    stream: (path) => unpack(file, path, files.get(path)),
  }
}

async function directoryOf(file: RandomFile): Promise<Map<string, Packed>> {
  const { offset, bytes, entries } = await directoryPlace(file)
  if (entries > MAX_ENTRIES || bytes > MAX_DIRECTORY_BYTES)
    throw new ZipError(`The archive has more than ${MAX_ENTRIES} files: unpack it, and import the folder.`)
  const directory = await file.read(offset, bytes)
  const files = new Map<string, Packed>()
  let sum = 0
  for (let at = 0, count = 0; count < entries; count++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL) throw damaged('its directory ends early')
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field))
    const end = at + 46 + nameLength! + extraLength!
    if (end > directory.length) throw damaged('its directory ends early')
    const isUtf8 = (directory.readUInt16LE(at + 8) & 0x800) !== 0
    const name = directory.toString(isUtf8 ? 'utf8' : 'latin1', at + 46, at + 46 + nameLength!)
    const path = safePath(name)
    if (path !== undefined) {
      if (directory.readUInt16LE(at + 8) & 1)
        throw new ZipError('The archive is encrypted: unpack it, and import the folder.')
      const packed = packedAt(directory, at, directory.subarray(at + 46 + nameLength!, end))
      sum += packed.sizeBytes
      files.set(path, packed)
    }
    at = end + commentLength!
  }
  if (sum > MOST_GROWTH * file.sizeBytes + FREE_GROWTH_BYTES)
    throw new ZipError(`The archive claims to hold ${sum} bytes in ${file.sizeBytes}: that is no mail.`)
  mustBeApart([...files.values()])
  return files
}

/** Undefined for folders and for what would lie elsewhere. */
function safePath(name: string): string | undefined {
  const parts = name.replaceAll('\\', '/').split('/')
  const isSafe =
    parts.length <= 50 && parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'))
  return isSafe ? parts.join('/') : undefined
}

function packedAt(directory: Buffer, at: number, extra: Buffer): Packed {
  const method = directory.readUInt16LE(at + 10)
  if (method !== STORED && method !== DEFLATED)
    throw new ZipError('The archive is packed in a way that is not known here: unpack it, and import the folder.')
  let sizeBytes = directory.readUInt32LE(at + 24)
  let packedBytes = directory.readUInt32LE(at + 20)
  let offset = directory.readUInt32LE(at + 42)
  let modifiedMs = dosTime(directory.readUInt16LE(at + 12), directory.readUInt16LE(at + 14))
  for (let field = 0; field + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(field + 2)
    const value = extra.subarray(field + 4, field + 4 + length)
    if (extra.readUInt16LE(field) === 1) {
      let next = 0
      const wide = (narrow: number) => {
        if (narrow !== MAX32 || next + 8 > value.length) return narrow
        next += 8
        return Number(value.readBigUInt64LE(next - 8))
      }
      sizeBytes = wide(sizeBytes)
      packedBytes = wide(packedBytes)
      offset = wide(offset)
    } else if (extra.readUInt16LE(field) === 0x5455 && value.length >= 5 && value[0]! & 1) {
      modifiedMs = value.readInt32LE(1) * 1000
    }
    field += 4 + length
  }
  return { offset, method, crc: directory.readUInt32LE(at + 16), packedBytes, sizeBytes, modifiedMs }
}

function dosTime(time: number, date: number): number {
  const [day, month, year] = [date & 31, ((date >> 5) & 15) - 1, (date >> 9) + 1980]
  return Date.UTC(year, month, day, time >> 11, (time >> 5) & 63, (time & 31) * 2)
}

/** Entries that share bytes make much of little. */
function mustBeApart(all: Packed[]): void {
  let end = 0
  for (const { offset, packedBytes } of all.sort((a, b) => a.offset - b.offset)) {
    if (offset < end) throw damaged('files in it overlap')
    end = offset + 30 + packedBytes
  }
}

async function directoryPlace(file: RandomFile): Promise<{ offset: number; bytes: number; entries: number }> {
  const length = Math.min(file.sizeBytes, 65_557)
  const tailAt = file.sizeBytes - length
  const tail = await file.read(tailAt, length)
  let at = tail.length - 22
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--
  if (at < 0) throw damaged('it has no directory')
  let place = {
    entries: tail.readUInt16LE(at + 10),
    bytes: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  }
  if (at >= 20 && tail.readUInt32LE(at - 20) === LOCATOR64) {
    const end = await file.read(Number(tail.readBigUInt64LE(at - 12)), 56)
    if (end.length < 56 || end.readUInt32LE(0) !== END64) throw damaged('it has no directory')
    const [entries, bytes, offset] = [32, 40, 48].map((field) => Number(end.readBigUInt64LE(field)))
    place = { entries: entries!, bytes: bytes!, offset: offset! }
  }
  if (place.offset + place.bytes > file.sizeBytes) throw damaged('its directory ends early')
  return place
}

const damaged = (what: string) => new ZipError(`The archive is damaged: ${what}.`)

async function* unpack(file: RandomFile, path: string, packed: Packed | undefined): AsyncGenerator<Uint8Array> {
  if (packed === undefined) return
  const header = await file.read(packed.offset, 30)
  if (header.length < 30 || header.readUInt32LE(0) !== LOCAL) throw damaged(`${path} is not where it should be`)
  const from = packed.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
  const pieces = packedPieces(file, from, packed.packedBytes)
  let [sizeBytes, crc] = [0, 0]
  for await (const piece of packed.method === STORED ? pieces : inflated(pieces, path)) {
    sizeBytes += piece.length
    if (sizeBytes > packed.sizeBytes) throw damaged(`${path} is larger than the directory says`)
    crc = crc32(piece, crc)
    yield piece
  }
  if (sizeBytes !== packed.sizeBytes || crc !== packed.crc) throw damaged(`${path} is not what was put into it`)
}

async function* packedPieces(file: RandomFile, from: number, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < length; ) {
    const piece = await file.read(from + at, Math.min(PIECE_BYTES, length - at))
    if (piece.length === 0) throw damaged('it ends early')
    at += piece.length
    yield piece
  }
}

async function* inflated(pieces: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  const inflate = createInflateRaw()
  let failed: Error | undefined
  const feed = (async () => {
    for await (const piece of pieces) {
      if (inflate.destroyed) return
      if (!inflate.write(piece)) await Promise.race([once(inflate, 'drain'), once(inflate, 'close')])
    }
    inflate.end()
  })().catch((error) => {
    failed = error
    inflate.destroy()
  })
  try {
    for await (const piece of inflate) yield piece
  } catch (error) {
    throw failed ?? (error instanceof ZipError ? error : damaged(`${path} cannot be unpacked`))
  } finally {
    inflate.destroy()
    await feed
  }
  if (failed) throw failed
}
