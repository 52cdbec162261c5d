// Signing in through another issuer: `oidc-provider` with a person in Chromium, and an issuer that lies.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import Provider from 'oidc-provider'
import { type TOTP, URI } from 'otpauth'
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
const CHROMIUM = '/usr/bin/chromium'
const WEB = join(import.meta.dirname, '../../web')

async function listen(server: Server, t: TestContext): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Bob's agent, which believes this issuer. */
async function atServer(
  t: TestContext,
  issuer: string,
  { pagesFolder, secret }: { pagesFolder?: string; secret?: string } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-other-'))
  const { plan, findings } = planSystem(parse(`${TWO_AGENTS}\nrecipient: oidc="${issuer} mail"\n`).model)
  assert.deepEqual(findings, [])
  const world = realWorld({
    folder,
    dns: () => ({
      resolve: async (_name, type) =>
        type === 'A'
          ? ({ status: 'records', records: ['127.0.0.1'], secure: false, ttlS: 60 } as never)
          : ({ status: 'no-records' } as never),
    }),
  })
  if (secret !== undefined) await world.disk.writeFile('oidc-secret', Buffer.from(`${secret}\n`), { secret: true })
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
  const base = await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, running, base }
}

type Lie = (claims: Record<string, unknown>) => Record<string, unknown>

/** An issuer that says whatever the test wants it to say. */
async function liar(t: TestContext) {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const other = await generateKeyPair('ES256')
  const says: { claims: Lie; key: CryptoKey; metadata: Lie; userinfo: object; jwks: JWK[]; alg?: string } = {
    claims: (claims) => claims,
    key: privateKey,
    metadata: (metadata) => metadata,
    userinfo: {},
    jwks: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }],
  }
  let nonce = ''
  let issuer = ''
  const sign = (claims: Record<string, unknown>, key = says.key) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(key)
  const claimsNow = () => {
    const nowS = Math.floor(Date.now() / 1000)
    return { iss: issuer, aud: 'mail', sub: 'b0b', iat: nowS, exp: nowS + 300 }
  }
  const server = createServer(async (request, response) => {
    const json = (body: object) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
    if (request.url === '/.well-known/openid-configuration')
      return json(
        says.metadata({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          userinfo_endpoint: `${issuer}/me`,
          jwks_uri: `${issuer}/keys`,
        }),
      )
    if (request.url === '/keys') return json({ keys: says.jwks })
    if (request.url === '/me') return json(says.userinfo)
    const claims = says.claims({ ...claimsNow(), nonce, email: BOB, email_verified: true })
    return json({ access_token: 'opaque', token_type: 'Bearer', id_token: await sign(claims) })
  })
  issuer = await listen(server, t)
  const at = await atServer(t, issuer)
  const get = (url: string, cookie = '') => at.app.inject({ url, headers: { host: new URL(at.base).host, cookie } })
  const cookieIn = (answer: { headers: Record<string, unknown> }, name: string) =>
    [answer.headers['set-cookie']]
      .flat()
      .map(String)
      .find((one) => one.startsWith(`${name}=`))
      ?.split(';')[0] ?? ''
  /** Goes there and comes back: where the browser ends, and whether it is signed in. */
  const attempt = async (
    change: (query: URLSearchParams) => void = () => {},
    start = '/api/sign-in/other/recipient',
  ) => {
    const begun = await get(start)
    const to = new URL(String(begun.headers.location))
    nonce = to.searchParams.get('nonce') ?? ''
    const query = new URLSearchParams({ code: 'c', state: to.searchParams.get('state') ?? '', iss: issuer })
    change(query)
    const done = await get(`/api/sign-in/done?${query}`, cookieIn(begun, 'borderpost-other'))
    return { done, where: String(done.headers.location), session: cookieIn(done, 'borderpost'), to }
  }
  return { ...at, says, sign, claimsNow, attempt, get, cookieIn, issuer, otherKey: other.privateKey }
}

