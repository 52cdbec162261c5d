// The view made anew: the newest snapshot, then the journal, then a look whether every body lies where the index says (a
// body that lies elsewhere is found by its hash). The old database stays until the new one is whole and takes its place;
// at every instant before and after, the store can be opened, or rebuilt again.

import { type Database, type DatabaseOwner, type Disk, DiskError } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { Blobs } from '../bodies/blobs.ts'
import { ENGINE } from '../embedded.ts'
import { unlocked } from '../encryption.ts'
import type { Position } from '../engine.ts'
import { newestSnapshot, restoreSnapshot, snapshotDamage } from '../journal/snapshot.ts'
import type { BlobHash, BlobRef } from '../nouns/bodies.ts'
import { Reads } from '../read/reads.ts'
import { BLOB_COLUMNS, blobOf } from '../read/rows.ts'
import { mustBeOwn } from '../shared/snapshot.ts'
import { TEXT_INDEX } from '../text/text-index.ts'

export interface Rebuilt {
  /** The snapshot's position; 0 when the journal alone told everything. */
  readonly from: number
  readonly last: number
  readonly emails: number
  /** Bodies that the index had elsewhere. */
  readonly moved: number
  /** Bodies that are nowhere. */
  readonly lost: readonly BlobHash[]
}

/** @throws DiskError when the store is in use, or cannot be made from what is here: then it is as it was */
export async function rebuildStore(locked: World, folder = 'store'): Promise<Rebuilt> {
  const world = await unlocked(locked, folder)
  const { disk } = world
  const release = await disk.lock(folder)
  try {
    await mustBeOwn(disk, folder)
    const path = `${folder}/rebuilt.db`
    for (const end of ['', '-wal', '-shm']) await disk.remove(`${path}${end}`)
    const snapshot = await newestSnapshot(disk, folder)
    if (snapshot !== undefined) {
      const damage = await snapshotDamage(disk, folder, snapshot)
      if (damage !== undefined) throw new DiskError('failed', `Nothing was changed: ${damage}.`)
      await restoreSnapshot(disk, folder, snapshot, path)
    }
    // The engine applies what the journal has beyond it.
    const owner = await disk.ownDatabase(path, ENGINE)
    let rebuilt: Rebuilt
    try {
      rebuilt = await inspect(world, folder, path, owner, snapshot?.position ?? 0)
    } finally {
      await owner.close()
    }
    await mustNotLose(disk, folder, rebuilt)
    await replace(disk, folder, path)
    return rebuilt
  } finally {
    release()
  }
}

async function inspect(
  world: World,
  folder: string,
  path: string,
  owner: DatabaseOwner,
  from: number,
): Promise<Rebuilt> {
  const database = world.disk.openDatabase(path, 'read')
  try {
    const blobs = Blobs.reading(world, `${folder}/bodies`, new Reads(database))
    const { moved, lost } = await placeBodies(blobs, database, owner)
    await blobs.close()
    const { last } = (await owner.request({ kind: 'position' })) as Position
    const emails = Number(database.prepare('SELECT count(*) AS emails FROM email').get()!.emails)
    return { from, last, emails, moved, lost }
  } finally {
    database.close()
  }
}

/** Bodies that are not where the index says are sought in every segment. */
async function placeBodies(blobs: Blobs, database: Database, owner: DatabaseOwner) {
  const astray = new Map<BlobHash, BlobRef>()
  const page = database.prepare(
    `SELECT blob.id AS id, ${BLOB_COLUMNS} FROM blob WHERE blob.id > ? AND refs > 0 ORDER BY blob.id LIMIT 500`,
  )
  for (let rows = page.all(0); rows.length > 0; rows = page.all(Number(rows.at(-1)!.id))) {
    for (const ref of rows.map(blobOf)) if (!(await blobs.liesThere(ref))) astray.set(ref.hash, ref)
  }
  let moved = 0
  if (astray.size > 0) {
    for await (const to of blobs.everywhere()) {
      const from = astray.get(to.hash)
      if (from === undefined || !(await blobs.liesThere(to))) continue
      await owner.request({ kind: 'relocate', moves: [{ from: from.segment, to }] })
      astray.delete(to.hash)
      moved++
    }
  }
  return { moved, lost: [...astray.keys()] }
}

/** A journal that ends before the view that is there (its end is damaged) would lose what only that view has. */
async function mustNotLose(disk: Disk, folder: string, { last }: Rebuilt): Promise<void> {
  let applied: number
  try {
    const database = disk.openDatabase(`${folder}/store.db`, 'read')
    try {
      applied = Number(database.prepare('SELECT applied FROM journal').get()?.applied)
    } finally {
      database.close()
    }
  } catch {
    // No view, or none that can be read.
    return
  }
  if (applied > last) {
    const what = `The database that is there has applied record ${applied}, the journal ends with ${last}`
    throw new DiskError(
      'failed',
      `${what}: nothing was changed. It is the better one, unless \`store verify\` finds damage.`,
    )
  }
}

async function replace(disk: Disk, folder: string, path: string): Promise<void> {
  // Renamed, which is durable: a log that came back after a power cut would be taken for the new database's.
  const old = (end: string) => `${folder}/replaced.db${end}`
  for (const end of ['-wal', '-shm']) {
    try {
      await disk.rename(`${folder}/store.db${end}`, old(end))
    } catch (error) {
      if (!(error instanceof DiskError && error.code === 'missing')) throw error
    }
  }
  await disk.rename(path, `${folder}/store.db`)
  for (const end of ['-wal', '-shm']) await disk.remove(old(end))
  // Made anew from the bodies, when the agent runs.
  for (const end of ['', '-wal', '-shm']) await disk.remove(`${folder}/${TEXT_INDEX}${end}`)
}
