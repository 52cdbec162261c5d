// The reading half of the embedded store: prepared statements on a read connection. What a reader sees is durable,
// because the engine commits with synchronous=FULL before a commit becomes visible.

import type { Database, SqlValue } from '../../world/disk.ts'
import { flagTest } from '../flags.ts'
import type { BlobRef } from '../nouns/bodies.ts'
import type { Mailbox, Placement } from '../nouns/mail.ts'
import type { VacationResponse } from '../nouns/people.ts'
import type { Store } from '../store.ts'
import { AccessReads } from './access.ts'
import { BounceReads } from './bounces.ts'
import { ChangeReads } from './changes.ts'
import { ContentsReads } from './contents.ts'
import { DeletedReads } from './deleted.ts'
import { ListReads } from './lists.ts'
import { OutgoingReads } from './outgoing.ts'
import { QueueReads } from './queue.ts'
import { ReportReads } from './reports.ts'
import {
  accountOf,
  BLOB_COLUMNS,
  blobOf,
  emailOf,
  eventOf,
  forwardHealthOf,
  forwardOf,
  groupOf,
  lessonOf,
  mailboxOf,
  placementOf,
  policyOf,
  type Row,
  scriptOf,
  submissionOf,
} from './rows.ts'
import { SentReads } from './sent.ts'
import { SourceReads } from './sources.ts'
import { Statements } from './statements.ts'
import { WhereReads } from './where.ts'

/** Every read of Store, but for bodies. */
export type StoreReads = Omit<Store, 'commit' | 'putBlob' | 'readBlob' | 'findBlob' | 'mayHold' | 'watch' | 'close'>

const allUids = Number.MAX_SAFE_INTEGER
const MAILBOX = `SELECT mailbox.*, subscription.path IS NOT NULL AS subscribed, mailbox_order.sort_order FROM mailbox
  LEFT JOIN subscription ON subscription.account = mailbox.account AND subscription.path = mailbox.path
  LEFT JOIN mailbox_order ON mailbox_order.account = mailbox.account AND mailbox_order.mailbox = mailbox.id
  WHERE mailbox.account = ?`
const EMAIL = `SELECT email.*, ${BLOB_COLUMNS} FROM email JOIN blob ON blob.id = email.blob WHERE email.account = ?`

export class Reads implements StoreReads {
  /** The read connection. */
  readonly database: Database
  readonly queue: QueueReads
  readonly sources: SourceReads
  readonly changes: ChangeReads
  readonly lists: ListReads
  readonly contents: ContentsReads
  readonly access: AccessReads
  readonly deleted: DeletedReads
  readonly sent: SentReads
  readonly where: WhereReads
  readonly bounces: BounceReads
  readonly reports: ReportReads
  readonly outgoing: OutgoingReads
  readonly #statements: Statements

  constructor(database: Database) {
    this.database = database
    this.#statements = new Statements(database)
    this.queue = new QueueReads(database)
    this.sources = new SourceReads(database)
    this.changes = new ChangeReads(database)
    this.lists = new ListReads(database)
    this.contents = new ContentsReads(database)
    this.access = new AccessReads(database)
    this.deleted = new DeletedReads(database)
    this.sent = new SentReads(database)
    this.where = new WhereReads(database)
    this.bounces = new BounceReads(database)
    this.reports = new ReportReads(database)
    this.outgoing = new OutgoingReads(database)
  }

  accountByAddress(address: string) {
    const sql = 'SELECT account.* FROM address JOIN account ON account.id = address.account WHERE address.address = ?'
    const name = address.toLowerCase()
    const exact = this.#statements.one(accountOf, sql, name)
    if (exact !== undefined) return exact
    const at = name.lastIndexOf('@')
    const plus = name.indexOf('+')
    if (plus <= 0 || plus >= at) return undefined
    return this.#statements.one(accountOf, sql, name.slice(0, plus) + name.slice(at))
  }

  account(id: number) {
    return this.#statements.one(accountOf, 'SELECT * FROM account WHERE id = ?', id)
  }

