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
  otherSharedMailbox: [OTHER, 'otherShared'],
}

/** `MailboxPath.forUser(OTHER_USER_NAME, "Sent")`, or a word. */
function pathIn(text: string): readonly [person: string, path: string] | undefined {
  const made = /^MailboxPath\.forUser\((?:Username\.of\("(\w+)"\)|OTHER_USER_NAME), ?"([\w.-]+)"\)/.exec(text)
  if (made) return [made[1] ?? OTHER, made[2]!.replaceAll('.', '/')]
  if (text.startsWith('MailboxPath.inbox(USER)')) return ['imapuser', 'INBOX']
  return WORDS[/^\w+/.exec(text)?.[0] ?? '']
}

/** Messages in a mailbox that is 'filled'. */
const FILL = 10

async function makeMailbox(house: ImapHouse, entry: string): Promise<void> {
  const wish = /^with(Filled)?Mailbox\((.*)$/.exec(entry)
  const place = wish && pathIn(wish[2]!)
  if (!place) return
  const [person, path] = place
  if (house.store.accountByAddress(person) === undefined) await addPerson(house, person)
  const account = house.store.accountByAddress(person)!.id
  if (house.store.mailboxByPath(account, path) === undefined) {
    await house.apply({ kind: 'mailbox.create', account, path, nowMs: 1 })
  }
  if (wish[1] === undefined) return
  const message = Buffer.from('From: a@here.test\r\nSubject: Filled\r\n\r\nHere.\r\n')
  const blob = await house.store.putBlob([message])
  const mailbox = house.store.mailboxByPath(account, path)!.id
  const rest = { flags: [], receivedAtMs: 1, verdict: null, summary: summarise(message) }
  for (let i = 0; i < FILL; i++) {
    await house.apply({ kind: 'email.deliver', account, mailboxes: [mailbox], blob, ...rest })
  }
}

/** `withRights(path, USER, MailboxACL…fromSerializedRfc4314Rights("lr"))`; one that is commented out counts too. */
async function grant(house: ImapHouse, entry: string): Promise<void> {
  const right = /with(?:Grant)?Rights\((.*?), USER, .*?Rights\("(\w+)"\)/.exec(entry)
  const place = right && pathIn(right[1]!)
  if (!place) return
  const account = house.store.accountByAddress(place[0])
  const mailbox = account && house.store.mailboxByPath(account.id, place[1])
  if (!account || !mailbox) return
  const rights = writeRights(readRights(right[2]!) ?? new Set())
  await house.apply({ kind: 'acl.put', account: account.id, mailbox: mailbox.id, identifier: 'imapuser', rights })
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
