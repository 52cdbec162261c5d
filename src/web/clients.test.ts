// JMAP clients that others wrote, over sockets on loopback: jmap-jam, jmap-client-ts, and WebSockets.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from 'jmap-client-ts'
import { FetchTransport } from 'jmap-client-ts/lib/utils/fetch-transport.js'
import { WebSocket } from 'ws'
import { type Desk, type Loose, makeDesk } from '../protocols/jmap/testing.ts'
import { CORE, LIMITS, MAIL } from '../protocols/jmap/types.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'

// Without its types: they come as sources that our compiler would check.
const { JamClient }: Loose = createRequire(import.meta.url)('jmap-jam')

const PASSWORD = 'correct horse'
const BASIC = `Basic ${Buffer.from(`bob@recipient.test:${PASSWORD}`).toString('base64')}`

const LETTER = (n: number): string =>
  `From: Anna <anna@sender.test>\nTo: bob@recipient.test\nSubject: Letter ${n}\nMessage-ID: <l${n}@sender.test>\n\nHello ${n}.\n`

async function atServer(work: (url: string, desk: Desk) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-web-'))
  const desk = await makeDesk(
    realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) }),
  )
  const app = createWeb({
    world: desk.backend.world,
    serverFactory: httpServer,
    backends: {
      accountFor: (address) => (address === desk.backend.account.address ? desk.backend : undefined),
      authenticate: async (address, password) =>
        address === desk.backend.account.address && password === PASSWORD ? desk.backend : undefined,
    },
  })
  try {
    await app.listen({ host: '127.0.0.1', port: 0 })
    const address = app.server.address()
    assert.ok(typeof address === 'object' && address !== null)
    await work(`http://127.0.0.1:${address.port}`, desk)
  } finally {
    await app.close()
    await desk.close()
    rmSync(folder, { recursive: true })
  }
}

/** It speaks of bearer tokens only; the field it sends is its own to set. */
function jam(url: string): Loose {
  const client: Loose = new JamClient({ sessionUrl: `${url}/.well-known/jmap`, bearerToken: 'none' })
  client.session.catch(() => {})
  client.authHeader = BASIC
  client.session = JamClient.loadSession(`${url}/.well-known/jmap`, BASIC)
  return client
}

test('jmap-jam: reads, writes, uploads, downloads and sends', () =>
  atServer(async (url, { deliver, box, sent }) => {
    for (let n = 0; n < 3; n++) await deliver(LETTER(n), { receivedAtMs: n * 1000 })
    const client = jam(url)
    const accountId = await client.getPrimaryAccount()
    const [{ ids }] = await client.api.Email.query({ accountId, filter: { inMailbox: box('inbox') }, limit: 2 })
    assert.equal(ids.length, 2)
    const [results] = await client.requestMany((r: Loose) => {
      const found = r.Email.query({ accountId, filter: { subject: 'letter 1' } })
      const emails = r.Email.get({ accountId, ids: found.$ref('/ids'), properties: ['subject', 'blobId'] })
      return { found, emails }
    })
    assert.deepEqual(
      results.emails.list.map(({ subject }: Loose) => subject),
      ['Letter 1'],
    )
    const { blobId } = results.emails.list[0]
    const downloaded = await client.downloadBlob({
      accountId,
      blobId,
      mimeType: 'message/rfc822',
      fileName: 'letter.eml',
    })
    assert.match(await downloaded.text(), /^From: Anna/)

    const uploaded = await client.uploadBlob(accountId, Buffer.from('an attachment'))
    const [identities] = await client.api.Identity.get({ accountId })
    const [sending] = await client.requestMany((r: Loose) => {
      const draft = r.Email.set({
        accountId,
        create: {
          m: {
            mailboxIds: { [box('drafts')]: true },
            from: [{ name: 'Bob', email: 'bob@recipient.test' }],
            to: [{ name: null, email: 'anna@sender.test' }],
            subject: 'Answer',
            textBody: [{ partId: 't', type: 'text/plain' }],
            bodyValues: { t: { value: 'Thank you.' } },
            attachments: [{ blobId: uploaded.blobId, type: 'text/plain', name: 'a.txt' }],
          },
        },
      })
      const submission = r.EmailSubmission.set({
        accountId,
        create: { s: { emailId: '#m', identityId: identities.list[0].id } },
        onSuccessUpdateEmail: {
          '#s': { [`mailboxIds/${box('drafts')}`]: null, [`mailboxIds/${box('sent')}`]: true },
        },
      })
      return { draft, submission }
    })
    // The library keeps the last answer of a call: that of the Email/set that followed from the submission.
    assert.deepEqual(Object.keys(sending.submission.updated), [sending.draft.created.m.id])
    const [submissions] = await client.api.EmailSubmission.get({ accountId })
    assert.deepEqual(
      submissions.list.map(({ emailId }: Loose) => emailId),
      [sending.draft.created.m.id],
    )
    assert.deepEqual(sent[0]!.forwardPaths, ['anna@sender.test'])

    await assert.rejects(client.request(['Nope/get', { accountId }]), { type: 'unknownMethod' })
  }))

