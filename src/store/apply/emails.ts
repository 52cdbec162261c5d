// Commands on messages: deliver, copy, move, expunge (IMAP's view: placements with UIDs; flags: flags.ts), update, destroy
// (JMAP's view: the email whole).

import { changeFlags, storedFlags } from '../flags.ts'
import { type BlobRef, UNKNOWN_SEGMENT } from '../nouns/bodies.ts'
import type { EmailId, ThreadId } from '../nouns/mail.ts'
import { threadKeys } from '../threads.ts'
import { findMailbox, type Handler, noAccount, noEmail, noMailbox, refuse, resolveAccount, resolveId } from './apply.ts'
import { bring, cannotBring } from './brought.ts'
import { setFlags } from './flags.ts'
import type { AccountRow, Ledger, MailboxRow } from './ledger.ts'
import { taughtByFlags, taughtByMove } from './lessons.ts'
import {
  displace,
  type Placed,
  place,
  placedIn,
  placementsOfEmail,
  removePlacements,
  settle,
  threadLives,
} from './placements.ts'

export const deliverEmail: Handler<'email.deliver'> = (ledger, command, made) => {
  const account = resolveAccount(ledger, command.account, made)
  if (account === undefined) return noAccount
  const mailboxes = new Set<MailboxRow>()
  for (const which of command.mailboxes) {
    const id = typeof which === 'object' ? resolveId(which, made) : which
    const named = id === undefined ? undefined : ledger.mailbox(account, id)
    const mailbox = named ?? (command.orInbox === true ? ledger.mailbox(account, 'inbox') : undefined)
    if (mailbox === undefined) return noMailbox
    mailboxes.add(mailbox)
  }
  if (mailboxes.size === 0) return refuse('no-mailbox', 'An email must be in at least one mailbox.')
  const refusal = command.brought && cannotBring(ledger, account, [...mailboxes], command.brought)
  if (refusal) return refusal
  const replaced = command.replaces && replacedBy(ledger, account, command.replaces)
  if (replaced === 'gone') return noEmail
  const freed = replaced?.placed.size ?? 0
  const size = command.blob.sizeBytes
  // What the Border accepted at RCPT has a place, even if it is the one message too many.
  const isAccepted = command.verdict !== null || command.orInbox === true
  if (!isAccepted && !ledger.fits(account, size * mailboxes.size - freed, mailboxes.size - (replaced ? 1 : 0)))
    return overQuota
  const blob = useBlob(ledger, command.blob)
  if (blob === undefined) return noBody

  const modseq = ledger.nextModseq(account)
  if (command.brought) bring(ledger, [...mailboxes][0]!, command.brought, modseq)
  const email = modseq
  const thread = joinThread(ledger, account, email, threadKeys(command.summary))
  const received_ms = command.receivedAtMs
  const saved_ms = command.savedAtMs ?? received_ms
  const flags = storedFlags(command.flags)
  const placements = [...mailboxes].map((mailbox, index) => ({
    mailbox: mailbox.id,
    uid: place(ledger, mailbox, { email, thread, received_ms, size, saved_ms }, flags, modseq, index === 0),
    uidValidity: mailbox.uidValidity,
  }))
  const { mailbox, uid } = placements[0]!
  const { envelope, ...rest } = command.summary
  const summary = JSON.stringify(rest)
  const verdict = command.verdict === null ? null : JSON.stringify(command.verdict)
  ledger
    .sql('INSERT INTO email VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    .run(account.id, email, thread, blob, size, received_ms, modseq, mailbox, uid, summary, verdict)
  if (envelope !== undefined && envelope.length <= MAX_ENVELOPE) {
    ledger.sql('INSERT INTO envelope VALUES (?, ?, ?)').run(account.id, email, envelope)
  }
  if (command.verdict === null && command.brought === undefined) {
    for (const there of mailboxes) taughtByMove(ledger, account, email, { from: undefined, to: there, flags })
    taughtByFlags(ledger, account, email, { bits: 0, keywords: '' }, flags)
  }
  if (replaced) {
    const lostHome = displace(ledger, replaced.mailbox, replaced.placed, modseq)
    const parting = { ...replaced.placed, mailbox: replaced.mailbox, atMs: command.savedAtMs }
    settle(ledger, account, replaced.placed.email, lostHome, modseq, parting)
  }
  return { ok: true, id: email, emailId: email, threadId: thread, placements, modseq }
}

/** The message that REPLACE takes away; 'gone' when it is not there any more. */
function replacedBy(
  ledger: Ledger,
  account: AccountRow,
  { mailbox: id, uid }: { mailbox: number; uid: number },
): { mailbox: MailboxRow; placed: Placed } | 'gone' {
  const mailbox = account.mailboxes.get(id)
  const placed = mailbox && placedIn(ledger, mailbox, [[uid, uid]])[0]
  return placed === undefined ? 'gone' : { mailbox: mailbox!, placed }
}

/** A longer one is made anew from the message each time. */
const MAX_ENVELOPE = 16_384

export const overQuota = refuse('over-quota', 'The account has no room for this.')

/** Copies cost their owner nothing, and thirty doublings make a thousand million: at most so many in one mailbox. */
const MAX_COPIED_TO = 1_000_000

export const copyPlacements: Handler<'placement.copy'> = (ledger, command) => {
  const found = findMailbox(ledger, command.account, command.mailbox)
  if (!found.ok) return found
  const { account, mailbox } = found
  const target = account.mailboxes.get(command.to)
  if (target === undefined) return refuse('no-mailbox', 'There is no such mailbox to copy to.')
  const source = placedIn(ledger, mailbox, command.uids)
  if (source.length === 0) return { ok: true, placements: [], modseq: account.modseq }
  const { move, atMost = MAX_COPIED_TO } = command
  if (!move && target.total + source.length > atMost)
    return refuse('over-quota', `More than ${atMost} messages cannot be copied into one mailbox.`)
  const bytes = source.reduce((sum, { size }) => sum + size, 0)
  if (!move && !ledger.fits(account, bytes, source.length)) return overQuota
  const modseq = ledger.nextModseq(account)
  const placements = source.map((placed) => {
    const flags = { bits: placed.flags, keywords: placed.keywords }
    const saved_ms = command.nowMs ?? placed.saved_ms
    const uid = place(ledger, target, { ...placed, saved_ms }, flags, modseq)
    const lostHome = move && displace(ledger, mailbox, placed, modseq)
    settle(ledger, account, placed.email, lostHome, modseq)
    const from = move ? mailbox : undefined
    taughtByMove(ledger, account, placed.email, { from, to: target, flags })
    return { mailbox: target.id, uid, uidValidity: target.uidValidity, sourceUid: placed.uid }
  })
  return { ok: true, placements, modseq }
}

export const expungePlacements: Handler<'placement.expunge'> = (ledger, command) => {
  const found = findMailbox(ledger, command.account, command.mailbox)
  if (!found.ok) return found
  const { account, mailbox } = found
  const modseq = account.modseq + 1
  const removed = removePlacements(ledger, account, mailbox, command.uids, command.onlyDeleted, modseq, command.nowMs)
  if (removed.length > 0) ledger.nextModseq(account)
  for (const { email, flags, keywords } of removed) {
    taughtByMove(ledger, account, email, { from: mailbox, to: undefined, flags: { bits: flags, keywords } })
  }
  const changed = removed.map(({ uid }) => uid)
  return { ok: true, changed, modseq: account.modseq }
}

export const updateEmail: Handler<'email.update'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const before = placementsOfEmail(ledger, account, command.email)
  const first = before[0]
  if (first === undefined) return noEmail
  const wanted = command.mailboxes === undefined ? undefined : new Set(command.mailboxes)
  if (wanted?.size === 0) return refuse('forbidden', 'An email must be in at least one mailbox.')
  for (const id of wanted ?? []) if (!account.mailboxes.has(id)) return noMailbox

  const modseq = account.modseq + 1
  const placements: { mailbox: number; uid: number; uidValidity: number }[] = []
  let didChange = false
  let lostHome = false
  const flags = { bits: first.flags, keywords: first.keywords }
  const moves: { from: MailboxRow | undefined; to: MailboxRow | undefined }[] = []
  if (wanted !== undefined) {
    for (const placed of before) {
      if (wanted.has(placed.mailbox)) continue
      const mailbox = account.mailboxes.get(placed.mailbox)!
      if (displace(ledger, mailbox, placed, modseq)) lostHome = true
      moves.push({ from: mailbox, to: undefined })
      didChange = true
    }
    for (const id of wanted) {
      if (before.some((placed) => placed.mailbox === id)) continue
      const mailbox = account.mailboxes.get(id)!
      placements.push({
        mailbox: id,
        uid: place(ledger, mailbox, { ...first, saved_ms: command.nowMs ?? first.saved_ms }, flags, modseq),
        uidValidity: mailbox.uidValidity,
      })
      moves.push({ from: undefined, to: mailbox })
      didChange = true
    }
  }
  if (didChange) settle(ledger, account, command.email, lostHome, modseq)
  for (const move of moves) taughtByMove(ledger, account, command.email, { ...move, flags })
  if (command.flags !== undefined) {
    const by = storedFlags(command.flags.flags)
    for (const placed of placementsOfEmail(ledger, account, command.email)) {
      const before = { bits: placed.flags, keywords: placed.keywords }
      const after = changeFlags(before, command.flags.mode, by)
      if (after.bits === before.bits && after.keywords === before.keywords) continue
      setFlags(ledger, account.mailboxes.get(placed.mailbox)!, placed, after, modseq)
      taughtByFlags(ledger, account, command.email, before, after)
      if (!didChange) settle(ledger, account, command.email, false, modseq)
      didChange = true
    }
  }
  if (command.verdict !== undefined) {
    ledger
      .sql('UPDATE email SET verdict = ? WHERE account = ? AND id = ?')
      .run(JSON.stringify(command.verdict), account.id, command.email)
    if (!didChange) settle(ledger, account, command.email, false, modseq)
    didChange = true
  }
  if (!didChange) return { ok: true, emailId: command.email, placements, modseq: account.modseq }
  ledger.nextModseq(account)
  return { ok: true, emailId: command.email, placements, modseq }
}