test('the issuer names a verified address: its owner is in; nobody else, and nobody is made', async (t) => {
  const { says, attempt, get, running } = await liar(t)
  const { where, session, to } = await attempt()
  assert.equal(where, '/mail')
  assert.deepEqual(
    ['code', 'S256', 'openid email'],
    ['response_type', 'code_challenge_method', 'scope'].map((name) => to.searchParams.get(name)),
  )
  assert.equal((await get('/api/me', session)).json().address, BOB)
  const { where: onward } = await attempt(
    undefined,
    `/api/sign-in/other/recipient?to=${encodeURIComponent('/oauth/authorize?a=b')}`,
  )
  assert.equal(onward, '/oauth/authorize?a=b')
  for (const evil of ['//evil.example/', 'https://evil.example/', '/mail/../../x', '/\\evil.example'])
    assert.equal(
      (await attempt(undefined, `/api/sign-in/other/recipient?to=${encodeURIComponent(evil)}`)).where,
      '/mail',
    )
  const before = running.agent.store.accounts().length
  for (const more of [
    { email_verified: false },
    { email_verified: 'true' },
    { email: 'nobody@recipient.test' },
    { email: 'bob+x@recipient.test' },
    { email: 'anna@sender.test' },
    { email: ['bob@recipient.test'] },
  ]) {
    says.claims = (claims) => ({ ...claims, ...more })
    const found = await attempt()
    assert.deepEqual([found.where, found.session], ['/mail?sign-in=unknown', ''], JSON.stringify(more))
  }
  assert.equal(running.agent.store.accounts().length, before)
  // What is not in the ID token is asked for, and counts for the same subject alone.
  says.claims = ({ email: _, email_verified: __, ...claims }) => claims
  says.userinfo = { sub: 'b0b', email: BOB, email_verified: true }
  assert.equal((await attempt()).where, '/mail')
  says.userinfo = { sub: 'mallory', email: BOB, email_verified: true }
  assert.equal((await attempt()).where, '/mail?sign-in=unknown')
})

test('a proof that is not for us, not of now, not of this attempt or not signed lets nobody in', async (t) => {
  const { says, attempt, claimsNow, otherKey, get } = await liar(t)
  const { key } = says
  const honest = says.claims
  for (const more of [
    { nonce: 'other' },
    { nonce: undefined },
    { iss: 'https://evil.example' },
    { aud: 'another client' },
    { aud: ['mail', 'another'], azp: 'another' },
    { exp: claimsNow().exp - 600 },
    { exp: undefined },
    { sub: undefined },
    { nbf: claimsNow().exp },
  ]) {
    says.claims = (claims) => ({ ...claims, ...more })
    const found = await attempt()
    assert.deepEqual([found.where, found.session], ['/mail?sign-in=not-good', ''], JSON.stringify(more))
  }
  says.claims = honest
  says.key = otherKey
  assert.equal((await attempt()).where, '/mail?sign-in=not-good')
  says.key = key
  assert.equal((await attempt((query) => query.set('state', 'x'))).where, '/mail?sign-in=not-good')
  assert.equal((await attempt((query) => query.set('iss', 'https://evil.example'))).where, '/mail?sign-in=not-good')
  assert.equal((await attempt((query) => query.delete('code'))).where, '/mail?sign-in=refused')
  assert.equal(String((await get('/api/sign-in/done?code=c&state=x')).headers.location), '/mail?sign-in=late')
  for (let n = 0; n < 30; n++) await get('/api/sign-in/other/recipient')
  assert.equal(String((await get('/api/sign-in/other/recipient')).headers.location), '/mail?sign-in=busy')
})

