// What is kept of the system that mail is brought from: that it came, its UID, what POP3 called it.

import type { Brought } from '../commands.ts'
import { type Refusal, refuse } from './apply.ts'
import type { AccountRow, Ledger, MailboxRow } from './ledger.ts'

/** RFC 9051 §2.3.1.1: 32 bits, and the next one must fit, too. */
const LAST_UID = 0xffff_fffe
/** RFC 1939 §7. */
const uidlForm = /^[\x21-\x7e]{1,70}$/
/** As POP3 names what has no other name here. */
const ownForm = /^\d+-\d+$/

export const isUid = (uid: number): boolean => Number.isInteger(uid) && uid >= 1 && uid <= LAST_UID + 1

/** Why the message cannot come in like that. */
export function cannotBring(
  ledger: Ledger,
  account: AccountRow,
  [mailbox, ...more]: readonly MailboxRow[],
  { item, uid, uidl }: Brought,
): Refusal | undefined {
  if (!/^[0-9a-f]{32}$/.test(item)) return refuse('forbidden', 'What is brought has a name of 16 bytes.')
  if (ledger.sql('SELECT 1 FROM brought WHERE account = ? AND item = ?').get(account.id, Buffer.from(item, 'hex')))
    return refuse('exists', 'This message was brought before.')
  if (uid === undefined && uidl === undefined) return undefined
  if (more.length > 0) return refuse('conflict', 'A UID is of one mailbox.')
  const given = uid ?? mailbox!.uidNext
  if (!isUid(given + 1) || given < mailbox!.uidNext)
    return refuse('conflict', `The UIDs of ${mailbox!.path} are at ${mailbox!.uidNext} already.`)
  if (uidl === undefined || uidl === `${mailbox!.uidValidity}-${given}`) return undefined
  if (!uidlForm.test(uidl) || ownForm.test(uidl))
    return refuse('conflict', `POP3 cannot call a message '${uidl}' here.`)
  const taken = ledger.sql('SELECT 1 FROM kept_uidl WHERE account = ? AND mailbox = ? AND uidl = ?')
  return taken.get(account.id, mailbox!.id, uidl) && refuse('conflict', `POP3 calls another message '${uidl}'.`)
}

/** Notes that it came, before it is placed. */
export function bring(ledger: Ledger, mailbox: MailboxRow, { item, uid, uidl }: Brought, modseq: number): void {
  ledger.sql('INSERT INTO brought VALUES (?, ?)').run(mailbox.account, Buffer.from(item, 'hex'))
  if (uid !== undefined) skipUids(ledger, mailbox, uid, modseq)
  if (uidl === undefined || uidl === `${mailbox.uidValidity}-${mailbox.uidNext}`) return
  ledger.sql('INSERT INTO kept_uidl VALUES (?, ?, ?, ?)').run(mailbox.account, mailbox.id, mailbox.uidNext, uidl)
}

/** The next UID is this one; those between are never given. */
export function skipUids(ledger: Ledger, mailbox: MailboxRow, uidNext: number, modseq: number): void {
  if (uidNext === mailbox.uidNext) return
  ledger
    .sql('INSERT INTO uid_gap VALUES (?, ?, ?, ?, ?)')
    .run(mailbox.account, mailbox.id, mailbox.uidNext, uidNext - 1, modseq)
  mailbox.uidNext = uidNext
}
