// A small owned database for the tests of DatabaseOwner: keeps numbers and a file beside it, and fails when told to.

import { type Database, DiskError, type OwnerFile, type OwnerFiles } from '../disk.ts'

interface FileRequest {
  readonly list?: string
  readonly open?: string
  readonly create?: boolean
  readonly append?: readonly string[]
  readonly truncate?: number
  readonly read?: readonly [number, number]
  readonly remove?: string
}

export function serve(database: Database, files: OwnerFiles): (message: unknown) => unknown {
  database.exec('CREATE TABLE IF NOT EXISTS numbers (value INTEGER UNIQUE)')
  const insert = database.prepare('INSERT INTO numbers VALUES (?)')
  const select = database.prepare('SELECT value FROM numbers ORDER BY value')
  let file: OwnerFile | undefined
  const onFile = ({ list, open, create, append, truncate, read, remove }: FileRequest): unknown => {
    if (list !== undefined) return files.list(list)
    if (remove !== undefined) return files.remove(remove)
    if (open !== undefined) {
      file?.close()
      file = undefined
      file = files.open(open, create === true)
    }
    if (append !== undefined) file!.append(append.map((text) => Buffer.from(text)))
    if (truncate !== undefined) file!.truncate(truncate)
    return read === undefined ? file!.size : String(file!.read(...read))
  }
  return (message) => {
    const { insert: value, fail, log } = message as { insert?: number; fail?: string; log?: FileRequest }
    if (log !== undefined) return onFile(log)
    if (fail === 'disk') throw new DiskError('full', 'as asked')
    if (fail !== undefined) throw Object.assign(new RangeError(fail), { code: 'E_TEST' })
    insert.run(value!)
    return select.all().map((row) => row.value)
  }
}
