// Push subscriptions (RFC 8620 §7.2): where a device of the person wants to hear of changes. They belong to the person and
// to no account in the sense of the protocol: no accountId, no state. URL and keys go in and never come out.

import { createECDH } from 'node:crypto'
import type { Command } from '../../store/commands.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import { isObject } from './arguments.ts'
import { utcDate } from './header-forms.ts'
import { formatId, parseId } from './ids.ts'
import {
  CORE,
  type Context,
  invalidArguments,
  invalidProperties,
  type Json,
  LIMITS,
  type Method,
  MethodError,
  type SetError,
  setError,
} from './types.ts'

export interface PushSubscription {
  readonly id: number
  readonly deviceClientId: string
  readonly url: string
  readonly keys: { readonly p256dh: Buffer; readonly auth: Buffer } | null
  /** What the client must show before anything is told. */
  readonly code: string
  /** 'asked': the code is on its way. */
  readonly state: 'new' | 'asked' | 'verified'
  readonly expiresMs: number
  /** Null: all. */
  readonly types: readonly string[] | null
}

const MAX_SUBSCRIPTIONS = 20
/** RFC 8620 §7.2: at least 48 hours. */
const MAX_LIFE_MS = 30 * 86_400_000
const MAX_URL = 2000
const MAX_TYPES = 50
const PROPERTIES = ['id', 'deviceClientId', 'verificationCode', 'expires', 'types']

export function subscriptionsOf(store: Pick<Store, 'lists'>, account: AccountId): PushSubscription[] {
  return store.lists.objects(account, 'push').map(({ id, value }) => {
    const { keys, ...rest } = JSON.parse(value) as Omit<PushSubscription, 'id' | 'keys'> & {
      keys: { p256dh: string; auth: string } | null
    }
    const bytes = (text: string) => Buffer.from(text, 'base64url')
    return { ...rest, id, keys: keys && { p256dh: bytes(keys.p256dh), auth: bytes(keys.auth) } }
  })
}

/** The command that keeps it. */
function put(account: AccountId, { id, keys, ...rest }: Omit<PushSubscription, 'id'> & { id?: number }): Command {
  const text = (bytes: Buffer) => bytes.toString('base64url')
  const value = JSON.stringify({ ...rest, keys: keys && { p256dh: text(keys.p256dh), auth: text(keys.auth) } })
  const command = { kind: 'object.put', account, of: 'push', value, atMost: MAX_SUBSCRIPTIONS } as const
  return id === undefined ? command : { ...command, id }
}

export const withState = (account: AccountId, subscription: PushSubscription, state: PushSubscription['state']) =>
  put(account, { ...subscription, state })

function shown(subscription: PushSubscription, properties: readonly string[]): Json {
  const { id, deviceClientId, code, state, expiresMs, types } = subscription
  const all: Json = {
    id: formatId('p', id),
    deviceClientId,
    verificationCode: state === 'verified' ? code : null,
    expires: utcDate(expiresMs),
    types,
  }
  return Object.fromEntries(['id', ...properties].map((name) => [name, all[name]]))
}

/** Those that are not over. */
function living({ backend }: Context): PushSubscription[] {
  const nowMs = backend.world.clock.now()
  return subscriptionsOf(backend.store, backend.account.id).filter(({ expiresMs }) => expiresMs > nowMs)
}

const get: Method['run'] = (args, context) => {
  const { ids = null, properties = null, ...others } = args
  const isList = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((one) => typeof one === 'string')
  if (Object.keys(others).length > 0 || !(ids === null || isList(ids)) || !(properties === null || isList(properties)))
    return invalidArguments('PushSubscription/get takes ids and properties')
  if (properties?.some((name) => name === 'url' || name === 'keys')) return new MethodError('forbidden')
  const unknown = properties?.find((name) => !PROPERTIES.includes(name))
  if (unknown !== undefined) return invalidArguments(`unknown property ${unknown.slice(0, 80)}`)
  const all = living(context)
  const wanted = ids === null ? all : all.filter(({ id }) => ids.includes(formatId('p', id)))
  return {
    args: {
      list: wanted.map((subscription) => shown(subscription, properties ?? PROPERTIES)),
      notFound: [...new Set(ids)].filter((id) => !all.some((subscription) => formatId('p', subscription.id) === id)),
    },
  }
}

