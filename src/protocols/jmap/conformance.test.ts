// What RFC 8620 and RFC 8621 demand of the methods, section by section, where the other tests of this room do not say it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nowMs } from '../../store/testing.ts'
import { uploadBlob } from './blob.ts'
import { handleRequest } from './request.ts'
import { atDesk, type Desk, type Loose } from './testing.ts'
import { CORE, LIMITS, MAIL } from './types.ts'

const lines = (...text: string[]): string => text.join('\n')

test('a request beyond a limit is told which limit it is (RFC 8620 §3.6.1)', () =>
  atDesk(async ({ backend }) => {
    const ask = async (body: string): Promise<Loose> => {
      const result: Loose = await handleRequest(backend, Buffer.from(body))
      return result.problem ?? result.response
    }
    const many = JSON.stringify(Array.from({ length: LIMITS.maxCallsInRequest + 1 }, () => ['Core/echo', {}, 'c']))
    const tooMany = await ask(`{"using":["${CORE}"],"methodCalls":${many}}`)
    assert.deepEqual(
      [tooMany.type, tooMany.status, tooMany.limit],
      ['urn:ietf:params:jmap:error:limit', 400, 'maxCallsInRequest'],
    )
    const large = await ask(`{"using":[],"methodCalls":[],"x":"${'x'.repeat(LIMITS.maxSizeRequest)}"}`)
    assert.equal(large.limit, 'maxSizeRequest')
    for (const bad of ['null', '1', '{}', '{"using":"x","methodCalls":[]}', '{"using":[],"methodCalls":{}}'])
      assert.equal((await ask(bad)).type, 'urn:ietf:params:jmap:error:notRequest', bad)
    assert.equal(
      (await ask('{"using":[],"methodCalls":[],"createdIds":{"a":1}}')).type,
      'urn:ietf:params:jmap:error:notRequest',
    )
    // A capability that is not named lends no methods; created ids come back when they were given.
    const { methodResponses, createdIds } = await ask(
      `{"using":["${CORE}","${MAIL}"],"createdIds":{"k":"e1"},"methodCalls":[["Core/echo",{"a":[1,{"b":null}]},"x"],["Identity/get",{},"y"]]}`,
    )
    assert.deepEqual(methodResponses, [
      ['Core/echo', { a: [1, { b: null }] }, 'x'],
      ['error', { type: 'unknownMethod' }, 'y'],
    ])
    assert.deepEqual(createdIds, { k: 'e1' })
  }))

test('the errors of methods (RFC 8620 §3.6.2, §5)', () =>
  atDesk(async ({ one, deliver }) => {
    await deliver('Subject: x\n\nx\n')
    const tooMany = Array.from({ length: LIMITS.maxObjectsInGet + 1 }, (_, at) => `e${at + 1}`)
    const create = Object.fromEntries(Array.from({ length: LIMITS.maxObjectsInSet + 1 }, (_, at) => [`k${at}`, {}]))
    for (const [method, args, type] of [
      ['Email/get', { ids: tooMany }, 'requestTooLarge'],
      ['Email/get', { ids: [], properties: ['header:Subject:asNothing'] }, 'invalidArguments'],
      ['Email/get', { ids: [], bodyProperties: ['nope'] }, 'invalidArguments'],
      ['Email/get', { ids: [], maxBodyValueBytes: -1 }, 'invalidArguments'],
      ['Email/set', { create }, 'requestTooLarge'],
      ['Email/set', { ifInState: 'other' }, 'stateMismatch'],
      ['Mailbox/set', { ifInState: 'other' }, 'stateMismatch'],
      ['Email/changes', {}, 'invalidArguments'],
      ['Email/changes', { sinceState: 'x' }, 'cannotCalculateChanges'],
      ['Email/changes', { sinceState: '1', maxChanges: 0 }, 'invalidArguments'],
      ['Thread/changes', { sinceState: 'x' }, 'cannotCalculateChanges'],
      ['Mailbox/changes', { sinceState: '999999' }, 'cannotCalculateChanges'],
      ['Email/queryChanges', { sinceQueryState: 'x' }, 'cannotCalculateChanges'],
      ['Email/query', { limit: -1 }, 'invalidArguments'],
      ['Email/query', { position: 0.5 }, 'invalidArguments'],
      ['Email/query', { sort: [{ isAscending: true }] }, 'invalidArguments'],
      ['Email/query', { sort: [{ property: 'hasKeyword' }] }, 'invalidArguments'],
      ['Email/query', { filter: { operator: 'XOR', conditions: [] } }, 'unsupportedFilter'],
      ['Email/query', { filter: { inMailbox: 7 } }, 'invalidArguments'],
      ['Email/import', {}, 'invalidArguments'],
      ['Email/parse', {}, 'invalidArguments'],
      ['SearchSnippet/get', {}, 'invalidArguments'],
      ['Thread/get', { ids: 'x' }, 'invalidArguments'],
    ] as const)
      assert.equal((await one(method, args)).type, type, `${method} ${JSON.stringify(args).slice(0, 80)}`)
  }))

