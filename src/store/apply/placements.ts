// Emails in mailboxes: placing, taking out, moving, and what follows from it (counts, the log of expunged UIDs,
// emails that are in no mailbox any more, threads that are empty, bodies nobody names). Used by the commands.

import type { UidSet } from '../commands.ts'
import { DELETED, SEEN, type StoredFlags } from '../flags.ts'
import type { EmailId, ThreadId } from '../nouns/mail.ts'
import { threadKeys } from '../threads.ts'
import { keepDeleted, type Parting } from './keep-deleted.ts'
import type { AccountRow, Ledger, MailboxRow } from './ledger.ts'

/** A placement's row. */
export interface Placed {
  readonly mailbox: number
  readonly uid: number
  readonly email: EmailId
  readonly home: number
  readonly flags: number
  readonly keywords: string
  readonly modseq: number
  readonly received_ms: number
  readonly size: number
  readonly saved_ms: number
  readonly thread: ThreadId
}

/** Only placements in which not all of `set` are set, or some of `clear` are. */
export interface Lacking {
  readonly set?: number
  readonly clear?: number
}

/** The condition as SQL. The bits are in the text, of which there are few: a parameter would be looked at for each row. */
export function lackingText({ set = 0, clear = 0 }: Lacking): string {
  return set === 0 && clear === 0 ? '' : `AND (flags & ${set} <> ${set} OR flags & ${clear} <> 0)`
}

/** The placements of these UIDs, in order, each once. */
export function placedIn(ledger: Ledger, mailbox: MailboxRow, uids: UidSet, lacking: Lacking = {}): Placed[] {
  const statement = ledger.sql(
    `SELECT * FROM placement WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ${lackingText(lacking)} ORDER BY uid`,
  )
  const ranges = mergedRanges(uids)
  if (ranges.length === 1) return statement.all(mailbox.account, mailbox.id, ...ranges[0]!) as unknown as Placed[]
  return ranges.flatMap((range) => statement.all(mailbox.account, mailbox.id, ...range) as unknown as Placed[])
}

/** Its home first. */
export function placementsOfEmail(ledger: Ledger, account: AccountRow, email: EmailId): Placed[] {
  const home = ledger
    .sql(
      `SELECT placement.* FROM email JOIN placement ON placement.account = email.account
       AND placement.mailbox = email.mailbox AND placement.uid = email.uid WHERE email.account = ? AND email.id = ?`,
    )
    .all(account.id, email)
  const others = ledger
    .sql(
      'SELECT * FROM placement INDEXED BY placement_by_email WHERE account = ? AND email = ? AND home = 0 ORDER BY mailbox, uid',
    )
    .all(account.id, email)
  return [...home, ...others] as unknown as Placed[]
}