test('jmap-client-ts: session, mailboxes, mail, submissions and their changes', () =>
  atServer(async (url, { deliver, box }) => {
    const id = await deliver(LETTER(1))
    const client = new Client({
      sessionUrl: `${url}/.well-known/jmap`,
      accessToken: '',
      httpHeaders: { Authorization: BASIC, 'content-type': 'application/json' },
      transport: new FetchTransport(((address: string, parameters: object) => fetch(address, parameters)) as Loose),
    })
    await client.fetchSession()
    const accountId = client.getFirstAccountId()
    const { list, state } = await client.mailbox_get({ accountId, ids: null } as Loose)
    assert.equal(list.length, 6)
    const made: Loose = await client.mailbox_set({ accountId, create: { w: { name: 'Work' } } } as Loose)
    const { created }: Loose = await client.mailbox_changes({ accountId, sinceState: state } as Loose)
    assert.deepEqual(created, [made.created.w.id])
    const found: Loose = await client.email_query({ accountId, filter: { inMailbox: box('inbox') } } as Loose)
    assert.deepEqual(found.ids, [id])
    const before: Loose = await client.email_get({ accountId, ids: [id], properties: ['subject', 'keywords'] } as Loose)
    assert.equal(before.list[0].subject, 'Letter 1')
    await client.email_set({ accountId, update: { [id]: { keywords: { $seen: true } } } } as Loose)
    const changes: Loose = await client.email_changes({ accountId, sinceState: before.state } as Loose)
    assert.deepEqual(changes.updated, [id])
    const submissions: Loose = await client.emailSubmission_get({ accountId, ids: null } as Loose)
    assert.deepEqual(submissions.list, [])
    const none: Loose = await client.emailSubmission_changes({ accountId, sinceState: submissions.state } as Loose)
    assert.deepEqual([none.created, none.updated, none.destroyed], [[], [], []])
  }))

test('an event stream tells of changes, of the types that are wanted, and ends when that is wanted (RFC 8620 §7.3)', () =>
  atServer(async (url, { deliver, accountId, backend }) => {
    const session: Loose = await (await fetch(`${url}/jmap/session`, { headers: { authorization: BASIC } })).json()
    const address = (types: string, closeafter: string) =>
      session.eventSourceUrl.replace('{types}', types).replace('{closeafter}', closeafter).replace('{ping}', '0')
    const open = (where: string, more: object = {}) => fetch(where, { headers: { authorization: BASIC, ...more } })
    const stream = await open(address('Email,Thread', 'state'))
    assert.match(stream.headers.get('content-type')!, /^text\/event-stream/)
    await deliver(LETTER(1))
    const text = await stream.text()
    const data = JSON.parse(/^event: state\ndata: (.*)$/m.exec(text)![1]!)
    assert.deepEqual(Object.keys(data.changed[accountId]), ['Email', 'Thread'])
    const id = /^id: (.*)$/m.exec(text)![1]!
    assert.equal(id, String(backend.store.modseq(backend.account.id)))
    // Who comes back with an older id is told at once.
    const again = await open(address('*', 'state'), { 'last-event-id': String(Number(id) - 1) })
    assert.match(await again.text(), /^event: state$/m)
  }))

/** What comes over a WebSocket, one message after another. */
function listen(socket: WebSocket): () => Promise<Loose> {
  const messages: Loose[] = []
  let wake = (): void => {}
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)))
    wake()
  })
  return async () => {
    while (messages.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    return messages.shift()
  }
}

