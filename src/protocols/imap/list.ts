// LIST, LSUB, NAMESPACE: which mailboxes there are (RFC 9051 §6.3.9, LIST-EXTENDED RFC 5258, LIST-STATUS RFC 5819,
// LIST-MYRIGHTS RFC 8440, LIST-METADATA RFC 9590, SPECIAL-USE RFC 6154, CHILDREN RFC 3348, RFC 2342).

import type { SpecialUse } from '../../store/nouns/mail.ts'
import type { Dialogue } from '../dialogue.ts'
import { tellMyRights } from './acl.ts'
import { type Answer, bad, ok } from './answer.ts'
import { readListEntries, tellListMetadata } from './metadata.ts'
import { mailboxName, OTHERS, type Place, pathOf, SEPARATOR, sharedPlaces } from './names.ts'
import type { Cursor } from './parser.ts'
import { OWNER } from './rights.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { readStatusItems, type StatusItem, tellStatus } from './status.ts'

const USE_FLAGS: Record<SpecialUse, string | undefined> = {
  inbox: undefined,
  drafts: '\\Drafts',
  sent: '\\Sent',
  trash: '\\Trash',
  junk: '\\Junk',
  archive: '\\Archive',
}

interface ListRequest {
  readonly reference: string
  readonly patterns: readonly string[]
  readonly select: ReadonlySet<string>
  readonly returns: ReadonlySet<string>
  readonly status: ReadonlySet<StatusItem> | undefined
  readonly metadata: readonly string[] | undefined
}

/** One name that may be listed: a mailbox, a parent that is none, or a subscription to nothing. */
interface Entry {
  readonly path: string
  readonly place: Place | undefined
  readonly subscribed: boolean
  hasChildren: boolean
  subscribedBelow: boolean
}

export function* list(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  const request = readList(session, args)
  if (args.error) return bad(args.error)
  const { output } = session
  // An empty pattern asks for the delimiter (RFC 3501 §6.3.8).
  if (request.patterns.length === 1 && request.patterns[0] === '') {
    output.line(`* LIST (\\Noselect) "${session.options.delimiter}" ""`)
    return ok('that is all')
  }
  const patterns = fullPatterns(request)
  const matches = matcher(patterns)
  // A parent that is no mailbox itself is listed where a pattern ends there (RFC 9051 §6.3.9).
  const listsParents = patterns.some((pattern) => pattern.endsWith('%'))
  const all = entries(session)
  // RFC 5258 §3.5, note 2: for CHILDINFO it does not matter whether the child itself is listed.
  if (request.select.has('RECURSIVEMATCH')) markSubscribedBelow(all)
  for (const entry of all) {
    if (!matches(entry.path) || !selects(request, entry, listsParents)) continue
    const name = mailboxName(session, entry.path)
    const below = request.select.has('RECURSIVEMATCH') && entry.subscribedBelow
    const childInfo = below ? ' ("CHILDINFO" ("SUBSCRIBED"))' : ''
    output.line(`* LIST (${attributes(request, entry).join(' ')}) "${session.options.delimiter}" ${name}${childInfo}`)
    if (entry.place) {
      if (request.status && entry.place.rights.has('r')) tellStatus(session, entry.place, request.status)
      if (request.returns.has('MYRIGHTS')) tellMyRights(session, entry.place)
      if (request.metadata) tellListMetadata(session, entry.place, request.metadata)
    }
    yield* session.flushWhenFull()
  }
  return ok('that is all')
}

/** The reference and the pattern make one name; below '#user' a delimiter may be left out. */
function fullPatterns({ reference, patterns }: ListRequest): string[] {
  const isOpen = `${reference}/`.startsWith(OTHERS) && !reference.endsWith(SEPARATOR)
  return patterns.map((pattern) => (isOpen ? `${reference}/` : reference) + pattern)
}

function readList(session: ImapSession, args: Cursor): ListRequest {
  args.space()
  const select = new Set(args.isList() ? args.list(() => args.keyword()) : [])
  if (select.size > 0) args.space()
  else if (args.optionalSpace()) select.clear()
  const reference = pathOf(session, args.astring()) ?? ''
  args.space()
  const read = (): string => pathOf(session, args.listPattern()) ?? '\0'
  const patterns = args.isList() ? args.list(read) : [read()]
  const returns = new Set<string>()
  let status: ReadonlySet<StatusItem> | undefined
  let metadata: readonly string[] | undefined
  if (args.optionalSpace()) {
    if (args.keyword() !== 'RETURN') args.fail('RETURN is missing')
    args.space()
    args.list(() => {
      const option = args.keyword()
      returns.add(option)
      if (option === 'STATUS') {
        args.space()
        status = readStatusItems(args)
      } else if (option === 'METADATA') {
        args.space()
        metadata = readListEntries(args)
      }
    })
  }
  args.end()
  for (const option of select) if (!SELECT_OPTIONS.has(option)) args.fail('not a LIST option')
  for (const option of returns) if (!RETURN_OPTIONS.has(option)) args.fail('not a LIST return option')
  // RFC 5258 §3: RECURSIVEMATCH needs something to match.
  if (select.has('RECURSIVEMATCH') && !select.has('SUBSCRIBED') && !select.has('SPECIAL-USE')) {
    args.fail('RECURSIVEMATCH of what?')
  }
  return { reference, patterns, select, returns, status, metadata }
}

const SELECT_OPTIONS = new Set(['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE'])
const RETURN_OPTIONS = new Set(['SUBSCRIBED', 'CHILDREN', 'STATUS', 'SPECIAL-USE', 'MYRIGHTS', 'METADATA'])

