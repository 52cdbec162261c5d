// Reads of what was deleted and can be brought back.

import type { Database } from '../../world/disk.ts'
import type { DeletedEmail, EmailSummary } from '../nouns/mail.ts'
import type { AccountId } from '../nouns/people.ts'

export class DeletedReads {
  readonly #list
  readonly #expired

  constructor(database: Database) {
    this.#list = database.prepare('SELECT * FROM deleted WHERE account = ? ORDER BY deleted_ms DESC, id DESC LIMIT ?')
    this.#expired = database.prepare(
      'SELECT uid FROM placement WHERE account = ? AND mailbox = ? AND saved_ms > 0 AND saved_ms < ? ORDER BY uid LIMIT ?',
    )
  }

  /** The last deleted first. */
  list(account: AccountId, limit: number): DeletedEmail[] {
    return this.#list.all(account, limit).map((row) => {
      const { subject, from } = JSON.parse(String(row.summary)) as EmailSummary
      return {
        id: Number(row.id),
        subject,
        from,
        mailbox: String(row.path),
        sizeBytes: Number(row.size),
        receivedAtMs: Number(row.received_ms),
        deletedAtMs: Number(row.deleted_ms),
      }
    })
  }

  /** UIDs of messages that have been in the mailbox since before then, for retention. */
  since(account: AccountId, mailbox: number, beforeMs: number, limit: number): number[] {
    return this.#expired.all(account, mailbox, beforeMs, limit).map(({ uid }) => Number(uid))
  }
}
