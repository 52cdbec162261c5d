// Blobs: what was uploaded, whole messages, and decoded parts of messages (RFC 8620 §6, RFC 8621 §4.1.4).
// A blob is named by the SHA-256 of its content. Knowing a name opens nothing: a body is only there for an account of
// which a message, a script or an upload is this body.

import { decodeTransfer } from '../../message/transfer.ts'
import type { BlobRef } from '../../store/nouns/bodies.ts'
import { type BlobName, formatBlobId, parseBlobId } from './ids.ts'
import type { JmapBackend } from './types.ts'

/** Uploads of one account that no message names yet: beyond these the oldest make room (RFC 8620 §6). */
const UPLOADS = { count: 1000, bytes: 1_000_000_000 }

/** Keeps the content, durably, for a message that will name it. @throws DiskError */
export async function uploadBlob(
  { store, account, world }: JmapBackend,
  content: Buffer,
): Promise<{ id: string; sizeBytes: number }> {
  const blob = await store.putBlob([content])
  const upload = { kind: 'upload.put', account: account.id, blob, nowMs: world.clock.now(), atMost: UPLOADS } as const
  const [result] = await store.commit([upload])
  if (!result!.ok) throw new Error(`an upload was refused: ${result!.message}`)
  return { id: formatBlobId({ hash: blob.hash }), sizeBytes: blob.sizeBytes }
}

/** Where the whole body lies; what is brought into another's account may be one's own. */
export function findBlob({ store, account, sharing }: JmapBackend, name: BlobName): BlobRef | undefined {
  if (store.lists.hasBody(account.id, name.hash)) return store.findBlob(name.hash)
  return sharing && findBlob(sharing.own, name)
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
