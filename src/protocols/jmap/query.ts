// Email/query and Email/queryChanges: which emails, in which order, which window of them, and how that changed.
// Keeps RFC 8621 §4.4 (filter, sort, collapseThreads) and §4.5. The first pages come from the store's index; a whole
// list, where one is needed, is kept until the account changes.

import type { Email, EmailId } from '../../store/nouns/mail.ts'
import { type EmailOrder, type EmailQuery, isTimed } from '../../store/read/email-query.ts'
import { type Read, readArguments } from './arguments.ts'
import { compileFilter, type EmailFilter } from './conditions.ts'
import { formatId, parseId, parseState } from './ids.ts'
import { flagOf, isKeyword, keywordsOf } from './keywords.ts'
import {
  accountIdOf,
  type Comparator,
  MAX_QUERY_LIMIT,
  QUERY_ARGUMENTS,
  QUERY_CHANGES_ARGUMENTS,
  queryChanged,
  queryChanges,
  queryWindow,
  readSort,
  stateOf,
} from './standard.ts'
import { countThreads } from './thread-count.ts'
import { invalidArguments, type JmapBackend, type Method, MethodError } from './types.ts'

const MAX_KEPT = 4
const MAX_KEPT_IDS = 1_000_000
/** Emails looked at together; between two lots other work gets its turn. */
const LOT = 500
/** A window that ends further down comes from the whole list. */
const FIRST_PAGES = 5000
/** So many emails are placed one by one: the index is read once, as far as the last of them; in conversations once for each. */
const MOST_PLACED = 500
const MOST_PLACED_THREADS = 8
/** Beyond this a client asks anew. */
const MAX_CHANGES = 5000

interface Kept {
  readonly key: string
  readonly modseq: number
  readonly ids: readonly EmailId[]
}
const kept = new WeakMap<JmapBackend, Kept[]>()

/** Sorts that the index, or the database, knows. */
const ORDERS: Readonly<Record<string, EmailOrder['by']>> = {
  receivedAt: 'received',
  sentAt: 'sent',
  size: 'size',
  hasKeyword: 'flagged',
  allInThreadHaveKeyword: 'thread-all-flagged',
  someInThreadHaveKeyword: 'thread-some-flagged',
}

type Value = string | number | boolean

/** Values to sort by where a text is among them: that is without case, in any script. */
const VALUES: Readonly<Record<string, (email: Email, keyword: string, backend: JmapBackend) => Value>> = {
  receivedAt: (email) => email.receivedAtMs,
  sentAt: (email) => email.sentAtMs ?? email.receivedAtMs,
  size: (email) => email.sizeBytes,
  from: (email) => (email.from[0]?.name || email.from[0]?.email || '').toLowerCase(),
  to: (email) => (email.to[0]?.name || email.to[0]?.email || '').toLowerCase(),
  // The base subject sorts answers beside what they answer (RFC 5256 §2.1, in short).
  subject: (email) => email.subject.replace(/^\s*((re|fwd?|aw|wg)\s*(\[\d+\])?:\s*)+/i, '').toLowerCase(),
  hasKeyword: (email, keyword, backend) => has(email.id, keyword, backend),
  allInThreadHaveKeyword: (email, keyword, backend) =>
    backend.store.thread(backend.account.id, email.thread).every((id) => has(id, keyword, backend)),
  someInThreadHaveKeyword: (email, keyword, backend) =>
    backend.store.thread(backend.account.id, email.thread).some((id) => has(id, keyword, backend)),
}

const has = (id: EmailId, keyword: string, { store, account }: JmapBackend): boolean =>
  keywordsOf(store.placementsOf(account.id, id)).has(keyword.toLowerCase())

export const EMAIL_SORTS = Object.keys(VALUES)
const isText = (property: string): boolean => !Object.hasOwn(ORDERS, property)

/** A query, checked. */
interface Question {
  readonly key: string
  readonly filter: EmailFilter
  readonly sort: readonly Comparator[]
  readonly order: readonly EmailOrder[]
  readonly collapse: boolean
  /** The store answers it without a look at each email. */
  readonly isIndexed: boolean
}

type Asked = Pick<Read<typeof QUERY_ARGUMENTS & { collapseThreads: 'boolean' }>, 'filter' | 'sort' | 'collapseThreads'>

