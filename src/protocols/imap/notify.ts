// NOTIFY (RFC 5465): a client says of which mailboxes it wants to hear, and hears without asking: STATUS of those whose
// messages changed, LIST of those that came, went, or got another name or subscription.

import type { Mailbox, Placement } from '../../store/nouns/mail.ts'
import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, ok } from './answer.ts'
import { Fetching } from './fetch.ts'
import { type FetchItem, parseFetchItems } from './fetch-items.ts'
import { allPlaces, isMeant, type MailboxFilter, readFilter } from './mailbox-filter.ts'
import { mailboxName, type Place } from './names.ts'
import type { Cursor } from './parser.ts'
import { OWNER } from './rights.ts'
import type { SelectedMailbox } from './selected.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { type StatusItem, tellStatus } from './status.ts'

/** What can be heard of. RFC 5465 §5 asks for the first five. */
const EVENT_NAMES = ['MessageNew', 'MessageExpunge', 'FlagChange', 'MailboxName', 'SubscriptionChange'] as const
type Event = Uppercase<(typeof EVENT_NAMES)[number]>
const EVENTS = EVENT_NAMES.map((name) => name.toUpperCase() as Event)

interface Group {
  readonly filter: MailboxFilter
  readonly events: ReadonlySet<Event>
  /** What to FETCH of each new message of the selected mailbox. */
  readonly items: readonly FetchItem[]
}

/** What the client was told of a mailbox. */
interface Known {
  readonly path: string
  readonly mailbox: Mailbox
}

export class Notifying {
  readonly groups: readonly Group[]
  known: Map<string, Known>

  constructor(groups: readonly Group[], known: Map<string, Known>) {
    this.groups = groups
    this.known = known
  }

  /** RFC 5465 §5.2: SELECTED hears of expunges at once, SELECTED-DELAYED when a command allows. */
  get expungesAtOnce(): boolean {
    return this.groups.some(({ filter, events }) => filter.kind === 'selected' && events.has('MESSAGEEXPUNGE'))
  }

  /** RFC 5465 §5.1: what the client wants to know of a new message in the selected mailbox. */
  *tellFresh(session: ImapSession, selected: SelectedMailbox, fresh: readonly Placement[]): Dialogue {
    const group = this.groups.find(({ filter }) => filter.kind.startsWith('selected'))
    if (group === undefined || group.items.length === 0 || fresh.length === 0) return
    const items = group.items.some(({ kind }) => kind === 'UID')
      ? group.items
      : [{ kind: 'UID' } as const, ...group.items]
    const fetching = new Fetching(session, selected, items, session.manner)
    for (const { uid } of fresh) {
      const at = selected.uids.indexOf(uid)
      if (at >= 0) yield* fetching.range([at, at], 0)
    }
  }
}

/** NOTIFY NONE, or NOTIFY SET [STATUS] (filter events) …: each setting takes the place of the one before. */
export function* notify(session: ImapSession, { args }: CommandContext): Dialogue<Answer> {
  args.space()
  if (args.skipKeyword('NONE')) {
    args.end()
    if (args.error) return bad(args.error)
    session.notifying = undefined
    return ok('quiet')
  }
  if (args.keyword() !== 'SET') args.fail('NOTIFY SET or NOTIFY NONE')
  args.space()
  const tellsAll = args.skipKeyword('STATUS')
  if (tellsAll) args.space()
  const groups: Group[] = []
  const unknown: string[] = []
  do {
    groups.push(readGroup(session, args, unknown))
  } while (args.optionalSpace() && groups.length < 100)
  args.end()
  if (args.error) return bad(args.error)
  if (unknown.length > 0) {
    return { status: 'NO', code: `BADEVENT (${EVENT_NAMES.join(' ')})`, text: 'not an event' }
  }
  const places = allPlaces(session)
  session.notifying = new Notifying(groups, snapshot(places))
  for (const place of places) yield* session.watch(place.account)
  if (!tellsAll) return ok('you will hear')
  for (const place of places) {
    const group = session.notifying.groups.find(({ filter }) => isMeant(session, filter, place))
    if (!group || isSelected(session, place)) continue
    const items = statusItems(group.events)
    if (items.size > 0 && place.rights.has('r')) tellStatus(session, place, new Set([...items, 'UIDVALIDITY']))
    yield* session.flushWhenFull()
  }
  return ok('you will hear')
}

