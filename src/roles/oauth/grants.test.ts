import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { ServiceName } from '../../system/agent.ts'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { DiskError } from '../../world/disk.ts'
import type { Stream } from '../../world/network.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { SecurityDesk } from '../security-desk.ts'
import { formatTicket, readTicket } from './tokens.ts'

const BOB = 'bob@recipient.test'
const HOME = '192.0.2.7'
const APP = { id: 'app', name: 'A program' }
const REDIRECT = 'http://127.0.0.1:4711/'
const VERIFIER = 'v'.repeat(43)
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')

async function withGrants() {
  const world = await TestSystem.start(TWO_AGENTS)
  const { agent, accounts } = world.system.agent('recipient')
  accounts.issuer = 'https://mail.recipient.test'
  const account = agent.store.accountByAddress(BOB)!
  const { grants } = accounts
  const allow = async (...scopes: string[]) => {
    const consent = { client: APP, scopes, redirectUri: REDIRECT, challenge: CHALLENGE, signedInAtMs: 0 }
    const answer = await world.run(grants.allow(account, consent))
    assert.ok('code' in answer, JSON.stringify(answer))
    return answer.code
  }
  const redeem = (code: string, more: object = {}) =>
    world.run(grants.redeem(code, { client: APP.id, redirectUri: REDIRECT, verifier: VERIFIER, ...more }))
  const refresh = (token: string, scopes?: string[]) => world.run(grants.refresh(token, APP.id, scopes))
  const tokens = async (...scopes: string[]) => (await redeem(await allow(...scopes)))!
  const pass = (ms: number) => world.run(agent.world.clock.sleep(ms), ms + 1000)
  return { world, agent, accounts, account, grants, allow, redeem, refresh, tokens, pass }
}

test('a code is good once, for its program, its redirect URI and its verifier, and for a minute', async () => {
  const { world, account, grants, allow, redeem, pass } = await withGrants()
  const code = await allow('imap')
  assert.deepEqual(grants.list(account), [], 'nobody has come with the code yet')
  const tokens = (await redeem(code))!
  assert.deepEqual(
    grants.list(account).map(({ name, scopes }) => [name, scopes]),
    [['A program', ['imap']]],
  )
  assert.equal(grants.check(tokens.access).state, 'ok')
  // A second time it was seen by somebody else: all it gave ends (RFC 6749 §4.1.2).
  assert.equal(await redeem(code), undefined)
  assert.equal(grants.check(tokens.access).state, 'unknown')
  assert.equal(await world.run(grants.refresh(tokens.refresh, APP.id)), undefined)
  for (const wrong of [{ verifier: 'w'.repeat(43) }, { redirectUri: 'http://127.0.0.1:4712/' }]) {
    const another = await allow('imap')
    assert.equal(await redeem(another, wrong), undefined)
    assert.equal(await redeem(another), undefined, 'who came first had a code, and no proof')
  }
  const others = await allow('imap')
  assert.equal(await redeem(others, { client: 'another' }), undefined)
  assert.ok(await redeem(others))
  const late = await allow('imap')
  await pass(61_000)
  assert.equal(await redeem(late), undefined)
  const both = await allow('imap')
  const claim = { client: APP.id, redirectUri: REDIRECT, verifier: VERIFIER }
  const found = await world.run(Promise.all([grants.redeem(both, claim), grants.redeem(both, claim)]))
  assert.equal(found.filter((one) => one !== undefined).length, 1)
})

test('a refresh token is good once; an old one that comes again ends the grant', async () => {
  const { account, grants, tokens, refresh, pass } = await withGrants()
  const first = await tokens('imap', 'smtp')
  const second = (await refresh(first.refresh))!
  const third = (await refresh(second.refresh))!
  assert.equal(new Set([first, second, third].map((one) => one.refresh)).size, 3)
  // The answer was lost: the one before may come again for a minute, and the one that was lost no more.
  const again = (await refresh(second.refresh))!
  assert.ok(await refresh(again.refresh))
  assert.equal(await refresh(third.refresh), undefined)
  assert.deepEqual(grants.list(account), [])
  assert.equal(grants.check(again.access).state, 'unknown')
  const other = await tokens('imap')
  const next = (await refresh(other.refresh))!
  await pass(61_000)
  assert.equal(await refresh(other.refresh), undefined)
  assert.equal(await refresh(next.refresh), undefined)
})

