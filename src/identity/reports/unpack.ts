// What a report comes packed in: gzip (RFC 1952), ZIP (one file, stored or deflated), or nothing. What it is shows in its
// first bytes, for the media types in real mail are often wrong. A bomb is stopped at the limit of the unpacked size.

import { gunzipSync, inflateRawSync } from 'node:zlib'

export type Unpacked = { readonly bytes: Buffer } | { readonly fault: string }

/** RFC 9990 sets no limit; a day's report of a large provider unpacks to a few megabytes. */
const MAX_UNPACKED_BYTES = 32 * 1024 * 1024

const LOCAL_HEADER = 0x04034b50
const CENTRAL_HEADER = 0x02014b50
const END_OF_DIRECTORY = 0x06054b50
const END_BYTES = 22
const MAX_COMMENT_BYTES = 65_535

/** The report itself. Never throws. */
export function unpack(packed: Buffer, maxBytes = MAX_UNPACKED_BYTES): Unpacked {
  if (packed.length >= 2 && packed[0] === 0x1f && packed[1] === 0x8b) {
    return inflated(() => gunzipSync(packed, { maxOutputLength: maxBytes }), maxBytes)
  }
  if (packed.length >= 4 && packed.readUInt32LE(0) === LOCAL_HEADER) return unzip(packed, maxBytes)
  return packed.length > maxBytes ? tooLarge(maxBytes) : { bytes: packed }
}

/** The first file of the archive that is no folder. */
function unzip(archive: Buffer, maxBytes: number): Unpacked {
  const end = endOfDirectory(archive)
  if (end === undefined) return { fault: 'a ZIP archive without its directory' }
  let at = archive.readUInt32LE(end + 16)
  for (let left = Math.min(archive.readUInt16LE(end + 10), 100); left > 0; left--) {
    if (at + 46 > end || archive.readUInt32LE(at) !== CENTRAL_HEADER) break
    const nameBytes = archive.readUInt16LE(at + 28)
    if (archive[at + 45 + nameBytes] !== 47) return member(archive, at, maxBytes)
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  }
  return { fault: 'a ZIP archive without a file' }
}

function endOfDirectory(archive: Buffer): number | undefined {
  const last = archive.length - END_BYTES
  for (let at = last; at >= Math.max(0, last - MAX_COMMENT_BYTES); at--) {
    if (archive.readUInt32LE(at) === END_OF_DIRECTORY) return at
  }
  return undefined
}

function member(archive: Buffer, central: number, maxBytes: number): Unpacked {
  const isEncrypted = (archive.readUInt16LE(central + 8) & 1) === 1
  const method = archive.readUInt16LE(central + 10)
  const packedBytes = archive.readUInt32LE(central + 20)
  const local = archive.readUInt32LE(central + 42)
  if (isEncrypted) return { fault: 'a ZIP archive with a password' }
  if (local + 30 > archive.length || archive.readUInt32LE(local) !== LOCAL_HEADER) {
    return { fault: 'a ZIP archive whose directory points nowhere' }
  }
  const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
  if (start + packedBytes > archive.length) return { fault: 'a ZIP archive that is cut off' }
  const data = archive.subarray(start, start + packedBytes)
  if (method === 0) return data.length > maxBytes ? tooLarge(maxBytes) : { bytes: data }
  if (method !== 8) return { fault: `a ZIP archive packed by method ${method}` }
  return inflated(() => inflateRawSync(data, { maxOutputLength: maxBytes }), maxBytes)
}

function inflated(unpackIt: () => Buffer, maxBytes: number): Unpacked {
  try {
    return { bytes: unpackIt() }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(maxBytes)
    return { fault: `cannot be unpacked: ${(error as Error).message}` }
  }
}

function tooLarge(maxBytes: number): Unpacked {
  return { fault: `unpacks to more than ${maxBytes} bytes` }
}
