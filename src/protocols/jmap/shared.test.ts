import assert from 'node:assert/strict'
import { test } from 'node:test'
import { done, makeAccount, nowMs } from '../../store/testing.ts'
import { readBlobId, uploadBlob } from './blob.ts'
import { handleRequest } from './request.ts'
import { sessionObject } from './session.ts'
import { sharedBackend } from './shared.ts'
import { atDesk, type Desk, type Loose } from './testing.ts'
import { BLOB, CORE, type JmapBackend, MAIL, PRINCIPALS, SUBMISSION } from './types.ts'

const letter = (subject: string, answer = ''): string =>
  `From: anna@sender.test\nSubject: ${subject}\nMessage-ID: <${subject}@sender.test>\n${answer}\nWords about ${subject}.\n`

test('a mailbox that another shares can be read, and nothing else of his', () =>
  atDesk(async ({ one, deliver, box, backend, accountId }) => {
    const { store, account } = backend
    const open = await deliver(letter('open'))
    const secret = await deliver(letter('secret', 'In-Reply-To: <open@sender.test>\nReferences: <open@sender.test>\n'))
    await one('Email/set', { update: { [secret]: { mailboxIds: { [box('archive')]: true } } } })
    const both = await deliver(letter('both'))
    await one('Email/set', { update: { [both]: { [`mailboxIds/${box('archive')}`]: true } } })

    const eveId = await makeAccount(store as Parameters<typeof makeAccount>[0], 'eve@recipient.test')
    const eve: JmapBackend = { ...backend, account: store.account(eveId)! }
    const asEve = async (method: string, args: object): Promise<Loose> => {
      const body = JSON.stringify({
        using: [CORE, MAIL, BLOB, SUBMISSION],
        methodCalls: [[method, { accountId, ...args }, '0']],
      })
      const answer: Loose = await handleRequest(eve, Buffer.from(body))
      return answer.response.methodResponses[0][1]
    }
    assert.equal((await asEve('Mailbox/get', {})).type, 'accountNotFound')
    const before: Loose = sessionObject(eve, '')
    const mailbox = Number(box('inbox').slice(1))
    const share = (rights: string, identifier = 'eve@recipient.test') =>
      store.commit([{ kind: 'acl.put', account: account.id, mailbox, identifier, rights }])
    await share('l')
    assert.equal((await asEve('Mailbox/get', {})).type, 'accountNotFound', 'seeing the name is not reading')
    await share('lr')

    const session: Loose = sessionObject(eve, '')
    assert.notEqual(session.state, before.state)
    const { name, isPersonal, isReadOnly } = session.accounts[accountId]
    assert.deepEqual([name, isPersonal, isReadOnly], ['bob@recipient.test', false, true])
    assert.equal(session.primaryAccounts[MAIL], `a${eveId}`)

    const boxes = await asEve('Mailbox/get', {})
    assert.deepEqual(
      boxes.list.map(({ id, myRights }: Loose) => [id, myRights.mayReadItems, myRights.mayAddItems]),
      [[box('inbox'), true, false]],
    )
    assert.deepEqual((await asEve('Email/query', {})).ids, [both, open])
    assert.deepEqual((await asEve('Email/query', { filter: { inMailbox: box('archive') } })).ids, [both])
    assert.deepEqual((await asEve('Email/query', { filter: { text: 'secret' } })).ids, [])
    const got = await asEve('Email/get', {
      ids: [open, secret, both],
      properties: ['mailboxIds', 'threadId', 'blobId'],
    })
    assert.deepEqual(got.notFound, [secret])
    assert.deepEqual(
      got.list.map(({ mailboxIds }: Loose) => mailboxIds),
      [{ [box('inbox')]: true }, { [box('inbox')]: true }],
    )
    const { list } = await asEve('Thread/get', { ids: [got.list[0].threadId] })
    assert.deepEqual(list[0].emailIds, [open])
    const hidden = (await one('Email/get', { ids: [secret], properties: ['blobId'] })).list[0].blobId
    const blobs = await asEve('Blob/get', { ids: [got.list[0].blobId, hidden] })
    assert.deepEqual([blobs.list.length, blobs.notFound], [1, [hidden]])
    assert.equal(await readBlobId(sharedBackend(eve, accountId)!, hidden), undefined)
    assert.deepEqual((await asEve('Mailbox/get', { ids: [box('archive')] })).notFound, [box('archive')])

    const nosy = { someInThreadHaveKeyword: '$seen' }
    assert.equal((await asEve('Email/query', { filter: nosy })).type, 'unsupportedFilter')
    // Nothing is written, and nothing but mail is told.
    assert.equal((await asEve('Email/set', { destroy: [open] })).notDestroyed[open].type, 'forbidden')
    assert.equal((await asEve('Mailbox/set', { destroy: [box('inbox')] })).notDestroyed[box('inbox')].type, 'forbidden')
    for (const [method, error] of [
      ['EmailSubmission/set', 'accountReadOnly'],
      ['Email/copy', 'accountReadOnly'],
      ['Identity/get', 'accountNotSupportedByMethod'],
      ['Quota/get', 'unknownMethod'],
      ['Email/changes', 'cannotCalculateChanges'],
    ] as const)
      assert.equal((await asEve(method, { sinceState: '1' })).type, error, method)

    // What may be read may be kept.
    const copy = await asEve('Email/copy', {
      accountId: `a${eveId}`,
      fromAccountId: accountId,
      create: Object.fromEntries(
        [open, secret].map((id) => [id, { id, mailboxIds: { [`m${store.mailboxByUse(eveId, 'inbox')!.id}`]: true } }]),
      ),
    })
    assert.equal(copy.notCreated[secret].type, 'notFound')
    const mine = await asEve('Email/get', { accountId: `a${eveId}`, ids: [copy.created[open].id] })
    assert.equal(mine.list[0].subject, 'open')

    // A right that is taken away, or denied, is gone at once.
    await share('r', '-eve@recipient.test')
    assert.equal((await asEve('Email/get', { ids: [open] })).type, 'accountNotFound')
  }))