test('fewer scopes may be asked for, more may not; an access token lives an hour, an unused grant half a year', async () => {
  const { world, accounts, account, grants, tokens, refresh, pass } = await withGrants()
  const both = await tokens('imap', 'smtp')
  const less = (await refresh(both.refresh, ['smtp']))!
  assert.deepEqual(less.scopes, ['smtp'])
  const state = async (token: string, door: 'imap' | 'smtp') => {
    const verdict = await accounts.checkToken(BOB, token, HOME, door)
    return verdict.state === 'refused' ? verdict.fault.status : verdict.state
  }
  assert.deepEqual([await state(less.access, 'imap'), await state(less.access, 'smtp')], ['insufficient_scope', 'ok'])
  assert.equal(await refresh(less.refresh, ['jmap']), undefined)
  const whole = (await refresh(less.refresh))!
  assert.deepEqual(whole.scopes, ['imap', 'smtp'])
  await pass(3_600_000)
  assert.deepEqual([grants.check(whole.access).state, await state(whole.access, 'imap')], ['expired', 'invalid_token'])
  world.system.hostOf('recipient').clockSkewMs += 181 * 86_400_000
  assert.deepEqual(grants.list(account), [])
  assert.equal(await refresh(whole.refresh), undefined)
})

test('what was never given opens nothing and ends nothing', async () => {
  const { world, agent, accounts, account, grants, tokens, refresh } = await withGrants()
  const { access, refresh: token } = await tokens('imap')
  const ticket = readTicket(token)!
  for (const forged of [
    formatTicket({ ...ticket, family: 'x'.repeat(32), secret: 'y'.repeat(32) }),
    formatTicket({ ...ticket, grant: ticket.grant + 1 }),
    formatTicket({ ...ticket, address: 'nobody@recipient.test' }),
    `${access}x`,
    `${access.slice(0, -1)}${access.endsWith('A') ? 'B' : 'A'}`,
    '',
    '..',
    'e30.e30.e30',
    'bnVsbA.a',
    'x'.repeat(100_000),
  ]) {
    assert.equal(await refresh(forged), undefined)
    assert.equal(grants.check(forged).state, 'unknown', forged)
    await world.run(grants.giveBack(forged, APP.id))
  }
  await world.run(grants.giveBack(token, 'another program'))
  assert.equal(grants.check(access).state, 'ok')
  // Neither the store nor a claim about another account helps.
  const [kept] = agent.store.lists.objects(account.id, 'oauth-grant')
  for (const secret of [ticket.family, ticket.secret]) assert.ok(!kept!.value.includes(secret))
  const anna = await accounts.checkToken('anna@recipient.test', access, HOME, 'imap')
  assert.equal(anna.state, 'refused')
  await world.run(grants.giveBack(token, APP.id))
  assert.equal(grants.check(access).state, 'unknown')
})

test('guessing tokens is limited by the place it comes from, and keeps nobody else out', async () => {
  const { accounts, tokens } = await withGrants()
  const { access } = await tokens('imap')
  const state = async (from: string, user?: string, token = access) =>
    (await accounts.checkToken(user, token, from, 'imap')).state
  for (let n = 0; n < 20; n++) assert.equal(await state('192.0.2.66', undefined, `${access}${n}`), 'refused')
  assert.equal(await state('192.0.2.66'), 'unavailable')
  assert.equal(await state(HOME), 'ok')
})

