// Sieve scripts over JMAP (RFC 9661): the same scripts that ManageSieve shows, with their text as blobs.

import type { Command, CommandResult } from '../../store/commands.ts'
import type { SieveScript } from '../../store/nouns/people.ts'
import { ACTION_LIMITS } from '../sieve/actions.ts'
import { CAPABILITY_NAMES, NOTIFY_METHODS } from '../sieve/capabilities.ts'
import { checkScript } from '../sieve/check.ts'
import { isScriptName } from '../sieve/control.ts'
import { MAX_SCRIPT_BYTES, SCRIPT_QUOTA } from '../sieve/quota.ts'
import { findingText } from '../sieve/syntax.ts'
import { isObject, readArguments } from './arguments.ts'
import { findBlob, readBlobId } from './blob.ts'
import { formatBlobId, formatId, parseBlobId, parseId, resolveId } from './ids.ts'
import {
  accountIdOf,
  beginSet,
  GET_ARGUMENTS,
  getObjects,
  QUERY_ARGUMENTS,
  queryWindow,
  readSort,
  SET_ARGUMENTS,
  type SetOutcome,
} from './standard.ts'
import {
  type Context,
  invalidArguments,
  invalidProperties,
  type Json,
  type Method,
  MethodError,
  type SetError,
  SIEVE,
  setError,
} from './types.ts'

/** What the session object says (RFC 9661 §1.4.1): of the server, and of each account. */
export const SIEVE_SERVER = { implementation: 'Borderpost' }
export const SIEVE_ACCOUNT = {
  maxSizeScriptName: 512,
  maxSizeScript: MAX_SCRIPT_BYTES,
  maxNumberScripts: SCRIPT_QUOTA.scripts,
  maxNumberRedirects: ACTION_LIMITS.redirects,
  sieveExtensions: CAPABILITY_NAMES,
  notificationMethods: NOTIFY_METHODS,
  externalLists: ['urn:ietf:params:sieve:addrbook:default'],
}

const PROPERTIES = ['id', 'name', 'blobId', 'isActive']

const scriptsOf = ({ backend }: Context): readonly SieveScript[] => backend.store.scripts(backend.account.id)

function shown({ id, name, blob, isActive }: SieveScript, properties: readonly string[]): Json {
  const all: Json = { id: formatId('v', id), name, blobId: formatBlobId({ hash: blob.hash }), isActive }
  return Object.fromEntries(properties.map((property) => [property, all[property]]))
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  return getObjects(args, context, {
    kind: 'v',
    properties: PROPERTIES,
    all: () => scriptsOf(context),
    load: (ids) =>
      new Map(scriptsOf(context).flatMap((script) => (ids.includes(script.id) ? [[script.id, script]] : []))),
    show: shown,
  })
}

/** Why a blob cannot be a script; undefined where it can. */
async function fault(context: Context, blobId: unknown): Promise<SetError | undefined> {
  const content = await readBlobId(context.backend, blobId)
  if (content === undefined) return setError('blobNotFound', 'there is no such blob', { notFound: [blobId] })
  if (content.length > MAX_SCRIPT_BYTES) return setError('tooLarge', `a script may have ${MAX_SCRIPT_BYTES} bytes`)
  const { program, findings } = checkScript(content)
  return program === undefined ? setError('invalidSieve', findings.map(findingText).join('\n')) : undefined
}

const validate: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), { blobId: 'id' })
  if (args instanceof MethodError) return args
  if (args.blobId === undefined) return invalidArguments('blobId is missing')
  const error = await fault(context, args.blobId)
  if (error?.type === 'blobNotFound') return new MethodError('blobNotFound')
  return { args: { accountId: accountIdOf(context), error: error ?? null } }
}

const query: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), QUERY_ARGUMENTS)
  if (args instanceof MethodError) return args
  const sort = readSort(args.sort, ['name', 'isActive'])
  if (sort instanceof MethodError) return sort
  const { name, isActive, ...others } = args.filter ?? {}
  if (Object.keys(others).length > 0) return new MethodError('unsupportedFilter', Object.keys(others).join())
  if (!['string', 'undefined'].includes(typeof name) || !['boolean', 'undefined'].includes(typeof isActive))
    return invalidArguments('filter is malformed')
  const found = scriptsOf(context).filter(
    (script) =>
      (name === undefined || script.name.toLowerCase().includes((name as string).toLowerCase())) &&
      (isActive === undefined || script.isActive === isActive),
  )
  const sorted = found.toSorted((a, b) => {
    for (const { property, isAscending } of sort) {
      const [left, right] = property === 'name' ? [a.name, b.name] : [Number(a.isActive), Number(b.isActive)]
      if (left !== right) return left < right === isAscending ? -1 : 1
    }
    return a.id - b.id
  })
  return queryWindow(
    sorted.map(({ id }) => id),
    'v',
    args,
    context,
  )
}

const set: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), {
    ...SET_ARGUMENTS,
    onSuccessActivateScript: 'string',
    onSuccessDeactivateScript: 'boolean',
  })
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  for (const [key, value] of Object.entries(args.create ?? {})) await create(context, outcome, key, value)
  for (const [id, patch] of Object.entries(args.update ?? {})) await update(context, outcome, id, patch)
  for (const id of args.destroy ?? []) await destroy(context, outcome, id)
  const hasFailed = [outcome.notCreated, outcome.notUpdated, outcome.notDestroyed].some(
    (failures) => Object.keys(failures).length > 0,
  )
  if (!hasFailed && args.onSuccessActivateScript !== undefined)
    await activate(context, outcome, resolveId(context, args.onSuccessActivateScript))
  else if (!hasFailed && args.onSuccessDeactivateScript === true) await activate(context, outcome, null)
  return { args: outcome.args(context) }
}

