import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAccount } from '../../store/testing.ts'
import { readBlobId } from './blob.ts'
import { handleRequest } from './request.ts'
import { sessionObject } from './session.ts'
import { sharedBackend } from './shared.ts'
import { atDesk, type Loose } from './testing.ts'
import { BLOB, CORE, type JmapBackend, MAIL, SUBMISSION } from './types.ts'

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
    for (const [method, error] of [
      ['Email/set', 'accountReadOnly'],
      ['Mailbox/set', 'accountReadOnly'],
      ['Email/import', 'accountReadOnly'],
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
