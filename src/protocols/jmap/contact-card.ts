// Contacts (RFC 9610 §3): JSContact cards (RFC 9553), kept as they came. We know of them what is searched and sorted by.

import { addressBooksOf } from './address-book.ts'
import { isObject, readArguments } from './arguments.ts'
import { searchWords } from './filter.ts'
import { formatId, parseId, resolveId } from './ids.ts'
import { patched } from './patch.ts'
import {
  accountIdOf,
  beginSet,
  COPY_ARGUMENTS,
  changesMethod,
  GET_ARGUMENTS,
  getObjects,
  queryMethods,
  readSort,
  SET_ARGUMENTS,
} from './standard.ts'
import {
  CONTACTS,
  type Context,
  invalidArguments,
  invalidProperties,
  type JmapBackend,
  type Json,
  type Method,
  MethodError,
  type SetError,
  setError,
} from './types.ts'

const MAX_CARDS = 20_000
const MAX_CARD_BYTES = 100_000
const MAX_FILTER_DEPTH = 20

interface Card extends Json {
  /** Ours; the card itself says its id to clients. */
  readonly number: number
}

function cardsOf({ store, account }: JmapBackend): Card[] {
  return store.lists
    .objects(account.id, 'contact')
    .map(({ id, value }) => ({ ...JSON.parse(value), id: formatId('c', id), number: id }) as Card)
}

const get: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), GET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const all = cardsOf(context.backend)
  return getObjects(args, context, {
    kind: 'c',
    properties: [],
    // A card may have any property that JSContact, or somebody, has thought of.
    isProperty: (name) => name.length <= 255,
    all: () => all,
    load: () => new Map(all.map((card) => [card.number, card])),
    show: (card, properties) => {
      const { number: _, ...json } = card
      if (!args.properties) return json
      return Object.fromEntries(
        properties.filter((name) => Object.hasOwn(json, name)).map((name) => [name, json[name]]),
      )
    },
  })
}

/** The texts of these properties in all members of a map (`emails`, `phones`, …). */
function texts(map: unknown, ...names: string[]): string[] {
  if (!isObject(map)) return []
  return Object.values(map).flatMap((member) =>
    isObject(member) ? names.map((name) => member[name]).filter((text) => typeof text === 'string') : [],
  )
}

function nameParts(card: Json, kind?: string): string[] {
  if (!isObject(card.name)) return []
  const components = Array.isArray(card.name.components) ? card.name.components.filter(isObject) : []
  const wanted = components.filter((component) => kind === undefined || component.kind === kind)
  const full = kind === undefined && typeof card.name.full === 'string' ? [card.name.full] : []
  return [...full, ...wanted.map(({ value }) => value).filter((value) => typeof value === 'string')]
}

/** What a filter on texts looks at (RFC 9610 §3.3.1). */
const SEARCHED: Readonly<Record<string, (card: Json) => string[]>> = {
  name: (card) => nameParts(card),
  'name/given': (card) => nameParts(card, 'given'),
  'name/surname': (card) => nameParts(card, 'surname'),
  'name/surname2': (card) => nameParts(card, 'surname2'),
  nickname: (card) => texts(card.nicknames, 'name'),
  organization: (card) => texts(card.organizations, 'name'),
  email: (card) => texts(card.emails, 'address', 'label'),
  phone: (card) => texts(card.phones, 'number', 'label'),
  onlineService: (card) => texts(card.onlineServices, 'service', 'uri', 'user', 'label'),
  address: (card) => texts(card.addresses, 'full'),
  note: (card) => texts(card.notes, 'note'),
  text: (card) => Object.entries(SEARCHED).flatMap(([name, find]) => (name === 'text' ? [] : find(card))),
}

type Test = (card: Card) => boolean

const moment =
  (property: 'created' | 'updated', isBefore: boolean) =>
  (wanted: unknown): Test | undefined => {
    const limit = typeof wanted === 'string' ? Date.parse(wanted) : Number.NaN
    if (Number.isNaN(limit)) return undefined
    return (card) => {
      const ms = Date.parse(String(card[property]))
      return isBefore ? ms < limit : ms >= limit
    }
  }

