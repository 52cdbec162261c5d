// PostgreSQL: a database that several machines share. One statement is one transaction.

import type { SqlValue } from './disk.ts'

export type PostgresRow = Record<string, SqlValue>
/** What a parameter may be: bytes go to BYTEA, a list to an array. */
export type PostgresValue = SqlValue | readonly string[]

/**
 * Why a statement has no answer. 'unreachable': nobody knows whether it was carried out. 'full' and 'refused': it was not.
 * 'taken': a row with that key is there.
 */
export class PostgresError extends Error {
  readonly code: 'unreachable' | 'full' | 'refused' | 'taken'
  constructor(code: PostgresError['code'], message: string) {
    super(message)
    this.name = 'PostgresError'
    this.code = code
  }
}

export interface Postgres {
  /** Numbers that are BIGINT come as numbers, BYTEA as bytes. @throws PostgresError */
  query(sql: string, parameters?: readonly PostgresValue[]): Promise<PostgresRow[]>
  /** Calls back when somebody notifies the channel, and whenever news may have been missed. Until `close`. */
  listen(channel: string, onNews: () => void): void
  close(): Promise<void>
}
