// Commands on what came back: counted for the Author, and addresses that mail is not sent to any more.

import type { NewSuppressed } from '../nouns/outgoing.ts'
import { type Handler, refuse } from './apply.ts'
import type { Ledger } from './ledger.ts'

const DAY_MS = 86_400_000
/** Of one owner. */
const MAX_SUPPRESSED = 100_000

/** A recipient failed: it is counted, and, where it is said so, not written to again. */
export const noteBounced: Handler<'bounced.note'> = (ledger, { author, reason, atMs, suppress }) => {
  ledger
    .sql(
      `INSERT INTO bounced (author, day, reason, count) VALUES (?, ?, ?, 1)
       ON CONFLICT (author, day, reason) DO UPDATE SET count = count + 1`,
    )
    .run(author.toLowerCase(), Math.floor(atMs / DAY_MS), reason)
  if (suppress !== undefined) put(ledger, { ...suppress, owner: author, reason, atMs }, 'failures + 1')
  return { ok: true }
}

export const putSuppressed: Handler<'suppressed.put'> = (ledger, { suppressed }) => {
  put(ledger, suppressed, '1')
  return { ok: true }
}

/** `failures`: of one that is on the list already. */
function put(
  ledger: Ledger,
  { owner, address, reason, said, atMs }: NewSuppressed,
  failures: '1' | 'failures + 1',
): void {
  const at = owner.toLowerCase()
  ledger
    .sql(
      `INSERT INTO suppressed (owner, address, reason, said, at_ms, failures) VALUES (?, ?, ?, ?, ?, 1)
       ON CONFLICT DO UPDATE SET reason = excluded.reason, said = excluded.said, at_ms = excluded.at_ms, failures = ${failures}`,
    )
    .run(at, address.toLowerCase(), reason, said, atMs)
  ledger
    .sql(
      `DELETE FROM suppressed WHERE owner = ? AND address IN (SELECT address FROM suppressed WHERE owner = ?
       ORDER BY at_ms DESC, address LIMIT -1 OFFSET ?)`,
    )
    .run(at, at, MAX_SUPPRESSED)
}

export const removeSuppressed: Handler<'suppressed.remove'> = (ledger, { owner, address }) => {
  const { changes } =
    owner === undefined
      ? ledger.sql('DELETE FROM suppressed WHERE address = ?').run(address.toLowerCase())
      : ledger
          .sql('DELETE FROM suppressed WHERE address = ? AND owner = ?')
          .run(address.toLowerCase(), owner.toLowerCase())
  return Number(changes) > 0 ? { ok: true } : refuse('conflict', `${address} is on no such list.`)
}

/** What was found out so long ago may be true no more; what people asked for stays. */
export const pruneSuppressed: Handler<'suppressed.prune'> = (ledger, { beforeMs }) => {
  ledger.sql("DELETE FROM suppressed WHERE at_ms < ? AND reason NOT IN ('feedback', 'asked')").run(beforeMs)
  ledger.sql('DELETE FROM bounced WHERE day < ?').run(Math.floor(beforeMs / DAY_MS))
  return { ok: true }
}
