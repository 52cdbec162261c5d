// What was deleted, for as long as it can be brought back: an email that leaves its last mailbox by a person's hand keeps its
// body and what was known of it. The agent says for how long (UNDELETE), and of whom nothing may go at all (holdKey). Drafts
// are left out: programs replace them every few seconds.

import { presentFlags } from '../flags.ts'
import { UNKNOWN_SEGMENT } from '../nouns/bodies.ts'
import { holdKey, type SpecialUse } from '../nouns/mail.ts'
import { BLOB_COLUMNS, blobOf } from '../read/rows.ts'
import { type Handler, noAccount, noEmail, refuse } from './apply.ts'
import { deliverEmail, overQuota } from './emails.ts'
import type { Ledger } from './ledger.ts'
import { releaseBlob } from './placements.ts'

/** By its id as an email; it comes back under a new one, where it was, but out of the bin. */
export const restoreDeleted: Handler<'deleted.restore'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const row = ledger
    .sql(
      `SELECT deleted.*, ${BLOB_COLUMNS} FROM deleted JOIN blob ON blob.id = deleted.blob WHERE account = ? AND deleted.id = ?`,
    )
    .get(account.id, command.id)
  if (row === undefined) return noEmail
  const use = row.use as SpecialUse | null
  const there = use === null ? account.byPath.get(String(row.path)) : ledger.mailbox(account, use)
  const mailbox = use === 'trash' || there === undefined ? ledger.mailbox(account, 'inbox') : there
  if (!ledger.fits(account, Number(row.size), 1)) return overQuota
  const result = deliverEmail(
    ledger,
    {
      kind: 'email.deliver',
      account: account.id,
      mailboxes: [mailbox!.id],
      blob: { ...blobOf(row), segment: UNKNOWN_SEGMENT },
      summary: JSON.parse(String(row.summary)),
      flags: presentFlags(Number(row.flags), String(row.keywords)).filter((flag) => flag !== '\\Deleted'),
      receivedAtMs: Number(row.received_ms),
      savedAtMs: command.nowMs,
      verdict: row.verdict === null ? null : JSON.parse(String(row.verdict)),
    },
    [],
  )
  if (result.ok) forget(ledger, account.id, command.id)
  return result
}

export const forgetDeleted: Handler<'deleted.forget'> = (ledger, command) => {
  if (ledger.account(command.account) === undefined) return noAccount
  if (isHeld(ledger, command.account)) return refuse('forbidden', 'Nothing of this account may go (retention=keep).')
  const changed = command.ids.filter((id) => forget(ledger, command.account, id))
  return { ok: true, changed }
}

const NOT_HELD = "NOT EXISTS (SELECT 1 FROM setting WHERE key = 'hold/' || deleted.account AND value = 'yes')"

/** What is too old goes, and of who has more in it than his quota the oldest. */
export const pruneDeleted: Handler<'deleted.prune'> = (ledger, { beforeMs, atMost }) => {
  const old = ledger
    .sql(
      `SELECT account, id FROM deleted WHERE deleted_ms < ? AND ${NOT_HELD} ORDER BY deleted_ms, account, id LIMIT ?`,
    )
    .all(beforeMs, atMost)
  const over = ledger
    .sql(
      `SELECT d.account AS account, d.id AS id FROM
         (SELECT account, id, sum(size) OVER (PARTITION BY account ORDER BY deleted_ms DESC, id DESC) AS bytes FROM deleted
          WHERE account IN (SELECT id FROM account WHERE quota_bytes IS NOT NULL) AND ${NOT_HELD}) AS d
       JOIN account AS a ON a.id = d.account WHERE d.bytes > a.quota_bytes ORDER BY d.account, d.id LIMIT ?`,
    )
    .all(atMost)
  const changed = [...old, ...over].filter(({ account, id }) => forget(ledger, Number(account), Number(id)))
  return { ok: true, changed: changed.map(({ id }) => Number(id)) }
}

function forget(ledger: Ledger, account: number, id: number): boolean {
  const row = ledger.sql('DELETE FROM deleted WHERE account = ? AND id = ? RETURNING blob').get(account, id)
  if (row !== undefined) releaseBlob(ledger, Number(row.blob))
  return row !== undefined
}

function isHeld(ledger: Ledger, account: number): boolean {
  return ledger.sql('SELECT value FROM setting WHERE key = ?').get(holdKey(account))?.value === 'yes'
}
