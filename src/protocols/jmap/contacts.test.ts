import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atDesk, type Loose } from './testing.ts'

const card = (full: string, address: string, more: object = {}) => ({
  '@type': 'Card',
  version: '1.0',
  name: { full, components: full.split(' ').map((value, i) => ({ kind: i === 0 ? 'given' : 'surname', value })) },
  emails: { e: { address } },
  ...more,
})

test('contacts: made, found by what one types, changed in parts, told in changes', () =>
  atDesk(async ({ one }) => {
    const books = await one('AddressBook/get')
    assert.deepEqual(
      books.list.map(({ name, isDefault, myRights }: Loose) => [name, isDefault, myRights.mayDelete]),
      [['Contacts', true, false]],
    )
    const addressBookIds = { [books.list[0].id]: true }
    const made = await one('ContactCard/set', {
      create: {
        zoe: { ...card('Zoë Zimmer', 'zoe@far.test'), addressBookIds, organizations: { o: { name: 'Harbour Ltd' } } },
        anna: { ...card('Anna Author', 'anna@sender.test'), addressBookIds, kind: 'individual' },
        nowhere: card('No Body', 'no@body.test'),
        alien: { ...card('Al Ien', 'al@ien.test'), addressBookIds: { k999: true } },
        large: { ...card('La Rge', 'x@y.test'), addressBookIds, notes: { n: { note: 'x'.repeat(200_000) } } },
      },
    })
    assert.deepEqual(
      Object.values(made.notCreated).map((error: Loose) => error.type),
      ['invalidProperties', 'invalidProperties', 'tooLarge'],
    )
    const { zoe, anna } = made.created
    assert.match(zoe.uid, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const query = async (filter: object, more: object = {}) => (await one('ContactCard/query', { filter, ...more })).ids
    assert.deepEqual(await query({ text: 'zoë harb' }), [zoe.id])
    assert.deepEqual(await query({ email: 'SENDER' }), [anna.id])
    assert.deepEqual(await query({ 'name/surname': 'author' }), [anna.id])
    assert.deepEqual(await query({ operator: 'NOT', conditions: [{ name: 'anna' }] }), [zoe.id])
    assert.deepEqual(await query({ inAddressBook: 'k999' }), [])
    assert.deepEqual(await query({}, { sort: [{ property: 'name/given' }] }), [anna.id, zoe.id])
    assert.equal((await one('ContactCard/query', { filter: { shoe: '42' } })).type, 'unsupportedFilter')

    const { list, state } = await one('ContactCard/get', { ids: [zoe.id], properties: ['name', 'emails'] })
    assert.deepEqual(list[0], {
      id: zoe.id,
      name: card('Zoë Zimmer', '').name,
      emails: { e: { address: 'zoe@far.test' } },
    })
    const patch = { 'emails/e/address': 'zoe@near.test', 'emails/w': { address: 'zoe@work.test' }, organizations: null }
    const changed = await one('ContactCard/set', {
      update: { [zoe.id]: patch, [anna.id]: { 'phones/p/number': '1' }, c999: {} },
    })
    assert.ok(zoe.id in changed.updated)
    assert.deepEqual(changed.notUpdated[anna.id], { type: 'invalidProperties', properties: ['phones/p/number'] })
    assert.equal(changed.notUpdated.c999.type, 'notFound')
    const after = (await one('ContactCard/get', { ids: [zoe.id] })).list[0]
    assert.deepEqual(after.emails, { e: { address: 'zoe@near.test' }, w: { address: 'zoe@work.test' } })
    assert.equal(after.organizations, undefined)
    const told = await one('ContactCard/changes', { sinceState: state })
    assert.deepEqual([told.created, told.updated], [[], [zoe.id]])
    const same = await one('ContactCard/set', {
      create: { x: { ...card('X', 'x@x.test'), addressBookIds, uid: anna.uid } },
    })
    assert.deepEqual(same.notCreated.x.properties, ['uid'])
  }))

test('address books: made, made the default, and destroyed with what is in them', () =>
  atDesk(async ({ one }) => {
    const [first] = (await one('AddressBook/get')).list
    const made = await one('AddressBook/set', {
      create: { w: { name: 'Work', sortOrder: 3 }, bad: { name: '', color: 'red' } },
    })
    assert.deepEqual(made.notCreated.bad.properties, ['color', 'name'])
    const { id } = made.created.w
    const both = { [first.id]: true, [id]: true }
    const cards = await one('ContactCard/set', {
      create: {
        both: { ...card('Both', 'b@x.test'), addressBookIds: both },
        only: { ...card('Only', 'o@x.test'), addressBookIds: { [id]: true } },
      },
    })
    const refused = await one('AddressBook/set', { destroy: [id, first.id] })
    assert.deepEqual(
      [refused.notDestroyed[id].type, refused.notDestroyed[first.id].type],
      ['addressBookHasContents', 'forbidden'],
    )
    assert.deepEqual((await one('AddressBook/set', { destroy: [id], onDestroyRemoveContents: true })).destroyed, [id])
    const { list, notFound } = await one('ContactCard/get', { ids: [cards.created.both.id, cards.created.only.id] })
    assert.deepEqual(list[0].addressBookIds, { [first.id]: true })
    assert.deepEqual(notFound, [cards.created.only.id])
    await one('AddressBook/set', { create: { n: { name: 'New' } }, onSuccessSetIsDefault: '#n' })
    const books = (await one('AddressBook/get')).list
    assert.deepEqual(books.map(({ name, isDefault }: Loose) => [name, isDefault]).sort(), [
      ['Contacts', false],
      ['New', true],
    ])
  }))
