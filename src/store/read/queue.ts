// Reads of the queue: what is due, lane by lane, and what an administrator asks of it (docs/queue.md).

import type { Database, SqlValue } from '../../world/disk.ts'
import type { LaneName, QueueEntry, QueueFilter, QueueLane } from '../nouns/queue.ts'
import { BLOB_COLUMNS, queueEntryOf, queueLaneOf, type Row } from './rows.ts'
import { Statements } from './statements.ts'

const QUEUE = `SELECT queue.*, ${BLOB_COLUMNS} FROM queue JOIN blob ON blob.id = queue.blob`
/** As the index has it. */
const LANE_WAITS = 'next_ms IS NOT NULL'
const LANE_DUE = 'max(next_ms, rest_ms)'
/** So many ids are looked through at a time: others wait for the same thread. */
const queueWindowIds = 5000

/** As conditions on queue, and on lane of its domain. */
function meant(filter: QueueFilter): { conditions: string[]; parameters: SqlValue[] } {
  const { ids, trace, domain, share, sender, state, acceptedBeforeMs, acceptedAfterMs, reply } = filter
  const tests: [string, SqlValue | undefined][] = [
    ['queue.id IN (SELECT value FROM json_each(?))', ids && JSON.stringify(ids)],
    ['queue.trace = ?', trace],
    // The ids lead; not the index of domains.
    ['+queue.domain = ?', domain?.toLowerCase()],
    ['queue.share = ?', share],
    [sender?.startsWith('@') ? 'lower(queue.reverse_path) LIKE ?' : 'lower(queue.reverse_path) = ?', likeOf(sender)],
    ['queue.state = ?', state],
    ['queue.accepted_ms <= ?', acceptedBeforeMs],
    ['queue.accepted_ms >= ?', acceptedAfterMs],
    ["instr(lower(coalesce(nullif(queue.last_reply, ''), lane.last_reply)), ?) > 0", reply?.toLowerCase()],
  ]
  const asked = tests.filter(([, value]) => value !== undefined)
  return { conditions: asked.map(([test]) => test), parameters: asked.map(([, value]) => value!) }
}

const likeOf = (sender: string | undefined) =>
  sender?.startsWith('@') ? `%${sender.toLowerCase().replaceAll(/[%_]/g, '')}` : sender?.toLowerCase()

export class QueueReads {
  readonly #statements: Statements

  constructor(database: Database) {
    this.#statements = new Statements(database)
  }

  /** Lanes of a share that rest no longer and in which something is due, longest due first; `except`: domains. */
  lanesDue(share: string, nowMs: number, limit: number, except: readonly string[] = []): QueueLane[] {
    const but = except.length === 0 ? '' : 'AND domain NOT IN (SELECT value FROM json_each(?))'
    const due = `${LANE_WAITS} AND share = ? AND ${LANE_DUE} <= ?`
    const sql = `SELECT * FROM queue_lane WHERE ${due} ${but} ORDER BY ${LANE_DUE} LIMIT ?`
    return this.#statements.all(queueLaneOf, sql, share, nowMs, ...(but === '' ? [] : [JSON.stringify(except)]), limit)
  }

  /** Waiting entries of a lane that are due, whether it rests or not; longest due first. */
  due({ domain, share }: LaneName, nowMs: number, limit: number): QueueEntry[] {
    const lane = "domain = ? AND share = ? AND state = 'waiting'"
    const sql = `${QUEUE} WHERE ${lane} AND next_ms <= ? ORDER BY next_ms, queue.id LIMIT ?`
    return this.#statements.all(queueEntryOf, sql, domain, share, nowMs, limit)
  }

  /** Undefined: no such mail is in the queue. */
  lane({ domain, share }: LaneName): QueueLane | undefined {
    return this.#statements.one(queueLaneOf, 'SELECT * FROM queue_lane WHERE domain = ? AND share = ?', domain, share)
  }

  /** All of a destination. */
  lanesOf(domain: string): QueueLane[] {
    return this.#statements.all(queueLaneOf, 'SELECT * FROM queue_lane WHERE domain = ? ORDER BY share', domain)
  }

  /** Those that have mail in the queue, but for ''. */
  shares(): string[] {
    return this.#statements.all((row) => row.share as string, 'SELECT share FROM queue_share ORDER BY share')
  }

  /** What a share has in the queue; of '' nothing is counted. */
  share(share: string): { messages: number; bytes: number } {
    const rowOf = (row: Row) => ({ messages: row.messages as number, bytes: row.bytes as number })
    return this.#statements.one(rowOf, 'SELECT * FROM queue_share WHERE share = ?', share) ?? { messages: 0, bytes: 0 }
  }

