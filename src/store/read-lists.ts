// Reads of long lists: one statement each, only the columns that a list needs, no row made into more than it is.

import type { Database } from '../world/disk.ts'
import type { EmailId } from './types.ts'

export class ListReads {
  readonly #maildrop

  constructor(database: Database) {
    this.#maildrop = database.prepare(
      'SELECT uid, email, size FROM placement WHERE account = ? AND mailbox = ? ORDER BY uid',
    )
  }

  /** What a mailbox holds, as POP3 sees it. */
  maildrop(account: number, mailbox: number): { uid: number; email: EmailId; sizeBytes: number }[] {
    return this.#maildrop.all(account, mailbox).map(({ uid, email, size }) => ({
      uid: uid as number,
      email: email as number,
      sizeBytes: size as number,
    }))
  }
}
