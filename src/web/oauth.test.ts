// The issuer with clients that nobody here wrote: oauth4webapi asks for tokens, imapflow, curl and fetch use them, and a
// person agrees in Chromium.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { ImapFlow } from 'imapflow'
import * as oauth from 'oauth4webapi'
import { chromium } from 'playwright-core'
import { build } from 'vite'
import { parse } from '../notation/parse.ts'
import { RunningAgent } from '../system/agent.ts'
import { planSystem } from '../system/description.ts'
import { TWO_AGENTS } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'

const BOB = 'bob@recipient.test'
const REDIRECT = 'http://127.0.0.1/done'
const CHROMIUM = '/usr/bin/chromium'
const WEB = join(import.meta.dirname, '../../web')
const HTTP = { [oauth.allowInsecureRequests]: true } as const
const DESCRIBED = `${TWO_AGENTS}\nrecipient: oauth-client="desk: ${REDIRECT} org.example.desk:/done"\n`

async function atServer(
  t: TestContext,
  { pagesFolder, isRunning = true }: { pagesFolder?: string; isRunning?: boolean } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-oauth-'))
  const { plan, findings } = planSystem(parse(DESCRIBED).model)
  assert.deepEqual(findings, [])
  const world = realWorld({ folder, dns: () => ({ resolve: () => Promise.reject(new Error('no DNS here')) }) })
  const agentPlan = plan.agents.find(({ id }) => id === 'recipient')!
  const running = await RunningAgent.start(agentPlan, world, { iterations: 10, transmitterPort: 25, log: () => {} })
  const app = createWeb({
    world,
    serverFactory: httpServer,
    backends: backendsOf([running]),
    ...(pagesFolder && { pagesFolder }),
  })
  t.after(async () => {
    await app.close()
    await running.stop(0)
    rmSync(folder, { recursive: true })
  })
  const base = isRunning ? await app.listen({ host: '127.0.0.1', port: 0 }) : 'http://localhost'
  running.accounts.issuer = base
  const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url, payload, headers: { host: new URL(base).host, ...headers } })
  const signIn = async () => {
    const answer = await post('/api/sign-in', { address: BOB, password: 'demo' })
    return { cookie: String(answer.headers['set-cookie']).split(';')[0]! }
  }
  return { app, running, base, post, signIn }
}
type Server = Awaited<ReturnType<typeof atServer>>

/** What a program does, up to its tokens; Bob agrees at once. */
async function program({ base, post, signIn }: Server, scope: string, client: oauth.Client = { client_id: 'desk' }) {
  const issuer = new URL(base)
  const found = await oauth.discoveryRequest(issuer, HTTP)
  const server = await oauth.processDiscoveryResponse(issuer, found)
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const nonce = oauth.generateRandomNonce()
  const redirectUri = 'http://127.0.0.1:47110/done'
  const address = new URL(server.authorization_endpoint!)
  address.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  const agreed = await post('/api/authorization', { query: address.search.slice(1), allow: true }, await signIn())
  assert.equal(agreed.statusCode, 200, agreed.body)
  const back = oauth.validateAuthResponse(server, client, new URL(agreed.json().to), state)
  const answer = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    back,
    redirectUri,
    verifier,
    HTTP,
  )
  const isOpenId = scope.includes('openid')
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, {
    ...(isOpenId && { expectedNonce: nonce, requireIdToken: true }),
  })
  const refresh = async (token: string) =>
    oauth.processRefreshTokenResponse(
      server,
      client,
      await oauth.refreshTokenGrantRequest(server, client, oauth.None(), token, HTTP),
    )
  return { server, client, tokens, refresh }
}