function read(args: Asked, { sharing }: JmapBackend): Question | MethodError {
  const sort = readSort(args.sort, EMAIL_SORTS)
  if (sort instanceof MethodError) return sort
  const unclear = sort.find(({ property, keyword }) => property.endsWith('Keyword') && !(keyword && isKeyword(keyword)))
  if (unclear) return invalidArguments(`sort ${unclear.property} needs a keyword`)
  const filter = compileFilter(args.filter)
  if (filter instanceof MethodError) return filter
  const collapse = args.collapseThreads ?? false
  const isIndexed = filter.checks.length === 0 && !sort.some(({ property }) => isText(property))
  const order = sort
    .filter(({ property }) => Object.hasOwn(ORDERS, property))
    .map(
      ({ property, isAscending, keyword }): EmailOrder => ({
        by: ORDERS[property]!,
        ascending: isAscending,
        flag: keyword === undefined ? undefined : flagOf(keyword),
      }),
    )
  const key = JSON.stringify([args.filter, args.sort, collapse])
  // Answers would tell of mail that is not shared.
  if (sharing && /InThread|OtherThan/.test(key)) return new MethodError('unsupportedFilter', 'not in a shared account')
  return { key, filter, sort, order, collapse, isIndexed }
}

export const emailQuery: Method['run'] = async (raw, context) => {
  const { backend } = context
  const args = readArguments(raw, accountIdOf(context), { ...QUERY_ARGUMENTS, collapseThreads: 'boolean' })
  if (args instanceof MethodError) return args
  const question = read(args, context.backend)
  if (question instanceof MethodError) return question
  const limit = Math.min(args.limit ?? MAX_QUERY_LIMIT, MAX_QUERY_LIMIT)
  const { store, account } = backend
  const query = { where: question.filter.where, order: question.order, collapse: question.collapse }
  let position = args.position ?? 0
  // In the order of time an anchor's place is counted, not looked for in the whole list.
  const isAnchored = args.anchor !== undefined && question.isIndexed && isTimed(query)
  if (isAnchored) {
    const anchor = store.email(account.id, parseId('e', args.anchor) ?? 0)
    const place = anchor && placeOf(anchor, query, backend)
    if (place === undefined) return new MethodError('anchorNotFound')
    position = Math.max(0, place + (args.anchorOffset ?? 0))
  }
  // In one mailbox any page is a place in the index.
  const { where } = question.filter
  const isPlace = !question.collapse && where.is === 'and' && where.of.some(({ is }) => is === 'in')
  const isFromStart = args.anchor === undefined || isAnchored
  const isEarly = isFromStart && position >= 0 && (isPlace || position + limit <= FIRST_PAGES)
  if (!question.isIndexed || !isEarly) {
    const result = queryWindow(await every(question, backend), 'e', args, context, true)
    if (!(result instanceof MethodError)) Object.assign(result.args, { collapseThreads: question.collapse })
    return result
  }
  const ids = limit === 0 ? [] : store.lists.firstEmails(account.id, query, limit, position)
  return {
    args: {
      accountId: accountIdOf(context),
      queryState: stateOf(context),
      canCalculateChanges: true,
      position,
      ids: ids.map((id) => formatId('e', id)),
      ...(args.calculateTotal ? { total: count(query, backend) } : {}),
      collapseThreads: question.collapse,
    },
  }
}

/** Where an email stands in a timed query, counted from the place of another that is before it; undefined: it is not in it. */
function placeOf(
  email: Email,
  query: EmailQuery,
  { store, account }: JmapBackend,
  before?: { readonly email: Email; readonly place: number },
): number | undefined {
  if (!store.lists.isInQuery(account.id, query, email)) return undefined
  const sign = query.order[0]?.ascending === true ? 1 : -1
  // A conversation stands where its first email does.
  const hides = (other: Email) =>
    sign * (other.receivedAtMs - email.receivedAtMs || other.id - email.id) < 0 &&
    store.lists.isInQuery(account.id, query, other)
  if (query.collapse && store.emails(account.id, store.thread(account.id, email.thread)).some(hides)) return undefined
  const from = query.collapse ? undefined : before
  return (from?.place ?? 0) + store.lists.countBefore(account.id, query, email, from?.email)
}

/** The places of emails in a timed query, in its order, those left out that are not in it. */
function placesOf(emails: readonly Email[], query: EmailQuery, backend: JmapBackend) {
  const sign = query.order[0]?.ascending === true ? 1 : -1
  const found: { email: Email; place: number }[] = []
  for (const email of emails.toSorted((a, b) => sign * (a.receivedAtMs - b.receivedAtMs || a.id - b.id))) {
    const place = placeOf(email, query, backend, found.at(-1))
    if (place !== undefined) found.push({ email, place })
  }
  return found
}

/** Of a whole mailbox in conversations, the most asked for, the number is kept. */
function count(query: EmailQuery, backend: JmapBackend): number {
  const { store, account } = backend
  const { where, collapse } = query
  const [sole, ...others] = where.is === 'and' ? where.of : [where]
  const mailbox = sole?.is === 'in' && others.length === 0 ? store.mailbox(account.id, sole.mailbox) : undefined
  return collapse && mailbox ? countThreads(backend, mailbox, 'all') : store.lists.countEmails(account.id, query)
}

