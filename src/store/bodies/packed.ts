// Bodies packed: compressed (zstd, RFC 8878) where that pays, sealed where the store is encrypted, in chunks that are read
// one by one, so that a part of a large body needs no more memory than the chunks it lies in. Magic, flags, length of the
// body, length of each chunk as it is kept, the chunks. The hash of a body is always over its own bytes, whatever it is kept as.

import { DiskError } from '../../world/disk.ts'
import type { Seal } from '../../world/seal.ts'
import type { Cpu, World } from '../../world/world.ts'
import type { BlobHash } from '../nouns/bodies.ts'

const MAGIC = 0x42_50_63_31 // 'BPc1'
const HEAD_BYTES = 9
const COMPRESSED = 1
const SEALED = 2
export const CHUNK_BYTES = 256 * 1024
/** What saves less than a tenth is left as it is: reading it would cost more than its place. */
export const WORTH = 0.9
const TINY_BYTES = 200
/** Of a large body so much from its middle is tried: what cannot be compressed there is mostly one attachment. */
const PROBE_BYTES = 16 * 1024

/** Reads a part of what is kept. */
export type ReadPart = (offset: number, length: number) => Promise<Buffer> | Buffer

/** What packing takes: somebody who compresses, and what seals. */
export interface Packing {
  readonly cpu: Cpu
  readonly seal: Seal | undefined
}

export const packingOf = ({ cpu, disk }: Pick<World, 'cpu' | 'disk'>): Packing => ({ cpu, seal: disk.seal })

/** The body packed; undefined where it is to be kept as it is. */
export async function packed({ cpu, seal }: Packing, hash: BlobHash, body: Buffer): Promise<Buffer | undefined> {
  const compressed = await compressedChunks(cpu, body)
  if (seal === undefined) return compressed && framed(COMPRESSED, body.length, compressed)
  const plain = compressed ?? chunksOf(body)
  const sealed = plain.map((chunk, index) => seal.seal(chunk, contextOf(hash, index, body.length)))
  const all = framed(SEALED | (compressed === undefined ? 0 : COMPRESSED), body.length, sealed)
  // What is packed never has the length of what is not: so they are told apart.
  return all.length === body.length ? Buffer.concat([all, Buffer.alloc(1)]) : all
}

async function compressedChunks(cpu: Cpu, body: Buffer): Promise<Buffer[] | undefined> {
  if (body.length < TINY_BYTES) return undefined
  if (body.length > 4 * PROBE_BYTES) {
    const middle = Math.floor(body.length / 2)
    const probe = body.subarray(middle, middle + PROBE_BYTES)
    if ((await cpu.compress(probe)).length > probe.length * WORTH) return undefined
  }
  const chunks: Buffer[] = []
  for (const chunk of chunksOf(body)) chunks.push(await cpu.compress(chunk))
  const bytes = HEAD_BYTES + chunks.reduce((sum, { length }) => sum + 4 + length, 0)
  return bytes <= body.length * WORTH ? chunks : undefined
}

function chunksOf(body: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < body.length; at += CHUNK_BYTES) chunks.push(body.subarray(at, at + CHUNK_BYTES))
  return chunks
}

function framed(flags: number, bodyBytes: number, chunks: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(HEAD_BYTES + 4 * chunks.length)
  head.writeUInt32BE(MAGIC, 0)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(bodyBytes, 5)
  for (const [index, chunk] of chunks.entries()) head.writeUInt32BE(chunk.length, HEAD_BYTES + 4 * index)
  return Buffer.concat([head, ...chunks])
}

const contextOf = (hash: BlobHash, index: number, bodyBytes: number) => `body ${hash} ${index} of ${bodyBytes}`

/** Could these be the first bytes of a packed body? Others may begin like that, too: only the hash tells. */
export function looksPacked(bytes: Buffer): boolean {
  return bytes.length >= HEAD_BYTES && bytes.readUInt32BE(0) === MAGIC
}

/** The length of the body that is packed here; undefined when none is. */
export async function packedSize(read: ReadPart): Promise<number | undefined> {
  const head = await read(0, HEAD_BYTES)
  return looksPacked(head) ? head.readUInt32BE(5) : undefined
}

/** A part of the body, or all of it. Undefined when this is not what was packed. @throws DiskError when there is no key for it */
export async function unpacked(
  { cpu, seal }: Packing,
  hash: BlobHash,
  read: ReadPart,
  range: { readonly offset: number; readonly length: number } = { offset: 0, length: Number.POSITIVE_INFINITY },
): Promise<Buffer | undefined> {
  const head = await read(0, HEAD_BYTES)
  if (!looksPacked(head)) return undefined
  const flags = head.readUInt8(4)
  if (flags === 0 || flags > (COMPRESSED | SEALED)) return undefined
  if ((flags & SEALED) !== 0 && seal === undefined) {
    throw new DiskError('failed', `The body ${hash} is encrypted, and there is no key.`)
  }
  const sizeBytes = head.readUInt32BE(5)
  const count = Math.ceil(sizeBytes / CHUNK_BYTES)
  const lengths = await read(HEAD_BYTES, 4 * count)
  if (lengths.length < 4 * count) return undefined
  const end = Math.min(range.offset + range.length, sizeBytes)
  const parts: Buffer[] = []
  let at = HEAD_BYTES + 4 * count
  for (let index = 0; index < count; index++) {
    const length = lengths.readUInt32BE(4 * index)
    const from = index * CHUNK_BYTES
    const bytes = Math.min(CHUNK_BYTES, sizeBytes - from)
    if (from < end && from + bytes > range.offset) {
      // No chunk is longer than what it holds and a little: a length that says more is damage.
      if (length > 2 * CHUNK_BYTES) return undefined
      const kept = await read(at, length)
      const opened = (flags & SEALED) === 0 ? kept : seal!.tryOpen(kept, contextOf(hash, index, sizeBytes))
      const isPlain = opened === undefined || (flags & COMPRESSED) === 0
      const chunk = isPlain ? opened : await cpu.decompress(opened, bytes)
      if (chunk?.length !== bytes) return undefined
      parts.push(chunk.subarray(Math.max(0, range.offset - from), Math.max(0, end - from)))
    }
    at += length
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/** To read from what is in memory. */
export const within =
  (bytes: Buffer): ReadPart =>
  (offset, length) =>
    bytes.subarray(offset, offset + length)
