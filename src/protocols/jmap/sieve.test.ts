import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uploadBlob } from './blob.ts'
import { sessionObject } from './session.ts'
import { atDesk, type Desk } from './testing.ts'

const upload = async ({ backend }: Desk, text: string) => (await uploadBlob(backend, Buffer.from(text))).id

test('scripts: created, read, renamed, given another text, made active, destroyed', () =>
  atDesk(async (desk) => {
    const blobId = await upload(desk, 'keep;')
    const made = await desk.one('SieveScript/set', {
      create: { a: { name: 'first', blobId }, b: { name: null, blobId } },
      onSuccessActivateScript: '#a',
    })
    const { id } = made.created.a
    assert.deepEqual(made.created.a, { id, name: 'first', blobId, isActive: true })
    assert.equal(made.created.b.name, 'script 1')
    const changed = await desk.one('SieveScript/set', {
      update: { [id]: { name: 'other', blobId: await upload(desk, 'stop;') } },
      onSuccessActivateScript: made.created.b.id,
    })
    assert.deepEqual(changed.updated, { [id]: { isActive: false }, [made.created.b.id]: { isActive: true } })
    const { list, state } = await desk.one('SieveScript/get', { ids: [id], properties: ['name', 'isActive'] })
    assert.deepEqual(list, [{ id, name: 'other', isActive: false }])
    assert.equal(state, changed.newState)
    const gone = await desk.one('SieveScript/set', { destroy: [id, made.created.b.id, 'v999'] })
    assert.deepEqual(gone.destroyed, [id])
    assert.equal(gone.notDestroyed[made.created.b.id].type, 'sieveIsActive')
    assert.equal(gone.notDestroyed.v999.type, 'notFound')
    const off = await desk.one('SieveScript/set', { onSuccessDeactivateScript: true })
    assert.deepEqual(off.updated, { [made.created.b.id]: { isActive: false } })
  }))

test('what is wrong is told: the script, its name, its blob', () =>
  atDesk(async (desk) => {
    const good = await upload(desk, 'keep;')
    const bad = await upload(desk, 'keep;\nsnooze;')
    const nothing = `b${'0'.repeat(64)}`
    const { created, notCreated } = await desk.one('SieveScript/set', {
      create: {
        good: { name: 'a', blobId: good },
        twice: { name: 'a', blobId: good },
        bad: { name: 'b', blobId: bad },
        nothing: { name: 'c', blobId: nothing },
        slash: { name: 'a/b', blobId: good },
        active: { name: 'd', blobId: good, isActive: true },
      },
      onSuccessActivateScript: '#good',
    })
    assert.deepEqual(Object.keys(created), ['good'])
    assert.equal(created.good.isActive, false)
    assert.deepEqual(notCreated.twice.existingId, created.good.id)
    assert.equal(notCreated.bad.type, 'invalidSieve')
    assert.match(notCreated.bad.description, /^line 2, column 1: unknown command 'snooze'/)
    assert.equal(notCreated.nothing.type, 'blobNotFound')
    assert.deepEqual(notCreated.slash.properties, ['name'])
    assert.deepEqual(notCreated.active.properties, ['isActive'])
    assert.equal((await desk.one('SieveScript/validate', { blobId: good })).error, null)
    assert.equal((await desk.one('SieveScript/validate', { blobId: bad })).error.type, 'invalidSieve')
    assert.equal((await desk.one('SieveScript/validate', { blobId: nothing })).type, 'blobNotFound')
  }))

test('a query: by name and activity, sorted', () =>
  atDesk(async (desk) => {
    const blobId = await upload(desk, 'keep;')
    const create = Object.fromEntries(['beta', 'alpha', 'gamma'].map((name) => [name, { name, blobId }]))
    const { created } = await desk.one('SieveScript/set', { create, onSuccessActivateScript: '#gamma' })
    const ids = async (args: object) => (await desk.one('SieveScript/query', args)).ids
    const of = (...names: string[]) => names.map((name) => created[name].id)
    assert.deepEqual(await ids({ sort: [{ property: 'name' }] }), of('alpha', 'beta', 'gamma'))
    assert.deepEqual(
      await ids({ sort: [{ property: 'isActive', isAscending: false }, { property: 'name' }] }),
      of('gamma', 'alpha', 'beta'),
    )
    assert.deepEqual(await ids({ filter: { name: 'ETA' } }), of('beta'))
    assert.deepEqual(await ids({ filter: { isActive: true } }), of('gamma'))
    assert.equal((await desk.one('SieveScript/query', { filter: { size: 1 } })).type, 'unsupportedFilter')
  }))

test('the answer while away: one, with nothing in it at first', () =>
  atDesk(async (desk) => {
    const empty = { isEnabled: false, fromDate: null, toDate: null, subject: null, textBody: null, htmlBody: null }
    assert.deepEqual((await desk.one('VacationResponse/get')).list, [{ id: 'singleton', ...empty }])
    const patch = { isEnabled: true, fromDate: '2026-11-24T00:00:00Z', textBody: 'I am at sea.' }
    const done = await desk.one('VacationResponse/set', {
      update: { singleton: patch, other: {} },
      create: { x: {} },
      destroy: ['singleton'],
    })
    assert.deepEqual([done.updated, done.notUpdated.other.type], [{ singleton: null }, 'notFound'])
    assert.deepEqual([done.notCreated.x.type, done.notDestroyed.singleton.type], ['singleton', 'singleton'])
    const { list, notFound } = await desk.one('VacationResponse/get', { ids: ['singleton', 'x'] })
    assert.deepEqual([list, notFound], [[{ id: 'singleton', ...empty, ...patch }], ['x']])
    const wrong = await desk.one('VacationResponse/set', {
      update: { singleton: { fromDate: 'soon', isEnabled: 1, size: 2 } },
    })
    assert.deepEqual(wrong.notUpdated.singleton.properties, ['fromDate', 'isEnabled', 'size'])
  }))

test('the session object names both capabilities', () =>
  atDesk(async ({ backend, accountId }) => {
    const session = sessionObject(backend, '')
    const account = (
      session.accounts as Record<string, { accountCapabilities: Record<string, { sieveExtensions: string[] }> }>
    )[accountId]!
    assert.ok(account.accountCapabilities['urn:ietf:params:jmap:sieve']!.sieveExtensions.includes('vacation'))
    assert.ok('urn:ietf:params:jmap:vacationresponse' in account.accountCapabilities)
  }))
