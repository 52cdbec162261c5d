// Reads about what Authors and contract partners send, and of the queue what waits for a decision about them.

import { hash } from 'node:crypto'
import type { Database } from '../../world/disk.ts'
import type { OutgoingHour } from '../nouns/outgoing.ts'
import type { Row } from './rows.ts'
import { Statements } from './statements.ts'

interface OutgoingEntry {
  readonly id: number
  readonly state: string
  readonly nextAttemptAtMs: number
  readonly forwardPath: string
}

export class OutgoingReads {
  readonly #statements: Statements

  constructor(database: Database) {
    this.#statements = new Statements(database)
  }

  /** What this sender did, hour by hour, from one on. */
  hours(sender: string, fromHour: number, limit = 1000): OutgoingHour[] {
    const sql = 'SELECT * FROM outgoing_hour WHERE sender = ? AND hour >= ? ORDER BY hour LIMIT ?'
    return this.#statements.all(hourOf, sql, sender, fromHour, limit)
  }

  /** How many strangers got much the same text: three of its four prints agree. */
  alike(sender: string, prints: readonly number[], fromHour: number): number {
    const sql = `SELECT strangers FROM outgoing_like WHERE sender = ?
      AND print IN (SELECT value FROM json_each(?)) AND hour >= ? ORDER BY strangers DESC LIMIT 1 OFFSET 2`
    return this.#statements.all((row) => Number(row.strangers), sql, sender, JSON.stringify(prints), fromHour)[0] ?? 0
  }

  /** Where this sender stands: JSON; undefined: nothing is against him. */
  standing(sender: string): string | undefined {
    return this.#statements.all(
      (row) => row.standing as string,
      'SELECT standing FROM outgoing_standing WHERE sender = ?',
      sender,
    )[0]
  }

  standings(): { sender: string; standing: string }[] {
    return this.#statements.all(
      (row) => ({ sender: row.sender as string, standing: row.standing as string }),
      'SELECT * FROM outgoing_standing ORDER BY sender',
    )
  }

  /** How much of this sender's mail waits for a decision, or for its turn. */
  waiting(sender: string): { held: number; heldMessages: number; slowed: number } {
    const sql = `SELECT coalesce(sum(state = 'held'), 0) AS held, coalesce(sum(state = 'waiting'), 0) AS slowed,
      count(DISTINCT CASE state WHEN 'held' THEN trace END) AS messages FROM queue WHERE ${SENDER} = ?`
    return this.#statements.all(
      (row) => ({ held: Number(row.held), heldMessages: Number(row.messages), slowed: Number(row.slowed) }),
      sql,
      sender,
    )[0]!
  }

  /** When the last of what waits for its turn may leave; undefined: nothing waits. */
  lastTurnMs(sender: string): number | undefined {
    const sql = `SELECT max(next_ms) AS last FROM queue WHERE ${SENDER} = ? AND state = 'waiting'`
    const [last] = this.#statements.all((row) => row.last, sql, sender)
    return last === null || last === undefined ? undefined : Number(last)
  }

  /** Queue entries of this sender that the ladder slowed or held, after an id. */
  entries(sender: string, afterId: number, limit: number): OutgoingEntry[] {
    const sql = `SELECT id, state, next_ms, forward_path FROM queue WHERE ${SENDER} = ? AND id > ? ORDER BY id LIMIT ?`
    return this.#statements.all(
      (row) => ({
        id: Number(row.id),
        state: row.state as string,
        nextAttemptAtMs: Number(row.next_ms),
        forwardPath: row.forward_path as string,
      }),
      sql,
      sender,
      afterId,
      limit,
    )
  }

  /** On which day (since 1970) it was noted that this account wrote to this address; undefined: it never did. */
  metDay(account: number, address: string): number | undefined {
    const sql = 'SELECT day FROM acquaintance WHERE account = ? AND print = ?'
    return this.#statements.one((row) => Number(row.day), sql, account, printOf(address))
  }

  /** Conversations of an account that a message belongs to, by the keys of threads.ts. */
  conversations(account: number, keys: readonly number[]): number[] {
    const sql = 'SELECT DISTINCT thread FROM thread_key WHERE account = ? AND key IN (SELECT value FROM json_each(?))'
    return this.#statements.all((row) => Number(row.thread), sql, account, JSON.stringify(keys))
  }

  createdMs(account: number): number {
    return (
      this.#statements.all(
        (row) => Number(row.created_ms),
        'SELECT created_ms FROM account WHERE id = ?',
        account,
      )[0] ?? 0
    )
  }

  /** Who keeps contacts. */
  keepersOfContacts(): number[] {
    return this.#statements.all(
      (row) => Number(row.account),
      "SELECT DISTINCT account FROM object WHERE kind = 'contact'",
    )
  }
}

/** An address as 52 bits of SHA-256: nobody's correspondents can be read from it. */
export function printOf(address: string): number {
  return Number.parseInt(hash('sha256', address.toLowerCase()).slice(0, 13), 16)
}

/** As the index has it. */
const SENDER = "json_extract(parameters, '$.sender')"

const hourOf = (row: Row): OutgoingHour => ({
  hour: Number(row.hour),
  acquainted: Number(row.acquainted),
  recipients: Number(row.recipients),
  strangers: Number(row.strangers),
  suspects: Number(row.suspects),
  refused: Number(row.refused),
  complaints: Number(row.complaints),
})
