// Email/query: which emails, in which order, which window of them.
// Keeps RFC 8621 §4.4 (filter, sort, collapseThreads). The last few results are kept until the account changes, so
// that scrolling through 10,000 messages reads the list once.

import type { Email, EmailId } from '../../store/types.ts'
import { readArguments } from './arguments.ts'
import { compileFilter, type EmailFilter } from './filter.ts'
import { keywordsOf } from './keywords.ts'
import { accountIdOf, type Comparator, QUERY_ARGUMENTS, queryWindow, readSort } from './standard.ts'
import { threadsOf } from './thread.ts'
import { type JmapBackend, type Method, MethodError } from './types.ts'

const MAX_KEPT = 4
/** Emails looked at together; between two lots other work gets its turn. */
const LOT = 500

interface Kept {
  readonly key: string
  readonly modseq: number
  readonly ids: readonly EmailId[]
}
const kept = new WeakMap<JmapBackend, Kept[]>()

type Value = string | number | boolean
const SORTS: Record<string, (email: Email, keyword: string, backend: JmapBackend) => Value> = {
  receivedAt: (email) => email.receivedAtMs,
  sentAt: (email) => email.sentAtMs ?? email.receivedAtMs,
  size: (email) => email.sizeBytes,
  from: (email) => (email.from[0]?.name ?? email.from[0]?.email ?? '').toLowerCase(),
  to: (email) => (email.to[0]?.name ?? email.to[0]?.email ?? '').toLowerCase(),
  // The base subject sorts answers beside what they answer (RFC 5256 §2.1, in short).
  subject: (email) => email.subject.replace(/^\s*((re|fwd?|aw|wg)\s*(\[\d+\])?:\s*)+/i, '').toLowerCase(),
  hasKeyword: (email, keyword, { store, account }) => keywordsOf(store.placementsOf(account.id, email.id)).has(keyword),
  allInThreadHaveKeyword: (email, keyword, { store, account }) =>
    store.thread(account.id, email.thread).every((id) => keywordsOf(store.placementsOf(account.id, id)).has(keyword)),
  someInThreadHaveKeyword: (email, keyword, { store, account }) =>
    store.thread(account.id, email.thread).some((id) => keywordsOf(store.placementsOf(account.id, id)).has(keyword)),
}

export const emailQuery: Method['run'] = async (raw, context) => {
  const { backend } = context
  const args = readArguments(raw, accountIdOf(context), { ...QUERY_ARGUMENTS, collapseThreads: 'boolean' })
  if (args instanceof MethodError) return args
  const sort = readSort(args.sort, Object.keys(SORTS))
  if (sort instanceof MethodError) return sort
  const filter = compileFilter(args.filter)
  if (filter instanceof MethodError) return filter
  const collapse = args.collapseThreads ?? false
  const key = JSON.stringify([args.filter, args.sort, collapse])
  const modseq = backend.store.modseq(backend.account.id)
  const results = (kept.get(backend) ?? []).filter((result) => result.modseq === modseq)
  let ids = results.find((result) => result.key === key)?.ids
  if (!ids) {
    ids = await find(filter, sort, backend)
    if (collapse) ids = collapseThreads(ids, backend)
    kept.set(backend, [{ key, modseq, ids }, ...results].slice(0, MAX_KEPT))
  }
  const result = queryWindow(ids, 'e', args, context)
  if (!(result instanceof MethodError)) result.args.collapseThreads = collapse
  return result
}

async function find(
  filter: EmailFilter,
  sort: readonly Comparator[],
  backend: JmapBackend,
): Promise<readonly EmailId[]> {
  const { store, account } = backend
  const isOldestFirst = sort[0]?.property === 'receivedAt' && sort[0].isAscending
  const ids = store.listEmails(account.id, filter.narrowing, isOldestFirst ? 'oldest' : 'newest')
  const isListOrder = sort.length === 0 || sort[0]!.property === 'receivedAt'
  if (isListOrder && filter.checks.length === 0) return ids
  const found: Email[] = []
  for (let at = 0; at < ids.length; at += LOT) {
    const lot = ids.slice(at, at + LOT)
    const byId = new Map(store.emails(account.id, lot).map((email) => [email.id, email]))
    for (const id of lot) {
      const email = byId.get(id)
      if (email && (await passes(email, filter, backend))) found.push(email)
    }
    await backend.world.clock.sleep(0)
  }
  if (!isListOrder) sortEmails(found, sort, backend)
  return found.map((email) => email.id)
}

async function passes(email: Email, filter: EmailFilter, backend: JmapBackend): Promise<boolean> {
  for (const check of filter.checks) if (!(await check(email, backend))) return false
  return true
}

function sortEmails(emails: Email[], sort: readonly Comparator[], backend: JmapBackend): void {
  const keys = new Map(
    emails.map((email) => [
      email,
      sort.map(({ property, keyword }) => SORTS[property]!(email, keyword ?? '', backend)),
    ]),
  )
  emails.sort((a, b) => {
    const [x, y] = [keys.get(a)!, keys.get(b)!]
    for (let i = 0; i < sort.length; i++) {
      if (x[i] === y[i]) continue
      return x[i]! < y[i]! === sort[i]!.isAscending ? -1 : 1
    }
    return b.id - a.id
  })
}

/** The first email of each thread (RFC 8621 §4.4.3). */
function collapseThreads(ids: readonly EmailId[], backend: JmapBackend): EmailId[] {
  const seen = new Set<number>()
  const threads = threadsOf(backend, ids)
  return ids.filter((_, i) => !seen.has(threads[i]!) && seen.add(threads[i]!))
}
