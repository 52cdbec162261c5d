// Mailboxes: get, changes, query, set. The store has paths ('Work/Invoices'), JMAP has names with parents.
// Keeps RFC 8621 §2 (Mailbox), §2.3 (query), §2.5 (set).

import type { Mailbox, SpecialUse } from '../../store/nouns/mail.ts'
import { isObject, readArguments } from './arguments.ts'
import { formatId, parseId, resolveId } from './ids.ts'
import { mayIn, shareCommands, shareWithOf } from './principal.ts'
import { sharedBackend } from './shared.ts'
import {
  accountIdOf,
  beginSet,
  changesMethod,
  GET_ARGUMENTS,
  getObjects,
  queryMethods,
  readSort,
  SET_ARGUMENTS,
} from './standard.ts'
import { countThreads } from './thread-count.ts'
import {
  type Context,
  invalidArguments,
  invalidProperties,
  type Json,
  MAIL,
  type Method,
  MethodError,
  type SetError,
  setError,
} from './types.ts'

const PROPERTIES = [
  'id',
  'name',
  'parentId',
  'role',
  'sortOrder',
  'totalEmails',
  'unreadEmails',
  'totalThreads',
  'unreadThreads',
  'myRights',
  'isSubscribed',
]
const ROLE_ORDER: Record<SpecialUse, number> = { inbox: 1, drafts: 2, sent: 3, archive: 4, junk: 5, trash: 6 }
const NO_ROLE_ORDER = 10
const MAX_FILTER_DEPTH = 20
const RIGHTS = [
  'mayReadItems',
  'mayAddItems',
  'mayRemoveItems',
  'maySetSeen',
  'maySetKeywords',
  'mayCreateChild',
  'mayRename',
  'mayDelete',
  'maySubmit',
]

const nameOf = (path: string): string => (path === 'INBOX' ? 'Inbox' : path.slice(path.lastIndexOf('/') + 1))
const parentPathOf = (path: string): string | undefined => {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? undefined : path.slice(0, slash)
}
/** The person's own, or by role. */
const sortOrderOf = (mailbox: Mailbox): number =>
  mailbox.sortOrder ?? (mailbox.specialUse ? ROLE_ORDER[mailbox.specialUse] : NO_ROLE_ORDER)

function parentIdOf(mailbox: Mailbox, context: Context): string | null {
  const path = parentPathOf(mailbox.path)
  const parent = path === undefined ? undefined : context.backend.store.mailboxByPath(context.backend.account.id, path)
  return parent ? formatId('m', parent.id) : null
}

/** The value of each property; a table, so that what costs is only computed when asked for. */
const SHOW: Record<string, (mailbox: Mailbox, context: Context) => unknown> = {
  id: (mailbox) => formatId('m', mailbox.id),
  name: (mailbox) => nameOf(mailbox.path),
  parentId: parentIdOf,
  role: (mailbox) => mailbox.specialUse,
  sortOrder: sortOrderOf,
  totalEmails: (mailbox) => mailbox.total,
  unreadEmails: (mailbox) => mailbox.unseen,
  totalThreads: (mailbox, context) => (mailbox.total === 0 ? 0 : countThreads(context.backend, mailbox, 'all')),
  unreadThreads: (mailbox, context) => (mailbox.unseen === 0 ? 0 : countThreads(context.backend, mailbox, 'unread')),
  myRights: (mailbox, { backend }) =>
    Object.fromEntries(
      RIGHTS.map((right) => [right, backend.sharing ? mayIn(backend, mailbox, right) : mayDo(right, mailbox)]),
    ),
  isSubscribed: (mailbox) => mailbox.subscribed,
  shareWith: (mailbox, { backend }) => (backend.sharing ? null : shareWithOf(backend, mailbox.id)),
}

const notAllowed = setError('forbidden', 'the owner of the mailbox does not let you do that')
const mayDo = (right: string, mailbox: Mailbox): boolean =>
  !(mailbox.specialUse === 'inbox' && (right === 'mayDelete' || right === 'mayRename'))

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const { store, account } = context.backend
  const all = store.mailboxes(account.id)
  return getObjects(args, context, {
    kind: 'm',
    properties: PROPERTIES,
    // Told to those who ask for it by name: others do not know of it.
    isProperty: (name) => Object.hasOwn(SHOW, name),
    all: () => all,
    load: () => new Map(all.map((mailbox) => [mailbox.id, mailbox])),
    show: (mailbox, properties) => Object.fromEntries(properties.map((name) => [name, SHOW[name]!(mailbox, context)])),
  })
}

