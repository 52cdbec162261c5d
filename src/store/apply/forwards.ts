// Commands on forwards that people set up, and on how the targets of all forwards have answered lately.

import { type Handler, noAccount, refuse } from './apply.ts'

export const putForward: Handler<'forward.put'> = (ledger, { forward }) => {
  if (ledger.account(forward.account) === undefined) return noAccount
  const from = forward.from.toLowerCase()
  const known = ledger.sql('SELECT account FROM forward WHERE source = ?').get(from)
  if (known !== undefined && Number(known.account) !== forward.account)
    return refuse('exists', `Somebody else forwards ${from}.`)
  const { account, to, keep, state, code, probe, addedAtMs } = forward
  ledger
    .sql('INSERT OR REPLACE INTO forward VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
    .run(from, account, to, keep ? 1 : 0, state, code, JSON.stringify(probe), addedAtMs)
  ledger.touch(account)
  return { ok: true, id: account }
}

export const removeForward: Handler<'forward.remove'> = (ledger, { account, from }) => {
  if (ledger.account(account) === undefined) return noAccount
  const source = from.toLowerCase()
  const { changes } = ledger.sql('DELETE FROM forward WHERE source = ? AND account = ?').run(source, account)
  if (Number(changes) > 0) ledger.sql('DELETE FROM forward_health WHERE source = ?').run(source)
  ledger.touch(account)
  return { ok: true, id: account }
}

export const putForwardHealth: Handler<'forward.health'> = (ledger, { from, health }) => {
  const { refusals, pausedAtMs, lastReply } = health
  ledger
    .sql('INSERT OR REPLACE INTO forward_health VALUES (?, ?, ?, ?)')
    .run(from.toLowerCase(), refusals, pausedAtMs, lastReply)
  return { ok: true }
}
