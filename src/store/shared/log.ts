// The journal of a store that several nodes share, in PostgreSQL: groups of batches in one order for all, keyed by shard; the
// bodies; who does the work that only one may do. A group is appended in one statement, which takes the shard's row until
// it is committed, so groups become visible in the order of their numbers. Its token makes it safe to ask again when the
// answer did not come: it is there once, or not at all.

import { hash } from 'node:crypto'
import { DiskError } from '../../world/disk.ts'
import { type Postgres, PostgresError, type PostgresRow, type PostgresValue } from '../../world/postgres.ts'
import type { World } from '../../world/world.ts'
import type { BlobHash } from '../nouns/bodies.ts'

const TABLES = `
DO $$ BEGIN IF to_regclass('borderpost_lease') IS NULL THEN
CREATE TABLE borderpost_shard (shard TEXT PRIMARY KEY, last BIGINT NOT NULL, id TEXT NOT NULL);
CREATE TABLE borderpost_journal (
  shard TEXT NOT NULL, seq BIGINT NOT NULL, token TEXT NOT NULL, batches TEXT[] NOT NULL,
  PRIMARY KEY (shard, seq), UNIQUE (shard, token)
);
CREATE TABLE borderpost_body (
  shard TEXT NOT NULL, hash TEXT NOT NULL, content BYTEA, key TEXT, touched TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (shard, hash), CHECK ((content IS NULL) <> (key IS NULL))
);
ALTER TABLE borderpost_body ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE TABLE borderpost_snapshot (
  shard TEXT NOT NULL, position BIGINT NOT NULL, part INTEGER NOT NULL, parts INTEGER NOT NULL, content BYTEA NOT NULL,
  PRIMARY KEY (shard, position, part)
);
CREATE TABLE borderpost_lease (
  shard TEXT NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL, until TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (shard, name)
);
END IF;
IF to_regclass('borderpost_secrets') IS NULL THEN
CREATE TABLE borderpost_secrets (shard TEXT PRIMARY KEY, sealed BYTEA NOT NULL);
END IF; END $$
`
// The lease is held on to until the group is committed: nobody takes it over in between.
const APPEND = `
WITH lease AS (SELECT 1 FROM borderpost_lease WHERE shard = $1 AND holder = $5 AND until > clock_timestamp() FOR SHARE),
  head AS (UPDATE borderpost_shard SET last = last + 1 WHERE shard = $1 AND id NOT LIKE 'moved %'
    AND ($5 = '' OR EXISTS (SELECT 1 FROM lease)) RETURNING last),
  row AS (INSERT INTO borderpost_journal SELECT $1, last, $2, $3 FROM head RETURNING seq)
SELECT seq, pg_notify($4, seq::text) FROM row`

/** How a batch begins that is sealed: no JSON does. */
const SEALED = 'sealed:'
const partContext = (position: number, part: number) => `snapshot at ${position}, part ${part}`

/** How long a statement is tried again while nobody answers. */
const patienceMs = 15_000
const againMs = 200

export interface LoggedGroup {
  readonly seq: number
  readonly token: string
  readonly batches: readonly string[]
}

export class SharedLog {
  readonly #postgres: Postgres
  readonly #world: World
  readonly #shard: string
  readonly #channel: string
  #isClosed = false

  private constructor(world: World, postgres: Postgres, shard: string) {
    this.#world = world
    this.#postgres = postgres
    this.#shard = shard
    // Names of channels are short.
    this.#channel = `borderpost_${hash('sha256', shard).slice(0, 32)}`
  }

  /** Makes the tables when they are missing. @throws DiskError */
  static async open(world: World, url: string, shard: string): Promise<SharedLog> {
    const postgres = world.postgres(url)
    const log = new SharedLog(world, postgres, shard)
    try {
      // Two that make them at once would meet each other in the catalogue.
      await log.#patiently(`SELECT pg_advisory_xact_lock(7271); ${TABLES}`)
      const id = world.random.bytes(16).toString('hex')
      await log.#patiently('INSERT INTO borderpost_shard VALUES ($1, 0, $2) ON CONFLICT DO NOTHING', [shard, id])
    } catch (error) {
      await postgres.close()
      throw error
    }
    return log
  }

  /** Calls back when there may be something new. */
  listen(onNews: () => void): void {
    this.#postgres.listen(this.#channel, onNews)
  }

