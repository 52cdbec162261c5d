// Commands on what Authors and contract partners send: counted by the hour, so that several nodes may count at once, and
// where each of them stands (roles/outgoing).

import { MET_AGAIN_DAYS } from '../nouns/outgoing.ts'
import { putSetting } from './accounts.ts'
import { type Handler, refuse } from './apply.ts'
import { checkContract, countContract } from './contract-counts.ts'
import type { Ledger } from './ledger.ts'

/** Looked through at most in one command: others wait for the same writer. */
const PRUNED_AT_ONCE = 10_000

export const countOutgoing: Handler<'outgoing.count'> = (ledger, { sender, hour, counts, prints }) => {
  ledger
    .sql(
      `INSERT INTO outgoing_hour VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sender, hour) DO UPDATE SET
       acquainted = acquainted + excluded.acquainted, recipients = recipients + excluded.recipients,
       strangers = strangers + excluded.strangers, suspects = suspects + excluded.suspects,
       refused = refused + excluded.refused, complaints = complaints + excluded.complaints`,
    )
    .run(
      sender,
      hour,
      counts.acquainted,
      counts.recipients,
      counts.strangers,
      counts.suspects,
      counts.refused,
      counts.complaints,
    )
  for (const print of prints)
    ledger
      .sql(
        `INSERT INTO outgoing_like VALUES (?, ?, ?, ?) ON CONFLICT (sender, print) DO UPDATE SET
         strangers = strangers + excluded.strangers, hour = excluded.hour`,
      )
      .run(sender, print, hour, counts.strangers)
  return { ok: true }
}

/** Only looks: what several nodes decide at once about one sender must hold together. */
export const checkOutgoing: Handler<'outgoing.check'> = (ledger, { sender, hour, atMost, standings }) => {
  const row = ledger.sql('SELECT * FROM outgoing_hour WHERE sender = ? AND hour = ?').get(sender, hour)
  const isMore = Object.entries(atMost).some(([name, most]) => Number(row?.[name] ?? 0) > most)
  const standing = ledger.sql('SELECT standing FROM outgoing_standing WHERE sender = ?').get(sender)?.standing ?? null
  return isMore || !standings.includes(standing as string | null) ? decidedMeanwhile : { ok: true }
}

const decidedMeanwhile = refuse('conflict', 'More is known of this sender by now.')

const settingsOf = (ledger: Ledger) => ({
  get: (key: string) => ledger.sql('SELECT value FROM setting WHERE key = ?').get(key)?.value as string | undefined,
  set: (key: string, value: string) => void putSetting(ledger, { kind: 'setting.put', key, value }, []),
})

export const checkContractLeft: Handler<'contract.check'> = (ledger, command) =>
  checkContract(settingsOf(ledger), command)

export const addContractCounts: Handler<'contract.count'> = (ledger, command) =>
  countContract(settingsOf(ledger), command)

export const standOutgoing: Handler<'outgoing.stand'> = (ledger, { sender, standing }) => {
  if (standing === null) ledger.sql('DELETE FROM outgoing_standing WHERE sender = ?').run(sender)
  else ledger.sql('INSERT OR REPLACE INTO outgoing_standing VALUES (?, ?)').run(sender, standing)
  return { ok: true }
}

export const putAcquaintances: Handler<'acquaintance.put'> = (ledger, { account, prints, day }) => {
  for (const print of prints)
    ledger
      .sql(
        `INSERT INTO acquaintance VALUES (?, ?, ?) ON CONFLICT (account, print) DO UPDATE SET day = excluded.day
         WHERE day < excluded.day - ${MET_AGAIN_DAYS}`,
      )
      .run(account, print, day)
  return { ok: true }
}

export const pruneOutgoing: Handler<'outgoing.prune'> = (ledger, { beforeHour, likeBeforeHour, beforeDay }) => {
  ledger
    .sql(
      'DELETE FROM acquaintance WHERE (account, print) IN (SELECT account, print FROM acquaintance WHERE day < ? LIMIT ?)',
    )
    .run(beforeDay, PRUNED_AT_ONCE)
  ledger
    .sql(
      'DELETE FROM outgoing_hour WHERE (sender, hour) IN (SELECT sender, hour FROM outgoing_hour WHERE hour < ? LIMIT ?)',
    )
    .run(beforeHour, PRUNED_AT_ONCE)
  ledger
    .sql(
      'DELETE FROM outgoing_like WHERE (sender, print) IN (SELECT sender, print FROM outgoing_like WHERE hour < ? LIMIT ?)',
    )
    .run(likeBeforeHour, PRUNED_AT_ONCE)
  return { ok: true }
}
