// What all data types share: /get's ids and properties, /changes, and the list part of /query.
// Keeps RFC 8620 §5.1 (/get), §5.2 (/changes), §5.5 (/query: position, anchor, limit, calculateTotal), §5.6.

import type { Changes } from '../../store/read/changes.ts'
import { isObject, type Read, readArguments } from './arguments.ts'
import { formatId, formatState, type IdKind, parseId, parseState, resolveId } from './ids.ts'
import {
  type Context,
  invalidArguments,
  invalidProperties,
  type Json,
  LIMITS,
  type Method,
  MethodError,
  type MethodResult,
  type SetError,
} from './types.ts'

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

/** A /changes method over one of the store's change lists. */
export function changesMethod(
  kind: IdKind,
  since: (context: Context, modseq: number, most?: number) => Changes | undefined,
  more: Json = {},
): (args: Json, context: Context) => MethodResult | MethodError {
  return (raw, context) => {
    const args = readArguments(raw, accountIdOf(context), { sinceState: 'string', maxChanges: 'unsigned' })
    if (args instanceof MethodError) return args
    if (args.sinceState === undefined) return invalidArguments('sinceState is missing')
    if (args.maxChanges === 0) return invalidArguments('maxChanges must be above 0')
    const modseq = parseState(args.sinceState)
    const changes = modseq === undefined ? undefined : since(context, modseq, args.maxChanges)
    if (!changes) return new MethodError('cannotCalculateChanges')
    const ids = (numbers: readonly number[]): string[] => numbers.map((id) => formatId(kind, id))
    return {
      args: {
        accountId: accountIdOf(context),
        oldState: args.sinceState,
        newState: formatState(changes.modseq),
        hasMoreChanges: changes.hasMore,
        created: ids(changes.created),
        updated: ids(changes.updated),
        destroyed: ids(changes.destroyed),
        ...more,
      },
    }
  }
}

/** No answer names more ids; what lies further down is asked for by position. */
export const MAX_QUERY_LIMIT = 10_000

export const QUERY_ARGUMENTS = {
  filter: 'object',
  sort: 'list',
  position: 'integer',
  anchor: 'id',
  anchorOffset: 'integer',
  limit: 'unsigned',
  calculateTotal: 'boolean',
} as const

export const QUERY_CHANGES_ARGUMENTS = {
  filter: 'object',
  sort: 'list',
  sinceQueryState: 'string',
  maxChanges: 'unsigned',
  upToId: 'string',
  calculateTotal: 'boolean',
} as const

/** The window of a sorted result that was asked for (RFC 8620 §5.5). */
export function queryWindow(
  ids: readonly number[],
  kind: IdKind,
  args: Read<typeof QUERY_ARGUMENTS>,
  context: Context,
  canCalculateChanges = false,
): MethodResult | MethodError {
  let position = args.position ?? 0
  if (args.anchor !== undefined) {
    const anchor = ids.indexOf(parseId(kind, args.anchor) ?? 0)
    if (anchor < 0) return new MethodError('anchorNotFound')
    position = Math.max(0, anchor + (args.anchorOffset ?? 0))
  } else if (position < 0) position = Math.max(0, ids.length + position)
  const limit = Math.min(args.limit ?? MAX_QUERY_LIMIT, MAX_QUERY_LIMIT)
  const window = ids.slice(position, position + limit)
  const isCut = limit !== args.limit && position + limit < ids.length
  return {
    args: {
      accountId: accountIdOf(context),
      queryState: stateOf(context),
      canCalculateChanges,
      position: Math.min(position, ids.length),
      ids: window.map((id) => formatId(kind, id)),
      ...(args.calculateTotal ? { total: ids.length } : {}),
      ...(isCut ? { limit } : {}),
    },
  }
}

/**
 * How a result changed (RFC 8620 §5.6): what was touched is told to be removed, and put where it is now. `ids`: the
 * result as it is. More ids than were in the old result may be named as removed.
 */
export function queryChanges(
  ids: readonly number[],
  kind: IdKind,
  { touched, removed }: { readonly touched: ReadonlySet<number>; readonly removed: readonly number[] },
  args: Read<typeof QUERY_CHANGES_ARGUMENTS>,
  context: Context,
): MethodResult | MethodError {
  const added: Json[] = []
  for (const [index, id] of ids.entries()) if (touched.has(id)) added.push({ id: formatId(kind, id), index })
  return queryChanged({ added, removed, total: args.calculateTotal ? ids.length : undefined }, kind, args, context)
}

/** The answer of a /queryChanges. */
export function queryChanged(
  { added, removed, total }: { readonly added: Json[]; readonly removed: readonly number[]; total: number | undefined },
  kind: IdKind,
  args: Read<typeof QUERY_CHANGES_ARGUMENTS>,
  context: Context,
): MethodResult | MethodError {
  if (args.maxChanges !== undefined && added.length + removed.length > args.maxChanges)
    return new MethodError('tooManyChanges')
  return {
    args: {
      accountId: accountIdOf(context),
      oldQueryState: args.sinceQueryState,
      newQueryState: stateOf(context),
      removed: removed.map((id) => formatId(kind, id)),
      added,
      ...(total === undefined ? {} : { total }),
    },
  }
}