const HEADERS = lines(
  'Received: from a.test by b.test; Mon, 18 Jun 2018 16:51:30 -0400',
  'From: "Anna, A." <anna@sender.test>',
  'To: Friends: =?utf-8?q?J=C3=B6rg?= <joerg@x.test>, carl@x.test;, dora@x.test',
  'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and',
  '  more',
  'Date: Mon, 18 Jun 2018 16:51:28 -0400',
  'Message-ID: <one@sender.test>',
  'References: <a@x.test> (no id) <b@x.test>',
  'List-Post: <https://x.test/post>, <mailto:post@x.test>',
  'X-Twice: first',
  'X-Twice:  second ',
  'X-People: Eve <eve@x.test>',
  '',
  'Body.',
)

test('the forms of header fields (RFC 8621 §4.1.2, §4.1.3)', () =>
  atDesk(async ({ one, deliver }) => {
    const id = await deliver(HEADERS)
    const joerg = { name: 'Jörg', email: 'joerg@x.test' }
    const [carl, dora] = ['carl', 'dora'].map((name) => ({ name: null, email: `${name}@x.test` }))
    const expected: Loose = {
      'header:Subject': ' =?utf-8?q?Gr=C3=BC=C3=9Fe?= and\r\n  more',
      'header:subject:asText': 'Grüße and  more',
      'header:From:asAddresses': [{ name: 'Anna, A.', email: 'anna@sender.test' }],
      'header:To:asAddresses': [joerg, carl, dora],
      'header:To:asGroupedAddresses': [
        { name: 'Friends', addresses: [joerg, carl] },
        { name: null, addresses: [dora] },
      ],
      'header:Message-ID:asMessageIds': ['one@sender.test'],
      'header:References:asMessageIds:all': [['a@x.test', 'b@x.test']],
      'header:Date:asDate': '2018-06-18T20:51:28Z',
      'header:List-Post:asURLs': ['https://x.test/post', 'mailto:post@x.test'],
      'header:X-Twice': '  second ',
      'header:X-Twice:asRaw:all': [' first', '  second '],
      'header:x-twice:asText:all': ['first', 'second'],
      'header:X-People:asAddresses': [{ name: 'Eve', email: 'eve@x.test' }],
      'header:X-Twice:asDate': null,
      'header:X-Twice:asMessageIds': null,
      'header:X-Twice:asURLs': null,
      'header:X-None': null,
      'header:X-None:asAddresses': null,
      'header:X-None:asText:all': [],
    }
    const { list } = await one('Email/get', { ids: [id], properties: Object.keys(expected) })
    assert.deepEqual(list[0], { id, ...expected })
    const { headers } = (await one('Email/get', { ids: [id], properties: ['headers'] })).list[0]
    assert.deepEqual(headers[8], { name: 'X-Twice', value: ' first' })
    // A form that a field cannot have is no property (§4.1.2).
    for (const name of [
      'header:Subject:asAddresses',
      'header:From:asText',
      'header:Date:asURLs',
      'header:Message-ID:asText',
      'header:List-Post:asText',
      'header:Received:asText',
      'header:Return-Path:asAddresses',
      'header:',
      'header:X Y',
      'header:X-Twice:all:asText',
      'header:X-Twice:asraw',
    ])
      assert.equal((await one('Email/get', { ids: [id], properties: [name] })).type, 'invalidArguments', name)
  }))

