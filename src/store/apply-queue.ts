// Commands on what leaves and what happened: the queue, submissions, tracking events, and pruning of logs.

import { type Handler, noAccount, noEmail, refuse, resolveId } from './apply.ts'
import { noBody, useBlob } from './apply-emails.ts'
import { releaseBlob } from './apply-placements.ts'

const noEntry = refuse('conflict', 'There is no such queue entry.')

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
  ledger.touch(0)
  return { ok: true, id: Number(lastInsertRowid) }
}

export const rescheduleEntry: Handler<'queue.reschedule'> = (ledger, command) => {
  const { changes } = ledger
    .sql(
      `UPDATE queue SET next_ms = ?, last_reply = ?, attempts = attempts + ?, state = coalesce(?, state) WHERE id = ?`,
    )
    .run(command.nextAttemptAtMs, command.lastReply, command.countAttempt ? 1 : 0, command.state ?? null, command.id)
  if (Number(changes) === 0) return noEntry
  ledger.touch(0)
  return { ok: true, id: command.id }
}

export const removeFromQueue: Handler<'queue.remove'> = (ledger, { id }) => {
  const row = ledger.sql('DELETE FROM queue WHERE id = ? RETURNING blob').get(id)
  if (row === undefined) return noEntry
  releaseBlob(ledger, Number(row.blob))
  ledger.touch(0)
  return { ok: true, id }
}

export const addSubmission: Handler<'submission.add'> = (ledger, { submission }, made) => {
  const account = ledger.account(submission.account)
  if (account === undefined) return noAccount
  const email = resolveId(submission.email, made)
  if (email === undefined) return noEmail
  const modseq = ledger.nextModseq(account)
  const id = ledger.nextId(account)
  ledger
    .sql('INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
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
    )
  return { ok: true, id, modseq }
}

export const setSubmissionStatus: Handler<'submission.status'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const { changes } = ledger
    .sql('UPDATE submission SET undo_status = ? WHERE account = ? AND id = ?')
    .run(command.undoStatus, account.id, command.id)
  if (Number(changes) === 0) return refuse('conflict', 'There is no such submission.')
  return { ok: true, id: command.id, modseq: ledger.nextModseq(account) }
}

const ARRIVALS_KEPT_MS = 7 * 86_400_000

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
  ledger.touch(0)
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
  ledger.sql('UPDATE account SET changes_after = ? WHERE id = ?').run(after, id)
  return { ok: true, modseq: account.modseq }
}
