// Commands on accounts, their addresses, whom they trust, and the store's settings.

import { type Handler, noAccount, refuse, resolveAccount } from './apply.ts'
import { insertMailbox } from './apply-mailboxes.ts'
import type { AccountRow, Ledger } from './ledger.ts'
import type { SpecialUse } from './types.ts'

const FIRST_MAILBOXES: readonly (readonly [string, SpecialUse])[] = [
  ['INBOX', 'inbox'],
  ['Drafts', 'drafts'],
  ['Sent', 'sent'],
  ['Junk', 'junk'],
  ['Trash', 'trash'],
  ['Archive', 'archive'],
]

/** An account has an address book from the first; the id is above all that come later. */
const FIRST_BOOK = { id: 1_000_000_001, value: JSON.stringify({ name: 'Contacts', isDefault: true }) }

export const createAccount: Handler<'account.create'> = (ledger, command) => {
  const address = command.address.toLowerCase()
  if (addressOwner(ledger, address) !== undefined) return refuse('exists', `The address ${address} is taken.`)
  const made = ledger
    .sql(
      `INSERT INTO account (address, display_name, credentials, modseq, next_id, changes_after, created_ms)
       VALUES (?, ?, ?, 1, 1, 1, ?)`,
    )
    .run(command.address, command.displayName, command.credentials, command.nowMs)
  const id = Number(made.lastInsertRowid)
  ledger.sql('INSERT INTO address VALUES (?, ?, 0)').run(address, id)
  const account = ledger.account(id) as AccountRow
  for (const [path, use] of FIRST_MAILBOXES) {
    insertMailbox(ledger, account, path, use, account.modseq, command.nowMs)
    ledger.sql('INSERT INTO subscription VALUES (?, ?)').run(id, path)
  }
  ledger
    .sql("INSERT INTO object VALUES (?, 'addressbook', ?, ?, ?, ?)")
    .run(id, FIRST_BOOK.id, account.modseq, account.modseq, FIRST_BOOK.value)
  return { ok: true, id, modseq: account.modseq }
}

export const setCredentials: Handler<'account.credentials'> = (ledger, { account, credentials }) => {
  if (ledger.account(account) === undefined) return noAccount
  ledger.sql('UPDATE account SET credentials = ? WHERE id = ?').run(credentials, account)
  ledger.touch(account)
  return { ok: true, id: account }
}

export const putAlias: Handler<'alias.put'> = (ledger, command, made) => {
  const account = resolveAccount(ledger, command.account, made)
  if (account === undefined) return noAccount
  const alias = command.alias.toLowerCase()
  const owner = addressOwner(ledger, alias)
  if (owner === account.id) return { ok: true, id: account.id }
  if (owner !== undefined) return refuse('exists', `The address ${alias} is taken.`)
  const last = ledger.sql('SELECT max(position) AS position FROM address WHERE account = ?').get(account.id)
  ledger.sql('INSERT INTO address VALUES (?, ?, ?)').run(alias, account.id, Number(last?.position ?? 0) + 1)
  ledger.touch(account.id)
  return { ok: true, id: account.id }
}

export const removeAlias: Handler<'alias.remove'> = (ledger, { alias }) => {
  const owner = addressOwner(ledger, alias.toLowerCase())
  if (owner === undefined) return refuse('no-account', `Nobody has the address ${alias}.`)
  const { changes } = ledger.sql('DELETE FROM address WHERE address = ? AND position > 0').run(alias.toLowerCase())
  if (Number(changes) === 0) return refuse('forbidden', `${alias} is the account's primary address.`)
  ledger.touch(owner)
  return { ok: true, id: owner }
}

export const putTrust: Handler<'trust.put'> = (ledger, { forwarder }) => {
  if (ledger.account(forwarder.account) === undefined) return noAccount
  ledger
    .sql(
      `INSERT INTO trusted_forwarder VALUES (?, ?, ?, ?)
       ON CONFLICT (account, domain) DO UPDATE SET old_address = excluded.old_address`,
    )
    .run(forwarder.account, forwarder.domain.toLowerCase(), forwarder.oldAddress, forwarder.addedAtMs)
  ledger.touch(forwarder.account)
  return { ok: true }
}

export const removeTrust: Handler<'trust.remove'> = (ledger, { account, domain }) => {
  if (ledger.account(account) === undefined) return noAccount
  ledger.sql('DELETE FROM trusted_forwarder WHERE account = ? AND domain = ?').run(account, domain.toLowerCase())
  ledger.touch(account)
  return { ok: true }
}

export const putSetting: Handler<'setting.put'> = (ledger, { key, value }) => {
  ledger.sql('INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value').run(key, value)
  return { ok: true }
}

export const putRemembered: Handler<'remembered.put'> = (ledger, { changes }) => {
  const put = ledger.sql('INSERT OR REPLACE INTO remembered VALUES (?, ?, ?)')
  const forget = ledger.sql('DELETE FROM remembered WHERE key = ?')
  for (const { key, value, expiresAtMs } of changes)
    if (value === undefined) forget.run(key)
    else put.run(key, value, expiresAtMs)
  return { ok: true }
}

function addressOwner(ledger: Ledger, address: string): number | undefined {
  const row = ledger.sql('SELECT account FROM address WHERE address = ?').get(address)
  return row === undefined ? undefined : Number(row.account)
}
