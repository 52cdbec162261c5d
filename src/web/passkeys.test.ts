// Passkeys over HTTP, with an authenticator in software: a system with everything behind it, requests injected.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type TOTP, URI } from 'otpauth'
import { parse } from '../notation/parse.ts'
import { administer } from '../roles/administer.ts'
import { RunningAgent } from '../system/agent.ts'
import { planSystem } from '../system/description.ts'
import { TWO_AGENTS } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { createWeb } from './server.ts'
import { type Lies, SoftwareAuthenticator } from './testing-passkeys.ts'

const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'
const ORIGIN = 'https://mail.recipient.test'
const HERE = { host: 'mail.recipient.test', origin: ORIGIN, 'sec-fetch-site': 'same-origin' }
const TEXT = `${TWO_AGENTS}recipient: web=${ORIGIN}\n`

async function atServer(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-passkeys-'))
  const { plan } = planSystem(parse(TEXT).model)
  const said: string[] = []
  const running: RunningAgent[] = []
  for (const agentPlan of plan.agents) {
    const dns = () => ({ resolve: () => Promise.reject(new Error('no DNS here')) })
    const world = realWorld({ folder: join(folder, agentPlan.id), dns })
    const log = (_agent: string, _level: string, text: string) => said.push(text)
    running.push(await RunningAgent.start(agentPlan, world, { iterations: 10, transmitterPort: 25, log }))
  }
  const { world } = running[0]!.agent
  // Passed time is what the clock says from now on.
  const late = { ms: 0 }
  for (const { agent } of running) {
    const { clock } = agent.world
    const now = clock.now.bind(clock)
    Object.assign(agent.world, { clock: { ...clock, now: () => now() + late.ms } })
  }
  const app = createWeb({ world, serverFactory: httpServer, backends: backendsOf(running), isSecure: true })
  t.after(async () => {
    await app.close()
    for (const one of running) await one.stop(0)
    rmSync(folder, { recursive: true })
  })
  const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url, payload, headers: { ...HERE, ...headers } })
  const signIn = (address = BOB, more: object = {}) => post('/api/sign-in', { address, password: 'demo', ...more })
  const cookieIn = (answer: { headers: Record<string, unknown> }) => ({
    cookie: String(answer.headers['set-cookie']).split(';')[0]!,
  })
  const me = async (headers: Record<string, string>) => {
    const answer = await app.inject({ url: '/api/me', headers: { ...HERE, ...headers } })
    return answer.statusCode === 200 ? answer.json().address : answer.statusCode
  }
  const view = async (headers: Record<string, string>) =>
    (await app.inject({ url: '/api/security', headers: { ...HERE, ...headers } })).json()
  const begin = (cookie: Record<string, string>, password = 'demo') =>
    post('/api/security', { action: 'passkey-begin', password }, cookie)
  const add = (cookie: Record<string, string>, response: object, name = 'Telephone') =>
    post('/api/security', { action: 'passkey-add', name, response }, cookie)
  const enrol = async (address = BOB, authenticator = new SoftwareAuthenticator(ORIGIN)) => {
    const cookie = cookieIn(await signIn(address))
    const options = (await begin(cookie)).json().passkey
    const added = await add(cookie, authenticator.create(options))
    assert.equal(added.statusCode, 200, added.body)
    return { authenticator, cookie, options, id: added.json().passkeys.list.at(-1).id as number }
  }
  const ask = async () => (await post('/api/passkey', {})).json()
  const answer = (response: object) => post('/api/passkey', { response })
  const by = async (authenticator: SoftwareAuthenticator, lies?: Lies) => answer(authenticator.get(await ask(), lies))
  return { app, running, said, late, post, signIn, cookieIn, me, view, begin, add, enrol, ask, answer, by }
}

