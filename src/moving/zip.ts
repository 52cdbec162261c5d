// Zip archives (PKWARE APPNOTE 6.3.10, with Zip64): read as a Place from their directory, entry by entry as streams;
// written as a stream. What a stranger's archive claims is held against what it is: entries do not overlap, none becomes
// more than its directory says, all together not more than mail can be.

import { once } from 'node:events'
import { constants, crc32, createDeflateRaw, createInflateRaw } from 'node:zlib'
import type { Entry, Place } from './place.ts'

/** A file that can be read anywhere. */
export interface RandomFile {
  readonly sizeBytes: number
  read(offset: number, length: number): Promise<Buffer>
}

/** It is no archive that can be read here. The message is for people. */
export class ZipError extends Error {}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
const DESCRIPTOR = 0x08074b50
const MAX32 = 0xffff_ffff
const STORED = 0
const DEFLATED = 8
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

/** Where bytes are added. */
export interface Appender {
  append(bytes: Uint8Array): Promise<void>
}

/** Writes every file of a place into an archive; `directory` holds its directory until the end, because it may be long. */
export async function zipUp(
  place: Place,
  out: Appender,
  directory: Appender & { stream(): AsyncIterable<Uint8Array> },
  progress?: (bytes: number) => void,
): Promise<void> {
  let [at, entries, directoryBytes, done] = [0, 0, 0, 0]
  const write = async (bytes: Uint8Array) => {
    at += bytes.length
    await out.append(bytes)
  }
  for await (const { path, sizeBytes, modifiedMs } of filesOf(place, '')) {
    const offset = at
    // Grown or shrunk meanwhile, it is still told by its descriptor.
    const isWide = sizeBytes > 0xf000_0000
    await write(localHeader(path, modifiedMs, isWide))
    const from = at
    const deflate = createDeflateRaw({ level: constants.Z_BEST_SPEED })
    let [size, crc] = [0, 0]
    const feed = (async () => {
      for await (const piece of place.stream(path)) {
        size += piece.length
        crc = crc32(piece, crc)
        progress?.((done += piece.length))
        if (!deflate.write(piece)) await once(deflate, 'drain')
      }
      deflate.end()
    })()
    feed.catch((error) => deflate.destroy(error))
    for await (const piece of deflate) await write(piece)
    await feed
    const packedBytes = at - from
    if (!isWide && Math.max(size, packedBytes) > MAX32) throw new ZipError(`${path} grew while it was packed.`)
    await write(descriptor(crc, packedBytes, size, isWide))
    const record = centralHeader(path, { offset, crc, packedBytes, sizeBytes: size, modifiedMs, method: DEFLATED })
    await directory.append(record)
    directoryBytes += record.length
    entries++
  }
  const directoryAt = at
  for await (const piece of directory.stream()) await write(piece)
  await write(endOf(entries, directoryBytes, directoryAt, at))
}

async function* filesOf(
  place: Place,
  folder: string,
): AsyncGenerator<{ path: string; sizeBytes: number; modifiedMs: number }> {
  for (const { name, isFolder } of await place.list(folder)) {
    const path = folder === '' ? name : `${folder}/${name}`
    const there = isFolder ? undefined : await place.stat(path)
    if (isFolder) yield* filesOf(place, path)
    else if (there !== undefined) yield { path, ...there }
  }
}

function put(fields: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((sum, [bytes]) => sum + bytes, 0))
  let at = 0
  for (const [bytes, value] of fields) {
    if (bytes === 2) buffer.writeUInt16LE(value, at)
    else if (bytes === 4) buffer.writeUInt32LE(value, at)
    else buffer.writeBigUInt64LE(BigInt(value), at)
    at += bytes
  }
  return buffer
}

/** Sizes follow the data (bit 3); names are UTF-8 (bit 11). */
const FLAGS = 0x808

function dosFields(ms: number): readonly (readonly [2, number])[] {
  const time = new Date(Math.max(ms, Date.UTC(1980, 0, 1)))
  const [year, month, day] = [time.getUTCFullYear() - 1980, time.getUTCMonth() + 1, time.getUTCDate()]
  const clock = (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1)
  return [
    [2, clock],
    [2, (Math.min(year, 127) << 9) | (month << 5) | day],
  ]
}

function timeExtra(ms: number): Buffer {
  const seconds = Math.max(0, Math.min(Math.floor(ms / 1000), 0x7fff_ffff))
  return Buffer.concat([
    put([
      [2, 0x5455],
      [2, 5],
    ]),
    Buffer.from([1]),
    put([[4, seconds]]),
  ])
}

function localHeader(path: string, modifiedMs: number, isWide: boolean): Buffer {
  const name = Buffer.from(path)
  const wide = isWide
    ? put([
        [2, 1],
        [2, 16],
        [8, 0],
        [8, 0],
      ])
    : Buffer.alloc(0)
  const extra = Buffer.concat([wide, timeExtra(modifiedMs)])
  const size = isWide ? MAX32 : 0
  const fixed = put([
    [4, LOCAL],
    [2, isWide ? 45 : 20],
    [2, FLAGS],
    [2, DEFLATED],
    ...dosFields(modifiedMs),
    [4, 0],
    [4, size],
    [4, size],
    [2, name.length],
    [2, extra.length],
  ])
  return Buffer.concat([fixed, name, extra])
}

function descriptor(crc: number, packedBytes: number, sizeBytes: number, isWide: boolean): Buffer {
  const width = isWide ? 8 : 4
  return put([
    [4, DESCRIPTOR],
    [4, crc],
    [width, packedBytes],
    [width, sizeBytes],
  ])
}

function centralHeader(path: string, { offset, crc, packedBytes, sizeBytes, modifiedMs, method }: Packed): Buffer {
  const name = Buffer.from(path)
  const isWide = Math.max(offset, packedBytes, sizeBytes) >= MAX32
  const wide = isWide
    ? put([
        [2, 1],
        [2, 24],
        [8, sizeBytes],
        [8, packedBytes],
        [8, offset],
      ])
    : Buffer.alloc(0)
  const extra = Buffer.concat([wide, timeExtra(modifiedMs)])
  const narrow = (value: number) => (isWide ? MAX32 : value)
  const fixed = put([
    [4, CENTRAL],
    [2, 0x0300 | 45],
    [2, isWide ? 45 : 20],
    [2, FLAGS],
    [2, method],
    ...dosFields(modifiedMs),
    [4, crc],
    [4, narrow(packedBytes)],
    [4, narrow(sizeBytes)],
    [2, name.length],
    [2, extra.length],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0o100600 * 0x1_0000],
    [4, narrow(offset)],
  ])
  return Buffer.concat([fixed, name, extra])
}

function endOf(entries: number, bytes: number, offset: number, at: number): Buffer {
  const isWide = entries >= 0xffff || Math.max(bytes, offset) >= MAX32
  const wide = put([
    [4, END64],
    [8, 44],
    [2, 45],
    [2, 45],
    [4, 0],
    [4, 0],
    [8, entries],
    [8, entries],
    [8, bytes],
    [8, offset],
    [4, LOCATOR64],
    [4, 0],
    [8, at],
    [4, 1],
  ])
  const [count, size, start] = isWide ? [0xffff, MAX32, MAX32] : [entries, bytes, offset]
  const end = put([
    [4, END],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, size],
    [4, start],
    [2, 0],
  ])
  return isWide ? Buffer.concat([wide, end]) : end
}
