// STATUS (RFC 9051 §6.3.11, SIZE RFC 8438, DELETED and DELETED-STORAGE RFC 9208 §4.1.4, HIGHESTMODSEQ RFC 7162 §3.1.7,
// MAILBOXID RFC 8474 §4.3, APPENDLIMIT RFC 7889): a table of what can be asked.

import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, NO_MAILBOX, NO_PERMISSION, ok } from './answer.ts'
import { mailboxAt, mailboxName, type Place, readPath } from './names.ts'
import type { Cursor } from './parser.ts'
import { countUntold } from './recent.ts'
import type { CommandContext, ImapSession } from './session.ts'

export type StatusItem = keyof typeof STATUS_ITEMS

const deleted = ({ account, mailbox }: Place, { store }: ImapSession) => store.contents.deleted(account, mailbox.id)

const STATUS_ITEMS = {
  MESSAGES: ({ mailbox }: Place) => mailbox.total,
  RECENT: ({ account, mailbox }: Place, { store }: ImapSession) => countUntold(store, account, mailbox.id),
  SIZE: ({ mailbox }: Place) => mailbox.sizeBytes,
  UIDNEXT: ({ mailbox }: Place) => mailbox.uidNext,
  UIDVALIDITY: ({ mailbox }: Place) => mailbox.uidValidity,
  UNSEEN: ({ mailbox }: Place) => mailbox.unseen,
  DELETED: (place: Place, session: ImapSession) => deleted(place, session).messages,
  'DELETED-STORAGE': (place: Place, session: ImapSession) => deleted(place, session).bytes,
  HIGHESTMODSEQ: ({ mailbox }: Place) => Math.max(1, mailbox.highestModseq),
  MAILBOXID: ({ account, mailbox }: Place, session: ImapSession) => `(${session.mailboxId(account, mailbox.id)})`,
  APPENDLIMIT: (_: Place, session: ImapSession) => session.options.limits.messageBytes,
}

export function* status(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  const path = readPath(session, args)
  args.space()
  const items = readStatusItems(args)
  args.end()
  if (args.error) return bad(args.error)
  const place = mailboxAt(session, path)
  if (place === undefined) return NO_MAILBOX
  if (!place.rights.has('r')) return NO_PERMISSION
  tellStatus(session, place, items)
  yield* session.flushWhenFull()
  return ok('that is all')
}

export function readStatusItems(args: Cursor): ReadonlySet<StatusItem> {
  const items = args.list(() => args.keyword())
  if (items.length === 0) args.fail('STATUS of what?')
  for (const item of items) if (!(item in STATUS_ITEMS)) args.fail('not a STATUS item')
  return new Set(items as StatusItem[])
}

export function tellStatus(session: ImapSession, place: Place, items: ReadonlySet<StatusItem>): void {
  if (items.has('HIGHESTMODSEQ')) session.enableCondstore()
  const parts = Object.entries(STATUS_ITEMS).filter(([name]) => items.has(name as StatusItem))
  const values = parts.map(([name, value]) => `${name} ${value(place, session)}`).join(' ')
  session.output.line(`* STATUS ${mailboxName(session, place.path)} (${values})`)
}
