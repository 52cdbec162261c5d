// The sending API over the real pipeline: what is taken, what is refused and where the fault is, and what is done once.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import fastify from 'fastify'
import { type Part, parseStructure } from '../message/mime.ts'
import type { Loose } from '../protocols/jmap/testing.ts'
import { backendsOf } from '../system/web.ts'
import { LETTER_FIELDS } from './letter.ts'
import { OPENAPI } from './openapi.ts'
import { addSending, RAW_FIELDS } from './sending.ts'
import { ALICE, ANNA, atSender, CARL } from './testing-sending.ts'

const LETTER = { from: `Anna Author <${ANNA}>`, to: CARL, subject: 'Hello', text: 'Hello Carl\n' }

test('a message is made whole, queued, listed, and its story told', async (t) => {
  const { send, ask, queued, store } = await atSender(t)
  const { status, json, headers } = await send({
    ...LETTER,
    to: [{ email: CARL, name: 'Carl, the "First"' }, ALICE],
    bcc: 'dora@far.test',
    replyTo: 'desk@sender.example',
    subject: 'Grüße',
    html: '<p>Hello <img src="cid:logo"></p>',
    attachments: [
      { content: Buffer.from('logo').toString('base64'), contentType: 'image/png', contentId: 'logo' },
      {
        content: Buffer.from('bill').toString('base64'),
        filename: 'Räch\u202enung.pdf',
        contentType: 'application/pdf',
      },
    ],
    headers: { 'X-Campaign': 'Märkte', 'List-Unsubscribe': '<https://sender.example/u?1>' },
    tags: ['bill'],
    metadata: { order: 7 },
    priority: 3,
    dsn: { notify: ['failure'], return: 'headers', envelopeId: 'e1' },
  })
  assert.equal(status, 202)
  assert.equal(headers.location, `/api/messages/${json.id}`)
  assert.deepEqual([json.status, json.recipients], ['queued', 3])
  const source = await queued(json.id)
  assert.match(source, /^To: "Carl, the \\"First\\"" <carl@far\.test>, alice@sender\.test\r$/m)
  assert.match(source, /^Subject: =\?utf-8\?/im)
  assert.match(source, new RegExp(`^Message-ID: <${json.messageId}>\\r$`, 'm'))
  assert.doesNotMatch(source, /dora|^bcc/im)
  const tree = parseStructure(Buffer.from(source, 'latin1'))
  const shape = ({ subtype, children }: Part): string =>
    children.length > 0 ? `${subtype}(${children.map(shape).join(' ')})` : subtype
  assert.equal(shape(tree), 'mixed(alternative(plain related(html png)) pdf)')
  const entries = store.queue.entries({ trace: json.id })
  assert.deepEqual(entries.map(({ forwardPath }) => forwardPath).sort(), [CARL, 'dora@far.test'])
  assert.deepEqual(entries[0]!.parameters.notify, ['FAILURE'])
  assert.deepEqual([entries[0]!.parameters.ret, entries[0]!.parameters.envid], ['HDRS', 'e1'])
  assert.equal(entries[0]!.parameters.priority, 3)
  const story = (await ask(`/api/messages/${json.id}`)).json
  assert.deepEqual([story.tags, story.metadata, story.subject], [['bill'], { order: '7' }, 'Grüße'])
  assert.deepEqual(
    story.recipients.map(({ address, status }: Loose) => [address, status]),
    [
      [CARL, 'accepted'],
      [ALICE, 'delivered'],
      ['dora@far.test', 'accepted'],
    ],
  )
  assert.equal(story.status, 'accepted')
  const page = (await ask('/api/messages?tag=bill&recipient=CARL@far.test')).json
  assert.deepEqual([page.messages.map(({ id }: Loose) => id), page.next], [[json.id], null])
})

