// Which mailboxes a client means by 'personal', 'subtree', 'mailboxes' (RFC 5465 §6), in NOTIFY and in ESEARCH.

import { mailboxAt, type Place, pathOf, SEPARATOR, sharedPlaces } from './names.ts'
import type { Cursor } from './parser.ts'
import { OWNER } from './rights.ts'
import type { ImapSession } from './session.ts'

export type MailboxFilter =
  | { readonly kind: 'selected' | 'selected-delayed' | 'inboxes' | 'personal' | 'subscribed' }
  | { readonly kind: 'subtree' | 'subtree-one' | 'mailboxes'; readonly paths: readonly string[] }

const PLAIN = ['SELECTED', 'SELECTED-DELAYED', 'INBOXES', 'PERSONAL', 'SUBSCRIBED']
const WITH_PATHS = ['SUBTREE', 'SUBTREE-ONE', 'MAILBOXES']
const MOST_PATHS = 1_000

export function readFilter(session: ImapSession, args: Cursor): MailboxFilter {
  const name = args.keyword()
  if (PLAIN.includes(name)) return { kind: name.toLowerCase() } as MailboxFilter
  if (!WITH_PATHS.includes(name)) args.fail('not a choice of mailboxes')
  args.space()
  const read = (): string => pathOf(session, args.astring()) ?? ''
  const paths = args.isList() ? args.list(read) : [read()]
  if (paths.length === 0 || paths.length > MOST_PATHS) args.fail('which mailboxes?')
  return { kind: name.toLowerCase() as 'mailboxes', paths }
}

/** Whether a mailbox is meant. `inbox`: where mail is delivered to; here that is INBOX, and what lies in it. */
export function isMeant(session: ImapSession, filter: MailboxFilter, place: Place): boolean {
  const { path } = place
  switch (filter.kind) {
    case 'selected':
    case 'selected-delayed':
      return session.selected?.id === place.mailbox.id && session.selected.account === place.account
    case 'inboxes':
      return place.rights === OWNER && (place.mailbox.specialUse === 'inbox' || place.mailbox.specialUse === 'junk')
    case 'personal':
      return place.account === session.account!.id
    case 'subscribed':
      return session.store.subscriptions(session.account!.id).includes(path)
    case 'mailboxes':
      return filter.paths.includes(path)
    case 'subtree':
      return filter.paths.some((root) => path === root || path.startsWith(root + SEPARATOR))
    case 'subtree-one':
      return filter.paths.some(
        (root) =>
          path === root || (path.startsWith(root + SEPARATOR) && !path.slice(root.length + 1).includes(SEPARATOR)),
      )
  }
}

/** Every mailbox that the client may see. */
export function allPlaces(session: ImapSession): Place[] {
  const account = session.account!.id
  const own = session.store
    .mailboxes(account)
    .map((mailbox): Place => ({ account, mailbox, rights: OWNER, path: mailbox.path }))
  return [...own, ...sharedPlaces(session).filter(({ rights }) => rights.has('l'))]
}

/** The mailboxes that one of the filters means, each once. */
export function matchingPlaces(session: ImapSession, filters: readonly MailboxFilter[]): Place[] {
  const named = filters.flatMap((filter) =>
    filter.kind === 'mailboxes' ? filter.paths.flatMap((path) => mailboxAt(session, path) ?? []) : [],
  )
  const places = new Map(named.map((place) => [place.path, place]))
  for (const place of allPlaces(session)) {
    if (filters.some((filter) => isMeant(session, filter, place))) places.set(place.path, place)
  }
  return [...places.values()]
}