function selects({ select }: ListRequest, entry: Entry, listsParents: boolean): boolean {
  if (select.has('SPECIAL-USE') && !useFlag(entry)) return false
  if (!select.has('SUBSCRIBED')) return entry.place !== undefined || (entry.hasChildren && listsParents)
  return entry.subscribed || (select.has('RECURSIVEMATCH') && entry.subscribedBelow)
}

/** A special use is one for its owner. */
const useFlag = ({ place }: Entry): string | undefined =>
  place?.mailbox.specialUse && place.rights === OWNER ? USE_FLAGS[place.mailbox.specialUse] : undefined

function attributes({ select, returns }: ListRequest, entry: Entry): string[] {
  const flags: string[] = []
  // \NonExistent implies \Noselect (RFC 5258 §3), but only clients that speak LIST-EXTENDED know that.
  if (entry.place === undefined) flags.push(select.size + returns.size > 0 ? '\\NonExistent' : '\\Noselect')
  if (entry.subscribed && (select.has('SUBSCRIBED') || returns.has('SUBSCRIBED'))) flags.push('\\Subscribed')
  if (entry.hasChildren) flags.push('\\HasChildren')
  else if (entry.place) flags.push('\\HasNoChildren')
  const use = useFlag(entry)
  if (use) flags.push(use)
  return flags
}

/** RFC 3501 §6.3.9: with '%', the parent of a subscribed mailbox appears as \Noselect. */
export function lsub(session: ImapSession, { args }: CommandContext): Answer {
  const request = readList(session, args)
  if (args.error) return bad(args.error)
  const patterns = fullPatterns(request)
  const matches = matcher(patterns)
  const all = entries(session)
  if (patterns.some((pattern) => pattern.endsWith('%'))) markSubscribedBelow(all)
  for (const entry of all) {
    if (!matches(entry.path) || !(entry.subscribed || entry.subscribedBelow)) continue
    const name = mailboxName(session, entry.path)
    session.output.line(`* LSUB (${entry.subscribed ? '' : '\\Noselect'}) "${session.options.delimiter}" ${name}`)
  }
  return ok('that is all')
}

export function namespace(session: ImapSession, { args }: CommandContext): Answer {
  args.end()
  if (args.error) return bad(args.error)
  const { delimiter } = session.options
  session.output.line(`* NAMESPACE (("" "${delimiter}")) ((${mailboxName(session, OTHERS)} "${delimiter}")) NIL`)
  return ok('that is all')
}

/** Everything that has a name, in order, INBOX first. */
function entries(session: ImapSession): Entry[] {
  const account = session.account!.id
  const known = new Map<string, Entry>()
  const subscriptions = new Set(session.store.subscriptions(account))
  const add = (path: string, place: Place | undefined): void => {
    if (known.has(path) && place === undefined) return
    known.set(path, { path, place, subscribed: subscriptions.has(path), hasChildren: false, subscribedBelow: false })
  }
  for (const mailbox of session.store.mailboxes(account)) {
    add(mailbox.path, { account, mailbox, rights: OWNER, path: mailbox.path })
  }
  // RFC 4314 §4: what others share is listed where the client has 'l'.
  for (const place of sharedPlaces(session)) if (place.rights.has('l')) add(place.path, place)
  for (const path of subscriptions) add(path, undefined)
  for (const path of [...known.keys()]) for (const parent of parentsOf(path)) add(parent, undefined)
  for (const entry of known.values()) {
    for (const parent of parentsOf(entry.path)) {
      const above = known.get(parent)!
      if (entry.place) above.hasChildren = true
    }
  }
  return [...known.values()].sort((a, b) =>
    a.path === 'INBOX' ? -1 : b.path === 'INBOX' ? 1 : a.path < b.path ? -1 : 1,
  )
}

/** Marks the parents, near and far, of subscribed entries. */
function markSubscribedBelow(all: readonly Entry[]): void {
  const parents = new Set(all.filter((entry) => entry.subscribed).flatMap(({ path }) => [...parentsOf(path)]))
  for (const entry of all) entry.subscribedBelow = parents.has(entry.path)
}

function* parentsOf(path: string): Generator<string> {
  for (let at = path.indexOf(SEPARATOR); at >= 0; at = path.indexOf(SEPARATOR, at + 1)) yield path.slice(0, at)
}

/** '*' matches anything, '%' anything but the delimiter. Linear in pattern times name: no backtracking. */
export function matcher(patterns: readonly string[]): (path: string) => boolean {
  const bounded = patterns.filter((pattern) => pattern.length <= 1_000).map(inboxInAnyCase)
  return (path) => bounded.some((pattern) => matches(pattern, path))
}

function inboxInAnyCase(pattern: string): string {
  return /^inbox(?=[/%*]|$)/i.test(pattern) ? `INBOX${pattern.slice(5)}` : pattern
}

function matches(pattern: string, path: string): boolean {
  // reach[i]: the pattern so far matches the first i characters of the path.
  let reach = new Uint8Array(path.length + 1)
  reach[0] = 1
  for (const character of pattern) {
    const next = new Uint8Array(path.length + 1)
    const wildcard = character === '*' || character === '%'
    if (wildcard) {
      for (let i = 0, open = false; i <= path.length; i++) {
        if (i > 0 && character === '%' && path[i - 1] === SEPARATOR) open = false
        if (reach[i]) open = true
        if (open) next[i] = 1
      }
    } else {
      for (let i = 0; i < path.length; i++) if (reach[i] && path[i] === character) next[i + 1] = 1
    }
    reach = next
  }
  return reach[path.length] === 1
}
