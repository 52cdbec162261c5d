// Principals (RFC 9670 §2): the people of this store as far as one need know them, to share with them and to see who
// shares. One finds oneself, those one shares with and who share, and whoever has an address that one knows in full.

import type { Mailbox } from '../../store/nouns/mail.ts'
import type { Account, AccountId } from '../../store/nouns/people.ts'
import { isObject, readArguments } from './arguments.ts'
import { formatId, parseId } from './ids.ts'
import { sharedAccounts } from './shared.ts'
import {
  accountIdOf,
  beginSet,
  GET_ARGUMENTS,
  getObjects,
  QUERY_ARGUMENTS,
  queryWindow,
  readSort,
  SET_ARGUMENTS,
  stateOf,
} from './standard.ts'
import {
  type Context,
  type JmapBackend,
  type Json,
  type Method,
  MethodError,
  PRINCIPALS,
  type SetError,
  setError,
} from './types.ts'

const PROPERTIES = ['id', 'type', 'name', 'description', 'email', 'timeZone', 'capabilities', 'accounts']

/** A right over a mailbox in JMAP's words, and the letters of RFC 4314 that it needs. */
const LETTERS: Readonly<Record<string, string>> = {
  mayReadItems: 'lr',
  mayAddItems: 'i',
  mayRemoveItems: 'te',
  maySetSeen: 's',
  maySetKeywords: 'w',
  mayCreateChild: 'k',
  mayRename: 'x',
  mayDelete: 'x',
  maySubmit: 'p',
  mayShare: 'a',
}

/** In a mailbox that another shares: does he let this person do that (RFC 8621 §2, RFC 4314). */
export function mayIn({ sharing }: JmapBackend, { id, specialUse }: Mailbox, right: string): boolean {
  const rights = sharing?.rights.get(id)
  const isOfInbox = specialUse === 'inbox' && (right === 'mayDelete' || right === 'mayRename')
  return rights !== undefined && !isOfInbox && [...LETTERS[right]!].every((letter) => rights.has(letter))
}

/** Letters of RFC 4314 as rights; null for none (RFC 9670 §3). */
export const rightsFrom = (letters: string): Json | null =>
  letters === ''
    ? null
    : Object.fromEntries(
        Object.entries(LETTERS).map(([right, needed]) => [right, [...needed].every((one) => letters.includes(one))]),
      )

/** Those this person has to do with, himself first. */
function known(backend: JmapBackend): Account[] {
  const { store, account } = backend
  const ids = new Set<AccountId>([account.id, ...sharedAccounts(backend).keys()])
  for (const mailbox of store.mailboxes(account.id))
    for (const { identifier } of store.access.rights(account.id, mailbox.id)) {
      const other = store.accountByAddress(identifier.replace(/^-/, ''))
      if (other) ids.add(other.id)
    }
  return [...ids].map((id) => store.account(id)).filter((one) => one !== undefined)
}

function shown(principal: Account, { backend }: Context): Json {
  const id = formatId('u', principal.id)
  const isSharing = principal.id === backend.account.id || sharedAccounts(backend).has(principal.id)
  return {
    id,
    type: 'individual',
    // The address is what one knows; the name is told to those who have to do with each other.
    name: principal.displayName || principal.address,
    description: null,
    email: principal.address,
    timeZone: null,
    capabilities: {},
    accounts: isSharing ? { [formatId('a', principal.id)]: {} } : null,
  }
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const { store } = context.backend
  return getObjects(args, context, {
    kind: 'u',
    properties: PROPERTIES,
    all: () => known(context.backend),
    // Whoever asks by id has it from a query: the id of somebody he has to do with, or whose address he knows.
    load: (ids) => {
      const people = known(context.backend)
      const isKnown = (id: number) => people.some((one) => one.id === id) || found(context.backend).has(id)
      return new Map(ids.filter(isKnown).map((id) => [id, store.account(id)!]))
    },
    show: (principal, properties) => {
      const json = shown(principal, context)
      return Object.fromEntries(properties.map((name) => [name, json[name]]))
    },
  })
}

/** Found by their address lately: a few, so that a get after a query finds them. */
const lately = new WeakMap<JmapBackend['store'], Map<AccountId, Set<AccountId>>>()
const MAX_FOUND = 100

function found({ store, account }: JmapBackend): Set<AccountId> {
  let all = lately.get(store)
  if (!all) lately.set(store, (all = new Map()))
  let own = all.get(account.id)
  if (!own) all.set(account.id, (own = new Set()))
  return own
}

const FILTERS: Readonly<Record<string, (principal: Json, wanted: unknown) => boolean>> = {
  accountIds: ({ accounts }, wanted) =>
    Array.isArray(wanted) && isObject(accounts) && wanted.some((id) => Object.hasOwn(accounts, String(id))),
  email: ({ email }, wanted) => String(email).toLowerCase().includes(String(wanted).toLowerCase()),
  name: ({ name }, wanted) => String(name).toLowerCase().includes(String(wanted).toLowerCase()),
  text: ({ name, email }, wanted) => `${name}\n${email}`.toLowerCase().includes(String(wanted).toLowerCase()),
  type: ({ type }, wanted) => type === wanted,
  timeZone: () => false,
}

