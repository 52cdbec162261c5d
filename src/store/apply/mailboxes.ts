// Commands on mailboxes: create, rename, delete, subscribe (RFC 9051 §6.3.4 to §6.3.7). UIDVALIDITY comes from one
// counter of the store that only rises, so that no name ever carries the same one for other messages (§2.3.1.1).

import type { SpecialUse } from '../nouns/mail.ts'
import { type Handler, noAccount, noMailbox, refuse, resolveAccount, resolveId } from './apply.ts'
import { isUid, skipUids } from './brought.ts'
import type { AccountRow, Ledger, MailboxRow } from './ledger.ts'
import { movePlacements, removePlacements } from './placements.ts'

export const createMailbox: Handler<'mailbox.create'> = (ledger, command, made) => {
  const account = resolveAccount(ledger, command.account, made)
  if (account === undefined) return noAccount
  const path = normalPath(command.path)
  if (path === undefined) return refuse('forbidden', `'${command.path}' cannot be a mailbox name.`)
  const there = account.byPath.get(path)
  if (there !== undefined && command.orExisting === true) return { ok: true, id: there.id, modseq: account.modseq }
  if (there !== undefined) return refuse('exists', `The mailbox ${path} exists already.`)
  const use = command.specialUse ?? null
  if (use !== null && [...account.mailboxes.values()].some((mailbox) => mailbox.specialUse === use)) {
    return refuse('exists', `Another mailbox has the use ${use} already.`)
  }
  const modseq = ledger.nextModseq(account)
  insertParents(ledger, account, path, modseq, command.nowMs)
  return { ok: true, id: insertMailbox(ledger, account, path, use, modseq, command.nowMs).id, modseq }
}

export const renameMailbox: Handler<'mailbox.rename'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const mailbox = account.mailboxes.get(command.mailbox)
  if (mailbox === undefined) return noMailbox
  const path = normalPath(command.path)
  if (path === undefined) return refuse('forbidden', `'${command.path}' cannot be a mailbox name.`)
  if (path === mailbox.path) return { ok: true, id: mailbox.id, modseq: account.modseq }
  if (account.byPath.has(path)) return refuse('exists', `The mailbox ${path} exists already.`)
  // RFC 9051 §6.3.6: renaming INBOX moves its messages to a new mailbox and leaves INBOX, and its children, in place.
  if (mailbox.path === 'INBOX') {
    const modseq = ledger.nextModseq(account)
    insertParents(ledger, account, path, modseq, command.nowMs)
    const target = insertMailbox(ledger, account, path, null, modseq, command.nowMs)
    movePlacements(ledger, account, mailbox, target, modseq)
    return { ok: true, id: target.id, modseq }
  }
  const prefix = `${mailbox.path}/`
  if (path.startsWith(prefix)) return refuse('forbidden', 'A mailbox cannot be moved below itself.')
  const moves = [...account.mailboxes.values()]
    .filter((other) => other === mailbox || other.path.startsWith(prefix))
    .map((other) => [other, path + other.path.slice(mailbox.path.length)] as const)
  const moving = new Set(moves.map(([other]) => other))
  for (const [, target] of moves) {
    const there = account.byPath.get(target)
    if (there !== undefined && !moving.has(there)) return refuse('exists', `The mailbox ${target} exists already.`)
    if (target.length > longestPath) return refuse('forbidden', `${target} is too long for a mailbox name.`)
  }
  const modseq = ledger.nextModseq(account)
  insertParents(ledger, account, path, modseq, command.nowMs)
  ledger.movePaths(account, moves)
  for (const [other] of moves) ledger.changed(other, modseq, false)
  return { ok: true, id: mailbox.id, modseq }
}

