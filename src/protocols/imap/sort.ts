// SORT (RFC 5256, SORT=DISPLAY RFC 5957, ESORT and CONTEXT=SORT RFC 5267): a search whose results come in another order.

import { baseSubject } from '../../message/message-id.ts'
import type { Email } from '../../store/nouns/mail.ts'
import type { FoundPlacement } from '../../store/read/contents.ts'
import { fold } from '../../store/text/words.ts'
import { type Dialogue, pause } from '../dialogue.ts'
import { type Answer, ok } from './answer.ts'
import { offerUpdates } from './context.ts'
import type { Cursor } from './parser.ts'
import type { SearchScope } from './scope.ts'
import { readCriteria } from './search.ts'
import { esearch, highestModseq, readReturn, savedOf } from './search-return.ts'
import { Searching } from './searching.ts'
import type { CommandContext, ImapSession } from './session.ts'

type SortValue = string | number

interface Criterion {
  readonly keyOf: (email: Email) => SortValue
  readonly reverse: boolean
}

/** There are nine. */
const MOST_CRITERIA = 20

type AddressField = 'from' | 'to' | 'cc'

/** RFC 5256 §2.2: i;unicode-casemap compares capitals. */
const collated = (text: string): string => fold(text).toUpperCase()

/** What ENVELOPE has as mailbox of the first address: a group's name where one stands first. */
function localPart(email: Email, field: AddressField): string {
  const first = email.leading?.[field] ?? email[field][0]?.email ?? ''
  const at = email.leading?.[field] === undefined ? first.lastIndexOf('@') : -1
  return collated(at < 0 ? first : first.slice(0, at))
}

/** RFC 5957 §3: the name of the first address, or the address itself. */
function display(email: Email, field: AddressField): string {
  const [first] = email[field]
  return collated(email.leading?.[field] ?? first?.name ?? first?.email ?? '')
}

/** RFC 5256 §2.2: without a date that can be read, the time of arrival stands for it. */
export const sentMs = (email: Email): number => email.sentAtMs ?? email.receivedAtMs

const VALUES: Record<string, (email: Email) => SortValue> = {
  ARRIVAL: ({ receivedAtMs }) => receivedAtMs,
  CC: (email) => localPart(email, 'cc'),
  DATE: sentMs,
  FROM: (email) => localPart(email, 'from'),
  SIZE: ({ sizeBytes }) => sizeBytes,
  SUBJECT: ({ subject }) => collated(baseSubject(subject).base),
  TO: (email) => localPart(email, 'to'),
  DISPLAYFROM: (email) => display(email, 'from'),
  DISPLAYTO: (email) => display(email, 'to'),
}

function readCriteriaOfOrder(args: Cursor): Criterion[] {
  let reverse = false
  const criteria: Criterion[] = []
  args.list(() => {
    const name = args.keyword()
    if (name === 'REVERSE') {
      if (reverse) args.fail('REVERSE of what?')
      reverse = true
      return
    }
    const keyOf = VALUES[name]
    if (keyOf === undefined) return args.fail('not something to sort by')
    criteria.push({ keyOf, reverse })
    reverse = false
  })
  if (reverse || criteria.length === 0 || criteria.length > MOST_CRITERIA) args.fail('sort by what?')
  return criteria
}

export function* sort(session: ImapSession, { tag, args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const options = readReturn(args)
  const order = readCriteriaOfOrder(args)
  args.space()
  const criteria = readCriteria(session, args, 'charset')
  if ('status' in criteria) return criteria
  const searching = new Searching(selected, criteria.key, session.options.now())
  yield* searching.run((done, total) => session.progress(tag, done, total))
  const sorted = yield* inOrder(selected, searching.found, order)
  if (options?.names.has('SAVE')) selected.saved = savedOf(options, sorted)
  const numbers = sorted.map((placement) => (uid ? placement.uid : selected.uids.indexOf(placement.uid) + 1))
  const modseq = criteria.usesModseq ? highestModseq(options, sorted) : 0
  const plain = `* SORT${numbers.map((number) => ` ${number}`).join('')}${modseq > 0 ? ` (MODSEQ ${modseq})` : ''}`
  const line = options === undefined ? plain : esearch(tag, options, { numbers, uid, modseq })
  if (line !== undefined) session.output.line(line)
  if (options?.names.has('UPDATE')) {
    offerUpdates(session, selected, { tag, uid, key: criteria.key, uids: [], order: 'sorted' })
  }
  if (searching.unreadable > 0) return ok(`${searching.unreadable} messages could not be searched`)
  return ok('that is all')
}

const WINDOW = 1_000

/** What is known of each message, in the order of the messages; those that are gone are left out. */
export function* emailsOf(
  { store, account }: SearchScope,
  placements: readonly FoundPlacement[],
): Dialogue<{ placement: FoundPlacement; email: Email }[]> {
  const known: { placement: FoundPlacement; email: Email }[] = []
  for (let at = 0; at < placements.length; at += WINDOW) {
    const window = placements.slice(at, at + WINDOW)
    const ids = window.map(({ email }) => email)
    const emails = new Map(store.emails(account, ids).map((email) => [email.id, email]))
    for (const placement of window) {
      const email = emails.get(placement.email)
      if (email) known.push({ placement, email })
    }
    if (at + WINDOW < placements.length) yield* pause()
  }
  return known
}

/** RFC 5256 §3: by the criteria in turn, and by message number where all are equal. */
function* inOrder(
  scope: SearchScope,
  placements: readonly FoundPlacement[],
  criteria: readonly Criterion[],
): Dialogue<FoundPlacement[]> {
  const rows = (yield* emailsOf(scope, placements)).map(({ placement, email }) => ({
    placement,
    values: criteria.map(({ keyOf }) => keyOf(email)),
  }))
  rows.sort((a, b) => {
    for (const [index, { reverse }] of criteria.entries()) {
      const [left, right] = [a.values[index]!, b.values[index]!]
      if (left !== right) return left < right === reverse ? 1 : -1
    }
    return a.placement.uid - b.placement.uid
  })
  return rows.map(({ placement }) => placement)
}
