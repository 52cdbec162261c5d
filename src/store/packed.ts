// Bodies packed: compressed (zstd, RFC 8878) where that pays, in chunks that are read one by one, so that a part of a large
// body needs no more memory than the chunks it lies in. Magic, flags, length of the body, length of each chunk as it is kept,
// the chunks. The hash of a body is always over its own bytes, whatever it is kept as.

import type { Cpu } from '../world/world.ts'

const MAGIC = 0x42_50_63_31 // 'BPc1'
const HEAD_BYTES = 9
const COMPRESSED = 1
export const CHUNK_BYTES = 256 * 1024
/** What saves less than a tenth is left as it is: reading it would cost more than its place. */
export const WORTH = 0.9
const TINY_BYTES = 200
/** Of a large body so much from its middle is tried: what cannot be compressed there is mostly one attachment. */
const PROBE_BYTES = 16 * 1024

/** Reads a part of what is kept. */
export type ReadPart = (offset: number, length: number) => Promise<Buffer> | Buffer

/** The body packed; undefined where it does not pay. */
export async function packed(cpu: Cpu, body: Buffer): Promise<Buffer | undefined> {
  if (body.length < TINY_BYTES) return undefined
  if (body.length > 4 * PROBE_BYTES) {
    const middle = Math.floor(body.length / 2)
    const probe = body.subarray(middle, middle + PROBE_BYTES)
    if ((await cpu.compress(probe)).length > probe.length * WORTH) return undefined
  }
  const chunks: Buffer[] = []
  for (let at = 0; at < body.length; at += CHUNK_BYTES) {
    chunks.push(await cpu.compress(body.subarray(at, at + CHUNK_BYTES)))
  }
  const head = Buffer.alloc(HEAD_BYTES + 4 * chunks.length)
  head.writeUInt32BE(MAGIC, 0)
  head.writeUInt8(COMPRESSED, 4)
  head.writeUInt32BE(body.length, 5)
  for (const [index, chunk] of chunks.entries()) head.writeUInt32BE(chunk.length, HEAD_BYTES + 4 * index)
  const all = Buffer.concat([head, ...chunks])
  return all.length <= body.length * WORTH ? all : undefined
}

/** Could these be the first bytes of a packed body? Others may begin like that, too: only the hash tells. */
export function looksPacked(bytes: Buffer): boolean {
  return bytes.length >= HEAD_BYTES && bytes.readUInt32BE(0) === MAGIC
}

/** The length of the body that is packed here; undefined when none is. */
export async function packedSize(read: ReadPart): Promise<number | undefined> {
  const head = await read(0, HEAD_BYTES)
  return looksPacked(head) ? head.readUInt32BE(5) : undefined
}

/** A part of the body, or all of it. Undefined when this is not what was packed. */
export async function unpacked(
  cpu: Cpu,
  read: ReadPart,
  range: { readonly offset: number; readonly length: number } = { offset: 0, length: Number.POSITIVE_INFINITY },
): Promise<Buffer | undefined> {
  const head = await read(0, HEAD_BYTES)
  if (!looksPacked(head) || head.readUInt8(4) !== COMPRESSED) return undefined
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
      const chunk = await cpu.decompress(await read(at, length), bytes)
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
