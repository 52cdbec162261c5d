// Email/set and Email/import: making, changing and destroying messages.
// Keeps RFC 8621 §4.6 (set), §4.8 (import). What a message says never changes; its mailboxes and keywords do.

import { parseHeader } from '../../message/header.ts'
import type { Command } from '../../store/commands.ts'
import type { BlobRef } from '../../store/nouns/bodies.ts'
import type { Email } from '../../store/nouns/mail.ts'
import { summarise } from '../../store/summary.ts'
import { isObject, readArguments } from './arguments.ts'
import { findBlob, readBlobId } from './blob.ts'
import { compose } from './compose.ts'
import { formatBlobId, formatId, parseBlobId, parseId, resolveId } from './ids.ts'
import { flagOf, isKeyword, keywordsOf } from './keywords.ts'
import { sharedBackend } from './shared.ts'
import { accountIdOf, beginSet, COPY_ARGUMENTS, SET_ARGUMENTS, stateOf } from './standard.ts'
import {
  type Context,
  invalidArguments,
  invalidProperties,
  type JmapBackend,
  type Json,
  LIMITS,
  type Method,
  MethodError,
  type MethodResult,
  type SetError,
  setError,
} from './types.ts'

/** Server-set properties of a new email (RFC 8621 §4.6). */
interface Made extends Json {
  readonly id: string
}