test('each fault is named with its place, and nothing is sent', async (t) => {
  const { send, store } = await atSender(t)
  const cases: [object, string, number?][] = [
    [{ from: undefined }, '#/from'],
    [{ from: 'Anna' }, '#/from'],
    [{ from: `${ANNA}, ${ALICE}` }, '#/from'],
    [{ from: { email: ANNA, name: 'A\r\nBcc: x@y.test' } }, '#/from/name'],
    [{ to: [CARL, 'nobody'] }, '#/to/1'],
    [{ to: [CARL, 'nobody@sender.test'] }, '#/to/1'],
    [{ to: [], cc: null }, '#/to'],
    [{ to: Array.from({ length: 1001 }, (_, n) => `p${n}@far.test`) }, '#/to'],
    [{ subject: 'x\r\nBcc: dora@far.test' }, '#/subject'],
    [{ subject: 7 }, '#/subject'],
    [{ text: undefined }, '#/text'],
    [{ sbject: 'x' }, '#/sbject'],
    [{ headers: { Received: 'from nowhere' } }, '#/headers/Received'],
    [{ headers: { Bcc: CARL } }, '#/headers/Bcc'],
    [{ headers: { 'Content-Type': 'text/html' } }, '#/headers/Content-Type'],
    [{ headers: { 'DKIM-Signature': 'v=1' } }, '#/headers/DKIM-Signature'],
    [{ headers: { 'X-A': 'b\r\nBcc: c@d.test' } }, '#/headers/X-A'],
    [{ headers: { 'X-A: b\r\nBcc': 'c@d.test' } }, '#/headers/X-A: b\r\nBcc'],
    [{ headers: { 'a/b~c': 'x' } }, '#/headers/a~1b~0c'],
    [{ headers: { References: `<${'x'.repeat(2000)}@y.test>` } }, '#/headers/References'],
    [{ attachments: [{ content: '!!!' }] }, '#/attachments/0/content'],
    [{ attachments: [{ content: '', contentType: 'multipart/mixed' }] }, '#/attachments/0/contentType'],
    [{ attachments: [{ content: '', filename: 'a\nb' }] }, '#/attachments/0/filename'],
    [{ attachments: [{ content: '', contentId: 'a> b' }] }, '#/attachments/0/contentId'],
    [{ attachments: Array.from({ length: 101 }, () => ({ content: '' })) }, '#/attachments'],
    [{ holdUntil: 'tomorrow' }, '#/holdUntil'],
    [{ holdUntil: '2999-01-01T00:00:00Z' }, '#/holdUntil'],
    [{ priority: 10 }, '#/priority'],
    [{ requireTls: 'yes' }, '#/requireTls'],
    [{ dsn: { notify: ['always'] } }, '#/dsn/notify'],
    [{ tags: ['a', 7] }, '#/tags'],
    [{ metadata: { a: {} } }, '#/metadata/a'],
    [{ text: 'Dear {{name}}', variables: {} }, '#/text'],
  ]
  for (const [change, pointer] of cases) {
    const { status, json } = await send({ ...LETTER, ...change })
    assert.equal(status, 422, JSON.stringify(change).slice(0, 200))
    assert.ok(
      json.errors.some((error: Loose) => error.pointer === pointer),
      `${pointer} is not in ${JSON.stringify(json.errors)}`,
    )
  }
  assert.equal(store.queue.length(), 0)
  const foreign = await send({ ...LETTER, from: ALICE })
  assert.deepEqual([foreign.status, foreign.json.reply], [403, `553 5.7.1 ${ALICE} is not an address of ${ANNA}`])
})

test('who may ask: over HTTPS or from this machine, with what is good for sending', async (t) => {
  const { app, ask, passwordOf, running, agent } = await atSender(t)
  const jmapOnly = await passwordOf(ANNA, ['jmap'])
  assert.equal((await ask('/api/messages', { headers: { authorization: jmapOnly } })).status, 401)
  assert.equal((await ask('/api/messages', { headers: { authorization: 'Bearer nonsense' } })).status, 401)
  assert.equal((await ask('/api/messages', { from: '198.51.100.7' })).status, 403)
  const bare = await app.inject({ method: 'POST', url: '/api/send', payload: '{}' })
  assert.equal(bare.statusCode, 401)
  assert.match(String(bare.headers['www-authenticate']), /Basic realm="Borderpost"/)
  // A browser's cookie opens nothing here.
  const signedIn = await app.inject({
    method: 'POST',
    url: '/api/sign-in',
    payload: { address: ANNA, password: 'demo' },
  })
  const cookie = String(signedIn.headers['set-cookie']).split(';')[0]!
  assert.equal((await app.inject({ url: '/api/messages', headers: { cookie } })).statusCode, 401)
  // Nobody's messages are anybody else's.
  const alice = await passwordOf(ALICE)
  const mine = await ask('/api/send', { method: 'POST', body: LETTER })
  for (const [url, method] of [
    [`/api/messages/${mine.json.id}`, 'GET'],
    [`/api/messages/${mine.json.id}/cancel`, 'POST'],
  ] as const)
    assert.equal((await ask(url, { method, headers: { authorization: alice } })).status, 404)
  assert.deepEqual((await ask('/api/messages', { headers: { authorization: alice } })).json.messages, [])
  // What a password opened ends with it.
  const author = agent.store.accountByAddress(ANNA)!
  const { id } = running.accounts.appPasswords.list(author).find(({ doors }) => doors.includes('smtp'))!
  await running.accounts.appPasswords.revoke(author, id)
  assert.equal((await ask('/api/messages')).status, 401)
})