  /** What a Forwarder queued and nobody tried yet, in order, after the entry with this id. */
  asked(afterId: number, limit: number): QueueEntry[] {
    const sql = `${QUEUE} WHERE origin = 'forwarder' AND attempts = 0 AND queue.id > ? ORDER BY queue.id LIMIT ?`
    return this.#statements.all(queueEntryOf, sql, afterId, limit)
  }

  /** Entries (waiting or held) that were added after the entry with this id, in order. */
  after(id: number, limit: number): QueueEntry[] {
    // Asked after every commit, and mostly there is nothing: one column is answered much faster than a whole row.
    const newest = this.lastId()
    if (newest <= id) return []
    return this.#statements.all(queueEntryOf, `${QUEUE} WHERE queue.id > ? ORDER BY queue.id LIMIT ?`, id, limit)
  }

  lastId(): number {
    return this.#statements.one((row) => row.id as number | null, 'SELECT max(id) AS id FROM queue') ?? 0
  }

  /** When the first is due in a lane that does not rest then. */
  nextDueMs(): number | undefined {
    const sql = `SELECT ${LANE_DUE} AS due FROM queue_lane WHERE ${LANE_WAITS} ORDER BY ${LANE_DUE} LIMIT 1`
    return this.#statements.one((row) => row.due as number, sql)
  }

  entries(filter: { domain?: string; trace?: string } = {}, limit = 1000): QueueEntry[] {
    const conditions: string[] = []
    const parameters: SqlValue[] = []
    if (filter.domain !== undefined) {
      conditions.push('domain = ?')
      parameters.push(filter.domain.toLowerCase())
    }
    if (filter.trace !== undefined) {
      conditions.push('trace = ?')
      parameters.push(filter.trace)
    }
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
    return this.#statements.all(queueEntryOf, `${QUEUE} ${where} ORDER BY queue.id LIMIT ?`, ...parameters, limit)
  }

  /** Those among the next entries after this id that are meant, and up to which id was looked; undefined: there are no more. */
  window(filter: QueueFilter, afterId: number): { entries: QueueEntry[]; throughId: number } | undefined {
    const next = this.#statements.one(
      (row) => row.id as number,
      'SELECT id FROM queue WHERE id > ? ORDER BY id LIMIT 1',
      afterId,
    )
    if (next === undefined) return undefined
    const throughId = next + queueWindowIds - 1
    const { conditions, parameters } = meant(filter)
    const where = ['queue.id BETWEEN ? AND ?', ...conditions].join(' AND ')
    const from = `FROM queue JOIN blob ON blob.id = queue.blob JOIN queue_lane AS lane
      ON lane.domain = queue.domain AND lane.share = queue.share`
    const sql = `SELECT queue.*, ${BLOB_COLUMNS} ${from} WHERE ${where} ORDER BY queue.id`
    return { entries: this.#statements.all(queueEntryOf, sql, next, throughId, ...parameters), throughId }
  }

  /** Most mail first. */
  lanes(limit: number): QueueLane[] {
    return this.#statements.all(
      queueLaneOf,
      'SELECT * FROM queue_lane ORDER BY waiting + held DESC, domain, share LIMIT ?',
      limit,
    )
  }

  /** Destinations with held mail, most first, and what was said of some of it. */
  held(limit: number): { domain: string; held: number; reply: string }[] {
    const reply =
      "SELECT last_reply FROM queue WHERE domain = lane.domain AND share = lane.share AND state = 'held' LIMIT 1"
    const sql = `SELECT domain, held, (${reply}) AS reply FROM queue_lane AS lane WHERE held > 0 ORDER BY held DESC LIMIT ?`
    const rowOf = ({ domain, held, reply }: Row) => ({
      domain: domain as string,
      held: held as number,
      reply: reply as string,
    })
    return this.#statements.all(rowOf, sql, limit)
  }

  /** What was said last to mail of a lane, and how often, among its first thousands. */
  replies({ domain, share }: LaneName): { reply: string; count: number }[] {
    const some = 'SELECT last_reply FROM queue WHERE domain = ? AND share = ? LIMIT 5000'
    const sql = `SELECT last_reply, count(*) AS count FROM (${some}) GROUP BY last_reply ORDER BY count DESC LIMIT 3`
    return this.#statements.all(
      (row) => ({ reply: row.last_reply as string, count: row.count as number }),
      sql,
      domain,
      share,
    )
  }

  /** It still waits for a delivery to this domain: no administrator has changed that. */
  waits(id: number, domain: string): boolean {
    const sql = "SELECT domain FROM queue WHERE id = ? AND state = 'waiting'"
    return this.#statements.one((row) => row.domain === domain, sql, id) ?? false
  }

  length(): number {
    return (
      this.#statements.one(
        (row) => row.count as number,
        'SELECT coalesce(sum(waiting + held), 0) AS count FROM queue_lane',
      ) ?? 0
    )
  }
}
