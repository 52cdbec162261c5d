// Emails in mailboxes: placing, taking out, moving, and what follows from it (counts, the log of expunged UIDs,
// emails that are in no mailbox any more, threads that are empty, bodies nobody names). Used by the commands.

import type { UidSet } from './commands.ts'
import { DELETED, SEEN, type StoredFlags } from './flags.ts'
import type { AccountRow, Ledger, MailboxRow } from './ledger.ts'
import { threadKeys } from './threads.ts'
import type { EmailId } from './types.ts'

/** A placement's row. */
export interface Placed {
  readonly mailbox: number
  readonly uid: number
  readonly email: EmailId
  readonly flags: number
  readonly keywords: string
  readonly modseq: number
  readonly received_ms: number
  readonly size: number
}

export const CREATED = 1
export const UPDATED = 2
export const DESTROYED = 3
const UNTOUCHED = 0

/** The placements of these UIDs, in order, each once. */
export function placedIn(ledger: Ledger, mailbox: MailboxRow, uids: UidSet): Placed[] {
  const statement = ledger.sql(
    'SELECT * FROM placement WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid',
  )
  const ranges = mergedRanges(uids)
  if (ranges.length === 1) return statement.all(mailbox.account, mailbox.id, ...ranges[0]!) as unknown as Placed[]
  return ranges.flatMap((range) => statement.all(mailbox.account, mailbox.id, ...range) as unknown as Placed[])
}

export function placementsOfEmail(ledger: Ledger, account: AccountRow, email: EmailId): Placed[] {
  return ledger
    .sql('SELECT * FROM placement WHERE account = ? AND email = ? ORDER BY mailbox, uid')
    .all(account.id, email) as unknown as Placed[]
}

/** Puts an email into a mailbox; gives the UID. */
export function place(
  ledger: Ledger,
  mailbox: MailboxRow,
  email: { email: EmailId; received_ms: number; size: number },
  flags: StoredFlags,
  modseq: number,
): number {
  const uid = mailbox.uidNext++
  ledger
    .sql('INSERT INTO placement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
    .run(
      mailbox.account,
      mailbox.id,
      uid,
      email.email,
      flags.bits,
      flags.keywords,
      modseq,
      email.received_ms,
      email.size,
    )
  mailbox.total++
  mailbox.sizeBytes += email.size
  if (!(flags.bits & SEEN)) mailbox.unseen++
  ledger.changed(mailbox, modseq, true)
  return uid
}

/** Takes one placement out of its mailbox; the email stays as it is. */
export function displace(ledger: Ledger, mailbox: MailboxRow, placed: Placed, modseq: number): void {
  ledger
    .sql('DELETE FROM placement WHERE account = ? AND mailbox = ? AND uid = ?')
    .run(mailbox.account, mailbox.id, placed.uid)
  ledger.sql('INSERT INTO expunged VALUES (?, ?, ?, ?)').run(mailbox.account, mailbox.id, modseq, placed.uid)
  mailbox.total--
  mailbox.sizeBytes -= placed.size
  if (!(placed.flags & SEEN)) mailbox.unseen--
  ledger.changed(mailbox, modseq, true)
}

/** Expunges; emails left in no mailbox are destroyed. Gives the UIDs. */
export function removePlacements(
  ledger: Ledger,
  account: AccountRow,
  mailbox: MailboxRow,
  uids: UidSet,
  onlyDeleted: boolean,
  modseq: number,
): number[] {
  const removed: number[] = []
  for (const placed of placedIn(ledger, mailbox, uids)) {
    if (onlyDeleted && !(placed.flags & DELETED)) continue
    displace(ledger, mailbox, placed, modseq)
    settle(ledger, account, placed.email, modseq)
    removed.push(placed.uid)
  }
  return removed
}

/** Everything of one mailbox into another. */
export function movePlacements(
  ledger: Ledger,
  account: AccountRow,
  from: MailboxRow,
  to: MailboxRow,
  modseq: number,
): void {
  for (const placed of placedIn(ledger, from, [[1, Number.MAX_SAFE_INTEGER]])) {
    displace(ledger, from, placed, modseq)
    place(ledger, to, placed, { bits: placed.flags, keywords: placed.keywords }, modseq)
    settle(ledger, account, placed.email, modseq)
  }
}

/** After its placements changed: the email is updated, or destroyed when it is in no mailbox. */
export function settle(ledger: Ledger, account: AccountRow, email: EmailId, modseq: number): void {
  const isPlaced = ledger.sql('SELECT 1 FROM placement WHERE account = ? AND email = ? LIMIT 1').get(account.id, email)
  if (isPlaced === undefined) {
    destroyEmail(ledger, account, email, modseq)
    return
  }
  ledger.sql('UPDATE email SET modseq = ? WHERE account = ? AND id = ?').run(modseq, account.id, email)
  logChange(ledger, account, modseq, email, UPDATED, 0, UNTOUCHED)
}

function destroyEmail(ledger: Ledger, account: AccountRow, email: EmailId, modseq: number): void {
  const row = ledger.sql('SELECT thread, blob, summary FROM email WHERE account = ? AND id = ?').get(account.id, email)
  if (row === undefined) throw new Error(`Email ${email} of account ${account.id} had placements but no row.`)
  ledger.sql('DELETE FROM email WHERE account = ? AND id = ?').run(account.id, email)
  releaseBlob(ledger, Number(row.blob))
  const thread = Number(row.thread)
  const threadLives = ledger.sql('SELECT 1 FROM email WHERE account = ? AND thread = ? LIMIT 1').get(account.id, thread)
  if (threadLives === undefined) {
    for (const key of threadKeys(JSON.parse(String(row.summary)))) {
      ledger.sql('DELETE FROM thread_key WHERE account = ? AND key = ? AND thread = ?').run(account.id, key, thread)
    }
  }
  logChange(ledger, account, modseq, email, DESTROYED, thread, threadLives === undefined ? DESTROYED : UPDATED)
}

/** Writes down what happened to an email at this MODSEQ; what came last counts. */
export function logChange(
  ledger: Ledger,
  account: AccountRow,
  modseq: number,
  email: EmailId,
  op: number,
  thread: number,
  threadOp: number,
): void {
  ledger
    .sql(
      `INSERT INTO change VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, modseq, email)
       DO UPDATE SET op = excluded.op, thread = excluded.thread, thread_op = excluded.thread_op`,
    )
    .run(account.id, modseq, email, op, thread, threadOp)
}

/** One email or queue entry fewer names the body. */
export function releaseBlob(ledger: Ledger, blob: number): void {
  ledger.sql('UPDATE blob SET refs = refs - 1 WHERE id = ?').run(blob)
}

function mergedRanges(uids: UidSet): [number, number][] {
  const merged: [number, number][] = []
  for (const [first, last] of [...uids].sort((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1)
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last)
    else if (first <= last) merged.push([first, last])
  }
  return merged
}