test('oauth4webapi: discovery, code with PKCE, an ID token, refresh, userinfo, revocation', async (t) => {
  const at = await atServer(t)
  const { server, client, tokens, refresh } = await program(at, 'openid email profile imap')
  const claims = oauth.getValidatedIdTokenClaims(tokens)!
  assert.equal(claims.email, BOB)
  assert.match(claims.sub, /^a\d+@recipient\.test$/)
  const person = await oauth.processUserInfoResponse(
    server,
    client,
    claims.sub,
    await oauth.userInfoRequest(server, client, tokens.access_token, HTTP),
  )
  assert.equal(person.name, 'Bob Recipient')
  const next = await refresh(tokens.refresh_token!)
  assert.equal(next.scope, 'imap openid email profile')
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(server, client, oauth.None(), next.refresh_token!, HTTP),
  )
  await assert.rejects(refresh(next.refresh_token!), /server responded with an error/)
  const gone = await oauth.userInfoRequest(server, client, next.access_token, HTTP)
  await assert.rejects(oauth.processUserInfoResponse(server, client, claims.sub, gone))
})

test('a program registers itself, and is held to what it registered', async (t) => {
  const at = await atServer(t)
  const issuer = new URL(at.base)
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, HTTP))
  const client = await oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(
      server,
      {
        redirect_uris: ['http://127.0.0.1/done'],
        client_name: 'Mail \u202e<b>on</b> a tablet',
        token_endpoint_auth_method: 'none',
      },
      HTTP,
    ),
  )
  assert.equal(client.client_name, 'Mail <b>on</b> a tablet')
  const { tokens } = await program(at, 'imap', client)
  assert.equal(tokens.scope, 'imap')
  const ask = (more: Record<string, string>) => {
    const query = new URLSearchParams({
      client_id: client.client_id,
      redirect_uri: 'http://127.0.0.1:5/done',
      response_type: 'code',
      scope: 'imap',
      state: 's t',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
      ...more,
    })
    return at.app.inject({ url: `/oauth/authorize?${query}`, headers: { host: issuer.host } })
  }
  // Whoever cannot be trusted with an answer is shown nothing but a sentence.
  for (const wrong of [
    { redirect_uri: 'http://127.0.0.1:5/other' },
    { redirect_uri: 'https://evil.example/done' },
    { redirect_uri: 'javascript:alert(1)' },
    { client_id: `${client.client_id}x` },
    { client_id: 'nobody' },
  ] as Record<string, string>[]) {
    const answer = await ask(wrong)
    assert.deepEqual([answer.statusCode, answer.headers.location], [400, undefined], JSON.stringify(wrong))
  }
  for (const [wrong, error] of [
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge: '' }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ scope: 'everything' }, 'invalid_scope'],
    [{ prompt: 'none' }, 'interaction_required'],
    [{ request: 'e30.e30.' }, 'request_not_supported'],
  ] as const) {
    const { statusCode, headers } = await ask(wrong)
    const to = new URL(String(headers.location))
    assert.deepEqual([statusCode, to.origin, to.searchParams.get('error')], [302, 'http://127.0.0.1:5', error])
    assert.deepEqual([to.searchParams.get('state'), to.searchParams.get('iss')], ['s t', at.base])
  }
  for (const bad of [
    { redirect_uris: ['http://evil.example/'] },
    { redirect_uris: ['javascript:alert(1)'] },
    { redirect_uris: ['https://x.example/#f'] },
    { redirect_uris: ['https://user@x.example/'] },
    { redirect_uris: Array.from({ length: 6 }, (_, n) => `https://x.example/${n}`) },
    { redirect_uris: [], token_endpoint_auth_method: 'client_secret_basic' },
    { redirect_uris: [`https://x.example/${'x'.repeat(300)}`] },
  ])
    assert.equal((await at.post('/oauth/register', bad)).statusCode, 400, JSON.stringify(bad))
  for (let n = 0; n < 40; n++) await at.post('/oauth/register', {})
  assert.equal((await at.post('/oauth/register', {})).statusCode, 429)
})