/** Puts an email into a mailbox at `saved_ms`; gives the UID. `home`: it is the email's first. */
export function place(
  ledger: Ledger,
  mailbox: MailboxRow,
  email: Pick<Placed, 'email' | 'thread' | 'received_ms' | 'size' | 'saved_ms'>,
  flags: StoredFlags,
  modseq: number,
  home = false,
): number {
  const { account, id } = mailbox
  const uid = mailbox.uidNext++
  ledger
    .sql(
      `INSERT INTO placement (account, mailbox, uid, email, thread, home, flags, keywords, modseq, received_ms, size,
       saved_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      account,
      id,
      uid,
      email.email,
      email.thread,
      home ? 1 : 0,
      flags.bits,
      flags.keywords,
      modseq,
      email.received_ms,
      email.size,
      email.saved_ms,
    )
  mailbox.total++
  mailbox.sizeBytes += email.size
  if (!(flags.bits & SEEN)) mailbox.unseen++
  ledger.noteKeywords(mailbox, flags.keywords)
  ledger.changed(mailbox, modseq, true)
  return uid
}

/**
 * Takes one placement out of its mailbox; the email stays as it is. True: it was the email's home. That is asked here and
 * not of `placed`: the one before may have made this one the home.
 */
export function displace(ledger: Ledger, mailbox: MailboxRow, placed: Placed, modseq: number): boolean {
  const removed = ledger
    .sql('DELETE FROM placement WHERE account = ? AND mailbox = ? AND uid = ? RETURNING home')
    .get(mailbox.account, mailbox.id, placed.uid)
  ledger.sql('INSERT INTO expunged VALUES (?, ?, ?, ?)').run(mailbox.account, mailbox.id, modseq, placed.uid)
  mailbox.total--
  mailbox.sizeBytes -= placed.size
  if (!(placed.flags & SEEN)) mailbox.unseen--
  ledger.changed(mailbox, modseq, true)
  return Number(removed?.home) === 1
}

/** Expunges; emails left in no mailbox are destroyed. Gives what went. */
export function removePlacements(
  ledger: Ledger,
  account: AccountRow,
  mailbox: MailboxRow,
  uids: UidSet,
  onlyDeleted: boolean,
  modseq: number,
  atMs?: number,
): Placed[] {
  const removed: Placed[] = []
  for (const placed of placedIn(ledger, mailbox, uids)) {
    if (onlyDeleted && !(placed.flags & DELETED)) continue
    const lostHome = displace(ledger, mailbox, placed, modseq)
    settle(ledger, account, placed.email, lostHome, modseq, { ...placed, mailbox, atMs })
    removed.push(placed)
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
    const lostHome = displace(ledger, from, placed, modseq)
    place(ledger, to, placed, { bits: placed.flags, keywords: placed.keywords }, modseq)
    settle(ledger, account, placed.email, lostHome, modseq)
  }
}

/** After its placements changed: the email gets another home when it lost that, or is destroyed when it has none. */
export function settle(
  ledger: Ledger,
  account: AccountRow,
  email: EmailId,
  lostHome: boolean,
  modseq: number,
  parting?: Parting,
): void {
  if (lostHome) {
    const next = ledger
      .sql(
        'SELECT mailbox, uid FROM placement INDEXED BY placement_by_email WHERE account = ? AND email = ? AND home = 0 ORDER BY mailbox, uid LIMIT 1',
      )
      .get(account.id, email)
    if (next === undefined) {
      destroyEmail(ledger, account, email, modseq, parting)
      return
    }
    const home = [Number(next.mailbox), Number(next.uid)] as const
    ledger.sql('UPDATE placement SET home = 1 WHERE account = ? AND mailbox = ? AND uid = ?').run(account.id, ...home)
    ledger.sql('UPDATE email SET mailbox = ?, uid = ? WHERE account = ? AND id = ?').run(...home, account.id, email)
  }
  logChange(ledger, account, modseq, email, 0)
}

function destroyEmail(
  ledger: Ledger,
  account: AccountRow,
  email: EmailId,
  modseq: number,
  parting: Parting | undefined,
): void {
  const row = ledger.sql('SELECT thread, blob, summary FROM email WHERE account = ? AND id = ?').get(account.id, email)
  if (row === undefined) throw new Error(`Email ${email} of account ${account.id} had placements but no row.`)
  const isKept = keepDeleted(ledger, account.id, email, parting)
  ledger.sql('DELETE FROM email WHERE account = ? AND id = ?').run(account.id, email)
  ledger.sql('DELETE FROM envelope WHERE account = ? AND email = ?').run(account.id, email)
  if (!isKept) releaseBlob(ledger, Number(row.blob))
  const thread = Number(row.thread)
  if (!threadLives(ledger, account, thread)) {
    const statement = ledger.sql('DELETE FROM thread_key WHERE account = ? AND key = ? AND thread = ?')
    for (const key of threadKeys(JSON.parse(String(row.summary)))) statement.run(account.id, key, thread)
  }
  logChange(ledger, account, modseq, email, thread)
}

export function threadLives(ledger: Ledger, account: AccountRow, thread: ThreadId): boolean {
  const first = ledger.sql('SELECT 1 FROM email WHERE account = ? AND id = ? AND thread = id').get(account.id, thread)
  if (first !== undefined) return true
  const other = ledger.sql('SELECT 1 FROM email WHERE account = ? AND thread = ? AND thread <> id LIMIT 1')
  return other.get(account.id, thread) !== undefined
}

// What came last counts. `thread`: of the email, when it was destroyed; else 0.
function logChange(ledger: Ledger, account: AccountRow, modseq: number, email: EmailId, thread: ThreadId | 0): void {
  ledger
    .sql(
      `INSERT INTO change VALUES (?, ?, ?, ?) ON CONFLICT (account, modseq, email) DO UPDATE SET thread = excluded.thread`,
    )
    .run(account.id, modseq, email, thread)
}

/** One email or queue entry fewer names the body. */
export function releaseBlob(ledger: Ledger, blob: number): void {
  ledger.sql('UPDATE blob SET refs = refs - 1 WHERE id = ?').run(blob)
}

/** In order, without overlaps. */
export function mergedRanges(uids: UidSet): [number, number][] {
  const merged: [number, number][] = []
  for (const [first, last] of [...uids].sort((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1)
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last)
    else if (first <= last) merged.push([first, last])
  }
  return merged
}