/** Eve at Bob's desk; what she asks is asked of Bob's account. */
async function withEve({ backend, accountId }: Desk) {
  const { store, account } = backend
  const eveId = await makeAccount(store as Parameters<typeof makeAccount>[0], 'eve@recipient.test')
  const eve: JmapBackend = { ...backend, account: store.account(eveId)! }
  const ask = async (method: string, args: object): Promise<Loose> => {
    const methodCalls = [[method, { accountId, ...args }, '0']]
    const answer: Loose = await handleRequest(
      eve,
      Buffer.from(JSON.stringify({ using: [CORE, MAIL, BLOB], methodCalls })),
    )
    return answer.response.methodResponses[0][1]
  }
  const share = (mailbox: string, rights: string) =>
    done(store as Parameters<typeof makeAccount>[0], {
      kind: 'acl.put',
      account: account.id,
      mailbox: Number(mailbox.slice(1)),
      identifier: 'eve@recipient.test',
      rights,
    })
  const make = async (path: string) => {
    const made = await done(store as Parameters<typeof makeAccount>[0], {
      kind: 'mailbox.create',
      account: account.id,
      path,
      nowMs,
    })
    return `m${made.id}`
  }
  return { eve, eveId, ask, share, make }
}

test('in what another shares one writes as far as the rights go, letter by letter', () =>
  atDesk(async (desk) => {
    const { one, deliver, box, accountId } = desk
    const { eve, ask, share, make } = await withEve(desk)
    const inbox = box('inbox')
    const team = await make('Team')
    const id = await deliver(letter('one'))
    const set = async (patch: object) => (await ask('Email/set', { update: { [id]: patch } })).notUpdated?.[id].type
    const keywords = async () =>
      Object.keys((await one('Email/get', { ids: [id], properties: ['keywords'] })).list[0].keywords).sort()
    const seen = { 'keywords/$seen': true }
    const flagged = { 'keywords/$flagged': true }
    await share(inbox, 'lr')
    assert.deepEqual(
      [await set(seen), await set(flagged), await set({ keywords: {} })],
      ['forbidden', 'forbidden', undefined],
    )
    await share(inbox, 'lrs')
    assert.deepEqual(
      [await set(seen), await set(flagged), await set({ keywords: { $x: true } })],
      [undefined, 'forbidden', 'forbidden'],
    )
    assert.deepEqual(await keywords(), ['$seen'])
    await share(inbox, 'lrsw')
    assert.deepEqual([await set({ keywords: { $x: true } }), await set(flagged)], [undefined, undefined])
    assert.deepEqual(await keywords(), ['$flagged', '$x'])

    // A move needs what it takes in both places.
    const move = { mailboxIds: { [team]: true } }
    assert.equal(await set(move), 'invalidProperties', 'a mailbox that is not shared does not exist')
    await share(team, 'lr')
    assert.equal(await set(move), 'forbidden')
    await share(team, 'lri')
    assert.equal(await set(move), 'forbidden')
    await share(inbox, 'lrswt')
    assert.equal(await set(move), 'forbidden')
    await share(inbox, 'lrswte')
    assert.equal(await set(move), undefined)
    const places = async () => (await one('Email/get', { ids: [id], properties: ['mailboxIds'] })).list[0].mailboxIds
    assert.deepEqual(await places(), { [team]: true })

    // What also lies where Eve does not see it stays there, as it is.
    await one('Email/set', { update: { [id]: { [`mailboxIds/${box('archive')}`]: true, keywords: {} } } })
    await share(team, 'lrwte')
    assert.equal(await set(flagged), undefined)
    assert.equal((await ask('Email/set', { destroy: [id] })).notDestroyed, null)
    assert.deepEqual(await places(), { [box('archive')]: true })
    assert.deepEqual(await keywords(), [])
    assert.equal(await set(seen), 'notFound')

    const rightsIn = async (mailbox: string) => (await ask('Mailbox/get', { ids: [mailbox] })).list[0].myRights
    const { mayReadItems, mayAddItems, mayRemoveItems, maySetSeen, mayDelete } = await rightsIn(team)
    assert.deepEqual(
      [mayReadItems, mayAddItems, mayRemoveItems, maySetSeen, mayDelete],
      [true, false, true, false, false],
    )
    const { accounts } = sessionObject(eve, '') as Loose
    assert.equal(accounts[accountId].isReadOnly, false)
  }))

