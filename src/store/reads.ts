// The reading half of the embedded store: prepared statements on a read connection. What a reader sees is durable,
// because the engine commits with synchronous=FULL before a commit becomes visible.

import type { Database, SqlValue, Statement } from '../world/disk.ts'
import { CREATED, DESTROYED, UPDATED } from './apply-placements.ts'
import { flagTest } from './flags.ts'
import {
  accountOf,
  BLOB_COLUMNS,
  blobOf,
  emailOf,
  eventOf,
  mailboxOf,
  placementOf,
  queueEntryOf,
  type Row,
  submissionOf,
} from './rows.ts'
import type { Store } from './store.ts'
import type { BlobRef, Mailbox } from './types.ts'

/** Every read of Store, but for bodies. */
export type StoreReads = Omit<Store, 'commit' | 'putBlob' | 'readBlob' | 'findBlob' | 'watch' | 'close'>

/** Ids that came, changed and went. */
export interface Changes {
  created: number[]
  updated: number[]
  destroyed: number[]
}

const allUids = Number.MAX_SAFE_INTEGER
const MAILBOX = `SELECT mailbox.*, subscription.path IS NOT NULL AS subscribed FROM mailbox
  LEFT JOIN subscription ON subscription.account = mailbox.account AND subscription.path = mailbox.path
  WHERE mailbox.account = ?`
const EMAIL = `SELECT email.*, ${BLOB_COLUMNS} FROM email JOIN blob ON blob.id = email.blob WHERE email.account = ?`
const QUEUE = `SELECT queue.*, ${BLOB_COLUMNS} FROM queue JOIN blob ON blob.id = queue.blob`

export class Reads implements StoreReads {
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()

  constructor(database: Database) {
    this.#database = database
  }

