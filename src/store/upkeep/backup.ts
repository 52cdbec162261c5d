// Backup of a store while it is in use, into a folder of another disk: snapshot, journal and bodies, each only as far as
// it is new. Bodies first, then the journal up to a position, then the bodies that came meanwhile; if compaction took
// something away in that time, once more. The manifest is written last and names the position: what lies beyond it, of a
// backup that was not finished, is not restored. Restore brings the files back and rebuilds the view from them; nobody opens
// it before it is whole (unfinished.ts).

import { type Disk, DiskError, type DiskFile } from '../../world/disk.ts'
import type { World } from '../../world/world.ts'
import { Blobs } from '../bodies/blobs.ts'
import { HEADER_BYTES, storedBytesOf } from '../bodies/segment.ts'
import { openStore } from '../embedded.ts'
import { lockedView, MARKER, mark, markerOf, mustHaveKey, unlocked } from '../encryption.ts'
import { entryOf } from '../journal/entry.ts'
import { partNumbers, partOnDisk, recordsBetween } from '../journal/files.ts'
import { partPath } from '../journal/journal.ts'
import { manifestPath, newestSnapshot, removeOlderSnapshots, type Snapshot, snapshotPath } from '../journal/snapshot.ts'
import type { AccountId } from '../nouns/people.ts'
import { Reads } from '../read/reads.ts'
import { isCurrent } from '../schema.ts'
import { mustBeOwn } from '../shared/snapshot.ts'
import type { Store } from '../store.ts'
import { type Rebuilt, rebuildStore } from './rebuild.ts'
import { markWhole, mustBeWhole, unfinishedPath } from './unfinished.ts'

/** The folder on the backup's disk: laid out as a store without its database. */
const KEPT = 'store'
const MANIFEST = `${KEPT}/backup.json`
const CHUNK_BYTES = 4 * 1024 * 1024
const MOST_TRIES = 5

/** What `backup.json` says. */
export interface Backup {
  readonly atMs: number
  /** The last record of the journal that is in it. */
  readonly position: number
  /** Bytes that this backup copied; the rest was there. */
  readonly copiedBytes: number
}

/** `to`: the disk of the backup's own folder. @throws DiskError: then the backup before it is as it was */
export async function backUpStore(locked: World, to: Disk, folder = 'store'): Promise<Backup> {
  const world = await unlocked(locked, folder)
  await lockedView(world.disk, folder)
  await mustBeOwn(world.disk, folder)
  await mustBeWhole(world.disk, folder)
  const copy = new Copy(world.disk, folder, to, KEPT)
  const release = await to.lock(KEPT)
  const database = world.disk.openDatabase(`${folder}/store.db`, 'read')
  try {
    if (!isCurrent(database)) {
      throw new DiskError(
        'failed',
        'The store was written by another version of Borderpost. Start it once with this one.',
      )
    }
    const reads = new Reads(database)
    const blobs = Blobs.reading(world, `${folder}/bodies`, reads)
    const applied = () => Number(database.prepare('SELECT applied FROM journal').get()!.applied)
    for (let tries = 1; ; tries++) {
      const before = applied()
      await copyBodies(copy, blobs, reads)
      const position = applied()
      const snapshot = await copyJournal(copy, position)
      const kept = await copyBodies(copy, blobs, reads)
      if (snapshot !== undefined && !(await tookAway(world.disk, folder, before, applied()))) {
        const backup = { atMs: world.clock.now(), position, copiedBytes: copy.bytes }
        await copy.small(MARKER)
        await to.writeFile(MANIFEST, Buffer.from(`${JSON.stringify(backup)}\n`))
        await forgetOthers(to, kept, snapshot)
        await blobs.close()
        return backup
      }
      if (tries === MOST_TRIES) {
        throw new DiskError(
          'failed',
          'Space is being won back all the time: the backup could not follow. Try again later.',
        )
      }
    }
  } finally {
    database.close()
    release()
  }
}

/**
 * From a backup's disk into a folder that holds no store yet, or one whose restore from it broke off; what programs
 * remember of the time since counts no more. `room`: 0 for the same store, as it was to the row.
 * @throws DiskError when there is one, or the backup is not whole
 */