  isLimited(id: number): boolean {
    const sql = 'SELECT 1 FROM account WHERE id = ? AND (quota_bytes IS NOT NULL OR quota_messages IS NOT NULL)'
    return this.#statements.one(() => true, sql, id) ?? false
  }

  accounts() {
    return this.#statements.all(accountOf, 'SELECT * FROM account ORDER BY id')
  }

  group(address: string) {
    return this.#statements.one(groupOf, 'SELECT * FROM address_group WHERE address = ?', address.toLowerCase())
  }

  groups() {
    return this.#statements.all(groupOf, 'SELECT * FROM address_group ORDER BY address')
  }

  addresses(account: number) {
    // The primary address as it was written, the aliases as they are matched.
    return this.#statements.all(
      (row) => row.address as string,
      `SELECT CASE position WHEN 0 THEN account.address ELSE address.address END AS address
       FROM address JOIN account ON account.id = address.account WHERE address.account = ? AND address.address NOT LIKE '@%' ORDER BY position`,
      account,
    )
  }

  trustedForwarders(account: number) {
    return this.#statements.all(
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

  forward(from: string) {
    return this.#statements.one(forwardOf, 'SELECT * FROM forward WHERE source = ?', from)
  }

  forwards(account: number) {
    return this.#statements.all(forwardOf, 'SELECT * FROM forward WHERE account = ? ORDER BY source', account)
  }

  forwardHealth(from: string) {
    return this.#statements.one(forwardHealthOf, 'SELECT * FROM forward_health WHERE source = ?', from)
  }

  scripts(account: number) {
    const sql = `SELECT script.id AS id, name, active, ${BLOB_COLUMNS} FROM script JOIN blob ON blob.id = script.blob
      WHERE account = ? ORDER BY script.id`
    return this.#statements.all(scriptOf, sql, account)
  }

  vacation(account: number) {
    const parse = (row: Row) => JSON.parse(row.response as string) as VacationResponse
    return this.#statements.one(parse, 'SELECT response FROM vacation WHERE account = ?', account)
  }

  isSeen(account: number, key: string, nowMs: number): boolean {
    const sql = 'SELECT 1 FROM seen WHERE account = ? AND key = ? AND expires_ms > ?'
    return this.#statements.one(() => true, sql, account, Buffer.from(key, 'hex'), nowMs) ?? false
  }

  modseq(account: number): number {
    return this.#statements.one((row) => row.modseq as number, 'SELECT modseq FROM account WHERE id = ?', account) ?? 0
  }

  mailboxes(account: number): Mailbox[] {
    return this.#statements.all(mailboxOf, `${MAILBOX} ORDER BY mailbox.path`, account)
  }

  mailbox(account: number, id: number) {
    return this.#statements.one(mailboxOf, `${MAILBOX} AND mailbox.id = ?`, account, id)
  }

  mailboxByPath(account: number, path: string) {
    const name = /^inbox(?=\/|$)/i.test(path) ? `INBOX${path.slice(5)}` : path
    return this.#statements.one(mailboxOf, `${MAILBOX} AND mailbox.path = ?`, account, name.normalize('NFC'))
  }

  mailboxByUse(account: number, use: string) {
    return this.#statements.one(mailboxOf, `${MAILBOX} AND mailbox.special_use = ?`, account, use)
  }

  subscriptions(account: number) {
    return this.#statements.all(
      (row) => row.path as string,
      'SELECT path FROM subscription WHERE account = ? ORDER BY path',
      account,
    )
  }

  placements(account: number, mailbox: number, fromUid = 1, toUid = allUids) {
    return this.#statements.all(
      placementOf,
      `SELECT mailbox, uid, email, flags, keywords, modseq, saved_ms, received_ms, size FROM placement
       WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid`,
      account,
      mailbox,
      fromUid,
      toUid,
    )
  }

  placementsSince(account: number, mailbox: number, modseq: number) {
    const expunged = this.#statements.all(
      (row) => row.uid as number,
      'SELECT uid FROM expunged WHERE account = ? AND mailbox = ? AND modseq > ? ORDER BY uid',
      account,
      mailbox,
      modseq,
    )
    const columns = `SELECT mailbox, uid, placement.email AS email, flags, keywords, placement.modseq AS modseq, saved_ms,
      placement.received_ms AS received_ms, placement.size AS size`
    if (!this.changes.reach(account, modseq) || this.#isMuch(account, mailbox, modseq)) {
      const sql = `${columns} FROM placement WHERE account = ? AND mailbox = ? AND modseq > ? ORDER BY uid`
      return { changed: this.#statements.all(placementOf, sql, account, mailbox, modseq), expunged }
    }
    // UIDs rise with time: those after the last unchanged one are new (or changed); older ones that changed are in the log.
    const last = `SELECT uid FROM placement WHERE account = ? AND mailbox = ? AND modseq <= ? ORDER BY uid DESC LIMIT 1`
    const lastOld = this.#statements.one((row) => row.uid as number, last, account, mailbox, modseq) ?? 0
    const changed = new Map<number, Placement>()
    const logged = 'SELECT DISTINCT email FROM change WHERE account = ? AND modseq > ? AND thread = 0'
    for (const { email } of this.#statements.prepared(logged).all(account, modseq)) {
      for (const placement of this.placementsOf(account, email as number)) {
        if (placement.mailbox === mailbox && placement.modseq > modseq) changed.set(placement.uid, placement)
      }
    }
    for (const placement of this.placements(account, mailbox, lastOld + 1)) changed.set(placement.uid, placement)
    return { changed: [...changed.values()].sort((a, b) => a.uid - b.uid), expunged }
  }

  /** So much changed that looking through the mailbox is faster than looking up each email. */
  #isMuch(account: number, mailbox: number, modseq: number): boolean {
    const sql = `SELECT (SELECT count(*) FROM change WHERE account = ?1 AND modseq > ?3 AND thread = 0) * 10 > total AS much
      FROM mailbox WHERE account = ?1 AND id = ?2`
    return this.#statements.one(({ much }) => much === 1, sql, account, mailbox, modseq) ?? false
  }

  placementsOf(account: number, email: number): Placement[] {
    const columns = 'SELECT p.mailbox, p.uid, p.email, p.flags, p.keywords, p.modseq, p.saved_ms, p.received_ms, p.size'
    return this.#statements
      .all(
        placementOf,
        `${columns} FROM email AS e JOIN placement AS p ON p.account = e.account AND p.mailbox = e.mailbox AND p.uid = e.uid
       WHERE e.account = ?1 AND e.id = ?2
       UNION ALL ${columns} FROM placement AS p INDEXED BY placement_by_email WHERE p.account = ?1 AND p.email = ?2 AND p.home = 0`,
        account,
        email,
      )
      .sort((a, b) => a.mailbox - b.mailbox || a.uid - b.uid)
  }

  email(account: number, id: number) {
    return this.#statements.one(emailOf, `${EMAIL} AND email.id = ?`, account, id)
  }

  emails(account: number, ids: readonly number[]) {
    return ids.map((id) => this.email(account, id)).filter((email) => email !== undefined)
  }

  thread(account: number, id: number) {
    return this.#statements.all(
      (row) => row.id as number,
      `SELECT id, received_ms FROM email WHERE account = ?1 AND id = ?2 AND thread = id
       UNION ALL SELECT id, received_ms FROM email INDEXED BY email_by_thread
         WHERE account = ?1 AND thread = ?2 AND thread <> id
       ORDER BY received_ms, id`,
      account,
      id,
    )
  }

  listEmails(account: number, filter: Parameters<Store['listEmails']>[1], order: 'newest' | 'oldest') {
    const columns = 'SELECT email, received_ms, flags, keywords FROM placement WHERE account = ?'
    const rows =
      filter.mailbox === undefined
        ? this.#statements.prepared(columns).all(account)
        : this.#statements.prepared(`${columns} AND mailbox = ?`).all(account, filter.mailbox)
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

  submissions(account: number) {
    return this.#statements.all(submissionOf, 'SELECT * FROM submission WHERE account = ? ORDER BY id', account)
  }

  lessons(afterId: number, limit: number) {
    const sql = `SELECT lesson.*, ${BLOB_COLUMNS} FROM lesson JOIN blob ON blob.id = lesson.blob
      WHERE lesson.id > ? ORDER BY lesson.id LIMIT ?`
    return this.#statements.all(lessonOf, sql, afterId, limit)
  }

  isTaughtLater() {
    return this.#statements.one(() => true, 'SELECT 1 FROM taught_later LIMIT 1') ?? false
  }

  learnedState(owner: number) {
    return this.#statements.one((row) => row.state as Uint8Array, 'SELECT state FROM learned WHERE owner = ?', owner)
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
    return this.#statements.all(eventOf, sql, ...parameters, filter.limit ?? 1000)
  }

  arrival(digest: string) {
    return this.#statements.one(
      (row) => row.trace as string,
      'SELECT trace FROM arrival WHERE digest = ?',
      Buffer.from(digest, 'hex'),
    )
  }

  stsPolicy(domain: string) {
    return this.#statements.one(policyOf, 'SELECT * FROM sts_policy WHERE domain = ?', domain)
  }

  stsPoliciesBefore(fetchedMs: number, limit: number) {
    return this.#statements.all(
      (row) => row.domain as string,
      'SELECT domain FROM sts_policy WHERE fetched_ms < ? ORDER BY fetched_ms LIMIT ?',
      fetchedMs,
      limit,
    )
  }

  lastEventId() {
    return this.#statements.one((row) => Number(row.last), 'SELECT coalesce(max(id), 0) AS last FROM event') ?? 0
  }

  setting(key: string) {
    return this.#statements.one((row) => row.value as string, 'SELECT value FROM setting WHERE key = ?', key)
  }

  rememberedAt(key: string) {
    const read = (row: Row) => ({ value: row.value as string, expiresAtMs: Number(row.expires_ms) })
    return this.#statements.one(read, 'SELECT value, expires_ms FROM remembered WHERE key = ?', key)
  }

  remembered() {
    return this.#statements.all(
      (row) => ({
        key: row.key as string,
        value: row.value as string,
        expiresAtMs: row.expires_ms as number,
      }),
      'SELECT * FROM remembered',
    )
  }

  /** Where a body lies. */
  blob(hash: string): BlobRef | undefined {
    return this.#statements.one(blobOf, `SELECT ${BLOB_COLUMNS} FROM blob WHERE hash = ?`, Buffer.from(hash, 'hex'))
  }

  /** The last body of a segment that the index knows. */
  lastBlobIn(segment: number): BlobRef | undefined {
    return this.#statements.one(
      blobOf,
      `SELECT ${BLOB_COLUMNS} FROM blob WHERE segment = ? ORDER BY offset DESC LIMIT 1`,
      segment,
    )
  }

  /** Live bodies of a segment, in file order. */
  liveBlobsIn(segment: number): BlobRef[] {
    return this.#statements.all(
      blobOf,
      `SELECT ${BLOB_COLUMNS} FROM blob WHERE segment = ? AND refs > 0 ORDER BY offset`,
      segment,
    )
  }

  /** Live bodies in a file of their own; only those that nobody tried to pack. */
  ownFiles(which: 'all' | 'unpacked' = 'all'): BlobRef[] {
    const condition = which === 'all' ? '' : 'AND stored = 0'
    const sql = `SELECT ${BLOB_COLUMNS} FROM blob WHERE segment = 0 AND refs > 0 ${condition} ORDER BY blob.id`
    return this.#statements.all(blobOf, sql)
  }

  /** Bodies that nobody names, after a row id, in order of row ids. */
  deadBlobs(after: number, limit: number): { id: number; ref: BlobRef }[] {
    return this.#statements.all(
      (row) => ({ id: row.id as number, ref: blobOf(row) }),
      `SELECT blob.id AS id, ${BLOB_COLUMNS} FROM blob WHERE refs = 0 AND id > ? ORDER BY id LIMIT ?`,
      after,
      limit,
    )
  }
}
