// Snapshots of the view in the shared database: where a node that is new, or was away for long, begins; and where the
// shared journal may be cut off.

import { type Disk, DiskError } from '../../world/disk.ts'
import { JOURNAL } from '../journal/journal.ts'
import { TEXT_INDEX } from '../text/text-index.ts'
import type { SharedLog } from './log.ts'

/** Which log a node's view follows. A database without it is a store of its own. */
const logIdPath = (path: string) => `${path}.log`

const PART_BYTES = 4 * 1024 * 1024

/** @throws DiskError when the folder only follows a shared store */
export async function mustBeOwn(disk: Disk, folder: string): Promise<void> {
  if ((await disk.readFile(logIdPath(`${folder}/store.db`))) === undefined) return
  throw new DiskError('failed', `${folder} only follows a shared store, which is in PostgreSQL.`)
}

/** Gives the node a view from which the log can be followed: the one it has, none, or the newest snapshot. @throws DiskError */
export async function restoreView(disk: Disk, log: SharedLog, path: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/'))
  const isNodes = (await disk.readFile(logIdPath(path))) !== undefined
  const there = await disk.list(folder)
  if (!isNodes && (there.includes('store.db') || (await disk.list(`${folder}/${JOURNAL}`)).length > 0)) {
    throw new DiskError('exists', `${folder} holds a store of its own, and mail with it: move it away first.`)
  }
  const applied = appliedIn(disk, path)
  const { first, last, id } = await log.extent()
  const isOfThisLog = String(await disk.readFile(logIdPath(path))) === id
  if (isOfThisLog && applied !== undefined && applied + 1 >= first && applied <= last) return
  // A view of another log, or too old: nothing is in it that is not in the shared database.
  for (const name of [path, `${folder}/${TEXT_INDEX}`]) {
    for (const end of ['', '-wal', '-shm']) await disk.remove(`${name}${end}`)
  }
  await disk.writeFile(logIdPath(path), Buffer.from(id))
  if (first === 1) return
  const [newest] = await log.snapshots()
  if (newest === undefined || newest.position + 1 < first) {
    throw new DiskError('failed', 'The shared database has neither the whole journal nor a snapshot.')
  }
  const copy = `${path}.part`
  await disk.remove(copy)
  const file = await disk.open(copy, true)
  try {
    for (let part = 0; part < newest.parts; part++) {
      const content = await log.snapshotPart(newest.position, part)
      if (content === undefined) throw new DiskError('failed', 'The snapshot was replaced by a newer one meanwhile.')
      await file.append([content])
    }
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(copy, path)
}

/** Copies the view into the shared database. The snapshot before it stays, and the journal from there on; the rest goes. @throws DiskError */
export async function shareView(disk: Disk, log: SharedLog, path: string): Promise<void> {
  const copy = `${path}.copy`
  const [older] = await log.snapshots()
  await disk.copyDatabase(path, copy)
  const position = appliedIn(disk, copy)!
  await sendView(disk, log, copy, position)
  for (const end of ['', '-wal', '-shm']) await disk.remove(`${copy}${end}`)
  if (older !== undefined) await log.dropThrough(older.position)
}

/** Copies a view that lies at `path` into the shared database, as the snapshot at this position. @throws DiskError */
export async function sendView(disk: Disk, log: SharedLog, path: string, position: number): Promise<void> {
  for await (const { part, parts, content } of partsOf(disk, path)) {
    await log.putSnapshot(position, part, parts, content)
  }
}

/** Has the shared database exactly this view? @throws DiskError */
export async function viewArrived(disk: Disk, log: SharedLog, path: string, position: number): Promise<boolean> {
  for await (const { part, content } of partsOf(disk, path)) {
    if (!(await log.snapshotPart(position, part))?.equals(content)) return false
  }
  return (await log.snapshots()).some((one) => one.position === position)
}

async function* partsOf(disk: Disk, path: string): AsyncGenerator<{ part: number; parts: number; content: Buffer }> {
  const file = await disk.open(path, false)
  try {
    const parts = Math.ceil(file.size / PART_BYTES)
    for (let part = 0; part < parts; part++) {
      yield { part, parts, content: await file.read(part * PART_BYTES, PART_BYTES) }
    }
  } finally {
    await file.close()
  }
}

/** Undefined: there is no view that can be read. */
function appliedIn(disk: Disk, path: string): number | undefined {
  try {
    const database = disk.openDatabase(path, 'read')
    try {
      return Number(database.prepare('SELECT applied FROM journal').get()!.applied)
    } finally {
      database.close()
    }
  } catch {
    return undefined
  }
}
