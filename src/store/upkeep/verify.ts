// Is a store on disk sound, in all that it keeps: the view and its bodies (check.ts), the snapshot, the journal after it.
// Takes no lock, so the store may be in use meanwhile.

import { DiskError } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { Blobs } from '../bodies/blobs.ts'
import { lockedView, unlocked } from '../encryption.ts'
import { journalFindings } from '../journal/files.ts'
import { newestSnapshot, snapshotDamage } from '../journal/snapshot.ts'
import { Reads } from '../read/reads.ts'
import { isCurrent } from '../schema.ts'
import { checkStore } from './check.ts'

export interface Verified {
  readonly emails: number
  readonly bodies: number
  /** The last record of the journal that the view has applied. */
  readonly position: number
  readonly findings: readonly string[]
}

/** @throws DiskError when there is no store that this program can read */
export async function verifyStore(locked: World, folder = 'store'): Promise<Verified> {
  const world = await unlocked(locked, folder)
  const { disk } = world
  await lockedView(disk, folder)
  const database = disk.openDatabase(`${folder}/store.db`, 'read')
  try {
    if (!isCurrent(database)) {
      throw new DiskError('failed', 'It was written by another version of Borderpost. Start it once with this one.')
    }
    const count = (sql: string) => Number(Object.values(database.prepare(sql).get()!)[0])
    const position = count('SELECT applied FROM journal')
    const reads = new Reads(database)
    const blobs = Blobs.reading(world, `${folder}/bodies`, reads)
    const findings = await checkStore({ database, readBlob: (ref) => blobs.read(ref) })
    await blobs.close()
    const snapshot = await newestSnapshot(disk, folder)
    const damage = snapshot === undefined ? undefined : await snapshotDamage(disk, folder, snapshot)
    if (damage !== undefined) findings.push(damage)
    findings.push(...(await journalFindings(disk, folder, snapshot?.position ?? 0, position)))
    const [emails, bodies] = [count('SELECT count(*) FROM email'), count('SELECT count(*) FROM blob WHERE refs > 0')]
    return { emails, bodies, position, findings }
  } finally {
    database.close()
  }
}
