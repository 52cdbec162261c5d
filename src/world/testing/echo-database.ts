// A small owned database for the tests of DatabaseOwner: keeps numbers, and fails when told to.

import { type Database, DiskError } from '../disk.ts'

export function serve(database: Database): (message: unknown) => unknown {
  database.exec('CREATE TABLE IF NOT EXISTS numbers (value INTEGER UNIQUE)')
  const insert = database.prepare('INSERT INTO numbers VALUES (?)')
  const select = database.prepare('SELECT value FROM numbers ORDER BY value')
  return (message) => {
    const { insert: value, fail } = message as { insert?: number; fail?: string }
    if (fail === 'disk') throw new DiskError('full', 'as asked')
    if (fail !== undefined) throw Object.assign(new RangeError(fail), { code: 'E_TEST' })
    insert.run(value!)
    return select.all().map((row) => row.value)
  }
}
