// Reads that a protocol needs to show a mailbox of any size at once: without a list of all its messages.

import type { Database } from '../../world/disk.ts'
import type { UidSet } from '../commands.ts'
import { DELETED, SEEN } from '../flags.ts'
import type { BlobRef } from '../nouns/bodies.ts'
import type { EmailId, Placement } from '../nouns/mail.ts'
import { type PlacementCondition, type PlacementIndex, placementsFrom } from './placement-query.ts'
import { BLOB_COLUMNS, blobOf, placementOf } from './rows.ts'
import { Statements } from './statements.ts'

// UIDNEXT first, then what below it is not there.
const PRESENT = `SELECT 0 AS gone, uid_next AS first, uid_next AS last FROM mailbox WHERE account = ?1 AND id = ?2
  UNION ALL SELECT 1, uid, uid FROM expunged WHERE account = ?1 AND mailbox = ?2
  UNION ALL SELECT 1, first, last FROM uid_gap WHERE account = ?1 AND mailbox = ?2`
const GAPS = 'SELECT first, last FROM uid_gap WHERE account = ? AND mailbox = ? AND modseq > ? ORDER BY first'
const FIRST_UNSEEN = `SELECT uid FROM placement INDEXED BY placement_unseen
  WHERE account = ? AND mailbox = ? AND flags & ${SEEN} = 0 ORDER BY uid LIMIT 1`
const DELETED_SUM = `SELECT count(*) AS messages, coalesce(sum(size), 0) AS bytes FROM placement INDEXED BY placement_deleted
  WHERE account = ? AND mailbox = ? AND flags & ${DELETED}`

/** Flags as the store keeps them: presentFlags(flags, keywords). */
export interface FlagRow {
  readonly uid: number
  readonly flags: number
  readonly keywords: string
  readonly modseq: number
}

const IN_RANGE = 'account = ? AND mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid'

/** A message that a search found. */
export type FoundPlacement = Pick<Placement, 'uid' | 'email' | 'modseq'>

const PLACEMENT_COLUMNS = 'mailbox, uid, email, flags, keywords, modseq, saved_ms, received_ms, size'

export class ContentsReads {
  readonly #statements: Statements
  readonly #present
  readonly #flags
  readonly #envelopes
  readonly #bodies
  readonly #gaps
  readonly #deleted
  readonly #unseen

  constructor(database: Database) {
    this.#statements = new Statements(database)
    this.#present = database.prepare(PRESENT)
    this.#flags = database.prepare(`SELECT uid, flags, keywords, modseq FROM placement WHERE ${IN_RANGE}`)
    this.#envelopes = database.prepare(
      `SELECT p.email AS email, e.text AS text FROM placement AS p
       JOIN envelope AS e ON e.account = p.account AND e.email = p.email
       WHERE p.account = ? AND p.mailbox = ? AND p.uid BETWEEN ? AND ?`,
    )
    this.#bodies = database.prepare(
      `SELECT p.email AS email, ${BLOB_COLUMNS} FROM placement AS p
       JOIN email AS e ON e.account = p.account AND e.id = p.email JOIN blob ON blob.id = e.blob
       WHERE p.account = ? AND p.mailbox = ? AND p.uid BETWEEN ? AND ?`,
    )
    this.#gaps = database.prepare(GAPS)
    this.#deleted = database.prepare(DELETED_SUM)
    this.#unseen = database.prepare(FIRST_UNSEEN)
  }

  /**
   * The UIDs that are there. Nothing forgets an expunged UID while its mailbox lives: what is below UIDNEXT, was given
   * and was not expunged is there. One statement, so that all of it is of one moment.
   */
  uidRanges(account: number, mailbox: number): UidSet {
    const rows = this.#present.all(account, mailbox) as unknown as { gone: number; first: number; last: number }[]
    const end = rows.find(({ gone }) => gone === 0)
    if (end === undefined) return []
    const ranges: [number, number][] = []
    let next = 1
    for (const { first, last } of [...rows.filter((row) => row !== end).sort((a, b) => a.first - b.first), end]) {
      if (first > next) ranges.push([next, first - 1])
      next = last + 1
    }
    return ranges
  }

  /** UIDs that were never given here, as far as that was settled after `modseq`: a client may have seen them elsewhere. */
  neverGiven(account: number, mailbox: number, modseq: number): UidSet {
    return this.#gaps.all(account, mailbox, modseq).map(({ first, last }) => [first as number, last as number] as const)
  }

  /** The first message without \\Seen. */
  firstUnseen(account: number, mailbox: number): number | undefined {
    return this.#unseen.get(account, mailbox)?.uid as number | undefined
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

  /** Where the bodies of these messages lie, by email. */
  bodies(account: number, mailbox: number, fromUid: number, toUid: number): Map<EmailId, BlobRef> {
    const rows = this.#bodies.all(account, mailbox, fromUid, toUid)
    return new Map(rows.map((row) => [row.email as number, blobOf(row)]))
  }

  /** The messages of a range of UIDs of which this is true, in their order. */
  matching(
    account: number,
    mailbox: number,
    [fromUid, toUid]: readonly [number, number],
    condition: PlacementCondition,
    index?: PlacementIndex,
  ): FoundPlacement[] {
    const { text, parameters } = placementsFrom([account, mailbox, fromUid, toUid], condition, index)
    // As lists in one row: a row for each of a million would cost ten times as much.
    const statement = this.#statements.prepared(
      `SELECT json_group_array(uid) AS uids, json_group_array(email) AS emails, json_group_array(modseq) AS modseqs
       FROM (SELECT uid, email, modseq ${text})`,
    )
    const row = statement.get(...parameters)!
    const [uids, emails, modseqs] = [row.uids, row.emails, row.modseqs].map((list) => JSON.parse(list as string))
    return (uids as number[]).map((uid, at) => ({ uid, email: emails[at], modseq: modseqs[at] }))
  }

  /** The same with all that is known of them, at most so many. */
  placementsWhere(
    account: number,
    mailbox: number,
    [fromUid, toUid]: readonly [number, number],
    condition: PlacementCondition,
    limit: number,
    index?: PlacementIndex,
  ): Placement[] {
    const { text, parameters } = placementsFrom([account, mailbox, fromUid, toUid], condition, index)
    return this.#statements
      .prepared(`SELECT ${PLACEMENT_COLUMNS} ${text} LIMIT ?`)
      .all(...parameters, limit)
      .map(placementOf)
  }

  /** Messages with \\Deleted, and their bytes. */
  deleted(account: number, mailbox: number): { messages: number; bytes: number } {
    const row = this.#deleted.get(account, mailbox)
    return { messages: Number(row?.messages), bytes: Number(row?.bytes) }
  }
}
