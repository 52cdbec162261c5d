import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { WebSocket } from 'ws'
import { Guesses } from '../filter/guesses.ts'
import { type Desk, type Loose, makeDesk } from '../protocols/jmap/testing.ts'
import { CORE } from '../protocols/jmap/types.ts'
import { DiskError } from '../world/disk.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import type { World } from '../world/world.ts'
import type { LiveHop } from './backends.ts'
import { createWeb } from './server.ts'

const PASSWORD = 'correct horse'
const BASIC = `Basic ${Buffer.from(`bob@recipient.test:${PASSWORD}`).toString('base64')}`

/** A web server over Bob's desk, in the real world; requests are injected, nothing listens. */
async function atServer(
  work: (app: FastifyInstance, desk: Desk, counts: { checks: number }, faults: string[]) => Promise<void>,
  hurried: (world: World) => World = (world) => world,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-web-'))
  const desk = await makeDesk(
    realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) }),
  )
  const counts = { checks: 0 }
  const faults: string[] = []
  const guesses = new Guesses(desk.backend.world.clock)
  const app = createWeb({
    world: hurried(desk.backend.world),
    onError: (error, where) => faults.push(`${where}: ${error.message}`),
    serverFactory: httpServer,
    backends: {
      accountFor: (address) => (address === desk.backend.account.address ? desk.backend : undefined),
      authenticate: async (address, password, from) => {
        if (!guesses.admits(address, from)) return 'too-many'
        counts.checks++
        guesses.count(address, from)
        return address.toLowerCase() === desk.backend.account.address && password === PASSWORD
          ? desk.backend
          : undefined
      },
    },
    doors: (domain) =>
      domain === 'recipient.test'
        ? [
            { protocol: 'imap', hostName: 'mail.recipient.test', port: 993, isStartTls: false },
            { protocol: 'smtp', hostName: 'mail.recipient.test', port: 587, isStartTls: true },
          ]
        : undefined,
    stsPolicy: (hostName) => (hostName === 'mta-sts.recipient.test' ? 'version: STSv1\r\n' : undefined),
    trace: (message) => ({ text: `trace of ${message.length} bytes`, svg: '<svg/>' }),
    live: {
      picture: () => ({}),
      svg: () => '<svg/>',
      queues: () => ({ sender: 1 }),
      recent: (): LiveHop[] => [],
      watch: () => () => {},
    },
  })
  try {
    await work(app, desk, counts, faults)
  } finally {
    await app.close()
    await desk.close()
    rmSync(folder, { recursive: true })
  }
}