/** The two methods of a type whose objects are few: the whole result is made each time. */
export function queryMethods(
  kind: IdKind,
  find: (args: Json, context: Context) => readonly number[] | MethodError,
  changesSince: (context: Context, modseq: number) => Changes | undefined,
  more: Record<string, 'boolean'> = {},
): { readonly query: Method['run']; readonly queryChanges: Method['run'] } {
  return {
    query: (raw, context) => {
      const args = readArguments(raw, accountIdOf(context), { ...QUERY_ARGUMENTS, ...more })
      if (args instanceof MethodError) return args
      const ids = find(args as Json, context)
      return ids instanceof MethodError
        ? ids
        : queryWindow(ids, kind, args as Read<typeof QUERY_ARGUMENTS>, context, true)
    },
    queryChanges: (raw, context) => {
      const read = readArguments(raw, accountIdOf(context), { ...QUERY_CHANGES_ARGUMENTS, ...more })
      if (read instanceof MethodError) return read
      const args = read as Read<typeof QUERY_CHANGES_ARGUMENTS>
      const since = parseState(args.sinceQueryState)
      const changes = since === undefined ? undefined : changesSince(context, since)
      if (!changes) return new MethodError('cannotCalculateChanges')
      const ids = find(read as Json, context)
      if (ids instanceof MethodError) return ids
      const touched = new Set([...changes.created, ...changes.updated])
      return queryChanges(ids, kind, { touched, removed: [...changes.updated, ...changes.destroyed] }, args, context)
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
/** Of a /copy (RFC 8620 §5.4). */
export const COPY_ARGUMENTS = {
  fromAccountId: 'id',
  ifFromInState: 'string',
  ifInState: 'string',
  create: 'object',
  onSuccessDestroyOriginal: 'boolean',
  destroyFromIfInState: 'string',
} as const

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
  readonly #state: () => string

  constructor(state: () => string) {
    this.oldState = state()
    this.#state = state
  }

  /** One after another: a later one may name an earlier one by '#' and its key (RFC 8620 §5.3). */
  async createEach(
    wanted: Iterable<readonly [key: string, value: unknown]>,
    context: Context,
    create: (wanted: Json, context: Context) => Promise<Json | SetError>,
  ): Promise<void> {
    for (const [key, value] of wanted) {
      const made = isObject(value) ? await create(value, context) : invalidProperties([])
      if ('id' in made) {
        context.createdIds.set(key, made.id as string)
        this.created[key] = made
      } else this.notCreated[key] = made as SetError
    }
  }

  /** `update` gives the error, or the properties that the server set with it, or nothing. */
  async updateEach(
    patches: Json | undefined | null,
    context: Context,
    update: (id: string | undefined, patch: Json, context: Context) => Promise<SetError | Json | undefined>,
  ): Promise<void> {
    for (const [reference, patch] of Object.entries(patches ?? {})) {
      const done = isObject(patch) ? await update(resolveId(context, reference), patch, context) : invalidProperties([])
      if (done !== undefined && 'type' in done) this.notUpdated[reference] = done as SetError
      else this.updated[reference] = done ?? null
    }
  }

  async destroyEach(
    references: readonly string[] | undefined | null,
    context: Context,
    destroy: (id: string | undefined, context: Context) => Promise<SetError | undefined>,
  ): Promise<void> {
    for (const reference of references ?? []) {
      const error = await destroy(resolveId(context, reference), context)
      if (error) this.notDestroyed[reference] = error
      else this.destroyed.push(reference)
    }
  }

  args(context: Context): Json {
    const orNull = (map: Record<string, unknown>): unknown => (Object.keys(map).length > 0 ? map : null)
    return {
      accountId: accountIdOf(context),
      oldState: this.oldState,
      newState: this.#state(),
      created: orNull(this.created),
      updated: orNull(this.updated),
      destroyed: this.destroyed.length > 0 ? this.destroyed : null,
      notCreated: orNull(this.notCreated),
      notUpdated: orNull(this.notUpdated),
      notDestroyed: orNull(this.notDestroyed),
    }
  }
}

/** Begins a /set: checks its size and `ifInState`. `state`: of the type, where it is not the account's. */
export function beginSet(
  args: Read<typeof SET_ARGUMENTS>,
  context: Context,
  state: () => string = () => stateOf(context),
): SetOutcome | MethodError {
  const count =
    Object.keys(args.create ?? {}).length + Object.keys(args.update ?? {}).length + (args.destroy?.length ?? 0)
  if (count > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  if (args.ifInState !== undefined && args.ifInState !== state()) return new MethodError('stateMismatch')
  return new SetOutcome(state)
}