export async function emailSet(raw: Json, context: Context): Promise<MethodResult | MethodError> {
  const args = readArguments(raw, accountIdOf(context), SET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  await outcome.createEach(Object.entries(args.create ?? {}), context, create)
  // All updates and destroys of a call are handed over together: one group commit, not one each.
  const destroyed = new Set((args.destroy ?? []).map((reference) => resolveId(context, reference)))
  const updates = Object.entries(args.update ?? {}).map(async ([reference, patch]) => {
    const id = resolveId(context, reference)
    const error = destroyed.has(id)
      ? setError('willDestroy')
      : isObject(patch)
        ? await update(id, patch, context)
        : invalidProperties([])
    if (error) outcome.notUpdated[reference] = error
    else outcome.updated[reference] = null
  })
  await Promise.all(updates)
  const destroys = (args.destroy ?? []).map(async (reference) => {
    const error = await destroy(resolveId(context, reference), context)
    if (error) outcome.notDestroyed[reference] = error
    else outcome.destroyed.push(reference)
  })
  await Promise.all(destroys)
  return { args: outcome.args(context) }
}

function findEmail(id: string | undefined, { backend }: Context): Email | undefined {
  const number = parseId('e', id)
  return number === undefined ? undefined : backend.store.email(backend.account.id, number)
}

async function create(wanted: Json, context: Context): Promise<Made | SetError> {
  const target = readTarget(wanted, context)
  if ('type' in target) return target
  const source = await compose(wanted, context)
  if (!Buffer.isBuffer(source)) return source
  return deliver(source, await context.backend.store.putBlob([source]), target, context)
}

/** Where and how a new email is placed. */
interface Target {
  readonly mailboxes: readonly number[]
  readonly flags: readonly string[]
  readonly receivedAtMs: number
}

function readTarget({ mailboxIds, keywords, receivedAt }: Json, context: Context): Target | SetError {
  const mailboxes = readMailboxes(mailboxIds, context)
  if (!mailboxes) return invalidProperties(['mailboxIds'])
  const flags = readKeywords(keywords ?? {})
  if (!flags) return invalidProperties(['keywords'])
  const now = context.backend.world.clock.now()
  const receivedAtMs = receivedAt === undefined || receivedAt === null ? now : Date.parse(String(receivedAt))
  if (!mayAdd(context, mailboxes, flags)) return notAllowed
  return Number.isFinite(receivedAtMs) ? { mailboxes, flags, receivedAtMs } : invalidProperties(['receivedAt'])
}

const notAllowed = setError('forbidden', 'the owner of the mailbox does not let you do that')

const rightFor = (flag: string): string => (flag === '\\Seen' ? 's' : flag === '\\Deleted' ? 't' : 'w')

/** In mailboxes that another shares (RFC 4314 §4): may a message with these flags come into all of them. */
function mayAdd({ backend }: Context, mailboxes: readonly number[], flags: readonly string[]): boolean {
  const needed = ['i', ...flags.map(rightFor)]
  const { sharing } = backend
  return !sharing || mailboxes.every((id) => needed.every((letter) => sharing.rights.get(id)?.has(letter)))
}

/** At least one mailbox, each of which exists (RFC 8621 §4.1.1). */
function readMailboxes(value: unknown, context: Context): number[] | undefined {
  if (!isObject(value)) return undefined
  const { store, account } = context.backend
  const ids = Object.entries(value).map(([id, isIn]) =>
    isIn === true ? parseId('m', resolveId(context, id)) : undefined,
  )
  const exist = ids.every((id) => id !== undefined && store.mailbox(account.id, id) !== undefined)
  return exist && ids.length > 0 ? (ids as number[]) : undefined
}

function readKeywords(value: unknown): string[] | undefined {
  if (!isObject(value)) return undefined
  const all = Object.entries(value)
  return all.every(([keyword, isSet]) => isSet === true && isKeyword(keyword))
    ? all.map(([keyword]) => flagOf(keyword))
    : undefined
}

async function deliver(source: Buffer, blob: BlobRef, target: Target, context: Context): Promise<Made | SetError> {
  const { store, account } = context.backend
  const [result] = await store.commit([
    { kind: 'email.deliver', account: account.id, blob, summary: summarise(source), verdict: null, ...target },
  ])
  if (!result!.ok) return setError(REFUSALS[result!.reason] ?? 'forbidden', result!.message)
  const email = store.email(account.id, result!.emailId!)!
  return {
    id: formatId('e', email.id),
    blobId: formatBlobId({ hash: email.blob.hash }),
    threadId: formatId('t', email.thread),
    size: email.sizeBytes,
  }
}

/** Why the store refused, in JMAP's words. */
const REFUSALS: Readonly<Record<string, string>> = { 'no-email': 'notFound', 'over-quota': 'overQuota' }

/** A patch of mailboxIds and keywords, whole or member by member (RFC 8620 §5.3). */
async function update(id: string | undefined, patch: Json, context: Context): Promise<SetError | undefined> {
  const { store } = context.backend
  const email = findEmail(id, context)
  if (!email) return setError('notFound')
  const wanted = commandsFor(email, patch, context)
  if (!Array.isArray(wanted)) return wanted as SetError
  const commands = context.backend.sharing ? withRights(email, wanted, context.backend) : wanted
  if (commands === undefined) return notAllowed
  if (commands.length === 0) return undefined
  const results = await store.commit(commands)
  const refused = results.find((result) => !result.ok)
  return refused && !refused.ok ? setError(REFUSALS[refused.reason] ?? 'forbidden', refused.message) : undefined
}

type Update = Extract<Command, { kind: 'email.update' }>

/** The same in an account of another: where one has the right to all of it, and without touching what one does not see. */
function withRights(email: Email, wanted: readonly Update[], { store, account, sharing }: JmapBackend) {
  const commands: Command[] = []
  let places = store.placementsOf(account.id, email.id)
  const has = (mailbox: number, letters: Iterable<string>) =>
    [...letters].every((letter) => sharing!.rights.get(mailbox)?.has(letter))
  for (const { flags, mailboxes } of wanted) {
    if (flags !== undefined)
      for (const { mailbox, uid, flags: old } of places) {
        const changed = flags.mode === 'replace' ? symmetricDifference(old, flags.flags) : new Set<string>(flags.flags)
        if (!has(mailbox, [...changed].map(rightFor))) return undefined
        commands.push({ kind: 'flags.store', account: account.id, mailbox, uids: [[uid, uid]], ...flags })
      }
    if (mailboxes === undefined) continue
    const here = new Set(places.map(({ mailbox }) => mailbox))
    const left = [...here].filter((id) => !mailboxes.includes(id))
    const entered = mailboxes.filter((id) => !here.has(id))
    if (!left.every((id) => has(id, 'te')) || !entered.every((id) => has(id, 'i'))) return undefined
    const all = [...mailboxes, ...sharing!.hiddenPlaces(email.id)]
    commands.push({ kind: 'email.update', account: account.id, email: email.id, mailboxes: all })
    places = places.filter(({ mailbox }) => mailboxes.includes(mailbox))
  }
  return commands
}

const symmetricDifference = (a: readonly string[], b: readonly string[]): Set<string> =>
  new Set(a).symmetricDifference(new Set(b))

function commandsFor(email: Email, patch: Json, context: Context): Update[] | SetError {
  const { store, account } = context.backend
  const placements = store.placementsOf(account.id, email.id)
  const commands: Update[] = []
  const base = { kind: 'email.update', account: account.id, email: email.id } as const
  let mailboxes: Set<number> | undefined
  const add: string[] = []
  const remove: string[] = []
  for (const [path, value] of Object.entries(patch)) {
    const slash = path.indexOf('/')
    const [property, member] =
      slash < 0 ? [path, undefined] : [path.slice(0, slash), unescapePointer(path.slice(slash + 1))]
    if (property === 'mailboxIds' && member === undefined) {
      const ids = readMailboxes(value, context)
      if (!ids) return invalidProperties([path])
      mailboxes = new Set(ids)
    } else if (property === 'mailboxIds') {
      const mailbox = parseId('m', resolveId(context, member))
      if (mailbox === undefined || !(value === true || value === null) || !store.mailbox(account.id, mailbox))
        return invalidProperties([path])
      mailboxes ??= new Set(placements.map((placement) => placement.mailbox))
      if (value === true) mailboxes.add(mailbox)
      else mailboxes.delete(mailbox)
    } else if (property === 'keywords' && member === undefined) {
      const flags = readKeywords(value ?? {})
      if (!flags) return invalidProperties([path])
      // \\Deleted has no keyword, so replacing the keywords leaves it alone.
      const deleted = placements.some((placement) => placement.flags.includes('\\Deleted')) ? ['\\Deleted'] : []
      commands.push({ ...base, flags: { mode: 'replace', flags: [...flags, ...deleted] } })
    } else if (property === 'keywords') {
      if (!isKeyword(member!) || !(value === true || value === null)) return invalidProperties([path])
      ;(value === true ? add : remove).push(flagOf(member!))
    } else return invalidProperties([path], 'only mailboxIds and keywords change')
  }
  if (mailboxes?.size === 0) return invalidProperties(['mailboxIds'], 'an email is in at least one mailbox')
  if (add.length > 0) commands.push({ ...base, flags: { mode: 'add', flags: add } })
  if (remove.length > 0) commands.push({ ...base, flags: { mode: 'remove', flags: remove } })
  // The keywords first: a new place takes them over.
  if (mailboxes) commands.push({ ...base, mailboxes: [...mailboxes] })
  return commands
}

const unescapePointer = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~')

async function destroy(id: string | undefined, context: Context): Promise<SetError | undefined> {
  const { store, account } = context.backend
  const email = findEmail(id, context)
  if (!email) return setError('notFound')
  const { sharing } = context.backend
  const places = store.placementsOf(account.id, email.id)
  const mayGo = places.every(({ mailbox }) => [...'te'].every((letter) => sharing?.rights.get(mailbox)?.has(letter)))
  if (sharing && !mayGo) return notAllowed
  // What lies where one does not see it stays there.
  const hidden = sharing?.hiddenPlaces(email.id) ?? []
  const base = { account: account.id, email: email.id }
  const [result] = await store.commit([
    hidden.length > 0 ? { kind: 'email.update', ...base, mailboxes: hidden } : { kind: 'email.destroy', ...base },
  ])
  return result!.ok ? undefined : setError('notFound', result!.message)
}

export const emailImport: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { ifInState: 'string', emails: 'object' })
  if (args instanceof MethodError) return args
  const oldState = stateOf(context)
  if (args.ifInState !== undefined && args.ifInState !== oldState) return new MethodError('stateMismatch')
  if (!args.emails) return invalidArguments('emails is missing')
  if (Object.keys(args.emails).length > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  const created: Json = {}
  const notCreated: Json = {}
  for (const [key, wanted] of Object.entries(args.emails)) {
    const made = isObject(wanted) ? await importOne(wanted, context) : invalidProperties([])
    if ('id' in made) {
      created[key] = made
      context.createdIds.set(key, made.id as string)
    } else notCreated[key] = made
  }
  const orNull = (map: Json) => (Object.keys(map).length > 0 ? map : null)
  return {
    args: {
      accountId: accountIdOf(context),
      oldState,
      newState: stateOf(context),
      created: orNull(created),
      notCreated: orNull(notCreated),
    },
  }
}

