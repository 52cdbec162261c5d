// Identities: one for each address of the account; name and signature are the person's own (RFC 8621 §6).

import { isObject, readArguments } from './arguments.ts'
import { accountIdOf, beginSet, changesMethod, SET_ARGUMENTS, stateOf } from './standard.ts'
import type { JmapBackend } from './types.ts'
import {
  invalidArguments,
  invalidProperties,
  type Json,
  type Method,
  MethodError,
  SUBMISSION,
  setError,
} from './types.ts'

export interface Identity extends Json {
  readonly id: string
  readonly name: string
  readonly email: string
}

const PROPERTIES = ['id', 'name', 'email', 'replyTo', 'bcc', 'textSignature', 'htmlSignature', 'mayDelete']
const MAX_SIGNATURE = 10_000

const settingKey = (backend: JmapBackend, email: string): string => `identity/${backend.account.id}/${email}`

/** All identities, the primary address first. */
export function identitiesOf(backend: JmapBackend): Identity[] {
  return backend.store.addresses(backend.account.id).map((email) => {
    const own = JSON.parse(backend.store.setting(settingKey(backend, email)) ?? '{}') as Json
    const id = `i${Buffer.from(email).toString('base64url')}`
    const name = backend.account.displayName
    return { id, name, email, replyTo: null, bcc: null, textSignature: '', htmlSignature: '', mayDelete: false, ...own }
  })
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { ids: 'ids', properties: 'strings' })
  if (args instanceof MethodError) return args
  const unknown = args.properties?.find((name) => !PROPERTIES.includes(name))
  if (unknown !== undefined) return invalidArguments(`unknown property ${unknown.slice(0, 80)}`)
  const all = identitiesOf(context.backend)
  const wanted = args.ids ? all.filter(({ id }) => args.ids!.includes(id)) : all
  const properties = ['id', ...(args.properties ?? PROPERTIES)]
  return {
    args: {
      accountId: accountIdOf(context),
      state: stateOf(context),
      list: wanted.map((identity) => Object.fromEntries(properties.map((name) => [name, identity[name]]))),
      notFound: (args.ids ?? []).filter((id) => !all.some((identity) => identity.id === id)),
    },
  }
}

const set: Method['run'] = async (raw, context) => {
  const { backend } = context
  const args = readArguments(raw, accountIdOf(context), SET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  // Addresses are given by whoever runs the system; the person names and signs them.
  for (const key of Object.keys(args.create ?? {}))
    outcome.notCreated[key] = setError('forbidden', 'addresses are given by the administrator')
  for (const id of args.destroy ?? []) outcome.notDestroyed[id] = setError('forbidden')
  for (const [id, patch] of Object.entries(args.update ?? {})) {
    const identity = identitiesOf(backend).find((candidate) => candidate.id === id)
    if (!identity) {
      outcome.notUpdated[id] = setError('notFound')
      continue
    }
    const bad = isObject(patch)
      ? Object.entries(patch).filter(([name, value]) => !isSettable(name, value))
      : [['id', null] as const]
    if (bad.length > 0) {
      outcome.notUpdated[id] = invalidProperties(bad.map(([name]) => name))
      continue
    }
    const { name, textSignature, htmlSignature } = { ...identity, ...(patch as Json) }
    const value = JSON.stringify({ name, textSignature, htmlSignature })
    await backend.store.commit([{ kind: 'setting.put', key: settingKey(backend, identity.email), value }])
    outcome.updated[id] = null
  }
  return { args: outcome.args(context) }
}

const isSettable = (name: string, value: unknown): boolean =>
  ['name', 'textSignature', 'htmlSignature'].includes(name) &&
  typeof value === 'string' &&
  value.length <= MAX_SIGNATURE

/** Which addresses there are changes only outside; a client that asks is told to look again when anything changed. */
const NOTHING = { created: [], updated: [], destroyed: [] }

export const IDENTITY_METHODS: Record<string, Method> = {
  'Identity/get': { capability: SUBMISSION, run: get },
  'Identity/changes': {
    capability: SUBMISSION,
    run: changesMethod('i', ({ backend }, since) =>
      since === backend.store.modseq(backend.account.id) ? NOTHING : undefined,
    ),
  },
  'Identity/set': { capability: SUBMISSION, run: set },
}
