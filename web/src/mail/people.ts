// People one writes to: found in the contacts while one types, and kept there once one has written to them.

import { readAddresses, writeAddress } from '../format.ts'
import type { Address, Answer, Jmap } from '../jmap.ts'

const MOST = 8
/** Of one message: a long list of recipients is no address book. */
const MOST_KEPT = 20

/** What is being typed: the last recipient of a field, and all that stands before it. */
export function lastRecipient(field: string): { readonly before: string; readonly typed: string } {
  // A comma inside quotes or angle brackets parts nothing.
  let at = 0
  let isQuoted = false
  for (let i = 0; i < field.length; i++) {
    if (field[i] === '\\') i++
    else if (field[i] === '"') isQuoted = !isQuoted
    else if (!isQuoted && (field[i] === ',' || field[i] === ';')) at = i + 1
  }
  const before = field.slice(0, at)
  return { before: before === '' ? '' : `${before.trimEnd()} `, typed: field.slice(at).trim() }
}

interface Card {
  readonly name?: { readonly full?: string }
  readonly emails?: Readonly<Record<string, { readonly address?: string }>>
}

/** Everybody on these cards, once for each address. */
function peopleOn(cards: readonly Card[]): Address[] {
  return cards.flatMap(({ name, emails }) =>
    Object.values(emails ?? {}).flatMap(({ address }) =>
      address ? [{ name: name?.full ?? null, email: address }] : [],
    ),
  )
}

/** Fields that a choice would make of this one: the last recipient completed. */
export async function suggestions(jmap: Jmap, field: string): Promise<string[]> {
  const { before, typed } = lastRecipient(field)
  const word = typed.replace(/["'<>]/g, ' ').trim()
  if (word === '') return []
  const [, cards] = await jmap.call(
    ['ContactCard/query', { filter: { operator: 'OR', conditions: [{ name: word }, { email: word }] }, limit: MOST }],
    [
      'ContactCard/get',
      { '#ids': { resultOf: '0', name: 'ContactCard/query', path: '/ids' }, properties: ['name', 'emails'] },
    ],
  )
  return peopleOn(cards.list).map((person) => before + writeAddress(person))
}

/** Puts those one has just written to into the contacts, if they are not there. */
export async function keepRecipients(jmap: Jmap, ...fields: string[]): Promise<void> {
  const wanted = new Map<string, Address>()
  for (const person of fields.flatMap(readAddresses)) wanted.set(person.email.toLowerCase(), person)
  if (wanted.size === 0 || wanted.size > MOST_KEPT) return
  const [books, , known] = await jmap.call(
    ['AddressBook/get', { properties: ['isDefault'] }],
    ['ContactCard/query', { filter: { operator: 'OR', conditions: [...wanted.keys()].map((email) => ({ email })) } }],
    ['ContactCard/get', { '#ids': { resultOf: '1', name: 'ContactCard/query', path: '/ids' }, properties: ['emails'] }],
  )
  for (const { email } of peopleOn(known.list)) wanted.delete(email.toLowerCase())
  const book = books.list.find((one: Answer) => one.isDefault)?.id
  if (wanted.size === 0 || book === undefined) return
  const cards = [...wanted.values()].map(({ name, email }) => ({
    '@type': 'Card',
    version: '1.0',
    addressBookIds: { [book]: true },
    name: { full: name ?? email },
    emails: { e: { address: email } },
  }))
  await jmap.set('ContactCard/set', { create: Object.fromEntries(cards.map((card, i) => [`c${i}`, card])) })
}