test('grants are bounded, and codes that nobody came with make room', async () => {
  const { world, account, grants, allow, tokens, pass } = await withGrants()
  for (let n = 0; n < 49; n++) await tokens('imap')
  await allow('imap')
  const consent = { client: APP, scopes: ['imap'], redirectUri: REDIRECT, challenge: CHALLENGE, signedInAtMs: 0 }
  assert.ok('complaint' in (await world.run(grants.allow(account, consent))))
  await pass(61_000)
  assert.ok(await tokens('imap'))
})

test('a disk that refuses gives no token, and takes none away', async () => {
  const { world, account, grants, tokens, refresh } = await withGrants()
  const { refresh: token } = await tokens('imap')
  const host = world.system.hostOf('recipient')
  host.disk.fault({ operation: 'append', code: 'full', times: Number.POSITIVE_INFINITY })
  await assert.rejects(refresh(token), DiskError)
  host.disk.repair()
  assert.ok(await refresh(token))
  assert.equal(grants.list(account).length, 1)
})

/** Lines over TLS to a door of Bob's agent. */
async function dial(world: TestSystem, { world: outside }: SimulatedHost, service: ServiceName) {
  const endpoint = world.system.agent('recipient').endpoint(service)!
  let stream!: Stream
  let text = ''
  const until = async (end: RegExp) => {
    for (;;) {
      const found = end.exec(text)
      if (found !== null) {
        const whole = text.slice(0, found.index + found[0].length)
        text = text.slice(whole.length)
        return whole
      }
      const bytes = await stream.read(60_000)
      if (bytes === null) throw new Error(`the connection ended after ${JSON.stringify(text)}`)
      text += Buffer.from(bytes).toString('latin1')
    }
  }
  const tls = { role: 'client', serverName: 'mail.recipient.test', mustAuthenticate: false } as const
  const say = (line: string, end: RegExp) =>
    world.run(
      (async () => {
        await stream.write(Buffer.from(`${line}\r\n`))
        return until(end)
      })(),
    )
  const isImplicit = service !== 'managesieve'
  await world.run(
    (async () => {
      stream = await outside.network.connect(endpoint, { timeoutMs: 5000, ...(isImplicit && { tls }) })
      await until(isImplicit ? /\r\n/ : /OK.*\r\n/)
      if (isImplicit) return
      await stream.write(Buffer.from('STARTTLS\r\n'))
      await until(/OK.*\r\n/)
      await stream.startTls(tls)
      await until(/OK.*\r\n/)
    })(),
  )
  const hangUp = () => {
    stream.end()
    return world.run(world.agent('recipient').world.clock.sleep(1000))
  }
  return { say, hangUp, read: () => world.run(stream.read(60_000)) }
}

const bearer = (token: string) => Buffer.from(`n,a=${BOB},\x01auth=Bearer ${token}\x01\x01`).toString('base64')
const x = (token: string) => Buffer.from(`user=${BOB}\x01auth=Bearer ${token}\x01\x01`).toString('base64')
const jsonIn = (challenge: string) =>
  JSON.parse(Buffer.from(/[A-Za-z0-9+/=]{20,}/.exec(challenge)![0], 'base64').toString())

