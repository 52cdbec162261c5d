// Identities (RFC 8621 §6): one for each address of the account, named and signed by its person, and as many more of
// these addresses as the person makes.

import { createHash } from 'node:crypto'
import { formatAddress, mailboxesOf, parseAddressList } from '../../message/address.ts'
import type { StoredObject } from '../../store/nouns/people.ts'
import { isObject, readArguments } from './arguments.ts'
import { formatId, formatState, parseId, parseState } from './ids.ts'
import { accountIdOf, beginSet, SET_ARGUMENTS } from './standard.ts'
import {
  type Context,
  invalidArguments,
  invalidProperties,
  type JmapBackend,
  type Json,
  type Method,
  MethodError,
  type SetError,
  SUBMISSION,
  setError,
} from './types.ts'

export interface Identity extends Json {
  readonly id: string
  readonly name: string
  readonly email: string
}

const PROPERTIES = ['id', 'name', 'email', 'replyTo', 'bcc', 'textSignature', 'htmlSignature', 'mayDelete']
const MAX_SIGNATURE = 50_000
const MAX_IDENTITIES = 200
const MAX_ADDRESS = 320
const MAX_ADDRESSES = 50

/** What a person may set, and the form it must have. */
const SETTABLE: Readonly<Record<string, (value: unknown) => boolean>> = {
  name: isText,
  textSignature: isText,
  htmlSignature: isText,
  replyTo: isAddressList,
  bcc: isAddressList,
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_SIGNATURE
}

function isAddressList(value: unknown): boolean {
  if (value === null) return true
  return (
    Array.isArray(value) &&
    value.length <= MAX_ADDRESSES &&
    value.every((one) => isObject(one) && typeof one.email === 'string' && one.email.length <= 320)
  )
}

interface Stored {
  readonly object: StoredObject
  /** `isExtra`: made by the person; else what the person said of an address. */
  readonly value: Json & { readonly email?: string; readonly isExtra?: boolean }
}

const stored = ({ store, account }: JmapBackend): Stored[] =>
  store.lists.objects(account.id, 'identity').map((object) => ({ object, value: JSON.parse(object.value) }))

/** Addresses that this person may send from: the own ones, then those that are lent. */
function sendingAddresses({ store, account, lent }: JmapBackend): string[] {
  return [...new Set([...store.addresses(account.id), ...(lent?.().addresses ?? [])])]
}

/** May this person send from this address. */
export function maySendAs(backend: JmapBackend, email: string): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase()
  return (
    sendingAddresses(backend).some((own) => isSame(own, email)) ||
    (backend.lent?.().domains.some((one) => one.toLowerCase() === domain) ?? false)
  )
}

/** All identities, that of the primary address first. */
export function identitiesOf(backend: JmapBackend): Identity[] {
  const { account } = backend
  const addresses = sendingAddresses(backend)
  const all = stored(backend)
  const defaults = { name: account.displayName, replyTo: null, bcc: null, textSignature: '', htmlSignature: '' }
  const own = addresses.map((email): Identity => {
    const said = all.find(({ value }) => value.email === email && !value.isExtra)?.value
    return { ...defaults, ...said, id: idOf(email), email, mayDelete: false }
  })
  const extra = all
    // An address that was taken away is nobody's to send from.
    .filter(({ value }) => value.isExtra && maySendAs(backend, String(value.email)))
    .map(({ object, value }): Identity => {
      const email = String(value.email)
      return { ...defaults, ...value, id: formatId('j', object.id), email, mayDelete: true }
    })
  return [...own, ...extra]
}

const idOf = (email: string): string => `i${Buffer.from(email).toString('base64url')}`
const isSame = (a: string, b: unknown): boolean => typeof b === 'string' && a.toLowerCase() === b.toLowerCase()

/** Addresses are given by whoever runs the system and move no MODSEQ: a state names them too. */
function stateOf(backend: JmapBackend): string {
  const { store, account } = backend
  const addresses = createHash('sha256').update(sendingAddresses(backend).join('\n')).digest('hex').slice(0, 8)
  return `${formatState(store.modseq(account.id))}-${addresses}`
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
      state: stateOf(context.backend),
      list: wanted.map((identity) => Object.fromEntries(properties.map((name) => [name, identity[name]]))),
      notFound: [...new Set(args.ids)].filter((id) => !all.some((identity) => identity.id === id)),
    },
  }
}