test('too large, too deep, too much, not JSON: said, and nothing is kept', async (t) => {
  const { agent, ask, send, authorization } = await atSender(t, '\nsender: max-size=200K\n')
  assert.equal(agent.settings.maxMessageBytes, 200 * 1024)
  const post = (body: string | Buffer, type = 'application/json') =>
    ask('/api/send', { method: 'POST', body, headers: { authorization, 'content-type': type } })
  assert.equal((await post('{')).status, 400)
  assert.equal((await post('[]')).status, 400)
  assert.equal((await post('"x"')).status, 400)
  assert.equal((await post('{}', 'text/plain')).status, 415)
  assert.equal((await post(Buffer.alloc(3_000_000, ' '))).status, 413)
  const attachments = [{ content: Buffer.alloc(190 * 1024).toString('base64') }]
  const large = await send({ ...LETTER, attachments })
  assert.deepEqual([large.status, large.json.reply], [413, '552 5.3.4 message too big'])
  // Values that would make a great text of a small one.
  const text = '{{a}}'.repeat(1000)
  const grown = await send({ ...LETTER, text, variables: { a: 'x'.repeat(10_000) } })
  assert.deepEqual([grown.status, grown.json.errors[0].pointer], [422, '#/text'])
  assert.equal(agent.store.queue.length(), 0)
})

test('the same key gives the same answer for a day; another request with it, and two at once', async (t) => {
  const { send, store } = await atSender(t)
  const key = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' }
  const many = await Promise.all(Array.from({ length: 6 }, () => send(LETTER, key)))
  assert.deepEqual(
    many.map(({ status }) => status),
    Array(6).fill(202),
  )
  assert.equal(new Set(many.map(({ json }) => json.id)).size, 1)
  assert.equal(many.filter(({ headers }) => headers['idempotency-replayed'] === undefined).length, 1)
  assert.equal(store.queue.length(), 1)
  const another = await send({ ...LETTER, text: 'Other' }, key)
  assert.deepEqual([another.status, another.json.type], [422, 'urn:borderpost:problem:key-reused'])
  assert.equal(store.queue.length(), 1)
  // What was refused is no answer to keep: corrected, it is sent under the same key.
  const second = { 'idempotency-key': 'second' }
  assert.equal((await send({ ...LETTER, to: 'nobody@sender.test' }, second)).status, 422)
  assert.equal((await send(LETTER, second)).status, 202)
  assert.equal((await send(LETTER, { 'idempotency-key': 'with space' })).status, 400)
})