const ALTERNATIVE = lines(
  'From: anna@sender.test',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=m',
  '',
  '--m',
  'Content-Type: multipart/alternative; boundary=a',
  '',
  '--a',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'aü€😀z',
  '--a',
  'Content-Type: text/html; charset=utf-8',
  '',
  '<p>aü</p><b>x</b>',
  '--a--',
  '--m',
  'Content-Type: text/csv; name=t.csv',
  'Content-Disposition: attachment; filename=t.csv',
  '',
  '1,2',
  '--m',
  'Content-Type: message/rfc822',
  '',
  'Subject: inner',
  '',
  'within',
  '--m--',
)

test('which body values come, and where they are cut (RFC 8621 §4.2)', () =>
  atDesk(async ({ one, deliver }) => {
    const id = await deliver(ALTERNATIVE)
    const get = async (args: object) =>
      (
        await one('Email/get', {
          ids: [id],
          properties: ['bodyValues', 'textBody', 'htmlBody', 'attachments'],
          ...args,
        })
      ).list[0]
    const { textBody, htmlBody, attachments, bodyValues } = await get({})
    assert.deepEqual(bodyValues, {})
    const [text, html, csv] = [textBody[0].partId, htmlBody[0].partId, attachments[0].partId]
    const values = async (args: object) => Object.keys((await get(args)).bodyValues).sort()
    assert.deepEqual(await values({ fetchTextBodyValues: true }), [text])
    assert.deepEqual(await values({ fetchHTMLBodyValues: true }), [html])
    assert.deepEqual(await values({ fetchAllBodyValues: true }), [text, html, csv].sort())
    assert.deepEqual(await values({ fetchTextBodyValues: true, fetchHTMLBodyValues: true }), [text, html].sort())
    // aü€😀z takes 1, 2, 3, 4 and 1 bytes: no character is cut in two.
    for (const [max, value, isTruncated] of [
      [1, 'a', true],
      [2, 'a', true],
      [3, 'aü', true],
      [5, 'aü', true],
      [6, 'aü€', true],
      [9, 'aü€', true],
      [10, 'aü€😀', true],
      [11, 'aü€😀z', false],
      [0, 'aü€😀z', false],
    ] as const) {
      const got = (await get({ fetchTextBodyValues: true, maxBodyValueBytes: max })).bodyValues[text]
      assert.deepEqual(got, { value, isEncodingProblem: false, isTruncated }, `${max} bytes`)
    }
    const cut = (await get({ fetchHTMLBodyValues: true, maxBodyValueBytes: 11 })).bodyValues[html]
    assert.deepEqual([cut.value, cut.isTruncated], ['<p>aü</p>', true], 'no tag is cut in two')
    const parts = await get({ bodyProperties: ['partId', 'header:Content-Type:asText'], properties: ['attachments'] })
    assert.deepEqual(Object.keys(parts.attachments[0]).sort(), ['header:Content-Type:asText', 'partId'])

    const inner = attachments[1].blobId
    const none = `b${'0'.repeat(64)}`
    const parsed = await one('Email/parse', {
      blobIds: [inner, none],
      properties: ['id', 'subject', 'mailboxIds', 'bodyValues'],
      fetchAllBodyValues: true,
    })
    const { id: noId, subject, mailboxIds, bodyValues: within } = parsed.parsed[inner]
    assert.deepEqual([noId, subject, mailboxIds], [null, 'inner', null])
    assert.deepEqual(
      Object.values(within).map(({ value }: Loose) => value.trim()),
      ['within'],
    )
    assert.deepEqual(parsed.notFound, [none])
  }))

