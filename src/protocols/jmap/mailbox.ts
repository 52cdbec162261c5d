// Mailboxes: get, changes, query, set. The store has paths ('Work/Invoices'), JMAP has names with parents.
// Keeps RFC 8621 §2 (Mailbox), §2.3 (query), §2.5 (set).

import type { Mailbox, SpecialUse } from '../../store/types.ts'
import { isObject, readArguments } from './arguments.ts'
import { formatId, parseId, resolveId } from './ids.ts'
import {
  accountIdOf,
  beginSet,
  cannotCalculateChanges,
  changesMethod,
  GET_ARGUMENTS,
  getObjects,
  QUERY_ARGUMENTS,
  queryWindow,
  readSort,
  SET_ARGUMENTS,
} from './standard.ts'
import { threadsOf } from './thread.ts'
import {
  type Context,
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
const sortOrderOf = (mailbox: Mailbox): number => (mailbox.specialUse ? ROLE_ORDER[mailbox.specialUse] : NO_ROLE_ORDER)

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
  totalThreads: (mailbox, context) => countThreads(context, mailbox),
  unreadThreads: (mailbox, context) => (mailbox.unseen === 0 ? 0 : countThreads(context, mailbox, '\\Seen')),
  myRights: (mailbox) => Object.fromEntries(RIGHTS.map((right) => [right, mayDo(right, mailbox)])),
  isSubscribed: (mailbox) => mailbox.subscribed,
}

const mayDo = (right: string, mailbox: Mailbox): boolean =>
  !(mailbox.specialUse === 'inbox' && (right === 'mayDelete' || right === 'mayRename'))

function countThreads(context: Context, mailbox: Mailbox, notFlag?: string): number {
  const { store, account } = context.backend
  return new Set(threadsOf(context.backend, store.listEmails(account.id, { mailbox: mailbox.id, notFlag }, 'newest')))
    .size
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const { store, account } = context.backend
  const all = store.mailboxes(account.id)
  return getObjects(args, context, {
    kind: 'm',
    properties: PROPERTIES,
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

const query: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), {
    ...QUERY_ARGUMENTS,
    sortAsTree: 'boolean',
    filterAsTree: 'boolean',
  })
  if (args instanceof MethodError) return args
  const sort = readSort(args.sort, ['sortOrder', 'name', 'parentId'])
  if (sort instanceof MethodError) return sort
  const filter = args.filter ?? {}
  const unknown = Object.keys(filter).find((name) => !Object.hasOwn(FILTERS, name))
  if (unknown !== undefined) return new MethodError('unsupportedFilter', unknown.slice(0, 80))
  const mailboxes = context.backend.store
    .mailboxes(context.backend.account.id)
    .filter((mailbox) => Object.entries(filter).every(([name, wanted]) => FILTERS[name]!(mailbox, wanted, context)))
  mailboxes.sort((a, b) => {
    for (const { property, isAscending } of sort) {
      const order = property === 'sortOrder' ? sortOrderOf(a) - sortOrderOf(b) : a.path.localeCompare(b.path)
      if (order !== 0) return isAscending ? order : -order
    }
    return a.id - b.id
  })
  return queryWindow(
    mailboxes.map((mailbox) => mailbox.id),
    'm',
    args,
    context,
  )
}

const set: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { ...SET_ARGUMENTS, onDestroyRemoveEmails: 'boolean' })
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  for (const [key, wanted] of Object.entries(args.create ?? {})) {
    const made = isObject(wanted) ? await create(wanted, context) : invalidProperties([])
    if ('type' in made) outcome.notCreated[key] = made
    else {
      context.createdIds.set(key, made.id as string)
      outcome.created[key] = made
    }
  }
  for (const [reference, patch] of Object.entries(args.update ?? {})) {
    const error = isObject(patch) ? await update(resolveId(context, reference), patch, context) : invalidProperties([])
    if (error) outcome.notUpdated[reference] = error
    else outcome.updated[reference] = null
  }
  for (const reference of args.destroy ?? []) {
    const error = await destroy(resolveId(context, reference), args.onDestroyRemoveEmails ?? false, context)
    if (error) outcome.notDestroyed[reference] = error
    else outcome.destroyed.push(reference)
  }
  return { args: outcome.args(context) }
}

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
  const role = wanted.role ?? null
  if (role !== null && !(typeof role === 'string' && Object.hasOwn(ROLE_ORDER, role)))
    return invalidProperties(['role'])
  if (role !== null && store.mailboxByUse(account.id, role as string))
    return invalidProperties(['role'], 'another mailbox has this role')
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
  ])
  if (!result!.ok) return invalidProperties(['name'], result!.message)
  const made = store.mailboxByPath(account.id, path)!
  return Object.fromEntries(
    PROPERTIES.filter((name) => !Object.hasOwn(wanted, name)).map((name) => [name, SHOW[name]!(made, context)]),
  )
}