test('only who signed in at the page a moment ago agrees, and from our own page', async (t) => {
  const { app, running, post, signIn } = await atServer(t, { isRunning: false })
  const query = new URLSearchParams({
    client_id: 'desk',
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: 'jmap',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  }).toString()
  const wish = { query, allow: true }
  const basic = { authorization: `Basic ${Buffer.from(`${BOB}:demo`).toString('base64')}` }
  const cookie = await signIn()
  assert.equal((await post('/api/authorization', wish)).statusCode, 401)
  assert.equal((await post('/api/authorization', wish, basic)).statusCode, 403)
  assert.equal((await post('/api/authorization', wish, { ...cookie, origin: 'https://evil.example' })).statusCode, 401)
  const shown = await app.inject({ url: `/api/authorization?${query}` })
  assert.deepEqual(shown.json(), { program: 'desk', isRegistered: false, goesTo: null, doors: ['jmap'], tells: [] })
  assert.match((await post('/api/authorization', { ...wish, allow: false }, cookie)).json().to, /error=access_denied/)
  const { store } = running.agent
  const account = store.accountByAddress(BOB)!
  assert.equal(store.lists.objects(account.id, 'oauth-grant').length, 0)
  for (const { id, value } of store.lists.objects(account.id, 'web-session')) {
    const old = { ...JSON.parse(value), sinceMs: Date.now() - 700_000 }
    await store.commit([
      { kind: 'object.put', account: account.id, of: 'web-session', id, value: JSON.stringify(old), atMost: 50 },
    ])
  }
  const stale = await post('/api/authorization', wish, cookie)
  assert.deepEqual([stale.statusCode, stale.json().needsSignIn], [401, true])
  assert.match((await post('/api/authorization', wish, await signIn())).json().to, /[?&]code=/)
})

test('the token endpoint says what is wrong, and never why a code is not good', async (t) => {
  const { app } = await atServer(t, { isRunning: false })
  const form = async (text: string, url = '/oauth/token') => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await app.inject({ method: 'POST', url, headers, payload: text })
    assert.equal(answer.headers['cache-control'], 'no-store')
    return `${answer.statusCode} ${answer.json().error}`
  }
  const code = 'grant_type=authorization_code&client_id=desk&code_verifier='
  assert.equal(await form(''), '401 invalid_client')
  assert.equal(await form('client_id=desk'), '400 invalid_request')
  assert.equal(await form('client_id=desk&grant_type=password'), '400 unsupported_grant_type')
  assert.equal(await form('client_id=desk&client_id=desk&grant_type=refresh_token'), '400 invalid_request')
  assert.equal(await form(`${code}short&code=x`), '400 invalid_request')
  assert.equal(await form(`${code}${'v'.repeat(43)}&code=x`), '400 invalid_grant')
  assert.equal(await form('grant_type=refresh_token&client_id=desk&refresh_token=x.y.z'), '400 invalid_grant')
  assert.equal(await form('token=nonsense&client_id=desk', '/oauth/revoke'), '200 undefined')
  assert.equal(await form('', '/oauth/revoke'), '400 invalid_request')
  for (let n = 0; n < 120; n++) await form('')
  assert.equal(await form(''), '429 temporarily_unavailable')
})

test('JMAP takes a Bearer token, and says how to get one', async (t) => {
  const at = await atServer(t)
  const { tokens } = await program(at, 'jmap')
  const { tokens: other } = await program(at, 'imap')
  const ask = (token: string) => fetch(`${at.base}/.well-known/jmap`, { headers: { authorization: `Bearer ${token}` } })
  const good = await ask(tokens.access_token)
  assert.equal(((await good.json()) as { username: string }).username, BOB)
  const wrong = await ask(`${tokens.access_token}x`)
  assert.deepEqual([wrong.status, /error="invalid_token"/.test(wrong.headers.get('www-authenticate')!)], [401, true])
  const narrow = await ask(other.access_token)
  assert.deepEqual([narrow.status, /insufficient_scope/.test(narrow.headers.get('www-authenticate')!)], [403, true])
  // Node's fetch looks like a page, which is not asked for a password.
  const nobody = await at.app.inject({ url: '/.well-known/jmap', headers: { host: new URL(at.base).host } })
  const where = /resource_metadata="([^"]+)"/.exec(String(nobody.headers['www-authenticate']))![1]!
  const metadata = (await (await fetch(where)).json()) as { authorization_servers: string[] }
  assert.deepEqual(metadata.authorization_servers, [at.base])
  const security = await fetch(`${at.base}/api/security`, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  })
  assert.equal(security.status, 403)
})

