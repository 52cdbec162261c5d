// Zip archives (PKWARE APPNOTE 6.3.10, with Zip64), written as a stream: sizes follow the data, so that nothing is known
// before it is there, and nothing is held but the directory, elsewhere than in memory.

import { once } from 'node:events'
import { constants, crc32, createDeflateRaw } from 'node:zlib'
import type { Place } from './place.ts'
import { CENTRAL, DEFLATED, DESCRIPTOR, END, END64, LOCAL, LOCATOR64, MAX32, ZipError } from './zip.ts'

/** From here on a file gets wide fields: it may grow while it is packed. */
const WIDE_BYTES = 0xf000_0000

/** Where bytes are added. */
export interface Appender {
  append(bytes: Uint8Array): Promise<void>
}

/** Bytes that wait elsewhere than in memory. */
export interface Spill extends Appender {
  stream(): AsyncIterable<Uint8Array>
}

/** One file after another; the archive is none until `end`. */
export class ZipWriter {
  readonly #out: Appender
  readonly #directory: Spill
  #at = 0
  #entries = 0
  #directoryBytes = 0

  /** `directory` holds the archive's directory until the end, because it may be long. */
  constructor(out: Appender, directory: Spill) {
    this.#out = out
    this.#directory = directory
  }

  /** `isWide`: it may have 4 GB or more. The next file begins when this one has ended. */
  async begin(path: string, modifiedMs: number, isWide: boolean): Promise<Appender & { end(): Promise<void> }> {
    const offset = this.#at
    await this.#write(localHeader(path, modifiedMs, isWide))
    const from = this.#at
    const deflate = createDeflateRaw({ level: constants.Z_BEST_SPEED })
    let [size, crc] = [0, 0]
    let failed: Error | undefined
    const leaving = (async () => {
      for await (const piece of deflate) await this.#write(piece)
    })().catch((error: Error) => {
      failed = error
      deflate.destroy()
    })
    return {
      append: async (piece) => {
        if (failed) throw failed
        size += piece.length
        crc = crc32(piece, crc)
        if (!deflate.write(piece)) await Promise.race([once(deflate, 'drain'), leaving])
        if (failed) throw failed
      },
      end: async () => {
        deflate.end()
        await leaving
        if (failed) throw failed
        const packedBytes = this.#at - from
        // Grown meanwhile, it is still told by its descriptor, as far as that goes.
        if (!isWide && Math.max(size, packedBytes) > MAX32) throw new ZipError(`${path} grew while it was packed.`)
        await this.#write(descriptor(crc, packedBytes, size, isWide))
        const record = centralHeader(path, { offset, crc, packedBytes, sizeBytes: size, modifiedMs })
        await this.#directory.append(record)
        this.#directoryBytes += record.length
        this.#entries++
      },
    }
  }

  async end(): Promise<void> {
    const directoryAt = this.#at
    for await (const piece of this.#directory.stream()) await this.#write(piece)
    await this.#write(endOf(this.#entries, this.#directoryBytes, directoryAt, this.#at))
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#at += bytes.length
    await this.#out.append(bytes)
  }
}

/** Writes every file of a place into an archive. */
export async function zipUp(
  place: Place,
  out: Appender,
  directory: Spill,
  progress?: (bytes: number) => void,
): Promise<void> {
  const zip = new ZipWriter(out, directory)
  let done = 0
  for await (const { path, sizeBytes, modifiedMs } of filesOf(place, '')) {
    const file = await zip.begin(path, modifiedMs, sizeBytes > WIDE_BYTES)
    for await (const piece of place.stream(path)) {
      await file.append(piece)
      progress?.((done += piece.length))
    }
    await file.end()
  }
  await zip.end()
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

interface Written {
  readonly offset: number
  readonly crc: number
  readonly packedBytes: number
  readonly sizeBytes: number
  readonly modifiedMs: number
}

function centralHeader(path: string, { offset, crc, packedBytes, sizeBytes, modifiedMs }: Written): Buffer {
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
    [2, DEFLATED],
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