test('who is linked in the settings is in, whatever the address; unlinked, not', async (t) => {
  const { app, base, says, attempt, get, cookieIn, issuer, running } = await liar(t)
  const post = (url: string, payload: object, cookie = '') =>
    app.inject({ method: 'POST', url, payload, headers: { host: new URL(base).host, cookie } })
  says.claims = ({ email: _, ...claims }) => ({ ...claims, sub: 'robert' })
  assert.equal((await attempt()).where, '/mail?sign-in=unknown')
  const session = cookieIn(await post('/api/sign-in', { address: BOB, password: 'demo' }), 'borderpost')
  assert.equal((await post('/api/sign-in/link', { password: 'demo' })).statusCode, 401)
  assert.equal((await post('/api/sign-in/link', { password: 'wrong' }, session)).statusCode, 400)
  const begun = await post('/api/sign-in/link', { password: 'demo' }, session)
  const to = new URL(begun.json().to)
  const honest = says.claims
  says.claims = (claims) => ({ ...honest(claims), nonce: to.searchParams.get('nonce') })
  const query = new URLSearchParams({ code: 'c', state: to.searchParams.get('state')!, iss: issuer })
  const done = await get(`/api/sign-in/done?${query}`, cookieIn(begun, 'borderpost-other'))
  assert.deepEqual([done.headers.location, cookieIn(done, 'borderpost')], ['/mail', ''])
  says.claims = honest
  const linked = await attempt()
  assert.equal((await get('/api/me', linked.session)).json().address, BOB)
  const view = (await get('/api/security', linked.session)).json()
  assert.equal(view.other.links.length, 1)
  // With a second factor our own code is asked for, too.
  const account = running.agent.store.accountByAddress(BOB)!
  const { secondFactor } = running.accounts
  const enrolled = await secondFactor.enrol(account)
  assert.ok('uri' in enrolled)
  const totp = URI.parse(enrolled.uri) as TOTP
  const confirmed = await secondFactor.confirm(account, totp.generate())
  assert.ok('codes' in confirmed)
  const half = await attempt()
  assert.deepEqual([half.where, half.session], ['/mail?sign-in=code', ''])
  const proof = cookieIn(half.done, 'borderpost-other')
  assert.equal((await post('/api/sign-in/code', { code: '000000' }, proof)).statusCode, 401)
  assert.equal((await post('/api/sign-in/code', { code: confirmed.codes[0] })).statusCode, 401)
  const whole = await post('/api/sign-in/code', { code: confirmed.codes[0] }, proof)
  assert.equal((await get('/api/me', cookieIn(whole, 'borderpost'))).statusCode, 200)
  await secondFactor.turnOff(account)
  const gone = await post('/api/security', { action: 'unlink', id: view.other.links[0].id }, linked.session)
  assert.deepEqual(gone.json().other.links, [])
  assert.equal((await attempt()).where, '/mail?sign-in=unknown')
})

test('access tokens of the issuer open the doors that their scope names; its ID tokens open none', async (t) => {
  const { app, running, sign, claimsNow, says, otherKey } = await liar(t)
  const person = { email: BOB, email_verified: true }
  const state = async (claims: object, door: 'imap' | 'smtp' = 'imap', key = says.key) => {
    const verdict = await running.accounts.checkToken(
      BOB,
      await sign({ ...claimsNow(), ...person, ...claims }, key),
      '192.0.2.7',
      door,
    )
    return verdict.state === 'refused' ? verdict.fault.status : verdict.state
  }
  assert.equal(await state({ scope: 'openid imap' }), 'ok')
  assert.equal(await state({ scope: 'imap', aud: 'mail.recipient.test' }), 'ok')
  assert.equal(await state({ scope: 'imap' }, 'smtp'), 'insufficient_scope')
  assert.equal(await state({ scope: 'imap', aud: 'another' }), 'invalid_token')
  assert.equal(await state({}), 'invalid_token')
  assert.equal(await state({ scope: 'imap', nonce: 'n' }), 'invalid_token')
  assert.equal(await state({ scope: 'imap', email_verified: false }), 'invalid_token')
  assert.equal(await state({ scope: 'imap', email: 'anna@sender.test' }), 'invalid_token')
  assert.equal(await state({ scope: 'imap', exp: claimsNow().iat - 120 }), 'invalid_token')
  assert.equal(await state({ scope: 'imap' }, 'imap', otherKey), 'invalid_token')
  const jmap = async (scope: string) => {
    const authorization = `Bearer ${await sign({ ...claimsNow(), ...person, scope })}`
    return (await app.inject({ url: '/.well-known/jmap', headers: { authorization } })).statusCode
  }
  assert.deepEqual([await jmap('jmap'), await jmap('imap')], [200, 403])
  // Whoever wants a second factor takes the issuer's word alone only once he has linked himself.
  const account = running.agent.store.accountByAddress(BOB)!
  const { secondFactor } = running.accounts
  const enrolled = await secondFactor.enrol(account)
  assert.ok('uri' in enrolled)
  await secondFactor.confirm(account, (URI.parse(enrolled.uri) as TOTP).generate())
  assert.equal(await state({ scope: 'imap' }), 'invalid_token')
})

