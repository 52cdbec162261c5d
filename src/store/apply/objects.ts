// Commands on small things of a person that are kept as JSON, and on bodies that a person brought.

import type { ObjectKind } from '../nouns/people.ts'
import { HOOKS, PUSHES } from '../nouns/watched.ts'
import { type Handler, noAccount, refuse } from './apply.ts'
import { noBody, useBlob } from './emails.ts'
import type { AccountRow, Ledger } from './ledger.ts'
import { releaseBlob } from './placements.ts'

export const noObject = refuse('conflict', 'There is no such object.')

/** Who read it before may not know what it is now. */
const changedMeanwhile = refuse('conflict', 'The object has another value by now.')

export const putObject: Handler<'object.put'> = (ledger, { account: accountId, of, id, value, atMost, was }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  if (id !== undefined) {
    const old = ledger.sql('SELECT value FROM object WHERE account = ? AND kind = ? AND id = ?').get(account.id, of, id)
    if (old === undefined) return noObject
    if (was !== undefined && old.value !== was) return changedMeanwhile
  }
  if (id === undefined) {
    const count = ledger.sql('SELECT count(*) AS count FROM object WHERE account = ? AND kind = ?').get(account.id, of)
    if (Number(count?.count) >= atMost) return refuse('over-quota', `More than ${atMost} cannot be kept.`)
  }
  const modseq = changed(ledger, account, of)
  if (id !== undefined) {
    ledger
      .sql('UPDATE object SET value = ?, modseq = ? WHERE account = ? AND kind = ? AND id = ?')
      .run(value, modseq, account.id, of, id)
    return { ok: true, id, modseq }
  }
  const made = ledger.nextId(account)
  ledger.sql('INSERT INTO object VALUES (?, ?, ?, ?, ?, ?)').run(account.id, of, made, modseq, modseq, value)
  return { ok: true, id: made, modseq }
}

export const removeObject: Handler<'object.remove'> = (ledger, { account: accountId, of, id }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  const row = ledger
    .sql('DELETE FROM object WHERE account = ? AND kind = ? AND id = ? RETURNING created_modseq')
    .get(account.id, of, id)
  if (row === undefined) return noObject
  if (BESIDE_THE_MAIL.has(of)) return { ok: true, id, modseq: changed(ledger, account, of) }
  return { ok: true, id, modseq: noteGone(ledger, account, of, id, Number(row.created_modseq)) }
}

/** How a person signs in or is told is no mail: the account's state stays. */
export const BESIDE_THE_MAIL: ReadonlySet<string> = new Set([
  'push',
  'app-password',
  'second-factor',
  'web-session',
  'oauth-grant',
  'oidc-link',
  'passkey',
  'webhook',
  'webhook-progress',
] satisfies ObjectKind[])

// Who pushes must hear of push subscriptions, and who tells programs of their webhooks.
function changed(ledger: Ledger, account: AccountRow, of: string): number {
  if (!BESIDE_THE_MAIL.has(of)) return ledger.nextModseq(account)
  if (of === 'push') ledger.touch(PUSHES)
  if (of === 'webhook') ledger.touch(HOOKS)
  return account.modseq
}

/** For those who ask what changed since a state before. */
export function noteGone(ledger: Ledger, account: AccountRow, of: string, id: number, createdModseq: number): number {
  const modseq = ledger.nextModseq(account)
  ledger.sql('INSERT INTO object_gone VALUES (?, ?, ?, ?, ?)').run(account.id, of, modseq, id, createdModseq)
  return modseq
}

/** The newest are kept, as far as there is room; the body must be small enough to be kept at all. */
export const putUpload: Handler<'upload.put'> = (ledger, { account: accountId, blob: ref, nowMs, atMost }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  if (ref.sizeBytes > atMost.bytes) return refuse('over-quota', `More than ${atMost.bytes} bytes cannot be kept.`)
  const blob = useBlob(ledger, ref)
  if (blob === undefined) return noBody
  // The same again counts once.
  const again = ledger.sql('UPDATE upload SET at_ms = ? WHERE account = ? AND blob = ?').run(nowMs, account.id, blob)
  if (Number(again.changes) > 0) releaseBlob(ledger, blob)
  else ledger.sql('INSERT INTO upload VALUES (?, ?, ?)').run(account.id, blob, nowMs)
  const all = ledger
    .sql(
      `SELECT upload.blob AS blob, blob.size AS size FROM upload JOIN blob ON blob.id = upload.blob
       WHERE account = ? ORDER BY upload.blob = ? DESC, at_ms DESC, upload.blob DESC`,
    )
    .all(account.id, blob)
  let bytes = 0
  for (const [index, row] of all.entries()) {
    bytes += Number(row.size)
    if (index >= atMost.count || bytes > atMost.bytes) forget(ledger, account.id, Number(row.blob))
  }
  return { ok: true }
}

// A thousand a command, because others wait for the same writer.
export const pruneUploads: Handler<'upload.prune'> = (ledger, { beforeMs }) => {
  const old = ledger
    .sql('SELECT account, blob FROM upload WHERE at_ms < ? ORDER BY at_ms, account, blob LIMIT 1000')
    .all(beforeMs)
  for (const { account, blob } of old) forget(ledger, Number(account), Number(blob))
  return { ok: true }
}

function forget(ledger: Ledger, account: number, blob: number): void {
  ledger.sql('DELETE FROM upload WHERE account = ? AND blob = ?').run(account, blob)
  releaseBlob(ledger, blob)
}
