// Databases of a simulated host: SQLite in memory, kept while the host crashes and restarts. A committed transaction
// is durable; a crash rolls the open one back. All connections to a path share one SQLite connection, so a reader
// inside an open transaction would see its changes: keep transactions within one turn, as the store does.

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import {
  type Database,
  type DatabaseOwner,
  DiskError,
  type OwnerFiles,
  type SqlValue,
  type Statement,
} from '../disk.ts'
import { FileContent } from './file.ts'
import type { Life } from './queue.ts'

const firstWordOfReading = /^\s*(?:select|with|pragma|values|explain|begin|commit)\b/i

export class MemoryDatabase {
  readonly #sqlite = new DatabaseSync(':memory:')
  readonly #statements = new Map<string, StatementSync>()

  /** `beforeRead`: throws what a disk does that cannot be read. */
  connect(life: Life, mode: 'read' | 'write', beforeRead: () => void = () => {}): Database {
    let isOpen = true
    const mustAnswer = (sql: string) => {
      if (!life.alive) throw new Error('This incarnation of the host has crashed.')
      if (!isOpen) throw new Error('The database connection is closed.')
      if (mode === 'read' && !firstWordOfReading.test(sql)) throw new Error('attempt to write a readonly database')
    }
    return {
      exec: (sql) => {
        mustAnswer(sql)
        this.#sqlite.exec(sql)
      },
      prepare: (sql) => {
        mustAnswer(sql)
        const statement = this.#statement(sql)
        return this.#face(sql, statement, () => {
          mustAnswer(sql)
          beforeRead()
        })
      },
      settleLog: () => {},
      close: () => {
        isOpen = false
      },
    }
  }

  /** What its file would hold. */
  asFile(): FileContent {
    const file = new FileContent()
    file.append([this.#sqlite.serialize()])
    file.markSynced(file.size)
    return file
  }

  /** The database that a file holds. */
  static fromFile(file: FileContent): MemoryDatabase {
    const database = new MemoryDatabase()
    database.#sqlite.deserialize(file.read(0, file.size))
    return database
  }

  /** Power failure: an open transaction never was. */
  crash(): void {
    if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK')
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#sqlite.prepare(sql)
      if (this.#statements.size < 500) this.#statements.set(sql, statement)
    }
    return statement
  }

  #face(sql: string, statement: StatementSync, check: () => void): Statement {
    const sqlite = this.#sqlite
    return {
      run(...parameters) {
        check()
        return statement.run(...parameters)
      },
      get(...parameters) {
        check()
        return statement.get(...parameters) as Record<string, SqlValue> | undefined
      },
      all(...parameters) {
        check()
        return statement.all(...parameters) as Record<string, SqlValue>[]
      },
      // A statement of its own: the shared one may be used again while this iteration goes on.
      iterate(...parameters) {
        check()
        return sqlite.prepare(sql).iterate(...parameters) as IterableIterator<Record<string, SqlValue>>
      },
    }
  }
}

/** The module's `serve`, in place: one request after another, each an event that takes a sync's time. */
export function ownInPlace(
  life: Life,
  database: Database,
  files: OwnerFiles,
  module: { serve(database: Database, files: OwnerFiles): unknown },
  schedule: (kind: string, action: () => void) => void,
): DatabaseOwner {
  const answer = module.serve(database, files) as (message: unknown) => unknown
  let last: Promise<unknown> = Promise.resolve()
  let isClosed = false
  return {
    request(message) {
      if (isClosed) return Promise.reject(new DiskError('failed', 'The database owner is closed.'))
      if (!life.alive) return new Promise(() => {})
      // Cloned as between threads: neither side sees the other's later changes.
      const copy = structuredClone(message)
      const before = last
      const result = new Promise<unknown>((resolve, reject) => {
        const start = () =>
          schedule('request', () => {
            Promise.resolve()
              .then(() => answer(copy))
              .then((value) => resolve(structuredClone(value)))
              .catch(reject)
          })
        before.then(start, start)
      })
      last = result
      return result
    },
    async close() {
      isClosed = true
      await last.catch(() => {})
      if (life.alive) database.close()
    },
  }
}
