// Deleted space is won back while the store runs: the index rows of bodies that nobody names are dropped, their own
// files removed, and segments that are less than half alive are emptied by copying the live bodies into the current
// one. A copy is synced before the index names it, and the old segment goes only after that: a crash at any moment
// leaves each body at least once. What is copied is packed where that pays (packed.ts), and full segments that were never
// packed are copied for that alone: so no delivery waits for a compression.

import { DiskError } from '../../world/disk.ts'
import type { EmbeddedStore } from '../embedded.ts'
import { type BlobRef, OWN_FILE } from '../nouns/bodies.ts'
import { Blobs } from './blobs.ts'
import { WORTH } from './packed.ts'
import { HEADER_BYTES, storedBytesOf } from './segment.ts'

const LIVE_PART = 0.5
const swept = 1000
const triedBodies = 20
/** What one pass packs: mail goes on meanwhile, and has a part of the disk. */
const PACKED_AT_ONCE_BYTES = 2 * 1024 * 1024 * 1024
/** Bodies copied before each sync: small, so that mail that arrives meanwhile does not wait long. */
const copiedAtOnce = 64

export interface Compaction {
  readonly bodiesDropped: number
  readonly segmentsRemoved: number
  readonly bytesFreed: number
  /** Segments and own files that were packed. */
  readonly packed: number
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
  let toPackBytes = PACKED_AT_ONCE_BYTES
  let packed = 0
  for (const number of await blobs.segmentNumbers()) {
    if (inUse.has(number)) continue
    const fileBytes = await blobs.segmentBytes(number)
    const live = store.liveBlobsIn(number)
    const liveBytes = bytesOf(live)
    if (live.length > 0 && liveBytes >= fileBytes * LIVE_PART) {
      const isUnpacked = bytesOf(live.filter(({ storedBytes }) => storedBytes === undefined)) >= fileBytes * LIVE_PART
      if (!isUnpacked || toPackBytes <= 0) continue
      toPackBytes -= fileBytes
      if (!(await paysToPack(store, live))) continue
      packed++
    }
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
  packed += await packOwnFiles(store, toPackBytes, problems)
  return { bodiesDropped, segmentsRemoved, bytesFreed, packed, problems }
}

const bytesOf = (refs: readonly BlobRef[]) => refs.reduce((sum, ref) => sum + HEADER_BYTES + storedBytesOf(ref), 0)

export async function sweep(store: EmbeddedStore): Promise<number> {
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
        if (ref.segment === OWN_FILE && gone.has(ref.hash)) await blobs.removeOwnFile(Blobs.ownName(ref))
      }
    } finally {
      release()
    }
  }
}

// Own files that were written for a commit that never came, and what a crash left of packing one.
export async function removeOrphans(store: EmbeddedStore): Promise<void> {
  const { blobs } = store
  for (const { hash, name } of await blobs.ownFiles()) {
    if (blobs.isPinned(hash)) continue
    const indexed = store.blob(hash)
    if (indexed?.segment === OWN_FILE && Blobs.ownName(indexed) === name) continue
    const release = blobs.condemn([hash])
    try {
      await blobs.removeOwnFile(name)
    } finally {
      release()
    }
  }
}

/** Tries some bodies of a segment. Where it does not pay that is noted, and they stay where they are. */
async function paysToPack(store: EmbeddedStore, live: readonly BlobRef[]): Promise<boolean> {
  const step = Math.ceil(live.length / triedBodies)
  const tried = live.filter((_, index) => index % step === 0)
  let bytes = 0
  for (const ref of tried) bytes += await store.blobs.packedBytes(ref)
  if (bytes <= WORTH * tried.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)) return true
  const moves = live.map((ref) => ({ from: ref.segment, to: { storedBytes: ref.sizeBytes, ...ref } }))
  await store.ask({ kind: 'relocate', moves })
  return false
}

/** Those that nobody tried to pack yet, up to so many bytes. */
async function packOwnFiles(store: EmbeddedStore, mostBytes: number, problems: string[]): Promise<number> {
  let count = 0
  let left = mostBytes
  for (const ref of store.ownFiles('unpacked')) {
    if (left <= 0) break
    left -= ref.sizeBytes
    try {
      const to = await store.blobs.packOwnFile(ref)
      await store.ask({ kind: 'relocate', moves: [{ from: OWN_FILE, to }] })
      if (Blobs.ownName(to) === Blobs.ownName(ref)) continue
      count++
      await store.blobs.removeOwnFile(Blobs.ownName(ref))
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      problems.push(`The body ${ref.hash} cannot be packed: ${error.message}`)
    }
  }
  return count
}

async function empty(store: EmbeddedStore, from: number, live: readonly BlobRef[]): Promise<void> {
  for (let at = 0; at < live.length; at += copiedAtOnce) {
    const copies = await store.blobs.copy(live.slice(at, at + copiedAtOnce))
    await store.ask({ kind: 'relocate', moves: copies.map((to) => ({ from, to })) })
    for (const { hash } of copies) store.blobs.committed(hash)
  }
}
