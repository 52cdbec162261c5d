// Reads the arguments of a method against a table of kinds, so that each method says what it takes in one place.
// Keeps RFC 8620 §3.6.2: an unknown or ill-typed argument is `invalidArguments`, and §5 (the standard methods' arguments).

import { isId } from './ids.ts'
import { invalidArguments, type Json, MethodError } from './types.ts'

type Kinds = {
  id: string
  ids: string[]
  strings: string[]
  string: string
  boolean: boolean
  integer: number
  unsigned: number
  object: Json
  list: unknown[]
}
export type Kind = keyof Kinds

const CHECKS: { readonly [K in Kind]: (value: unknown) => boolean } = {
  id: isId,
  ids: (value) => Array.isArray(value) && value.every((id) => typeof id === 'string'),
  strings: (value) => Array.isArray(value) && value.every((text) => typeof text === 'string'),
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isSafeInteger(value),
  unsigned: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  object: isObject,
  list: Array.isArray,
}

export type Read<S extends Record<string, Kind>> = { readonly [K in keyof S]?: Kinds[S[K]] }

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The arguments named in `spec`, typed; null is the same as absent. Every account id must be ours. */
export function readArguments<S extends Record<string, Kind>>(
  args: Json,
  accountId: string,
  spec: S,
): Read<S> | MethodError {
  if (args.accountId === undefined) return invalidArguments('accountId is missing')
  if (args.accountId !== accountId) return new MethodError('accountNotFound')
  const out: Json = {}
  for (const [name, value] of Object.entries(args)) {
    if (name === 'accountId' || value === null) continue
    const kind = Object.hasOwn(spec, name) ? spec[name] : undefined
    if (kind === undefined) return invalidArguments(`unknown argument ${name.slice(0, 80)}`)
    if (!CHECKS[kind](value)) return invalidArguments(`${name} is not of type ${kind}`)
    out[name] = value
  }
  return out as Read<S>
}

/** A JSON Pointer (RFC 6901) with JMAP's `*` for arrays (RFC 8620 §3.7); undefined when it leads nowhere. */
function evaluatePointer(value: unknown, pointer: string): unknown {
  if (pointer === '') return value
  if (!pointer.startsWith('/')) return undefined
  const slash = pointer.indexOf('/', 1)
  const token = (slash < 0 ? pointer.slice(1) : pointer.slice(1, slash)).replaceAll('~1', '/').replaceAll('~0', '~')
  const rest = slash < 0 ? '' : pointer.slice(slash)
  if (Array.isArray(value)) {
    if (token !== '*') return /^(0|[1-9]\d{0,8})$/.test(token) ? evaluatePointer(value[Number(token)], rest) : undefined
    const found = value.map((item) => evaluatePointer(item, rest))
    return found.some((item) => item === undefined) ? undefined : found.flat(1)
  }
  return isObject(value) && Object.hasOwn(value, token) ? evaluatePointer(value[token], rest) : undefined
}

/** Arguments with each `#name` replaced by what it refers to in earlier responses (RFC 8620 §3.7). */
export function resolveReferences(args: Json, responses: readonly (readonly unknown[])[]): Json | MethodError {
  const out: Json = {}
  for (const [name, value] of Object.entries(args)) {
    if (!name.startsWith('#')) {
      out[name] = value
      continue
    }
    const plain = name.slice(1)
    if (Object.hasOwn(args, plain)) return invalidArguments(`both ${plain} and ${name} are given`)
    if (!isObject(value)) return new MethodError('invalidResultReference', `${name} is no reference`)
    const { resultOf, name: method, path } = value
    const response = responses.find((candidate) => candidate[2] === resultOf)
    if (!response || response[0] !== method || typeof path !== 'string')
      return new MethodError('invalidResultReference', `${name} names no response`)
    const found = evaluatePointer(response[1], path)
    if (found === undefined) return new MethodError('invalidResultReference', `${path} leads nowhere`)
    out[plain] = found
  }
  return out
}