test('messages and mailboxes come into what another shares, where one may', () =>
  atDesk(async (desk) => {
    const { one, box, backend } = desk
    const { eve, ask, share, make } = await withEve(desk)
    const team = await make('Team')
    await share(team, 'lr')
    const { id: blobId } = await uploadBlob(eve, Buffer.from(letter('mine').replaceAll('\n', '\r\n')))
    const bring = async (keywords: object) => {
      const emails = { k: { blobId, mailboxIds: { [team]: true }, keywords } }
      return (await ask('Email/import', { emails })).notCreated?.k.type
    }
    assert.equal(await bring({}), 'forbidden')
    await share(team, 'lri')
    assert.deepEqual([await bring({ $seen: true }), await bring({})], ['forbidden', undefined])
    const draft = {
      mailboxIds: { [team]: true },
      subject: 'Written',
      bodyStructure: { type: 'text/plain', partId: '1' },
      bodyValues: { 1: { value: 'x' } },
    }
    assert.equal((await ask('Email/set', { create: { d: draft } })).notCreated, null)
    const { ids } = await one('Email/query', { filter: { inMailbox: team } })
    assert.equal(ids.length, 2)
    // They are Bob's now.
    assert.equal((await one('Email/get', { ids, properties: ['subject'] })).list.length, 2)

    const create = async (wanted: object) => (await ask('Mailbox/set', { create: { n: wanted } })).notCreated?.n.type
    const rename = async (id: string, patch: object) =>
      (await ask('Mailbox/set', { update: { [id]: patch } })).notUpdated?.[id].type
    assert.equal(await create({ name: 'Top' }), 'forbidden')
    assert.equal(await create({ name: 'Below', parentId: team }), 'forbidden')
    await share(team, 'lrik')
    assert.equal(await create({ name: 'Below', parentId: team, role: 'junk' }), 'invalidProperties')
    const made = (await ask('Mailbox/set', { create: { n: { name: 'Below', parentId: team } } })).created.n
    assert.deepEqual([made.totalEmails, made.myRights.mayCreateChild, made.myRights.mayDelete], [0, true, false])
    assert.ok(backend.store.mailboxByPath(backend.account.id, 'Team/Below'))
    assert.equal(await create({ name: 'Below', parentId: team }), 'forbidden')
    assert.equal(await rename(team, { name: 'Crew' }), 'forbidden')
    await share(team, 'lrikx')
    assert.equal(await rename(team, { isSubscribed: false }), 'forbidden')
    assert.equal(await rename(team, { parentId: box('archive') }), 'invalidProperties')
    assert.equal(await rename(team, { name: 'Archive' }), 'forbidden')
    assert.equal(await rename(team, { name: 'Crew' }), undefined)
    const remove = async () =>
      (await ask('Mailbox/set', { destroy: [team], onDestroyRemoveEmails: true })).notDestroyed?.[team].type
    assert.equal(await remove(), 'mailboxHasChild')
    const below = backend.store.mailboxByPath(backend.account.id, 'Crew/Below')!
    await one('Mailbox/set', { destroy: [`m${below.id}`] })
    assert.equal(await remove(), 'forbidden')
    await share(team, 'lrikxte')
    assert.equal(await remove(), undefined)
    assert.equal(backend.store.mailboxByPath(backend.account.id, 'Crew'), undefined)
  }))