test('every door offers both mechanisms over TLS, takes a good token and says why not', async () => {
  const { world, account, accounts, tokens } = await withGrants()
  const { access } = await tokens('imap', 'pop3', 'smtp', 'sieve')
  const { access: onlyJmap } = await tokens('jmap')
  const outside = world.stranger('198.51.100.7')
  const line = /^[^\r]*\r\n/
  for (const { service, ask, offers, auth, good, challenged, failed } of [
    {
      service: 'imaps',
      ask: 'a CAPABILITY',
      offers: /AUTH=OAUTHBEARER AUTH=XOAUTH2/,
      auth: (mechanism: string, text: string) => `b AUTHENTICATE ${mechanism} ${text}`,
      good: /b OK.*\r\n/,
      challenged: /^\+ .*\r\n/,
      failed: /b NO \[AUTHENTICATIONFAILED\].*\r\n/,
    },
    {
      service: 'pop3s',
      ask: 'CAPA',
      offers: /SASL .*OAUTHBEARER XOAUTH2/,
      auth: (mechanism: string, text: string) => `AUTH ${mechanism} ${text}`,
      good: /\+OK.*\r\n/,
      challenged: /^\+ .*\r\n/,
      failed: /-ERR \[AUTH\].*\r\n/,
    },
    {
      service: 'submissions',
      ask: 'EHLO computer.test',
      offers: /AUTH .*OAUTHBEARER XOAUTH2/,
      auth: (mechanism: string, text: string) => `AUTH ${mechanism} ${text}`,
      good: /235 .*\r\n/,
      challenged: /^334 .*\r\n/,
      failed: /535 5\.7\.8.*\r\n/,
    },
    {
      service: 'managesieve',
      ask: 'CAPABILITY',
      offers: /"SASL" ".*OAUTHBEARER XOAUTH2"/,
      auth: (mechanism: string, text: string) => `AUTHENTICATE "${mechanism}" "${text}"`,
      good: /OK.*\r\n/,
      challenged: line,
      failed: /NO .*\r\n/,
    },
  ] as const) {
    const answerOf = (text: string) => (service === 'managesieve' ? `"${text}"` : text)
    for (const [mechanism, format] of [
      ['OAUTHBEARER', bearer],
      ['XOAUTH2', x],
    ] as const) {
      const { say, hangUp } = await dial(world, outside, service)
      const end = service === 'pop3s' ? /\r\n\.\r\n/ : service === 'submissions' ? /250 .*\r\n/ : /OK.*\r\n/
      assert.match(await say(ask, end), offers, service)
      const told = jsonIn(await say(auth(mechanism, format(onlyJmap)), challenged))
      assert.equal(
        told.scope,
        service === 'managesieve' ? 'sieve' : service.replace(/s$/, '').replace('submission', 'smtp'),
      )
      if (mechanism === 'OAUTHBEARER') {
        assert.equal(told.status, 'insufficient_scope')
        assert.equal(told['openid-configuration'], 'https://mail.recipient.test/.well-known/openid-configuration')
      }
      await say(answerOf(mechanism === 'XOAUTH2' ? '' : 'AQ=='), failed)
      // Other issuers' tokens are long.
      await say(auth(mechanism, format('x'.repeat(4000))), challenged)
      await say(answerOf('AQ=='), failed)
      await say(auth(mechanism, format(access)), good)
      // A maildrop is one session's.
      if (mechanism === 'OAUTHBEARER') await hangUp()
    }
  }
  // All are listed, with the program's name.
  const desk = new SecurityDesk(world.agent('recipient'), accounts, account)
  const { connections, grants } = desk.view()
  assert.deepEqual(
    new Set(connections.map(({ name, door }) => `${name} ${door}`)),
    new Set(['A program imap', 'A program pop3', 'A program smtp', 'A program managesieve']),
  )
  assert.deepEqual(
    grants.map(({ lastUse }) => lastUse?.door),
    ['managesieve', undefined],
  )
})

test('a grant that is revoked ends what it opened, at once', async () => {
  const { world, agent, account, accounts, tokens } = await withGrants()
  const { access } = await tokens('imap')
  const other = await tokens('imap')
  const outside = world.stranger('198.51.100.7')
  const one = await dial(world, outside, 'imaps')
  await one.say(`a AUTHENTICATE OAUTHBEARER ${bearer(access)}`, /a OK.*\r\n/)
  const two = await dial(world, outside, 'imaps')
  await two.say(`a AUTHENTICATE XOAUTH2 ${x(other.access)}`, /a OK.*\r\n/)
  const desk = new SecurityDesk(agent, accounts, account)
  const [first] = desk.view().grants
  assert.equal(await world.run(desk.revokeGrant(first!.id)), undefined)
  assert.ok('complaint' in (await world.run(desk.revokeGrant(first!.id)))!)
  const end = await one.read().catch(() => null)
  assert.equal(end, null)
  await two.say('b NOOP', /b OK.*\r\n/)
  assert.equal((await accounts.checkToken(BOB, access, HOME, 'imap')).state, 'refused')
})
