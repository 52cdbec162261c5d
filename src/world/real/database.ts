// A SQLite connection of the real world, through node:sqlite. WAL with synchronous=FULL: SQLite syncs the log before a
// commit becomes visible to anyone, so that what can be read is durable.

import { open } from 'node:fs/promises'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Database, SqlValue, Statement } from '../disk.ts'
import { databaseError, diskError } from './errors.ts'

const busyTimeoutMs = 5000
const mostStatements = 500
const mappedBytes = 256 * 1024 * 1024

/** `onClose` is called once, when the connection has been closed. @throws DiskError */
export function openRealDatabase(path: string, mode: 'read' | 'write', onClose: () => void = () => {}): Database {
  try {
    const sqlite = new DatabaseSync(path, {
      readOnly: mode === 'read',
      timeout: busyTimeoutMs,
      enableForeignKeyConstraints: true,
    })
    if (mode === 'write') sqlite.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    sqlite.exec(`PRAGMA mmap_size = ${mappedBytes}; PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY`)
    return new RealDatabase(path, sqlite, onClose)
  } catch (error) {
    throw diskError(error, path)
  }
}

class RealDatabase implements Database {
  readonly #path: string
  readonly #sqlite: DatabaseSync
  readonly #statements = new Map<string, Statement>()
  readonly #onClose: () => void
  #isSettling = false

  constructor(path: string, sqlite: DatabaseSync, onClose: () => void) {
    this.#path = path
    this.#sqlite = sqlite
    this.#onClose = onClose
  }

  exec(sql: string): void {
    try {
      this.#sqlite.exec(sql)
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }

  prepare(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    try {
      const statement = new RealStatement(this.#path, this.#sqlite, sql)
      if (this.#statements.size < mostStatements) this.#statements.set(sql, statement)
      return statement
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }

  settleLog(): void {
    if (this.#isSettling) return
    this.#isSettling = true
    // An error is met again by SQLite's own sync, which somebody hears of.
    void syncedByItself(`${this.#path}-wal`)
      .catch(() => {})
      .finally(() => {
        this.#isSettling = false
      })
  }

  close(): void {
    if (!this.#sqlite.isOpen) return
    this.#statements.clear()
    this.#sqlite.close()
    this.#onClose()
  }
}

class RealStatement implements Statement {
  readonly #path: string
  readonly #sqlite: DatabaseSync
  readonly #sql: string
  readonly #statement: StatementSync

  constructor(path: string, sqlite: DatabaseSync, sql: string) {
    this.#path = path
    this.#sqlite = sqlite
    this.#sql = sql
    this.#statement = sqlite.prepare(sql)
  }

  run(...parameters: SqlValue[]) {
    try {
      return this.#statement.run(...parameters)
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }

  get(...parameters: SqlValue[]): Record<string, SqlValue> | undefined {
    try {
      return this.#statement.get(...parameters) as Record<string, SqlValue> | undefined
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }

  all(...parameters: SqlValue[]): Record<string, SqlValue>[] {
    try {
      return this.#statement.all(...parameters) as Record<string, SqlValue>[]
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }

  /** On a statement of its own: this one may be used again while the iteration goes on. */
  *iterate(...parameters: SqlValue[]): IterableIterator<Record<string, SqlValue>> {
    try {
      yield* this.#sqlite.prepare(this.#sql).iterate(...parameters) as Iterable<Record<string, SqlValue>>
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }
}

/** On libuv's pool, beside whoever writes. SQLite has no lock on its log that closing it here could drop. */
async function syncedByItself(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}