test('a passkey is made with the password, signs in alone, and is listed with its last use', async (t) => {
  const { signIn, cookieIn, begin, enrol, by, me, view, app } = await atServer(t)
  assert.equal((await app.inject({ url: '/api/welcome', headers: HERE })).json().hasPasskeys, true)
  assert.equal((await begin(cookieIn(await signIn()), 'wrong')).statusCode, 400)
  const { authenticator, options, cookie } = await enrol()
  assert.deepEqual(options.rp, { name: 'Borderpost', id: 'mail.recipient.test' })
  assert.deepEqual(
    [options.authenticatorSelection.residentKey, options.authenticatorSelection.userVerification, options.attestation],
    ['required', 'required', 'none'],
  )
  assert.doesNotMatch(Buffer.from(options.user.id, 'base64url').toString('latin1'), /bob|recipient/)
  const [before] = (await view(cookie)).passkeys.list
  assert.deepEqual([before.name, before.lastUse], ['Telephone', null])
  const entered = await by(authenticator)
  assert.equal(entered.statusCode, 200, entered.body)
  assert.match(String(entered.headers['set-cookie']), /HttpOnly; SameSite=Strict.*; Secure/)
  assert.equal(await me(cookieIn(entered)), BOB)
  const [after] = (await view(cookie)).passkeys.list
  assert.deepEqual([after.lastUse.from, after.isShared], ['127.0.0.1', false])
})

test('people of several agents sign in at one page, each with a passkey of their own', async (t) => {
  const { enrol, by, me, cookieIn } = await atServer(t)
  const anna = await enrol(ANNA)
  const bob = await enrol(BOB)
  assert.equal(await me(cookieIn(await by(bob.authenticator))), BOB)
  assert.equal(await me(cookieIn(await by(anna.authenticator))), ANNA)
  // One person's key does not sign for another, whoever it says it is.
  assert.equal((await by(anna.authenticator, { userHandle: bob.authenticator.userHandle })).statusCode, 401)
})

test('what a passkey signed passes once, and nothing that was asked before it', async (t) => {
  const { enrol, ask, answer } = await atServer(t)
  const { authenticator } = await enrol()
  const [early, later] = [await ask(), await ask()]
  const signed = authenticator.get(later)
  const codes = (await Promise.all([answer(signed), answer(signed)])).map(({ statusCode }) => statusCode)
  assert.deepEqual(codes.sort(), [200, 401])
  assert.equal((await answer(signed)).statusCode, 401)
  assert.equal((await answer(authenticator.get(early))).statusCode, 401)
  assert.equal((await answer(authenticator.get(await ask()))).statusCode, 200)
})

test('refused: another site, another origin, nobody seen, another challenge, too late, the wrong kind', async (t) => {
  const { enrol, ask, answer, by, late } = await atServer(t)
  const { authenticator, options } = await enrol()
  const refused: [string, Lies][] = [
    ['a false page', { origin: 'https://mail.recipient.test.evil.test' }],
    ['http', { origin: 'http://mail.recipient.test' }],
    ['another site', { site: 'evil.test' }],
    ['not verified', { isVerified: false }],
    ['the wrong kind', { type: 'webauthn.create' }],
    ['nobody', { userHandle: 'AAAAAAAAAAAAAAAAAAAAAA' }],
  ]
  for (const [what, lies] of refused) assert.equal((await by(authenticator, lies)).statusCode, 401, what)
  assert.equal((await answer(authenticator.get({ challenge: 'AAAA' }))).statusCode, 401)
  // Asked for when the passkey was made, not to sign in.
  assert.equal((await answer(authenticator.get(options))).statusCode, 401)
  const slow = await ask()
  late.ms += 5 * 60_000 + 1000
  assert.equal((await answer(authenticator.get(slow))).statusCode, 401)
  assert.equal((await by(authenticator)).statusCode, 200)
})

test('a counter that goes back is a copy: refused, and the administrator hears of it', async (t) => {
  const { enrol, by, said } = await atServer(t)
  const { authenticator } = await enrol()
  authenticator.counter = 10
  assert.equal((await by(authenticator)).statusCode, 200)
  for (const counter of [11, 5, 0]) assert.equal((await by(authenticator, { counter })).statusCode, 401, `${counter}`)
  assert.equal(said.filter((text) => /copy/.test(text)).length, 3)
  assert.equal((await by(authenticator)).statusCode, 200)
})