export async function restoreStore(from: Disk, world: World, folder = 'store', room = ROOM): Promise<Backup & Rebuilt> {
  const restored = await bringBack(from, world, folder)
  if (room > 0) {
    const store = await openStore(world, folder, { isBeingRestored: true })
    try {
      for (const { id } of store.accounts()) await leaveRoom(store, id, room)
    } finally {
      await store.close()
    }
  }
  await markWhole(world.disk, folder)
  const { position, last } = restored
  if (last < position) {
    const what = `The backup goes to record ${position}, but only ${last} could be restored`
    throw new DiskError('failed', `${what}. What there is has been restored.`)
  }
  return restored
}

/** More than a mailbox gets between two backups. */
const ROOM = 2 ** 20

/**
 * Programs have seen UIDs, ids and states that this store has not given, or given to what is gone: none of them is given
 * again (RFC 9051 §2.3.1.1, RFC 8620 §1.2), and whoever comes with such a state begins anew (RFC 8620 §5.2).
 */
async function leaveRoom(store: Store, account: AccountId, room: number): Promise<void> {
  const modseq = store.modseq(account) + room
  const mailboxes = store.mailboxes(account).map(({ id: mailbox, uidNext }) => {
    return { kind: 'mailbox.adopt', account, mailbox, uidNext: uidNext + room, modseq } as const
  })
  await store.commit([...mailboxes, { kind: 'change.prune', account, keep: 0 }])
}

/** The files, and the view from them. Again, what is there already is not copied again. */
async function bringBack(from: Disk, world: World, folder: string): Promise<Backup & Rebuilt> {
  const { disk } = world
  const manifest = await from.readFile(MANIFEST)
  if (manifest === undefined) throw new DiskError('missing', 'There is no finished backup.')
  const backup = JSON.parse(manifest.toString()) as Backup
  const there = (await disk.list(folder)).filter((name) => !name.startsWith('lock.'))
  const begun = await disk.readFile(unfinishedPath(folder))
  if (begun === undefined ? there.includes('store.db') : !begun.equals(manifest))
    throw new DiskError('exists', 'There is a store already, or the restore of another backup: move it away first.')
  const copy = new Copy(from, KEPT, disk, folder)
  const encrypted = await markerOf(from, KEPT)
  // Without the key nothing is begun.
  if (encrypted !== undefined) await mustHaveKey(world, encrypted)
  const release = await disk.lock(folder)
  try {
    await disk.writeFile(unfinishedPath(folder), manifest)
    for (const end of ['', '-wal', '-shm']) await disk.remove(`${folder}/store.db${end}`)
    if (encrypted !== undefined) await mark(world, folder, encrypted.key)
    for (const name of await bodyFiles(from, KEPT)) await copy.file(`bodies/${name}`)
    const snapshot = await newestSnapshot(from, KEPT)
    if (snapshot !== undefined) await copySnapshot(copy, snapshot)
    for (const number of await partNumbers(from, KEPT)) await copyPart(copy, number, backup.position)
  } finally {
    release()
  }
  return { ...backup, ...(await rebuildStore(world, folder)) }
}

/** Copies files of one folder to another disk, as far as they are longer here than there. */
class Copy {
  readonly from: Disk
  readonly fromFolder: string
  readonly to: Disk
  readonly toFolder: string
  bytes = 0

  constructor(from: Disk, fromFolder: string, to: Disk, toFolder: string) {
    this.from = from
    this.fromFolder = fromFolder
    this.to = to
    this.toFolder = toFolder
  }

  /** Up to `end`. A file that goes meanwhile is left out: `tookAway` finds that. */
  async file(path: string, end = Number.POSITIVE_INFINITY): Promise<void> {
    const source = await this.from.open(`${this.fromFolder}/${path}`, false).catch(ifMissing)
    if (source === undefined) return
    try {
      const target = await this.to.open(`${this.toFolder}/${path}`, true)
      try {
        const last = Math.min(end, source.size)
        if (!(await isBeginning(target, source))) await target.truncate(0)
        while (target.size < last) {
          const bytes = await source.read(target.size, Math.min(CHUNK_BYTES, last - target.size))
          if (bytes.length === 0) break
          await target.append([bytes])
          this.bytes += bytes.length
        }
        await target.sync()
      } finally {
        await target.close()
      }
    } finally {
      await source.close()
    }
  }

  async small(path: string): Promise<void> {
    const bytes = await this.from.readFile(`${this.fromFolder}/${path}`)
    if (bytes === undefined) return
    await this.to.writeFile(`${this.toFolder}/${path}`, bytes)
    this.bytes += bytes.length
  }
}

