// Other people's mailboxes, where they let this person read (RFC 4314; RFC 8620 §2: accounts that are not personal). The
// methods see a store that holds nothing else: what is not in such a mailbox is not there. What is written they ask of
// the rights (Sharing). The states of such an account name what is seen of it: with other rights one begins anew.

import { createHash } from 'node:crypto'
import type { Email, EmailId, Mailbox, MailboxId, Placement } from '../../store/nouns/mail.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import type { Changes } from '../../store/read/changes.ts'
import type { EmailCondition, EmailQuery, TimedEmail } from '../../store/read/email-query.ts'
import type { Store } from '../../store/store.ts'
import { type Rights, rightsOf } from '../imap/rights.ts'
import { formatId, parseId } from './ids.ts'
import { type JmapBackend, type Json, MethodError } from './types.ts'

/** What looks at nothing of an account beside its mail. */
const OF_MAIL: ReadonlySet<string> = new Set([
  'Mailbox/get',
  'Mailbox/changes',
  'Mailbox/query',
  'Mailbox/queryChanges',
  'Mailbox/set',
  'Thread/get',
  'Thread/changes',
  'Email/get',
  'Email/changes',
  'Email/query',
  'Email/queryChanges',
  'Email/parse',
  'Email/set',
  'Email/import',
  'SearchSnippet/get',
  'Blob/get',
  'Blob/lookup',
])

/** A method on another's account: undefined when it may run. */
export function refusalFor(method: string): MethodError | undefined {
  if (OF_MAIL.has(method)) return undefined
  const isWrite = /\/(set|import|copy|upload|send)$/.test(method)
  return new MethodError(isWrite ? 'accountReadOnly' : 'accountNotSupportedByMethod')
}

/** The accounts that share with this person, and what they let him read. */
export function sharedAccounts({ store, account }: JmapBackend): Map<AccountId, ReadonlyMap<MailboxId, Rights>> {
  const own = [...store.addresses(account.id).map((address) => address.toLowerCase()), 'anyone']
  const found = new Map<AccountId, Map<MailboxId, Rights>>()
  for (const { account: owner, mailbox } of store.access.sharedWith(own)) {
    if (owner === account.id) continue
    const rights = rightsOf(store.access.rights(owner, mailbox), own)
    if (!rights.has('l') || !rights.has('r')) continue
    const mailboxes = found.get(owner) ?? new Map<MailboxId, Rights>()
    found.set(owner, mailboxes.set(mailbox, rights))
  }
  return found
}

/** Another's account as this person may see it; undefined when he may see nothing of it. Rights are asked each time. */
export function sharedBackend(backend: JmapBackend, accountId: unknown): JmapBackend | undefined {
  const id = parseId('a', accountId)
  const rights = id === undefined ? undefined : sharedAccounts(backend).get(id)
  const account = rights && backend.store.account(id!)
  if (!account) return undefined
  const { store } = backend
  const sharing = {
    rights,
    own: backend,
    hiddenPlaces: (email: EmailId) =>
      store.placementsOf(account.id, email).flatMap(({ mailbox }) => (rights.has(mailbox) ? [] : [mailbox])),
    isTaken: (path: string) =>
      path.endsWith('/')
        ? store.mailboxes(account.id).some((one) => one.path.startsWith(path))
        : store.mailboxByPath(account.id, path) !== undefined,
  }
  return { ...backend, account, store: viewOf(store, account.id, new Set(rights.keys())), sharing }
}

/** An account that lets this person do nothing but read. */
export const isReadOnly = (rights: ReadonlyMap<MailboxId, Rights>): boolean =>
  [...rights.values()].every((one) => ![...'swikxte'].some((letter) => one.has(letter)))

const STATES_ASKED = ['sinceState', 'sinceQueryState', 'ifInState']
const STATES_TOLD = ['state', 'oldState', 'newState', 'queryState', 'oldQueryState', 'newQueryState']

