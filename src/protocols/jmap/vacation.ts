// VacationResponse: the answer while a person is away, of which there is one (RFC 8621 §8). It is data that runs beside the
// active Sieve script (roles/mda/sort.ts), and never in its place.

import type { VacationResponse } from '../../store/nouns/people.ts'
import { isObject, readArguments } from './arguments.ts'
import { accountIdOf, beginSet, GET_ARGUMENTS, SET_ARGUMENTS, stateOf } from './standard.ts'
import {
  type Context,
  invalidArguments,
  invalidProperties,
  type Json,
  type Method,
  MethodError,
  setError,
  VACATION,
} from './types.ts'

const SINGLETON = 'singleton'
const NONE: VacationResponse = {
  isEnabled: false,
  fromMs: null,
  toMs: null,
  subject: null,
  textBody: null,
  htmlBody: null,
}
const MAX_SUBJECT = 500
const MAX_BODY = 65_536

/** Property of JMAP → what the store keeps, and how a value is read; undefined where it cannot be. */
const PROPERTIES: Readonly<Record<string, { key: keyof VacationResponse; read: (value: unknown) => unknown }>> = {
  isEnabled: { key: 'isEnabled', read: (value) => (typeof value === 'boolean' ? value : undefined) },
  fromDate: { key: 'fromMs', read: readDate },
  toDate: { key: 'toMs', read: readDate },
  subject: { key: 'subject', read: (value) => readText(value, MAX_SUBJECT) },
  textBody: { key: 'textBody', read: (value) => readText(value, MAX_BODY) },
  htmlBody: { key: 'htmlBody', read: (value) => readText(value, MAX_BODY) },
}

function readDate(value: unknown): number | null | undefined {
  if (value === null) return null
  // UTCDate (RFC 8620 §1.4).
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}

function readText(value: unknown, max: number): string | null | undefined {
  if (value === null) return null
  return typeof value === 'string' && value.length <= max ? value : undefined
}

const dateText = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString().replace(/\.000Z$/, 'Z')

function shown(response: VacationResponse, properties: readonly string[]): Json {
  const { isEnabled, fromMs, toMs, subject, textBody, htmlBody } = response
  const all: Json = { isEnabled, fromDate: dateText(fromMs), toDate: dateText(toMs), subject, textBody, htmlBody }
  return { id: SINGLETON, ...Object.fromEntries(properties.map((name) => [name, all[name]])) }
}

const ofAccount = ({ backend }: Context): VacationResponse => backend.store.vacation(backend.account.id) ?? NONE

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const known = Object.keys(PROPERTIES)
  const wanted = (args.properties ?? known).filter((name) => name !== 'id')
  const unknown = wanted.find((name) => !known.includes(name))
  if (unknown !== undefined) return invalidArguments(`unknown property ${unknown.slice(0, 80)}`)
  const isAsked = args.ids === undefined || args.ids.includes(SINGLETON)
  return {
    args: {
      accountId: accountIdOf(context),
      state: stateOf(context),
      list: isAsked ? [shown(ofAccount(context), wanted)] : [],
      notFound: [...new Set(args.ids ?? [])].filter((id) => id !== SINGLETON),
    },
  }
}

const set: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), SET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  for (const key of Object.keys(args.create ?? {})) outcome.notCreated[key] = setError('singleton')
  for (const id of args.destroy ?? []) outcome.notDestroyed[id] = setError('singleton')
  const { store, account } = context.backend
  for (const [id, patch] of Object.entries(args.update ?? {})) {
    if (id !== SINGLETON) {
      outcome.notUpdated[id] = setError('notFound')
      continue
    }
    const changed = isObject(patch) ? readPatch(patch) : { bad: ['id'] }
    if ('bad' in changed) {
      outcome.notUpdated[id] = invalidProperties(changed.bad)
      continue
    }
    const response: VacationResponse = { ...ofAccount(context), ...changed.response }
    await store.commit([{ kind: 'vacation.put', account: account.id, response }])
    outcome.updated[id] = null
  }
  return { args: outcome.args(context) }
}

function readPatch(patch: Json): { response: Partial<VacationResponse> } | { bad: string[] } {
  const response: Json = {}
  const bad: string[] = []
  for (const [name, value] of Object.entries(patch)) {
    if (name === 'id' && value === SINGLETON) continue
    const property = Object.hasOwn(PROPERTIES, name) ? PROPERTIES[name] : undefined
    const read = property?.read(value)
    if (property === undefined || read === undefined) bad.push(name)
    else response[property.key] = read
  }
  return bad.length > 0 ? { bad } : { response: response as Partial<VacationResponse> }
}

export const VACATION_METHODS: Record<string, Method> = {
  'VacationResponse/get': { capability: VACATION, run: get },
  'VacationResponse/set': { capability: VACATION, run: set },
}