export const deleteMailbox: Handler<'mailbox.delete'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const mailbox = account.mailboxes.get(command.mailbox)
  if (mailbox === undefined) return noMailbox
  if (mailbox.path === 'INBOX') return refuse('forbidden', 'INBOX cannot be deleted.')
  const modseq = ledger.nextModseq(account)
  removePlacements(ledger, account, mailbox, [[1, Number.MAX_SAFE_INTEGER]], false, modseq, command.nowMs)
  ledger.sql('DELETE FROM expunged WHERE account = ? AND mailbox = ?').run(account.id, mailbox.id)
  ledger.sql('INSERT INTO mailbox_gone VALUES (?, ?, ?, ?)').run(account.id, modseq, mailbox.id, mailbox.createdModseq)
  ledger.sql('DELETE FROM metadata WHERE account = ? AND mailbox = ?').run(account.id, mailbox.id)
  ledger.sql('DELETE FROM acl WHERE account = ? AND mailbox = ?').run(account.id, mailbox.id)
  forgetOrder(ledger, mailbox)
  ledger.removeMailbox(account, mailbox)
  return { ok: true, id: mailbox.id, modseq }
}

export const adoptMailbox: Handler<'mailbox.adopt'> = (ledger, command, made) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const id = resolveId(command.mailbox, made)
  const mailbox = id === undefined ? undefined : account.mailboxes.get(id)
  if (mailbox === undefined) return noMailbox
  const { uidValidity = mailbox.uidValidity, uidNext = mailbox.uidNext } = command
  if (!isUid(uidNext) || uidNext < mailbox.uidNext)
    return refuse('conflict', `UIDNEXT of ${mailbox.path} is ${mailbox.uidNext} already.`)
  if (uidValidity !== mailbox.uidValidity) {
    // RFC 9051 §2.3.1.1: clients may have kept UIDs under the one that is here, or under this one.
    if (mailbox.uidNext > 1) return refuse('conflict', `${mailbox.path} has given UIDs already.`)
    if (!Number.isInteger(uidValidity) || uidValidity < 1 || uidValidity > LAST_ADOPTED)
      return refuse('conflict', `${uidValidity} is no UIDVALIDITY that can be followed by others.`)
    const isUsed = [...account.mailboxes.values()].some((other) => other.uidValidity === uidValidity)
    const { changes } = isUsed
      ? { changes: 0 }
      : ledger.sql('INSERT OR IGNORE INTO adopted VALUES (?, ?)').run(account.id, uidValidity)
    if (Number(changes) === 0) return refuse('conflict', `The UIDVALIDITY ${uidValidity} is or was another mailbox's.`)
    mailbox.uidValidity = uidValidity
    raiseUidValidity(ledger, uidValidity)
  }
  // Clients that come along have seen MODSEQs there (RFC 7162 §3.1.1): here they only rise.
  account.modseq = Math.max(account.modseq, Math.min(command.modseq ?? 0, HIGHEST_ADOPTED_MODSEQ))
  const modseq = ledger.nextModseq(account)
  skipUids(ledger, mailbox, uidNext, modseq)
  ledger.changed(mailbox, modseq, true)
  return { ok: true, id: mailbox.id, modseq }
}

export const sortMailbox: Handler<'mailbox.sort'> = (ledger, command, made) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const id = typeof command.mailbox === 'number' ? command.mailbox : resolveId(command.mailbox, made)
  const mailbox = id === undefined ? undefined : account.mailboxes.get(id)
  if (mailbox === undefined) return noMailbox
  if (command.sortOrder === null) forgetOrder(ledger, mailbox)
  else {
    ledger.sql('INSERT OR REPLACE INTO mailbox_order VALUES (?, ?, ?)').run(account.id, mailbox.id, command.sortOrder)
  }
  const modseq = ledger.nextModseq(account)
  ledger.changed(mailbox, modseq, false)
  return { ok: true, id: mailbox.id, modseq }
}

function forgetOrder(ledger: Ledger, { account, id }: MailboxRow): void {
  ledger.sql('DELETE FROM mailbox_order WHERE account = ? AND mailbox = ?').run(account, id)
}

