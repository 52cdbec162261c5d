import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { done, makeAccount } from '../../store/testing.ts'
import { readBlobId, uploadBlob } from './blob.ts'
import { handleRequest } from './request.ts'
import { atDesk, type Loose } from './testing.ts'
import { BLOB, CORE, type JmapBackend, MAIL, QUOTA } from './types.ts'

const TEXT = 'From: anna@sender.test\nSubject: Hi\nMessage-ID: <hi@sender.test>\n\nHello.\n'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

test('Blob/upload puts sources together, Blob/get gives texts, parts and digests', () =>
  atDesk(async ({ ask, one }) => {
    const [[, uploaded], [, got]] = (await ask(
      [
        'Blob/upload',
        {
          create: {
            a: { data: [{ 'data:asText': 'Grüße, ' }, { 'data:asBase64': base64('Bob') }], type: 'text/plain' },
            b: { data: [{ blobId: '#a', offset: 0, length: 3 }, { 'data:asText': '!' }] },
            none: { data: [{ blobId: `b${'0'.repeat(64)}` }] },
            both: { data: [{ 'data:asText': 'x', blobId: '#a' }] },
            beyond: { data: [{ blobId: '#a', offset: 5, length: 50 }] },
          },
        },
      ],
      ['Blob/get', { ids: ['#a', '#b', 'nope'], properties: ['data:asText', 'digest:sha-256', 'size'] }],
    )) as [[string, Loose], [string, Loose]]
    const { a, b } = uploaded.created
    assert.deepEqual([a.type, a.size, b.size], ['text/plain', 12, 4])
    const errors = Object.values(uploaded.notCreated).map((error: Loose) => error.type)
    assert.deepEqual(errors, ['blobNotFound', 'invalidProperties', 'invalidProperties'])
    assert.deepEqual(got.notFound, ['nope'])
    assert.deepEqual(got.list[0], {
      id: a.id,
      'data:asText': 'Grüße, Bob',
      'digest:sha-256': createHash('sha256').update('Grüße, Bob').digest('base64'),
      size: 12,
      isTruncated: false,
    })
    // The third byte is the first half of a letter.
    const { list } = await one('Blob/get', { ids: [b.id], offset: 1, length: 2 })
    assert.deepEqual(list[0], {
      id: b.id,
      'data:asBase64': Buffer.from('rü').subarray(0, 2).toString('base64'),
      isEncodingProblem: true,
      size: 4,
      isTruncated: false,
    })
    const cut = await one('Blob/get', { ids: [a.id], offset: 10, length: 9, properties: ['data'] })
    assert.deepEqual(cut.list[0], { id: a.id, 'data:asText': 'ob', isTruncated: true })
    assert.equal((await one('Blob/get', { ids: [a.id], properties: ['digest:md5'] })).type, 'invalidArguments')
  }))

test('Blob/lookup says which mail a blob is', () =>
  atDesk(async ({ one, deliver, box }) => {
    const id = await deliver(TEXT)
    const { blobId, threadId } = (await one('Email/get', { ids: [id] })).list[0]
    const { list, notFound } = await one('Blob/lookup', {
      typeNames: ['Email', 'Thread', 'Mailbox'],
      ids: [blobId, 'nope'],
    })
    assert.deepEqual(list, [{ id: blobId, matchedIds: { Email: [id], Thread: [threadId], Mailbox: [box('inbox')] } }])
    assert.deepEqual(notFound, ['nope'])
    assert.equal((await one('Blob/lookup', { typeNames: ['Foo'], ids: [] })).type, 'unknownDataType')
  }))

test('an upload is kept over a restart of the person, and forgotten when it is old or there are too many', () =>
  atDesk(async ({ backend }) => {
    const { store, world, account } = backend
    const { id } = await uploadBlob(backend, Buffer.from('mine'))
    // Another object for the same account: nothing depends on what a connection remembers.
    assert.equal(String(await readBlobId({ ...backend }, id)), 'mine')
    const blob = await store.putBlob([Buffer.from('large')])
    const put = { kind: 'upload.put', account: account.id, nowMs: world.clock.now() + 1, blob } as const
    await done(store as never, { ...put, atMost: { count: 1, bytes: 100 } })
    assert.equal(await readBlobId(backend, id), undefined)
    await store.commit([{ kind: 'upload.prune', beforeMs: world.clock.now() + 2 }])
    assert.equal(await readBlobId(backend, `b${blob.hash}`), undefined)
  }))