test('what cannot be an email is refused, with the property (RFC 8621 §4.6)', () =>
  atDesk(async ({ one, box, backend }) => {
    const mailboxIds = { [box('drafts')]: true }
    const text = { bodyValues: { t: { value: 'x' } }, textBody: [{ partId: 't', type: 'text/plain' }] }
    const tree = (part: object) => ({ bodyValues: { t: { value: 'x' } }, bodyStructure: part })
    const plain = { partId: 't', type: 'text/plain' }
    const { id: blobId } = await uploadBlob(backend, Buffer.from('four'))
    for (const [name, wanted] of Object.entries({
      'no mailbox': { ...text, mailboxIds: {} },
      'a mailbox that is not': { ...text, mailboxIds: { m999: true } },
      'a mailbox that is false': { ...text, mailboxIds: { [box('drafts')]: false } },
      'a keyword that is none': { ...text, mailboxIds, keywords: { 'a b': true } },
      'headers whole': { ...text, mailboxIds, headers: [{ name: 'X', value: ' y' }] },
      'headers of a part': { mailboxIds, ...tree({ ...plain, headers: [] }) },
      'a property and a field': { ...text, mailboxIds, subject: 'a', 'header:Subject': ' b' },
      'a field twice': { ...text, mailboxIds, 'header:X-A': ' b', 'header:X-A:asText': 'b' },
      'a content field on top': { ...text, mailboxIds, 'header:Content-Type': ' text/plain' },
      'a transfer encoding': { mailboxIds, ...tree({ ...plain, 'header:Content-Transfer-Encoding': ' 8bit' }) },
      'the field of the email in its body': {
        mailboxIds,
        'header:X-A': ' 1',
        ...tree({ ...plain, 'header:X-A': ' 2' }),
      },
      'a structure and a text': { ...text, mailboxIds, bodyStructure: plain },
      'two texts': { ...text, mailboxIds, textBody: [plain, plain] },
      'a text that is HTML': { ...text, mailboxIds, textBody: [{ partId: 't', type: 'text/html' }] },
      'an HTML that is text': { ...text, mailboxIds, textBody: undefined, htmlBody: [plain] },
      'a part and a blob': { mailboxIds, ...tree({ ...plain, blobId }) },
      'a charset of our text': { mailboxIds, ...tree({ ...plain, charset: 'utf-8' }) },
      'a size of our text': { mailboxIds, ...tree({ ...plain, size: 1 }) },
      'a value that is missing': { mailboxIds, ...tree({ partId: 'other', type: 'text/plain' }) },
      'a value that is cut': { ...text, mailboxIds, bodyValues: { t: { value: 'x', isTruncated: true } } },
      'a value that was broken': { ...text, mailboxIds, bodyValues: { t: { value: 'x', isEncodingProblem: true } } },
      'a property that the server sets': { ...text, mailboxIds, threadId: 't1' },
      'a size': { ...text, mailboxIds, size: 7 },
      'a form that the field cannot have': { ...text, mailboxIds, 'header:From:asText': 'x' },
    })) {
      const { notCreated } = await one('Email/set', { create: { k: wanted } })
      assert.equal(notCreated?.k.type, 'invalidProperties', name)
      assert.ok(notCreated.k.properties.length > 0, name)
    }
    const missing = await one('Email/set', {
      create: { k: { mailboxIds, bodyStructure: { blobId: `b${'1'.repeat(64)}`, type: 'text/plain' } } },
    })
    assert.deepEqual(
      [missing.notCreated.k.type, missing.notCreated.k.notFound],
      ['blobNotFound', [`b${'1'.repeat(64)}`]],
    )
  }))

