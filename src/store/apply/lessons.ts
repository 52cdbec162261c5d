// What people's handling of mail teaches, noted in the transaction in which they handle it, whatever client they use:
// roles/mda/learner.ts works it off. What our own verdict put into Junk is nobody's lesson.
// Told outright: an email comes into Junk or leaves it for another place than the bin, $Junk or $NotJunk is set, $Junk is
// taken away. Shown: it is answered, flagged, filed after reading, or read and kept in the inbox for days.
// Keywords: RFC 8621 §4.1.1. Without what is shown, people who only ever complain would teach spam alone.

import { flagBit, flagTest, SEEN, type StoredFlags } from '../flags.ts'
import type { EmailId } from '../nouns/mail.ts'
import { LESSONS } from '../nouns/watched.ts'
import { type Handler, noAccount } from './apply.ts'
import type { AccountRow, Ledger, MailboxRow } from './ledger.ts'
import { placementsOfEmail, releaseBlob } from './placements.ts'
import { noteComplaint } from './reports.ts'

const isJunk = flagTest('$junk')
const isNotJunk = flagTest('$notjunk')
const isAnswered = flagTest('\\answered')
const isFlagged = flagTest('\\flagged')

/** An email has come into a mailbox, left one, or both, by a person's hand. */
export function taughtByMove(
  ledger: Ledger,
  account: AccountRow,
  email: EmailId,
  way: { readonly from: MailboxRow | undefined; readonly to: MailboxRow | undefined; readonly flags: StoredFlags },
): void {
  const [from, to] = [way.from?.specialUse, way.to?.specialUse]
  if (to === 'junk') {
    if (from !== 'junk') teach(ledger, account, email, { isSpam: true, told: true })
    return
  }
  if (to === 'trash' || (from !== 'junk' && from !== 'inbox')) return
  const uses = usesOf(ledger, account, email)
  if (uses.includes('junk')) return
  if (from === 'junk') {
    if (uses.some((use) => use !== 'trash')) teach(ledger, account, email, { isSpam: false, told: true })
    return
  }
  const isFiled = !uses.includes('inbox') && uses.some((use) => use === null || use === 'archive')
  if (isFiled && (way.flags.bits & SEEN) !== 0) teach(ledger, account, email, { isSpam: false, told: false })
}

/** A person changed what is noted of an email, or brought it with this noted. */
export function taughtByFlags(
  ledger: Ledger,
  account: AccountRow,
  email: EmailId,
  before: StoredFlags,
  after: StoredFlags,
): void {
  const gained = (has: (bits: number, keywords: string) => boolean) =>
    has(after.bits, after.keywords) && !has(before.bits, before.keywords)
  const isSpam = gained(isJunk)
  if (isSpam || gained(isNotJunk)) {
    teach(ledger, account, email, { isSpam, told: true })
    return
  }
  const isCleared = isJunk(before.bits, before.keywords) && !isJunk(after.bits, after.keywords)
  if (!isCleared && !gained(isAnswered) && !gained(isFlagged)) return
  if (isJunk(after.bits, after.keywords)) return
  const uses = usesOf(ledger, account, email)
  if (uses.every((use) => use === null || use === 'inbox' || use === 'archive')) {
    teach(ledger, account, email, { isSpam: false, told: isCleared })
  }
}

/** Flags that show that a message is wanted. */
export const TEACHING = (flagBit('\\Answered') ?? 0) | (flagBit('\\Flagged') ?? 0)

/** Messages among these UIDs got flags that teach, with this MODSEQ: what of it is a lesson is found out later. */
export function noteTaughtLater(
  ledger: Ledger,
  at: { account: number; mailbox: number; modseq: number; range: readonly [number, number] },
): void {
  ledger
    .sql('INSERT INTO taught_later (account, mailbox, modseq, first, last) VALUES (?, ?, ?, ?, ?)')
    .run(at.account, at.mailbox, at.modseq, ...at.range)
  ledger.touch(LESSONS)
}

