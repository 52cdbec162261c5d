// Other people's mailboxes, where they let this person read (RFC 4314; RFC 8620 §2: accounts that are not personal). The
// methods see a store that holds nothing else: what is not in such a mailbox is not there, and nothing can be written.

import type { EmailCondition, EmailQuery } from '../../store/email-query.ts'
import type { Store } from '../../store/store.ts'
import type { AccountId, Email, EmailId, Mailbox, MailboxId } from '../../store/types.ts'
import { rightsOf } from '../imap/rights.ts'
import { formatId, parseId } from './ids.ts'
import { type JmapBackend, MethodError } from './types.ts'

/** What reads an account without looking at anything beside its mail. */
const READING: ReadonlySet<string> = new Set([
  'Mailbox/get',
  'Mailbox/changes',
  'Mailbox/query',
  'Mailbox/queryChanges',
  'Thread/get',
  'Thread/changes',
  'Email/get',
  'Email/changes',
  'Email/query',
  'Email/queryChanges',
  'Email/parse',
  'SearchSnippet/get',
  'Blob/get',
  'Blob/lookup',
])

/** A method on another's account: undefined when it may run. */
export function refusalFor(method: string): MethodError | undefined {
  if (READING.has(method)) return undefined
  const isWrite = /\/(set|import|copy|upload|send)$/.test(method)
  return new MethodError(isWrite ? 'accountReadOnly' : 'accountNotSupportedByMethod')
}

/** The accounts that share with this person, and what they let him read. */
export function sharedAccounts({ store, account }: JmapBackend): Map<AccountId, ReadonlySet<MailboxId>> {
  const own = [...store.addresses(account.id).map((address) => address.toLowerCase()), 'anyone']
  const found = new Map<AccountId, Set<MailboxId>>()
  for (const { account: owner, mailbox } of store.access.sharedWith(own)) {
    if (owner === account.id) continue
    const rights = rightsOf(store.access.rights(owner, mailbox), own)
    if (!rights.has('l') || !rights.has('r')) continue
    const mailboxes = found.get(owner) ?? new Set<MailboxId>()
    found.set(owner, mailboxes.add(mailbox))
  }
  return found
}

/** Another's account as this person may see it; undefined when he may see nothing of it. Rights are asked each time. */
export function sharedBackend(backend: JmapBackend, accountId: unknown): JmapBackend | undefined {
  const id = parseId('a', accountId)
  const mailboxes = id === undefined ? undefined : sharedAccounts(backend).get(id)
  const account = mailboxes && backend.store.account(id!)
  if (!account) return undefined
  return { ...backend, account, store: viewOf(backend.store, account.id, mailboxes), isShared: true }
}

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
      countEmails: (_: AccountId, query: EmailQuery) => store.lists.countEmails(owner, within(query)),
      countThreads: (_: AccountId, mailbox: MailboxId, unread: boolean) =>
        visible.has(mailbox) ? store.lists.countThreads(owner, mailbox, unread) : 0,
      hasBody: (_: AccountId, hash: string) => emailsOfBody(hash).length > 0,
      emailsOfBody: (_: AccountId, hash: string) => emailsOfBody(hash),
    },
    // What came and went elsewhere in the account is nobody's business: who asks begins anew.
    changes: { emails: () => undefined, threads: () => undefined, mailboxes: () => undefined },
  }
  return view as unknown as Store
}

/** Names what is shared with this person, so that a session is known to be old when that has changed. */
export function sharingState(backend: JmapBackend): string {
  return [...sharedAccounts(backend)]
    .map(([account, mailboxes]) => `${formatId('a', account)}.${[...mailboxes].sort((a, b) => a - b).join('.')}`)
    .sort()
    .join('-')
}
