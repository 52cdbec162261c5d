// Reads about what may be held and who may see it: quotas, access rights, annotations.

import type { Database } from '../../world/disk.ts'
import type { AccessRight, Annotation } from '../nouns/mail.ts'
import type { Quota } from '../nouns/people.ts'

const QUOTA = `SELECT quota_bytes, quota_messages, coalesce(sum(size), 0) AS bytes, coalesce(sum(total), 0) AS messages
  FROM account LEFT JOIN mailbox ON mailbox.account = account.id WHERE account.id = ? GROUP BY account.id`

export class AccessReads {
  readonly #quota
  readonly #rights
  readonly #shared
  readonly #annotations

  constructor(database: Database) {
    this.#quota = database.prepare(QUOTA)
    this.#rights = database.prepare(
      'SELECT identifier, rights FROM acl WHERE account = ? AND mailbox = ? ORDER BY identifier',
    )
    this.#shared = database.prepare(
      `SELECT DISTINCT account, mailbox FROM acl WHERE identifier IN (SELECT value FROM json_each(?))
       ORDER BY account, mailbox`,
    )
    this.#annotations = database.prepare(
      'SELECT * FROM metadata WHERE account = ? AND mailbox = ? AND reader IN (0, ?) ORDER BY reader, entry',
    )
  }

  quota(account: number): Quota | undefined {
    const row = this.#quota.get(account)
    return row === undefined
      ? undefined
      : {
          bytes: row.quota_bytes as number | null,
          messages: row.quota_messages as number | null,
          usedBytes: row.bytes as number,
          usedMessages: row.messages as number,
        }
  }

  /** What others than its owner may do in a mailbox. */
  rights(account: number, mailbox: number): AccessRight[] {
    return this.#rights
      .all(account, mailbox)
      .map((row) => ({ identifier: row.identifier as string, rights: row.rights as string }))
  }

  /** Mailboxes in which one of these identifiers has a right. */
  sharedWith(identifiers: readonly string[]): { account: number; mailbox: number }[] {
    return this.#shared
      .all(JSON.stringify(identifiers))
      .map((row) => ({ account: row.account as number, mailbox: row.mailbox as number }))
  }

  /** The shared annotations of a mailbox (0: of the account), and the private ones of one reader. */
  annotations(account: number, mailbox: number, reader: number): Annotation[] {
    return this.#annotations.all(account, mailbox, reader).map((row) => ({
      reader: row.reader as number,
      entry: row.entry as string,
      value: Buffer.from(row.value as Uint8Array),
    }))
  }
}