/** RFC 8621 §4.5. Where a thread is shown by one email, all of a touched thread may have been that one before. */
export const emailQueryChanges: Method['run'] = async (raw, context) => {
  const { store, account } = context.backend
  const args = readArguments(raw, accountIdOf(context), { ...QUERY_CHANGES_ARGUMENTS, collapseThreads: 'boolean' })
  if (args instanceof MethodError) return args
  const question = read(args, context.backend)
  if (question instanceof MethodError) return question
  const since = parseState(args.sinceQueryState)
  const changes = since === undefined ? undefined : store.changes.emails(account.id, since, MAX_CHANGES)
  const threads = changes && question.collapse ? store.changes.threads(account.id, since!, MAX_CHANGES) : undefined
  if (!changes || changes.hasMore || threads?.hasMore) return new MethodError('cannotCalculateChanges')
  const touched = new Set([...changes.created, ...changes.updated])
  if (question.collapse || looksAtThreads(question)) {
    const ids = new Set([...(threads?.updated ?? []), ...(threads?.created ?? [])])
    for (const email of store.emails(account.id, [...touched])) ids.add(email.thread)
    for (const id of ids) for (const email of store.thread(account.id, id)) touched.add(email)
    if (touched.size > MAX_CHANGES) return new MethodError('cannotCalculateChanges')
  }
  const made = new Set(changes.created)
  const removed = [...[...touched].filter((id) => !made.has(id)), ...changes.destroyed]
  const query = { where: question.filter.where, order: question.order, collapse: question.collapse }
  const most = question.collapse ? MOST_PLACED_THREADS : MOST_PLACED
  if (question.isIndexed && isTimed(query) && touched.size <= most) {
    const places = placesOf(store.emails(account.id, [...touched]), query, context.backend)
    const added = places.map(({ email, place }) => ({ id: formatId('e', email.id), index: place }))
    const total = args.calculateTotal ? count(query, context.backend) : undefined
    const result = queryChanged({ added, removed, total }, 'e', args, context)
    if (!(result instanceof MethodError)) Object.assign(result.args, { collapseThreads: question.collapse })
    return result
  }
  const result = queryChanges(await every(question, context.backend), 'e', { touched, removed }, args, context)
  if (!(result instanceof MethodError)) Object.assign(result.args, { collapseThreads: question.collapse })
  return result
}

const looksAtThreads = ({ key }: Question): boolean => key.includes('InThread')

/** The whole list. */
async function every(question: Question, backend: JmapBackend): Promise<readonly EmailId[]> {
  const modseq = backend.store.modseq(backend.account.id)
  const results = (kept.get(backend) ?? []).filter((result) => result.modseq === modseq)
  const known = results.find(({ key }) => key === question.key)
  if (known) return known.ids
  const ids = await find(question, backend)
  let count = 0
  const keeping = [{ key: question.key, modseq, ids }, ...results].slice(0, MAX_KEPT)
  kept.set(
    backend,
    keeping.filter((result) => (count += result.ids.length) <= MAX_KEPT_IDS),
  )
  return ids
}

async function find(question: Question, backend: JmapBackend): Promise<readonly EmailId[]> {
  const { store, account, world } = backend
  const { filter, sort, order, collapse, isIndexed } = question
  const query = { where: filter.where, order, collapse: collapse && isIndexed }
  const every = store.lists.everyEmail(account.id, query)
  if (isIndexed) return every
  const sets = await Promise.all(filter.texts.map(({ text, isBody }) => store.mayHold(account.id, text, isBody)))
  const ids = every.filter((id) => sets.every((set) => set === undefined || set.has(id)))
  const found: Email[] = []
  for (let at = 0; at < ids.length; at += LOT) {
    for (const email of store.emails(account.id, ids.slice(at, at + LOT))) {
      if (await passes(email, filter, backend)) found.push(email)
    }
    await world.clock.sleep(0)
  }
  if (sort.some(({ property }) => isText(property))) sortEmails(found, sort, backend)
  const seen = new Set<number>()
  return found.filter(({ thread }) => !collapse || (!seen.has(thread) && seen.add(thread))).map(({ id }) => id)
}

async function passes(email: Email, filter: EmailFilter, backend: JmapBackend): Promise<boolean> {
  for (const check of filter.checks) if (!(await check(email, backend))) return false
  return true
}

function sortEmails(emails: Email[], sort: readonly Comparator[], backend: JmapBackend): void {
  const valuesOf = (email: Email): Value[] =>
    sort.map(({ property, keyword = '' }) => VALUES[property]!(email, keyword, backend))
  const values = new Map(emails.map((email) => [email, valuesOf(email)]))
  emails.sort((a, b) => {
    const [x, y] = [values.get(a)!, values.get(b)!]
    for (let i = 0; i < sort.length; i++) {
      if (x[i] === y[i]) continue
      return x[i]! < y[i]! === sort[i]!.isAscending ? -1 : 1
    }
    return b.receivedAtMs - a.receivedAtMs || b.id - a.id
  })
}