export const destroyEmails: Handler<'email.destroy'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const placements = placementsOfEmail(ledger, account, command.email)
  if (placements.length === 0) return noEmail
  const modseq = ledger.nextModseq(account)
  for (const placed of placements) displace(ledger, account.mailboxes.get(placed.mailbox)!, placed, modseq)
  const mailbox = account.mailboxes.get(placements[0]!.mailbox)!
  settle(ledger, account, command.email, true, modseq, { ...placements[0]!, mailbox, atMs: command.nowMs })
  return { ok: true, emailId: command.email, modseq }
}

export const noBody = refuse('conflict', 'The body is not (or no longer) stored: put it again.')

/** One email or queue entry more names the body; gives the row id. Undefined when the body is nowhere. */
export function useBlob(ledger: Ledger, ref: BlobRef): number | undefined {
  const hash = Buffer.from(ref.hash, 'hex')
  if (ref.segment !== UNKNOWN_SEGMENT) {
    const { changes, lastInsertRowid } = ledger
      .sql(
        `INSERT INTO blob (hash, segment, offset, size, stored, refs) VALUES (?, ?, ?, ?, ?, 1)
         ON CONFLICT (hash) DO NOTHING`,
      )
      .run(hash, ref.segment, ref.offset, ref.sizeBytes, ref.storedBytes ?? 0)
    if (Number(changes) > 0) return Number(lastInsertRowid)
  }
  const row = ledger.sql('UPDATE blob SET refs = refs + 1 WHERE hash = ? RETURNING id').get(hash)
  return row === undefined ? undefined : Number(row.id)
}

// The oldest living thread that shares a key, or a new one, named after its first email; all other keys lead there.
function joinThread(ledger: Ledger, account: AccountRow, email: EmailId, keys: readonly number[]): ThreadId {
  const insert = ledger.sql('INSERT INTO thread_key VALUES (?, ?, ?) ON CONFLICT (account, key) DO NOTHING')
  const taken = keys.filter((key) => Number(insert.run(account.id, key, email).changes) === 0)
  if (taken.length === 0) return email
  const threads = new Map<number, ThreadId>()
  for (const key of taken) {
    const row = ledger.sql('SELECT thread FROM thread_key WHERE account = ? AND key = ?').get(account.id, key)
    if (threadLives(ledger, account, Number(row?.thread))) threads.set(key, Number(row?.thread))
  }
  const thread = Math.min(email, ...threads.values())
  const update = ledger.sql('UPDATE thread_key SET thread = ? WHERE account = ? AND key = ?')
  for (const key of keys) if (!threads.has(key)) update.run(thread, account.id, key)
  return thread
}
