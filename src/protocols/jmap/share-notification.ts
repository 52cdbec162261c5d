// ShareNotification (RFC 9670 §3): somebody lets this person do more or less in a mailbox of his. The store makes one with
// each such change; a person reads and drops them.

import type { ShareNotification } from '../../store/nouns/people.ts'
import { readArguments } from './arguments.ts'
import { formatId, parseId, resolveId } from './ids.ts'
import { rightsFrom } from './principal.ts'
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
import { type Context, invalidArguments, type Json, type Method, MethodError, PRINCIPALS, setError } from './types.ts'

const KIND = 'share-notification'
const PROPERTIES = [
  'id',
  'created',
  'changedBy',
  'objectType',
  'objectAccountId',
  'objectId',
  'oldRights',
  'newRights',
  'name',
]

interface Told extends ShareNotification {
  readonly id: number
}

const toldTo = ({ backend }: Context): Told[] =>
  backend.store.lists.objects(backend.account.id, KIND).map(({ id, value }) => ({ ...JSON.parse(value), id }))

function shown(told: Told, { backend }: Context): Json {
  const by = backend.store.account(told.by)
  return {
    id: formatId('n', told.id),
    created: new Date(told.createdMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    changedBy: {
      name: by?.displayName || by?.address || '',
      email: by?.address ?? null,
      principalId: by ? formatId('u', by.id) : null,
    },
    objectType: 'Mailbox',
    objectAccountId: formatId('a', told.owner),
    objectId: formatId('m', told.mailbox),
    oldRights: rightsFrom(told.oldRights),
    newRights: rightsFrom(told.newRights),
    name: told.path.slice(told.path.lastIndexOf('/') + 1),
  }
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const all = toldTo(context)
  return getObjects(args, context, {
    kind: 'n',
    properties: PROPERTIES,
    all: () => all,
    load: () => new Map(all.map((told) => [told.id, told])),
    show: (told, properties) => {
      const json = shown(told, context)
      return Object.fromEntries(properties.map((name) => [name, json[name]]))
    },
  })
}

const changesSince = ({ backend }: Context, modseq: number, most?: number) =>
  backend.store.changes.objects(backend.account.id, KIND, modseq, most)

const FILTERS: Readonly<Record<string, (told: Told, wanted: string) => boolean>> = {
  after: ({ createdMs }, wanted) => createdMs >= Date.parse(wanted),
  before: ({ createdMs }, wanted) => createdMs < Date.parse(wanted),
  objectType: (_, wanted) => wanted === 'Mailbox',
  objectAccountId: ({ owner }, wanted) => formatId('a', owner) === wanted,
}

function find(args: Json, context: Context): number[] | MethodError {
  const sort = readSort(args.sort as unknown[] | undefined, ['created'])
  if (sort instanceof MethodError) return sort
  const filter = Object.entries((args.filter ?? {}) as Json)
  const unknown = filter.find(([name]) => !Object.hasOwn(FILTERS, name))
  if (unknown !== undefined) return new MethodError('unsupportedFilter', unknown[0].slice(0, 80))
  const isBad = ([name, wanted]: [string, unknown]) =>
    typeof wanted !== 'string' || ((name === 'after' || name === 'before') && Number.isNaN(Date.parse(wanted)))
  if (filter.some(isBad)) return invalidArguments('filter is malformed')
  const found = toldTo(context).filter((told) => filter.every(([name, wanted]) => FILTERS[name]!(told, String(wanted))))
  const sign = sort[0]?.isAscending === false ? -1 : 1
  return found.sort((a, b) => sign * (a.createdMs - b.createdMs || a.id - b.id)).map(({ id }) => id)
}

const queries = queryMethods('n', find, changesSince)

/** They are made by the store; one may only drop them. */
const set: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), SET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  const refused = setError('forbidden', 'a notification is made by the server, and never changes')
  for (const key of Object.keys(args.create ?? {})) outcome.notCreated[key] = refused
  for (const id of Object.keys(args.update ?? {})) outcome.notUpdated[id] = refused
  const { store, account } = context.backend
  for (const reference of args.destroy ?? []) {
    const id = parseId('n', resolveId(context, reference))
    const command = { kind: 'object.remove', account: account.id, of: KIND, id: id ?? 0 } as const
    const [result] = await store.commit([command])
    if (result!.ok) outcome.destroyed.push(reference)
    else outcome.notDestroyed[reference] = setError('notFound')
  }
  return { args: outcome.args(context) }
}

export const SHARE_NOTIFICATION_METHODS: Record<string, Method> = {
  'ShareNotification/get': { capability: PRINCIPALS, run: get },
  'ShareNotification/changes': { capability: PRINCIPALS, run: changesMethod('n', changesSince) },
  'ShareNotification/query': { capability: PRINCIPALS, run: queries.query },
  'ShareNotification/queryChanges': { capability: PRINCIPALS, run: queries.queryChanges },
  'ShareNotification/set': { capability: PRINCIPALS, run: set },
}