const FILTERS: Record<string, (mailbox: Mailbox, wanted: unknown, context: Context) => boolean> = {
  parentId: (mailbox, wanted, context) => parentIdOf(mailbox, context) === wanted,
  name: (mailbox, wanted) => nameOf(mailbox.path).toLowerCase().includes(String(wanted).toLowerCase()),
  role: (mailbox, wanted) => mailbox.specialUse === wanted,
  hasAnyRole: (mailbox, wanted) => (mailbox.specialUse !== null) === wanted,
  isSubscribed: (mailbox, wanted) => mailbox.subscribed === wanted,
}

/** RFC 8621 §2.3: `sortAsTree` puts children below their parents, `filterAsTree` shows none whose parent is not shown. */
function find(args: Json, context: Context): number[] | MethodError {
  const sort = readSort(args.sort as unknown[] | undefined, ['sortOrder', 'name', 'parentId'])
  if (sort instanceof MethodError) return sort
  const matches = compileFilter(args.filter as Json | undefined, context)
  if (matches instanceof MethodError) return matches
  const all = context.backend.store.mailboxes(context.backend.account.id)
  const compare = (a: Mailbox, b: Mailbox): number => {
    for (const { property, isAscending } of sort) {
      const order =
        property === 'sortOrder'
          ? sortOrderOf(a) - sortOrderOf(b)
          : property === 'name'
            ? nameOf(a.path).localeCompare(nameOf(b.path))
            : (parentPathOf(a.path) ?? '').localeCompare(parentPathOf(b.path) ?? '')
      if (order !== 0) return isAscending ? order : -order
    }
    return a.id - b.id
  }
  const isShown = new Map<string, boolean>()
  // Parents come before their children in the order of paths.
  for (const mailbox of all) {
    const parent = parentPathOf(mailbox.path)
    const isBelow = args.filterAsTree !== true || parent === undefined || isShown.get(parent) !== false
    isShown.set(mailbox.path, isBelow && matches(mailbox))
  }
  const shown = all.filter(({ path }) => isShown.get(path)).sort(compare)
  if (args.sortAsTree !== true) return shown.map(({ id }) => id)
  const children = Map.groupBy([...all].sort(compare), ({ path }) => parentPathOf(path) ?? '')
  const inTree = (path: string): Mailbox[] =>
    (children.get(path) ?? []).flatMap((mailbox) => [mailbox, ...inTree(mailbox.path)])
  const ids = new Set(shown.map(({ id }) => id))
  return inTree('')
    .map(({ id }) => id)
    .filter((id) => ids.has(id))
}

/** A condition, or operators over conditions (RFC 8620 §5.5). */
function compileFilter(
  filter: Json | undefined,
  context: Context,
  depth = 0,
): ((mailbox: Mailbox) => boolean) | MethodError {
  if (filter === undefined) return () => true
  if ('operator' in filter) {
    const { operator, conditions } = filter
    if (!Array.isArray(conditions) || !conditions.every(isObject) || depth > MAX_FILTER_DEPTH)
      return invalidArguments('an operator needs conditions')
    const tests: ((mailbox: Mailbox) => boolean)[] = []
    for (const condition of conditions) {
      const test = compileFilter(condition, context, depth + 1)
      if (test instanceof MethodError) return test
      tests.push(test)
    }
    if (operator === 'AND') return (mailbox) => tests.every((test) => test(mailbox))
    if (operator === 'OR') return (mailbox) => tests.some((test) => test(mailbox))
    if (operator === 'NOT') return (mailbox) => !tests.some((test) => test(mailbox))
    return new MethodError('unsupportedFilter', 'operator')
  }
  const unknown = Object.keys(filter).find((name) => !Object.hasOwn(FILTERS, name))
  if (unknown !== undefined) return new MethodError('unsupportedFilter', unknown.slice(0, 80))
  return (mailbox) => Object.entries(filter).every(([name, wanted]) => FILTERS[name]!(mailbox, wanted, context))
}

const changes = ({ backend }: Context, modseq: number, most?: number) =>
  backend.store.changes.mailboxes(backend.account.id, modseq, most)
const queries = queryMethods('m', find, changes, { sortAsTree: 'boolean', filterAsTree: 'boolean' })

const set: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { ...SET_ARGUMENTS, onDestroyRemoveEmails: 'boolean' })
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  await outcome.createEach(parentsFirst(args.create ?? {}), context, create)
  await outcome.updateEach(args.update, context, update)
  await outcome.destroyEach(args.destroy, context, (id) => destroy(id, args.onDestroyRemoveEmails ?? false, context))
  return { args: outcome.args(context) }
}

/** What is created below another new one comes after it, whatever the order in which they are named (RFC 8620 §5.3). */
function parentsFirst(create: Json): [string, unknown][] {
  const waiting = new Map(Object.entries(create))
  const sorted: [string, unknown][] = []
  const take = (key: string): void => {
    const wanted = waiting.get(key)
    if (!waiting.delete(key)) return
    const parent = isObject(wanted) ? wanted.parentId : undefined
    if (typeof parent === 'string' && parent.startsWith('#')) take(parent.slice(1))
    sorted.push([key, wanted])
  }
  for (const key of [...waiting.keys()]) take(key)
  return sorted
}