export const subscribeMailbox: Handler<'mailbox.subscribe'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const path = normalPath(command.path)
  if (path === undefined) return refuse('forbidden', `'${command.path}' cannot be a mailbox name.`)
  const sql = command.subscribed
    ? 'INSERT OR IGNORE INTO subscription VALUES (?, ?)'
    : 'DELETE FROM subscription WHERE account = ? AND path = ?'
  const { changes } = ledger.sql(sql).run(account.id, path)
  if (Number(changes) === 0) return { ok: true, modseq: account.modseq }
  const modseq = ledger.nextModseq(account)
  const mailbox = account.byPath.get(path)
  if (mailbox !== undefined) ledger.changed(mailbox, modseq, false)
  return { ok: true, modseq }
}

/** The path must be free, and its parents there. */
export function insertMailbox(
  ledger: Ledger,
  account: AccountRow,
  path: string,
  specialUse: SpecialUse | null,
  modseq: number,
  nowMs: number,
): MailboxRow {
  const mailbox: MailboxRow = {
    account: account.id,
    id: ledger.nextId(account),
    path,
    specialUse,
    uidValidity: nextUidValidity(ledger, nowMs),
    uidNext: 1,
    highestModseq: modseq,
    modseq,
    createdModseq: modseq,
    total: 0,
    unseen: 0,
    sizeBytes: 0,
    keywords: '',
  }
  ledger.addMailbox(account, mailbox)
  // RFC 4314 §4: who may use a mailbox may use what is made below it.
  const above = account.byPath.get(path.slice(0, Math.max(0, path.lastIndexOf('/'))))
  if (above !== undefined) {
    ledger
      .sql('INSERT INTO acl SELECT account, ?, identifier, rights FROM acl WHERE account = ? AND mailbox = ?')
      .run(mailbox.id, account.id, above.id)
  }
  return mailbox
}

// RFC 9051 §6.3.4: a server SHOULD create superior names that do not exist.
function insertParents(ledger: Ledger, account: AccountRow, path: string, modseq: number, nowMs: number): void {
  for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
    const parent = path.slice(0, slash)
    if (!account.byPath.has(parent)) insertMailbox(ledger, account, parent, null, modseq, nowMs)
  }
}

// The time in seconds where it can be, and always more than any before: right even when the clock goes back.
function nextUidValidity(ledger: Ledger, nowMs: number): number {
  const last = Number(ledger.sql("SELECT value FROM setting WHERE key = 'uidvalidity.last'").get()?.value ?? 0)
  const next = Math.max(last + 1, Math.floor(nowMs / 1000), 1)
  raiseUidValidity(ledger, next)
  return next
}

/** Those that come are higher. */
function raiseUidValidity(ledger: Ledger, to: number): void {
  ledger
    .sql(
      `INSERT INTO setting VALUES ('uidvalidity.last', ?) ON CONFLICT (key) DO UPDATE
       SET value = excluded.value WHERE CAST(value AS INTEGER) < CAST(excluded.value AS INTEGER)`,
    )
    .run(String(to))
}

/** An email's id is a MODSEQ, and both are exact as numbers for long after this. */
const HIGHEST_ADOPTED_MODSEQ = 2 ** 48
/** Of 32 bits (RFC 9051 §2.3.1.1) something is left for mailboxes to come. */
const LAST_ADOPTED = 0xf000_0000

const longestPath = 1000

/** NFC, 'INBOX' in capitals as the first part (RFC 9051 §5.1); undefined when it cannot be a name. */
/** The one form of a mailbox's path; undefined where it cannot be one. */
export function normalPath(path: string): string | undefined {
  const parts = path.normalize('NFC').split('/')
  if (path.length > longestPath || parts.some((part) => part === '' || /[\x00-\x1f\x7f]/.test(part))) return undefined
  if (parts[0]!.toUpperCase() === 'INBOX') parts[0] = 'INBOX'
  return parts.join('/')
}
