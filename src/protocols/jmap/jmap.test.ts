import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EmbeddedStore } from '../../store/embedded.ts'
import { TextIndex } from '../../store/text/text-index.ts'
import { readBlobId, uploadBlob } from './blob.ts'
import { handleRequest } from './request.ts'
import { sessionObject } from './session.ts'
import { atDesk, type Loose } from './testing.ts'
import { CORE, MAIL } from './types.ts'

const LUNCH = `From: Anna Author <anna@sender.test>
To: Bob <bob@recipient.test>, robert@recipient.test
Subject: =?utf-8?q?Mittag=C3=A4ssen?=
Date: Mon, 23 Nov 2026 10:00:00 +0100
Message-ID: <lunch@sender.test>

Shall we meet for lunch at the harbour?
`
const ANSWER = `From: Carl <carl@sender.test>
To: bob@recipient.test
Subject: Re: =?utf-8?q?Mittag=C3=A4ssen?=
Message-ID: <answer@sender.test>
In-Reply-To: <lunch@sender.test>
References: <lunch@sender.test>

Count me in.
`
const MIXED = `From: Anna <anna@sender.test>
To: bob@recipient.test
Subject: Pictures
List-Unsubscribe: <https://sender.test/bye>, <mailto:bye@sender.test>
Message-ID: <pictures@sender.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe
--a
Content-Type: text/html; charset=utf-8

<p>Grüße</p>
--a--
--m
Content-Type: image/png; name="dot.png"
Content-Disposition: attachment; filename="dot.png"
Content-Transfer-Encoding: base64

AAEC
--m--
`

test('a request that is no request is refused whole (RFC 8620 §3.6.1)', () =>
  atDesk(async ({ backend }) => {
    const ask = async (body: string | Buffer): Promise<Loose> => {
      const result: Loose = await handleRequest(backend, Buffer.from(body))
      return result.problem?.type?.replace('urn:ietf:params:jmap:error:', '') ?? result.response
    }
    assert.equal(await ask('{'), 'notJSON')
    assert.equal(await ask(Buffer.from([0x22, 0xff, 0x22])), 'notJSON')
    assert.equal(await ask('[]'), 'notRequest')
    assert.equal(await ask('{"using":[],"methodCalls":[["a",{}]]}'), 'notRequest')
    assert.equal(await ask('{"using":["urn:x"],"methodCalls":[]}'), 'unknownCapability')
    const calls = JSON.stringify(Array.from({ length: 100 }, () => ['Core/echo', {}, 'c']))
    assert.equal(await ask(`{"using":["${CORE}"],"methodCalls":${calls}}`), 'limit')
    const { methodResponses } = await ask(
      `{"using":["${CORE}"],"methodCalls":[["Mailbox/get",{},"c"],["Nope/get",{},"d"]]}`,
    )
    assert.deepEqual(methodResponses, [
      ['error', { type: 'unknownMethod' }, 'c'],
      ['error', { type: 'unknownMethod' }, 'd'],
    ])
  }))

test('references to earlier responses (RFC 8620 §3.7)', () =>
  atDesk(async ({ ask, deliver, box }) => {
    const lunch = await deliver(LUNCH)
    const answers = await ask(
      ['Email/query', { filter: { inMailbox: box('inbox') } }],
      ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['threadId'] }],
      ['Thread/get', { '#ids': { resultOf: '1', name: 'Email/get', path: '/list/*/threadId' } }],
      ['Email/get', { '#ids': { resultOf: '0', name: 'Email/get', path: '/ids' } }],
      ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/nothing' } }],
      ['Email/get', { ids: [], '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' } }],
    )
    assert.deepEqual(answers[2]![1].list[0].emailIds, [lunch])
    assert.deepEqual(
      answers.slice(3).map(([, args]) => args.type),
      ['invalidResultReference', 'invalidResultReference', 'invalidArguments'],
    )
  }))

