// The form of a segment file: records one after another, each a header (magic, length, SHA-256 of the body, CRC-32 of
// the header) and the body, as it is or packed (packed.ts), which the magic tells. Appended only; a record that is not whole
// at the end is a torn tail and is cut off.

import { createHash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { DiskFile } from '../../world/disk.ts'
import type { BlobHash, BlobRef } from '../nouns/bodies.ts'
import { type Packing, unpacked, within } from './packed.ts'

export const HEADER_BYTES = 44
const MAGIC = 0x42_50_6d_31 // 'BPm1'
const PACKED_MAGIC = 0x42_50_6d_32 // 'BPm2'

/** SHA-256 of the content, hex. */
export function hashOf(content: readonly Uint8Array[]): BlobHash {
  if (content.length === 1) return hash('sha256', content[0]!)
  const sha256 = createHash('sha256')
  for (const chunk of content) sha256.update(chunk)
  return sha256.digest('hex')
}

/** The bytes of its record, or of its own file, behind the header. */
export const storedBytesOf = ({ sizeBytes, storedBytes }: BlobRef): number => storedBytes ?? sizeBytes

export function recordHeader(bodyHash: BlobHash, storedBytes: number, isPacked: boolean): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header.writeUInt32BE(isPacked ? PACKED_MAGIC : MAGIC, 0)
  header.writeUInt32BE(storedBytes, 4)
  header.write(bodyHash, 8, 'hex')
  header.writeUInt32BE(crc32(header.subarray(0, 40)), 40)
  return header
}

/** What a header says, or undefined when it is none. */
export function readHeader(bytes: Buffer): { hash: BlobHash; storedBytes: number; isPacked: boolean } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const magic = bytes.readUInt32BE(0)
  if (magic !== MAGIC && magic !== PACKED_MAGIC) return undefined
  if (bytes.readUInt32BE(40) !== crc32(bytes.subarray(0, 40))) return undefined
  return {
    hash: bytes.toString('hex', 8, 40),
    storedBytes: bytes.readUInt32BE(4),
    isPacked: magic === PACKED_MAGIC,
  }
}

/** The body of the record at `offset`, or undefined when header, length or content are not what was written. */
export async function readRecord(
  packing: Packing,
  file: DiskFile,
  offset: number,
  bodyHash: BlobHash,
  storedBytes: number,
): Promise<Buffer | undefined> {
  const bytes = await file.read(offset, HEADER_BYTES + storedBytes)
  const header = readHeader(bytes)
  if (header === undefined || header.hash !== bodyHash || header.storedBytes !== storedBytes) return undefined
  const stored = bytes.subarray(HEADER_BYTES)
  if (stored.length !== storedBytes) return undefined
  const body = header.isPacked ? await unpacked(packing, bodyHash, within(stored)) : stored
  return body !== undefined && hashOf([body]) === bodyHash ? body : undefined
}

/** The end of the last whole record at or after `from`, which must be where a record begins. */
export async function endOfWholeRecords(packing: Packing, file: DiskFile, from: number): Promise<number> {
  for (let offset = from; ; ) {
    const header = readHeader(await file.read(offset, HEADER_BYTES))
    if (header === undefined || offset + HEADER_BYTES + header.storedBytes > file.size) return offset
    if ((await readRecord(packing, file, offset, header.hash, header.storedBytes)) === undefined) return offset
    offset += HEADER_BYTES + header.storedBytes
  }
}
