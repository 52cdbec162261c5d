// What was deleted and can be brought back, as methods of our own: DeletedEmail/get gives all of it, the last deleted first;
// DeletedEmail/restore brings some back, under new ids, and DeletedEmail/destroy lets some go for good.

import type { Command } from '../../store/commands.ts'
import { readArguments } from './arguments.ts'
import { formatId, parseId } from './ids.ts'
import { accountIdOf } from './standard.ts'
import {
  type Context,
  DELETED,
  invalidArguments,
  type Json,
  LIMITS,
  type Method,
  MethodError,
  setError,
} from './types.ts'

const MOST_SHOWN = 1000

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), {})
  if (args instanceof MethodError) return args
  const { store, account } = context.backend
  const list = store.deleted.list(account.id, MOST_SHOWN).map((one) => ({
    id: formatId('e', one.id),
    subject: one.subject,
    from: one.from,
    mailboxName: one.mailbox,
    size: one.sizeBytes,
    receivedAt: dateOf(one.receivedAtMs),
    deletedAt: dateOf(one.deletedAtMs),
  }))
  return { args: { accountId: accountIdOf(context), list } }
}

const restore: Method['run'] = (raw, context) =>
  each(raw, context, { done: 'restored', notDone: 'notRestored' }, (account, id, nowMs) => ({
    kind: 'deleted.restore',
    account,
    id,
    nowMs,
  }))

const destroy: Method['run'] = (raw, context) =>
  each(raw, context, { done: 'destroyed', notDone: 'notDestroyed' }, (account, id) => ({
    kind: 'deleted.forget',
    account,
    ids: [id],
  }))

/** The same for each of `ids`: `done` says what each is now, null when it is gone. */
async function each(
  raw: Json,
  context: Context,
  names: { readonly done: string; readonly notDone: string },
  commandFor: (account: number, id: number, nowMs: number) => Command,
): Promise<{ args: Json } | MethodError> {
  const args = readArguments(raw, accountIdOf(context), { ids: 'ids' })
  if (args instanceof MethodError) return args
  if (args.ids === undefined) return invalidArguments('ids is missing')
  if (args.ids.length > LIMITS.maxObjectsInSet) return new MethodError('requestTooLarge')
  const { store, account, world } = context.backend
  const known = new Set(store.deleted.list(account.id, Number.MAX_SAFE_INTEGER).map(({ id }) => id))
  const done: Json = {}
  const notDone: Json = {}
  for (const name of new Set(args.ids)) {
    const id = parseId('e', name)
    if (id === undefined || !known.has(id)) {
      notDone[name] = setError('notFound')
      continue
    }
    const [result] = await store.commit([commandFor(account.id, id, world.clock.now())])
    if (result!.ok) done[name] = result!.emailId === undefined ? null : { id: formatId('e', result!.emailId) }
    else notDone[name] = setError(REASONS[result!.reason] ?? 'notFound', result!.message)
  }
  return { args: { accountId: accountIdOf(context), [names.done]: done, [names.notDone]: notDone } }
}

const REASONS: Readonly<Record<string, 'overQuota' | 'forbidden'>> = {
  'over-quota': 'overQuota',
  forbidden: 'forbidden',
}

const dateOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`

export const DELETED_METHODS: Readonly<Record<string, Method>> = {
  'DeletedEmail/get': { capability: DELETED, run: get },
  'DeletedEmail/restore': { capability: DELETED, run: restore },
  'DeletedEmail/destroy': { capability: DELETED, run: destroy },
}
