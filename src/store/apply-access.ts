// Commands on what an account may hold, who may see its mailboxes, and annotations.

import { type Handler, noAccount, noMailbox, refuse } from './apply.ts'

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
