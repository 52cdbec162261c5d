// Deleted space is won back while the store runs: the index rows of bodies that nobody names are dropped, their own
// files removed, and segments that are less than half alive are emptied by copying the live bodies into the current
// one. A copy is synced before the index names it, and the old segment goes only after that: a crash at any moment
// leaves each body at least once.

import { DiskError } from '../world/disk.ts'
import type { EmbeddedStore } from './embedded.ts'
import { HEADER_BYTES } from './segment.ts'
import { type BlobRef, OWN_FILE } from './types.ts'

const LIVE_PART = 0.5
const swept = 1000
/** Bodies copied before each sync: small, so that mail that arrives meanwhile does not wait long. */
const copiedAtOnce = 64

export interface Compaction {
  readonly bodiesDropped: number
  readonly segmentsRemoved: number
  readonly bytesFreed: number
  /** Segments that could not be emptied, and why: one sentence each. They stay as they are. */
  readonly problems: readonly string[]
}

/** One pass. Call it now and then (hourly), never twice at once. @throws DiskError when the disk cannot even be looked at */
export async function compact(store: EmbeddedStore): Promise<Compaction> {
  const { blobs } = store
  blobs.unpinOld()
  const bodiesDropped = await sweep(store)
  await removeOrphans(store)
  let segmentsRemoved = 0
  let bytesFreed = 0
  const problems: string[] = []
  const inUse = blobs.segmentsInUse()
  for (const number of await blobs.segmentNumbers()) {
    if (inUse.has(number)) continue
    const fileBytes = await blobs.segmentBytes(number)
    const live = store.liveBlobsIn(number)
    const liveBytes = live.reduce((sum, { sizeBytes }) => sum + HEADER_BYTES + sizeBytes, 0)
    if (live.length > 0 && liveBytes >= fileBytes * LIVE_PART) continue
    try {
      await empty(store, number, live)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      problems.push(`Segment ${number} cannot be emptied: ${error.message}`)
      continue
    }
    // Bodies without references that are pinned still lie there: somebody may be about to name them.
    if (store.lastBlobIn(number) !== undefined) continue
    await blobs.removeSegment(number)
    segmentsRemoved++
    bytesFreed += fileBytes - liveBytes
  }
  return { bodiesDropped, segmentsRemoved, bytesFreed, problems }
}

async function sweep(store: EmbeddedStore): Promise<number> {
  const { blobs } = store
  let dropped = 0
  for (let after = 0; ; ) {
    const page = store.deadBlobs(after, swept)
    const last = page.at(-1)
    if (last === undefined) return dropped
    after = last.id
    const hashes = page.map(({ ref }) => ref.hash).filter((hash) => !blobs.isPinned(hash))
    if (hashes.length === 0) continue
    // From here on nobody may be told that these are stored, until they are gone.
    const release = blobs.condemn(hashes)
    try {
      const gone = new Set(await store.ask<string[]>({ kind: 'sweep', hashes }))
      dropped += gone.size
      for (const { ref } of page) {
        if (ref.segment === OWN_FILE && gone.has(ref.hash)) await blobs.removeOwnFile(ref.hash)
      }
    } finally {
      release()
    }
  }
}

// Own files that were written for a commit that never came.
async function removeOrphans({ blobs }: EmbeddedStore): Promise<void> {
  for (const hash of await blobs.ownFiles()) {
    if (blobs.isPinned(hash) || blobs.isIndexed(hash)) continue
    const release = blobs.condemn([hash])
    try {
      await blobs.removeOwnFile(hash)
    } finally {
      release()
    }
  }
}

async function empty(store: EmbeddedStore, from: number, live: readonly BlobRef[]): Promise<void> {
  for (let at = 0; at < live.length; at += copiedAtOnce) {
    const copies = await store.blobs.copy(live.slice(at, at + copiedAtOnce))
    await store.ask({ kind: 'relocate', moves: copies.map((to) => ({ from, to })) })
    for (const { hash } of copies) store.blobs.committed(hash)
  }
}
