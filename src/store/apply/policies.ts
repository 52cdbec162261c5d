// Commands on the MTA-STS policies of other domains.

import type { Handler } from './apply.ts'

const POLICIES_KEPT = 10_000

export const putPolicy: Handler<'policy.put'> = (ledger, { policy }) => {
  const { domain, id, policy: text, fetchedMs, expiresMs } = policy
  ledger.sql('INSERT OR REPLACE INTO sts_policy VALUES (?, ?, ?, ?, ?)').run(domain, id, text, fetchedMs, expiresMs)
  ledger
    .sql(
      'DELETE FROM sts_policy WHERE fetched_ms < (SELECT fetched_ms FROM sts_policy ORDER BY fetched_ms DESC LIMIT 1 OFFSET ?)',
    )
    .run(POLICIES_KEPT)
  return { ok: true }
}

export const removePolicy: Handler<'policy.remove'> = (ledger, { domain }) => {
  ledger.sql('DELETE FROM sts_policy WHERE domain = ?').run(domain)
  return { ok: true }
}