/** Bodies that commits name. Gives the names of the files that hold them. */
async function copyBodies(copy: Copy, blobs: Blobs, reads: Reads): Promise<Set<string>> {
  const names = new Set<string>()
  for (const number of await blobs.segmentNumbers()) {
    const last = reads.lastBlobIn(number)
    if (last === undefined) continue
    const name = Blobs.segmentName(number)
    names.add(name)
    // What lies behind may be cut off after a crash, and written anew.
    await copy.file(`bodies/${name}`, last.offset + HEADER_BYTES + storedBytesOf(last))
  }
  for (const name of (await blobs.ownFiles()).map(({ name }) => name)) {
    names.add(name)
    await copy.file(`bodies/${name}`)
  }
  return names
}

/** The snapshot and the journal after it, up to the position. Undefined when another snapshot was taken meanwhile. */
async function copyJournal(copy: Copy, position: number): Promise<Snapshot | 'none' | undefined> {
  const snapshot = await newestSnapshot(copy.from, copy.fromFolder)
  const known = await newestSnapshot(copy.to, copy.toFolder)
  if (snapshot !== undefined && snapshot.number !== known?.number) await copySnapshot(copy, snapshot)
  for (const number of await partNumbers(copy.from, copy.fromFolder)) await copyPart(copy, number, position)
  const now = await newestSnapshot(copy.from, copy.fromFolder)
  return now?.number === snapshot?.number ? (snapshot ?? 'none') : undefined
}

async function copySnapshot(copy: Copy, snapshot: Snapshot): Promise<void> {
  const { number } = snapshot
  const path = snapshotPath('.', snapshot)
  // One of a backup that was not finished may be half.
  await copy.to.remove(`${copy.toFolder}/${path}`)
  await copy.file(path)
  await copy.small(manifestPath('.', number))
}

async function copyPart(copy: Copy, number: number, position: number): Promise<void> {
  const part = await partOnDisk(copy.from, copy.fromFolder, number)
  const last = part?.content?.records.findLast(({ seq }) => seq <= position)
  if (last !== undefined) await copy.file(partPath(number), last.end)
}

/** Did compaction decide anything between these records? */
async function tookAway(disk: Disk, folder: string, after: number, through: number): Promise<boolean> {
  try {
    for await (const { text } of recordsBetween(disk, folder, after, through)) {
      if (!('batch' in entryOf(text))) return true
    }
    return false
  } catch (error) {
    // A snapshot has just made them superfluous.
    if (!(error instanceof DiskError)) throw error
    return true
  }
}

/** What only older backups needed. */
async function forgetOthers(to: Disk, kept: ReadonlySet<string>, snapshot: Snapshot | 'none'): Promise<void> {
  for (const name of await bodyFiles(to, KEPT)) if (!kept.has(name)) await to.remove(`${KEPT}/bodies/${name}`)
  if (snapshot === 'none') return
  await removeOlderSnapshots(to, KEPT, snapshot.number)
  const parts = await partNumbers(to, KEPT)
  const firsts = await Promise.all(
    parts.map(async (number) => (await partOnDisk(to, KEPT, number))?.content?.header.first),
  )
  for (const [index, number] of parts.entries()) {
    const next = firsts[index + 1]
    if (next !== undefined && next <= snapshot.position + 1) await to.remove(`${KEPT}/${partPath(number)}`)
  }
}

async function bodyFiles(disk: Disk, folder: string): Promise<string[]> {
  const segments = (await disk.list(`${folder}/bodies`)).filter((name) => name.endsWith('.segment'))
  const folders = await disk.list(`${folder}/bodies/large`)
  const own = await Promise.all(
    folders.map(async (name) =>
      (await disk.list(`${folder}/bodies/large/${name}`)).map((one) => `large/${name}/${one}`),
    ),
  )
  return [...segments, ...own.flat()]
}

const COMPARED_BYTES = 64 * 1024

/** Is what is there the beginning of this file, by its first and its last bytes? */
async function isBeginning(there: DiskFile, file: DiskFile): Promise<boolean> {
  for (const at of [0, Math.max(0, there.size - COMPARED_BYTES)]) {
    const length = Math.min(COMPARED_BYTES, there.size, file.size)
    const [one, other] = await Promise.all([there.read(at, length), file.read(at, length)])
    if (!one.equals(other)) return false
  }
  return true
}

function ifMissing(error: unknown): undefined {
  if (!(error instanceof DiskError && error.code === 'missing')) throw error
}