/** Takes off what a state says of the rights; a state of other rights is none. */
export function readStates(args: Json, { sharing }: JmapBackend): Json {
  const mark = markOf(sharing!.rights)
  const changed = STATES_ASKED.filter((name) => typeof args[name] === 'string').map((name) => {
    const text = args[name] as string
    return [name, text.endsWith(mark) ? text.slice(0, -mark.length) : `other ${text}`]
  })
  return { ...args, ...Object.fromEntries(changed) }
}

export function tellStates(args: Json, { sharing }: JmapBackend): Json {
  const mark = markOf(sharing!.rights)
  const changed = STATES_TOLD.filter((name) => typeof args[name] === 'string').map((name) => [
    name,
    `${args[name]}${mark}`,
  ])
  return { ...args, ...Object.fromEntries(changed) }
}

const markOf = (rights: ReadonlyMap<MailboxId, Rights>): string =>
  `-${createHash('sha256').update(textOf(rights)).digest('hex').slice(0, 12)}`
const textOf = (rights: ReadonlyMap<MailboxId, Rights>): string =>
  [...rights]
    .sort(([a], [b]) => a - b)
    .map(([mailbox, { letters }]) => `${mailbox}${[...letters].sort().join('')}`)
    .join('.')

/** The store, of one account and but for what lies in these mailboxes. Everything else is missing on purpose. */
function viewOf(store: Store, owner: AccountId, visible: ReadonlySet<MailboxId>): Store {
  const isShown = (mailbox: Mailbox | undefined): mailbox is Mailbox => mailbox !== undefined && visible.has(mailbox.id)
  const shown = (mailbox: Mailbox | undefined): Mailbox | undefined => (isShown(mailbox) ? mailbox : undefined)
  const placementsOf = (id: EmailId) => store.placementsOf(owner, id).filter(({ mailbox }) => visible.has(mailbox))
  const email = (id: EmailId): Email | undefined => (placementsOf(id).length > 0 ? store.email(owner, id) : undefined)
  const emails = (ids: readonly EmailId[]): Email[] => ids.map(email).filter((one) => one !== undefined)
  const within = (query: EmailQuery): EmailQuery => {
    const places: EmailCondition = { is: 'or', of: [...visible].map((mailbox) => ({ is: 'in', mailbox })) }
    const { where } = query
    return { ...query, where: { is: 'and', of: [...(where.is === 'and' ? where.of : [where]), places] } }
  }
  const emailsOfBody = (hash: string) =>
    store.lists.emailsOfBody(owner, hash).filter((id) => placementsOf(id).length > 0)
  const view = {
    modseq: () => store.modseq(owner),
    mailboxes: () => store.mailboxes(owner).filter(isShown),
    mailbox: (_: AccountId, id: MailboxId) => shown(store.mailbox(owner, id)),
    mailboxByPath: (_: AccountId, path: string) => shown(store.mailboxByPath(owner, path)),
    mailboxByUse: (_: AccountId, use: string) => shown(store.mailboxByUse(owner, use)),
    placementsOf: (_: AccountId, id: EmailId) => placementsOf(id),
    email: (_: AccountId, id: EmailId) => email(id),
    emails: (_: AccountId, ids: readonly EmailId[]) => emails(ids),
    thread: (_: AccountId, id: number) => store.thread(owner, id).filter((one) => placementsOf(one).length > 0),
    mayHold: (_: AccountId, needle: string, isBody?: boolean) => store.mayHold(owner, needle, isBody),
    readBlob: store.readBlob.bind(store),
    findBlob: store.findBlob.bind(store),
    lists: {
      firstEmails: (_: AccountId, query: EmailQuery, count: number, skip?: number) =>
        store.lists.firstEmails(owner, within(query), count, skip),
      everyEmail: (_: AccountId, query: EmailQuery) => store.lists.everyEmail(owner, within(query)),
      isInQuery: (_: AccountId, query: EmailQuery, one: TimedEmail) => store.lists.isInQuery(owner, within(query), one),
      countBefore: (_: AccountId, query: EmailQuery, one: TimedEmail, from?: TimedEmail) =>
        store.lists.countBefore(owner, within(query), one, from),
      countEmails: (_: AccountId, query: EmailQuery) => store.lists.countEmails(owner, within(query)),
      countThreads: (_: AccountId, mailbox: MailboxId, unread: boolean) =>
        visible.has(mailbox) ? store.lists.countThreads(owner, mailbox, unread) : 0,
      hasBody: (_: AccountId, hash: string) => emailsOfBody(hash).length > 0,
      emailsOfBody: (_: AccountId, hash: string) => emailsOfBody(hash),
    },
    commit: store.commit.bind(store),
    putBlob: store.putBlob.bind(store),
    changes: changesIn(store, owner, visible, (id) => placementsOf(id)),
  }
  return view as unknown as Store
}

