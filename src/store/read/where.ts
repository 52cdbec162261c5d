// Reads that find a message by whatever somebody knows of it: an address, a Message-ID, an IP address, words of its subject
// or of what was said. All but the words are found by an index; words are looked for among the newest events first.

import type { Database, SqlValue } from '../../world/disk.ts'
import type { TrackEvent } from '../nouns/tracking.ts'
import { eventOf } from './rows.ts'

/** Where a message lies in a mailbox now. */
export interface FoundPlace {
  readonly mailbox: string
  readonly uid: number
}

/** One recipient that still waits in the queue. */
export interface FoundWaiting {
  readonly forwardPath: string
  readonly state: string
  readonly nextAttemptAtMs: number
  readonly lastReply: string
}

/** A message counts as put there when it was, give or take. */
const NEAR_MS = 5000
const MAX_EVENTS = 2000

export class WhereReads {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Traces, the newest first. */
  byAddress(address: string, limit: number): string[] {
    const sql = (column: string) =>
      `SELECT trace FROM event WHERE ${column} = ? COLLATE NOCASE AND ${column} <> '' ORDER BY id DESC LIMIT ?`
    return distinct([
      ...this.#traces(sql('forward_path'), address, limit),
      ...this.#traces(sql('reverse_path'), address, limit),
    ])
  }

  byMessageId(messageId: string, limit: number): string[] {
    return this.#traces(
      `SELECT trace FROM event WHERE message_id = ? AND message_id <> '' ORDER BY id DESC LIMIT ?`,
      messageId,
      limit,
    )
  }

  byIp(ip: string, limit: number): string[] {
    const sql = `SELECT trace FROM event WHERE json_extract(detail, '$.ip') = ? ORDER BY id DESC LIMIT ?`
    return this.#traces(sql, ip, limit)
  }

  /** Words as they stand in what was said of a message. */
  byText(words: string, limit: number): string[] {
    return this.#traces(
      `SELECT trace FROM event WHERE text LIKE ? ESCAPE '\\' ORDER BY id DESC LIMIT ?`,
      like(words),
      limit,
    )
  }

  /** Words as they stand in the subject of what Authors here sent. */
  bySentSubject(words: string, limit: number): string[] {
    const sql = `SELECT trace FROM sent WHERE json_extract(about, '$.subject') LIKE ? ESCAPE '\\' ORDER BY id DESC LIMIT ?`
    return this.#traces(sql, like(words), limit)
  }

  /** Message-IDs of mail in mailboxes here whose subject holds the words. */
  messageIdsBySubject(words: string, limit: number): string[] {
    const sql = `SELECT json_extract(summary, '$.messageId[0]') AS id FROM email
      WHERE json_extract(summary, '$.subject') LIKE ? ESCAPE '\\' ORDER BY received_ms DESC LIMIT ?`
    return this.#all(sql, like(words), limit).flatMap(({ id }) => (typeof id === 'string' ? [id] : []))
  }

  story(trace: string): TrackEvent[] {
    return this.#all('SELECT * FROM event WHERE trace = ? ORDER BY id LIMIT ?', trace, MAX_EVENTS).map(eventOf)
  }

  /** Of a message that an Author here sent. */
  sentSubject(trace: string): string | undefined {
    const row = this.#all(`SELECT json_extract(about, '$.subject') AS subject FROM sent WHERE trace = ?`, trace)[0]
    return typeof row?.subject === 'string' ? row.subject : undefined
  }

  waiting(trace: string): FoundWaiting[] {
    return this.#all(
      // Of a lane that rests, what it waits for is said there.
      `SELECT forward_path, state, max(queue.next_ms, rest_ms) AS next_ms, CASE WHEN rest_ms > queue.next_ms
        AND lane.last_reply <> '' THEN lane.last_reply ELSE queue.last_reply END AS last_reply
        FROM queue JOIN queue_lane AS lane ON lane.domain = queue.domain AND lane.share = queue.share
        WHERE trace = ? LIMIT 1000`,
      trace,
    ).map(({ forward_path, state, next_ms, last_reply }) => ({
      forwardPath: String(forward_path),
      state: String(state),
      nextAttemptAtMs: Number(next_ms),
      lastReply: String(last_reply),
    }))
  }

  /** Where the message that came to this account then lies now: its owner may have moved it. */
  places(account: number, messageId: string, atMs: number): FoundPlace[] {
    const sql = `SELECT mailbox.path, placement.uid FROM mailbox
      JOIN placement ON placement.account = mailbox.account AND placement.mailbox = mailbox.id
        AND placement.received_ms BETWEEN ? AND ?
      JOIN email ON email.account = placement.account AND email.id = placement.email
      WHERE mailbox.account = ? AND json_extract(email.summary, '$.messageId[0]') = ? LIMIT 10`
    return this.#all(sql, atMs - NEAR_MS, atMs + NEAR_MS, account, messageId).map(({ path, uid }) => ({
      mailbox: String(path),
      uid: Number(uid),
    }))
  }

  /** Whose mailbox is at this address. */
  account(address: string): number | undefined {
    const row = this.#all('SELECT account FROM address WHERE address = ?', address.toLowerCase())[0]
    return row === undefined ? undefined : Number(row.account)
  }

  #traces(sql: string, ...parameters: SqlValue[]): string[] {
    return distinct(this.#all(sql, ...parameters).map(({ trace }) => String(trace)))
  }

  #all(sql: string, ...parameters: SqlValue[]) {
    return this.#database.prepare(sql).all(...parameters)
  }
}

const distinct = (traces: readonly string[]) => [...new Set(traces)]
const like = (words: string) => `%${words.replace(/[\\%_]/g, '\\$&')}%`
