// Commands on reports: what is counted for those that we owe, and what others sent. Everything here can be filled by
// strangers, so everything has a limit.

import { createHash } from 'node:crypto'
import type { EmailId } from '../nouns/mail.ts'
import { COMPLAINS, type ReportDay, type ReportSighting } from '../nouns/reports.ts'
import { REPORTS } from '../nouns/watched.ts'
import { type Handler, noEmail, refuse, resolveId } from './apply.ts'
import type { AccountRow, Ledger } from './ledger.ts'

/** Rows of one domain's day: of any honest sender far fewer. */
const MOST_ROWS_A_DAY = 5000
/** Rows of all days together whose reports are not out. */
const MOST_ROWS = 200_000
const MOST_DAYS = 20_000
const MOST_PENDING = 10_000
const MOST_REPORTS = 20_000
const MOST_REPORT_BYTES = 256 * 1024 * 1024
/** Complaints that are remembered, so that none is told twice. */
const MOST_COMPLAINTS = 10_000
const DAY_MS = 86_400_000

export const noDay = refuse('conflict', 'There is no such day, or its report is out.')

export const observeReports: Handler<'report.observe'> = (ledger, { sightings }) => {
  const kept = ledger
    .sql("SELECT count(*) AS days, coalesce(sum(rows), 0) AS rows FROM report_duty WHERE state = 'collecting'")
    .get()!
  const room = { days: MOST_DAYS - Number(kept.days), rows: MOST_ROWS - Number(kept.rows) }
  for (const sighting of sightings) observe(ledger, sighting, room)
  return { ok: true }
}

function observe(ledger: Ledger, sighting: ReportSighting, room: { days: number; rows: number }): void {
  const { kind, domain, about, row, count, worthy } = sighting
  let { day, dueMs } = sighting
  const find = () =>
    ledger.sql('SELECT state, rows FROM report_duty WHERE kind = ? AND domain = ? AND day = ?').get(kind, domain, day)
  let duty = find()
  // The clock was set back: that day's report is out, and a report says nothing twice.
  while (duty !== undefined && duty.state !== 'collecting') {
    day++
    dueMs += DAY_MS
    duty = find()
  }
  if (duty === undefined) {
    if (room.days-- <= 0) return
    ledger
      .sql("INSERT INTO report_duty VALUES (?, ?, ?, 'collecting', ?, 0, 0, 0, 0, 0, '', ?)")
      .run(kind, domain, day, dueMs, about)
  }
  const key = createHash('sha256').update(row).digest().subarray(0, 16)
  const known = ledger
    .sql('UPDATE report_row SET count = count + ? WHERE kind = ? AND domain = ? AND day = ? AND key = ?')
    .run(count, kind, domain, day, key)
  const isNew = Number(known.changes) === 0
  const isKept = !isNew || (Number(duty?.rows ?? 0) < MOST_ROWS_A_DAY && room.rows > 0)
  if (isNew && isKept) {
    room.rows--
    ledger.sql('INSERT INTO report_row VALUES (?, ?, ?, ?, ?, ?)').run(kind, domain, day, key, count, row)
  }
  ledger
    .sql(
      `UPDATE report_duty SET rows = rows + ?, messages = messages + ?, worthy = worthy + ?, omitted = omitted + ?, about = ?
       WHERE kind = ? AND domain = ? AND day = ?`,
    )
    .run(isNew && isKept ? 1 : 0, count, worthy, isKept ? 0 : count, about, kind, domain, day)
}

export const postponeReport: Handler<'report.postpone'> = (ledger, { of, dueMs, outcome }) => {
  const { changes } = ledger
    .sql(
      `UPDATE report_duty SET due_ms = ?, outcome = ?, attempts = attempts + 1
       WHERE kind = ? AND domain = ? AND day = ? AND state = 'collecting'`,
    )
    .run(dueMs, outcome, of.kind, of.domain, of.day)
  return Number(changes) === 0 ? noDay : { ok: true }
}

export const closeReport: Handler<'report.close'> = (ledger, { of, state, outcome }) => {
  const { changes } = ledger
    .sql(
      `UPDATE report_duty SET state = ?, outcome = ? WHERE kind = ? AND domain = ? AND day = ? AND state = 'collecting'`,
    )
    .run(state, outcome, of.kind, of.domain, of.day)
  if (Number(changes) === 0) return noDay
  forgetRows(ledger, of)
  return { ok: true }
}

