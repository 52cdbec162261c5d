// The view of a store, copied for another engine: all that it says stays, but for where bodies lie and where the journal is.

import { isDeepStrictEqual } from 'node:util'
import type { Database, Disk } from '../../world/disk.ts'

/** Bodies that nobody names stay behind: what they were put for never came. Gives the position of what was copied. */
export async function copyView(
  disk: Disk,
  from: string,
  to: string,
  position: number,
  place: (database: Database) => void,
): Promise<number> {
  for (const end of ['-wal', '-shm']) await disk.remove(`${to}${end}`)
  await disk.copyDatabase(from, to)
  const database = disk.openDatabase(to, 'write')
  try {
    database.exec('BEGIN IMMEDIATE; DELETE FROM blob WHERE refs = 0')
    place(database)
    const applied = Number(database.prepare('SELECT applied FROM journal').get()!.applied)
    database.prepare('UPDATE journal SET applied = ?').run(position)
    database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)')
    return applied
  } finally {
    database.close()
  }
}

/** What is not the same in two views; undefined: nothing. */
export function viewDifference(disk: Disk, one: string, other: string): string | undefined {
  const [left, right] = [disk.openDatabase(one, 'read'), disk.openDatabase(other, 'read')]
  try {
    const tables = (database: Database) =>
      database
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'journal' ORDER BY name")
        .all()
        .map(({ name }) => String(name))
    const names = tables(left)
    if (!isDeepStrictEqual(names, tables(right))) return 'their tables'
    return names.find((name) => !isSame(left, right, rowsOf(name)))
  } finally {
    left.close()
    right.close()
  }
}

const rowsOf = (table: string) =>
  table === 'blob' ? 'SELECT id, hash, size, refs FROM blob WHERE refs > 0 ORDER BY id' : `SELECT * FROM ${table}`

function isSame(left: Database, right: Database, sql: string): boolean {
  const others = right.prepare(sql).iterate()
  for (const row of left.prepare(sql).iterate()) {
    const { value, done } = others.next()
    if (done === true || !isDeepStrictEqual(row, value)) return false
  }
  return others.next().done === true
}