test('an email of a structure reads back as it was given; what is missing the server adds (RFC 8621 §4.6)', () =>
  atDesk(async ({ one, box, backend }) => {
    const { id: blobId } = await uploadBlob(backend, Buffer.from([0, 255, 1]))
    const mailboxIds = { [box('drafts')]: true }
    const { created } = await one('Email/set', {
      create: {
        k: {
          mailboxIds,
          keywords: { $Draft: true, MyWord: true },
          from: [{ name: 'Jörg, B.', email: 'bob@recipient.test' }],
          subject: 'Grüße',
          'header:X-People:asGroupedAddresses': [{ name: 'All', addresses: [{ name: null, email: 'eve@x.test' }] }],
          'header:X-Long:asText:all': ['one', 'ü'.repeat(300)],
          'header:List-Post:asURLs': ['https://x.test/'],
          bodyValues: { a: { value: 'plain ü\n' }, b: { value: '<p>ü</p>' } },
          bodyStructure: {
            type: 'multipart/mixed',
            subParts: [
              {
                type: 'multipart/alternative',
                subParts: [
                  { partId: 'a', type: 'text/plain' },
                  { partId: 'b', type: 'text/html', language: ['de'] },
                ],
              },
              {
                blobId,
                type: 'application/x-thing',
                name: 'dîng.bin',
                disposition: 'attachment',
                cid: 'c@x',
                'header:X-Part': ' here',
              },
            ],
          },
        },
      },
    })
    assert.deepEqual(Object.keys(created.k).sort(), ['blobId', 'id', 'size', 'threadId'])
    const names = ['X-People:asGroupedAddresses', 'X-Long:asText:all', 'List-Post:asURLs'].map(
      (name) => `header:${name}`,
    )
    const { list } = await one('Email/get', {
      ids: [created.k.id],
      properties: [
        'keywords',
        'from',
        'subject',
        'sentAt',
        'messageId',
        'receivedAt',
        'bodyStructure',
        'bodyValues',
        ...names,
      ],
      bodyProperties: ['type', 'name', 'disposition', 'cid', 'language', 'size', 'partId', 'subParts', 'header:X-Part'],
      fetchAllBodyValues: true,
    })
    const [email] = list
    assert.deepEqual(email.keywords, { $draft: true, myword: true })
    assert.deepEqual(email.from, [{ name: 'Jörg, B.', email: 'bob@recipient.test' }])
    assert.deepEqual(
      names.map((name) => email[name]),
      [
        [{ name: 'All', addresses: [{ name: null, email: 'eve@x.test' }] }],
        ['one', 'ü'.repeat(300)],
        ['https://x.test/'],
      ],
    )
    assert.ok(email.sentAt && email.messageId.length === 1 && email.receivedAt)
    const [alternative, file] = email.bodyStructure.subParts
    assert.deepEqual(
      alternative.subParts.map(({ type }: Loose) => type),
      ['text/plain', 'text/html'],
    )
    assert.deepEqual(alternative.subParts[1].language, ['de'])
    assert.deepEqual(
      [file.type, file.name, file.disposition, file.cid, file.size, file['header:X-Part']],
      ['application/x-thing', 'dîng.bin', 'attachment', 'c@x', 3, ' here'],
    )
    assert.deepEqual(
      alternative.subParts.map(({ partId }: Loose) => email.bodyValues[partId].value.trim()),
      ['plain ü', '<p>ü</p>'],
    )
  }))

/** Emails a day apart, the newest last; their ids. */
async function days({ deliver }: Desk, count: number, thread = (at: number) => at): Promise<string[]> {
  const ids: string[] = []
  for (let at = 0; at < count; at++) {
    const id = thread(at)
    const references = id === at ? '' : `\nReferences: <t${id}@x.test>`
    const text = `Subject: ${id === at ? '' : 'Re: '}Topic ${id}\nMessage-ID: <t${at}@x.test>${references}\n\nx\n`
    ids.push(await deliver(text, { receivedAtMs: nowMs + at * 86_400_000 }))
  }
  return ids
}