test('a message as it is: its envelope from the query, from fields, or from itself', async (t) => {
  const { ask, queued, store } = await atSender(t)
  const raw = (query: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    ask(`/api/send/raw${query}`, { method: 'POST', body, headers: { 'content-type': 'message/rfc822', ...headers } })
  const source = `From: ${ANNA}\nTo: ${CARL}\nBcc: dora@far.test\nSubject: as it is\n\nBody\n`
  const own = await raw('', source)
  assert.deepEqual([own.status, own.json.recipients], [202, 2])
  const kept = await queued(own.json.id)
  assert.match(kept, /^Subject: as it is\r\n\r\nBody\r\n$/m)
  assert.doesNotMatch(kept, /dora/)
  const query = await raw(`?from=${ANNA}&to=a@far.test&to=b@far.test&priority=-2&notify=never&tag=x&tag=y`, source)
  const entries = store.queue.entries({ trace: query.json.id })
  assert.deepEqual(
    entries.map(({ forwardPath }) => forwardPath),
    ['a@far.test', 'b@far.test'],
  )
  assert.deepEqual([entries[0]!.parameters.priority, entries[0]!.parameters.notify], [-2, []])
  assert.deepEqual((await ask(`/api/messages/${query.json.id}`)).json.tags, ['x', 'y'])
  const fields = await raw('', source, { 'x-envelope-to': 'c@far.test, d@far.test' })
  assert.equal(fields.json.recipients, 2)
  for (const [query, body, pointer] of [
    ['?to=nobody', source, '#/to/0'],
    ['?color=red', source, '#/color'],
    ['?priority=x', source, '#/priority'],
    ['', `From: ${ANNA}\n\nto nobody\n`, '#/to'],
    ['', `${source}\0`, '#'],
    ['', '', '#'],
  ] as const) {
    const { status, json } = await raw(query, body)
    assert.equal(status, 422, query)
    assert.ok(
      json.errors.some((error: Loose) => error.pointer === pointer),
      JSON.stringify(json.errors),
    )
  }
})

test('an envelope in fields is part of what a key stands for', async (t) => {
  const { ask, store } = await atSender(t)
  const raw = (headers: Record<string, string>) =>
    ask('/api/send/raw', {
      method: 'POST',
      body: `From: ${ANNA}\nTo: ${CARL}\n\nBody\n`,
      headers: { 'content-type': 'message/rfc822', 'idempotency-key': 'k', ...headers },
    })
  assert.equal((await raw({ 'x-envelope-to': 'a@far.test' })).status, 202)
  assert.equal((await raw({ 'x-envelope-to': 'a@far.test' })).headers['idempotency-replayed'], 'true')
  const other = await raw({ 'x-envelope-to': 'b@far.test' })
  assert.deepEqual([other.status, other.json.type], [422, 'urn:borderpost:problem:key-reused'])
  assert.deepEqual(
    store.queue.entries({}).map(({ forwardPath }) => forwardPath),
    ['a@far.test'],
  )
})

test('what a program calls status and code is no answer of ours', async (t) => {
  const { send, store } = await atSender(t)
  const { status, json } = await send({ ...LETTER, status: 202, code: 'fine', detail: 'taken' })
  assert.equal(status, 422)
  assert.deepEqual(
    json.errors.map(({ pointer }: Loose) => pointer),
    ['#/status', '#/code', '#/detail'],
  )
  assert.equal(store.queue.length(), 0)
})

test('taken back, it is not said of who has it that it was', async (t) => {
  const { ask, send, store } = await atSender(t)
  const { id } = (await send({ ...LETTER, to: [CARL, ALICE] })).json
  const ids = store.queue.entries({ trace: id }).map((entry) => entry.id)
  await store.commit([{ kind: 'queue.steer', ids, state: 'held' }])
  const { status, json } = await ask(`/api/messages/${id}/cancel`, { method: 'POST' })
  assert.equal(status, 200)
  assert.deepEqual(
    json.recipients.map(({ address, status }: Loose) => [address, status]),
    [
      [CARL, 'cancelled'],
      [ALICE, 'delivered'],
    ],
  )
})

test('what is held is seen as held, is taken back once, and what left is not', async (t) => {
  const { ask, send, store, world } = await atSender(t)
  const holdUntil = new Date(world.clock.now() + 3_600_000).toISOString()
  const held = await send({ ...LETTER, to: [CARL, ALICE], holdUntil })
  assert.deepEqual([held.json.status, held.json.holdUntil], ['held', holdUntil])
  const path = `/api/messages/${held.json.id}`
  assert.equal((await ask(path)).json.status, 'held')
  const cancelled = await ask(`${path}/cancel`, { method: 'POST' })
  assert.deepEqual([cancelled.status, cancelled.json.status], [200, 'cancelled'])
  assert.equal(store.queue.length(), 0)
  assert.equal((await ask(`${path}/cancel`, { method: 'POST' })).status, 409)
  const gone = await send(LETTER)
  assert.equal((await ask(`/api/messages/${gone.json.id}/cancel`, { method: 'POST' })).status, 409)
  assert.equal((await ask('/api/messages/xyz/cancel', { method: 'POST' })).status, 404)
})

test('pages go through all that was sent, the newest first', async (t) => {
  const { ask, send } = await atSender(t)
  const ids: string[] = []
  for (let n = 0; n < 7; n++) ids.unshift((await send({ ...LETTER, tags: [n % 2 ? 'odd' : 'even'] })).json.id)
  const all = async (query: string) => {
    const found: string[] = []
    let pages = 0
    for (let before = ''; ; ) {
      const { json } = await ask(`/api/messages?limit=3${query}${before}`)
      found.push(...json.messages.map(({ id }: Loose) => id))
      pages++
      if (json.next === null) return { found, pages }
      before = `&before=${json.next}`
    }
  }
  assert.deepEqual(await all(''), { found: ids, pages: 3 })
  assert.deepEqual(
    (await all('&tag=odd')).found,
    ids.filter((_, at) => at % 2 === 1),
  )
  assert.deepEqual((await all('&until=2020-01-01T00:00:00Z')).found, [])
  assert.equal((await ask('/api/messages?limit=0')).status, 422)
  assert.equal((await ask('/api/messages?since=x')).status, 422)
})

test('a batch: values in their places, escaped in HTML, each message refused alone', async (t) => {
  const { ask, queued, store } = await atSender(t)
  const batch = (body: object, headers: Record<string, string> = {}) =>
    ask('/api/send/batch', { method: 'POST', body, headers })
  const shared = {
    from: ANNA,
    subject: 'For {{ name }}',
    text: 'Dear {{name}}, {{sum}} {{not a place}}',
    html: '<p title="{{name}}">{{name}}</p>',
    headers: { 'List-Unsubscribe': '<https://sender.example/{{token}}>' },
  }
  const evil = '<script>&"\'{{sum}}'
  const messages = [
    { to: 'a@far.test', variables: { name: evil, sum: 7, token: 't1' }, metadata: { row: 1 } },
    { to: 'b@far.test', variables: { name: 'B', token: 't2' } },
    { to: 'nobody@sender.test', variables: { name: 'N', sum: 1, token: 't' } },
    { to: 'c@far.test', variables: { name: 'C', sum: 1, token: 't\r\nBcc: x@y.test' } },
    7,
    { to: ['d@far.test'], subject: 'Own', variables: { name: 'D', sum: 2, token: 't4' } },
  ]
  const { status, json } = await batch({ ...shared, messages })
  assert.equal(status, 200)
  assert.equal(json.accepted, 2)
  assert.deepEqual(
    json.results.map((one: Loose) => one.errors?.[0]?.pointer ?? one.status),
    [202, '#/text', '#/messages/2/to', '#/headers/List-Unsubscribe', '#/messages/4', 202],
  )
  const source = await queued(json.results[0].id)
  assert.match(
    source,
    /<p title=3D"&lt;script&gt;&amp;&quot;&#39;\{\{sum\}\}">|title="&lt;script&gt;&amp;&quot;&#39;\{\{sum\}\}"/,
  )
  assert.match(source, /^List-Unsubscribe: <https:\/\/sender\.example\/t1>\r$/m)
  assert.match(source, /7 \{\{not a place\}\}/)
  assert.match(await queued(json.results[5].id), /^Subject: Own\r$/m)
  assert.equal(store.queue.length(), 2)
  assert.equal((await batch({ ...shared, messages: [] })).status, 422)
  assert.equal((await batch({ ...shared, messages: Array(1001).fill({ to: CARL }) })).status, 422)
  assert.equal((await batch({ ...shared, nmae: 1, messages: [{ to: CARL }] })).json.errors[0].pointer, '#/nmae')
})

test('a thousand messages in one batch; the same batch again sends none', async (t) => {
  const { ask, store } = await atSender(t)
  const messages = Array.from({ length: 1000 }, (_, n) => ({ to: `p${n}@far.test`, variables: { n } }))
  const body = { from: ANNA, subject: 'No. {{n}}', text: 'Number {{n}}', messages }
  const headers = { 'idempotency-key': 'thousand' }
  const first = await ask('/api/send/batch', { method: 'POST', body, headers })
  assert.equal(first.json.accepted, 1000)
  assert.equal(store.queue.length(), 1000)
  const again = await ask('/api/send/batch', { method: 'POST', body, headers })
  assert.deepEqual(again.json, first.json)
  assert.equal(again.headers['idempotency-replayed'], 'true')
  assert.equal(store.queue.length(), 1000)
  const other = { ...body, subject: 'Other {{n}}' }
  assert.equal((await ask('/api/send/batch', { method: 'POST', body: other, headers })).status, 422)
  assert.equal(store.queue.length(), 1000)
})

test('the description names every route, field and parameter, and is served', async (t) => {
  const { ask, running, world } = await atSender(t)
  assert.deepEqual((await ask('/api/openapi.json')).json, JSON.parse(JSON.stringify(OPENAPI)))
  const routes: string[] = []
  const app = fastify()
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') routes.push(`${one} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
  })
  addSending(app, world, backendsOf([running]), false)
  await app.ready()
  await app.close()
  const described = Object.entries(OPENAPI.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((name) => name !== 'parameters')
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual(routes.toSorted(), described.toSorted())
  const { Letter, Batch } = OPENAPI.components.schemas
  assert.deepEqual(Object.keys(Letter.properties).toSorted(), LETTER_FIELDS.toSorted())
  assert.deepEqual(Object.keys(Batch.properties).toSorted(), [...LETTER_FIELDS, 'messages'].toSorted())
  const raw = OPENAPI.paths['/api/send/raw'].post.parameters.filter((one) => one.in === 'query')
  assert.deepEqual(raw.map(({ name }) => name).toSorted(), RAW_FIELDS.toSorted())
  const refs = [...JSON.stringify(OPENAPI).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name!)
  assert.deepEqual(
    refs.filter((name) => !Object.hasOwn(OPENAPI.components.schemas, name)),
    [],
  )
})

