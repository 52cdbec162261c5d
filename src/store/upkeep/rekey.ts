// Everything of a store under another key, or encrypted for the first time: every body is sealed anew as compaction copies it,
// the view becomes a snapshot, and the journal begins anew. It may be ended at any moment and run again: until the end all
// keys are there.

import { DiskError } from '../../world/disk.ts'
import { KEY_BYTES, keyId } from '../../world/seal.ts'
import type { World } from '../../world/world.ts'
import { Blobs } from '../bodies/blobs.ts'
import { removeOrphans, sweep } from '../bodies/compact.ts'
import { type EmbeddedStore, openStore } from '../embedded.ts'
import { begin, forgetPlainViews, type KeyPlace, keysAt, mark, markerOf, writeKeys } from '../encryption.ts'
import { OWN_FILE } from '../nouns/bodies.ts'
import { mustBeOwn } from '../shared/snapshot.ts'

const copiedAtOnce = 64

export interface Rekeyed {
  readonly bodies: number
  /** Names the key that all is under. */
  readonly key: string
  /** Keys that are needed no more, and could not be taken away here. */
  readonly others: readonly string[]
}

/** `place`: where the key of a store is that was not encrypted. @throws DiskError when the store is in use, or cannot be read */
export async function rekeyStore(world: World, place: KeyPlace = 'folder', folder = 'store'): Promise<Rekeyed> {
  const { disk } = world
  await mustBeOwn(disk, folder)
  let marker = await markerOf(disk, folder)
  const key = marker?.key ?? place
  if (marker === undefined) {
    const plain = await openStore(world, folder)
    const problem = await plain.snapshot()
    await plain.close()
    if (problem !== undefined) throw new DiskError('failed', problem)
    marker = await begin(world, folder, place)
  } else if (key === 'folder') {
    await writeKeys(disk, [world.random.bytes(KEY_BYTES), ...(await keysAt(world, key))])
  }
  await forgetPlainViews(disk, folder)
  const store = await openStore(world, folder)
  let bodies: number
  try {
    bodies = await sealAnew(store)
  } finally {
    await store.close()
  }
  await mark(world, folder, key, marker.name)
  const [first, ...others] = await keysAt(world, key)
  if (key === 'folder') await writeKeys(disk, [first!])
  return { bodies, key: keyId(first!), others: key === 'folder' ? [] : others.map(keyId) }
}

async function sealAnew(store: EmbeddedStore): Promise<number> {
  const { blobs } = store
  await sweep(store)
  await removeOrphans(store)
  let count = 0
  const current = await blobs.beginSegment()
  for (const number of await blobs.segmentNumbers()) {
    if (number === current) break
    const live = store.liveBlobsIn(number)
    for (let at = 0; at < live.length; at += copiedAtOnce) {
      const copies = await blobs.copy(live.slice(at, at + copiedAtOnce))
      await store.ask({ kind: 'relocate', moves: copies.map((to) => ({ from: number, to })) })
      for (const { hash } of copies) blobs.committed(hash)
      count += copies.length
    }
    await blobs.removeSegment(number)
  }
  for (const ref of store.ownFiles()) {
    const to = await blobs.packOwnFile(ref)
    await store.ask({ kind: 'relocate', moves: [{ from: OWN_FILE, to }] })
    if (Blobs.ownName(to) !== Blobs.ownName(ref)) await blobs.removeOwnFile(Blobs.ownName(ref))
    count++
  }
  await store.ask({ kind: 'part' })
  const problem = await store.snapshot()
  if (problem !== undefined) throw new DiskError('failed', problem)
  return count
}
