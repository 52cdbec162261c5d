// Commands on what sorts a person's mail: Sieve scripts (RFC 5804), the answer while away, and what scripts have seen before.

import { type Handler, noAccount, refuse, resolveId } from './apply.ts'
import { noBody, useBlob } from './emails.ts'
import { releaseBlob } from './placements.ts'

const noScript = refuse('conflict', 'There is no such script.')

/** More are never remembered for one account: of what would be beyond, the soonest to end is forgotten. */
const MOST_SEEN = 10_000

export const putScript: Handler<'script.put'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const all = ledger
    .sql(
      'SELECT script.id, name, script.blob AS blob, size FROM script JOIN blob ON blob.id = script.blob WHERE account = ?',
    )
    .all(account.id)
  const named = all.find(({ name }) => name === command.name)
  const old = command.id === undefined ? named : all.find(({ id }) => id === command.id)
  if (command.id !== undefined && old === undefined) return noScript
  if (named !== undefined && named !== old) return refuse('exists', `There is a script named ${command.name} already.`)
  const { scripts, bytes } = command.atMost
  if (old === undefined && all.length >= scripts)
    return refuse('over-quota', `More than ${scripts} scripts cannot be kept.`)
  const others = all.reduce((sum, { size }) => sum + Number(size), -Number(old?.size ?? 0))
  if (others + command.blob.sizeBytes > bytes)
    return refuse('over-quota', `Scripts of more than ${bytes} bytes in all cannot be kept.`)
  const blob = useBlob(ledger, command.blob)
  if (blob === undefined) return noBody
  const modseq = ledger.nextModseq(account)
  if (old !== undefined) {
    releaseBlob(ledger, Number(old.blob))
    ledger
      .sql('UPDATE script SET name = ?, blob = ? WHERE account = ? AND id = ?')
      .run(command.name, blob, account.id, Number(old.id))
    return { ok: true, id: Number(old.id), modseq }
  }
  const id = ledger.nextId(account)
  ledger.sql('INSERT INTO script VALUES (?, ?, ?, ?, 0)').run(account.id, id, command.name, blob)
  return { ok: true, id, modseq }
}

export const renameScript: Handler<'script.rename'> = (ledger, { account: accountId, id, name }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  const holder = ledger.sql('SELECT id FROM script WHERE account = ? AND name = ?').get(account.id, name)
  if (holder !== undefined && Number(holder.id) !== id)
    return refuse('exists', `There is a script named ${name} already.`)
  const { changes } = ledger.sql('UPDATE script SET name = ? WHERE account = ? AND id = ?').run(name, account.id, id)
  return Number(changes) === 0 ? noScript : { ok: true, id, modseq: ledger.nextModseq(account) }
}

export const activateScript: Handler<'script.activate'> = (ledger, command, made) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const id = command.id === null ? null : resolveId(command.id, made)
  const known =
    id == null ? undefined : ledger.sql('SELECT id FROM script WHERE account = ? AND id = ?').get(account.id, id)
  if (id !== null && known === undefined) return noScript
  ledger.sql('UPDATE script SET active = (id = ?) WHERE account = ?').run(id ?? -1, account.id)
  return { ok: true, modseq: ledger.nextModseq(account) }
}

export const removeScript: Handler<'script.remove'> = (ledger, { account: accountId, id }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  const row = ledger.sql('SELECT blob, active FROM script WHERE account = ? AND id = ?').get(account.id, id)
  if (row === undefined) return noScript
  if (row.active === 1) return refuse('forbidden', 'The active script cannot be removed.')
  ledger.sql('DELETE FROM script WHERE account = ? AND id = ?').run(account.id, id)
  releaseBlob(ledger, Number(row.blob))
  return { ok: true, id, modseq: ledger.nextModseq(account) }
}

export const putVacation: Handler<'vacation.put'> = (ledger, { account: accountId, response }) => {
  const account = ledger.account(accountId)
  if (account === undefined) return noAccount
  ledger.sql('INSERT OR REPLACE INTO vacation VALUES (?, ?)').run(account.id, JSON.stringify(response))
  return { ok: true, modseq: ledger.nextModseq(account) }
}

export const putSeen: Handler<'seen.put'> = (ledger, { account, key, nowMs, expiresAtMs }) => {
  if (ledger.account(account) === undefined) return noAccount
  ledger.sql('DELETE FROM seen WHERE account = ? AND expires_ms <= ?').run(account, nowMs)
  ledger
    .sql(
      `DELETE FROM seen WHERE account = ?1 AND key IN
       (SELECT key FROM seen WHERE account = ?1 ORDER BY expires_ms, key LIMIT max(0, (SELECT count(*) FROM seen WHERE account = ?1) - ?2))`,
    )
    .run(account, MOST_SEEN - 1)
  ledger.sql('INSERT OR REPLACE INTO seen VALUES (?, ?, ?)').run(account, Buffer.from(key, 'hex'), expiresAtMs)
  return { ok: true }
}