test('arguments are checked', () =>
  atDesk(async ({ one }) => {
    assert.equal((await one('Mailbox/get', { accountId: 'a99' })).type, 'accountNotFound')
    assert.equal((await one('Mailbox/get', { ids: 'm1' })).type, 'invalidArguments')
    assert.equal((await one('Mailbox/get', { extra: 1 })).type, 'invalidArguments')
    assert.equal((await one('Mailbox/get', { properties: ['nope'] })).type, 'invalidArguments')
    assert.deepEqual((await one('Email/get', {})).list, [])
    assert.equal((await one('Email/query', { filter: { color: 'red' } })).type, 'unsupportedFilter')
    assert.equal((await one('Email/query', { sort: [{ property: 'color' }] })).type, 'unsupportedSort')
    assert.equal((await one('Email/query', { anchor: 'e99' })).type, 'anchorNotFound')
    assert.deepEqual((await one('Email/get', { ids: ['e99', 'zzz'] })).notFound, ['e99', 'zzz'])
  }))

test('mailboxes: roles, counts, a tree, and who may be destroyed', () =>
  atDesk(async ({ one, deliver, box }) => {
    const before = await one('Mailbox/get')
    assert.deepEqual(before.list.map((mailbox: Loose) => mailbox.role).sort(), [
      'archive',
      'drafts',
      'inbox',
      'junk',
      'sent',
      'trash',
    ])
    await deliver(LUNCH)
    await deliver(ANSWER)
    const { list } = await one('Mailbox/get', { ids: [box('inbox')] })
    const { name, totalEmails, unreadEmails, totalThreads, unreadThreads } = list[0]
    assert.deepEqual([name, totalEmails, unreadEmails, totalThreads, unreadThreads], ['Inbox', 2, 2, 1, 1])

    const made = await one('Mailbox/set', { create: { w: { name: 'Work' }, i: { name: 'Invoices', parentId: '#w' } } })
    const [work, invoices] = [made.created.w.id, made.created.i.id]
    const shown = await one('Mailbox/get', { ids: [invoices], properties: ['name', 'parentId'] })
    assert.deepEqual(shown.list[0], { id: invoices, name: 'Invoices', parentId: work })
    assert.equal((await one('Mailbox/set', { destroy: [work] })).notDestroyed[work].type, 'mailboxHasChild')
    assert.equal((await one('Mailbox/set', { destroy: [box('inbox')] })).notDestroyed[box('inbox')].type, 'forbidden')
    assert.equal((await one('Mailbox/set', { create: { x: { name: 'a/b' } } })).notCreated.x.type, 'invalidProperties')
    await one('Mailbox/set', { update: { [invoices]: { name: 'Bills', parentId: null } } })
    const renamed = await one('Mailbox/query', { filter: { name: 'bill' } })
    assert.deepEqual(renamed.ids, [invoices])
    const changes = await one('Mailbox/changes', { sinceState: before.state })
    assert.deepEqual(new Set(changes.created), new Set([work, invoices]))
    assert.ok(changes.updated.includes(box('inbox')))
    assert.equal((await one('Mailbox/changes', { sinceState: 'x' })).type, 'cannotCalculateChanges')
  }))

test('Email/get: properties of the row, of the header and of the body', () =>
  atDesk(async ({ one, deliver, backend }) => {
    const id = await deliver(MIXED, { flags: ['\\Seen', '\\Deleted', '$forwarded'] })
    const { list } = await one('Email/get', {
      ids: [id],
      properties: [
        'from',
        'keywords',
        'hasAttachment',
        'bodyStructure',
        'textBody',
        'htmlBody',
        'attachments',
        'bodyValues',
        'header:List-Unsubscribe:asURLs',
        'header:subject',
        'header:X-None:all',
      ],
      fetchAllBodyValues: true,
    })
    const [email] = list
    assert.deepEqual(email.keywords, { $seen: true, $forwarded: true })
    assert.deepEqual(email.from, [{ name: 'Anna', email: 'anna@sender.test' }])
    assert.deepEqual(email['header:List-Unsubscribe:asURLs'], ['https://sender.test/bye', 'mailto:bye@sender.test'])
    assert.equal(email['header:subject'], ' Pictures')
    assert.deepEqual(email['header:X-None:all'], [])
    assert.equal(email.bodyStructure.type, 'multipart/mixed')
    assert.equal(email.bodyStructure.subParts[0].subParts[1].type, 'text/html')
    assert.equal(email.bodyValues[email.textBody[0].partId].value.trim(), 'Grüße')
    assert.equal(email.bodyValues[email.htmlBody[0].partId].value.trim(), '<p>Grüße</p>')
    const [file] = email.attachments
    assert.deepEqual([file.name, file.type, file.size], ['dot.png', 'image/png', 3])
    assert.deepEqual(await readBlobId(backend, file.blobId), Buffer.from([0, 1, 2]))
    assert.equal((await one('Email/get', { ids: [id], properties: ['header:from:asDate'] })).type, 'invalidArguments')

    const cut = await one('Email/get', {
      ids: [id],
      properties: ['bodyValues', 'textBody'],
      fetchTextBodyValues: true,
      maxBodyValueBytes: 4,
    })
    const value = cut.list[0].bodyValues[cut.list[0].textBody[0].partId]
    assert.deepEqual([value.value, value.isTruncated], ['Gr\u00fc', true])
  }))

