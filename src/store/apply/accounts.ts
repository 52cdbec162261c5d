// Commands on accounts, their addresses, whom they trust, and the store's settings.

import type { SpecialUse } from '../nouns/mail.ts'
import { type Handler, noAccount, refuse, resolveAccount } from './apply.ts'
import type { AccountRow, Ledger } from './ledger.ts'
import { insertMailbox } from './mailboxes.ts'

export const FIRST_MAILBOXES: readonly (readonly [string, SpecialUse])[] = [
  ['INBOX', 'inbox'],
  ['Drafts', 'drafts'],
  ['Sent', 'sent'],
  ['Junk', 'junk'],
  ['Trash', 'trash'],
  ['Archive', 'archive'],
]

/** An account has an address book from the first; the id is above all that come later. */
export const FIRST_BOOK = { id: 1_000_000_001, value: JSON.stringify({ name: 'Contacts', isDefault: true }) }

export const createAccount: Handler<'account.create'> = (ledger, command) => {
  const address = command.address.toLowerCase()
  if (addressOwner(ledger, address) !== undefined || isGroup(ledger, address)) return taken(address)
  const highest = ledger
    .sql('SELECT max(coalesce((SELECT max(id) FROM account), 0), ?) AS id')
    .get(Number(settingOf(ledger, HIGHEST_REMOVED) ?? 0))
  const id = Number(highest?.id) + 1
  ledger
    .sql(
      `INSERT INTO account (id, address, display_name, credentials, modseq, next_id, changes_after, created_ms)
       VALUES (?, ?, ?, ?, 1, 1, 1, ?)`,
    )
    .run(id, command.address, command.displayName, command.credentials, command.nowMs)
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
  if (owner !== undefined || isGroup(ledger, alias)) return taken(alias)
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

export const putGroup: Handler<'group.put'> = (ledger, { group }) => {
  const address = group.address.toLowerCase()
  if (addressOwner(ledger, address) !== undefined) return taken(address)
  const members = [...new Set(group.members.map((member) => member.toLowerCase()))]
  ledger
    .sql('INSERT OR REPLACE INTO address_group VALUES (?, ?, ?)')
    .run(address, group.owner.toLowerCase(), JSON.stringify(members))
  return { ok: true }
}

export const removeGroup: Handler<'group.remove'> = (ledger, { address }) => {
  const { changes } = ledger.sql('DELETE FROM address_group WHERE address = ?').run(address.toLowerCase())
  return Number(changes) > 0 ? { ok: true } : refuse('no-account', `There is no group ${address}.`)
}

/** The tables of a person that no trigger empties. */
const TABLES_OF_A_PERSON = [
  'address',
  'trusted_forwarder',
  'forward',
  'mailbox',
  'mailbox_gone',
  'subscription',
  'email',
  'placement',
  'expunged',
  'thread_key',
  'change',
  'submission',
] as const

export const removeAccount: Handler<'account.remove'> = (ledger, { account: id }) => {
  const account = ledger.sql('SELECT address FROM account WHERE id = ?').get(id)
  if (account === undefined) return noAccount
  // Whoever has one of the addresses next is somebody else: nobody has shared anything with him.
  for (const { address } of ledger.sql('SELECT address FROM address WHERE account = ?').all(id))
    ledger.sql(`DELETE FROM acl WHERE identifier = ?1 OR identifier = '-' || ?1`).run(String(address))
  ledger.sql('DELETE FROM forward_health WHERE source IN (SELECT source FROM forward WHERE account = ?)').run(id)
  ledger
    .sql(
      `UPDATE blob SET refs = refs - (SELECT count(*) FROM email WHERE email.account = ?1 AND email.blob = blob.id)
       WHERE id IN (SELECT blob FROM email WHERE account = ?1)`,
    )
    .run(id)
  for (const table of TABLES_OF_A_PERSON) ledger.sql(`DELETE FROM ${table} WHERE account = ?`).run(id)
  ledger.sql('DELETE FROM account WHERE id = ?').run(id)
  // What is kept beside the store (the text index) knows accounts by id.
  putSetting(ledger, { kind: 'setting.put', key: HIGHEST_REMOVED, value: highestOf(ledger, id) }, [])
  ledger.drop(id)
  ledger.touch(id)
  return { ok: true, id }
}

const highestOf = (ledger: Ledger, id: number) => String(Math.max(id, Number(settingOf(ledger, HIGHEST_REMOVED) ?? 0)))

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

export const putSetting: Handler<'setting.put'> = (ledger, { key, value, orKeep = false }) => {
  const conflict = orKeep ? 'NOTHING' : 'UPDATE SET value = excluded.value'
  ledger.sql(`INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO ${conflict}`).run(key, value)
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

/** The setting that says which ids are gone for good. */
const HIGHEST_REMOVED = 'highest-removed-account'

function settingOf(ledger: Ledger, key: string): string | undefined {
  return ledger.sql('SELECT value FROM setting WHERE key = ?').get(key)?.value as string | undefined
}

export const taken = (address: string) => refuse('exists', `The address ${address} is taken.`)

const isGroup = (ledger: Ledger, address: string) =>
  ledger.sql('SELECT 1 FROM address_group WHERE address = ?').get(address) !== undefined

function addressOwner(ledger: Ledger, address: string): number | undefined {
  const row = ledger.sql('SELECT account FROM address WHERE address = ?').get(address)
  return row === undefined ? undefined : Number(row.account)
}