test('windows: position, anchor and offset, from either end (RFC 8620 §5.5)', () =>
  atDesk(async (desk) => {
    const oldestFirst = await days(desk, 9)
    const all = oldestFirst.toReversed()
    const sort = [{ property: 'receivedAt', isAscending: false }]
    const window = async (args: object) => desk.one('Email/query', { sort, ...args })
    for (const inBox of [{}, { filter: { inMailbox: desk.box('inbox') } }])
      for (const [args, from, to] of [
        [{}, 0, 9],
        [{ position: 3, limit: 2 }, 3, 5],
        [{ position: -3, limit: 2 }, 6, 8],
        [{ position: -99, limit: 2 }, 0, 2],
        [{ position: 9 }, 9, 9],
        [{ position: 99 }, 9, 9],
        [{ limit: 0 }, 0, 0],
        [{ anchor: all[4], limit: 2 }, 4, 6],
        [{ anchor: all[4], anchorOffset: 2, limit: 2 }, 6, 8],
        [{ anchor: all[4], anchorOffset: -2, limit: 3 }, 2, 5],
        [{ anchor: all[4], anchorOffset: -99, limit: 3 }, 0, 3],
        [{ anchor: all[4], position: 7, limit: 1 }, 4, 5],
        [{ anchor: all[8], anchorOffset: 5 }, 9, 9],
      ] as const) {
        const found = await window({ ...args, ...inBox, calculateTotal: true })
        assert.deepEqual(found.ids, all.slice(from, to), JSON.stringify(args))
        assert.equal(found.total, 9)
        if (found.ids.length > 0) assert.equal(found.position, from, JSON.stringify(args))
      }
    assert.equal((await window({ anchor: 'e999' })).type, 'anchorNotFound')
    assert.equal((await window({ anchor: all[0], filter: { subject: 'Topic 3' } })).type, 'anchorNotFound')
    assert.equal((await window({})).total, undefined)
  }))

test('conversations: one email of each, threads in order, and how their list changed (RFC 8621 §3, §4.4, §4.5)', () =>
  atDesk(async (desk) => {
    const { one, deliver } = desk
    const ids = await days(desk, 6, (at) => at % 2)
    const sort = [{ property: 'receivedAt', isAscending: false }]
    const query = { sort, collapseThreads: true }
    const before = await one('Email/query', { ...query, calculateTotal: true })
    assert.deepEqual([before.ids, before.total, before.collapseThreads], [[ids[5], ids[4]], 2, true])
    const { threadId } = (await one('Email/get', { ids: [ids[0]], properties: ['threadId'] })).list[0]
    const threads = await one('Thread/get', { ids: [threadId, 't999'] })
    assert.deepEqual(
      [threads.list, threads.notFound],
      [[{ id: threadId, emailIds: [ids[0], ids[2], ids[4]] }], ['t999']],
    )

    await one('Email/set', { destroy: [ids[5]] })
    const late = await deliver('Subject: Re: Topic 0\nReferences: <t0@x.test>\nMessage-ID: <l@x.test>\n\nx\n', {
      receivedAtMs: nowMs + 99 * 86_400_000,
    })
    const changed = await one('Email/queryChanges', {
      ...query,
      sinceQueryState: before.queryState,
      calculateTotal: true,
    })
    assert.equal(changed.total, 2)
    const list = before.ids.filter((id: string) => !changed.removed.includes(id))
    for (const { id, index } of changed.added) list.splice(index, 0, id)
    assert.deepEqual(list, (await one('Email/query', query)).ids)
    assert.deepEqual(list, [late, ids[3]])
    const few = { ...query, sinceQueryState: before.queryState, maxChanges: 1 }
    assert.equal((await one('Email/queryChanges', few)).type, 'tooManyChanges')
  }))

