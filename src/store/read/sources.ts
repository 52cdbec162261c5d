// Reads of the addresses that mail leaves from: what each brought where, and where it rests.

import type { Database } from '../../world/disk.ts'
import type { SourceRest } from '../nouns/queue.ts'
import { type Row, sourceRestOf } from './rows.ts'
import { Statements } from './statements.ts'

export class SourceReads {
  readonly #statements: Statements

  constructor(database: Database) {
    this.#statements = new Statements(database)
  }

  /** Recipients that an address of a pool brought to a destination on a day. */
  count(address: string, provider: string, day: number): number {
    const sql = 'SELECT count FROM source_day WHERE address = ? AND provider = ? AND day = ?'
    return this.#statements.one((row) => row.count as number, sql, address, provider, day) ?? 0
  }

  /** The same of a day, most first. */
  day(address: string, day: number, limit: number): { provider: string; count: number }[] {
    const sql =
      'SELECT provider, count FROM source_day WHERE address = ? AND day = ? ORDER BY count DESC, provider LIMIT ?'
    const rowOf = (row: Row) => ({ provider: row.provider as string, count: row.count as number })
    return this.#statements.all(rowOf, sql, address, day, limit)
  }

  firstDay(address: string): number | undefined {
    return this.#statements.one((row) => row.day as number, 'SELECT day FROM source_first WHERE address = ?', address)
  }

  rest(address: string, provider: string): SourceRest | undefined {
    return this.#statements.one(
      sourceRestOf,
      'SELECT * FROM source_rest WHERE address = ? AND provider = ?',
      address,
      provider,
    )
  }

  /** Also those that are over. */
  rests(address: string, limit: number): SourceRest[] {
    const sql = 'SELECT * FROM source_rest WHERE address = ? ORDER BY until_ms DESC LIMIT ?'
    return this.#statements.all(sourceRestOf, sql, address, limit)
  }
}