const isSortOrder = (value: unknown): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31

/** The path for a name below a parent; NFC as Net-Unicode asks (RFC 8621 §2). */
function pathFor(name: unknown, parentId: unknown, context: Context): string | SetError {
  if (typeof name !== 'string') return invalidProperties(['name'])
  const clean = name.normalize('NFC')
  // '/' parts the levels in the store; the rest is what IMAP cannot show (RFC 9051 §5.1).
  if (clean.trim() === '' || Buffer.byteLength(clean) > 255 || /[\x00-\x1f\x7f/*%]/.test(clean))
    return invalidProperties(['name'], 'a name has 1 to 255 bytes and no control characters, "/", "*" or "%"')
  if (parentId === null || parentId === undefined) return clean
  const id = parseId('m', resolveId(context, parentId))
  const parent = id === undefined ? undefined : context.backend.store.mailbox(context.backend.account.id, id)
  return parent ? `${parent.path}/${clean}` : invalidProperties(['parentId'])
}

async function create(wanted: Json, context: Context): Promise<Json | SetError> {
  const { store, account, world } = context.backend
  const unknown = Object.keys(wanted).filter(
    (name) => !['name', 'parentId', 'role', 'sortOrder', 'isSubscribed'].includes(name),
  )
  if (unknown.length > 0) return invalidProperties(unknown)
  const path = pathFor(wanted.name, wanted.parentId, context)
  if (typeof path !== 'string') return path
  const { sharing } = context.backend
  if (sharing) {
    const parent = parentPathOf(path)
    const above = parent === undefined ? undefined : store.mailboxByPath(account.id, parent)
    if (!above || !mayIn(context.backend, above, 'mayCreateChild') || sharing.isTaken(path)) return notAllowed
    // What is a person's own, or for the whole account, is its owner's.
    const ofOwner = ['role', 'sortOrder', 'isSubscribed'].filter((name) => (wanted[name] ?? null) !== null)
    if (ofOwner.length > 0) return invalidProperties(ofOwner, 'its owner sets that')
  }
  const role = wanted.role ?? null
  if (role !== null && !(typeof role === 'string' && Object.hasOwn(ROLE_ORDER, role)))
    return invalidProperties(['role'])
  if (role !== null && store.mailboxByUse(account.id, role as string))
    return invalidProperties(['role'], 'another mailbox has this role')
  const sortOrder = wanted.sortOrder ?? null
  if (sortOrder !== null && !isSortOrder(sortOrder)) return invalidProperties(['sortOrder'])
  if (!['boolean', 'undefined'].includes(typeof (wanted.isSubscribed ?? undefined)))
    return invalidProperties(['isSubscribed'])
  const [result] = await store.commit([
    {
      kind: 'mailbox.create',
      account: account.id,
      path,
      specialUse: role as SpecialUse | null,
      nowMs: world.clock.now(),
    },
    ...(wanted.isSubscribed === true
      ? [{ kind: 'mailbox.subscribe', account: account.id, path, subscribed: true } as const]
      : []),
    ...(sortOrder === null
      ? []
      : [{ kind: 'mailbox.sort', account: account.id, mailbox: { from: 0 }, sortOrder: sortOrder as number } as const]),
  ])
  if (!result!.ok) return invalidProperties(['name'], result!.message)
  // In an account of another it has the rights of the mailbox that it is in, and so it is seen now.
  const backend = (sharing && sharedBackend(sharing.own, accountIdOf(context))) ?? context.backend
  const made = backend.store.mailbox(account.id, result!.id!)
  if (made === undefined) return { id: formatId('m', result!.id!) }
  return Object.fromEntries(
    PROPERTIES.filter((name) => !Object.hasOwn(wanted, name)).map((name) => [
      name,
      SHOW[name]!(made, { ...context, backend }),
    ]),
  )
}

async function update(id: string | undefined, patch: Json, context: Context): Promise<SetError | undefined> {
  const { store, account, world } = context.backend
  const number = parseId('m', id)
  const mailbox = number === undefined ? undefined : store.mailbox(account.id, number)
  if (!mailbox) return setError('notFound')
  const { sharing } = context.backend
  if (sharing) {
    const ofOwner = Object.keys(patch).filter((name) => name !== 'name' && name !== 'parentId')
    if (ofOwner.length > 0) return setError('forbidden', `its owner sets ${ofOwner.join(', ').slice(0, 200)}`)
    if (!mayIn(context.backend, mailbox, 'mayRename')) return notAllowed
  }
  const isShare = (name: string): boolean => name === 'shareWith' || name.startsWith('shareWith/')
  const unknown = Object.keys(patch).filter(
    (name) => !['name', 'parentId', 'isSubscribed', 'sortOrder', 'role'].includes(name) && !isShare(name),
  )
  if (unknown.length > 0) return invalidProperties(unknown)
  const shares = Object.keys(patch)
    .filter(isShare)
    .map((name) => shareCommands(context, mailbox.id, name, patch[name]))
  const wrong = shares.find((share) => !Array.isArray(share))
  if (wrong && !Array.isArray(wrong)) return wrong
  if (Object.hasOwn(patch, 'role') && patch.role !== mailbox.specialUse)
    return invalidProperties(['role'], 'roles are fixed')
  const sortOrder = patch.sortOrder ?? null
  if (sortOrder !== null && !isSortOrder(sortOrder)) return invalidProperties(['sortOrder'])
  if (Object.hasOwn(patch, 'isSubscribed') && typeof patch.isSubscribed !== 'boolean')
    return invalidProperties(['isSubscribed'])
  let path = mailbox.path
  if (Object.hasOwn(patch, 'name') || Object.hasOwn(patch, 'parentId')) {
    const name = Object.hasOwn(patch, 'name') ? patch.name : nameOf(mailbox.path)
    const parentId = Object.hasOwn(patch, 'parentId') ? patch.parentId : parentIdOf(mailbox, context)
    const wanted = pathFor(name, parentId, context)
    if (typeof wanted !== 'string') return wanted
    const sameInbox = mailbox.specialUse === 'inbox' && wanted === nameOf(mailbox.path)
    if (!sameInbox && wanted !== path) {
      if (mailbox.specialUse === 'inbox') return setError('forbidden', 'the inbox keeps its name')
      if (sharing) {
        const parent = parentPathOf(wanted)
        const isMoved = parent !== parentPathOf(path)
        const above = parent === undefined ? undefined : store.mailboxByPath(account.id, parent)
        if (isMoved && !(above && mayIn(context.backend, above, 'mayCreateChild'))) return notAllowed
        if (sharing.isTaken(wanted)) return notAllowed
      }
      if (wanted.startsWith(`${path}/`)) return invalidProperties(['parentId'], 'a mailbox cannot be below itself')
      const [result] = await store.commit([
        { kind: 'mailbox.rename', account: account.id, mailbox: mailbox.id, path: wanted, nowMs: world.clock.now() },
      ])
      if (!result!.ok) return invalidProperties(['name'], result!.message)
      path = wanted
    }
  }
  await store.commit(shares.flatMap((share) => (Array.isArray(share) ? share : [])))
  if (typeof patch.isSubscribed === 'boolean')
    await store.commit([{ kind: 'mailbox.subscribe', account: account.id, path, subscribed: patch.isSubscribed }])
  if (Object.hasOwn(patch, 'sortOrder')) {
    const order = { account: account.id, mailbox: mailbox.id, sortOrder: sortOrder as number | null }
    await store.commit([{ kind: 'mailbox.sort', ...order }])
  }
  return undefined
}

async function destroy(id: string | undefined, removeEmails: boolean, context: Context): Promise<SetError | undefined> {
  const { store, account } = context.backend
  const number = parseId('m', id)
  const mailbox = number === undefined ? undefined : store.mailbox(account.id, number)
  if (!mailbox) return setError('notFound')
  if (mailbox.specialUse === 'inbox') return setError('forbidden', 'the inbox stays')
  const { sharing } = context.backend
  if (sharing && !mayIn(context.backend, mailbox, 'mayDelete')) return notAllowed
  const below = `${mailbox.path}/`
  if (sharing?.isTaken(below) || store.mailboxes(account.id).some((other) => other.path.startsWith(below)))
    return setError('mailboxHasChild')
  if (sharing && mailbox.total > 0 && !mayIn(context.backend, mailbox, 'mayRemoveItems')) return notAllowed
  if (mailbox.total > 0 && !removeEmails) return setError('mailboxHasEmail')
  const [result] = await store.commit([{ kind: 'mailbox.delete', account: account.id, mailbox: mailbox.id }])
  return result!.ok ? undefined : setError('forbidden', result!.message)
}

export const MAILBOX_METHODS: Record<string, Method> = {
  'Mailbox/get': { capability: MAIL, run: get },
  'Mailbox/changes': {
    capability: MAIL,
    run: changesMethod('m', changes, { updatedProperties: null }),
  },
  'Mailbox/query': { capability: MAIL, run: queries.query },
  'Mailbox/queryChanges': { capability: MAIL, run: queries.queryChanges },
  'Mailbox/set': { capability: MAIL, run: set },
}