test('webhooks: made, seen, changed, tested against a server, given a new secret, forgotten', async (t) => {
  const { ask, passwordOf } = await atSender(t)
  const posts: { headers: IncomingHttpHeaders; body: string }[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    posts.push({ headers: request.headers, body })
    response.writeHead(posts.length === 1 ? 204 : 500).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in?x=1`
  const post = (path: string, body?: object) => ask(path, { method: 'POST', ...(body && { body }) })
  const made = await post('/api/webhooks', { url, events: ['message.bounced'], description: 'Desk' })
  assert.equal(made.status, 201)
  const { id, secret } = made.json
  assert.equal(made.headers.location, `/api/webhooks/${id}`)
  const { secret: _, ...shown } = made.json
  assert.deepEqual((await ask('/api/webhooks')).json, { webhooks: [shown] })
  const tested = await post(`/api/webhooks/${id}/test`)
  assert.deepEqual(tested.json, { taken: true, answer: 'HTTP status 204' })
  const [{ headers, body }] = posts as [(typeof posts)[number]]
  const mac = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'))
  const signed = mac.update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64')
  assert.equal(headers['webhook-signature'], `v1,${signed}`)
  assert.equal(JSON.parse(body).type, 'webhook.test')
  assert.deepEqual((await post(`/api/webhooks/${id}/test`)).json, { taken: false, answer: 'HTTP status 500' })
  const rotated = await post(`/api/webhooks/${id}/rotate`)
  assert.match(rotated.json.secret, /^whsec_/)
  assert.notEqual(rotated.json.secret, secret)
  const change = (body: object) => ask(`/api/webhooks/${id}`, { method: 'PATCH', body })
  assert.equal((await change({ enabled: false })).json.state, 'disabled')
  assert.deepEqual((await change({ enabled: true, events: [] })).json.events, [])
  for (const [wish, pointer] of [
    [{ url: 'nowhere' }, '#/url'],
    [{ url: 'https://a:b@example.org/' }, '#/url'],
    [{ events: ['message.lost'] }, '#/events'],
    [{ description: 7 }, '#/description'],
    [{ enabled: 'yes' }, '#/enabled'],
    [{ color: 'red' }, '#/color'],
  ] as const)
    assert.equal((await change(wish)).json.errors[0].pointer, pointer)
  assert.equal((await post('/api/webhooks', {})).json.errors[0].pointer, '#/url')
  const alice = { authorization: await passwordOf(ALICE) }
  assert.deepEqual((await ask('/api/webhooks', { headers: alice })).json, { webhooks: [] })
  for (const [path, method] of [
    [`/api/webhooks/${id}`, 'GET'],
    [`/api/webhooks/${id}`, 'DELETE'],
    [`/api/webhooks/${id}/rotate`, 'POST'],
    [`/api/webhooks/${id}/test`, 'POST'],
  ] as const)
    assert.equal((await ask(path, { method, headers: alice })).status, 404)
  assert.equal((await ask(`/api/webhooks/${id}`, { method: 'DELETE' })).status, 204)
  assert.equal((await ask(`/api/webhooks/${id}`)).status, 404)
  for (let n = 0; n < 20; n++) assert.equal((await post('/api/webhooks', { url })).status, 201)
  assert.equal((await post('/api/webhooks', { url })).status, 403)
})

test('as whom Anna may send: by the API and by JMAP the same, an alias, a group, a domain, and nobody else', async (t) => {
  const team = 'team@sender.test'
  const lent = `
anna: may-send-as=${team}, may-send-as=shop.test, alias=annie@sender.test
sender: group="${team}: ${ANNA} ${ALICE}"
`
  const { app, ask, send, passwordOf } = await atSender(t, lent)
  const asAlice = { authorization: await passwordOf(ALICE) }
  const mayJmap = { authorization: await passwordOf(ANNA, ['jmap']), 'content-type': 'application/json' }
  const jmap = async (...methodCalls: [string, object][]): Promise<Loose[]> => {
    const using = ['core', 'mail', 'submission'].map((name) => `urn:ietf:params:jmap:${name}`)
    const calls = methodCalls.map(([name, args], at) => [name, { accountId, ...args }, String(at)])
    const payload = JSON.stringify({ using, methodCalls: calls })
    const answer = await app.inject({ method: 'POST', url: '/jmap/api', headers: mayJmap, payload })
    return answer.json().methodResponses.map(([, args]: Loose) => args)
  }
  const session = (await app.inject({ url: '/jmap/session', headers: mayJmap })).json()
  const accountId = Object.keys(session.accounts)[0]!
  const [{ list }] = (await jmap(['Identity/get', {}])) as [Loose]
  assert.deepEqual(
    list.map(({ email }: Loose) => email),
    [ANNA, 'annie@sender.test', team],
  )
  const [{ created, notCreated }] = (await jmap([
    'Identity/set',
    {
      create: {
        shop: { email: 'sales@shop.test', name: 'Sales' },
        not: { email: ALICE },
        none: { email: 'a b@shop.test' },
        two: { email: 'a@shop.test, b@shop.test' },
      },
    },
  ])) as [Loose]
  assert.deepEqual(Object.keys(created), ['shop'])
  assert.deepEqual(Object.keys(notCreated).toSorted(), ['none', 'not', 'two'])
  const identityOf = (email: string) => list.find((one: Loose) => one.email === email)?.id ?? created.shop.id
  for (const [from, isGood] of [
    [ANNA, true],
    ['annie@sender.test', true],
    [team, true],
    ['sales@shop.test', true],
    [ALICE, false],
    ['a@deep.shop.test', false],
  ] as const) {
    assert.equal((await send({ ...LETTER, from })).status === 202, isGood, `API as ${from}`)
    const mailboxId = (await jmap(['Mailbox/get', {}]))[0].list[0].id
    const email = { from: [{ email: from }], to: [{ email: CARL }], subject: 'x', mailboxIds: { [mailboxId]: true } }
    const [, { created: sent }] = (await jmap(
      [
        'Email/set',
        {
          create: {
            m: { ...email, textBody: [{ partId: 'a', type: 'text/plain' }], bodyValues: { a: { value: 'x' } } },
          },
        },
      ],
      ['EmailSubmission/set', { create: { s: { emailId: '#m', identityId: identityOf(from) } } }],
    )) as [Loose, Loose]
    assert.equal(sent?.s !== undefined, isGood, `JMAP as ${from}`)
  }
  const other = await ask('/api/send', { method: 'POST', body: { ...LETTER, from: team }, headers: asAlice })
  assert.equal(other.status, 403)
  // What came by JMAP is in the same list; a group that is written to is told as one.
  const { json } = await ask('/api/messages')
  assert.equal(json.messages.length, 8)
  const written = await send({ ...LETTER, to: team })
  const { events, recipients } = (await ask(`/api/messages/${written.json.id}`)).json
  assert.deepEqual(
    events.map(({ type }: Loose) => type),
    ['expanded', 'delivered', 'delivered'],
  )
  assert.deepEqual(recipients, [{ address: team, status: 'delivered' }])
})
