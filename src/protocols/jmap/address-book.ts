// Address books (RFC 9610 §2): every account has one to begin with, and the person makes more.

import type { StoredObject } from '../../store/nouns/people.ts'
import { readArguments } from './arguments.ts'
import { formatId, parseId, resolveId } from './ids.ts'
import { patched } from './patch.ts'
import { accountIdOf, beginSet, changesMethod, GET_ARGUMENTS, getObjects, SET_ARGUMENTS } from './standard.ts'
import {
  CONTACTS,
  type Context,
  invalidProperties,
  type JmapBackend,
  type Json,
  type Method,
  MethodError,
  type SetError,
  setError,
} from './types.ts'

/** What the session object says of us. */
export const CONTACTS_ACCOUNT = { maxAddressBooksPerCard: null, mayCreateAddressBook: true }

const MAX_BOOKS = 100
const MAX_NAME_BYTES = 255
const MAX_DESCRIPTION = 10_000
const RIGHTS = { mayRead: true, mayWrite: true, mayShare: false, mayDelete: true }

interface AddressBook {
  readonly id: number
  readonly name: string
  readonly description: string | null
  readonly sortOrder: number
  readonly isDefault: boolean
  readonly isSubscribed: boolean
}

const DEFAULTS = { description: null, sortOrder: 0, isDefault: false, isSubscribed: true }
const PROPERTIES = ['id', 'name', 'description', 'sortOrder', 'isDefault', 'isSubscribed', 'shareWith', 'myRights']

export function addressBooksOf({ store, account }: JmapBackend): AddressBook[] {
  return store.lists.objects(account.id, 'addressbook').map(({ id, value }: StoredObject) => {
    return { ...DEFAULTS, ...JSON.parse(value), id } as AddressBook
  })
}

const shown = (book: AddressBook): Json => ({
  ...book,
  id: formatId('k', book.id),
  shareWith: null,
  myRights: { ...RIGHTS, mayDelete: !book.isDefault },
})

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const all = addressBooksOf(context.backend)
  return getObjects(args, context, {
    kind: 'k',
    properties: PROPERTIES,
    all: () => all,
    load: () => new Map(all.map((book) => [book.id, book])),
    show: (book, properties) => {
      const json = shown(book)
      return Object.fromEntries(properties.map((name) => [name, json[name]]))
    },
  })
}

const set: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), {
    ...SET_ARGUMENTS,
    onDestroyRemoveContents: 'boolean',
    onSuccessSetIsDefault: 'string',
  })
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  await outcome.createEach(Object.entries(args.create ?? {}), context, create)
  await outcome.updateEach(args.update, context, update)
  await outcome.destroyEach(args.destroy, context, (id) => destroy(id, args.onDestroyRemoveContents ?? false, context))
  const failures = [outcome.notCreated, outcome.notUpdated, outcome.notDestroyed]
  if (args.onSuccessSetIsDefault !== undefined && failures.every((map) => Object.keys(map).length === 0))
    await makeDefault(resolveId(context, args.onSuccessSetIsDefault), context)
  return { args: outcome.args(context) }
}

/** What a person may say of a book; the names of what is wrong. */
function badIn({ name, description = null, sortOrder = 0, isSubscribed = true, ...others }: Json): string[] {
  const bad = Object.keys(others)
  if (typeof name !== 'string' || name.trim() === '' || Buffer.byteLength(name) > MAX_NAME_BYTES) bad.push('name')
  if (description !== null && (typeof description !== 'string' || description.length > MAX_DESCRIPTION))
    bad.push('description')
  if (!Number.isSafeInteger(sortOrder) || (sortOrder as number) < 0 || (sortOrder as number) >= 2 ** 31)
    bad.push('sortOrder')
  if (typeof isSubscribed !== 'boolean') bad.push('isSubscribed')
  return bad
}

async function put(context: Context, value: Json, id?: number): Promise<number | SetError> {
  const { store, account } = context.backend
  const command = { kind: 'object.put', account: account.id, of: 'addressbook', atMost: MAX_BOOKS } as const
  const text = JSON.stringify(value)
  const [result] = await store.commit([
    id === undefined ? { ...command, value: text } : { ...command, value: text, id },
  ])
  return result!.ok ? result!.id! : setError('overQuota', result!.message)
}

async function create(wanted: Json, context: Context): Promise<Json | SetError> {
  const bad = badIn(wanted)
  if (bad.length > 0) return invalidProperties(bad)
  const id = await put(context, wanted)
  if (typeof id !== 'number') return id
  const json = shown(addressBooksOf(context.backend).find((book) => book.id === id)!)
  return Object.fromEntries(Object.entries(json).filter(([name]) => !Object.hasOwn(wanted, name)))
}

async function update(id: string | undefined, patch: Json, context: Context): Promise<SetError | undefined> {
  const book = addressBooksOf(context.backend).find((one) => one.id === parseId('k', id))
  if (!book) return setError('notFound')
  const { id: _, isDefault, ...own } = book
  const changed = patched(own as unknown as Json, patch)
  if ('bad' in changed) return invalidProperties(changed.bad)
  const bad = badIn(changed.value)
  if (bad.length > 0) return invalidProperties(bad)
  const outcome = await put(context, { ...changed.value, isDefault }, book.id)
  return typeof outcome === 'number' ? undefined : outcome
}

async function destroy(
  id: string | undefined,
  removeContents: boolean,
  context: Context,
): Promise<SetError | undefined> {
  const { store, account } = context.backend
  const book = addressBooksOf(context.backend).find((one) => one.id === parseId('k', id))
  if (!book) return setError('notFound')
  if (book.isDefault) return setError('forbidden', 'the default address book stays')
  const key = formatId('k', book.id)
  const cards = store.lists
    .objects(account.id, 'contact')
    .map((object) => ({ object, card: JSON.parse(object.value) as { addressBookIds: Json } }))
    .filter(({ card }) => Object.hasOwn(card.addressBookIds, key))
  if (cards.length > 0 && !removeContents) return setError('addressBookHasContents')
  await store.commit([
    ...cards.map(({ object, card }) => {
      const { [key]: _, ...others } = card.addressBookIds
      const about = { account: account.id, of: 'contact', id: object.id } as const
      // A card in no other book goes with it (RFC 9610 §2.3).
      if (Object.keys(others).length === 0) return { kind: 'object.remove', ...about } as const
      const value = JSON.stringify({ ...card, addressBookIds: others })
      return { kind: 'object.put', ...about, value, atMost: 0 } as const
    }),
    { kind: 'object.remove', account: account.id, of: 'addressbook', id: book.id },
  ])
  return undefined
}

async function makeDefault(id: string | undefined, context: Context): Promise<void> {
  const books = addressBooksOf(context.backend)
  const wanted = books.find((book) => book.id === parseId('k', id))
  if (!wanted || wanted.isDefault) return
  for (const { id: number, ...book } of books) {
    if (book.isDefault || number === wanted.id) await put(context, { ...book, isDefault: number === wanted.id }, number)
  }
}

export const ADDRESS_BOOK_METHODS: Record<string, Method> = {
  'AddressBook/get': { capability: CONTACTS, run: get },
  'AddressBook/changes': {
    capability: CONTACTS,
    run: changesMethod('k', ({ backend }, modseq, most) =>
      backend.store.changes.objects(backend.account.id, 'addressbook', modseq, most),
    ),
  },
  'AddressBook/set': { capability: CONTACTS, run: set },
}