test('a WebSocket carries requests, errors and changes (RFC 8887)', () =>
  atServer(async (url, { accountId, deliver }) => {
    const session: Loose = await (await fetch(`${url}/jmap/session`, { headers: { authorization: BASIC } })).json()
    const { url: address, supportsPush } = session.capabilities['urn:ietf:params:jmap:websocket']
    assert.ok(supportsPush)
    const socket = new WebSocket(address, 'jmap', { headers: { authorization: BASIC } })
    await once(socket, 'open')
    assert.equal(socket.protocol, 'jmap')
    const next = listen(socket)
    const say = (message: object) => socket.send(JSON.stringify(message))
    say({ '@type': 'Request', id: 'R1', using: [CORE], methodCalls: [['Core/echo', { a: 1 }, 'c']] })
    const answer = await next()
    assert.deepEqual(
      [answer['@type'], answer.requestId, answer.methodResponses],
      ['Response', 'R1', [['Core/echo', { a: 1 }, 'c']]],
    )
    say({ '@type': 'Request', id: 'R2', using: ['urn:x'], methodCalls: [] })
    const unknown = await next()
    assert.deepEqual(
      [unknown['@type'], unknown.requestId, unknown.type],
      ['RequestError', 'R2', 'urn:ietf:params:jmap:error:unknownCapability'],
    )
    socket.send('{')
    assert.match((await next()).type, /notJSON$/)
    say({ '@type': 'Dance' })
    assert.match((await next()).type, /notRequest$/)

    say({ '@type': 'WebSocketPushEnable', dataTypes: ['Email'] })
    say({ '@type': 'Request', using: [CORE, MAIL], methodCalls: [['Email/get', { accountId, ids: [] }, 'c']] })
    const { state } = (await next()).methodResponses[0][1]
    await deliver(LETTER(1))
    const change = await next()
    assert.deepEqual(Object.keys(change.changed[accountId]), ['Email'])
    assert.ok(Number(change.changed[accountId].Email) > Number(state))
    // Somebody who was away for a while hears of it at once.
    say({ '@type': 'WebSocketPushDisable' })
    say({ '@type': 'WebSocketPushEnable', dataTypes: null, pushState: state })
    const missed = await next()
    assert.equal(missed.pushState, change.pushState)
    assert.ok('Mailbox' in missed.changed[accountId])
    socket.send(Buffer.from([1, 2, 3]))
    assert.equal((await once(socket, 'close'))[0], 1003)
  }))

test('who opens a WebSocket must be signed in, speak JMAP, and say no more than a request may hold', () =>
  atServer(async (url, { backend }) => {
    const address = `${url.replace('http', 'ws')}/jmap/ws`
    const status = async (protocols: string[], headers: Record<string, string>, at = address): Promise<number> => {
      const [request, response] = (await once(
        new WebSocket(at, protocols, { headers }),
        'unexpected-response',
      )) as Loose
      request.destroy()
      return response.statusCode
    }
    const wrong = `Basic ${Buffer.from('bob@recipient.test:no').toString('base64')}`
    assert.equal(await status(['jmap'], {}), 401)
    assert.equal(await status(['jmap'], { authorization: wrong }), 401)
    assert.equal(await status([], { authorization: BASIC }), 400)
    assert.equal(await status(['jmap'], { authorization: BASIC }, `${url.replace('http', 'ws')}/elsewhere`), 404)
    // What a browser remembers, cookie or password, counts only in what our own pages ask for.
    const signIn = await fetch(`${url}/api/sign-in`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ address: 'bob@recipient.test', password: PASSWORD }),
    })
    const cookie = signIn.headers.get('set-cookie')!.split(';')[0]!
    assert.equal(await status(['jmap'], { cookie, origin: 'http://evil.test' }), 403)
    const own = new WebSocket(address, 'jmap', { headers: { cookie }, origin: url })
    await once(own, 'open')
    own.send('x'.repeat(LIMITS.maxSizeRequest + 1))
    assert.equal((await once(own, 'close'))[0], 1009)
    // A new password ends what was opened with the old one.
    const open = new WebSocket(address, 'jmap', { headers: { authorization: BASIC } })
    await once(open, 'open')
    await backend.store.commit([{ kind: 'account.credentials', account: backend.account.id, credentials: 'new' }])
    open.send('{}')
    assert.equal((await once(open, 'close'))[0], 1008)
  }))
