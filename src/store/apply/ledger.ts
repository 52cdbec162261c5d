// What the engine holds in memory of the accounts it is writing: their counters and their mailboxes. Commands change
// the counters here; `flush` writes each changed row once per group, however many messages came. This copy is right
// because there is one writer; after a transaction that failed it is thrown away (`forget`).

import type { Database, SqlValue, Statement } from '../../world/disk.ts'
import type { MailboxId, SpecialUse } from '../nouns/mail.ts'
import type { AccountId } from '../nouns/people.ts'

export interface AccountRow {
  readonly id: AccountId
  modseq: number
  nextId: number
  /** What it may hold; null: no limit. */
  quotaBytes: number | null
  quotaMessages: number | null
  readonly mailboxes: Map<MailboxId, MailboxRow>
  readonly byPath: Map<string, MailboxRow>
}

export interface MailboxRow {
  readonly account: AccountId
  readonly id: MailboxId
  path: string
  readonly specialUse: SpecialUse | null
  uidValidity: number
  uidNext: number
  highestModseq: number
  modseq: number
  readonly createdModseq: number
  total: number
  unseen: number
  sizeBytes: number
  /** Every keyword that a message here has had, joined by spaces. */
  keywords: string
}

/** What a group of batches touched, for those who watch. Accounts below one: see QUEUE and EVENTS. */
export type Touched = Map<AccountId, Set<MailboxId>>

const mailboxesKept = 50_000
const keywordsNoted = 500

export class Ledger {
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()
  readonly #accounts = new Map<AccountId, AccountRow>()
  readonly #dirtyAccounts = new Set<AccountRow>()
  readonly #dirtyMailboxes = new Set<MailboxRow>()
  #touched: Touched = new Map()
  #mailboxCount = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** The prepared statement for a fixed text. */
  sql(text: string): Statement {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#database.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  exec(text: string): void {
    this.#database.exec(text)
  }

