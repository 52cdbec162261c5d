// Blobs: what was uploaded, whole messages, and decoded parts of messages (RFC 8620 §6, RFC 8621 §4.1.4).
// A blob is named by the SHA-256 of its content: who can name one has seen it, or a message of theirs names it.

import { decodeTransfer } from '../../message/transfer.ts'
import type { BlobRef } from '../../store/types.ts'
import { type BlobName, formatBlobId, parseBlobId } from './ids.ts'
import type { JmapBackend, Uploads } from './types.ts'

/** Uploads remembered until a message names them; the oldest is forgotten first. */
const MAX_UPLOADS = 1000
const uploads = new WeakMap<JmapBackend, Uploads>()

export function uploadsOf(backend: JmapBackend): Uploads {
  let own = uploads.get(backend)
  if (!own) uploads.set(backend, (own = new Map()))
  return own
}

/** Keeps the content for a message that will name it. @throws DiskError */
export async function uploadBlob(backend: JmapBackend, content: Buffer): Promise<{ id: string; sizeBytes: number }> {
  const ref = await backend.store.putBlob([content])
  const own = uploadsOf(backend)
  own.delete(ref.hash)
  if (own.size >= MAX_UPLOADS) own.delete(own.keys().next().value!)
  own.set(ref.hash, ref)
  return { id: formatBlobId({ hash: ref.hash }), sizeBytes: ref.sizeBytes }
}

/** Where the whole blob lies. */
export function findBlob(backend: JmapBackend, name: BlobName): BlobRef | undefined {
  return backend.store.findBlob(name.hash) ?? uploadsOf(backend).get(name.hash)
}

/** The content that a blob id names, transfer encoding undone; undefined when there is none. */
export async function readBlobId(backend: JmapBackend, id: unknown): Promise<Buffer | undefined> {
  const name = parseBlobId(id)
  const ref = name && findBlob(backend, name)
  if (!ref) return undefined
  if (!name.part) return backend.store.readBlob(ref)
  const { start, end, encoding } = name.part
  if (start > end || end > ref.sizeBytes) return undefined
  const bytes = await backend.store.readBlob(ref, { offset: start, length: end - start })
  return bytes && decodeTransfer(bytes, encoding)
}