/**
 * What changed as far as it is seen. An email that can no longer be seen is told as destroyed, but only if something left
 * a mailbox that is shared: what is done elsewhere in the account is told to nobody, except that then there may be ids
 * among the destroyed that one has never seen.
 */
function changesIn(
  store: Store,
  owner: AccountId,
  visible: ReadonlySet<MailboxId>,
  placementsOf: (id: EmailId) => readonly Placement[],
): Pick<Store['changes'], 'emails' | 'threads' | 'mailboxes'> {
  const isSeen = (id: EmailId) => placementsOf(id).length > 0
  const hasLeft = (since: number) =>
    [...visible].some((mailbox) => store.placementsSince(owner, mailbox, since).expunged.length > 0)
  /** Of each mailbox: UIDs from here on came after the state, as far as UIDs tell. */
  const seenAs = (
    all: Changes | undefined,
    since: number,
    isShown: (id: number) => boolean,
    isNew: (id: number) => boolean,
  ) => {
    if (all === undefined) return undefined
    const [created, updated]: [number[], number[]] = [all.created.filter(isShown), []]
    const gone = all.updated.filter((id) => !isShown(id)).concat(all.destroyed)
    for (const id of all.updated.filter(isShown)) (isNew(id) ? created : updated).push(id)
    return { ...all, created, updated, destroyed: gone.length > 0 && hasLeft(since) ? gone : [] }
  }
  return {
    emails(_, since, most) {
      const newFrom = new Map<MailboxId, number>()
      const isNew = (id: EmailId) =>
        placementsOf(id).every(({ mailbox, uid }) => {
          if (!newFrom.has(mailbox)) newFrom.set(mailbox, firstNewUid(store, owner, mailbox, since))
          return uid >= newFrom.get(mailbox)!
        })
      return seenAs(store.changes.emails(owner, since, most), since, isSeen, isNew)
    },
    threads(_, since, most) {
      const isShown = (id: number) => store.thread(owner, id).some(isSeen)
      return seenAs(store.changes.threads(owner, since, most), since, isShown, () => false)
    },
    mailboxes(_, since, most) {
      const all = store.changes.mailboxes(owner, since, most)
      const seen = (ids: readonly number[]) => ids.filter((id) => visible.has(id))
      // With a mailbox that is gone the rights are others, and so is the state.
      return all && { ...all, created: seen(all.created), updated: seen(all.updated), destroyed: [] }
    },
  }
}

/** UIDs rise with time: after the last one that has not changed since, all are new, or the last ones that changed. */
function firstNewUid(store: Store, owner: AccountId, mailbox: MailboxId, since: number): number {
  const changed = new Set(store.placementsSince(owner, mailbox, since).changed.map(({ uid }) => uid))
  let first = (store.mailbox(owner, mailbox)?.uidNext ?? 1) - 1
  while (changed.has(first)) first--
  return first + 1
}

/** Names what is shared with this person, so that a session is known to be old when that has changed. */
export function sharingState(backend: JmapBackend): string {
  return [...sharedAccounts(backend)]
    .map(([account, rights]) => `${formatId('a', account)}.${textOf(rights)}`)
    .sort()
    .join('-')
}