  /** All of `work` or nothing of it, and with it that the view has come to this position. @throws what `work` throws */
  transaction<T>(position: number, work: () => T, beforeCommit: () => void = () => {}): T {
    this.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.flush()
      this.sql('UPDATE journal SET applied = ?').run(position)
      beforeCommit()
      this.exec('COMMIT')
      return result
    } catch (error) {
      this.forget()
      try {
        this.exec('ROLLBACK')
      } catch {
        // SQLite has rolled back by itself, as it does after SQLITE_FULL and SQLITE_IOERR.
      }
      throw error
    }
  }

  account(id: AccountId): AccountRow | undefined {
    const known = this.#accounts.get(id)
    if (known !== undefined) return known
    const row = this.sql('SELECT modseq, next_id, quota_bytes, quota_messages FROM account WHERE id = ?').get(id)
    if (row === undefined) return undefined
    const account: AccountRow = {
      id,
      modseq: Number(row.modseq),
      nextId: Number(row.next_id),
      quotaBytes: row.quota_bytes as number | null,
      quotaMessages: row.quota_messages as number | null,
      mailboxes: new Map(),
      byPath: new Map(),
    }
    for (const found of this.sql('SELECT * FROM mailbox WHERE account = ?').all(id)) {
      const mailbox: MailboxRow = {
        account: id,
        id: Number(found.id),
        path: String(found.path),
        specialUse: found.special_use as SpecialUse | null,
        uidValidity: Number(found.uid_validity),
        uidNext: Number(found.uid_next),
        highestModseq: Number(found.highest_modseq),
        modseq: Number(found.modseq),
        createdModseq: Number(found.created_modseq),
        total: Number(found.total),
        unseen: Number(found.unseen),
        sizeBytes: Number(found.size),
        keywords: String(found.keywords),
      }
      account.mailboxes.set(mailbox.id, mailbox)
      account.byPath.set(mailbox.path, mailbox)
    }
    this.#accounts.set(id, account)
    this.#mailboxCount += account.mailboxes.size
    return account
  }

  /** By id, or by use; a use that no mailbox has falls back to the inbox. */
  mailbox(account: AccountRow, which: MailboxId | SpecialUse): MailboxRow | undefined {
    if (typeof which === 'number') return account.mailboxes.get(which)
    if (which === 'inbox') return account.byPath.get('INBOX')
    for (const mailbox of account.mailboxes.values()) if (mailbox.specialUse === which) return mailbox
    return account.byPath.get('INBOX')
  }

  /** The account's next MODSEQ: one for each command that changes something. */
  nextModseq(account: AccountRow): number {
    this.#dirtyAccounts.add(account)
    this.touch(account.id)
    return ++account.modseq
  }

  nextId(account: AccountRow): number {
    this.#dirtyAccounts.add(account)
    return account.nextId++
  }

  /** Notes keywords (sorted, joined by spaces) that a message of this mailbox has now. */
  noteKeywords(mailbox: MailboxRow, keywords: string): void {
    if (keywords === '' || keywords === mailbox.keywords) return
    const known = mailbox.keywords === '' ? [] : mailbox.keywords.split(' ')
    const fresh = keywords.split(' ').filter((keyword) => !known.includes(keyword))
    if (fresh.length === 0 || known.length >= keywordsNoted) return
    mailbox.keywords = [...known, ...fresh].join(' ')
    this.#dirtyMailboxes.add(mailbox)
  }

  /** True if so much more fits into what the account may hold. */
  fits(account: AccountRow, bytes: number, messages: number): boolean {
    if (account.quotaBytes === null && account.quotaMessages === null) return true
    let usedBytes = bytes
    let usedMessages = messages
    for (const { sizeBytes, total } of account.mailboxes.values()) {
      usedBytes += sizeBytes
      usedMessages += total
    }
    return usedBytes <= (account.quotaBytes ?? Infinity) && usedMessages <= (account.quotaMessages ?? Infinity)
  }

  /** Notes that a mailbox's row changed; `messages`: something in it did, too. */
  changed(mailbox: MailboxRow, modseq: number, messages: boolean): void {
    mailbox.modseq = modseq
    if (messages) mailbox.highestModseq = modseq
    this.#dirtyMailboxes.add(mailbox)
    this.touch(mailbox.account).add(mailbox.id)
  }

  addMailbox(account: AccountRow, mailbox: MailboxRow): void {
    account.mailboxes.set(mailbox.id, mailbox)
    account.byPath.set(mailbox.path, mailbox)
    this.#mailboxCount++
    this.touch(account.id).add(mailbox.id)
    this.sql('INSERT INTO mailbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').run(...mailboxColumns(mailbox))
  }

  removeMailbox(account: AccountRow, mailbox: MailboxRow): void {
    account.mailboxes.delete(mailbox.id)
    account.byPath.delete(mailbox.path)
    this.#dirtyMailboxes.delete(mailbox)
    this.#mailboxCount--
    this.touch(account.id).add(mailbox.id)
    this.sql('DELETE FROM mailbox WHERE account = ? AND id = ?').run(account.id, mailbox.id)
  }

  /** Gives mailboxes new paths, all at once (a rename takes children along, and paths are unique meanwhile). */
  movePaths(account: AccountRow, moves: readonly (readonly [MailboxRow, string])[]): void {
    const statement = this.sql('UPDATE mailbox SET path = ? WHERE account = ? AND id = ?')
    for (const [mailbox] of moves) {
      account.byPath.delete(mailbox.path)
      statement.run(`//moving/${mailbox.id}`, account.id, mailbox.id)
    }
    for (const [mailbox, path] of moves) {
      mailbox.path = path
      account.byPath.set(path, mailbox)
      statement.run(path, account.id, mailbox.id)
    }
  }

  /** The account is gone, and what was to be written of it. */
  drop(id: AccountId): void {
    const account = this.#accounts.get(id)
    if (account === undefined) return
    this.#accounts.delete(id)
    this.#dirtyAccounts.delete(account)
    for (const mailbox of account.mailboxes.values()) this.#dirtyMailboxes.delete(mailbox)
    this.#mailboxCount -= account.mailboxes.size
  }

  /** Notes a change for those who watch. */
  touch(account: AccountId): Set<MailboxId> {
    let mailboxes = this.#touched.get(account)
    if (mailboxes === undefined) this.#touched.set(account, (mailboxes = new Set()))
    return mailboxes
  }

  /** What was touched since the last call, with each account's MODSEQ. */
  takeTouched(): { account: AccountId; mailboxes: MailboxId[]; modseq: number }[] {
    const changes = [...this.#touched].map(([account, mailboxes]) => ({
      account,
      mailboxes: [...mailboxes],
      modseq: this.#accounts.get(account)?.modseq ?? 0,
    }))
    this.#touched = new Map()
    return changes
  }

  /** Writes the changed counters. Last thing before COMMIT. */
  flush(): void {
    for (const { id, modseq, nextId } of this.#dirtyAccounts) {
      this.sql('UPDATE account SET modseq = ?, next_id = ? WHERE id = ?').run(modseq, nextId, id)
    }
    for (const row of this.#dirtyMailboxes) {
      this.sql(
        `UPDATE mailbox SET uid_validity = ?, uid_next = ?, highest_modseq = ?, modseq = ?, total = ?, unseen = ?, size = ?, keywords = ?
         WHERE account = ? AND id = ?`,
      ).run(
        row.uidValidity,
        row.uidNext,
        row.highestModseq,
        row.modseq,
        row.total,
        row.unseen,
        row.sizeBytes,
        row.keywords,
        row.account,
        row.id,
      )
    }
    this.#dirtyAccounts.clear()
    this.#dirtyMailboxes.clear()
  }

  /** After COMMIT: keeps memory bounded. */
  trim(): void {
    if (this.#mailboxCount > mailboxesKept) this.forget()
  }

  /** After ROLLBACK: nothing here is true any more. */
  forget(): void {
    this.#accounts.clear()
    this.#dirtyAccounts.clear()
    this.#dirtyMailboxes.clear()
    this.#touched = new Map()
    this.#mailboxCount = 0
  }
}

function mailboxColumns(row: MailboxRow): SqlValue[] {
  const { account, id, path, specialUse, uidValidity, uidNext, highestModseq, modseq, createdModseq } = row
  const { total, unseen, sizeBytes, keywords } = row
  return [
    account,
    id,
    path,
    specialUse,
    uidValidity,
    uidNext,
    highestModseq,
    modseq,
    createdModseq,
    total,
    unseen,
    sizeBytes,
    keywords,
  ]
}