/** Makes lessons of the next messages that were flagged many at once. One that changed again since has been handled again. */
export const unfoldLessons: Handler<'lesson.unfold'> = (ledger, { limit }) => {
  const changed: number[] = []
  const next = ledger.sql('SELECT * FROM taught_later ORDER BY id LIMIT 1').get()
  if (next === undefined) return { ok: true, changed }
  const account = ledger.account(Number(next.account))
  const rows = ledger
    .sql(
      'SELECT uid, email, flags, keywords, modseq FROM placement WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ? LIMIT ?',
    )
    .all(next.account!, next.mailbox!, next.first!, next.last!, limit)
  for (const { uid, email, flags, keywords, modseq } of rows) {
    changed.push(Number(uid))
    if (modseq !== next.modseq || account === undefined) continue
    const now = { bits: Number(flags), keywords: String(keywords) }
    taughtByFlags(ledger, account, Number(email), { ...now, bits: now.bits & ~TEACHING }, now)
  }
  if (rows.length < limit) ledger.sql('DELETE FROM taught_later WHERE id = ?').run(next.id!)
  else ledger.sql('UPDATE taught_later SET first = ? WHERE id = ?').run(changed.at(-1)! + 1, next.id!)
  return { ok: true, changed, id: Number(next.id) }
}

/** What was read and has stayed in the inbox is wanted; every message is looked at once, when it is old enough. */
export const seasonInbox: Handler<'lesson.season'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const inbox = ledger.mailbox(account, 'inbox')
  const last = Number(ledger.sql('SELECT uid FROM seasoned WHERE account = ?').get(account.id)?.uid ?? 0)
  const changed: number[] = []
  if (inbox === undefined) return { ok: true, changed }
  const rows = ledger
    .sql('SELECT * FROM placement WHERE account = ? AND mailbox = ? AND uid > ? ORDER BY uid LIMIT ?')
    .all(account.id, inbox.id, last, command.limit)
  for (const { uid, email, flags, keywords, received_ms } of rows) {
    if (Number(received_ms) > command.beforeMs) break
    changed.push(Number(uid))
    if ((Number(flags) & SEEN) === 0 || isJunk(Number(flags), String(keywords))) continue
    if (!usesOf(ledger, account, Number(email)).includes('junk')) {
      teach(ledger, account, Number(email), { isSpam: false, told: false })
    }
  }
  if (changed.length > 0) {
    ledger
      .sql('INSERT INTO seasoned VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET uid = excluded.uid')
      .run(account.id, changed.at(-1)!)
  }
  return { ok: true, changed }
}

export const putLearned: Handler<'learned.put'> = (ledger, { states, throughLesson }) => {
  // An account may have gone while its lessons were being learned.
  const put = ledger.sql(
    `INSERT INTO learned SELECT ?1, ?2 WHERE ?1 <= 0 OR EXISTS (SELECT 1 FROM account WHERE id = ?1)
     ON CONFLICT (owner) DO UPDATE SET state = excluded.state`,
  )
  for (const { owner, state } of states) put.run(owner, state)
  for (const { blob } of ledger.sql('DELETE FROM lesson WHERE id <= ? RETURNING blob').all(throughLesson)) {
    releaseBlob(ledger, Number(blob))
  }
  return { ok: true }
}

/** The last word on an email counts, but what is only shown never takes the place of what was told. */
function teach(
  ledger: Ledger,
  account: AccountRow,
  email: EmailId,
  { isSpam, told }: { isSpam: boolean; told: boolean },
): void {
  const waiting = ledger.sql('SELECT id, told FROM lesson WHERE account = ? AND email = ?').get(account.id, email)
  if (waiting !== undefined && Number(waiting.told) === 1 && !told) return
  const row = ledger.sql('SELECT blob, verdict FROM email WHERE account = ? AND id = ?').get(account.id, email)
  if (row === undefined) return
  if (waiting !== undefined) ledger.sql('DELETE FROM lesson WHERE id = ?').run(Number(waiting.id))
  else ledger.sql('UPDATE blob SET refs = refs + 1 WHERE id = ?').run(Number(row.blob))
  ledger
    .sql('INSERT INTO lesson (account, email, blob, is_spam, told, verdict) VALUES (?, ?, ?, ?, ?, ?)')
    .run(account.id, email, Number(row.blob), isSpam ? 1 : 0, told ? 1 : 0, row.verdict ?? null)
  ledger.touch(LESSONS)
  if (isSpam && told) noteComplaint(ledger, account, email)
}

/** The uses of the mailboxes it is in. */
function usesOf(ledger: Ledger, account: AccountRow, email: EmailId) {
  return placementsOfEmail(ledger, account, email).map(
    ({ mailbox }) => account.mailboxes.get(mailbox)?.specialUse ?? null,
  )
}