export const forgetReport: Handler<'report.forget'> = (ledger, { of }) => {
  const { changes } = ledger
    .sql(`DELETE FROM report_duty WHERE kind = ? AND domain = ? AND day = ? AND state = 'collecting'`)
    .run(of.kind, of.domain, of.day)
  if (Number(changes) === 0) return noDay
  forgetRows(ledger, of)
  return { ok: true }
}

function forgetRows(ledger: Ledger, { kind, domain, day }: ReportDay): void {
  ledger.sql('DELETE FROM report_row WHERE kind = ? AND domain = ? AND day = ?').run(kind, domain, day)
}

export const arriveReport: Handler<'report.arrive'> = (ledger, { account, email, provenDomain }, made) => {
  const id = resolveId(email, made)
  if (id === undefined) return noEmail
  // More than can be looked into: the mail itself is in the mailbox.
  const waiting = Number(ledger.sql('SELECT count(*) AS count FROM report_pending').get()!.count)
  if (waiting >= MOST_PENDING) return { ok: true }
  ledger
    .sql('INSERT INTO report_pending (account, email, proven_domain) VALUES (?, ?, ?)')
    .run(account, id, provenDomain)
  ledger.touch(REPORTS)
  return { ok: true }
}

export const keepReport: Handler<'report.keep'> = (ledger, { pending, report }) => {
  ledger.sql('DELETE FROM report_pending WHERE id = ?').run(pending)
  if (report === null) return { ok: true }
  const { kind, about, organization, provenDomain, beginMs, endMs, receivedAtMs, content } = report
  const { changes, lastInsertRowid } = ledger
    .sql(
      `INSERT OR IGNORE INTO report (key, kind, about, organization, proven_domain, begin_ms, end_ms, received_ms, bytes,
       content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      Buffer.from(report.key, 'hex'),
      kind,
      about,
      organization,
      provenDomain,
      beginMs,
      endMs,
      receivedAtMs,
      Buffer.byteLength(content),
      content,
    )
  if (Number(changes) === 0) return { ok: true }
  const { count, bytes } = ledger.sql('SELECT count(*) AS count, sum(bytes) AS bytes FROM report').get()!
  if (Number(count) > MOST_REPORTS || Number(bytes) > MOST_REPORT_BYTES) makeRoom(ledger)
  return { ok: true, id: Number(lastInsertRowid) }
}

/** A tenth goes: first what nobody is proven to have sent, so that a stranger's flood washes away itself. */
function makeRoom(ledger: Ledger): void {
  ledger
    .sql(
      `DELETE FROM report WHERE id IN
       (SELECT id FROM report ORDER BY proven_domain <> '', received_ms, id LIMIT (SELECT count(*) / 10 + 1 FROM report))`,
    )
    .run()
}

export const pruneReports: Handler<'report.prune'> = (ledger, { beforeMs }) => {
  ledger.sql("DELETE FROM report_duty WHERE state <> 'collecting' AND day < ?").run(Math.floor(beforeMs / DAY_MS))
  ledger.sql('DELETE FROM report WHERE received_ms < ?').run(beforeMs)
  return { ok: true }
}

/** A person said outright that an email is unwanted: its sender may be told, where that is agreed. */
export function noteComplaint(ledger: Ledger, account: AccountRow, email: EmailId): void {
  const agreed = ledger.sql("SELECT 1 FROM setting WHERE key = ? AND value = 'yes'").get(COMPLAINS)
  if (agreed === undefined) return
  const waiting = Number(ledger.sql('SELECT count(*) AS count FROM complaint WHERE done = 0').get()!.count)
  if (waiting >= MOST_COMPLAINTS) return
  ledger.sql('INSERT OR IGNORE INTO complaint (account, email, done) VALUES (?, ?, 0)').run(account.id, email)
  ledger.touch(REPORTS)
}

export const finishComplaint: Handler<'complaint.done'> = (ledger, { id }) => {
  ledger.sql('UPDATE complaint SET done = 1 WHERE id = ?').run(id)
  ledger.sql('DELETE FROM complaint WHERE done = 1 AND id <= (SELECT max(id) FROM complaint) - ?').run(MOST_COMPLAINTS)
  return { ok: true }
}