test('snippets: nothing where nothing is found, and what is not there (RFC 8621 §5)', () =>
  atDesk(async ({ one, deliver }) => {
    const id = await deliver('Subject: The harbour\n\nA ship in the harbour.\n')
    const get = (filter: object) => one('SearchSnippet/get', { filter, emailIds: [id, 'e999'] })
    const found = await get({ text: 'harbour' })
    assert.deepEqual(found.notFound, ['e999'])
    assert.match(found.list[0].subject, /<mark>harbour<\/mark>/)
    assert.match(found.list[0].preview, /<mark>harbour<\/mark>/)
    assert.deepEqual((await get({ hasAttachment: false })).list, [{ emailId: id, subject: null, preview: null }])
    const { subject, preview } = (await get({ body: 'ship' })).list[0]
    assert.deepEqual([subject, preview.includes('<mark>ship</mark>')], [null, true])
  }))

test('mailboxes: what may be set, and what is told of it (RFC 8621 §2.5)', () =>
  atDesk(async ({ one, box, deliver }) => {
    const set = async (args: object) => one('Mailbox/set', args)
    const made = await set({ create: { a: { name: 'A' }, b: { name: 'B', parentId: '#a' } } })
    assert.deepEqual([made.notCreated, made.updated, made.destroyed, made.notDestroyed], [null, null, null, null])
    const { id: a, totalEmails, myRights, parentId, role } = made.created.a
    assert.deepEqual([totalEmails, myRights.mayDelete, parentId, role], [0, true, null, null])
    for (const [wanted, property] of [
      [{}, 'name'],
      [{ name: '' }, 'name'],
      [{ name: 'A' }, 'name'],
      [{ name: 'x\u0007' }, 'name'],
      [{ name: 'C', parentId: 'm999' }, 'parentId'],
      [{ name: 'C', role: 'inbox' }, 'role'],
      [{ name: 'C', role: 'king' }, 'role'],
      [{ name: 'C', sortOrder: -1 }, 'sortOrder'],
      [{ name: 'C', totalEmails: 0 }, 'totalEmails'],
      [{ name: 'C', id: 'm7' }, 'id'],
    ] as const) {
      const { type, properties } = (await set({ create: { c: wanted } })).notCreated.c
      assert.deepEqual([type, properties], ['invalidProperties', [property]], JSON.stringify(wanted))
    }
    const b = made.created.b.id
    const update = async (id: string, patch: object) => (await set({ update: { [id]: patch } })).notUpdated?.[id]
    assert.equal((await update('m999', { name: 'x' })).type, 'notFound')
    assert.deepEqual((await update(a, { parentId: b })).properties, ['parentId'])
    assert.deepEqual((await update(a, { unreadEmails: 3 })).properties, ['unreadEmails'])
    assert.equal(await update(a, { name: 'A2', sortOrder: 3, isSubscribed: true }), undefined)
    const destroy = async (id: string, more: object = {}) =>
      (await set({ destroy: [id], ...more })).notDestroyed?.[id]?.type
    assert.equal(await destroy('m999'), 'notFound')
    assert.equal(await destroy(a), 'mailboxHasChild')
    const email = await deliver('Subject: x\n\nx\n')
    const both = await deliver('Subject: y\n\ny\n')
    await one('Email/set', {
      update: { [email]: { mailboxIds: { [b]: true } }, [both]: { [`mailboxIds/${b}`]: true } },
    })
    assert.equal(await destroy(b), 'mailboxHasEmail')
    assert.equal(await destroy(b, { onDestroyRemoveEmails: true }), undefined)
    const left = await one('Email/get', { ids: [email, both], properties: ['mailboxIds'] })
    assert.deepEqual([left.notFound, left.list], [[email], [{ id: both, mailboxIds: { [box('inbox')]: true } }]])
  }))

