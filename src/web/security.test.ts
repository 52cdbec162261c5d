// Keeping an account safe over HTTP: a system with everything behind it, requests injected.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type TOTP, URI } from 'otpauth'
import { WebSocket } from 'ws'
import { parse } from '../notation/parse.ts'
import { administer } from '../roles/administer.ts'
import { RunningAgent } from '../system/agent.ts'
import { planSystem } from '../system/description.ts'
import { TWO_AGENTS } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'

const BOB = 'bob@recipient.test'

async function atServer(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-safe-'))
  const { plan } = planSystem(parse(TWO_AGENTS).model)
  const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) })
  const agentPlan = plan.agents.find(({ id }) => id === 'recipient')!
  const running = await RunningAgent.start(agentPlan, world, { iterations: 10, transmitterPort: 25, log: () => {} })
  const app = createWeb({ world, serverFactory: httpServer, backends: backendsOf([running]) })
  t.after(async () => {
    await app.close()
    await running.stop(0)
    rmSync(folder, { recursive: true })
  })
  const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url, payload, headers })
  const signIn = (password: string, more: object = {}) => post('/api/sign-in', { address: BOB, password, ...more })
  const cookieIn = (answer: { headers: Record<string, unknown> }) => String(answer.headers['set-cookie']).split(';')[0]!
  const basic = (password: string) => ({
    authorization: `Basic ${Buffer.from(`${BOB}:${password}`).toString('base64')}`,
  })
  const me = async (headers: Record<string, string>) => (await app.inject({ url: '/api/me', headers })).statusCode
  return { app, running, post, signIn, cookieIn, basic, me }
}

test('an app password over HTTP: made at the page, good for JMAP, and no longer once revoked', async (t) => {
  const { app, post, signIn, cookieIn, basic, me } = await atServer(t)
  const cookie = { cookie: cookieIn(await signIn('demo')) }
  const wish = { action: 'make', name: 'Program', doors: ['jmap'], password: 'demo' }
  assert.equal((await post('/api/security', wish)).statusCode, 401)
  assert.equal((await post('/api/security', wish, basic('demo'))).statusCode, 403)
  assert.equal((await post('/api/security', { ...wish, password: 'wrong' }, cookie)).statusCode, 400)
  assert.equal((await post('/api/security', { action: 'toString' }, cookie)).statusCode, 404)
  const made = (await post('/api/security', wish, cookie)).json()
  assert.equal(made.passwords[0].name, 'Program')
  assert.equal(await me(basic(made.secret)), 200)
  assert.equal((await signIn(made.secret)).statusCode, 401)
  assert.equal((await app.inject({ url: '/api/security', headers: basic(made.secret) })).statusCode, 403)
  assert.equal((await post('/api/security', { action: 'revoke', id: made.passwords[0].id }, cookie)).statusCode, 200)
  assert.equal(await me(basic(made.secret)), 401)
})

test('a new password ends every other browser, and not this one', async (t) => {
  const { post, signIn, cookieIn, me } = await atServer(t)
  const here = { cookie: cookieIn(await signIn('demo')) }
  const elsewhere = { cookie: cookieIn(await signIn('demo')) }
  const changed = await post(
    '/api/security',
    { action: 'change-password', password: 'demo', next: 'correct horse' },
    here,
  )
  assert.equal(changed.statusCode, 200)
  assert.equal(await me({ cookie: cookieIn(changed) }), 200)
  assert.deepEqual([await me(here), await me(elsewhere)], [401, 401])
  assert.deepEqual([(await signIn('demo')).statusCode, (await signIn('correct horse')).statusCode], [401, 200])
})

test('a second factor over HTTP: the form asks, the page knows', async (t) => {
  const { running, post, signIn, cookieIn, basic, me } = await atServer(t)
  const cookie = { cookie: cookieIn(await signIn('demo')) }
  const enrolled = (await post('/api/security', { action: 'enrol', password: 'demo' }, cookie)).json()
  assert.match(enrolled.uri, /^otpauth:/)
  assert.equal(enrolled.secondFactor.isOn, false)
  assert.equal((await signIn('demo')).statusCode, 200)
  assert.equal((await post('/api/security', { action: 'confirm', code: '12' }, cookie)).statusCode, 400)
  const code = (URI.parse(enrolled.uri) as TOTP).generate()
  const on = (await post('/api/security', { action: 'confirm', code }, cookie)).json()
  assert.deepEqual([on.secondFactor, on.codes.length], [{ isOn: true, codesLeft: 10 }, 10])
  const asked = await signIn('demo')
  assert.deepEqual([asked.statusCode, asked.json().needsCode, asked.headers['set-cookie']], [401, true, undefined])
  assert.equal((await signIn('wrong')).json().needsCode, undefined)
  assert.equal((await signIn('demo', { code })).statusCode, 401)
  assert.equal((await signIn('demo', { code: on.codes[0] })).statusCode, 200)
  assert.equal(await me(basic('demo')), 401)
  const { world, store } = running.agent
  const wish = { verb: 'no-second-factor', address: BOB }
  assert.deepEqual(await administer({ store, world }, wish), {
    ok: true,
    text: `${BOB} signs in with the password alone.`,
  })
  assert.equal((await signIn('demo')).statusCode, 200)
})