const signIn = (app: FastifyInstance, password = PASSWORD, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/api/sign-in', headers, payload: { address: 'bob@recipient.test', password } })
const cookieIn = (answer: Loose): string => String(answer.headers['set-cookie']).split(';')[0]!

test('an MTA-STS policy is plain text under its own host name, and nowhere else', () =>
  atServer(async (app) => {
    const ask = (host: string) => app.inject({ url: '/.well-known/mta-sts.txt', headers: { host } })
    const served = await ask('MTA-STS.recipient.test:443')
    assert.equal(served.statusCode, 200)
    assert.match(String(served.headers['content-type']), /^text\/plain/)
    assert.equal(served.body, 'version: STSv1\r\n')
    assert.equal((await ask('recipient.test')).statusCode, 404)
  }))

test('programs find their doors: Thunderbird, Outlook and Apple, for an address or a host; of other domains nothing', () =>
  atServer(async (app) => {
    const ask = (url: string, host = 'mail.recipient.test') => app.inject({ url, headers: { host } })
    const byAddress = await ask('/mail/config-v1.1.xml?emailaddress=bob%40recipient.test')
    assert.match(String(byAddress.headers['content-type']), /^application\/xml/)
    assert.match(
      byAddress.body,
      /<incomingServer type="imap">\s*<hostname>mail\.recipient\.test<\/hostname>\s*<port>993<\/port>\s*<socketType>SSL</,
    )
    assert.match(byAddress.body, /<outgoingServer type="smtp">[\s\S]*<port>587<\/port>\s*<socketType>STARTTLS</)
    const byHost = await ask('/.well-known/autoconfig/mail/config-v1.1.xml', 'autoconfig.recipient.test')
    assert.equal(byHost.body, byAddress.body)
    // The same for who exists and who does not.
    assert.equal((await ask('/mail/config-v1.1.xml?emailaddress=nobody%40recipient.test')).body, byAddress.body)
    for (const address of ['bob@elsewhere.test', '<x>&', '', 'a'.repeat(10_000), '@@'])
      assert.equal((await ask(`/mail/config-v1.1.xml?emailaddress=${encodeURIComponent(address)}`)).statusCode, 404)
    const outlook = (address: string) =>
      app.inject({
        method: 'POST',
        url: '/autodiscover/autodiscover.xml',
        headers: { 'content-type': 'text/xml' },
        payload: `<Autodiscover><Request><EMailAddress>${address}</EMailAddress></Request></Autodiscover>`,
      })
    assert.match(
      (await outlook('bob@recipient.test')).body,
      /<Type>IMAP<\/Type>\s*<Server>mail\.recipient\.test<\/Server>\s*<Port>993<\/Port>\s*<LoginName>bob@recipient\.test</,
    )
    assert.equal((await outlook('bob@elsewhere.test')).statusCode, 404)
    const apple = await ask('/api/set-up/apple?address=%22a%26b%22%40recipient.test')
    assert.match(apple.body, /<key>EmailAddress<\/key><string>a&amp;b@recipient\.test<\/string>/)
    assert.doesNotMatch(apple.body, /<key>\w*Password<\/key><string>/)
    assert.equal((await ask('/api/set-up')).statusCode, 401)
    const cookie = cookieIn(await signIn(app))
    const own = await app.inject({ url: '/api/set-up', headers: { cookie } })
    assert.deepEqual([own.json().address, own.json().doors.length], ['bob@recipient.test', 2])
  }))

test('a cookie signs in, is for our own pages only, and ends with sign-out', () =>
  atServer(async (app) => {
    assert.equal((await app.inject('/api/me')).statusCode, 401)
    assert.equal((await signIn(app, 'wrong')).statusCode, 401)
    const answer = await signIn(app)
    assert.equal(answer.json().address, 'bob@recipient.test')
    assert.match(String(answer.headers['set-cookie']), /HttpOnly; SameSite=Strict/)
    const cookie = cookieIn(answer)
    const me = (headers: Record<string, string> = {}) => app.inject({ url: '/api/me', headers: { cookie, ...headers } })
    assert.equal((await me()).statusCode, 200)
    assert.equal((await me({ 'sec-fetch-site': 'same-origin' })).statusCode, 200)
    assert.equal((await me({ 'sec-fetch-site': 'same-site' })).statusCode, 401)
    assert.equal((await me({ origin: 'http://evil.test' })).statusCode, 401)
    assert.equal((await me({ cookie: `${cookie.slice(0, -2)}xx` })).statusCode, 401)
    await app.inject({ method: 'POST', url: '/api/sign-out', headers: { cookie } })
    assert.equal((await me()).statusCode, 401)
    assert.equal((await signIn(app, PASSWORD, { origin: 'http://evil.test' })).statusCode, 403)
  }))

test('a new password ends what was signed in with the old one', () =>
  atServer(async (app, { backend }) => {
    const cookie = cookieIn(await signIn(app))
    assert.equal((await app.inject({ url: '/api/me', headers: { authorization: BASIC } })).statusCode, 200)
    await backend.store.commit([{ kind: 'account.credentials', account: backend.account.id, credentials: 'new' }])
    assert.equal((await app.inject({ url: '/api/me', headers: { cookie } })).statusCode, 401)
  }))

test('Basic is checked once, then remembered; wrong passwords are limited', () =>
  atServer(async (app, _desk, counts) => {
    const me = (authorization: string) => app.inject({ url: '/jmap/session', headers: { authorization } })
    for (let i = 0; i < 5; i++) assert.equal((await me(BASIC)).statusCode, 200)
    assert.equal(counts.checks, 1)
    const wrong = `Basic ${Buffer.from('bob@recipient.test:no').toString('base64')}`
    const statuses = []
    for (let i = 0; i < 22; i++) statuses.push((await me(wrong)).statusCode)
    assert.deepEqual([statuses[0], statuses.at(-1)], [401, 429])
    assert.ok(counts.checks <= 21)
    assert.equal((await me(BASIC)).statusCode, 200)
  }))

test('a download in parts: ranges, conditions, and the kind that is asked for', () =>
  atServer(async (app, { accountId }) => {
    const headers = { authorization: BASIC, 'content-type': 'text/plain' }
    const upload = { method: 'POST', url: `/jmap/upload/${accountId}`, headers, payload: '0123456789' } as const
    const { blobId } = (await app.inject(upload)).json()
    const ask = async (more: Record<string, string>) => {
      const url = `/jmap/download/${accountId}/${blobId}/a%20b.txt?type=text/plain`
      const answer = await app.inject({ url, headers: { authorization: BASIC, ...more } })
      return [answer.statusCode, answer.body, answer.headers['content-range']]
    }
    assert.deepEqual(await ask({ range: 'bytes=2-4' }), [206, '234', 'bytes 2-4/10'])
    assert.deepEqual(await ask({ range: 'bytes=7-' }), [206, '789', 'bytes 7-9/10'])
    assert.deepEqual(await ask({ range: 'bytes=-3' }), [206, '789', 'bytes 7-9/10'])
    assert.deepEqual(await ask({ range: 'bytes=5-99' }), [206, '56789', 'bytes 5-9/10'])
    assert.deepEqual(await ask({ range: 'bytes=10-' }), [416, '', 'bytes */10'])
    assert.deepEqual(await ask({ range: 'bytes=-0' }), [416, '', 'bytes */10'])
    for (const range of ['bytes=4-2', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=-'])
      assert.deepEqual(await ask({ range }), [200, '0123456789', undefined], range)
    assert.deepEqual((await ask({ range: 'bytes=2-4', 'if-range': '"another"' }))[0], 200)
    assert.deepEqual(await ask({ 'if-none-match': `"${blobId}"` }), [304, '', undefined])
  }))

test('JMAP over HTTP: session, api, upload, download', () =>
  atServer(async (app, { accountId }) => {
    const headers = { authorization: BASIC }
    const session = (await app.inject({ url: '/.well-known/jmap', headers })).json()
    assert.equal(session.apiUrl, 'http://localhost:80/jmap/api')
    const payload = JSON.stringify({ using: [CORE], methodCalls: [['Core/echo', { hello: true }, 'c']] })
    const post = (type: string, body = payload) =>
      app.inject({ method: 'POST', url: '/jmap/api', headers: { ...headers, 'content-type': type }, payload: body })
    assert.deepEqual((await post('application/json')).json().methodResponses, [['Core/echo', { hello: true }, 'c']])
    assert.equal((await post('text/plain')).statusCode, 400)
    const notJson = await post('application/json', '{')
    assert.match(String(notJson.headers['content-type']), /problem\+json/)
    const upload = await app.inject({
      method: 'POST',
      url: `/jmap/upload/${accountId}`,
      headers: { ...headers, 'content-type': 'text/html' },
      payload: '<script>alert(1)</script>',
    })
    assert.equal(upload.statusCode, 201)
    const { blobId } = upload.json()
    const download = await app.inject({
      url: `/jmap/download/${accountId}/${blobId}/${encodeURIComponent('ä"\r\n.html')}?type=text/html`,
      headers,
    })
    assert.equal(download.body, '<script>alert(1)</script>')
    assert.match(
      String(download.headers['content-disposition']),
      /^attachment; filename\*=UTF-8''%C3%A4%22%0D%0A\.html$/,
    )
    assert.match(String(download.headers['content-security-policy']), /sandbox/)
    assert.equal((await app.inject({ url: `/jmap/download/${accountId}/bnone/x`, headers })).statusCode, 404)
    assert.equal((await app.inject({ url: `/jmap/download/a99/${blobId}/x`, headers })).statusCode, 404)
  }))

test('trusted Forwarders, traces, the live picture', () =>
  atServer(async (app, { deliver }) => {
    const headers = { authorization: BASIC }
    const put = (domain: string) =>
      app.inject({
        method: 'PUT',
        url: '/api/trusted-forwarders',
        headers,
        payload: { domain, oldAddress: 'bob@old.test' },
      })
    assert.equal((await put('not a domain')).statusCode, 400)
    assert.deepEqual(
      (await put('OLD.test')).json().forwarders.map((one: Loose) => [one.domain, one.oldAddress]),
      [['old.test', 'bob@old.test']],
    )
    const removed = await app.inject({ method: 'DELETE', url: '/api/trusted-forwarders?domain=old.test', headers })
    assert.deepEqual(removed.json().forwarders, [])
    const id = await deliver('Subject: x\n\nHi\n')
    assert.match((await app.inject({ url: `/api/trace?email=${id}`, headers })).json().text, /trace of 18 bytes/)
    assert.equal((await app.inject({ url: '/api/trace?email=e99', headers })).statusCode, 404)
    assert.equal((await app.inject('/api/system')).statusCode, 401)
    const system = await app.inject({ url: '/api/system', headers })
    assert.deepEqual(system.json().queues, { sender: 1 })
    assert.match(String(system.headers['content-security-policy']), /script-src 'self'/)
  }))

test('the event source tells each change, and ends after one when asked (RFC 8620 §7.3)', () =>
  atServer(async (app, { deliver, accountId, backend }) => {
    const base = await app.listen({ host: '127.0.0.1', port: 0 })
    const headers = { authorization: BASIC }
    const open = (query: string, more = {}) =>
      fetch(`${base}/jmap/eventsource?${query}`, { headers: { ...headers, ...more } })
    const once = await open('types=Email&closeafter=state&ping=0')
    assert.equal(once.headers.get('content-type'), 'text/event-stream')
    await deliver('Subject: x\n\nHi\n')
    const text = await once.text()
    const state = String(backend.store.modseq(backend.account.id))
    assert.equal(text.split('\n')[0], `id: ${state}`)
    assert.match(text, /^event: state$/m)
    assert.deepEqual(JSON.parse(/^data: (.*)$/m.exec(text)![1]!), {
      '@type': 'StateChange',
      changed: { [accountId]: { Email: state } },
    })
    // What was missed is told at once.
    const missed = await open('types=*&closeafter=state&ping=0', { 'last-event-id': '0' })
    assert.match(await missed.text(), /"Mailbox"/)
  }))

/** The rest after a fault is a moment there. */
const hurried = (world: World): World => ({
  ...world,
  clock: Object.assign(Object.create(world.clock), {
    after: (delayMs: number, action: () => void) => world.clock.after(delayMs === 10_000 ? 20 : delayMs, action),
  }),
})

/** Until somebody has tried to read. */
async function whileUnreadable(store: Desk['backend']['store'], work: () => Promise<unknown>): Promise<void> {
  const tried = Promise.withResolvers<void>()
  const unreadable = mock.method(store, 'modseq', () => {
    tried.resolve()
    throw new DiskError('failed', 'it cannot be read')
  })
  try {
    await work()
    await tried.promise
  } finally {
    unreadable.mock.restore()
  }
}

test('a store that cannot be read for a while ends neither the agent nor an event source, which hears of it later', () =>
  atServer(async (app, { deliver, backend }, _counts, faults) => {
    const base = await app.listen({ host: '127.0.0.1', port: 0 })
    const headers = { authorization: BASIC }
    const source = await fetch(`${base}/jmap/eventsource?types=Email&closeafter=state&ping=0`, { headers })
    await whileUnreadable(backend.store, () => deliver('Subject: x\n\nHi\n'))
    assert.match(await source.text(), /^event: state$/m)
    assert.deepEqual(faults.slice(0, 1), ['GET /jmap/eventsource: it cannot be read'])
  }, hurried))

test('nor does it end a WebSocket', () =>
  atServer(async (app, { deliver, backend, accountId }, _counts, faults) => {
    const base = await app.listen({ host: '127.0.0.1', port: 0 })
    const socket = new WebSocket(`${base.replace('http', 'ws')}/jmap/ws`, 'jmap', { headers: { authorization: BASIC } })
    try {
      await once(socket, 'open')
      socket.send(JSON.stringify({ '@type': 'WebSocketPushEnable', dataTypes: ['Email'] }))
      // What is said in turn is answered in turn: from then on changes are told.
      socket.send(JSON.stringify({ '@type': 'Request', using: [CORE], methodCalls: [['Core/echo', {}, 'c']] }))
      await once(socket, 'message')
      const told = once(socket, 'message')
      await whileUnreadable(backend.store, () => deliver('Subject: x\n\nHi\n'))
      const change: Loose = JSON.parse(String((await told)[0]))
      assert.deepEqual(Object.keys(change.changed[accountId]), ['Email'])
      assert.deepEqual(faults.slice(0, 1), ['GET /jmap/ws: it cannot be read'])
    } finally {
      socket.terminate()
    }
  }, hurried))
