// Commands on what an account may hold, who may see its mailboxes, and annotations.

import type { Command } from '../commands.ts'
import type { ShareNotification } from '../nouns/people.ts'
import { type Handler, noAccount, noMailbox, refuse } from './apply.ts'
import type { Ledger, MailboxRow } from './ledger.ts'
import { noteGone } from './objects.ts'

export const putQuota: Handler<'quota.put'> = (ledger, { account: id, bytes, messages }) => {
  const account = ledger.account(id)
  if (account === undefined) return noAccount
  ledger.sql('UPDATE account SET quota_bytes = ?, quota_messages = ? WHERE id = ?').run(bytes, messages, id)
  account.quotaBytes = bytes
  account.quotaMessages = messages
  ledger.touch(id)
  return { ok: true, id, modseq: account.modseq }
}

export const putAccessRight: Handler<'acl.put'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const mailbox = account.mailboxes.get(command.mailbox)
  if (mailbox === undefined) return noMailbox
  const key = [account.id, mailbox.id, command.identifier.toLowerCase()] as const
  if (command.told !== undefined) tellOfRights(ledger, mailbox, command, command.told)
  if (command.rights === '') {
    ledger.sql('DELETE FROM acl WHERE account = ? AND mailbox = ? AND identifier = ?').run(...key)
  } else {
    ledger
      .sql(
        'INSERT INTO acl VALUES (?, ?, ?, ?) ON CONFLICT (account, mailbox, identifier) DO UPDATE SET rights = excluded.rights',
      )
      .run(...key, command.rights)
  }
  ledger.changed(mailbox, ledger.nextModseq(account), false)
  return { ok: true, id: mailbox.id, modseq: account.modseq }
}

/** So many are kept for somebody; the oldest go. */
const MOST_TOLD = 200

/** Whoever has this address hears that his rights are others. */
function tellOfRights(
  ledger: Ledger,
  mailbox: MailboxRow,
  { account: owner, identifier, rights }: Extract<Command, { kind: 'acl.put' }>,
  { by, nowMs }: { by: number; nowMs: number },
): void {
  const address = ledger.sql('SELECT account FROM address WHERE address = ?').get(identifier.toLowerCase())
  const reader = address && ledger.account(Number(address.account))
  const old = ledger
    .sql('SELECT rights FROM acl WHERE account = ? AND mailbox = ? AND identifier = ?')
    .get(owner, mailbox.id, identifier.toLowerCase())
  const oldRights = String(old?.rights ?? '')
  if (reader === undefined || reader.id === by || reader.id === owner || oldRights === rights) return
  const told: ShareNotification = {
    createdMs: nowMs,
    by,
    owner,
    mailbox: mailbox.id,
    path: mailbox.path,
    oldRights,
    newRights: rights,
  }
  const modseq = ledger.nextModseq(reader)
  const made = [reader.id, NOTIFICATION, ledger.nextId(reader), modseq, modseq, JSON.stringify(told)] as const
  ledger.sql('INSERT INTO object VALUES (?, ?, ?, ?, ?, ?)').run(...made)
  const beyond = ledger
    .sql('SELECT id, created_modseq FROM object WHERE account = ? AND kind = ? ORDER BY id DESC LIMIT -1 OFFSET ?')
    .all(reader.id, NOTIFICATION, MOST_TOLD)
  for (const { id, created_modseq } of beyond) {
    ledger.sql('DELETE FROM object WHERE account = ? AND kind = ? AND id = ?').run(reader.id, NOTIFICATION, Number(id))
    noteGone(ledger, reader, NOTIFICATION, Number(id), Number(created_modseq))
  }
}

const NOTIFICATION = 'share-notification'

export const putMetadata: Handler<'metadata.put'> = (ledger, command) => {
  const account = ledger.account(command.account)
  if (account === undefined) return noAccount
  const mailbox = command.mailbox === 0 ? undefined : account.mailboxes.get(command.mailbox)
  if (command.mailbox !== 0 && mailbox === undefined) return noMailbox
  const keys = ledger
    .sql('SELECT reader, entry FROM metadata WHERE account = ? AND mailbox = ?')
    .all(account.id, command.mailbox)
    .map((row) => `${row.reader} ${row.entry}`)
  const after = new Set(keys)
  for (const { reader, entry, value } of command.entries) {
    if (value === null) after.delete(`${reader} ${entry}`)
    else after.add(`${reader} ${entry}`)
  }
  if (after.size > Math.max(command.most, keys.length)) return refuse('over-quota', 'Too many annotations.')
  for (const { reader, entry, value } of command.entries) {
    const key = [account.id, command.mailbox, reader, entry] as const
    if (value === null) {
      ledger.sql('DELETE FROM metadata WHERE account = ? AND mailbox = ? AND reader = ? AND entry = ?').run(...key)
    } else {
      ledger
        .sql(
          'INSERT INTO metadata VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, mailbox, reader, entry) DO UPDATE SET value = excluded.value',
        )
        .run(...key, value)
    }
  }
  const modseq = ledger.nextModseq(account)
  if (mailbox) ledger.changed(mailbox, modseq, false)
  return { ok: true, modseq }
}