test('nobody sees what is in another account, whatever name he knows of it', () =>
  atDesk(async ({ one, deliver, box, backend, accountId }) => {
    const id = await deliver(TEXT)
    const { blobId, threadId } = (await one('Email/get', { ids: [id] })).list[0]
    const upload = await uploadBlob(backend, Buffer.from('only mine'))
    const store = backend.store as Parameters<typeof makeAccount>[0]
    const other = await makeAccount(store, 'eve@recipient.test')
    const eve: JmapBackend = { ...backend, account: store.account(other)! }
    const ask = async (method: string, args: object): Promise<Loose> => {
      const call = [method, { accountId: `a${other}`, ...args }, '0']
      const body = JSON.stringify({ using: [CORE, MAIL, BLOB, QUOTA], methodCalls: [call] })
      const answer: Loose = await handleRequest(eve, Buffer.from(body))
      return answer.response.methodResponses[0][1]
    }
    assert.deepEqual((await ask('Email/get', { ids: [id] })).notFound, [id])
    assert.deepEqual((await ask('Thread/get', { ids: [threadId] })).notFound, [threadId])
    assert.deepEqual((await ask('Blob/get', { ids: [blobId, upload.id] })).notFound, [blobId, upload.id])
    assert.deepEqual((await ask('Blob/lookup', { typeNames: ['Email'], ids: [blobId] })).notFound, [blobId])
    assert.deepEqual((await ask('Email/parse', { blobIds: [blobId] })).notFound, [blobId])
    assert.equal(await readBlobId(eve, `${blobId}_0_10_i`), undefined)
    assert.deepEqual((await ask('Email/query', { filter: { inMailbox: box('inbox') } })).ids, [])
    for (const method of ['Email/get', 'Mailbox/get', 'Email/set', 'Blob/get', 'Quota/get'])
      assert.equal((await ask(method, { accountId, ids: [id] })).type, 'accountNotFound', method)
    const taken = { fromAccountId: accountId, create: { x: { id, mailboxIds: {} } } }
    assert.equal((await ask('Email/copy', taken)).type, 'fromAccountNotFound')
    assert.equal((await ask('Blob/copy', { fromAccountId: accountId, blobIds: [blobId] })).type, 'fromAccountNotFound')
    const stolen = { emails: { x: { blobId, mailboxIds: { [`m${store.mailboxByUse(other, 'inbox')!.id}`]: true } } } }
    assert.equal((await ask('Email/import', stolen)).notCreated.x.type, 'blobNotFound')
  }))

test('quotas: shown where there are any, and kept', () =>
  atDesk(async ({ one, backend, box }) => {
    assert.deepEqual((await one('Quota/get')).list, [])
    const { state } = await one('Quota/get')
    const limits = { bytes: 10_000, messages: 1 }
    await backend.store.commit([{ kind: 'quota.put', account: backend.account.id, ...limits }])
    const email = { mailboxIds: { [box('drafts')]: true }, subject: 'x' }
    const made = await one('Email/set', { create: { a: email, b: email } })
    assert.equal(made.notCreated.b.type, 'overQuota')
    const { list } = await one('Quota/get', { properties: ['resourceType', 'used', 'hardLimit'] })
    assert.deepEqual(list[1], { id: 'count', resourceType: 'count', used: 1, hardLimit: 1 })
    assert.ok(list[0].used > 0)
    assert.deepEqual((await one('Quota/changes', { sinceState: state })).updated, ['octets', 'count'])
    assert.deepEqual((await one('Quota/query', { filter: { resourceType: 'octets' } })).ids, ['octets'])
  }))

test('a receipt is sent once, to whom the message asks for, from nobody; and reads back', () =>
  atDesk(async ({ ask, one, deliver, sent, backend }) => {
    const asked = TEXT.replace('Subject', 'Disposition-Notification-To: Anna <anna@sender.test>\nSubject')
    const id = await deliver(asked)
    const plain = await deliver(TEXT.replace('hi@', 'other@'))
    const { list } = await one('Identity/get')
    const disposition = { actionMode: 'manual-action', sendingMode: 'mdn-sent-manually', type: 'displayed' }
    const mdn = { forEmailId: id, subject: 'Read: Grüße', disposition, extensionFields: { 'X-Shade': 'blue' } }
    const send = (mdns: object) =>
      ask([
        'MDN/send',
        { identityId: list[0].id, send: mdns, onSuccessUpdateEmail: { '#m': { 'keywords/$mdnsent': true } } },
      ])
    const [[, answer], [, updated]] = (await send({
      m: { ...mdn, includeOriginalMessage: true },
      none: { ...mdn, forEmailId: plain },
      bad: { ...mdn, disposition: { type: 'eaten' } },
    })) as [[string, Loose], [string, Loose]]
    assert.deepEqual(answer.sent.m.finalRecipient, 'rfc822; bob@recipient.test')
    assert.deepEqual(
      Object.values(answer.notSent).map((error: Loose) => error.type),
      ['forbidden', 'invalidProperties'],
    )
    assert.deepEqual(updated.updated, { [id]: null })
    assert.deepEqual([sent.length, sent[0]!.reversePath, sent[0]!.forwardPaths], [1, '', ['anna@sender.test']])
    const [[, again]] = (await send({ m: mdn })) as [[string, Loose]]
    assert.equal(again.notSent.m.type, 'mdnAlreadySent')

    const { id: blobId } = await uploadBlob(backend, sent[0]!.source)
    const { parsed, notParsable } = await one('MDN/parse', {
      blobIds: [blobId, (await uploadBlob(backend, Buffer.from(TEXT))).id],
    })
    assert.deepEqual(parsed[blobId].disposition, disposition)
    assert.deepEqual(
      [
        parsed[blobId].subject,
        parsed[blobId].originalMessageId,
        parsed[blobId].extensionFields,
        parsed[blobId].includeOriginalMessage,
      ],
      ['Read: Grüße', '<hi@sender.test>', { 'X-Shade': 'blue' }, true],
    )
    assert.equal(notParsable.length, 1)
  }))