test('browsers are listed, each signs out alone, and sign-out takes its own away', async (t) => {
  const { app, post, signIn, cookieIn, me } = await atServer(t)
  const here = { cookie: cookieIn(await signIn('demo')), 'user-agent': 'Test/1' }
  const elsewhere = {
    cookie: cookieIn(await post('/api/sign-in', { address: BOB, password: 'demo' }, { 'user-agent': 'Telephone/2' })),
  }
  const third = { cookie: cookieIn(await signIn('demo')) }
  const list = async () =>
    (await app.inject({ url: '/api/security', headers: here })).json().browsers as {
      id: number
      program: string
      isThis: boolean
    }[]
  assert.deepEqual(
    (await list()).map(({ isThis }) => isThis),
    [true, false, false],
  )
  const phone = (await list()).find(({ program }) => program === 'Telephone/2')!
  assert.equal(await me(elsewhere), 200)
  assert.equal((await post('/api/security', { action: 'end-browser', id: phone.id }, here)).statusCode, 200)
  assert.deepEqual([await me(elsewhere), await me(here), await me(third)], [401, 200, 200])
  assert.equal((await post('/api/sign-out', {}, third)).statusCode, 204)
  assert.deepEqual([await me(third), (await list()).length], [401, 1])
  for (let n = 0; n < 55; n++) await signIn('demo')
  assert.equal(
    (await app.inject({ url: '/api/security', headers: { cookie: cookieIn(await signIn('demo')) } })).json().browsers
      .length,
    50,
  )
})

test('a connection of a revoked app password ends, and those of a changed password; others go on', async (t) => {
  const { app, running, post, signIn, cookieIn } = await atServer(t)
  const cookie = { cookie: cookieIn(await signIn('demo')) }
  const made = (
    await post('/api/security', { action: 'make', name: 'Phone', doors: ['imap', 'pop3'], password: 'demo' }, cookie)
  ).json()
  const imap = await running.open('imap', { address: '127.0.0.1', port: 0 })
  const pop3 = await running.open('pop3', { address: '127.0.0.1', port: 0 })
  const { network } = running.agent.world
  const dial = async (at: typeof imap, ...lines: string[]) => {
    const stream = await network.connect(at, { timeoutMs: 2000 })
    await stream.read(5000)
    for (const line of lines) {
      await stream.write(Buffer.from(`${line}\r\n`))
      assert.match(Buffer.from((await stream.read(5000))!).toString(), /OK/)
    }
    return stream
  }
  const login = (password: string) => `a LOGIN ${BOB} ${password}`
  const byPhone = await dial(imap, login(made.secret))
  const popByPhone = await dial(pop3, `USER ${BOB}`, `PASS ${made.secret}`)
  const byPassword = await dial(imap, login('demo'))
  const another = await dial(imap, login('demo'))
  const view = async () => (await app.inject({ url: '/api/security', headers: cookie })).json()
  const { connections } = await view()
  assert.deepEqual(
    connections.map((one: { name: string; door: string }) => [one.name, one.door]),
    [
      ['Phone', 'imap'],
      ['Phone', 'pop3'],
      [null, 'imap'],
      [null, 'imap'],
    ],
  )
  const isOver = (stream: typeof byPhone) =>
    stream.read(5000).then(
      (bytes) => bytes === null,
      () => true,
    )
  const answers = async (stream: typeof byPhone) => {
    await stream.write(Buffer.from('n NOOP\r\n'))
    return /^n OK/m.test(Buffer.from((await stream.read(5000))!).toString())
  }
  await post('/api/security', { action: 'revoke', id: made.passwords[0].id }, cookie)
  assert.deepEqual([await isOver(byPhone), await isOver(popByPhone), await answers(byPassword)], [true, true, true])
  await post('/api/security', { action: 'end-connection', id: connections[3].id }, cookie)
  assert.deepEqual([await isOver(another), await answers(byPassword)], [true, true])
  const passing = await dial(imap, login('demo'), 'b UNAUTHENTICATE')
  assert.equal((await view()).connections.length, 1)
  passing.destroy()
  const kept = (
    await post('/api/security', { action: 'make', name: 'Tablet', doors: ['imap'], password: 'demo' }, cookie)
  ).json()
  const byTablet = await dial(imap, login(kept.secret))
  await post('/api/security', { action: 'change-password', password: 'demo', next: 'correct horse' }, cookie)
  assert.deepEqual([await isOver(byPassword), await answers(byTablet)], [true, true])
  byTablet.end()
  await byTablet.read(5000)
  byTablet.destroy()
  for (
    let n = 0;
    n < 100 && running.accounts.connections.of(running.agent.store.accountByAddress(BOB)!.id).length > 0;
    n++
  )
    await running.agent.world.clock.sleep(20)
  assert.deepEqual(running.accounts.connections.of(running.agent.store.accountByAddress(BOB)!.id), [])
})