/** From an account that another shares into one's own (RFC 8621 §4.7); what he shares can be read and no more. */
export const emailCopy: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), COPY_ARGUMENTS)
  if (args instanceof MethodError) return args
  const { fromAccountId, create: wanted } = args
  if (fromAccountId === undefined || !wanted) return invalidArguments('fromAccountId and create are needed')
  if (fromAccountId === accountIdOf(context)) return invalidArguments('within one account, set mailboxIds')
  const from = sharedBackend(context.backend, fromAccountId)
  if (!from) return new MethodError('fromAccountNotFound')
  if (args.onSuccessDestroyOriginal) return new MethodError('accountReadOnly')
  const oldState = stateOf(context)
  if (args.ifInState !== undefined && args.ifInState !== oldState) return new MethodError('stateMismatch')
  if (args.ifFromInState !== undefined && args.ifFromInState !== stateOf({ ...context, backend: from }))
    return new MethodError('stateMismatch')
  if (Object.keys(wanted).length > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  const created: Json = {}
  const notCreated: Json = {}
  for (const [key, value] of Object.entries(wanted)) {
    const made = isObject(value) ? await copyOne(value, from, context) : invalidProperties([])
    if ('id' in made) {
      created[key] = made
      context.createdIds.set(key, made.id as string)
    } else notCreated[key] = made
  }
  const orNull = (map: Json) => (Object.keys(map).length > 0 ? map : null)
  const states = { fromAccountId, accountId: accountIdOf(context), oldState, newState: stateOf(context) }
  return { args: { ...states, created: orNull(created), notCreated: orNull(notCreated) } }
}