function readGroup(session: ImapSession, args: Cursor, unknown: string[]): Group {
  if (!args.skipText('(')) args.fail('a list is missing')
  const filter = readFilter(session, args)
  args.space()
  const events = new Set<Event>()
  let items: readonly FetchItem[] = []
  if (!args.skipKeyword('NONE')) {
    args.list(() => {
      const name = args.keyword()
      if (!EVENTS.includes(name as Event)) unknown.push(name)
      events.add(name as Event)
      if (name === 'MESSAGENEW' && args.skipText(' (')) {
        args.back()
        items = parseFetchItems(args)
      }
    })
  }
  if (!args.skipText(')')) args.fail('a list has no end')
  // RFC 5465 §5: new messages and expunges come together, and flags with both.
  if (events.has('MESSAGENEW') !== events.has('MESSAGEEXPUNGE')) args.fail('MessageNew and MessageExpunge go together')
  if (events.has('FLAGCHANGE') && !events.has('MESSAGENEW')) args.fail('FlagChange goes with MessageNew')
  if (items.length > 0 && !filter.kind.startsWith('selected')) args.fail('only new messages of the selected mailbox')
  return { filter, events, items }
}

const keyOf = ({ account, mailbox }: Place): string => `${account}/${mailbox.id}`

const snapshot = (places: readonly Place[]): Map<string, Known> =>
  new Map(places.map((place) => [keyOf(place), { path: place.path, mailbox: place.mailbox }]))

const isSelected = ({ selected }: ImapSession, { account, mailbox }: Place): boolean =>
  selected?.id === mailbox.id && selected.account === account

function statusItems(events: ReadonlySet<Event>): Set<StatusItem> {
  const items = new Set<StatusItem>()
  if (events.has('MESSAGENEW')) for (const item of ['MESSAGES', 'UIDNEXT'] as const) items.add(item)
  // RFC 5465 §5.3: UNSEEN and HIGHESTMODSEQ follow the flags.
  if (events.has('FLAGCHANGE')) for (const item of ['UNSEEN', 'HIGHESTMODSEQ'] as const) items.add(item)
  return items
}

/** Everything that became different since the client was told last. */
export function* tellNotified(session: ImapSession, notifying: Notifying): Dialogue {
  const places = allPlaces(session)
  const before = notifying.known
  notifying.known = snapshot(places)
  const wants = (place: Place, event: Event): boolean =>
    notifying.groups.find(({ filter }) => isMeant(session, filter, place))?.events.has(event) === true
  const { delimiter } = session.options
  for (const place of places) {
    const old = before.get(keyOf(place))
    const name = mailboxName(session, place.path)
    if (old === undefined && wants(place, 'MAILBOXNAME')) session.output.line(`* LIST () "${delimiter}" ${name}`)
    if (old === undefined) continue
    if (old.path !== place.path && wants(place, 'MAILBOXNAME')) {
      session.output.line(`* LIST () "${delimiter}" ${name} ("OLDNAME" (${mailboxName(session, old.path)}))`)
    }
    const { mailbox } = place
    if (old.mailbox.subscribed !== mailbox.subscribed && wants(place, 'SUBSCRIPTIONCHANGE')) {
      session.output.line(`* LIST (${mailbox.subscribed ? '\\Subscribed' : ''}) "${delimiter}" ${name}`)
    }
    if (isSelected(session, place) || !place.rights.has('r')) continue
    const isOther = old.mailbox.uidNext !== mailbox.uidNext || old.mailbox.total !== mailbox.total
    const items = new Set<StatusItem>()
    if (isOther && wants(place, 'MESSAGENEW')) for (const item of ['MESSAGES', 'UIDNEXT'] as const) items.add(item)
    if (old.mailbox.highestModseq !== mailbox.highestModseq && wants(place, 'FLAGCHANGE')) {
      for (const item of ['MESSAGES', 'UIDNEXT', 'UNSEEN', 'HIGHESTMODSEQ'] as const) items.add(item)
    }
    if (items.size > 0) tellStatus(session, place, new Set([...items, 'UIDVALIDITY']))
    yield* session.flushWhenFull()
  }
  for (const [key, { path, mailbox }] of before) {
    if (notifying.known.has(key)) continue
    const place: Place = { account: Number(key.split('/')[0]), mailbox, path, rights: OWNER }
    if (wants(place, 'MAILBOXNAME')) {
      session.output.line(`* LIST (\\NonExistent) "${delimiter}" ${mailboxName(session, path)}`)
    }
  }
}