const CONDITIONS: Readonly<Record<string, (wanted: unknown) => Test | undefined>> = {
  inAddressBook: (wanted) => (card) =>
    isObject(card.addressBookIds) && Object.hasOwn(card.addressBookIds, String(wanted)),
  uid: (wanted) => (card) => card.uid === wanted,
  hasMember: (wanted) => (card) => isObject(card.members) && card.members[String(wanted)] === true,
  kind: (wanted) => (card) => (card.kind ?? 'individual') === wanted,
  createdBefore: moment('created', true),
  createdAfter: moment('created', false),
  updatedBefore: moment('updated', true),
  updatedAfter: moment('updated', false),
}

function compile(filter: Json | undefined, depth = 0): Test | MethodError {
  if (filter === undefined) return () => true
  if ('operator' in filter) {
    const { operator, conditions } = filter
    if (!Array.isArray(conditions) || !conditions.every(isObject) || depth > MAX_FILTER_DEPTH)
      return invalidArguments('an operator needs conditions')
    const tests: Test[] = []
    for (const condition of conditions) {
      const test = compile(condition, depth + 1)
      if (test instanceof MethodError) return test
      tests.push(test)
    }
    if (operator === 'AND') return (card) => tests.every((test) => test(card))
    if (operator === 'OR') return (card) => tests.some((test) => test(card))
    if (operator === 'NOT') return (card) => !tests.some((test) => test(card))
    return new MethodError('unsupportedFilter', 'operator')
  }
  const tests: Test[] = []
  for (const [name, wanted] of Object.entries(filter)) {
    if (wanted === null) continue
    const find = Object.hasOwn(SEARCHED, name) ? SEARCHED[name] : undefined
    const test = find
      ? typeof wanted === 'string'
        ? textTest(find, wanted)
        : undefined
      : Object.hasOwn(CONDITIONS, name)
        ? CONDITIONS[name]!(wanted)
        : new MethodError('unsupportedFilter', name.slice(0, 80))
    if (test instanceof MethodError) return test
    if (!test) return invalidArguments(`filter ${name.slice(0, 80)} has a wrong value`)
    tests.push(test)
  }
  return (card) => tests.every((test) => test(card))
}

function textTest(find: (card: Json) => string[], wanted: string): Test {
  const words = searchWords(wanted)
  return (card) => {
    const text = find(card).join('\n').toLowerCase()
    return words.every((word) => text.includes(word))
  }
}

const SORTS: Readonly<Record<string, (card: Card) => string>> = {
  created: (card) => String(card.created ?? ''),
  updated: (card) => String(card.updated ?? ''),
  'name/given': (card) => nameParts(card, 'given').join(' '),
  'name/surname': (card) => nameParts(card, 'surname').join(' '),
  'name/surname2': (card) => nameParts(card, 'surname2').join(' '),
}

function find(args: Json, { backend }: Context): number[] | MethodError {
  const sort = readSort(args.sort as unknown[] | undefined, Object.keys(SORTS))
  if (sort instanceof MethodError) return sort
  const test = compile(args.filter as Json | undefined)
  if (test instanceof MethodError) return test
  const found = cardsOf(backend).filter(test)
  const keys = new Map(found.map((card) => [card, sort.map(({ property }) => SORTS[property]!(card).toLowerCase())]))
  found.sort((a, b) => {
    for (const [index, { isAscending }] of sort.entries()) {
      const [x, y] = [keys.get(a)![index]!, keys.get(b)![index]!]
      if (x !== y) return x < y === isAscending ? -1 : 1
    }
    return a.number - b.number
  })
  return found.map(({ number }) => number)
}

const changes = ({ backend }: Context, modseq: number, most?: number) =>
  backend.store.changes.objects(backend.account.id, 'contact', modseq, most)
const queries = queryMethods('c', find, changes)

const set: Method['run'] = async (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), SET_ARGUMENTS)
  if (args instanceof MethodError) return args
  const outcome = beginSet(args, context)
  if (outcome instanceof MethodError) return outcome
  await outcome.createEach(Object.entries(args.create ?? {}), context, create)
  await outcome.updateEach(args.update, context, update)
  await outcome.destroyEach(args.destroy, context, destroy)
  return { args: outcome.args(context) }
}