test('Email/query: filters, sort, window, collapsed threads', () =>
  atDesk(async ({ one, deliver, box }) => {
    const lunch = await deliver(LUNCH, { receivedAtMs: 1000 })
    const answer = await deliver(ANSWER, { receivedAtMs: 2000, flags: ['\\Seen'] })
    const pictures = await deliver(MIXED, { receivedAtMs: 3000, flags: ['\\Flagged'] })
    const junk = await deliver(LUNCH.replace('lunch@', 'spam@'), { mailbox: 'junk', receivedAtMs: 4000 })
    const query = async (filter: object | undefined, more: object = {}) =>
      (await one('Email/query', { filter, ...more })).ids
    assert.deepEqual(await query(undefined), [junk, pictures, answer, lunch])
    assert.deepEqual(await query({ inMailbox: box('inbox') }, { sort: [{ property: 'receivedAt' }] }), [
      lunch,
      answer,
      pictures,
    ])
    assert.deepEqual(await query({ inMailbox: box('inbox') }, { collapseThreads: true }), [pictures, answer])
    assert.deepEqual(await query({ hasKeyword: '$flagged' }), [pictures])
    assert.deepEqual(await query({ inMailbox: box('inbox'), notKeyword: '$seen' }), [pictures, lunch])
    assert.deepEqual(await query({ text: 'HARBOUR lunch', inMailbox: box('inbox') }), [lunch])
    assert.deepEqual(await query({ text: 'grüße' }), [pictures])
    assert.deepEqual(await query({ from: 'carl' }), [answer])
    assert.deepEqual(await query({ subject: '"mittagässen"', inMailbox: box('inbox') }), [answer, lunch])
    assert.deepEqual(await query({ after: '1970-01-01T00:00:02Z', before: '1970-01-01T00:00:04Z' }), [pictures, answer])
    assert.deepEqual(await query({ hasAttachment: true }), [pictures])
    assert.deepEqual(await query({ inMailboxOtherThan: [box('inbox')] }), [junk])
    const either = { operator: 'OR', conditions: [{ from: 'carl' }, { subject: 'pictures' }] }
    assert.deepEqual(await query(either), [pictures, answer])
    assert.deepEqual(
      await query({
        operator: 'AND',
        conditions: [either, { operator: 'NOT', conditions: [{ hasKeyword: '$seen' }] }],
      }),
      [pictures],
    )
    assert.deepEqual(await query({ someInThreadHaveKeyword: '$seen' }), [answer, lunch])
    assert.deepEqual(await query(undefined, { sort: [{ property: 'subject', isAscending: true }] }), [
      junk,
      answer,
      lunch,
      pictures,
    ])

    const window = await one('Email/query', { position: 1, limit: 2, calculateTotal: true })
    assert.deepEqual([window.ids, window.total, window.position], [[pictures, answer], 4, 1])
    const around = await one('Email/query', { anchor: answer, anchorOffset: -1, limit: 2 })
    assert.deepEqual(around.ids, [pictures, answer])
    assert.deepEqual((await one('Email/query', { position: -1 })).ids, [lunch])
    assert.equal((await one('Email/queryChanges', { sinceQueryState: '99999' })).type, 'cannotCalculateChanges')
    const byFlag = [{ property: 'hasKeyword', keyword: '$flagged', isAscending: false }, { property: 'subject' }]
    assert.deepEqual((await query(undefined, { sort: byFlag }))[0], pictures)
    assert.deepEqual(await query({ header: ['List-Unsubscribe'] }), [pictures])
    assert.deepEqual(await query({ header: ['subject', 'MITTAG'], inMailbox: box('inbox') }), [answer, lunch])
    assert.equal((await one('Email/query', { sort: [{ property: 'hasKeyword' }] })).type, 'invalidArguments')
  }))

