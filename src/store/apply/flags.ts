// Flags of messages as IMAP changes them: a set of UIDs at once (RFC 9051 §6.4.6). What only adds or takes system flags, which
// is nearly everything, is a few statements, however many messages the set names; else each message is looked at.

import type { CommandResult, UidSet } from '../commands.ts'
import { changeFlags, SEEN, type StoredFlags, storedFlags } from '../flags.ts'
import { findMailbox, type Handler } from './apply.ts'
import type { AccountRow, Ledger, MailboxRow } from './ledger.ts'
import { noteTaughtLater, TEACHING, taughtByFlags } from './lessons.ts'
import { type Lacking, lackingText, mergedRanges, type Placed, placedIn, settle } from './placements.ts'

export const storeFlags: Handler<'flags.store'> = (ledger, command) => {
  const found = findMailbox(ledger, command.account, command.mailbox)
  if (!found.ok) return found
  const { account, mailbox } = found
  const by = storedFlags(command.flags)
  const { mode } = command
  const isSimple = by.keywords === '' && by.bits !== 0 && command.unchangedSince === undefined
  if (isSimple && mode !== 'replace') {
    const teaches = mode === 'add' && (by.bits & TEACHING) !== 0
    // Later it is known that a message changed, and not by which of the flags: all of them must teach.
    const isLater = command.lessons === 'later' && (by.bits & ~TEACHING) === 0
    if (!teaches || isLater)
      return storeBits(ledger, { account, mailbox, uids: command.uids, mode, bits: by.bits, teaches })
  }
  const within = mode === 'replace' ? command.within : undefined
  const limit = command.unchangedSince ?? Number.POSITIVE_INFINITY
  const changed: number[] = []
  const unchanged: number[] = []
  let modseq = account.modseq
  // Messages that have the flags already need not be looked at.
  const lacking = isSimple && mode === 'add' ? { set: by.bits } : {}
  for (const placed of placedIn(ledger, mailbox, command.uids, lacking)) {
    // RFC 7162 §3.1.3: a message that changed after UNCHANGEDSINCE is left alone and named in MODIFIED.
    if (placed.modseq > limit) {
      unchanged.push(placed.uid)
      continue
    }
    const old = { bits: placed.flags, keywords: placed.keywords }
    const flags = within === undefined ? changeFlags(old, mode, by) : replaceWithin(old, within, by)
    if (flags.bits === placed.flags && flags.keywords === placed.keywords) continue
    if (changed.length === 0) modseq = ledger.nextModseq(account)
    setFlags(ledger, mailbox, placed, flags, modseq)
    settle(ledger, account, placed.email, false, modseq)
    taughtByFlags(ledger, account, placed.email, { bits: placed.flags, keywords: placed.keywords }, flags)
    changed.push(placed.uid)
  }
  return { ok: true, modseq, changed, unchanged }
}

/** A replacement by somebody who may change some flags only (RFC 4314 §4). */
function replaceWithin(
  old: StoredFlags,
  within: { flags: readonly string[]; keywords: boolean },
  by: StoredFlags,
): StoredFlags {
  const { bits } = storedFlags(within.flags)
  return { bits: (old.bits & ~bits) | (by.bits & bits), keywords: within.keywords ? by.keywords : old.keywords }
}

export function setFlags(
  ledger: Ledger,
  mailbox: MailboxRow,
  placed: Placed,
  flags: StoredFlags,
  modseq: number,
): void {
  ledger
    .sql('UPDATE placement SET flags = ?, keywords = ?, modseq = ? WHERE account = ? AND mailbox = ? AND uid = ?')
    .run(flags.bits, flags.keywords, modseq, mailbox.account, mailbox.id, placed.uid)
  ledger.noteKeywords(mailbox, flags.keywords)
  mailbox.unseen += ((placed.flags & SEEN) - (flags.bits & SEEN)) / SEEN
  ledger.changed(mailbox, modseq, true)
}

interface Bits {
  readonly account: AccountRow
  readonly mailbox: MailboxRow
  readonly uids: UidSet
  readonly mode: 'add' | 'remove'
  readonly bits: number
  readonly teaches: boolean
}

/** Sets or clears these bits wherever that changes something. */
function storeBits(ledger: Ledger, { account, mailbox, uids, mode, bits, teaches }: Bits): CommandResult {
  const lacking: Lacking = mode === 'add' ? { set: bits } : { clear: bits }
  const where = `account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ${lackingText(lacking)}`
  // Neighbours together: the UID less its place in the list is the same for all of a range.
  const found = ledger.sql(
    `SELECT min(uid) AS first, max(uid) AS last, sum(flags & ${SEEN}) AS seen FROM
     (SELECT uid, flags, uid - row_number() OVER (ORDER BY uid) AS run FROM placement WHERE ${where}) GROUP BY run ORDER BY first`,
  )
  // What came last counts, and one email may be here twice.
  const log = ledger.sql(
    `INSERT INTO change SELECT account, ?, email, 0 FROM placement WHERE ${where} ORDER BY email
     ON CONFLICT (account, modseq, email) DO UPDATE SET thread = 0`,
  )
  const change = mode === 'add' ? `flags | ${bits}` : `flags & ~${bits}`
  const update = ledger.sql(`UPDATE placement SET flags = ${change}, modseq = ? WHERE ${where}`)
  const modseq = account.modseq + 1
  const changed: number[] = []
  for (const range of mergedRanges(uids)) {
    const key = [mailbox.account, mailbox.id, ...range] as const
    const before = changed.length
    for (const { first, last, seen } of found.all(...key)) {
      for (let uid = Number(first); uid <= Number(last); uid++) changed.push(uid)
      if ((bits & SEEN) === 0) continue
      mailbox.unseen += mode === 'add' ? Number(seen) - (Number(last) - Number(first) + 1) : Number(seen)
    }
    if (changed.length === before) continue
    log.run(modseq, ...key)
    update.run(modseq, ...key)
    if (teaches) noteTaughtLater(ledger, { account: account.id, mailbox: mailbox.id, modseq, range })
  }
  if (changed.length === 0) return { ok: true, modseq: account.modseq, changed, unchanged: [] }
  ledger.nextModseq(account)
  ledger.changed(mailbox, modseq, true)
  return { ok: true, modseq, changed, unchanged: [] }
}