test('a device without a browser gets its tokens once its owner has typed the code', async (t) => {
  const at = await atServer(t)
  const issuer = new URL(at.base)
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, HTTP))
  const client = { client_id: 'desk' }
  const begin = async () =>
    oauth.processDeviceAuthorizationResponse(
      server,
      client,
      await oauth.deviceAuthorizationRequest(server, client, oauth.None(), { scope: 'imap' }, HTTP),
    )
  const poll = async (deviceCode: string) =>
    oauth
      .processDeviceCodeResponse(
        server,
        client,
        await oauth.deviceCodeGrantRequest(server, client, oauth.None(), deviceCode, HTTP),
      )
      .catch((error: { error?: string }) => error.error)
  const device = await begin()
  assert.match(device.user_code, /^[B-Z]{4}-[B-Z]{4}$/)
  assert.equal(await poll(device.device_code), 'authorization_pending')
  assert.equal(await poll(device.device_code), 'slow_down')
  const cookie = await at.signIn()
  const answer = (userCode: string, more: object = {}) => at.post('/api/device', { userCode, ...more }, cookie)
  assert.equal((await at.post('/api/device', { userCode: device.user_code, allow: true })).statusCode, 401)
  assert.equal((await answer('BBBB-BBBB', { allow: true })).statusCode, 404)
  assert.deepEqual((await answer(device.user_code.toLowerCase().replace('-', ' '))).json().doors, ['imap'])
  assert.equal((await answer(device.user_code, { allow: true })).statusCode, 200)
  const tokens = await poll(device.device_code)
  assert.ok(typeof tokens === 'object' && tokens.refresh_token !== undefined, String(tokens))
  const { accounts } = at.running
  assert.equal((await accounts.checkToken(BOB, tokens.access_token, '127.0.0.1', 'imap')).state, 'ok')
  assert.equal(await poll(device.device_code), 'expired_token', 'once')
  const refused = await begin()
  assert.equal((await answer(refused.user_code, { allow: false })).statusCode, 200)
  assert.equal(await poll(refused.device_code), 'access_denied')
  for (let n = 0; n < 20; n++) await answer('BBBB-BBBB')
  assert.equal((await answer('BBBB-BBBB')).statusCode, 429)
})

test('imapflow and curl sign in with an access token', async (t) => {
  const at = await atServer(t)
  const { tokens } = await program(at, 'imap smtp pop3')
  const { running } = at
  const on = { address: '127.0.0.1', port: 0 }
  const [imaps, pop3s, submissions] = [
    await running.open('imaps', on),
    await running.open('pop3s', on),
    await running.open('submissions', on),
  ]
  const flow = (accessToken: string) =>
    new ImapFlow({
      host: '127.0.0.1',
      port: imaps.port,
      secure: true,
      tls: { rejectUnauthorized: false },
      auth: { user: BOB, accessToken },
      logger: false,
    })
  const client = flow(tokens.access_token)
  await client.connect()
  assert.ok(await client.status('INBOX', { messages: true }))
  const desk = at.running.accounts.connections.of(running.agent.store.accountByAddress(BOB)!.id)
  assert.equal(desk.length, 1)
  await client.logout()
  const bad = flow('nonsense')
  bad.on('error', () => {})
  await assert.rejects(bad.connect())
  const run = promisify(execFile)
  const curl = (url: string, token: string, ...more: string[]) =>
    run('curl', ['-sSk', '--max-time', '20', '--user', BOB, '--oauth2-bearer', token, ...more, url], {
      timeout: 30_000,
    })
  for (const mechanism of ['OAUTHBEARER', 'XOAUTH2']) {
    const options = ['--login-options', `AUTH=${mechanism}`]
    const listed = await curl(`imaps://127.0.0.1:${imaps.port}/`, tokens.access_token, ...options)
    assert.match(listed.stdout, /INBOX/)
    await curl(`pop3s://127.0.0.1:${pop3s.port}/`, tokens.access_token, ...options)
    const sent = await curl(
      `smtps://127.0.0.1:${submissions.port}/`,
      tokens.access_token,
      ...options,
      '-v',
      '-X',
      'NOOP',
    )
    assert.match(sent.stderr, /235/)
    await assert.rejects(curl(`imaps://127.0.0.1:${imaps.port}/`, 'nonsense', ...options))
    await assert.rejects(curl(`smtps://127.0.0.1:${submissions.port}/`, 'nonsense', ...options, '-X', 'NOOP'))
  }
})