async function create(context: Context, outcome: SetOutcome, key: string, value: unknown): Promise<void> {
  const wanted = isObject(value) ? value : {}
  const name = wanted.name ?? freeName(context)
  const bad = Object.keys(wanted).filter((property) => !['name', 'blobId'].includes(property))
  if (typeof name !== 'string' || !isScriptName(name)) bad.push('name')
  if (typeof wanted.blobId !== 'string') bad.push('blobId')
  if (bad.length > 0) {
    outcome.notCreated[key] = invalidProperties(bad)
    return
  }
  const error = (await fault(context, wanted.blobId)) ?? (await put(context, name as string, wanted.blobId as string))
  if (error !== undefined) {
    outcome.notCreated[key] = error
    return
  }
  const made = scriptsOf(context).find((script) => script.name === name)!
  context.createdIds.set(key, formatId('v', made.id))
  outcome.created[key] = shown(made, PROPERTIES)
}

/** A name for a script that came without one. */
function freeName(context: Context): string {
  const taken = new Set(scriptsOf(context).map(({ name }) => name))
  for (let n = 1; ; n++) if (!taken.has(`script ${n}`)) return `script ${n}`
}

async function update(context: Context, outcome: SetOutcome, id: string, patch: unknown): Promise<void> {
  const script = scriptsOf(context).find((one) => one.id === parseId('v', id))
  if (script === undefined) {
    outcome.notUpdated[id] = setError('notFound')
    return
  }
  const wanted = isObject(patch) ? patch : {}
  const same = shown(script, PROPERTIES)
  const { name = script.name, blobId = same.blobId, ...others } = wanted
  const bad = Object.keys(others).filter((property) => others[property] !== same[property])
  if (typeof name !== 'string' || !isScriptName(name)) bad.push('name')
  if (typeof blobId !== 'string') bad.push('blobId')
  if (bad.length > 0) {
    outcome.notUpdated[id] = invalidProperties(bad)
    return
  }
  const error = (await fault(context, blobId)) ?? (await put(context, name as string, blobId as string, script.id))
  if (error !== undefined) outcome.notUpdated[id] = error
  else outcome.updated[id] = null
}

async function destroy(context: Context, outcome: SetOutcome, id: string): Promise<void> {
  const script = scriptsOf(context).find((one) => one.id === parseId('v', id))
  if (script === undefined) outcome.notDestroyed[id] = setError('notFound')
  else if (script.isActive)
    outcome.notDestroyed[id] = setError('sieveIsActive', 'the active script cannot be destroyed')
  else {
    const error = refusal(
      await commit(context, { kind: 'script.remove', account: context.backend.account.id, id: script.id }),
    )
    if (error !== undefined) outcome.notDestroyed[id] = error
    else outcome.destroyed.push(id)
  }
}

/** Makes one the active script, or none; what changed by it is told (RFC 9661 §2.4). */
async function activate(context: Context, outcome: SetOutcome, id: string | null | undefined): Promise<void> {
  const before = scriptsOf(context).find(({ isActive }) => isActive)
  const script = id === null ? undefined : scriptsOf(context).find((one) => one.id === parseId('v', id))
  if ((id !== null && script === undefined) || before?.id === script?.id) return
  await commit(context, { kind: 'script.activate', account: context.backend.account.id, id: script?.id ?? null })
  const tell = (changed: SieveScript, isActive: boolean) => {
    const key = formatId('v', changed.id)
    const created = Object.values(outcome.created).find((one) => one.id === key)
    if (created !== undefined) created.isActive = isActive
    else outcome.updated[key] = { ...outcome.updated[key], isActive }
  }
  if (before !== undefined) tell(before, false)
  if (script !== undefined) tell(script, true)
}

async function commit({ backend }: Context, command: Command): Promise<CommandResult> {
  const [result] = await backend.store.commit([command])
  return result!
}

async function put(context: Context, name: string, blobId: string, id?: number): Promise<SetError | undefined> {
  const { backend } = context
  const content = await readBlobId(backend, blobId)
  const whole = parseBlobId(blobId)
  const known = whole?.part === undefined && whole !== undefined ? findBlob(backend, whole) : undefined
  const blob = known ?? (await backend.store.putBlob([content ?? Buffer.alloc(0)]))
  const taken = scriptsOf(context).find((script) => script.name === name && script.id !== id)
  if (taken !== undefined)
    return setError('alreadyExists', 'there is a script of this name', { existingId: formatId('v', taken.id) })
  const account = backend.account.id
  const command: Command = { kind: 'script.put', account, name, blob, atMost: SCRIPT_QUOTA }
  return refusal(await commit(context, id === undefined ? command : { ...command, id }))
}

function refusal(result: CommandResult): SetError | undefined {
  if (result.ok) return undefined
  return setError(result.reason === 'over-quota' ? 'overQuota' : 'forbidden', result.message)
}

export const SIEVE_METHODS: Record<string, Method> = {
  'SieveScript/get': { capability: SIEVE, run: get },
  'SieveScript/set': { capability: SIEVE, run: set },
  'SieveScript/query': { capability: SIEVE, run: query },
  'SieveScript/validate': { capability: SIEVE, run: validate },
}
