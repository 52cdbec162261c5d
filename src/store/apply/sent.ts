// Commands on what Authors sent, and on requests that are done once however often they are made.

import { QUEUE } from '../nouns/watched.ts'
import { ONCE_KEPT_MS } from '../read/sent.ts'
import { type Handler, noAccount, refuse } from './apply.ts'
import type { Ledger } from './ledger.ts'
import { releaseBlob } from './placements.ts'

export const addSent: Handler<'sent.add'> = (ledger, { sent: { account, trace, atMs, ...about } }) => {
  if (ledger.account(account) === undefined) return noAccount
  const { lastInsertRowid } = ledger
    .sql('INSERT INTO sent (account, trace, at_ms, about) VALUES (?, ?, ?, ?)')
    .run(account, trace, atMs, JSON.stringify(about))
  return { ok: true, id: Number(lastInsertRowid) }
}

const noMessage = refuse('conflict', 'There is no such message.')

/** Out of the queue, all recipients or none. */
export const cancelSent: Handler<'sent.cancel'> = (ledger, { account: accountId, trace, nowMs }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  const sent = ledger.sql('SELECT id FROM sent WHERE trace = ? AND account = ?').get(trace, account.id)
  if (sent === undefined) return noMessage
  const queued = ledger.sql('SELECT id, attempts, next_ms, state FROM queue WHERE trace = ?').all(trace)
  const waits = (row: (typeof queued)[number]) =>
    Number(row.attempts) === 0 && (row.state === 'held' || Number(row.next_ms) > nowMs)
  if (queued.length === 0 || !queued.every(waits)) return refuse('forbidden', 'It is on its way already.')
  takeBack(ledger, trace)
  // JMAP shows the same message as a submission (RFC 8621 §7).
  const submitted = ledger.sql("SELECT id FROM submission WHERE account = ? AND trace = ? AND undo_status = 'pending'")
  for (const { id } of submitted.all(account.id, trace))
    ledger
      .sql("UPDATE submission SET undo_status = 'canceled', modseq = ? WHERE account = ? AND id = ?")
      .run(ledger.nextModseq(account), account.id, Number(id))
  return { ok: true, id: Number(sent.id) }
}

/** Everything of a message that waits in the queue leaves it. */
export function takeBack(ledger: Ledger, trace: string): void {
  for (const { blob } of ledger.sql('DELETE FROM queue WHERE trace = ? RETURNING blob').all(trace))
    releaseBlob(ledger, Number(blob))
  ledger.touch(QUEUE)
}

// At most 10,000 a command, because others wait for the same writer.
export const pruneSent: Handler<'sent.prune'> = (ledger, { beforeMs }) => {
  ledger.sql('DELETE FROM sent WHERE id IN (SELECT id FROM sent ORDER BY id LIMIT 10000) AND at_ms < ?').run(beforeMs)
  return { ok: true }
}

export const putOnce: Handler<'once.put'> = (ledger, { account, key, digest, answer, nowMs }) => {
  if (ledger.account(account) === undefined) return noAccount
  const id = Buffer.from(key, 'hex')
  const of = Buffer.from(digest, 'hex')
  const known = ledger.sql('SELECT digest, answer, at_ms FROM once WHERE account = ? AND key = ?').get(account, id)
  if (known !== undefined && Number(known.at_ms) + ONCE_KEPT_MS > nowMs) {
    if (!of.equals(known.digest as Uint8Array)) return refuse('conflict', 'Another request has this key.')
    if (known.answer !== '') return refuse('exists', 'The request was done before.')
  }
  ledger.sql('INSERT OR REPLACE INTO once VALUES (?, ?, ?, ?, ?)').run(account, id, of, answer, nowMs)
  return { ok: true }
}

export const pruneOnce: Handler<'once.prune'> = (ledger, { beforeMs }) => {
  const old = ledger.sql('SELECT account, key FROM once WHERE at_ms < ? ORDER BY at_ms, account, key LIMIT 10000')
  for (const { account, key } of old.all(beforeMs))
    ledger.sql('DELETE FROM once WHERE account = ? AND key = ?').run(account!, key!)
  return { ok: true }
}