test('a search that the text index narrows finds the same', async () => {
  await atDesk(async ({ one, deliver, backend, box }) => {
    for (let n = 0; n < 60; n++) {
      const text = LUNCH.replace('lunch@', `l${n}@`).replace('harbour', n % 7 === 0 ? 'lighthouse' : 'harbour')
      await deliver(text.replace('Anna Author', n % 2 === 0 ? 'Anna Author' : 'Zoë Zimmer'), { receivedAtMs: n })
    }
    const questions = [
      { text: 'LIGHTHOUSE' },
      { text: '"the light"' },
      { from: 'zoë', body: 'house' },
      { subject: 'mittagä' },
    ]
    const ask = async () => {
      const found = []
      for (const filter of questions)
        found.push((await one('Email/query', { filter: { ...filter, inMailbox: box('inbox') } })).ids)
      return found
    }
    const before = await ask()
    assert.deepEqual(
      before.map((ids) => ids.length),
      [9, 9, 4, 60],
    )
    const store = backend.store as EmbeddedStore
    store.text = await TextIndex.open(backend.world, store, assert.ifError)
    await store.text.catchUp()
    const asked: string[] = []
    const { mayHold } = store
    store.mayHold = (account, needle, isBody) => {
      asked.push(needle)
      return mayHold.call(store, account, needle, isBody)
    }
    // Another state: nothing that was kept counts.
    await one('Mailbox/set', { create: { x: { name: 'X' } } })
    assert.deepEqual(await ask(), before)
    assert.ok(asked.includes('lighthouse') && asked.includes('the light'))
  })
})

test('snippets show where the words stand, and no tag of a stranger', () =>
  atDesk(async ({ one, deliver }) => {
    const id = await deliver(LUNCH.replace('for lunch at', `for <b>lunch</b> ${'and more '.repeat(40)} at`))
    const ask = async (filter: object) => (await one('SearchSnippet/get', { filter, emailIds: [id, 'e99'] })).list[0]
    const { preview } = await ask({ text: 'LUNCH' })
    assert.match(preview, /for &lt;b&gt;<mark>lunch<\/mark>&lt;\/b&gt; and more/)
    assert.ok(Buffer.byteLength(preview) <= 255)
    assert.match((await ask({ body: 'harbour' })).preview, /<mark>harbour<\/mark>\?$/)
    assert.deepEqual(await ask({ subject: 'mittag' }), {
      emailId: id,
      subject: '<mark>Mittag</mark>ässen',
      preview: null,
    })
    const none = { emailId: id, subject: null, preview: null }
    assert.deepEqual(await ask({ operator: 'NOT', conditions: [{ text: 'lunch' }] }), none)
    assert.deepEqual(await ask({ hasKeyword: '$seen' }), none)
    assert.deepEqual((await one('SearchSnippet/get', { emailIds: ['e99'] })).notFound, ['e99'])
  }))

test('Email/set changes keywords and mailboxes, by patch and whole, and tells the changes', () =>
  atDesk(async ({ one, deliver, box }) => {
    const id = await deliver(LUNCH)
    const { state } = await one('Email/get', { ids: [] })
    const patch = {
      'keywords/$seen': true,
      [`mailboxIds/${box('archive')}`]: true,
      [`mailboxIds/${box('inbox')}`]: null,
    }
    assert.deepEqual((await one('Email/set', { update: { [id]: patch } })).updated, { [id]: null })
    const show = async () => (await one('Email/get', { ids: [id], properties: ['keywords', 'mailboxIds'] })).list[0]
    assert.deepEqual(await show(), { id, keywords: { $seen: true }, mailboxIds: { [box('archive')]: true } })
    await one('Email/set', { update: { [id]: { keywords: { $flagged: true, work: true } } } })
    assert.deepEqual((await show()).keywords, { $flagged: true, work: true })
    const changes = await one('Email/changes', { sinceState: state })
    assert.deepEqual(changes.updated, [id])
    const refused = await one('Email/set', {
      update: { [id]: { mailboxIds: {} }, e99: { keywords: {} }, e98: { subject: 'x' } },
      ifInState: changes.newState,
    })
    assert.deepEqual(
      Object.values(refused.notUpdated).map((error: Loose) => error.type),
      ['invalidProperties', 'notFound', 'notFound'],
    )
    assert.equal((await one('Email/set', { update: {}, ifInState: state })).type, 'stateMismatch')
    assert.deepEqual((await one('Email/set', { destroy: [id] })).destroyed, [id])
    assert.deepEqual((await one('Email/changes', { sinceState: changes.newState })).destroyed, [id])
  }))