async function copyOne(wanted: Json, from: JmapBackend, context: Context): Promise<Made | SetError> {
  const number = parseId('e', wanted.id)
  const email = number === undefined ? undefined : from.store.email(from.account.id, number)
  const source = email && (await from.store.readBlob(email.blob))
  if (!email || !source) return setError('notFound')
  const keywords =
    wanted.keywords ??
    Object.fromEntries(
      [...keywordsOf(from.store.placementsOf(from.account.id, email.id))].map((keyword) => [keyword, true]),
    )
  const receivedAt = wanted.receivedAt ?? new Date(email.receivedAtMs).toISOString()
  const target = readTarget({ mailboxIds: wanted.mailboxIds, keywords, receivedAt }, context)
  return 'type' in target ? target : deliver(source, email.blob, target, context)
}

async function importOne(wanted: Json, context: Context): Promise<Made | SetError> {
  const { backend } = context
  const source = await readBlobId(backend, wanted.blobId)
  if (!source) return setError('blobNotFound', undefined, { notFound: [wanted.blobId] })
  // What begins with no field is no message (RFC 8621 §4.8).
  if (parseHeader(source).fields.length === 0) return setError('invalidEmail', 'it has no header')
  const target = readTarget(wanted, context)
  if ('type' in target) return target
  const name = parseBlobId(wanted.blobId)!
  // A part of another message becomes a body of its own.
  const whole = name.part ? undefined : findBlob(backend, name)
  return deliver(source, whole ?? (await backend.store.putBlob([source])), target, context)
}