const set: Method['run'] = async (args, context) => {
  const { create = null, update = null, destroy = null, ...others } = args
  const isMap = (value: unknown): value is Json | null => value === null || isObject(value)
  if (
    Object.keys(others).length > 0 ||
    !isMap(create) ||
    !isMap(update) ||
    !(destroy === null || Array.isArray(destroy))
  )
    return invalidArguments('PushSubscription/set takes create, update and destroy')
  const count = [create, update, destroy].reduce((sum: number, one) => sum + Object.keys(one ?? {}).length, 0)
  if (count > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  const { store, account } = context.backend
  const done: Record<string, Json> = { created: {}, notCreated: {}, updated: {}, notUpdated: {}, notDestroyed: {} }
  const destroyed: string[] = []
  for (const [key, wanted] of Object.entries(create ?? {})) {
    const made = isObject(wanted) ? await make(wanted, context) : invalidProperties([])
    if ('id' in made) {
      done.created![key] = made
      context.createdIds.set(key, made.id as string)
    } else done.notCreated![key] = made
  }
  for (const [id, patch] of Object.entries(update ?? {})) {
    const found = living(context).find((one) => one.id === parseId('p', id))
    const outcome = !found
      ? setError('notFound')
      : isObject(patch)
        ? await change(found, patch, context)
        : invalidProperties([])
    if (outcome !== null && 'type' in outcome) done.notUpdated![id] = outcome
    else done.updated![id] = outcome
  }
  for (const id of destroy ?? []) {
    const number = parseId('p', id) ?? 0
    const [result] = await store.commit([{ kind: 'object.remove', account: account.id, of: 'push', id: number }])
    if (result!.ok) destroyed.push(String(id))
    else done.notDestroyed![String(id)] = setError('notFound')
  }
  const orNull = (value: Json | string[] | undefined) => (Object.keys(value ?? {}).length > 0 ? value : null)
  const maps = Object.entries(done).map(([name, value]) => [name, orNull(value)])
  return { args: { ...Object.fromEntries(maps), destroyed: orNull(destroyed) } }
}

async function make(wanted: Json, context: Context): Promise<Json | SetError> {
  const { store, account, world } = context.backend
  const {
    deviceClientId,
    url,
    keys: given = null,
    expires = null,
    types = null,
    verificationCode = null,
    ...others
  } = wanted
  const bad = Object.keys(others)
  if (typeof deviceClientId !== 'string' || deviceClientId === '' || deviceClientId.length > 255)
    bad.push('deviceClientId')
  if (!isPushUrl(url)) bad.push('url')
  const keys = given === null ? null : readKeys(given)
  if (keys === undefined) bad.push('keys')
  const expiresMs = readExpiry(expires, world.clock.now())
  if (expiresMs === undefined) bad.push('expires')
  if (!isTypes(types)) bad.push('types')
  if (verificationCode !== null) bad.push('verificationCode')
  if (bad.length > 0) return invalidProperties(bad)
  // What is over makes room.
  const over = subscriptionsOf(store, account.id).filter((one) => one.expiresMs <= world.clock.now())
  if (over.length > 0)
    await store.commit(over.map(({ id }) => ({ kind: 'object.remove', account: account.id, of: 'push', id })))
  const subscription = {
    deviceClientId: deviceClientId as string,
    url: url as string,
    keys: keys!,
    code: world.random.bytes(24).toString('base64url'),
    state: 'new',
    expiresMs: expiresMs!,
    types: types as string[] | null,
  } as const
  const [result] = await store.commit([put(account.id, subscription)])
  if (!result?.ok) return setError('overQuota', result?.message)
  return { id: formatId('p', result.id!), keys: given === null ? null : undefined, expires: utcDate(expiresMs!) }
}

async function change(found: PushSubscription, patch: Json, context: Context): Promise<Json | null | SetError> {
  const { store, account, world } = context.backend
  const { verificationCode, expires, types, ...others } = patch
  const bad = Object.keys(others)
  let changed = found
  let told: Json | null = null
  if (verificationCode !== undefined) {
    if (verificationCode === found.code) changed = { ...changed, state: 'verified' }
    else bad.push('verificationCode')
  }
  if (expires !== undefined) {
    const expiresMs = readExpiry(expires, world.clock.now())
    if (expiresMs === undefined) bad.push('expires')
    else {
      changed = { ...changed, expiresMs }
      if (utcDate(expiresMs) !== expires) told = { expires: utcDate(expiresMs) }
    }
  }
  if (types !== undefined) {
    if (isTypes(types)) changed = { ...changed, types }
    else bad.push('types')
  }
  if (bad.length > 0) return invalidProperties(bad)
  const [result] = await store.commit([put(account.id, changed)])
  return result!.ok ? told : setError('notFound')
}

/** https, and nothing that says who we are or where else to look. Where it leads is looked at when it is pushed to. */
function isPushUrl(url: unknown): boolean {
  if (typeof url !== 'string' || url.length > MAX_URL || !URL.canParse(url)) return false
  const { protocol, username, password, hash, port } = new URL(url)
  // Services of the machine itself, and mail servers, listen below.
  const isPort = port === '' || Number(port) >= 1024
  return protocol === 'https:' && username === '' && password === '' && hash === '' && isPort
}

/** RFC 8291 §2.1; undefined when they are no keys. */
function readKeys(given: unknown): PushSubscription['keys'] | undefined {
  if (!isObject(given) || typeof given.p256dh !== 'string' || typeof given.auth !== 'string') return undefined
  const [p256dh, auth] = [given.p256dh, given.auth].map((text) => Buffer.from(text, 'base64url')) as [Buffer, Buffer]
  if (p256dh.length !== 65 || auth.length !== 16) return undefined
  try {
    const ecdh = createECDH('prime256v1')
    ecdh.setPrivateKey(Buffer.alloc(32, 1))
    ecdh.computeSecret(p256dh)
    return { p256dh, auth }
  } catch {
    return undefined
  }
}

/** A time to come, as late as we allow. */
function readExpiry(expires: unknown, nowMs: number): number | undefined {
  if (expires === null) return nowMs + MAX_LIFE_MS
  const ms = typeof expires === 'string' ? Date.parse(expires) : Number.NaN
  return ms > nowMs ? Math.min(ms, nowMs + MAX_LIFE_MS) : undefined
}

const isTypes = (types: unknown): types is string[] | null =>
  types === null ||
  (Array.isArray(types) &&
    types.length <= MAX_TYPES &&
    types.every((type) => typeof type === 'string' && /^[A-Za-z]{1,60}$/.test(type)))

export const PUSH_METHODS: Record<string, Method> = {
  'PushSubscription/get': { capability: CORE, run: get },
  'PushSubscription/set': { capability: CORE, run: set },
}
