// Commands on what leaves and what happened: the queue, submissions, tracking events, and pruning of logs.

import { EVENTS, QUEUE } from '../nouns/watched.ts'
import { type Handler, noAccount, noEmail, refuse, resolveId } from './apply.ts'
import { noBody, useBlob } from './emails.ts'
import { noteGone } from './objects.ts'
import { releaseBlob } from './placements.ts'
import { takeBack } from './sent.ts'

export const noEntry = refuse('conflict', 'There is no such queue entry.')

export const addToQueue: Handler<'queue.add'> = (ledger, { entry }) => {
  const blob = useBlob(ledger, entry.blob)
  if (blob === undefined) return noBody
  const { lastInsertRowid } = ledger
    .sql(
      `INSERT INTO queue (trace, blob, reverse_path, forward_path, domain, accepted_ms, next_ms, expires_ms, attempts,
       state, last_reply, parameters, origin) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      entry.trace,
      blob,
      entry.reversePath,
      entry.forwardPath,
      entry.domain,
      entry.acceptedAtMs,
      entry.nextAttemptAtMs,
      entry.expiresAtMs,
      entry.attempts,
      entry.state,
      entry.lastReply,
      JSON.stringify(entry.parameters),
      entry.origin,
    )
  ledger.touch(QUEUE)
  return { ok: true, id: Number(lastInsertRowid) }
}

export const rescheduleEntry: Handler<'queue.reschedule'> = (ledger, command) => {
  const { changes } = ledger
    .sql(
      `UPDATE queue SET next_ms = ?, last_reply = ?, attempts = attempts + ?, state = coalesce(?, state) WHERE id = ?`,
    )
    .run(command.nextAttemptAtMs, command.lastReply, command.countAttempt ? 1 : 0, command.state ?? null, command.id)
  if (Number(changes) === 0) return noEntry
  ledger.touch(QUEUE)
  return { ok: true, id: command.id }
}

export const removeFromQueue: Handler<'queue.remove'> = (ledger, { id }) => {
  const row = ledger.sql('DELETE FROM queue WHERE id = ? RETURNING blob').get(id)
  if (row === undefined) return noEntry
  releaseBlob(ledger, Number(row.blob))
  ledger.touch(QUEUE)
  return { ok: true, id }
}

/** Entries that are gone already stay so. */
export const steerEntries: Handler<'queue.steer'> = (ledger, command) => {
  const { ids, state, nextAttemptAtMs, domain, expiresNotBeforeMs, lastReply, givenUp } = command
  const statement = ledger.sql(
    `UPDATE queue SET state = coalesce(?, state), next_ms = coalesce(?, next_ms), domain = coalesce(?, domain),
     expires_ms = max(expires_ms, coalesce(?, expires_ms)), last_reply = coalesce(?, last_reply),
     parameters = CASE WHEN ? IS NULL THEN parameters ELSE json_set(parameters, '$.givenUp', ?) END WHERE id = ?`,
  )
  const values = [state, nextAttemptAtMs, domain, expiresNotBeforeMs, lastReply, givenUp, givenUp]
  for (const id of ids) statement.run(...values.map((value) => value ?? null), id)
  ledger.touch(QUEUE)
  return { ok: true }
}

const DAY_MS = 86_400_000
/** Beyond this a moment of acceptance that lies ahead is the clock's doing. */
export const SKEW_MS = 3_600_000

/** No address of a pool is turned away for longer. */
export const LONGEST_SOURCE_REST_MS = 2 * DAY_MS

export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS)

export const reclockQueue: Handler<'queue.reclock'> = (ledger, { nowMs, latestMs, periodMs, isLater }) => {
  const expiresMs = nowMs + periodMs
  const run = (sql: string, ...values: number[]) => Number(ledger.sql(sql).run(...values).changes)
  let changes = run(
    `UPDATE queue SET next_ms = next_ms - accepted_ms + ?, expires_ms = expires_ms - accepted_ms + ?, accepted_ms = ?
     WHERE accepted_ms > ?`,
    ...[nowMs, nowMs, nowMs, nowMs + SKEW_MS],
  )
  changes += run('UPDATE queue SET next_ms = ? WHERE attempts > 0 AND next_ms > ?', nowMs, latestMs)
  changes += run('UPDATE queue SET expires_ms = ? WHERE attempts > 0 AND expires_ms > ?', expiresMs, expiresMs)
  changes += run('UPDATE queue_lane SET rest_ms = ? WHERE rest_ms > ?', nowMs, latestMs)
  changes += run('UPDATE source_rest SET until_ms = ? WHERE until_ms > ?', nowMs, nowMs + LONGEST_SOURCE_REST_MS)
  changes += run('UPDATE source_first SET day = ? WHERE day > ?', dayOf(nowMs), dayOf(nowMs))
  if (isLater) changes += run('UPDATE queue SET expires_ms = ? WHERE expires_ms < ?', expiresMs, expiresMs)
  if (changes > 0) ledger.touch(QUEUE)
  return { ok: true }
}

/** Nothing for this domain is tried before; forgotten with its last message. */
export const restLane: Handler<'queue.rest'> = (ledger, { domain, share, untilMs, failures, lastReply }) => {
  ledger
    .sql(
      'UPDATE queue_lane SET rest_ms = ?, failures = ?, last_reply = ? WHERE domain = ? AND share = coalesce(?, share)',
    )
    .run(untilMs, failures, lastReply, domain, share ?? null)
  ledger.touch(QUEUE)
  return { ok: true }
}

/** Longer than any address warms up. */
export const SOURCE_DAYS_KEPT = 90

export const countSource: Handler<'source.count'> = (ledger, { address, provider, day, count }) => {
  ledger.sql('INSERT INTO source_first VALUES (?, ?) ON CONFLICT DO NOTHING').run(address, day)
  ledger
    .sql(`INSERT INTO source_day VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`)
    .run(address, provider, day, count)
  ledger.sql('DELETE FROM source_day WHERE day < ?').run(day - SOURCE_DAYS_KEPT)
  return { ok: true }
}

export const restSource: Handler<'source.rest'> = (
  ledger,
  { rest: { address, provider, untilMs, failures, said } },
) => {
  if (untilMs === 0) ledger.sql('DELETE FROM source_rest WHERE address = ? AND provider = ?').run(address, provider)
  else
    ledger
      .sql('INSERT OR REPLACE INTO source_rest VALUES (?, ?, ?, ?, ?)')
      .run(address, provider, untilMs, failures, said)
  return { ok: true }
}

export const addSubmission: Handler<'submission.add'> = (ledger, { submission }, made) => {
  const account = ledger.account(submission.account)
  if (account === undefined) return noAccount
  const email = resolveId(submission.email, made)
  if (email === undefined) return noEmail
  const modseq = ledger.nextModseq(account)
  const id = ledger.nextId(account)
  ledger
    .sql(
      `INSERT INTO submission (account, id, email, identity, trace, reverse_path, forward_paths, send_ms, undo_status,
       modseq, created_modseq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      account.id,
      id,
      email,
      submission.identity,
      submission.trace,
      submission.reversePath,
      JSON.stringify(submission.forwardPaths),
      submission.sendAtMs,
      submission.undoStatus,
      modseq,
      modseq,
    )
  return { ok: true, id, modseq }
}

const noSubmission = refuse('conflict', 'There is no such submission.')

/** Mail that is still held is taken back: out of the queue, all recipients or none. */
export const cancelSubmission: Handler<'submission.cancel'> = (ledger, { account: accountId, id, nowMs }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  const row = ledger
    .sql('SELECT trace, send_ms, undo_status FROM submission WHERE account = ? AND id = ?')
    .get(account.id, id)
  if (row === undefined) return noSubmission
  if (row.undo_status !== 'pending' || Number(row.send_ms) <= nowMs) return refuse('forbidden', 'It is sent already.')
  const queued = ledger.sql('SELECT attempts FROM queue WHERE trace = ?').all(String(row.trace))
  if (queued.some(({ attempts }) => Number(attempts) > 0)) return refuse('forbidden', 'It is on its way already.')
  takeBack(ledger, String(row.trace))
  const modseq = ledger.nextModseq(account)
  ledger
    .sql("UPDATE submission SET undo_status = 'canceled', modseq = ? WHERE account = ? AND id = ?")
    .run(modseq, account.id, id)
  return { ok: true, id, modseq }
}

/** The record of it goes; what was sent stays sent, and what is held still leaves in its time. */
export const removeSubmission: Handler<'submission.remove'> = (ledger, { account: accountId, id }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  const row = ledger
    .sql('DELETE FROM submission WHERE account = ? AND id = ? RETURNING created_modseq')
    .get(account.id, id)
  if (row === undefined) return noSubmission
  return { ok: true, id, modseq: noteGone(ledger, account, 'submission', id, Number(row.created_modseq)) }
}

export const ARRIVALS_KEPT_MS = 7 * 86_400_000

export const addArrival: Handler<'arrival.add'> = (ledger, { digest, trace, atMs }) => {
  ledger.sql('DELETE FROM arrival WHERE at_ms < ?').run(atMs - ARRIVALS_KEPT_MS)
  ledger.sql('INSERT OR REPLACE INTO arrival VALUES (?, ?, ?)').run(Buffer.from(digest, 'hex'), trace, atMs)
  return { ok: true }
}

export const removeArrival: Handler<'arrival.remove'> = (ledger, { digest }) => {
  ledger.sql('DELETE FROM arrival WHERE digest = ?').run(Buffer.from(digest, 'hex'))
  return { ok: true }
}

export const addEvent: Handler<'event.add'> = (ledger, { event }) => {
  const { lastInsertRowid } = ledger
    .sql(
      `INSERT INTO event (at_ms, trace, role, kind, message_id, reverse_path, forward_path, text, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      event.atMs,
      event.trace,
      event.role,
      event.kind,
      event.messageId,
      event.reversePath,
      event.forwardPath,
      event.text,
      JSON.stringify(event.detail),
    )
  ledger.touch(EVENTS)
  return { ok: true, id: Number(lastInsertRowid) }
}

// Events are in order of time but for jumps of the clock, so the oldest go from the front: at most 10,000 a command,
// because others wait for the same writer.
export const pruneEvents: Handler<'event.prune'> = (ledger, { beforeMs, keep }) => {
  const newest = Number(ledger.sql('SELECT max(id) AS id FROM event').get()?.id ?? 0)
  ledger
    .sql(`DELETE FROM event WHERE id IN (SELECT id FROM event ORDER BY id LIMIT 10000) AND (at_ms < ? OR id <= ?)`)
    .run(beforeMs, newest - keep)
  return { ok: true }
}

export const pruneChanges: Handler<'change.prune'> = (ledger, { account: id, keep }) => {
  const account = ledger.account(id)
  if (account === undefined) return noAccount
  const after = account.modseq - keep
  const known = Number(ledger.sql('SELECT changes_after FROM account WHERE id = ?').get(id)?.changes_after)
  if (after <= known) return { ok: true, modseq: account.modseq }
  ledger.sql('DELETE FROM change WHERE account = ? AND modseq <= ?').run(id, after)
  ledger.sql('DELETE FROM mailbox_gone WHERE account = ? AND modseq <= ?').run(id, after)
  ledger.sql('DELETE FROM object_gone WHERE account = ? AND modseq <= ?').run(id, after)
  ledger.sql('UPDATE account SET changes_after = ? WHERE id = ?').run(after, id)
  return { ok: true, modseq: account.modseq }
}