test('a device that does not count signs in as often as it likes', async (t) => {
  const { enrol, by, said } = await atServer(t)
  const { authenticator } = await enrol()
  for (let n = 0; n < 3; n++) assert.equal((await by(authenticator, { counter: 0 })).statusCode, 200)
  assert.ok(!said.some((text) => /copy/.test(text)))
})

test('not kept: what names its maker by a certificate, was asked of somebody else, or is here already', async (t) => {
  const { begin, add, enrol, cookieIn, signIn, me, app } = await atServer(t)
  const { authenticator, cookie } = await enrol()
  const make = async (lies: Lies, made = new SoftwareAuthenticator(ORIGIN)) =>
    (await add(cookie, made.create((await begin(cookie)).json().passkey, lies))).statusCode
  const asked: string[] = []
  const { fetch } = globalThis
  t.after(() => Object.assign(globalThis, { fetch }))
  Object.assign(globalThis, { fetch: (url: unknown) => Promise.reject(asked.push(String(url))) })
  const statement = { alg: -7, sig: Buffer.alloc(70), x5c: [Buffer.alloc(300)] }
  assert.equal(await make({ format: 'packed', statement }), 400)
  assert.equal(await make({ format: 'fido-u2f', statement }), 400)
  assert.equal(await make({ format: 'tpm', statement }), 400)
  assert.deepEqual(asked, [])
  assert.equal(await make({ isVerified: false }), 400)
  assert.equal(await make({ origin: 'https://evil.test' }), 400)
  assert.equal(await make({}, authenticator), 400)
  const annas = cookieIn(await signIn(ANNA))
  const annasOptions = (await begin(annas)).json().passkey
  assert.equal((await add(cookie, new SoftwareAuthenticator(ORIGIN).create(annasOptions))).statusCode, 400)
  for (const rubbish of [
    null,
    1,
    'x',
    [],
    {},
    { id: 'a', rawId: 'a', type: 'public-key', response: { clientDataJSON: 'e30' } },
  ])
    assert.equal((await add(cookie, rubbish as object)).statusCode, 400)
  const elsewhere = { ...HERE, host: 'evil.test', origin: 'https://evil.test' }
  const atFalsePage = await app.inject({ method: 'POST', url: '/api/passkey', payload: {}, headers: elsewhere })
  assert.equal(atFalsePage.statusCode, 404)
  assert.equal(await me(cookie), BOB)
})

test('twenty are kept, and a twenty-first is not asked for', async (t) => {
  const { begin, add, enrol, view } = await atServer(t)
  const { cookie } = await enrol()
  const options = (await begin(cookie)).json().passkey
  for (let n = 1; n < 20; n++)
    assert.equal((await add(cookie, new SoftwareAuthenticator(ORIGIN).create(options), `${n}`)).statusCode, 200)
  assert.equal((await begin(cookie)).statusCode, 400)
  assert.equal((await add(cookie, new SoftwareAuthenticator(ORIGIN).create(options))).statusCode, 400)
  assert.equal((await view(cookie)).passkeys.list.length, 20)
})

test('it is renamed; revoked, it signs in no more, and what it signed in is signed out', async (t) => {
  const { post, enrol, by, me, cookieIn, view } = await atServer(t)
  const { authenticator, cookie, id } = await enrol()
  const opened = cookieIn(await by(authenticator))
  assert.equal(
    (await post('/api/security', { action: 'passkey-rename', id, name: 'Blue one' }, cookie)).statusCode,
    200,
  )
  assert.equal((await post('/api/security', { action: 'passkey-rename', id, name: ' ' }, cookie)).statusCode, 400)
  assert.equal((await view(cookie)).passkeys.list[0].name, 'Blue one')
  assert.equal(await me(opened), BOB)
  assert.equal((await post('/api/security', { action: 'passkey-revoke', id }, cookie)).statusCode, 200)
  assert.deepEqual([await me(opened), await me(cookie)], [401, BOB])
  assert.equal((await by(authenticator)).statusCode, 401)
  assert.equal((await post('/api/security', { action: 'passkey-revoke', id }, cookie)).statusCode, 400)
})

