// The form of a segment file: records one after another, each a header (magic, length, SHA-256 of the body, CRC-32 of
// the header) and the body. Appended only; a record that is not whole at the end is a torn tail and is cut off.

import { createHash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { DiskFile } from '../world/disk.ts'
import type { BlobHash } from './types.ts'

export const HEADER_BYTES = 44
const MAGIC = 0x42_50_6d_31 // 'BPm1'

/** SHA-256 of the content, hex. */
export function hashOf(content: readonly Uint8Array[]): BlobHash {
  if (content.length === 1) return hash('sha256', content[0]!)
  const sha256 = createHash('sha256')
  for (const chunk of content) sha256.update(chunk)
  return sha256.digest('hex')
}

export function recordHeader(bodyHash: BlobHash, bodyBytes: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header.writeUInt32BE(MAGIC, 0)
  header.writeUInt32BE(bodyBytes, 4)
  header.write(bodyHash, 8, 'hex')
  header.writeUInt32BE(crc32(header.subarray(0, 40)), 40)
  return header
}

/** What a header says, or undefined when it is none. */
export function readHeader(bytes: Buffer): { hash: BlobHash; bodyBytes: number } | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined
  if (bytes.readUInt32BE(40) !== crc32(bytes.subarray(0, 40))) return undefined
  return { hash: bytes.toString('hex', 8, 40), bodyBytes: bytes.readUInt32BE(4) }
}

/** The body of the record at `offset`, or undefined when header, length or content are not what was written. */
export async function readRecord(
  file: DiskFile,
  offset: number,
  bodyHash: BlobHash,
  bodyBytes: number,
): Promise<Buffer | undefined> {
  const bytes = await file.read(offset, HEADER_BYTES + bodyBytes)
  const header = readHeader(bytes)
  if (header === undefined || header.hash !== bodyHash || header.bodyBytes !== bodyBytes) return undefined
  const body = bytes.subarray(HEADER_BYTES)
  return body.length === bodyBytes && hashOf([body]) === bodyHash ? body : undefined
}

/** The end of the last whole record at or after `from`, which must be where a record begins. */
export async function endOfWholeRecords(file: DiskFile, from: number): Promise<number> {
  for (let offset = from; ; ) {
    const header = readHeader(await file.read(offset, HEADER_BYTES))
    if (header === undefined || offset + HEADER_BYTES + header.bodyBytes > file.size) return offset
    if ((await readRecord(file, offset, header.hash, header.bodyBytes)) === undefined) return offset
    offset += HEADER_BYTES + header.bodyBytes
  }
}
