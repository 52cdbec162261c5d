// Whether an email that leaves its last mailbox is kept for a while (deleted.ts brings it back).

import { type EmailId, holdKey, UNDELETE } from '../nouns/mail.ts'
import type { Ledger, MailboxRow } from './ledger.ts'

/** How an email went: the mailbox that it was in last, and its flags there. */
export interface Parting {
  /** Undefined or 0: for good. */
  readonly atMs: number | undefined
  readonly mailbox: MailboxRow
  readonly flags: number
  readonly keywords: string
}

/** Before its row goes. True: what names its body is this from now on. */
export function keepDeleted(ledger: Ledger, account: number, email: EmailId, parting: Parting | undefined): boolean {
  if (parting === undefined || !parting.atMs || parting.mailbox.specialUse === 'drafts') return false
  const isOn = (key: string) => ledger.sql('SELECT value FROM setting WHERE key = ?').get(key)?.value === 'yes'
  if (!isOn(UNDELETE) && !isOn(holdKey(account))) return false
  const { atMs, mailbox, flags, keywords } = parting
  ledger
    .sql(
      `INSERT INTO deleted SELECT account, id, blob, size, received_ms, ?, ?, ?, ?, ?, summary, verdict
       FROM email WHERE account = ? AND id = ?`,
    )
    .run(atMs, mailbox.path, mailbox.specialUse, flags, keywords, account, email)
  return true
}
