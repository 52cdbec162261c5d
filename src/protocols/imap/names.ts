// Mailbox names as clients say them, and where they lead: a path in the client's own account, or one of somebody else's
// below '#user/' (RFC 2342), with the rights that the client has there. '/' stands between parts, INBOX in any case (RFC
// 9051 §5.1). Where a house shows '.' as its delimiter, '.' and '/' change places on the wire, so that every path still
// has one name. The store keeps mailboxes by id; a path never becomes the name of a file.

import type { Mailbox } from '../../store/nouns/mail.ts'
import type { Account, AccountId } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import { decodeMailboxName, encodeMailboxName } from './mutf7.ts'
import type { Cursor } from './parser.ts'
import { string } from './response.ts'
import { OWNER, type Rights, rightsOf } from './rights.ts'
import type { ImapSession } from './session.ts'

/** Between the parts of the store's paths. */
export const SEPARATOR = '/'
/** What other people's mailboxes begin with. */
export const OTHERS = '#user/'
const MAX_NAME_BYTES = 1_000
const MAX_LEVELS = 50

/** A mailbox as one client may use it. */
export interface Place {
  readonly account: AccountId
  readonly mailbox: Mailbox
  readonly rights: Rights
  /** Its path as this client sees it. */
  readonly path: string
}

/** Somebody whose mailboxes are meant by a name: who has signed in, or on whose behalf something is looked up. */
export interface Viewer {
  readonly store: Store
  readonly account: Account | undefined
  readonly options: { readonly delimiter: '/' | '.' }
}

/** The path that these bytes name, or undefined when they cannot be a name. */
export function pathOf(session: ImapSession, bytes: Buffer): string | undefined {
  const text = bytes.toString('latin1')
  // With UTF8=ACCEPT names are UTF-8, and '&' is itself (RFC 6855 §3). Thunderbird relies on it.
  const name = session.saysUtf8
    ? decodeUtf8(bytes)
    : (decodeMailboxName(text) ?? (/[\x80-\xff]/.test(text) ? decodeUtf8(bytes) : undefined))
  return name === undefined ? undefined : withInbox(swapped(session, name.normalize('NFC')))
}

/** The path that a URL names, in UTF-8 (RFC 5092 §5.1). */
export function pathOfUrl(viewer: Viewer, bytes: Buffer): string | undefined {
  const name = decodeUtf8(bytes)
  return name === undefined ? undefined : withInbox(swapped(viewer, name.normalize('NFC')))
}

/** The store's path of a name, and the name of a path. */
function swapped(session: Pick<Viewer, 'options'>, name: string): string {
  if (session.options.delimiter === SEPARATOR) return name
  return name.replace(/[./]/g, (character) => (character === '.' ? '/' : '.'))
}

/** A path as it travels: modified UTF-7, or UTF-8 once the client has enabled that (RFC 6855 §3, RFC 9051 §5.1). */
export function mailboxName(session: ImapSession, path: string): string {
  const name = swapped(session, path)
  if (!session.saysUtf8) return string(encodeMailboxName(name))
  return `"${Buffer.from(name).toString('latin1').replace(/["\\]/g, '\\$&')}"`
}

function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8')
  return text.includes('\ufffd') ? undefined : text
}

function withInbox(name: string): string {
  return /^inbox(?=\/|$)/i.test(name) ? `INBOX${name.slice(5)}` : name
}

/** Reads a mailbox name argument. '' stands for one that cannot exist: no mailbox has it. */
export function readPath(session: ImapSession, args: Cursor): string {
  return pathOf(session, args.astring()) ?? ''
}

/** Why a new mailbox may not have this path, for people; undefined when it may. */
export function pathProblem(path: string): string | undefined {
  if (path === '') return 'not a mailbox name'
  if (Buffer.byteLength(path) > MAX_NAME_BYTES) return 'the name is too long'
  const parts = path.split(SEPARATOR)
  if (parts.length > MAX_LEVELS) return 'too many levels'
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    return 'a part of the name is empty or only dots'
  if (/[\x00-\x1f\x7f\u2028\u2029]/.test(path)) return 'the name holds characters that are not allowed'
  return undefined
}

/** Whose path it is, and what it is there. Undefined when it names nobody's. */
export function ownerOf(session: Viewer, path: string): { account: AccountId; path: string } | undefined {
  const own = session.account!.id
  if (path === '') return undefined
  if (!path.startsWith(OTHERS)) return { account: own, path }
  const [name = '', ...parts] = path.slice(OTHERS.length).split(SEPARATOR)
  if (name === '' || parts.length === 0) return undefined
  const owner = session.store.accountByAddress(addressOf(session, name))
  if (owner === undefined || owner.id === own) return undefined
  return { account: owner.id, path: withInbox(parts.join(SEPARATOR)) }
}

/** People of the client's own domain go by their local part. */
export function addressOf(session: Viewer, name: string): string {
  if (name.includes('@')) return name
  const own = session.account!.address
  const at = own.lastIndexOf('@')
  return at < 0 ? name : name + own.slice(at)
}

/** The path by which this client knows a mailbox. */
function shownPath(session: Viewer, account: AccountId, path: string): string {
  if (account === session.account!.id) return path
  const address = session.store.account(account)?.address ?? ''
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at < 0 ? undefined : at)
  return `${OTHERS}${addressOf(session, local) === address ? local : address}/${path}`
}

/** The identifiers under which this client has rights (RFC 4314 §2). */
function identifiersOf(session: Viewer): string[] {
  return [...session.store.addresses(session.account!.id).map((address) => address.toLowerCase()), 'anyone']
}

/** What this client may do in a mailbox. */
export function rightsIn(session: Viewer, account: AccountId, mailbox: number): Rights {
  if (account === session.account!.id) return OWNER
  return rightsOf(session.store.access.rights(account, mailbox), identifiersOf(session))
}

/** The mailbox of that path; undefined also when the client has no right there: it must not learn that it exists. */
export function mailboxAt(session: Viewer, path: string): Place | undefined {
  const where = ownerOf(session, path)
  const mailbox = where && session.store.mailboxByPath(where.account, where.path)
  if (mailbox === undefined) return undefined
  const rights = rightsIn(session, where!.account, mailbox.id)
  return rights.letters.size === 0 ? undefined : { account: where!.account, mailbox, rights, path }
}

/** Other people's mailboxes that this client may use. */
export function sharedPlaces(session: ImapSession): Place[] {
  const own = session.account!.id
  return session.store.access.sharedWith(identifiersOf(session)).flatMap(({ account, mailbox: id }): Place[] => {
    const mailbox = account === own ? undefined : session.store.mailbox(account, id)
    if (mailbox === undefined) return []
    const rights = rightsIn(session, account, id)
    return [{ account, mailbox, rights, path: shownPath(session, account, mailbox.path) }]
  })
}
