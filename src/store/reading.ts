// A store on disk that is only read: no lock is taken, so its agent may run meanwhile. What is seen is durable.

import { DiskError } from '../world/disk.ts'
import type { World } from '../world/world.ts'
import { Blobs } from './bodies/blobs.ts'
import { unlocked } from './encryption.ts'
import { Reads } from './read/reads.ts'
import { isCurrent } from './schema.ts'
import type { Store } from './store.ts'

export interface ReadStore extends Reads, Pick<Store, 'readBlob'> {}

/** @throws DiskError when there is no store that this program can read */
export async function openReading(
  locked: World,
  folder = 'store',
): Promise<{ store: ReadStore; close(): Promise<void> }> {
  const world = await unlocked(locked, folder)
  const database = world.disk.openDatabase(`${folder}/store.db`, 'read')
  if (!isCurrent(database)) {
    database.close()
    throw new DiskError('failed', 'It was written by another version of Borderpost. Start it once with this one.')
  }
  const reads = new Reads(database)
  const blobs = Blobs.reading(world, `${folder}/bodies`, reads)
  const store: ReadStore = Object.assign(reads, { readBlob: blobs.read.bind(blobs) })
  return {
    store,
    async close() {
      await blobs.close()
      database.close()
    },
  }
}