test('a draft with text, HTML, an inline picture and a file becomes a message that reads back', () =>
  atDesk(async ({ one, box, backend }) => {
    const { id: blobId } = await uploadBlob(backend, Buffer.from([1, 2, 3, 255]))
    const draft = {
      mailboxIds: { [box('drafts')]: true },
      keywords: { $draft: true, $seen: true },
      from: [{ name: 'Bob Ünderwood', email: 'bob@recipient.test' }],
      to: [
        { name: 'Author, Anna', email: 'anna@sender.test' },
        { name: null, email: 'unfinished' },
      ],
      subject: `Grüße ${'und noch mehr '.repeat(10)}`,
      'header:X-Note:asText': 'one\r\nInjected: yes',
      textBody: [{ partId: 't', type: 'text/plain' }],
      htmlBody: [{ partId: 'h', type: 'text/html' }],
      attachments: [
        { blobId, type: 'image/png', cid: 'dot@x', disposition: 'inline' },
        { blobId, type: 'application/pdf', name: 'Übersicht.pdf' },
      ],
      bodyValues: { t: { value: 'Hallo Anna,\nschöne Grüße' }, h: { value: '<p>Hallo <img src="cid:dot@x"></p>' } },
    }
    const made = await one('Email/set', { create: { d: draft } })
    assert.equal(made.notCreated, null)
    const { list } = await one('Email/get', {
      ids: [made.created.d.id],
      properties: [
        'subject',
        'from',
        'to',
        'keywords',
        'textBody',
        'htmlBody',
        'attachments',
        'bodyValues',
        'header:injected',
        'messageId',
        'bodyStructure',
      ],
      fetchAllBodyValues: true,
    })
    const [email] = list
    assert.equal(email.subject, draft.subject.trim())
    assert.deepEqual(email.from, draft.from)
    assert.deepEqual(email.to, [draft.to[0]])
    assert.equal(email['header:injected'], null)
    assert.match(email.messageId[0], /@recipient\.test$/)
    assert.equal(email.bodyValues[email.textBody[0].partId].value, draft.bodyValues.t.value)
    assert.equal(email.bodyValues[email.htmlBody[0].partId].value, draft.bodyValues.h.value)
    assert.deepEqual(
      email.attachments.map((part: Loose) => part.name ?? part.cid),
      ['dot@x', 'Übersicht.pdf'],
    )
    assert.deepEqual(await readBlobId(backend, email.attachments[1].blobId), Buffer.from([1, 2, 3, 255]))
    const lines = (await readBlobId(backend, made.created.d.blobId))!.toString('latin1').split('\r\n')
    assert.ok(lines.every((line) => line.length <= 998 && !/[^\t -~]/.test(line)))

    const body = { mailboxIds: draft.mailboxIds, bodyValues: draft.bodyValues }
    const refused = await one('Email/set', {
      create: {
        a: { ...draft, mailboxIds: {} },
        b: { ...draft, attachments: [{ blobId: `b${'0'.repeat(64)}`, type: 'a/b' }] },
        c: { ...draft, 'header:From': 'x', from: [] },
        d: { ...draft, textBody: [{ partId: 'none' }] },
        e: { ...draft, 'header:Content-Type': 'text/html' },
        f: { ...body, bodyStructure: { type: 'multipart/mixed', subParts: { length: 1 } } },
        g: { ...body, bodyStructure: { partId: 't', 'header:X:all': null } },
      },
    })
    assert.deepEqual(
      Object.values(refused.notCreated).map((error: Loose) => error.type),
      ['invalidProperties', 'blobNotFound', ...Array(5).fill('invalidProperties')],
    )
  }))