async function update(id: string | undefined, patch: Json, context: Context): Promise<SetError | undefined> {
  const { store, account, world } = context.backend
  const number = parseId('m', id)
  const mailbox = number === undefined ? undefined : store.mailbox(account.id, number)
  if (!mailbox) return setError('notFound')
  const unknown = Object.keys(patch).filter(
    (name) => !['name', 'parentId', 'isSubscribed', 'sortOrder', 'role'].includes(name),
  )
  if (unknown.length > 0) return invalidProperties(unknown)
  if (Object.hasOwn(patch, 'role') && patch.role !== mailbox.specialUse)
    return invalidProperties(['role'], 'roles are fixed')
  let path = mailbox.path
  if (Object.hasOwn(patch, 'name') || Object.hasOwn(patch, 'parentId')) {
    const name = Object.hasOwn(patch, 'name') ? patch.name : nameOf(mailbox.path)
    const parentId = Object.hasOwn(patch, 'parentId') ? patch.parentId : parentIdOf(mailbox, context)
    const wanted = pathFor(name, parentId, context)
    if (typeof wanted !== 'string') return wanted
    const sameInbox = mailbox.specialUse === 'inbox' && wanted === nameOf(mailbox.path)
    if (!sameInbox && wanted !== path) {
      if (mailbox.specialUse === 'inbox') return setError('forbidden', 'the inbox keeps its name')
      if (wanted.startsWith(`${path}/`)) return invalidProperties(['parentId'], 'a mailbox cannot be below itself')
      const [result] = await store.commit([
        { kind: 'mailbox.rename', account: account.id, mailbox: mailbox.id, path: wanted, nowMs: world.clock.now() },
      ])
      if (!result!.ok) return invalidProperties(['name'], result!.message)
      path = wanted
    }
  }
  if (Object.hasOwn(patch, 'isSubscribed')) {
    if (typeof patch.isSubscribed !== 'boolean') return invalidProperties(['isSubscribed'])
    await store.commit([{ kind: 'mailbox.subscribe', account: account.id, path, subscribed: patch.isSubscribed }])
  }
  return undefined
}

async function destroy(id: string | undefined, removeEmails: boolean, context: Context): Promise<SetError | undefined> {
  const { store, account } = context.backend
  const number = parseId('m', id)
  const mailbox = number === undefined ? undefined : store.mailbox(account.id, number)
  if (!mailbox) return setError('notFound')
  if (mailbox.specialUse === 'inbox') return setError('forbidden', 'the inbox stays')
  if (store.mailboxes(account.id).some((other) => other.path.startsWith(`${mailbox.path}/`)))
    return setError('mailboxHasChild')
  if (mailbox.total > 0 && !removeEmails) return setError('mailboxHasEmail')
  const [result] = await store.commit([{ kind: 'mailbox.delete', account: account.id, mailbox: mailbox.id }])
  return result!.ok ? undefined : setError('forbidden', result!.message)
}

export const MAILBOX_METHODS: Record<string, Method> = {
  'Mailbox/get': { capability: MAIL, run: get },
  'Mailbox/changes': {
    capability: MAIL,
    run: changesMethod('m', ({ backend }, modseq) => backend.store.mailboxChanges(backend.account.id, modseq), {
      updatedProperties: null,
    }),
  },
  'Mailbox/query': { capability: MAIL, run: query },
  'Mailbox/queryChanges': { capability: MAIL, run: cannotCalculateChanges },
  'Mailbox/set': { capability: MAIL, run: set },
}