const nowText = ({ backend }: Context): string =>
  new Date(backend.world.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')

async function create({ id, ...wanted }: Json, context: Context): Promise<Json | SetError> {
  if (id !== undefined) return invalidProperties(['id'])
  const uid = wanted.uid ?? `urn:uuid:${uuid(context.backend.world.random.bytes(16))}`
  const now = nowText(context)
  const served: Json = {
    version: '1.0',
    created: now,
    updated: now,
    ...wanted,
    '@type': wanted['@type'] ?? 'Card',
    uid,
  }
  const card = checked(served, context)
  if ('type' in card) return card
  if (cardsOf(context.backend).some((other) => other.uid === uid))
    return invalidProperties(['uid'], 'another card has this uid')
  const number = await put(context, card.value)
  if (typeof number !== 'number') return number
  const given = Object.keys(wanted)
  const more = Object.entries(card.value).filter(([name]) => !given.includes(name))
  return { id: formatId('c', number), ...Object.fromEntries(more) }
}

async function destroy(id: string | undefined, { backend }: Context): Promise<SetError | undefined> {
  const command = {
    kind: 'object.remove',
    account: backend.account.id,
    of: 'contact',
    id: parseId('c', id) ?? 0,
  } as const
  const [result] = await backend.store.commit([command])
  return result!.ok ? undefined : setError('notFound')
}

async function update(id: string | undefined, patch: Json, context: Context): Promise<Json | SetError> {
  const known = cardsOf(context.backend).find(({ number }) => number === parseId('c', id))
  if (!known) return setError('notFound')
  const { number, id: _, ...own } = known
  const { id: same, ...wanted } = patch
  if (same !== undefined && same !== id) return invalidProperties(['id'])
  const changed = patched(own, wanted)
  if ('bad' in changed) return invalidProperties(changed.bad)
  if (changed.value.uid !== own.uid) return invalidProperties(['uid'], 'a card keeps its uid')
  const updated = Object.hasOwn(patch, 'updated') ? changed.value.updated : nowText(context)
  const card = checked({ ...changed.value, updated }, context)
  if ('type' in card) return card
  const outcome = await put(context, card.value, number)
  return typeof outcome === 'number' ? { updated } : outcome
}

/** In at least one address book that is there, and no larger than we keep; `#id`s become ids. */
function checked(card: Json, context: Context): { readonly value: Json } | SetError {
  const { addressBookIds } = card
  if (card['@type'] !== 'Card') return invalidProperties(['@type'])
  if (typeof card.uid !== 'string' || card.uid === '' || card.uid.length > 1000) return invalidProperties(['uid'])
  if (typeof card.version !== 'string') return invalidProperties(['version'])
  const books = addressBooksOf(context.backend)
  const ids = isObject(addressBookIds) ? Object.entries(addressBookIds) : []
  const resolved = ids.map(([id, isIn]) => (isIn === true ? resolveId(context, id) : undefined))
  const isGood = resolved.length > 0 && resolved.every((id) => books.some((book) => formatId('k', book.id) === id))
  if (!isGood) return invalidProperties(['addressBookIds'])
  const value = { ...card, addressBookIds: Object.fromEntries(resolved.map((id) => [id, true])) }
  return Buffer.byteLength(JSON.stringify(value)) > MAX_CARD_BYTES ? setError('tooLarge') : { value }
}

async function put({ backend }: Context, card: Json, id?: number): Promise<number | SetError> {
  const value = JSON.stringify(card)
  const command = { kind: 'object.put', account: backend.account.id, of: 'contact', value, atMost: MAX_CARDS } as const
  const [result] = await backend.store.commit([id === undefined ? command : { ...command, id }])
  return result!.ok ? result!.id! : setError('overQuota', result!.message)
}

/** RFC 9562 §5.4, of 16 random bytes. */
export function uuid(bytes: Buffer): string {
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** RFC 9610 §3.6: from one account to another, and nobody sees more than his own. */
const copy: Method['run'] = (raw, context) => {
  const args = readArguments(raw, accountIdOf(context), COPY_ARGUMENTS)
  if (args instanceof MethodError) return args
  return args.fromAccountId === accountIdOf(context)
    ? invalidArguments('ContactCard/copy is between accounts')
    : new MethodError('fromAccountNotFound')
}

export const CONTACT_CARD_METHODS: Record<string, Method> = {
  'ContactCard/get': { capability: CONTACTS, run: get },
  'ContactCard/changes': { capability: CONTACTS, run: changesMethod('c', changes) },
  'ContactCard/query': { capability: CONTACTS, run: queries.query },
  'ContactCard/queryChanges': { capability: CONTACTS, run: queries.queryChanges },
  'ContactCard/set': { capability: CONTACTS, run: set },
  'ContactCard/copy': { capability: CONTACTS, run: copy },
}
