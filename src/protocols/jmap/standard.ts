// What all data types share: /get's ids and properties, /changes, and the list part of /query.
// Keeps RFC 8620 §5.1 (/get), §5.2 (/changes), §5.5 (/query: position, anchor, limit, calculateTotal), §5.6.

import { type Read, readArguments } from './arguments.ts'
import { formatId, formatState, type IdKind, parseId, parseState } from './ids.ts'
import { type Context, invalidArguments, type Json, LIMITS, MethodError, type MethodResult } from './types.ts'

export const accountIdOf = (context: Context): string => formatId('a', context.backend.account.id)
export const stateOf = (context: Context): string =>
  formatState(context.backend.store.modseq(context.backend.account.id))

export const GET_ARGUMENTS = { ids: 'ids', properties: 'strings' } as const

/** The `list` and `notFound` of a /get. `all` is given where ids: null may list everything. */
export async function getObjects<T>(
  args: Read<typeof GET_ARGUMENTS>,
  context: Context,
  type: {
    readonly kind: IdKind
    readonly properties: readonly string[]
    readonly all?: () => readonly T[]
    readonly load: (ids: readonly number[]) => ReadonlyMap<number, T>
    readonly show: (object: T, properties: readonly string[]) => Json | Promise<Json>
    /** Properties given when none are asked for: default all. */
    readonly defaults?: readonly string[]
    readonly isProperty?: (name: string) => boolean
  },
): Promise<MethodResult | MethodError> {
  const wanted = args.properties ?? type.defaults ?? type.properties
  const isProperty = type.isProperty ?? ((name: string) => type.properties.includes(name))
  const unknown = wanted.find((name) => !isProperty(name))
  if (unknown !== undefined) return invalidArguments(`unknown property ${unknown.slice(0, 80)}`)
  const properties = wanted.includes('id') ? wanted : ['id', ...wanted]
  const state = stateOf(context)
  const list: Json[] = []
  const notFound: string[] = []
  if (!args.ids) {
    if (!type.all) return new MethodError('requestTooLarge', 'name the ids')
    const all = type.all()
    if (all.length > LIMITS.maxObjectsInGet) return new MethodError('requestTooLarge')
    for (const object of all) list.push(await type.show(object, properties))
  } else {
    const ids = [...new Set(args.ids)]
    if (ids.length > LIMITS.maxObjectsInGet) return new MethodError('requestTooLarge')
    const found = type.load(ids.map((id) => parseId(type.kind, id)).filter((id) => id !== undefined))
    for (const id of ids) {
      const object = found.get(parseId(type.kind, id) ?? 0)
      if (object === undefined) notFound.push(id)
      else list.push(await type.show(object, properties))
    }
  }
  return { args: { accountId: accountIdOf(context), state, list, notFound } }
}

interface Changes {
  readonly created: readonly number[]
  readonly updated: readonly number[]
  readonly destroyed: readonly number[]
}

/** A /changes method over one of the store's change lists. */
export function changesMethod(
  kind: IdKind,
  since: (context: Context, modseq: number) => Changes | undefined,
  more: Json = {},
): (args: Json, context: Context) => MethodResult | MethodError {
  return (raw, context) => {
    const args = readArguments(raw, accountIdOf(context), { sinceState: 'string', maxChanges: 'unsigned' })
    if (args instanceof MethodError) return args
    if (args.maxChanges === 0) return invalidArguments('maxChanges must be above 0')
    const modseq = parseState(args.sinceState)
    const newState = stateOf(context)
    const changes = modseq === undefined || modseq > Number(newState) ? undefined : since(context, modseq)
    if (!changes) return new MethodError('cannotCalculateChanges')
    const count = changes.created.length + changes.updated.length + changes.destroyed.length
    // The store keeps no state between two states, so a client that wants fewer must start again (RFC 8620 §5.2).
    if (args.maxChanges !== undefined && count > args.maxChanges) return new MethodError('cannotCalculateChanges')
    const ids = (numbers: readonly number[]): string[] => numbers.map((id) => formatId(kind, id))
    return {
      args: {
        accountId: accountIdOf(context),
        oldState: args.sinceState,
        newState,
        hasMoreChanges: false,
        created: ids(changes.created),
        updated: ids(changes.updated),
        destroyed: ids(changes.destroyed),
        ...more,
      },
    }
  }
}

