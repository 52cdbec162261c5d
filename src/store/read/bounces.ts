// Reads of what came back: addresses that mail is not sent to any more, and how many recipients of an Author failed.

import type { Database, SqlValue } from '../../world/disk.ts'
import type { Suppressed } from '../nouns/outgoing.ts'

export class BounceReads {
  readonly #one
  readonly #all
  readonly #ofOwner
  readonly #page
  readonly #tally

  constructor(database: Database) {
    this.#one = database.prepare('SELECT * FROM suppressed WHERE owner = ? AND address = ?')
    this.#all = database.prepare('SELECT * FROM suppressed ORDER BY owner, address LIMIT ?')
    this.#ofOwner = database.prepare('SELECT * FROM suppressed WHERE owner = ? ORDER BY at_ms DESC, address LIMIT ?')
    this.#page = database.prepare('SELECT * FROM suppressed WHERE owner = ? AND address > ? ORDER BY address LIMIT ?')
    this.#tally = database.prepare(
      'SELECT reason, sum(count) AS count FROM bounced WHERE author = ? AND day >= ? GROUP BY reason ORDER BY reason',
    )
  }

  /** What is known of this address on the list of an Author (his address) or of a domain. */
  suppressed(owner: string, address: string): Suppressed | undefined {
    const row = this.#one.get(owner.toLowerCase(), address.toLowerCase())
    return row && suppressedOf(row)
  }

  /** The newest of an owner's. */
  suppressedOf(owner: string, limit: number): Suppressed[] {
    return this.#ofOwner.all(owner.toLowerCase(), limit).map(suppressedOf)
  }

  /** Those of one list, in the order of their addresses. */
  suppressedAfter(owner: string, after: string, limit: number): Suppressed[] {
    return this.#page.all(owner.toLowerCase(), after.toLowerCase(), limit).map(suppressedOf)
  }

  everySuppressed(limit: number): Suppressed[] {
    return this.#all.all(limit).map(suppressedOf)
  }

  /** Recipients of an Author that failed since a day (days since 1970, UTC), by class. */
  tally(author: string, sinceDay: number): ReadonlyMap<string, number> {
    const rows = this.#tally.all(author.toLowerCase(), sinceDay)
    return new Map(rows.map(({ reason, count }) => [String(reason), Number(count)]))
  }
}

function suppressedOf(row: Record<string, SqlValue>): Suppressed {
  const { owner, address, reason, said, at_ms: atMs, failures } = row
  return {
    owner: String(owner),
    address: String(address),
    reason: String(reason),
    said: String(said),
    atMs: Number(atMs),
    failures: Number(failures),
  }
}
