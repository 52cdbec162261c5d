// Who and what a James script finds: its suite prepared people, mailboxes, messages and rights, named in states.json.

import type { ImapHouse } from './imap-house.ts'

/** Passwords as the scripts say them. */
const PEOPLE: Record<string, string> = { delegate: '123456' }
const OTHER = 'boby'

/** Carries out the `prepared` entries that concern us: people and their mailboxes. */
export async function prepare(house: ImapHouse, entries: readonly string[]): Promise<void> {
  await addPerson(house, 'imapuser')
  for (const entry of entries) {
    const user = /^withUser\((?:"(\w+)"|OTHER_USER_NAME)/.exec(entry)
    if (user) await addPerson(house, user[1] ?? OTHER)
  }
  for (const entry of entries) {
    const mailbox =
      /^withMailbox\(MailboxPath\.forUser\((?:Username\.of\("(\w+)"\)|OTHER_USER_NAME), ?"([\w-]+)"\)/.exec(entry)
    if (mailbox === null) continue
    const account = house.store.accountByAddress(mailbox[1] ?? OTHER)
    if (account) await house.apply({ kind: 'mailbox.create', account: account.id, path: mailbox[2]!, nowMs: 1 })
  }
}

/** James's people begin with an INBOX and nothing else. */
async function addPerson(house: ImapHouse, name: string): Promise<void> {
  const account = await house.addPerson(name, PEOPLE[name] ?? 'password')
  for (const { id, path } of house.store.mailboxes(account)) {
    if (path === 'INBOX') continue
    await house.apply({ kind: 'mailbox.subscribe', account, path, subscribed: false })
    await house.apply({ kind: 'mailbox.delete', account, mailbox: id })
  }
}
