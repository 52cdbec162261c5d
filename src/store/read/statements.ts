// The statements of one connection: each is prepared once, at the first question, and asked from then on.

import type { Database, SqlValue, Statement } from '../../world/disk.ts'
import type { Row } from './rows.ts'

/** Kept at most: people's searches are of few forms, but nobody counts them. */
const MOST = 200

export class Statements {
  readonly #database: Database
  readonly #kept = new Map<string, Statement>()

  constructor(database: Database) {
    this.#database = database
  }

  prepared(sql: string): Statement {
    let statement = this.#kept.get(sql)
    if (statement === undefined) {
      if (this.#kept.size >= MOST) this.#kept.clear()
      statement = this.#database.prepare(sql)
      this.#kept.set(sql, statement)
    }
    return statement
  }

  rows(sql: string, ...parameters: SqlValue[]): Row[] {
    return this.prepared(sql).all(...parameters)
  }

  all<T>(of: (row: Row) => T, sql: string, ...parameters: SqlValue[]): T[] {
    return this.prepared(sql)
      .all(...parameters)
      .map(of)
  }

  one<T>(of: (row: Row) => T, sql: string, ...parameters: SqlValue[]): T | undefined {
    const row = this.prepared(sql).get(...parameters)
    return row === undefined ? undefined : of(row)
  }
}