  /**
   * Appends a group, if `holder` has its lease still ('': whoever has it); gives its number once it is durable.
   * @throws DiskError when it was refused, or nobody answers
   */
  async append(token: string, batches: readonly string[], holder = ''): Promise<number> {
    const kept = batches.map((text, index) => this.#sealed(text, `batch ${index} of ${token}`))
    try {
      const [row] = await this.#patiently(APPEND, [this.#shard, token, kept, this.#channel, holder])
      if (row === undefined) {
        await this.mustBeHere()
        throw new DiskError('failed', 'This node does the work of one no more: another has taken over.')
      }
      return Number(row.seq)
    } catch (error) {
      if (!(error instanceof PostgresError && error.code === 'taken')) {
        if (error instanceof Unanswered) void this.#cancel(token)
        throw error
      }
      // An earlier try was carried out, whose answer did not come.
      const rows = await this.#patiently('SELECT seq FROM borderpost_journal WHERE shard = $1 AND token = $2', [
        this.#shard,
        token,
      ])
      return Number(rows[0]!.seq)
    }
  }

  /** Groups after this one, in order. @throws DiskError */
  async after(seq: number, limit: number): Promise<LoggedGroup[]> {
    const sql = 'SELECT seq, token, batches FROM borderpost_journal WHERE shard = $1 AND seq > $2 ORDER BY seq LIMIT $3'
    const rows = await this.#patiently(sql, [this.#shard, seq, limit])
    return (rows as unknown as LoggedGroup[]).map(({ seq: at, token, batches }) => ({
      seq: at,
      token,
      batches: batches.map((text, index) => this.#opened(text, `batch ${index} of ${token}`)),
    }))
  }

  /** The first group that is kept, and the last; and which log this is. */
  async extent(): Promise<{ first: number; last: number; id: string }> {
    const sql = `SELECT id, last, coalesce((SELECT min(seq) FROM borderpost_journal WHERE shard = $1), last + 1) AS first
      FROM borderpost_shard WHERE shard = $1`
    const [row] = await this.#patiently(sql, [this.#shard])
    return { first: Number(row!.first), last: Number(row!.last), id: String(row!.id) }
  }

  /** @throws DiskError when the store was moved out of PostgreSQL */
  async mustBeHere(): Promise<void> {
    if ((await this.extent()).id.startsWith('moved ')) throw this.#movedAway()
  }

  /** A log in which nothing is begins after a snapshot that was put there. @throws DiskError when something is in it */
  async begin(position: number): Promise<void> {
    await this.#patiently('UPDATE borderpost_shard SET last = $2 WHERE shard = $1 AND last = 0', [
      this.#shard,
      position,
    ])
    const { first, last } = await this.extent()
    if (last === position && first === position + 1) return
    throw new DiskError('failed', 'A node has written to this store meanwhile: stop it. Nothing was changed.')
  }

  /** Nothing is appended any more, if nothing was after this one; the log has this for its id then. False: something was. */
  async leave(id: string, last: number): Promise<boolean> {
    const sql = 'UPDATE borderpost_shard SET id = $2 WHERE shard = $1 AND last = $3'
    await this.#patiently(sql, [this.#shard, id, last])
    return (await this.extent()).id === id
  }

  /** Bytes of the groups after this one. */
  async bytesAfter(seq: number): Promise<number> {
    const sql = `SELECT coalesce(sum(pg_column_size(batches)), 0) AS bytes FROM borderpost_journal
      WHERE shard = $1 AND seq > $2`
    return Number((await this.#patiently(sql, [this.#shard, seq]))[0]!.bytes)
  }

  /** Keeps a body; that it is wanted now is noted also when it was there. */
  async putBody(hash: BlobHash, content: Buffer): Promise<void> {
    const sql = `INSERT INTO borderpost_body VALUES ($1, $2, $3, NULL, now())
      ON CONFLICT (shard, hash) DO UPDATE SET touched = now()`
    await this.#patiently(sql, [this.#shard, hash, content])
  }

  /** Notes that somebody is about to name it. False when it is not there. */
  async touchBody(hash: BlobHash): Promise<boolean> {
    const sql = 'UPDATE borderpost_body SET touched = now() WHERE shard = $1 AND hash = $2 RETURNING 1 AS found'
    return (await this.#patiently(sql, [this.#shard, hash])).length > 0
  }

  /** Notes that the body is in S3 under this key, unless it is somewhere already; gives the key that holds. */
  async placeBody(hash: BlobHash, key: string): Promise<string | null> {
    const sql = `INSERT INTO borderpost_body VALUES ($1, $2, NULL, $3, now())
      ON CONFLICT (shard, hash) DO UPDATE SET touched = now() RETURNING key`
    return (await this.#patiently(sql, [this.#shard, hash, key]))[0]!.key as string | null
  }

  /** The body, or its key in S3. */
  async body(hash: BlobHash): Promise<{ content: Buffer } | { key: string } | undefined> {
    const sql = 'SELECT content, key FROM borderpost_body WHERE shard = $1 AND hash = $2'
    const [row] = await this.#patiently(sql, [this.#shard, hash])
    if (row === undefined) return undefined
    return row.key === null ? { content: row.content as Buffer } : { key: String(row.key) }
  }

  async countBodies(place: 'database' | 's3'): Promise<number> {
    const sql = 'SELECT count(*) AS bodies FROM borderpost_body WHERE shard = $1 AND (key IS NULL) = $2'
    return Number((await this.#patiently(sql, [this.#shard, String(place === 'database')]))[0]!.bodies)
  }

  /** Those that lie there, by their hash after this one. */
  async bodiesIn(place: 'database' | 's3', after: BlobHash, limit: number): Promise<BlobHash[]> {
    const sql = `SELECT hash FROM borderpost_body WHERE shard = $1 AND (key IS NULL) = $2 AND hash > $3
      ORDER BY hash LIMIT $4`
    const rows = await this.#patiently(sql, [this.#shard, String(place === 'database'), after, limit])
    return rows.map((row) => String(row.hash))
  }

  /** A body that lay in the database is in S3. False: it is neither there any more. */
  async bodyWent(hash: BlobHash, key: string): Promise<boolean> {
    await this.#patiently(
      'UPDATE borderpost_body SET content = NULL, key = $3 WHERE shard = $1 AND hash = $2 AND key IS NULL',
      [this.#shard, hash, key],
    )
    const found = await this.body(hash)
    return found !== undefined && 'key' in found && found.key === key
  }

  /** A body that lay in S3 is in the database. */
  async bodyCame(hash: BlobHash, key: string, content: Buffer): Promise<void> {
    await this.#patiently(
      'UPDATE borderpost_body SET content = $4, key = NULL WHERE shard = $1 AND hash = $2 AND key = $3',
      [this.#shard, hash, key, content],
    )
  }

  /** Bodies that nobody touched for a day, by their hash after this one. */
  async staleBodies(after: BlobHash, limit: number): Promise<BlobHash[]> {
    const sql = `SELECT hash FROM borderpost_body WHERE shard = $1 AND hash > $2 AND touched < now() - interval '1 day'
      ORDER BY hash LIMIT $3`
    return (await this.#patiently(sql, [this.#shard, after, limit])).map(({ hash }) => String(hash))
  }

  /** Forgets those that nobody has touched meanwhile; gives the keys of those that are in S3. */
  async deleteBodies(hashes: readonly BlobHash[]): Promise<string[]> {
    const sql = `DELETE FROM borderpost_body WHERE shard = $1 AND hash = ANY($2) AND touched < now() - interval '1 day'
      RETURNING key`
    const rows = await this.#patiently(sql, [this.#shard, hashes])
    return rows.flatMap(({ key }) => (key === null ? [] : [String(key)]))
  }

  /** One part of a snapshot; it counts once all its parts are there. */
  async putSnapshot(position: number, part: number, parts: number, content: Buffer): Promise<void> {
    const sql = 'INSERT INTO borderpost_snapshot VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING'
    const { seal } = this.#world.disk
    const kept = seal === undefined ? content : seal.seal(content, partContext(position, part))
    await this.#patiently(sql, [this.#shard, position, part, parts, kept])
  }

  /** Positions of the snapshots that are whole, newest first. */
  async snapshots(): Promise<{ position: number; parts: number }[]> {
    const sql = `SELECT position, parts FROM borderpost_snapshot WHERE shard = $1
      GROUP BY position, parts HAVING count(*) = parts ORDER BY position DESC`
    return (await this.#patiently(sql, [this.#shard])) as unknown as { position: number; parts: number }[]
  }

  async snapshotPart(position: number, part: number): Promise<Buffer | undefined> {
    const sql = 'SELECT content FROM borderpost_snapshot WHERE shard = $1 AND position = $2 AND part = $3'
    const kept = (await this.#patiently(sql, [this.#shard, position, part]))[0]?.content as Buffer | undefined
    const { seal } = this.#world.disk
    return kept === undefined || seal === undefined ? kept : seal.open(kept, partContext(position, part))
  }

  /** Snapshots before this position go, and the journal up to it. */
  async dropThrough(position: number): Promise<void> {
    await this.#patiently('DELETE FROM borderpost_snapshot WHERE shard = $1 AND position < $2', [this.#shard, position])
    await this.#patiently('DELETE FROM borderpost_journal WHERE shard = $1 AND seq <= $2', [this.#shard, position])
  }

  /** What was kept of the nodes' secrets, sealed. */
  async sealedSecrets(): Promise<Buffer | undefined> {
    const [row] = await this.#patiently('SELECT sealed FROM borderpost_secrets WHERE shard = $1', [this.#shard])
    return row?.sealed as Buffer | undefined
  }

  /** Keeps them in place of what was there (undefined: nothing), unless another node was quicker. */
  async keepSecrets(sealed: Buffer, insteadOf?: Buffer): Promise<void> {
    if (insteadOf === undefined) {
      const sql = 'INSERT INTO borderpost_secrets VALUES ($1, $2) ON CONFLICT DO NOTHING'
      await this.#patiently(sql, [this.#shard, sealed])
    } else {
      const sql = 'UPDATE borderpost_secrets SET sealed = $2 WHERE shard = $1 AND sealed = $3'
      await this.#patiently(sql, [this.#shard, sealed, insteadOf])
    }
  }

  /** Takes or keeps a lease for so long; false while somebody else has it. Asks once. @throws DiskError */
  async lease(name: string, holder: string, forMs: number): Promise<boolean> {
    const sql = `INSERT INTO borderpost_lease VALUES ($1, $2, $3, now() + $4 * interval '1 millisecond')
      ON CONFLICT (shard, name) DO UPDATE SET holder = excluded.holder, until = excluded.until
      WHERE borderpost_lease.holder = excluded.holder OR borderpost_lease.until < now() RETURNING 1 AS got`
    try {
      return (await this.#postgres.query(sql, [this.#shard, name, holder, forMs])).length > 0
    } catch (error) {
      throw diskError(error)
    }
  }

  async release(name: string, holder: string): Promise<void> {
    const sql = 'DELETE FROM borderpost_lease WHERE shard = $1 AND name = $2 AND holder = $3'
    await this.#postgres.query(sql, [this.#shard, name, holder]).catch(() => {})
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#postgres.close()
  }

  #movedAway(): DiskError {
    return new DiskError(
      'failed',
      `The store of ${this.#shard} was moved out of PostgreSQL, into the folder of a node.`,
    )
  }

  #sealed(text: string, context: string): string {
    const { seal } = this.#world.disk
    return seal === undefined ? text : SEALED + seal.seal(Buffer.from(text), context).toString('base64')
  }

  /** What was written before the store was encrypted is text. */
  #opened(text: string, context: string): string {
    if (!text.startsWith(SEALED)) return text
    const { seal } = this.#world.disk
    if (seal === undefined)
      throw new DiskError('failed', 'The shared store is encrypted, and encrypt= is not set here.')
    return seal.open(Buffer.from(text.slice(SEALED.length), 'base64'), context).toString()
  }

  /** Nobody knows whether it is there: from now on it is not, unless it is already. */
  async #cancel(token: string): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#postgres.query(APPEND, [this.#shard, token, [], this.#channel, ''])
        return
      } catch (error) {
        if (error instanceof PostgresError && error.code === 'taken') return
        await this.#world.clock.sleep(patienceMs)
      }
    }
  }

  /** Asks again while nobody answers. @throws DiskError, or PostgresError 'taken' */
  async #patiently(sql: string, parameters: readonly PostgresValue[] = []): Promise<PostgresRow[]> {
    const { clock } = this.#world
    const deadlineMs = clock.monotonic() + patienceMs
    for (;;) {
      try {
        return await this.#postgres.query(sql, parameters)
      } catch (error) {
        if (error instanceof PostgresError && error.code === 'taken') throw error
        const isSilent = error instanceof PostgresError && error.code === 'unreachable'
        if (!isSilent) throw diskError(error)
        if (this.#isClosed || clock.monotonic() > deadlineMs) throw new Unanswered(error.message)
        await clock.sleep(againMs)
      }
    }
  }
}

/** Nobody knows whether it was carried out. */
class Unanswered extends DiskError {
  constructor(message: string) {
    super('failed', message)
  }
}

function diskError(error: unknown): unknown {
  if (!(error instanceof PostgresError)) return error
  return new DiskError(error.code === 'full' ? 'full' : 'failed', error.message)
}
