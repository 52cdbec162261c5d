// Snapshots of the view: a copy of the database at one position of the journal, so that older parts of the journal may
// go. Its manifest is written last, with the checksum: a copy without one was never finished. One is kept, the newest. In an
// encrypted store it is sealed, piece by piece.

import { createHash } from 'node:crypto'
import { type Disk, DiskError } from '../../world/disk.ts'
import { sealFile, unsealFile } from '../sealed-file.ts'

const SNAPSHOT = 'snapshot'
const CHUNK_BYTES = 1024 * 1024
/** A database on its way into a snapshot, or out of it. */
const COPY = 'copied.db'
/** Of the files of a database. */
export const ENDS = ['', '-wal', '-shm']

/** The manifest. */
export interface Snapshot {
  readonly number: number
  /** The last record of the journal that is in it. */
  readonly position: number
  readonly bytes: number
  readonly sha256: string
  readonly isSealed?: true
}

/** The newest that was finished. @throws DiskError */
export async function newestSnapshot(disk: Disk, folder: string): Promise<Snapshot | undefined> {
  const numbers = await snapshotNumbers(disk, folder, 'json')
  for (const number of numbers.reverse()) {
    const bytes = await disk.readFile(manifestPath(folder, number))
    const snapshot = bytes === undefined ? undefined : readManifest(bytes)
    if (snapshot?.number === number) return snapshot
  }
  return undefined
}

/** Copies the database, and then forgets older snapshots. @throws DiskError: then the older one is still there */
export async function takeSnapshot(disk: Disk, folder: string): Promise<Snapshot> {
  const number = ((await snapshotNumbers(disk, folder, 'db', 'sealed', 'json')).at(-1) ?? 0) + 1
  // What is to be sealed is copied to where databases lie, which is not where it is kept.
  const copy = disk.seal === undefined ? snapshotPath(folder, { number }) : `${folder}/${COPY}`
  await disk.copyDatabase(`${folder}/store.db`, copy)
  const database = disk.openDatabase(copy, 'read')
  let position: number
  try {
    position = Number(database.prepare('SELECT applied FROM journal').get()?.applied)
  } finally {
    database.close()
  }
  const made = { number, position, ...(disk.seal !== undefined && ({ isSealed: true } as const)) }
  const path = snapshotPath(folder, made)
  if (disk.seal !== undefined) {
    await sealFile(disk, disk.seal, { from: copy, to: path, name: nameOf(made) })
    for (const end of ENDS) await disk.remove(`${copy}${end}`)
  }
  const snapshot: Snapshot = { ...made, ...(await digestOf(disk, path)) }
  await disk.writeFile(manifestPath(folder, number), Buffer.from(`${JSON.stringify(snapshot)}\n`))
  await removeOlderSnapshots(disk, folder, number)
  return snapshot
}

export async function removeOlderSnapshots(disk: Disk, folder: string, than: number): Promise<void> {
  for (const number of await snapshotNumbers(disk, folder, 'db', 'sealed', 'json')) {
    if (number >= than) continue
    // The manifest first: without it the rest is nothing.
    await disk.remove(manifestPath(folder, number))
    for (const end of ENDS) await disk.remove(`${snapshotPath(folder, { number })}${end}`)
    await disk.remove(snapshotPath(folder, { number, isSealed: true }))
  }
}

/** Undefined when it is what was written. @throws DiskError */
export async function snapshotDamage(disk: Disk, folder: string, snapshot: Snapshot): Promise<string | undefined> {
  const path = snapshotPath(folder, snapshot)
  try {
    const { sha256 } = await digestOf(disk, path)
    return sha256 === snapshot.sha256 ? undefined : `the snapshot ${path} is not what was written`
  } catch (error) {
    if (error instanceof DiskError && error.code === 'missing') return `the snapshot ${path} is missing`
    throw error
  }
}

/** The view as the snapshot has it, at `path`. @throws DiskError when it cannot be read */
export async function restoreSnapshot(disk: Disk, folder: string, snapshot: Snapshot, path: string): Promise<void> {
  const from = snapshotPath(folder, snapshot)
  if (snapshot.isSealed !== true && disk.seal === undefined) return disk.copyDatabase(from, path)
  const copy = `${folder}/${COPY}`
  for (const end of ENDS) await disk.remove(`${copy}${end}`)
  await unsealFile(disk, { from, to: copy, name: nameOf(snapshot), isSealed: snapshot.isSealed === true })
  await disk.copyDatabase(copy, path)
  for (const end of ENDS) await disk.remove(`${copy}${end}`)
}

const nameOf = ({ number, position }: Pick<Snapshot, 'number' | 'position'>) => `snapshot ${number} at ${position}`

export function snapshotPath(folder: string, { number, isSealed }: Pick<Snapshot, 'number' | 'isSealed'>): string {
  return `${folder}/${SNAPSHOT}/${String(number).padStart(10, '0')}.${isSealed === true ? 'sealed' : 'db'}`
}

export function manifestPath(folder: string, number: number): string {
  return snapshotPath(folder, { number }).replace(/db$/, 'json')
}

async function snapshotNumbers(disk: Disk, folder: string, ...ends: string[]): Promise<number[]> {
  const names = await disk.list(`${folder}/${SNAPSHOT}`)
  const numbers = names.flatMap((name) => {
    const [, digits, end] = /^(\d{10})\.(\w+)$/.exec(name) ?? []
    return digits !== undefined && ends.includes(end!) ? [Number(digits)] : []
  })
  return [...new Set(numbers)].sort((a, b) => a - b)
}

function readManifest(bytes: Buffer): Snapshot | undefined {
  try {
    return JSON.parse(bytes.toString()) as Snapshot
  } catch {
    return undefined
  }
}

async function digestOf(disk: Disk, path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  const file = await disk.open(path, false)
  try {
    for (let at = 0; at < file.size; at += CHUNK_BYTES) hash.update(await file.read(at, CHUNK_BYTES))
    return { bytes: file.size, sha256: hash.digest('hex') }
  } finally {
    await file.close()
  }
}