  #sql(text: string): Statement {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#database.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  #one<T>(of: (row: Row) => T, sql: string, ...parameters: SqlValue[]): T | undefined {
    const row = this.#sql(sql).get(...parameters)
    return row === undefined ? undefined : of(row)
  }

  #all<T>(of: (row: Row) => T, sql: string, ...parameters: SqlValue[]): T[] {
    return this.#sql(sql)
      .all(...parameters)
      .map(of)
  }

  accountByAddress(address: string) {
    const sql = 'SELECT account.* FROM address JOIN account ON account.id = address.account WHERE address.address = ?'
    const name = address.toLowerCase()
    const exact = this.#one(accountOf, sql, name)
    if (exact !== undefined) return exact
    const at = name.lastIndexOf('@')
    const plus = name.indexOf('+')
    if (plus <= 0 || plus >= at) return undefined
    return this.#one(accountOf, sql, name.slice(0, plus) + name.slice(at))
  }

  account(id: number) {
    return this.#one(accountOf, 'SELECT * FROM account WHERE id = ?', id)
  }

  accounts() {
    return this.#all(accountOf, 'SELECT * FROM account ORDER BY id')
  }

  addresses(account: number) {
    // The primary address as it was written, the aliases as they are matched.
    return this.#all(
      (row) => row.address as string,
      `SELECT CASE position WHEN 0 THEN account.address ELSE address.address END AS address
       FROM address JOIN account ON account.id = address.account WHERE address.account = ? ORDER BY position`,
      account,
    )
  }

  trustedForwarders(account: number) {
    return this.#all(
      (row) => ({
        account,
        domain: row.domain as string,
        oldAddress: row.old_address as string,
        addedAtMs: row.added_ms as number,
      }),
      'SELECT * FROM trusted_forwarder WHERE account = ? ORDER BY domain',
      account,
    )
  }

  modseq(account: number): number {
    return this.#one((row) => row.modseq as number, 'SELECT modseq FROM account WHERE id = ?', account) ?? 0
  }

  mailboxes(account: number): Mailbox[] {
    return this.#all(mailboxOf, `${MAILBOX} ORDER BY mailbox.path`, account)
  }

  mailbox(account: number, id: number) {
    return this.#one(mailboxOf, `${MAILBOX} AND mailbox.id = ?`, account, id)
  }

  mailboxByPath(account: number, path: string) {
    const name = /^inbox(?=\/|$)/i.test(path) ? `INBOX${path.slice(5)}` : path
    return this.#one(mailboxOf, `${MAILBOX} AND mailbox.path = ?`, account, name.normalize('NFC'))
  }

  mailboxByUse(account: number, use: string) {
    return this.#one(mailboxOf, `${MAILBOX} AND mailbox.special_use = ?`, account, use)
  }

  subscriptions(account: number) {
    return this.#all(
      (row) => row.path as string,
      'SELECT path FROM subscription WHERE account = ? ORDER BY path',
      account,
    )
  }

  placements(account: number, mailbox: number, fromUid = 1, toUid = allUids) {
    return this.#all(
      placementOf,
      `SELECT mailbox, uid, email, flags, keywords, modseq FROM placement
       WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid`,
      account,
      mailbox,
      fromUid,
      toUid,
    )
  }

  placementsSince(account: number, mailbox: number, modseq: number) {
    // The change log names the emails to look at; before its beginning, every placement is looked at.
    const sql = this.#logReaches(account, modseq)
      ? `SELECT DISTINCT placement.mailbox, uid, placement.email, flags, keywords, placement.modseq FROM change
         JOIN placement ON placement.account = change.account AND placement.email = change.email
         WHERE change.account = ?1 AND change.modseq > ?3 AND placement.mailbox = ?2 AND placement.modseq > ?3 ORDER BY uid`
      : `SELECT mailbox, uid, email, flags, keywords, modseq FROM placement
         WHERE account = ?1 AND mailbox = ?2 AND modseq > ?3 ORDER BY uid`
    return {
      changed: this.#all(placementOf, sql, account, mailbox, modseq),
      expunged: this.#all(
        (row) => row.uid as number,
        'SELECT uid FROM expunged WHERE account = ? AND mailbox = ? AND modseq > ? ORDER BY uid',
        account,
        mailbox,
        modseq,
      ),
    }
  }

  placementsOf(account: number, email: number) {
    return this.#all(
      placementOf,
      `SELECT mailbox, uid, email, flags, keywords, modseq FROM placement
       WHERE account = ? AND email = ? ORDER BY mailbox, uid`,
      account,
      email,
    )
  }

  email(account: number, id: number) {
    return this.#one(emailOf, `${EMAIL} AND email.id = ?`, account, id)
  }

  emails(account: number, ids: readonly number[]) {
    return ids.map((id) => this.email(account, id)).filter((email) => email !== undefined)
  }

  thread(account: number, id: number) {
    return this.#all(
      (row) => row.id as number,
      'SELECT id FROM email WHERE account = ? AND thread = ? ORDER BY received_ms, id',
      account,
      id,
    )
  }

  listEmails(account: number, filter: Parameters<Store['listEmails']>[1], order: 'newest' | 'oldest') {
    const columns = 'SELECT email, received_ms, flags, keywords FROM placement WHERE account = ?'
    const rows =
      filter.mailbox === undefined
        ? this.#sql(columns).all(account)
        : this.#sql(`${columns} AND mailbox = ?`).all(account, filter.mailbox)
    const has = filter.flag === undefined ? undefined : flagTest(filter.flag)
    const hasNot = filter.notFlag === undefined ? undefined : flagTest(filter.notFlag)
    const found = new Map<number, number>()
    for (const row of rows) {
      const receivedMs = row.received_ms as number
      if (filter.afterMs !== undefined && receivedMs < filter.afterMs) continue
      if (filter.beforeMs !== undefined && receivedMs >= filter.beforeMs) continue
      if (has !== undefined && !has(row.flags as number, row.keywords as string)) continue
      if (hasNot?.(row.flags as number, row.keywords as string)) continue
      found.set(row.email as number, receivedMs)
    }
    const direction = order === 'newest' ? -1 : 1
    return [...found].sort((a, b) => direction * (a[1] - b[1] || a[0] - b[0])).map(([id]) => id)
  }

  emailChanges(account: number, modseq: number) {
    return this.#changes(account, modseq, 'email', 'op')
  }

  threadChanges(account: number, modseq: number) {
    return this.#changes(account, modseq, 'thread', 'thread_op')
  }

  mailboxChanges(account: number, modseq: number) {
    if (!this.#logReaches(account, modseq)) return undefined
    const changes: Changes = { created: [], updated: [], destroyed: [] }
    const changed = 'SELECT id, created_modseq FROM mailbox WHERE account = ? AND modseq > ? ORDER BY id'
    for (const row of this.#sql(changed).all(account, modseq)) {
      changes[(row.created_modseq as number) > modseq ? 'created' : 'updated'].push(row.id as number)
    }
    const gone = 'SELECT id, created_modseq FROM mailbox_gone WHERE account = ? AND modseq > ? ORDER BY id'
    for (const row of this.#sql(gone).all(account, modseq)) {
      if ((row.created_modseq as number) <= modseq) changes.destroyed.push(row.id as number)
    }
    return changes
  }

  #logReaches(account: number, modseq: number): boolean {
    const sql = 'SELECT changes_after <= ? AND modseq >= ? AS reaches FROM account WHERE id = ?'
    return this.#sql(sql).get(modseq, modseq, account)?.reaches === 1
  }

  #changes(account: number, modseq: number, id: 'email' | 'thread', op: 'op' | 'thread_op'): Changes | undefined {
    if (!this.#logReaches(account, modseq)) return undefined
    const sql = `SELECT ${id} AS id, ${op} AS op FROM change
      WHERE account = ? AND modseq > ? AND ${op} > 0 ORDER BY modseq, email`
    const last = new Map<number, number>()
    for (const { id, op } of this.#sql(sql).all(account, modseq) as { id: number; op: number }[]) {
      const before = last.get(id)
      // Made and changed is made; made and gone was never there; gone and made again is changed.
      if (before === CREATED && op === DESTROYED) last.delete(id)
      else if (before === DESTROYED && op === CREATED) last.set(id, UPDATED)
      else if (before !== CREATED) last.set(id, op)
    }
    const changes: Changes = { created: [], updated: [], destroyed: [] }
    for (const [id, op] of last) {
      changes[op === CREATED ? 'created' : op === UPDATED ? 'updated' : 'destroyed'].push(id)
    }
    return changes
  }

  submissions(account: number) {
    return this.#all(submissionOf, 'SELECT * FROM submission WHERE account = ? ORDER BY id', account)
  }

  queueDue(nowMs: number, limit: number) {
    const sql = `${QUEUE} WHERE state = 'waiting' AND next_ms <= ? ORDER BY next_ms, queue.id LIMIT ?`
    return this.#all(queueEntryOf, sql, nowMs, limit)
  }

  queueNextDueMs() {
    const sql = "SELECT next_ms FROM queue WHERE state = 'waiting' ORDER BY next_ms LIMIT 1"
    return this.#one((row) => row.next_ms as number, sql)
  }

  queueEntries(filter: { domain?: string; trace?: string } = {}, limit = 1000) {
    const conditions: string[] = []
    const parameters: SqlValue[] = []
    if (filter.domain !== undefined) {
      conditions.push('domain = ?')
      parameters.push(filter.domain.toLowerCase())
    }
    if (filter.trace !== undefined) {
      conditions.push('trace = ?')
      parameters.push(filter.trace)
    }
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
    return this.#all(queueEntryOf, `${QUEUE} ${where} ORDER BY queue.id LIMIT ?`, ...parameters, limit)
  }

  queueLength() {
    return this.#one((row) => row.count as number, 'SELECT count(*) AS count FROM queue') ?? 0
  }

  events(filter: { trace?: string; messageId?: string; afterId?: number; limit?: number }) {
    const conditions = ['id > ?']
    const parameters: SqlValue[] = [filter.afterId ?? 0]
    if (filter.trace !== undefined) {
      conditions.push('trace = ?')
      parameters.push(filter.trace)
    }
    if (filter.messageId !== undefined) {
      // '' has no index and is no Message-ID.
      conditions.push("message_id = ? AND message_id <> ''")
      parameters.push(filter.messageId)
    }
    const sql = `SELECT * FROM event WHERE ${conditions.join(' AND ')} ORDER BY id LIMIT ?`
    return this.#all(eventOf, sql, ...parameters, filter.limit ?? 1000)
  }

  lastEventId() {
    return this.#one((row) => Number(row.last), 'SELECT coalesce(max(id), 0) AS last FROM event') ?? 0
  }

  setting(key: string) {
    return this.#one((row) => row.value as string, 'SELECT value FROM setting WHERE key = ?', key)
  }

  /** Where a body lies. */
  blob(hash: string): BlobRef | undefined {
    return this.#one(blobOf, `SELECT ${BLOB_COLUMNS} FROM blob WHERE hash = ?`, Buffer.from(hash, 'hex'))
  }

  /** The last body of a segment that the index knows. */
  lastBlobIn(segment: number): BlobRef | undefined {
    return this.#one(blobOf, `SELECT ${BLOB_COLUMNS} FROM blob WHERE segment = ? ORDER BY offset DESC LIMIT 1`, segment)
  }

  /** Live bodies of a segment, in file order. */
  liveBlobsIn(segment: number): BlobRef[] {
    return this.#all(blobOf, `SELECT ${BLOB_COLUMNS} FROM blob WHERE segment = ? AND refs > 0 ORDER BY offset`, segment)
  }

  /** Bodies that nobody names, oldest first. */
  deadBlobs(limit: number): BlobRef[] {
    return this.#all(blobOf, `SELECT ${BLOB_COLUMNS} FROM blob WHERE refs = 0 ORDER BY id LIMIT ?`, limit)
  }
}
