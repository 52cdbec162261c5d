// node:zlib in a browser: fflate for gzip and deflate, fzstd for reading zstd. Packed with zstd is nothing here: bodies lie in
// memory, and a frame of raw blocks (RFC 8878 §3.1.1.2) is as good a frame.

import { Gunzip, gzipSync as gzip, Inflate } from 'fflate'
import { decompress } from 'fzstd'

interface Bounds {
  readonly maxOutputLength?: number
}

export const gzipSync = (bytes: Uint8Array) => Buffer.from(gzip(bytes, { mtime: 0 }))
export const gunzipSync = (bytes: Uint8Array, bounds?: Bounds) => unpacked(new Gunzip(), bytes, bounds)
export const inflateRawSync = (bytes: Uint8Array, bounds?: Bounds) => unpacked(new Inflate(), bytes, bounds)

const PIECE = 64 * 1024

/** A piece after the other, so that a bomb is left alone as soon as it is seen to be one. */
function unpacked(stream: Gunzip | Inflate, bytes: Uint8Array, { maxOutputLength = 2 ** 30 }: Bounds = {}): Buffer {
  const chunks: Uint8Array[] = []
  let size = 0
  stream.ondata = (chunk) => {
    size += chunk.length
    if (size > maxOutputLength) throw new RangeError('The result is longer than allowed.')
    chunks.push(chunk)
  }
  for (let at = 0; at < bytes.length || at === 0; at += PIECE)
    stream.push(bytes.subarray(at, at + PIECE), at + PIECE >= bytes.length)
  return Buffer.concat(chunks)
}

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]
const MOST_IN_BLOCK = 128 * 1024

export function zstdCompressSync(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.set(MAGIC)
  // A single segment, whose size follows in four bytes.
  head[4] = 0b1010_0000
  head.writeUInt32LE(bytes.length, 5)
  const parts: Uint8Array[] = [head]
  for (let at = 0; at < bytes.length || at === 0; at += MOST_IN_BLOCK) {
    const block = bytes.subarray(at, at + MOST_IN_BLOCK)
    const isLast = at + MOST_IN_BLOCK >= bytes.length
    const header = (block.length << 3) | (isLast ? 1 : 0)
    parts.push(Buffer.from([header & 0xff, (header >> 8) & 0xff, header >> 16]), block)
  }
  return Buffer.concat(parts)
}

export function zstdDecompressSync(bytes: Uint8Array, { maxOutputLength = 2 ** 30 }: Bounds = {}): Buffer {
  const plain = decompress(bytes)
  if (plain.length > maxOutputLength) throw new RangeError('The result is longer than allowed.')
  return Buffer.from(plain.buffer, plain.byteOffset, plain.length)
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value >>> 0
})

/** CRC-32 (RFC 1952 §8). */
export function crc32(bytes: Uint8Array | string, before = 0): number {
  let value = ~before
  for (const byte of typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
    value = CRC_TABLE[(value ^ byte) & 0xff]! ^ (value >>> 8)
  return ~value >>> 0
}

const stream = (): never => {
  throw new Error('Streams of archives are not in the lab that runs in a browser.')
}
export const createDeflateRaw = stream
export const createInflateRaw = stream
export const constants = {}