const query: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), QUERY_ARGUMENTS)
  if (args instanceof MethodError) return args
  const sort = readSort(args.sort, ['name', 'email'])
  if (sort instanceof MethodError) return sort
  const filter = args.filter ?? {}
  const unknown = Object.keys(filter).find((name) => !Object.hasOwn(FILTERS, name))
  if (unknown !== undefined) return new MethodError('unsupportedFilter', unknown.slice(0, 80))
  const people = new Map(known(context.backend).map((one) => [one.id, one]))
  for (const wanted of [filter.email, filter.text]) {
    const other = typeof wanted === 'string' ? context.backend.store.accountByAddress(wanted) : undefined
    if (!other) continue
    people.set(other.id, other)
    const remembered = found(context.backend)
    if (remembered.size >= MAX_FOUND) remembered.clear()
    remembered.add(other.id)
  }
  const matching = [...people.values()]
    .map((one) => ({ id: one.id, json: shown(one, context) }))
    .filter(({ json }) => Object.entries(filter).every(([name, wanted]) => FILTERS[name]!(json, wanted)))
  matching.sort((a, b) => {
    for (const { property, isAscending } of sort) {
      const order = String(a.json[property]).localeCompare(String(b.json[property]))
      if (order !== 0) return isAscending ? order : -order
    }
    return a.id - b.id
  })
  return queryWindow(
    matching.map(({ id }) => id),
    'u',
    args,
    context,
  )
}

/** Who is here changes outside: a client that asks looks again. */
const changes: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { sinceState: 'string', maxChanges: 'unsigned' })
  if (args instanceof MethodError) return args
  if (args.sinceState !== stateOf(context)) return new MethodError('cannotCalculateChanges')
  const none = { created: [], updated: [], destroyed: [], hasMoreChanges: false }
  return { args: { accountId: accountIdOf(context), oldState: args.sinceState, newState: args.sinceState, ...none } }
}

const set: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), SET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  const refused = setError('forbidden', 'people are given by the administrator')
  for (const key of Object.keys(args.create ?? {})) outcome.notCreated[key] = refused
  for (const id of Object.keys(args.update ?? {})) outcome.notUpdated[id] = refused
  for (const id of args.destroy ?? []) outcome.notDestroyed[id] = refused
  return { args: outcome.args(context) }
}

/** With whom a mailbox is shared: their principals, and what they may. Null: with nobody. */
export function shareWithOf({ store, account }: JmapBackend, mailbox: number): Json | null {
  const shares = store.access.rights(account.id, mailbox).flatMap(({ identifier, rights }) => {
    const other = store.accountByAddress(identifier)
    if (!other || identifier.startsWith('-')) return []
    return [[formatId('u', other.id), rightsFrom(rights)] as const]
  })
  return shares.length === 0 ? null : Object.fromEntries(shares)
}

/** The commands that make a mailbox shared as `wanted` says, whole or for one principal; or what is wrong. */
export function shareCommands({ backend }: Context, mailbox: number, path: string, wanted: unknown) {
  const { store, account } = backend
  const bad: SetError = setError('invalidProperties', undefined, { properties: [path] })
  const one = path.startsWith('shareWith/') ? path.slice('shareWith/'.length) : undefined
  const map = one === undefined ? (wanted ?? {}) : { [one]: wanted }
  if (!isObject(map) || Object.keys(map).length > 1000) return bad
  const wantedRights = new Map<string, string>()
  const put = (identifier: string, rights: string) => wantedRights.set(identifier, rights)
  if (one === undefined) for (const { identifier } of store.access.rights(account.id, mailbox)) put(identifier, '')
  for (const [id, rights] of Object.entries(map)) {
    const number = parseId('u', id)
    const other = number === undefined ? undefined : store.account(number)
    if (!other || other.id === account.id || !(rights === null || isObject(rights))) return bad
    const given = Object.entries(rights ?? {})
    if (given.some(([right, may]) => !Object.hasOwn(LETTERS, right) || typeof may !== 'boolean')) return bad
    const letters = given.filter(([, may]) => may).flatMap(([right]) => [...LETTERS[right]!])
    put(other.address.toLowerCase(), [...new Set(letters)].join(''))
  }
  const base = { kind: 'acl.put', account: account.id, mailbox } as const
  const told = { by: account.id, nowMs: backend.world.clock.now() }
  return [...wantedRights].map(([identifier, rights]) => ({ ...base, identifier, rights, told }))
}

export const PRINCIPAL_METHODS: Record<string, Method> = {
  'Principal/get': { capability: PRINCIPALS, run: get },
  'Principal/changes': { capability: PRINCIPALS, run: changes },
  'Principal/query': { capability: PRINCIPALS, run: query },
  'Principal/set': { capability: PRINCIPALS, run: set },
}