test('a WebSocket that a signed-out browser or a revoked app password opened answers no more', async (t) => {
  const { app, post, signIn, cookieIn, basic } = await atServer(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const here = { cookie: cookieIn(await signIn('demo')) }
  const elsewhere = {
    cookie: cookieIn(await post('/api/sign-in', { address: BOB, password: 'demo' }, { 'user-agent': 'Other' })),
  }
  const made = (
    await post('/api/security', { action: 'make', name: 'Program', doors: ['jmap'], password: 'demo' }, here)
  ).json()
  const dial = async (headers: Record<string, string>) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/jmap/ws`, 'jmap', { headers })
    await once(client, 'open')
    return client
  }
  const says = async (client: WebSocket) => {
    const answer = Promise.race([
      once(client, 'message').then(() => 'an answer'),
      once(client, 'close').then(([code]) => code as number),
    ])
    client.send('{"@type":"WebSocketPushDisable"}')
    client.send('{"@type":"Request","using":[],"methodCalls":[]}')
    return answer
  }
  const clients = [await dial(here), await dial(elsewhere), await dial(basic(made.secret))]
  for (const client of clients) assert.equal(await says(client), 'an answer')
  const { browsers, passwords } = (await app.inject({ url: '/api/security', headers: here })).json()
  const other = browsers.find(({ program }: { program: string }) => program === 'Other')
  await post('/api/security', { action: 'end-browser', id: other.id }, here)
  await post('/api/security', { action: 'revoke', id: passwords[0].id }, here)
  assert.deepEqual(
    [await says(clients[0]!), await says(clients[1]!), await says(clients[2]!)],
    ['an answer', 1008, 1008],
  )
  clients[0]!.close()
})

test('a page of another site opens no WebSocket, whatever password its browser knows', async (t) => {
  const { app, basic } = await atServer(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const dial = async (headers: Record<string, string>) => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/jmap/ws`, 'jmap', {
      headers: { ...basic('demo'), ...headers },
    })
    const opened = once(client, 'open').then(() => 'open')
    const outcome = await Promise.race([
      opened,
      once(client, 'unexpected-response').then(([, { statusCode }]) => statusCode),
    ])
    client.terminate()
    return outcome
  }
  assert.equal(await dial({}), 'open')
  assert.equal(await dial({ origin: `http://127.0.0.1:${port}` }), 'open')
  assert.equal(await dial({ origin: 'https://evil.example' }), 403)
  assert.equal(await dial({ 'sec-fetch-site': 'cross-site' }), 403)
})

test('who is nobody reads nothing, whatever the route; reports are for the postmaster alone; no answer is framed', async (t) => {
  const { app, signIn, cookieIn } = await atServer(t)
  const routes = [
    ...['me', 'security', 'moving', 'moving/mail.zip?format=mbox', 'forwarding', 'outgoing', 'suppressed', 'reports'],
    ...['where?q=x', 'trace?email=e1', 'trusted-forwarders', 'messages', 'messages/x', 'webhooks', 'contract'],
  ]
  for (const url of [...routes.map((one) => `/api/${one}`), '/jmap/session', '/jmap/eventsource']) {
    const answer = await app.inject(url)
    assert.ok([401, 403, 404].includes(answer.statusCode), `${url}: ${answer.statusCode}`)
    assert.match(String(answer.headers['content-security-policy']), /frame-ancestors 'none'/)
    assert.equal(answer.headers['x-frame-options'], 'DENY')
    assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  }
  const headers = { cookie: cookieIn(await signIn('demo')) }
  assert.equal((await app.inject({ url: '/api/me', headers })).statusCode, 200)
  assert.equal((await app.inject({ url: '/api/reports', headers })).statusCode, 403)
})
