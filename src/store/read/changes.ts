// What changed in an account since a state (JMAP /changes): each reader names ids that came, changed and went, up to now,
// or, where only so many are wanted, up to a state in between that the next question begins at.

import type { Database } from '../../world/disk.ts'
import type { Row } from './rows.ts'
import { Statements } from './statements.ts'

/** Ids that came, changed and went between a state and `modseq`. */
export interface Changes {
  readonly created: number[]
  readonly updated: number[]
  readonly destroyed: number[]
  /** The state that this leads to. */
  readonly modseq: number
  /** There is more after it. */
  readonly hasMore: boolean
}

interface Event {
  readonly modseq: number
  readonly id: number
  readonly kind: 'created' | 'updated' | 'destroyed'
}

export class ChangeReads {
  readonly #statements: Statements

  constructor(database: Database) {
    this.#statements = new Statements(database)
  }

  /** Is everything known that happened since that state. */
  reach(account: number, modseq: number): boolean {
    const sql = 'SELECT changes_after <= ? AND modseq >= ? AS reaches FROM account WHERE id = ?'
    return this.#statements.rows(sql, modseq, modseq, account)[0]?.reaches === 1
  }

  /** Undefined when that state is too old, or when more than `most` changed at once. */
  emails(account: number, since: number, most = Number.MAX_SAFE_INTEGER): Changes | undefined {
    if (!this.reach(account, since)) return undefined
    // One more of each than is wanted: then it is known whether there is more.
    const limit = Math.min(most, 1e9) + 1
    const made = this.#statements.rows(
      'SELECT id FROM email WHERE account = ? AND id > ? ORDER BY id LIMIT ?',
      account,
      since,
      limit,
    )
    const logged = this.#statements.rows(
      `SELECT modseq, email, thread FROM change WHERE account = ?1 AND modseq > ?2 AND email <= ?2
       ORDER BY modseq LIMIT ?3`,
      account,
      since,
      limit,
    )
    return this.#until(account, most, [
      ...made.map(({ id }): Event => ({ modseq: id as number, id: id as number, kind: 'created' })),
      ...logged.map(
        ({ modseq, email, thread }): Event => ({
          modseq: modseq as number,
          id: email as number,
          kind: thread === 0 ? 'updated' : 'destroyed',
        }),
      ),
    ])
  }

  /** Ids (which are MODSEQs) of the emails that were made after a state and are there, in order. */
  emailIdsAfter(account: number, since: number): number[] {
    const sql = 'SELECT id FROM email WHERE account = ? AND id > ? ORDER BY id'
    return this.#statements.rows(sql, account, since).map(({ id }) => id as number)
  }

  threads(account: number, since: number, most = Number.MAX_SAFE_INTEGER): Changes | undefined {
    if (!this.reach(account, since)) return undefined
    const touched = this.#statements.rows(
      `SELECT thread, max(modseq) AS modseq FROM (
         SELECT thread, id AS modseq FROM email WHERE account = ?1 AND id > ?2
         UNION ALL SELECT thread, modseq FROM change WHERE account = ?1 AND modseq > ?2 AND thread > 0
       ) GROUP BY thread`,
      account,
      since,
    )
    const events: Event[] = []
    for (const { thread, modseq } of touched) {
      const id = thread as number
      const lives = this.#threadLives(account, id)
      // One that came and went meanwhile was never there for who asks.
      if (!lives && id > since) continue
      // What came at its first moment: later ones are told again after it.
      if (id > since) events.push({ modseq: id, id, kind: 'created' })
      else events.push({ modseq: modseq as number, id, kind: lives ? 'updated' : 'destroyed' })
    }
    return this.#until(account, most, events)
  }

  #threadLives(account: number, id: number): boolean {
    return (
      this.#statements.rows('SELECT 1 FROM email WHERE account = ? AND id = ? AND thread = id', account, id).length >
        0 ||
      this.#statements.rows(
        'SELECT 1 FROM email WHERE account = ? AND thread = ? AND thread <> id LIMIT 1',
        account,
        id,
      ).length > 0
    )
  }

  mailboxes(account: number, since: number, most = Number.MAX_SAFE_INTEGER): Changes | undefined {
    if (!this.reach(account, since)) return undefined
    const there = this.#statements.rows('SELECT * FROM mailbox WHERE account = ? AND modseq > ?', account, since)
    const gone = this.#statements.rows('SELECT * FROM mailbox_gone WHERE account = ? AND modseq > ?', account, since)
    return this.#until(account, most, eventsOf(there, gone, since))
  }

  submissions(account: number, since: number, most = Number.MAX_SAFE_INTEGER): Changes | undefined {
    if (!this.reach(account, since)) return undefined
    const there = this.#statements.rows('SELECT * FROM submission WHERE account = ? AND modseq > ?', account, since)
    return this.#until(account, most, eventsOf(there, this.#gone(account, 'submission', since), since))
  }

  objects(account: number, kind: string, since: number, most = Number.MAX_SAFE_INTEGER): Changes | undefined {
    if (!this.reach(account, since)) return undefined
    const sql = 'SELECT id, modseq, created_modseq FROM object WHERE account = ? AND kind = ? AND modseq > ?'
    return this.#until(
      account,
      most,
      eventsOf(this.#statements.rows(sql, account, kind, since), this.#gone(account, kind, since), since),
    )
  }

  #gone(account: number, kind: string, since: number): Row[] {
    return this.#statements.rows(
      'SELECT * FROM object_gone WHERE account = ? AND kind = ? AND modseq > ?',
      account,
      kind,
      since,
    )
  }

  /** As many events as are wanted, whole states only; the last of an id counts. */
  #until(account: number, most: number, events: Event[]): Changes | undefined {
    events.sort((a, b) => a.modseq - b.modseq)
    const hasMore = events.length > most
    let end = events.length
    if (hasMore) {
      const cut = events[most]!.modseq
      end = events.findIndex(({ modseq }) => modseq === cut)
      if (end === 0) return undefined
    }
    const kinds = new Map<number, Event['kind']>()
    for (const { id, kind } of events.slice(0, end)) kinds.set(id, kind)
    const ids = (wanted: Event['kind']): number[] => [...kinds].filter(([, kind]) => kind === wanted).map(([id]) => id)
    const now = this.#statements.rows('SELECT modseq FROM account WHERE id = ?', account)[0]?.modseq as number
    const modseq = hasMore ? events[end - 1]!.modseq : now
    return { created: ids('created'), updated: ids('updated'), destroyed: ids('destroyed'), modseq, hasMore }
  }
}

function eventsOf(there: readonly Row[], gone: readonly Row[], since: number): Event[] {
  const isNew = (row: Row): boolean => (row.created_modseq as number) > since
  return [
    ...there.map(
      (row): Event =>
        isNew(row)
          ? { modseq: row.created_modseq as number, id: row.id as number, kind: 'created' }
          : { modseq: row.modseq as number, id: row.id as number, kind: 'updated' },
    ),
    ...gone
      .filter((row) => !isNew(row))
      .map((row): Event => ({ modseq: row.modseq as number, id: row.id as number, kind: 'destroyed' })),
  ]
}
