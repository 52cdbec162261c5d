// Who and what a James script finds: its suite prepared people, mailboxes, messages and rights, named in states.json.

import { readRights, writeRights } from '../../protocols/imap/rights.ts'
import { summarise } from '../../store/summary.ts'
import type { ImapHouse } from './imap-house.ts'

/** Passwords as the scripts say them. */
const PEOPLE: Record<string, string> = { delegate: '123456' }
const OTHER = 'boby'

/** Carries out the `prepared` entries that concern us: people and their mailboxes. */
export async function prepare(house: ImapHouse, entries: readonly string[]): Promise<void> {
  await addPerson(house, 'imapuser')
  await addPerson(house, OTHER)
  for (const entry of entries) {
    const user = /^withUser\((?:"(\w+)"|OTHER_USER_NAME)/.exec(entry)
    if (user) await addPerson(house, user[1] ?? OTHER)
  }
  for (const entry of entries) await makeMailbox(house, entry)
  for (const entry of entries) await grant(house, entry)
}

/** Paths that the scripts' programs name by a word. */
const WORDS: Record<string, readonly [person: string, path: string]> = {
  OTHER_USER_SHARED_MAILBOX: [OTHER, 'sharedMailbox'],
  OTHER_USER_SHARED_MAILBOX_CHILD: [OTHER, 'sharedMailbox/child'],
  YET_ANOTHER_USER_SHARED_MAILBOX: ['diana', 'sharedMailbox'],
  sharedMailbox: [OTHER, 'shared'],
  // James's `user.Boby` and `user.imapuser.test`; a mailbox is renamed within its owner's.
  OTHER_USER_MAILBOX: [OTHER, 'Shared'],
  newMailbox: [OTHER, 'imapuser/test'],
  MY_INBOX: ['imapuser', 'INBOX'],
  otherSharedMailbox: [OTHER, 'otherShared'],
}

/** The mailboxes of other people under the names that they have here: these scripts were written for another namespace. */
export const withOurNames = (script: string): string =>
  script
    .replaceAll('user.imapuser.test', `#user.${OTHER}.imapuser.test`)
    .replaceAll('user.imapuser', 'INBOX')
    .replaceAll('"user." "Boby"', `"#user.${OTHER}." "Shared"`)
    .replaceAll('user.Boby', `#user.${OTHER}.Shared`)
    .replaceAll('Boby', OTHER)

/** `MailboxPath.forUser(OTHER_USER_NAME, "Sent")`, or a word. */
function pathIn(text: string): readonly [person: string, path: string] | undefined {
  const made = /^MailboxPath\.forUser\((?:Username\.of\("(\w+)"\)|OTHER_USER_NAME), ?"([\w.-]+)"\)/.exec(text)
  if (made) return [made[1] ?? OTHER, made[2]!.replaceAll('.', '/')]
  if (text.startsWith('MailboxPath.inbox(USER)')) return ['imapuser', 'INBOX']
  return WORDS[/^\w+/.exec(text)?.[0] ?? '']
}

/** The flags of the messages in a mailbox that is 'filled'; scripts about rights look at them. */
const FILL: readonly (readonly string[])[] = Array.from({ length: 10 }, () => [])
const FILL_FOR_RIGHTS: typeof FILL = [[], [], ['\\Flagged'], ['\\Deleted']]

async function makeMailbox(house: ImapHouse, entry: string): Promise<void> {
  const wish = /^with(Filled)?Mailbox\((.*)$/.exec(entry)
  const place = wish && pathIn(wish[2]!)
  if (!place) return
  const [person, path] = place
  await addPerson(house, person)
  const account = house.store.accountByAddress(person)!.id
  if (house.store.mailboxByPath(account, path) === undefined) {
    await house.apply({ kind: 'mailbox.create', account, path, nowMs: 1 })
  }
  if (wish[1] === undefined) return
  const message = Buffer.from('From: a@here.test\r\nSubject: Filled\r\n\r\nHere.\r\n')
  const blob = await house.store.putBlob([message])
  const mailbox = house.store.mailboxByPath(account, path)!.id
  const rest = { receivedAtMs: 1, verdict: null, summary: summarise(message) }
  for (const flags of /MY_INBOX|OTHER_USER_MAILBOX/.test(wish[2]!) ? FILL_FOR_RIGHTS : FILL) {
    await house.apply({ kind: 'email.deliver', account, mailboxes: [mailbox], blob, flags, ...rest })
  }
}

/** `withRights(path, USER, MailboxACL…fromSerializedRfc4314Rights("lr"))`; one that is commented out counts too. */
async function grant(house: ImapHouse, entry: string): Promise<void> {
  const right = /with(?:Grant)?Rights\((.*?), USER, (?:.*?Rights\("(\w+)"\)|readWriteSeenRight)/.exec(entry)
  const place = right && pathIn(right[1]!)
  if (!place) return
  const account = house.store.accountByAddress(place[0])
  if (!account) return
  if (place[1] === 'Shared') await makeMailbox(house, 'withMailbox(OTHER_USER_MAILBOX)')
  const mailbox = house.store.mailboxByPath(account.id, place[1])
  if (!mailbox) return
  const rights = writeRights(readRights(right[2] ?? 'rsw') ?? new Set())
  await house.apply({ kind: 'acl.put', account: account.id, mailbox: mailbox.id, identifier: 'imapuser', rights })
}

/** James's people begin with an INBOX and nothing else. */
async function addPerson(house: ImapHouse, name: string): Promise<void> {
  if (house.store.accountByAddress(name) !== undefined) return
  const account = await house.addPerson(name, PEOPLE[name] ?? 'password')
  for (const { id, path } of house.store.mailboxes(account)) {
    if (path === 'INBOX') continue
    await house.apply({ kind: 'mailbox.subscribe', account, path, subscribed: false })
    await house.apply({ kind: 'mailbox.delete', account, mailbox: id })
  }
}