test('what changed in a shared account is told as far as it is seen; with other rights one begins anew', () =>
  atDesk(async (desk) => {
    const { one, deliver, box } = desk
    const { ask, share } = await withEve(desk)
    const inbox = box('inbox')
    const archive = box('archive')
    await share(inbox, 'lr')
    const [stays, moves, goes] = [await deliver(letter('a')), await deliver(letter('b')), await deliver(letter('c'))]
    const hidden = await deliver(letter('d'))
    await one('Email/set', { update: { [hidden]: { mailboxIds: { [archive]: true } } } })
    let state = (await ask('Email/get', { ids: [] })).state
    const changes = async (type = 'Email') => {
      const told = await ask(`${type}/changes`, { sinceState: state })
      return told.type ?? [told.created, told.updated, told.destroyed.toSorted()]
    }
    // Elsewhere, and nothing of it is told.
    await one('Email/set', { update: { [hidden]: { 'keywords/$seen': true } } })
    assert.deepEqual(await changes(), [[], [], []])
    await one('Email/set', { update: { [stays]: { 'keywords/$seen': true } } })
    const fresh = await deliver(letter('e'))
    assert.deepEqual(await changes(), [[fresh], [stays], []])
    await one('Email/set', { update: { [moves]: { mailboxIds: { [archive]: true } } }, destroy: [goes] })
    const [created, updated, destroyed] = await changes()
    assert.deepEqual([created, updated], [[fresh], [stays]])
    for (const id of [moves, goes]) assert.ok(destroyed.includes(id), id)
    state = (await ask('Email/get', { ids: [] })).state
    await one('Email/set', { update: { [moves]: { mailboxIds: { [inbox]: true } } } })
    assert.deepEqual(await changes(), [[moves], [], []], 'what comes into sight is new')
    assert.deepEqual((await changes('Mailbox')).slice(0, 2), [[], [inbox]])
    assert.equal((await ask('Email/set', { ifInState: 'x', destroy: [] })).type, 'stateMismatch')
    assert.equal((await ask('Email/set', { ifInState: (await ask('Email/get', { ids: [] })).state })).type, undefined)
    await share(inbox, 'lrs')
    assert.equal(await changes(), 'cannotCalculateChanges')
  }))

test('a mailbox is shared with whom one knows by his address, and no longer (RFC 9670)', () =>
  atDesk(async ({ one, box, backend }) => {
    const { store, account } = backend
    const eveId = await makeAccount(store as Parameters<typeof makeAccount>[0], 'eve@recipient.test')
    const eve: JmapBackend = { ...backend, account: store.account(eveId)! }
    const mine = await one('Principal/get', { properties: ['email'] })
    assert.deepEqual(mine.list, [{ id: `u${account.id}`, email: 'bob@recipient.test' }])
    assert.deepEqual((await one('Principal/get', { ids: [`u${eveId}`] })).notFound, [`u${eveId}`])
    assert.deepEqual((await one('Principal/query', { filter: { email: 'eve@' } })).ids, [])
    const { ids } = await one('Principal/query', { filter: { email: 'EVE@recipient.test' } })
    const whom = `u${eveId}`
    assert.deepEqual(ids, [whom])
    assert.equal((await one('Principal/get', { ids })).list[0].accounts, null)

    const share = (patch: object) => one('Mailbox/set', { update: { [box('inbox')]: patch } })
    const show = async () => (await one('Mailbox/get', { ids: [box('inbox')], properties: ['shareWith'] })).list[0]
    assert.equal((await show()).shareWith, null)
    for (const patch of [
      { shareWith: { u999: {} } },
      { [`shareWith/u${eveId}`]: { mayFly: true } },
      { 'shareWith/x': null },
    ])
      assert.equal((await share(patch)).notUpdated[box('inbox')].type, 'invalidProperties')
    await share({ [`shareWith/${whom}`]: { mayReadItems: true, maySetSeen: true } })
    const { mayReadItems, maySetSeen, mayAddItems } = (await show()).shareWith[whom]
    assert.deepEqual([mayReadItems, maySetSeen, mayAddItems], [true, true, false])
    assert.ok(sharedBackend(eve, `a${account.id}`))
    assert.ok(!('shareWith' in (await one('Mailbox/get')).list[0]))
    await share({ shareWith: null })
    assert.equal((await show()).shareWith, null)
    assert.equal(sharedBackend(eve, `a${account.id}`), undefined)
    assert.equal((await one('Principal/set', { destroy: ids })).notDestroyed[whom].type, 'forbidden')
  }))

