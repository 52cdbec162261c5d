// Quotas of the account, where it has any (RFC 9425): bytes and messages.

import { readArguments } from './arguments.ts'
import { accountIdOf, QUERY_ARGUMENTS, QUERY_CHANGES_ARGUMENTS, readSort, stateOf } from './standard.ts'
import { type Context, invalidArguments, type Json, type Method, MethodError, QUOTA } from './types.ts'

const PROPERTIES = [
  'id',
  'resourceType',
  'used',
  'hardLimit',
  'warnLimit',
  'softLimit',
  'scope',
  'name',
  'types',
  'description',
]

function quotasOf({ backend }: Context): Json[] {
  const quota = backend.store.access.quota(backend.account.id)
  const of = (id: string, name: string, used: number, hardLimit: number | null): Json[] => {
    if (hardLimit === null) return []
    const warnLimit = Math.floor(hardLimit * 0.9)
    const rest = { scope: 'account', types: ['Email'], softLimit: null, description: null }
    return [{ id, resourceType: id, name, used, hardLimit, warnLimit, ...rest }]
  }
  if (quota === undefined) return []
  return [
    ...of('octets', 'Size of all mail', quota.usedBytes, quota.bytes),
    ...of('count', 'Messages', quota.usedMessages, quota.messages),
  ]
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { ids: 'ids', properties: 'strings' })
  if (args instanceof MethodError) return args
  const unknown = args.properties?.find((name) => !PROPERTIES.includes(name))
  if (unknown !== undefined) return invalidArguments(`unknown property ${unknown.slice(0, 80)}`)
  const all = quotasOf(context)
  const properties = ['id', ...(args.properties ?? PROPERTIES)]
  const wanted = args.ids ? all.filter(({ id }) => args.ids!.includes(id as string)) : all
  return {
    args: {
      accountId: accountIdOf(context),
      state: stateOf(context),
      list: wanted.map((quota) => Object.fromEntries(properties.map((name) => [name, quota[name]]))),
      notFound: [...new Set(args.ids)].filter((id) => !all.some((quota) => quota.id === id)),
    },
  }
}

/** What is used changes with nearly everything: after any change all are told to be others. */
const changes: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { sinceState: 'string', maxChanges: 'unsigned' })
  if (args instanceof MethodError) return args
  const newState = stateOf(context)
  if (
    args.sinceState === undefined ||
    !/^\d{1,15}$/.test(args.sinceState) ||
    Number(args.sinceState) > Number(newState)
  )
    return new MethodError('cannotCalculateChanges')
  const updated = args.sinceState === newState ? [] : quotasOf(context).map(({ id }) => id)
  const none = { created: [], destroyed: [], updatedProperties: ['used'] }
  return {
    args: {
      accountId: accountIdOf(context),
      oldState: args.sinceState,
      newState,
      hasMoreChanges: false,
      updated,
      ...none,
    },
  }
}

const FILTERS: Record<string, (quota: Json, wanted: unknown) => boolean> = {
  name: (quota, wanted) => String(quota.name).toLowerCase().includes(String(wanted).toLowerCase()),
  scope: (quota, wanted) => quota.scope === wanted,
  resourceType: (quota, wanted) => quota.resourceType === wanted,
  type: (quota, wanted) => (quota.types as unknown[]).includes(wanted),
}

function find(args: { filter?: Json; sort?: unknown[] }, context: Context): string[] | MethodError {
  const sort = readSort(args.sort, ['name', 'used'])
  if (sort instanceof MethodError) return sort
  const filter = args.filter ?? {}
  const unknown = Object.keys(filter).find((name) => !Object.hasOwn(FILTERS, name))
  if (unknown !== undefined) return new MethodError('unsupportedFilter', unknown.slice(0, 80))
  const found = quotasOf(context).filter((quota) =>
    Object.entries(filter).every(([name, wanted]) => FILTERS[name]!(quota, wanted)),
  )
  found.sort((a, b) => {
    for (const { property, isAscending } of sort) {
      const [x, y] = [a[property] as string | number, b[property] as string | number]
      if (x !== y) return x < y === isAscending ? -1 : 1
    }
    return 0
  })
  return found.map(({ id }) => id as string)
}

const query: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), QUERY_ARGUMENTS)
  if (args instanceof MethodError) return args
  const ids = find(args, context)
  if (ids instanceof MethodError) return ids
  let position = args.position ?? 0
  if (args.anchor !== undefined) {
    if (!ids.includes(args.anchor)) return new MethodError('anchorNotFound')
    position = Math.max(0, ids.indexOf(args.anchor) + (args.anchorOffset ?? 0))
  } else if (position < 0) position = Math.max(0, ids.length + position)
  return {
    args: {
      accountId: accountIdOf(context),
      queryState: stateOf(context),
      canCalculateChanges: true,
      position,
      ids: ids.slice(position, position + (args.limit ?? ids.length)),
      ...(args.calculateTotal ? { total: ids.length } : {}),
    },
  }
}

const queryChanges: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), QUERY_CHANGES_ARGUMENTS)
  if (args instanceof MethodError) return args
  const ids = find(args, context)
  if (ids instanceof MethodError) return ids
  const isSame = args.sinceQueryState === stateOf(context)
  return {
    args: {
      accountId: accountIdOf(context),
      oldQueryState: args.sinceQueryState,
      newQueryState: stateOf(context),
      removed: isSame ? [] : ['octets', 'count'],
      added: isSame ? [] : ids.map((id, index) => ({ id, index })),
      ...(args.calculateTotal ? { total: ids.length } : {}),
    },
  }
}

export const QUOTA_METHODS: Record<string, Method> = {
  'Quota/get': { capability: QUOTA, run: get },
  'Quota/changes': { capability: QUOTA, run: changes },
  'Quota/query': { capability: QUOTA, run: query },
  'Quota/queryChanges': { capability: QUOTA, run: queryChanges },
}