const changes: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { sinceState: 'string', maxChanges: 'unsigned' })
  if (args instanceof MethodError) return args
  const { store, account } = context.backend
  const newState = stateOf(context.backend)
  const [modseq, addresses] = String(args.sinceState).split('-')
  const since = parseState(modseq)
  const found = since === undefined ? undefined : store.changes.objects(account.id, 'identity', since)
  if (!found || addresses !== newState.split('-')[1]) return new MethodError('cannotCalculateChanges')
  const all = stored(context.backend)
  const isExtra = new Set(all.filter(({ value }) => value.isExtra).map(({ object }) => object.id))
  const touched = [...found.created, ...found.updated]
  // What is said of an address for the first time changes an identity that was there.
  const renamed = all.filter(({ object }) => touched.includes(object.id) && !isExtra.has(object.id))
  return {
    args: {
      accountId: accountIdOf(context),
      oldState: args.sinceState,
      newState,
      hasMoreChanges: false,
      created: found.created.filter((id) => isExtra.has(id)).map((id) => formatId('j', id)),
      updated: [
        ...renamed.map(({ value }) => idOf(String(value.email))),
        ...found.updated.filter((id) => isExtra.has(id)).map((id) => formatId('j', id)),
      ],
      destroyed: found.destroyed.map((id) => formatId('j', id)),
    },
  }
}

const set: Method['run'] = async (raw, context) => {
  const { backend } = context
  const args = readArguments(raw, accountIdOf(context), SET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context, () => stateOf(backend))
  if (outcome instanceof MethodError) return outcome
  await outcome.createEach(Object.entries(args.create ?? {}), context, create)
  await outcome.updateEach(args.update, context, update)
  await outcome.destroyEach(args.destroy, context, destroy)
  return { args: outcome.args(context) }
}

const badIn = (properties: Json): string[] =>
  Object.entries(properties)
    .filter(([name, value]) => !(Object.hasOwn(SETTABLE, name) && SETTABLE[name]!(value)))
    .map(([name]) => name)

async function create({ email, ...rest }: Json, { backend }: Context): Promise<Json | SetError> {
  const { store, account } = backend
  if (typeof email !== 'string' || email.length > MAX_ADDRESS) return invalidProperties(['email'])
  // In a domain that is lent any address is one, if it is one at all.
  const list = parseAddressList(email)
  const [mailbox, ...others] = mailboxesOf(list)
  const isClean = others.length + list.defects.length + list.unparsed.length === 0
  const written = mailbox && isClean ? formatAddress(mailbox) : undefined
  const own = sendingAddresses(backend).find((address) => isSame(address, written)) ?? written
  if (own === undefined || !maySendAs(backend, own))
    return setError('forbiddenFrom', `${email.slice(0, 320)} is not one of your addresses`)
  const bad = badIn(rest)
  if (bad.length > 0) return invalidProperties(bad)
  const value = JSON.stringify({ ...rest, email: own, isExtra: true })
  const put = { kind: 'object.put', account: account.id, of: 'identity', value, atMost: MAX_IDENTITIES } as const
  const [result] = await store.commit([put])
  if (!result?.ok) return setError('overQuota', result?.message)
  const made = identitiesOf(backend).find(({ id }) => id === formatId('j', result.id!))!
  return Object.fromEntries(PROPERTIES.filter((name) => !Object.hasOwn(rest, name)).map((name) => [name, made[name]]))
}

async function update(id: string | undefined, patch: Json, { backend }: Context): Promise<SetError | undefined> {
  const { store, account } = backend
  const identity = identitiesOf(backend).find((candidate) => candidate.id === id)
  if (!identity) return setError('notFound')
  // What the server set may be sent back as it is (RFC 8620 §5.3).
  const changed = Object.fromEntries(Object.entries(patch).filter(([name, value]) => identity[name] !== value))
  const bad = badIn(changed)
  if (bad.length > 0) return invalidProperties(bad)
  const number = parseId('j', id)
  const known = stored(backend).find(({ object, value }) =>
    number === undefined ? value.email === identity.email && !value.isExtra : object.id === number,
  )
  const value = JSON.stringify({ ...known?.value, email: identity.email, ...changed })
  const put = { kind: 'object.put', account: account.id, of: 'identity', value, atMost: MAX_IDENTITIES } as const
  const [result] = await store.commit([known ? { ...put, id: known.object.id } : put])
  return result!.ok ? undefined : setError('overQuota', result!.message)
}

async function destroy(id: string | undefined, { backend }: Context): Promise<SetError | undefined> {
  const { store, account } = backend
  const number = parseId('j', id)
  const isAddress = sendingAddresses(backend).some((email) => idOf(email) === id)
  if (isAddress) return setError('forbidden', 'the identity of an address stays as long as the address')
  if (number === undefined) return setError('notFound')
  const [result] = await store.commit([{ kind: 'object.remove', account: account.id, of: 'identity', id: number }])
  return result!.ok ? undefined : setError('notFound')
}

export const IDENTITY_METHODS: Record<string, Method> = {
  'Identity/get': { capability: SUBMISSION, run: get },
  'Identity/changes': { capability: SUBMISSION, run: changes },
  'Identity/set': { capability: SUBMISSION, run: set },
}