test('after the password, a passkey stands for the code; only one of this person does', async (t) => {
  const { post, enrol, signIn, me, cookieIn } = await atServer(t)
  const bob = await enrol()
  const anna = await enrol(ANNA)
  assert.equal((await signIn()).statusCode, 200)
  const enrolled = (await post('/api/security', { action: 'enrol', password: 'demo' }, bob.cookie)).json()
  const code = (URI.parse(enrolled.uri) as TOTP).generate()
  assert.equal((await post('/api/security', { action: 'confirm', code }, bob.cookie)).statusCode, 200)
  const asked = (await signIn()).json()
  assert.equal(asked.needsCode, true)
  assert.deepEqual(
    asked.passkey.allowCredentials.map(({ id }: { id: string }) => id),
    [bob.authenticator.id.toString('base64url')],
  )
  assert.equal((await signIn(BOB, { password: 'wrong' })).json().passkey, undefined)
  assert.equal((await signIn(BOB, { passkey: anna.authenticator.get(asked.passkey) })).statusCode, 401)
  assert.equal((await signIn(BOB, { passkey: {} })).statusCode, 401)
  const signed = bob.authenticator.get(asked.passkey, { isVerified: false, counter: 7 })
  // Not without the password, nor for who comes without a name.
  assert.equal((await signIn(BOB, { password: 'wrong', passkey: signed })).statusCode, 401)
  assert.equal((await post('/api/passkey', { response: signed })).statusCode, 401)
  const entered = await signIn(BOB, { passkey: signed })
  assert.equal(entered.statusCode, 200, entered.body)
  assert.equal(await me(cookieIn(entered)), BOB)
  assert.equal((await signIn(BOB, { passkey: signed })).statusCode, 401)
})

test('who is held back for wrong passwords gets in by passkey; an administrator takes all of them away', async (t) => {
  const { running, enrol, signIn, by } = await atServer(t)
  const { authenticator } = await enrol()
  for (let n = 0; n < 25; n++) await signIn(BOB, { password: 'wrong' })
  assert.equal((await signIn()).statusCode, 429)
  assert.equal((await by(authenticator)).statusCode, 200)
  // The place is known to be the owner's again.
  assert.equal((await signIn()).statusCode, 200)
  const { store, world } = running.find(({ plan }) => plan.id === 'recipient')!.agent
  assert.deepEqual(await administer({ store, world }, { verb: 'no-passkeys', address: BOB }), {
    ok: true,
    text: `${BOB} has no passkeys any more.`,
  })
  assert.equal((await by(authenticator)).statusCode, 401)
})

test('a clock that leapt ahead and back: nobody is locked out, and what it let in then does not last ten years', async (t) => {
  const { enrol, by, ask, answer, late, cookieIn, me, running } = await atServer(t)
  const { authenticator } = await enrol()
  late.ms = 3653 * 86_400_000
  const then = authenticator.get(await ask())
  const ahead = await answer(then)
  assert.equal(ahead.statusCode, 200)
  const unused = authenticator.get(await ask())
  const { grants } = running[1]!.accounts
  const { store } = running[1]!.agent
  const account = store.accountByAddress(BOB)!
  const verifier = 'v'.repeat(43)
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const consent = { client: { id: 'c', name: 'c' }, scopes: ['imap'], redirectUri: 'x:/', challenge, signedInAtMs: 0 }
  const allowed = (await grants.allow(account, consent)) as { code: string }
  const { access } = (await grants.redeem(allowed.code, { client: 'c', redirectUri: 'x:/', verifier }))!
  assert.equal(grants.check(access).state, 'ok')
  assert.equal(await me(cookieIn(ahead)), BOB)
  late.ms = 0
  assert.equal(grants.check(access).state, 'expired')
  assert.equal(await me(cookieIn(ahead)), 401)
  for (const stale of [then, unused]) assert.equal((await answer(stale)).statusCode, 401)
  const again = await by(authenticator)
  assert.equal(again.statusCode, 200)
  assert.equal(await me(cookieIn(again)), BOB)
})