test('whoever is let in, or out, is told of it (RFC 9670 §3)', () =>
  atDesk(async (desk) => {
    const { one, box, backend, accountId } = desk
    const { eve, eveId } = await withEve(desk)
    const ask = async (method: string, args: object = {}): Promise<Loose> => {
      const methodCalls = [[`ShareNotification/${method}`, { accountId: `a${eveId}`, ...args }, '0']]
      const body = JSON.stringify({ using: [CORE, PRINCIPALS], methodCalls })
      const answer: Loose = await handleRequest(eve, Buffer.from(body))
      return answer.response.methodResponses[0][1]
    }
    const before = (await ask('get')).state
    const whom = `u${eveId}`
    const share = async (patch: object) =>
      assert.equal((await one('Mailbox/set', { update: { [box('inbox')]: patch } })).notUpdated, null)
    await share({ [`shareWith/${whom}`]: { mayReadItems: true } })
    await share({ shareWith: { [whom]: { mayReadItems: true } } })
    await share({ shareWith: { [whom]: { mayReadItems: true, maySetSeen: true } } })
    await share({ shareWith: null })
    const { ids } = await ask('query', { sort: [{ property: 'created', isAscending: true }] })
    assert.equal(ids.length, 3, 'what changed nothing is not told')
    const { list } = await ask('get', { ids })
    const { changedBy, objectType, objectAccountId, objectId, name } = list[0]
    assert.deepEqual(
      [changedBy, objectType, objectAccountId, objectId, name],
      [
        { name: 'Bob', email: 'bob@recipient.test', principalId: `u${backend.account.id}` },
        'Mailbox',
        accountId,
        box('inbox'),
        'INBOX',
      ],
    )
    assert.deepEqual(
      list.map(({ oldRights, newRights }: Loose) => [oldRights?.maySetSeen ?? null, newRights?.maySetSeen ?? null]),
      [
        [null, false],
        [false, true],
        [true, null],
      ],
    )
    assert.deepEqual((await ask('query', { filter: { objectAccountId: `a${eveId}` } })).ids, [])
    assert.equal((await ask('query', { filter: { after: 7 } })).type, 'invalidArguments')
    assert.equal((await ask('query', { filter: { colour: 'red' } })).type, 'unsupportedFilter')
    assert.deepEqual((await ask('changes', { sinceState: before })).created, ids)
    const state = (await ask('get', { ids: [] })).state
    assert.equal((await ask('set', { update: { [ids[0]]: {} } })).notUpdated[ids[0]].type, 'forbidden')
    assert.deepEqual((await ask('set', { destroy: [ids[0]] })).destroyed, [ids[0]])
    assert.equal((await ask('set', { destroy: ['n999'] })).notDestroyed.n999.type, 'notFound')
    const query = await ask('queryChanges', { sinceQueryState: state })
    assert.deepEqual([query.removed, query.added], [[ids[0]], []])
    assert.deepEqual((await ask('changes', { sinceState: state })).destroyed, [ids[0]])
    // The newest two hundred are kept.
    const toggle = Array.from({ length: 101 }, () => [
      { [`shareWith/${whom}`]: { mayReadItems: true } },
      { shareWith: null },
    ])
    for (const patch of toggle.flat()) await share(patch)
    assert.equal((await ask('get')).list.length, 200)
  }))
