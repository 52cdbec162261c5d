// Reads of what Authors sent, and of requests that are done once.

import type { Database, SqlValue } from '../../world/disk.ts'
import type { SentMessage } from '../nouns/outgoing.ts'
import type { AccountId } from '../nouns/people.ts'

/** How long a request is known by its key. */
export const ONCE_KEPT_MS = 86_400_000

export class SentReads {
  readonly #owner
  readonly #message
  readonly #before
  readonly #once

  constructor(database: Database) {
    this.#owner = database.prepare('SELECT account FROM sent WHERE trace = ?')
    this.#message = database.prepare('SELECT * FROM sent WHERE trace = ? AND account = ?')
    this.#before = database.prepare('SELECT * FROM sent WHERE account = ? AND id < ? ORDER BY id DESC LIMIT ?')
    this.#once = database.prepare('SELECT digest, answer, at_ms FROM once WHERE account = ? AND key = ?')
  }

  /** Who sent the message of this trace. */
  owner(trace: string): AccountId | undefined {
    return this.#owner.get(trace)?.account as number | undefined
  }

  message(account: AccountId, trace: string): SentMessage | undefined {
    const row = this.#message.get(trace, account)
    return row && sentOf(row)
  }

  /** The newest first, from before the one with this id. */
  before(account: AccountId, id: number, limit: number): SentMessage[] {
    return this.#before.all(account, id, limit).map(sentOf)
  }

  /** A request that was begun under this key (hex), in the last day. `answer` '': it is not done. */
  once(account: AccountId, key: string, nowMs: number): { digest: string; answer: string } | undefined {
    const row = this.#once.get(account, Buffer.from(key, 'hex'))
    if (row === undefined || Number(row.at_ms) + ONCE_KEPT_MS <= nowMs) return undefined
    return { digest: Buffer.from(row.digest as Uint8Array).toString('hex'), answer: String(row.answer) }
  }
}

function sentOf(row: Record<string, SqlValue>): SentMessage {
  const { id, account, trace, at_ms: atMs, about } = row
  return {
    ...(JSON.parse(String(about)) as Omit<SentMessage, 'id' | 'account' | 'trace' | 'atMs'>),
    id: Number(id),
    account: Number(account),
    trace: String(trace),
    atMs: Number(atMs),
  }
}