test('a person agrees in a browser, sees the program in the settings and revokes it', {
  skip: existsSync(CHROMIUM) ? false : 'Chromium is not installed',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-consent-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const pagesFolder = join(folder, 'pages')
  await build({ root: WEB, logLevel: 'silent', build: { outDir: pagesFolder, emptyOutDir: true } })
  const at = await atServer(t, { pagesFolder })
  const heard: URL[] = []
  const native = createServer((request, response) => {
    if (request.url?.startsWith('/done')) heard.push(new URL(request.url, 'http://127.0.0.1'))
    response.end('You may close this window.')
  })
  await new Promise<void>((resolve) => native.listen(0, '127.0.0.1', resolve))
  t.after(() => native.close())
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  t.after(() => browser.close())
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  const verifier = oauth.generateRandomCodeVerifier()
  const redirectUri = `http://127.0.0.1:${(native.address() as AddressInfo).port}/done`
  const query = new URLSearchParams({
    client_id: 'desk',
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'imap smtp',
    state: 'abc',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  await page.goto(`${at.base}/oauth/authorize?${query}`)
  await page.getByRole('heading', { name: 'Sign in for desk' }).waitFor()
  await page.fill('#address', BOB)
  await page.fill('#password', 'demo')
  await page.click('button[type=submit]')
  await page.getByText(`wants access to the mail of ${BOB}`).waitFor()
  await page.getByText('read mail (IMAP)').waitFor()
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.getByText('You may close this window.').waitFor()
  assert.equal(heard[0]!.searchParams.get('state'), 'abc')
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: 'desk',
    redirect_uri: redirectUri,
    code: heard[0]!.searchParams.get('code')!,
    code_verifier: verifier,
  })
  const tokens = (await (await fetch(`${at.base}/oauth/token`, { method: 'POST', body: form })).json()) as {
    access_token: string
  }
  const { accounts } = at.running
  assert.equal((await accounts.checkToken(BOB, tokens.access_token, '127.0.0.1', 'imap')).state, 'ok')
  // Refusing tells the program so.
  await page.goto(`${at.base}/oauth/authorize?${query}`)
  await page.getByRole('button', { name: 'Refuse' }).click()
  await page.getByText('You may close this window.').waitFor()
  assert.equal(heard[1]!.searchParams.get('error'), 'access_denied')
  const asking = new URLSearchParams({ client_id: 'desk', scope: 'pop3' })
  const device = (await (
    await fetch(`${at.base}/oauth/device_authorization`, { method: 'POST', body: asking })
  ).json()) as { verification_uri_complete: string }
  await page.goto(device.verification_uri_complete)
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByText('fetch mail (POP3)').waitFor()
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.getByText('The device has access now.').waitFor()
  await page.goto(`${at.base}/mail`)
  await page.getByLabel('Settings').click()
  await page.locator('#grants').getByText('read mail (IMAP), send mail (SMTP)').waitFor()
  await page.getByLabel('Revoke the access of desk').click()
  await page.locator('#grants').waitFor({ state: 'detached' })
  assert.equal((await accounts.checkToken(BOB, tokens.access_token, '127.0.0.1', 'imap')).state, 'refused')
})
