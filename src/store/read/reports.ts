// Reads about reports: those that we owe others, and those that others sent.

import type { Database } from '../../world/disk.ts'
import type { ReceivedReport, ReportDay, ReportDuty } from '../nouns/reports.ts'
import type { Row } from './rows.ts'
import { Statements } from './statements.ts'

/** Mail that may hold a report and was not looked into yet. */
export interface PendingReport {
  readonly id: number
  readonly account: number
  readonly email: number
  readonly provenDomain: string
}

/** A message that a person moved to Junk, and whose sender was not told yet. */
export interface ComplaintDue {
  readonly id: number
  readonly account: number
  readonly email: number
}

/** Of the content of reports that are read together. */
const MOST_BYTES = 16 * 1024 * 1024

export class ReportReads {
  readonly #statements: Statements

  constructor(database: Database) {
    this.#statements = new Statements(database)
  }

  /** Days that are over and whose reports are due, longest due first. */
  due(nowMs: number, limit: number): ReportDuty[] {
    const sql = "SELECT * FROM report_duty WHERE state = 'collecting' AND due_ms <= ? ORDER BY due_ms LIMIT ?"
    return this.#statements.all(dutyOf, sql, nowMs, limit)
  }

  nextDueMs(): number | undefined {
    const sql = "SELECT due_ms FROM report_duty WHERE state = 'collecting' ORDER BY due_ms LIMIT 1"
    return this.#statements.all((row) => row.due_ms as number, sql)[0]
  }

  /** Days from one on, newest first. */
  days(fromDay: number, limit: number): ReportDuty[] {
    const sql = 'SELECT * FROM report_duty WHERE day >= ? ORDER BY day DESC, kind, domain LIMIT ?'
    return this.#statements.all(dutyOf, sql, fromDay, limit)
  }

  /** What a report will say, row by row: JSON and how often. */
  rows({ kind, domain, day }: ReportDay): { row: string; count: number }[] {
    const sql = 'SELECT row, count FROM report_row WHERE kind = ? AND domain = ? AND day = ? ORDER BY count DESC, key'
    return this.#statements.all(
      (row) => ({ row: row.row as string, count: row.count as number }),
      sql,
      kind,
      domain,
      day,
    )
  }

  pending(limit: number): PendingReport[] {
    return this.#statements.all(
      (row) => ({
        id: row.id as number,
        account: row.account as number,
        email: row.email as number,
        provenDomain: row.proven_domain as string,
      }),
      'SELECT * FROM report_pending ORDER BY id LIMIT ?',
      limit,
    )
  }

  /** Reports of others since a time, newest first; older ones are left out where they would be too much to hold. */
  received(sinceMs: number, limit: number): ReceivedReport[] {
    const sql = `SELECT * FROM report WHERE id IN (
        SELECT id FROM (
          SELECT id, sum(bytes) OVER (ORDER BY received_ms DESC, id DESC) AS bytes FROM report WHERE received_ms >= ?1
          ORDER BY received_ms DESC, id DESC LIMIT ?2
        ) WHERE bytes <= ?3
      ) ORDER BY received_ms DESC, id DESC`
    return this.#statements.all(reportOf, sql, sinceMs, limit, MOST_BYTES)
  }

  /** Proven complaints about an Author's messages since a time. */
  complaints(author: string, sinceMs: number): number {
    const sql = `SELECT count(*) AS count FROM report
      WHERE about = ? AND kind = 'feedback' AND received_ms >= ? AND proven_domain <> ''`
    return this.#statements.all((row) => row.count as number, sql, author.toLowerCase(), sinceMs)[0]!
  }

  complaintsDue(limit: number): ComplaintDue[] {
    return this.#statements.all(
      (row) => ({ id: row.id as number, account: row.account as number, email: row.email as number }),
      'SELECT id, account, email FROM complaint WHERE done = 0 ORDER BY id LIMIT ?',
      limit,
    )
  }
}

function dutyOf(row: Row): ReportDuty {
  return {
    kind: row.kind as ReportDuty['kind'],
    domain: row.domain as string,
    day: row.day as number,
    state: row.state as ReportDuty['state'],
    dueMs: row.due_ms as number,
    attempts: row.attempts as number,
    messages: row.messages as number,
    worthy: row.worthy as number,
    omitted: row.omitted as number,
    outcome: row.outcome as string,
    about: row.about as string,
  }
}

function reportOf(row: Row): ReceivedReport {
  return {
    id: row.id as number,
    key: Buffer.from(row.key as Uint8Array).toString('hex'),
    kind: row.kind as ReceivedReport['kind'],
    about: row.about as string,
    organization: row.organization as string,
    provenDomain: row.proven_domain as string,
    beginMs: row.begin_ms as number,
    endMs: row.end_ms as number,
    receivedAtMs: row.received_ms as number,
    content: row.content as string,
  }
}