test('EmailSubmission hands the message to the MSA without Bcc, and files it', () =>
  atDesk(async ({ ask, one, box, sent }) => {
    const identities = await one('Identity/get')
    assert.deepEqual(
      identities.list.map((identity: Loose) => identity.email),
      ['bob@recipient.test', 'robert@recipient.test'],
    )
    const identityId = identities.list[0].id
    const email = (more: object) => ({
      mailboxIds: { [box('drafts')]: true },
      keywords: { $draft: true },
      from: [{ name: null, email: 'bob@recipient.test' }],
      to: [{ name: null, email: 'anna@sender.test' }],
      bcc: [{ name: null, email: 'secret@sender.test' }],
      subject: 'Hello',
      textBody: [{ partId: 't', type: 'text/plain' }],
      bodyValues: { t: { value: 'Hi' } },
      ...more,
    })
    const answers = await ask(
      ['Email/set', { create: { m: email({}) } }],
      [
        'EmailSubmission/set',
        {
          create: { s: { emailId: '#m', identityId } },
          onSuccessUpdateEmail: {
            '#s': {
              'keywords/$draft': null,
              [`mailboxIds/${box('drafts')}`]: null,
              [`mailboxIds/${box('sent')}`]: true,
            },
          },
        },
      ],
    )
    assert.deepEqual(
      answers.map(([name]) => name),
      ['Email/set', 'EmailSubmission/set', 'Email/set'],
    )
    const emailId = answers[0]![1].created.m.id
    assert.deepEqual(sent[0]!.forwardPaths, ['anna@sender.test', 'secret@sender.test'])
    assert.equal(sent[0]!.reversePath, 'bob@recipient.test')
    assert.doesNotMatch(sent[0]!.source.toString(), /secret|^bcc/im)
    const filed = await one('Email/get', { ids: [emailId], properties: ['mailboxIds', 'keywords', 'bcc'] })
    assert.deepEqual(filed.list[0].mailboxIds, { [box('sent')]: true })
    assert.deepEqual(filed.list[0].keywords, {})
    const submissions = await one('EmailSubmission/query', { filter: { emailIds: [emailId] } })
    const [submission] = (await one('EmailSubmission/get', { ids: submissions.ids })).list
    assert.deepEqual([submission.emailId, submission.undoStatus], [emailId, 'final'])

    const type = async (more: object, envelope?: object): Promise<string> => {
      const [, [, answer]] = (await ask(
        ['Email/set', { create: { m: email(more) } }],
        ['EmailSubmission/set', { create: { s: { emailId: '#m', identityId, envelope } } }],
      )) as [unknown, [string, Loose]]
      return answer.notCreated?.s.type
    }
    assert.equal(await type({ from: [{ name: null, email: 'anna@sender.test' }] }), 'forbiddenFrom')
    assert.equal(await type({ to: null, bcc: null }), 'noRecipients')
    assert.equal(await type({ to: [{ name: null, email: '550@sender.test' }] }), 'forbiddenToSend')
    assert.equal(
      await type({}, { mailFrom: { email: 'anna@sender.test' }, rcptTo: [{ email: 'x@y.test' }] }),
      'forbiddenMailFrom',
    )
    assert.equal(
      await type({}, { mailFrom: { email: 'robert@recipient.test' }, rcptTo: [{ email: 'not an address' }] }),
      'invalidRecipients',
    )
  }))

test('import, parse, identities and the session object', () =>
  atDesk(async ({ one, box, backend, accountId }) => {
    const { id: blobId } = await uploadBlob(backend, Buffer.from(LUNCH.replace(/\n/g, '\r\n')))
    const parsed = await one('Email/parse', { blobIds: [blobId, 'bnone'], properties: ['subject', 'from'] })
    assert.equal(parsed.parsed[blobId].subject, 'Mittagässen')
    assert.deepEqual(parsed.notFound, ['bnone'])
    const made = await one('Email/import', {
      emails: { x: { blobId, mailboxIds: { [box('archive')]: true }, keywords: { $seen: true } } },
    })
    assert.equal(made.created.x.blobId, blobId)
    const [identity] = (await one('Identity/get')).list
    await one('Identity/set', { update: { [identity.id]: { name: 'Robert', textSignature: 'Bob' } } })
    assert.equal((await one('Identity/get')).list[0].name, 'Robert')
    const session = sessionObject(backend, '') as Loose
    assert.equal(session.primaryAccounts[MAIL], accountId)
    assert.equal(session.username, 'bob@recipient.test')
  }))