/** /queryChanges, where the server keeps no query results: the client asks again (RFC 8620 §5.6). */
export const cannotCalculateChanges = (): MethodError => new MethodError('cannotCalculateChanges')

export const QUERY_ARGUMENTS = {
  filter: 'object',
  sort: 'list',
  position: 'integer',
  anchor: 'id',
  anchorOffset: 'integer',
  limit: 'unsigned',
  calculateTotal: 'boolean',
} as const

/** The window of a sorted result that was asked for (RFC 8620 §5.5). */
export function queryWindow(
  ids: readonly number[],
  kind: IdKind,
  args: Read<typeof QUERY_ARGUMENTS>,
  context: Context,
): MethodResult | MethodError {
  let position = args.position ?? 0
  if (args.anchor !== undefined) {
    const anchor = ids.indexOf(parseId(kind, args.anchor) ?? 0)
    if (anchor < 0) return new MethodError('anchorNotFound')
    position = Math.max(0, anchor + (args.anchorOffset ?? 0))
  } else if (position < 0) position = Math.max(0, ids.length + position)
  const window = ids.slice(position, position + (args.limit ?? ids.length))
  return {
    args: {
      accountId: accountIdOf(context),
      queryState: stateOf(context),
      canCalculateChanges: false,
      position: Math.min(position, ids.length),
      ids: window.map((id) => formatId(kind, id)),
      ...(args.calculateTotal ? { total: ids.length } : {}),
    },
  }
}

/** One comparator of a sort, checked (RFC 8620 §5.5). */
export interface Comparator {
  readonly property: string
  readonly isAscending: boolean
  readonly keyword?: string
}

export function readSort(
  sort: readonly unknown[] | undefined,
  properties: readonly string[],
): Comparator[] | MethodError {
  const out: Comparator[] = []
  for (const item of sort ?? []) {
    const { property, isAscending = true, keyword, collation } = (item ?? {}) as Json
    if (typeof property !== 'string' || typeof isAscending !== 'boolean') return invalidArguments('sort is malformed')
    if (!properties.includes(property)) return new MethodError('unsupportedSort', property.slice(0, 80))
    if (collation !== undefined && collation !== 'i;unicode-casemap')
      return new MethodError('unsupportedSort', 'collation')
    out.push({ property, isAscending, keyword: typeof keyword === 'string' ? keyword : undefined })
  }
  return out
}

/** The arguments of every /set (RFC 8620 §5.3). */
export const SET_ARGUMENTS = { ifInState: 'string', create: 'object', update: 'object', destroy: 'ids' } as const

/** What a /set gathers; `args()` is its response. */
export class SetOutcome {
  readonly created: Record<string, Json> = {}
  readonly updated: Record<string, Json | null> = {}
  readonly destroyed: string[] = []
  readonly notCreated: Record<string, Json> = {}
  readonly notUpdated: Record<string, Json> = {}
  readonly notDestroyed: Record<string, Json> = {}
  readonly oldState: string

  constructor(oldState: string) {
    this.oldState = oldState
  }

  args(context: Context): Json {
    const orNull = (map: Record<string, unknown>): unknown => (Object.keys(map).length > 0 ? map : null)
    return {
      accountId: accountIdOf(context),
      oldState: this.oldState,
      newState: stateOf(context),
      created: orNull(this.created),
      updated: orNull(this.updated),
      destroyed: this.destroyed.length > 0 ? this.destroyed : null,
      notCreated: orNull(this.notCreated),
      notUpdated: orNull(this.notUpdated),
      notDestroyed: orNull(this.notDestroyed),
    }
  }
}

/** Begins a /set: checks its size and `ifInState`. */
export function beginSet(args: Read<typeof SET_ARGUMENTS>, context: Context): SetOutcome | MethodError {
  const count =
    Object.keys(args.create ?? {}).length + Object.keys(args.update ?? {}).length + (args.destroy?.length ?? 0)
  if (count > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  const state = stateOf(context)
  if (args.ifInState !== undefined && args.ifInState !== state) return new MethodError('stateMismatch')
  return new SetOutcome(state)
}
