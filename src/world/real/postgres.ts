// PostgreSQL through `pg`. It opens its own sockets: the protocol's start (TLS after a plain byte, Unix sockets, passwords from
// the environment or ~/.pgpass) is its business, as files are SQLite's.

import pg from 'pg'
import { type Postgres, PostgresError, type PostgresRow, type PostgresValue } from '../postgres.ts'

const connections = 4
const connectMs = 5000
/** A statement that takes longer is given up: nobody knows then whether it was carried out. */
const answerMs = 20_000
const againMs = 500
const INT8 = 20

export class RealPostgres implements Postgres {
  readonly #pool: pg.Pool
  readonly #config: pg.ClientConfig
  readonly #listeners = new Set<pg.Client>()
  #isClosed = false

  /** `url`: postgres://user@host/database, or with ?host=/folder of a Unix socket. */
  constructor(url: string) {
    this.#config = {
      connectionString: url,
      connectionTimeoutMillis: connectMs,
      query_timeout: answerMs,
      keepAlive: true,
      application_name: 'borderpost',
      types: {
        getTypeParser: ((id: number, format?: 'text') =>
          id === INT8 ? Number : pg.types.getTypeParser(id, format)) as never,
      },
    }
    this.#pool = new pg.Pool({ ...this.#config, max: connections, allowExitOnIdle: true })
    // An idle connection that ends is replaced when the next is needed.
    this.#pool.on('error', () => {})
  }

  async query(sql: string, parameters: readonly PostgresValue[] = []): Promise<PostgresRow[]> {
    try {
      const { rows } = await this.#pool.query(sql, [...parameters])
      return rows
    } catch (error) {
      throw postgresError(error)
    }
  }

  listen(channel: string, onNews: () => void): void {
    void this.#listen(channel, onNews)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.all([...this.#listeners].map((client) => client.end().catch(() => {})))
    await this.#pool.end()
  }

  async #listen(channel: string, onNews: () => void): Promise<void> {
    while (!this.#isClosed) {
      const client = new pg.Client(this.#config)
      this.#listeners.add(client)
      const ended = new Promise<void>((resolve) => {
        client.on('error', () => resolve())
        client.on('end', () => resolve())
      })
      client.on('notification', onNews)
      try {
        await client.connect()
        await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
        // What came while nobody listened.
        onNews()
        await ended
      } catch {
        // Tried again.
      }
      this.#listeners.delete(client)
      client.end().catch(() => {})
      if (!this.#isClosed) await new Promise((resolve) => setTimeout(resolve, againMs).unref())
    }
  }
}

function postgresError(error: unknown): PostgresError {
  const { code, message } = error as { code?: string; message?: string }
  const text = `PostgreSQL: ${message ?? String(error)}`
  if (code === '23505') return new PostgresError('taken', text)
  // 53: no resources (53100 disk full). 57P: the server is being stopped or started; 08: the connection is broken.
  if (code === '53100' || code === '53200') return new PostgresError('full', text)
  const isAnswer = code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^(?:57P|08)/.test(code)
  return new PostgresError(isAnswer ? 'refused' : 'unreachable', text)
}