test('Email/set and Email/import: what is refused of one leaves the others alone (RFC 8621 §4.6, §4.8)', () =>
  atDesk(async ({ one, box, deliver, backend }) => {
    const id = await deliver('Subject: x\n\nx\n')
    const set = await one('Email/set', {
      update: {
        [id]: { 'keywords/$Flagged': true, 'keywords/$seen': null },
        e999: { 'keywords/$seen': true },
      },
      destroy: ['e998'],
    })
    assert.deepEqual(
      [set.updated, set.notUpdated.e999.type, set.notDestroyed.e998.type],
      [{ [id]: null }, 'notFound', 'notFound'],
    )
    for (const patch of [
      { subject: 'y' },
      { size: 3 },
      { mailboxIds: {} },
      { [`mailboxIds/${box('inbox')}`]: null },
      { 'mailboxIds/m999': true },
      { 'keywords/a b': true },
      { 'keywords/$seen': false },
      { keywords: { $seen: false } },
    ])
      assert.equal(
        (await one('Email/set', { update: { [id]: patch } })).notUpdated[id].type,
        'invalidProperties',
        JSON.stringify(patch),
      )
    assert.deepEqual((await one('Email/get', { ids: [id], properties: ['keywords'] })).list[0].keywords, {
      $flagged: true,
    })

    const { id: blobId } = await uploadBlob(backend, Buffer.from('Subject: in\r\n\r\nx\r\n'))
    const { id: noMail } = await uploadBlob(backend, Buffer.from(''))
    const mailboxIds = { [box('inbox')]: true }
    const imported = await one('Email/import', {
      emails: {
        good: { blobId, mailboxIds, keywords: { $seen: true }, receivedAt: '2020-01-02T03:04:05Z' },
        nowhere: { blobId },
        missing: { blobId: `b${'2'.repeat(64)}`, mailboxIds },
        empty: { blobId: noMail, mailboxIds },
        late: { blobId, mailboxIds, receivedAt: 'yesterday' },
      },
    })
    assert.deepEqual(Object.keys(imported.created), ['good'])
    assert.deepEqual(
      Object.fromEntries(Object.entries(imported.notCreated).map(([key, error]: [string, Loose]) => [key, error.type])),
      { nowhere: 'invalidProperties', missing: 'blobNotFound', empty: 'invalidEmail', late: 'invalidProperties' },
    )
    const got = await one('Email/get', {
      ids: [imported.created.good.id],
      properties: ['receivedAt', 'keywords', 'subject'],
    })
    const { receivedAt, keywords, subject } = got.list[0]
    assert.deepEqual([receivedAt, keywords, subject], ['2020-01-02T03:04:05Z', { $seen: true }, 'in'])
  }))

test('what is sent changes its email, or is gone, only when it was sent (RFC 8621 §7.5)', () =>
  atDesk(async ({ one, ask, box, deliver, sent }) => {
    const draft = (to: string) =>
      deliver(`From: bob@recipient.test\nTo: ${to}\nSubject: x\n\nx\n`, { flags: ['\\Draft'] })
    const [good, bad, gone] = [await draft('anna@x.test'), await draft('550@x.test'), await draft('carl@x.test')]
    const identityId = (await one('Identity/get')).list[0].id
    const filed = { 'keywords/$draft': null, [`mailboxIds/${box('sent')}`]: true }
    const answers = await ask([
      'EmailSubmission/set',
      {
        create: {
          a: { identityId, emailId: good },
          b: { identityId, emailId: bad },
          c: { identityId, emailId: gone },
          d: { identityId, emailId: 'e999' },
          e: { identityId: 'i999', emailId: good },
        },
        onSuccessUpdateEmail: { '#a': filed, '#b': filed },
        onSuccessDestroyEmail: ['#c'],
      },
    ])
    const [[, submitted], [name, set]] = answers as Loose
    assert.deepEqual(Object.keys(submitted.created).sort(), ['a', 'c'])
    assert.equal(submitted.notCreated.d.type, 'invalidProperties')
    assert.equal(submitted.notCreated.e.type, 'invalidProperties')
    assert.deepEqual([name, Object.keys(set.updated), set.destroyed], ['Email/set', [good], [gone]])
    assert.equal(sent.length, 3)
    const { list, notFound } = await one('Email/get', { ids: [good, bad, gone], properties: ['keywords'] })
    assert.deepEqual([list.map(({ keywords }: Loose) => keywords), notFound], [[{}, { $draft: true }], [gone]])
  }))
