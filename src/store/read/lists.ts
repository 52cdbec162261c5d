// Reads of long lists: one statement each, only the columns that a list needs, no row made into more than it is.

import type { Database } from '../../world/disk.ts'
import { SEEN } from '../flags.ts'
import type { EmailId, ThreadId } from '../nouns/mail.ts'
import type { AccountId, ObjectKind, StoredObject } from '../nouns/people.ts'
import {
  type EmailQuery,
  emailCount,
  emailsBefore,
  everyEmail,
  firstEmails,
  isInQuery,
  type Sql,
  type TimedEmail,
} from './email-query.ts'
import type { Row } from './rows.ts'
import { Statements } from './statements.ts'

export class ListReads {
  readonly #statements: Statements

  constructor(database: Database) {
    this.#statements = new Statements(database)
  }

  #ask({ text, parameters }: Sql): Row[] {
    return this.#statements.rows(text, ...parameters)
  }

  /** What a mailbox holds, as POP3 sees it. */
  maildrop(
    account: number,
    mailbox: number,
  ): { uid: number; email: EmailId; sizeBytes: number; uidl: string | null }[] {
    const sql = `SELECT p.uid, p.email, p.size, k.uidl FROM placement AS p LEFT JOIN kept_uidl AS k
      ON k.account = p.account AND k.mailbox = p.mailbox AND k.uid = p.uid
      WHERE p.account = ? AND p.mailbox = ? ORDER BY p.uid`
    return this.#statements.rows(sql, account, mailbox).map(({ uid, email, size, uidl }) => ({
      uid: uid as number,
      email: email as number,
      sizeBytes: size as number,
      uidl: uidl as string | null,
    }))
  }

  /** Did this come from another system before; see Brought. */
  wasBrought(account: number, item: string): boolean {
    const sql = 'SELECT 1 FROM brought WHERE account = ? AND item = ?'
    return this.#statements.rows(sql, account, Buffer.from(item, 'hex')).length > 0
  }

  /** `count` emails of a query after the first `skip`, fewer where there are no more. */
  firstEmails(account: number, query: EmailQuery, count: number, skip = 0): EmailId[] {
    const mailboxes = this.#statements
      .rows('SELECT id FROM mailbox WHERE account = ?', account)
      .map(({ id }) => id as number)
    // Collapsed, a few more rows than conversations are needed; how many is not known before.
    if (!query.collapse) {
      return this.#ask(firstEmails(account, query, mailboxes, count, skip)).map(({ email }) => email as number)
    }
    const end = skip + count
    for (let limit = 2 * end + 50; ; limit *= 4) {
      const rows = this.#ask(firstEmails(account, query, mailboxes, limit, 0))
      const found = collapsed(rows.map(({ email, thread }) => [email as number, thread as number]))
      if (found.length >= end || rows.length < limit) return found.slice(skip, end)
    }
  }

  /** All emails of a query, in order. */
  everyEmail(account: number, query: EmailQuery): EmailId[] {
    const [row] = this.#ask(everyEmail(account, query))
    const emails = JSON.parse(row!.emails as string) as EmailId[]
    if (!query.collapse) return emails
    const threads = JSON.parse(row!.threads as string) as ThreadId[]
    return collapsed(emails.map((email, index) => [email, threads[index]!]))
  }

  /** Is it in a query that is timed (isTimed). */
  isInQuery(account: number, query: EmailQuery, email: TimedEmail): boolean {
    return this.#ask(isInQuery(account, query, email)).length > 0
  }

  /** How many of a timed query stand before an email, from another one on: the index is read that far and no further. */
  countBefore(account: number, query: EmailQuery, email: TimedEmail, from?: TimedEmail): number {
    return this.#ask(emailsBefore(account, query, email, from))[0]!.count as number
  }

  countEmails(account: number, query: EmailQuery): number {
    return this.#ask(emailCount(account, query))[0]!.count as number
  }

  /** Conversations that have an email in a mailbox; `unread`: one there that was not seen. */
  countThreads(account: number, mailbox: number, unread: boolean): number {
    const index = unread ? 'placement_by_time' : 'placement_by_thread'
    const sql = `SELECT count(DISTINCT thread) AS count FROM placement INDEXED BY ${index}
      WHERE account = ? AND mailbox = ? ${unread ? `AND flags & ${SEEN} = 0` : ''}`
    return this.#statements.rows(sql, account, mailbox)[0]!.count as number
  }

  /** Does anything of this account name the body with this hash: a message, a script, or an upload. */
  hasBody(account: number, hash: string): boolean {
    const sql = `SELECT 1 FROM blob WHERE hash = ?2 AND (
      EXISTS (SELECT 1 FROM email WHERE account = ?1 AND blob = blob.id)
      OR EXISTS (SELECT 1 FROM upload WHERE account = ?1 AND blob = blob.id)
      OR EXISTS (SELECT 1 FROM script WHERE account = ?1 AND blob = blob.id))`
    return this.#statements.rows(sql, account, Buffer.from(hash, 'hex')).length > 0
  }

  /** Emails that are this body. */
  emailsOfBody(account: number, hash: string): EmailId[] {
    const sql = `SELECT email.id AS id FROM blob JOIN email INDEXED BY email_by_blob ON email.blob = blob.id
      WHERE blob.hash = ? AND email.account = ? ORDER BY email.id`
    return this.#statements.rows(sql, Buffer.from(hash, 'hex'), account).map(({ id }) => id as number)
  }

  /** In the order in which they were made. */
  objects(account: number, kind: ObjectKind): StoredObject[] {
    const sql = 'SELECT id, modseq, value FROM object WHERE account = ? AND kind = ? ORDER BY id'
    return this.#statements.rows(sql, account, kind).map(({ id, modseq, value }) => ({
      id: id as number,
      modseq: modseq as number,
      value: value as string,
    }))
  }

  /** Whose client certificate has this key. */
  certificates(key: string): { account: AccountId; object: StoredObject }[] {
    const sql = `SELECT account, id, modseq, value FROM object INDEXED BY object_certificate
      WHERE kind = 'certificate' AND json_extract(value, '$.key') = ? ORDER BY account, id`
    return this.#statements.rows(sql, key).map(({ account, id, modseq, value }) => ({
      account: account as number,
      object: { id: id as number, modseq: modseq as number, value: value as string },
    }))
  }

  /** Has anybody one. */
  hasCertificates(): boolean {
    const sql = `SELECT 1 FROM object INDEXED BY object_certificate
      WHERE kind = 'certificate' AND json_extract(value, '$.key') > '' LIMIT 1`
    return this.#statements.rows(sql).length > 0
  }

  /** Accounts that have webhooks. */
  hooked(): AccountId[] {
    const sql = "SELECT DISTINCT account FROM object INDEXED BY object_webhook WHERE kind = 'webhook'"
    return this.#statements.rows(sql).map(({ account }) => account as number)
  }

  /** Accounts that have push subscriptions. */
  pushed(): AccountId[] {
    const sql = "SELECT DISTINCT account FROM object INDEXED BY object_push WHERE kind = 'push'"
    return this.#statements.rows(sql).map(({ account }) => account as number)
  }
}

/** The first email of each thread. */
function collapsed(rows: readonly (readonly [EmailId, ThreadId])[]): EmailId[] {
  const seen = new Set<ThreadId>()
  return rows.filter(([, thread]) => !seen.has(thread) && seen.add(thread)).map(([email]) => email)
}
