// Reads that a protocol needs to show a mailbox of any size at once: without a list of all its messages.

import type { Database } from '../world/disk.ts'
import type { UidSet } from './commands.ts'
import { DELETED, SEEN } from './flags.ts'
import type { EmailId } from './types.ts'

const PRESENT = `SELECT m.uid_next, e.uid FROM mailbox AS m
  LEFT JOIN expunged AS e ON e.account = m.account AND e.mailbox = m.id WHERE m.account = ? AND m.id = ?`
const SEEN_IN_ORDER = `SELECT uid, flags & ${SEEN} AS seen FROM placement WHERE account = ? AND mailbox = ?`
const DELETED_SUM = `SELECT count(*) AS messages, coalesce(sum(size), 0) AS bytes FROM placement
  WHERE account = ? AND mailbox = ? AND flags & ${DELETED}`

/** Flags as the store keeps them: presentFlags(flags, keywords). */
export interface FlagRow {
  readonly uid: number
  readonly flags: number
  readonly keywords: string
  readonly modseq: number
}

const IN_RANGE = 'account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid'

export class ContentsReads {
  readonly #present
  readonly #flags
  readonly #envelopes
  readonly #oldest
  readonly #newest
  readonly #deleted
  readonly #unseen

  constructor(database: Database) {
    this.#present = database.prepare(PRESENT)
    this.#flags = database.prepare(`SELECT uid, flags, keywords, modseq FROM placement WHERE ${IN_RANGE}`)
    this.#envelopes = database.prepare(
      `SELECT p.email AS email, e.text AS text FROM placement AS p
       JOIN envelope AS e ON e.account = p.account AND e.email = p.email
       WHERE p.account = ? AND p.mailbox = ? AND p.uid BETWEEN ? AND ?`,
    )
    this.#oldest = database.prepare(`${SEEN_IN_ORDER} ORDER BY uid LIMIT ?`)
    this.#newest = database.prepare(`${SEEN_IN_ORDER} ORDER BY uid DESC LIMIT ?`)
    this.#deleted = database.prepare(DELETED_SUM)
    this.#unseen = database.prepare('SELECT unseen FROM mailbox WHERE account = ? AND id = ?')
  }

  /**
   * The UIDs that are there. Nothing forgets an expunged UID while its mailbox lives: what is below UIDNEXT and was not
   * expunged is there. One statement, so that all of it is of one moment.
   */
  uidRanges(account: number, mailbox: number): UidSet {
    const rows = this.#present.all(account, mailbox)
    if (rows.length === 0) return []
    const gone = rows.flatMap(({ uid }) => (uid === null ? [] : [uid as number])).sort((a, b) => a - b)
    const ranges: [number, number][] = []
    let next = 1
    for (const uid of [...gone, rows[0]!.uid_next as number]) {
      if (uid > next) ranges.push([next, uid - 1])
      next = uid + 1
    }
    return ranges
  }

  /** The first message without \\Seen, where it is among the `within` oldest, or all such are among the newest. */
  firstUnseen(account: number, mailbox: number, within: number): number | undefined {
    const unseen = Number(this.#unseen.get(account, mailbox)?.unseen ?? 0)
    if (unseen === 0) return undefined
    const oldest = this.#oldest.all(account, mailbox, within).find(({ seen }) => seen === 0)
    if (oldest !== undefined) return oldest.uid as number
    const newest = this.#newest.all(account, mailbox, within).filter(({ seen }) => seen === 0)
    return newest.length === unseen ? (newest.at(-1)!.uid as number) : undefined
  }

  /** What a list of flags needs of these messages, in UID order, and no more. */
  flags(account: number, mailbox: number, fromUid: number, toUid: number): FlagRow[] {
    return this.#flags.all(account, mailbox, fromUid, toUid) as unknown as FlagRow[]
  }

  /** The envelopes of these messages, by email; of emails that came before envelopes were kept there is none. */
  envelopes(account: number, mailbox: number, fromUid: number, toUid: number): Map<EmailId, string> {
    const rows = this.#envelopes.all(account, mailbox, fromUid, toUid)
    return new Map(rows.map(({ email, text }) => [email as number, text as string]))
  }

  /** Messages with \\Deleted, and their bytes. */
  deleted(account: number, mailbox: number): { messages: number; bytes: number } {
    const row = this.#deleted.get(account, mailbox)
    return { messages: Number(row?.messages), bytes: Number(row?.bytes) }
  }
}