test('an issuer that is away, or says that it is another, lets nobody in and holds nothing up', async (t) => {
  for (const lie of [
    { issuer: 'https://evil.example' },
    { token_endpoint: undefined },
    { authorization_endpoint: 'javascript:alert(1)' },
    { jwks_uri: 'http://192.0.2.1/keys' },
  ]) {
    const { get, says } = await liar(t)
    says.metadata = (metadata) => ({ ...metadata, ...lie })
    const begun = await get('/api/sign-in/other/recipient')
    assert.equal(begun.headers.location, '/mail?sign-in=unreachable', JSON.stringify(lie))
  }
  const { get } = await liar(t)
  assert.equal((await get('/api/sign-in/other/nobody')).headers.location, '/mail?sign-in=unreachable')
})

test('oidc-provider: a person signs in there with Chromium, and reads mail here', {
  skip: existsSync(CHROMIUM) ? false : 'Chromium is not installed',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-other-pages-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const pagesFolder = join(folder, 'pages')
  await build({ root: WEB, logLevel: 'silent', build: { outDir: pagesFolder, emptyOutDir: true } })
  let answer: (...parameters: Parameters<ReturnType<Provider['callback']>>) => unknown = () => {}
  const server = createServer((request, response) => void answer(request, response))
  const issuer = await listen(server, t)
  const { base } = await atServer(t, issuer, { pagesFolder, secret: 'a+secret/of:ours' })
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'mail', client_secret: 'a+secret/of:ours', redirect_uris: [`${base}/api/sign-in/done`] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: `${sub}@recipient.test`, email_verified: true }),
    }),
    cookies: { keys: ['test'] },
  })
  answer = provider.callback()
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  t.after(() => browser.close())
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(`${base}/mail`)
  await page.getByRole('link', { name: `Sign in with ${new URL(issuer).host}` }).click()
  await page.fill('input[name=login]', 'bob')
  await page.fill('input[name=password]', 'whatever')
  await page.click('button[type=submit]')
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('heading', { name: 'Inbox' }).waitFor()
  await page.getByLabel('Settings').click()
  await page.locator('#other-issuer').getByText('Nobody is linked.').waitFor()
})

test('what a token of the issuer opened is listed by its name, and ends when the second factor is turned on', async (t) => {
  const { running, sign, claimsNow, app, base } = await liar(t)
  const claims = { ...claimsNow(), email: BOB, email_verified: true, scope: 'imap' }
  const { port } = await running.open('imap', { address: '127.0.0.1', port: 0 })
  const stream = await running.agent.world.network.connect({ address: '127.0.0.1', port }, { timeoutMs: 2000 })
  await stream.read(5000)
  const text = Buffer.from(`n,,\x01auth=Bearer ${await sign(claims)}\x01\x01`).toString('base64')
  await stream.write(Buffer.from(`a AUTHENTICATE OAUTHBEARER ${text}\r\n`))
  assert.match(Buffer.from((await stream.read(5000))!).toString(), /^a OK/)
  const headers = { host: new URL(base).host }
  const signedIn = await app.inject({
    method: 'POST',
    url: '/api/sign-in',
    headers,
    payload: { address: BOB, password: 'demo' },
  })
  const cookie = String(signedIn.headers['set-cookie']).split(';')[0]!
  const act = async (payload: object) =>
    (await app.inject({ method: 'POST', url: '/api/security', headers: { ...headers, cookie }, payload })).json()
  const { secret: _, uri, connections, other } = await act({ action: 'enrol', password: 'demo' })
  assert.deepEqual([connections[0].name, connections[0].door], [other.name, 'imap'])
  await act({ action: 'confirm', code: (URI.parse(uri) as TOTP).generate() })
  assert.equal(await stream.read(5000).catch(() => null), null)
})
