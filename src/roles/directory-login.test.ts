import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestSystem } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import type { DirectoryServer } from '../world/simulated/directory.ts'
import type { Door } from './app-passwords.ts'
import { escaped } from './directory-login.ts'
import { forwardPathOf, wayFor } from './routing.ts'
import { SecurityDesk } from './security-desk.ts'

const BASE = 'ou=people,dc=recipient,dc=test'
const HOME = '192.0.2.7'
const BOB = 'bob@recipient.test'
const CAROL = 'carol@recipient.test'
const TEXT = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@recipient ==> Recipient@bob

sender:    domain=sender.test, ip=127.0.10.1, filter=no
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
recipient: ldap="ldaps://ldap.recipient.test", ldap-base="${BASE}"
anna: address=anna@sender.test, password=demo
bob:  address=${BOB}, name="Bob Recipient"
`

async function withDirectory({ more = '' } = {}) {
  const world = await TestSystem.start(more === '' ? TEXT : `${TEXT}recipient: ${more}\n`)
  const server: DirectoryServer = { isDown: false, asked: 0, entries: new Map() }
  world.simulation.directories.set('ldap.recipient.test:636', server)
  const person = (uid: string, password: string, attributes: Record<string, string[]> = {}) =>
    server.entries.set(`uid=${uid},${BASE}`, {
      password,
      attributes: { uid: [uid], cn: [`${uid} of the house`], mail: [`${uid}@recipient.test`], ...attributes },
    })
  person('bob', 'secret')
  const running = world.system.agent('recipient')
  const { agent, accounts } = running
  const add = async (address: string, password: string) => {
    const credentials = (await world.run(accounts.passwords.make(address, password)))!
    const nowMs = agent.world.clock.now()
    const [made] = await world.run(
      agent.store.commit([{ kind: 'account.create', address, displayName: 'Local', credentials, nowMs }]),
    )
    assert.ok(made!.ok)
  }
  await add(CAROL, 'demo')
  const verdict = (user: string, password: string, door: Door | 'web' = 'imap', from = HOME) =>
    world.run(accounts.checkPassword(user, password, from, door))
  const say = async (user: string, password: string, door: Door | 'web' = 'imap', from = HOME) => {
    const answer = await verdict(user, password, door, from)
    if (answer.state === 'ok') accounts.signedIn(answer.user, from)
    return answer.state
  }
  return { world, running, agent, accounts, server, person, verdict, say }
}

test('who has no password here has one in the directory; who has one here is none of its business', async () => {
  const { say, server, person } = await withDirectory()
  person('carol', 'of the directory')
  assert.deepEqual(
    [await say(BOB, 'secret'), await say('bob', 'secret'), await say('BOB@Recipient.test', 'secret')],
    ['ok', 'ok', 'ok'],
  )
  assert.deepEqual(
    [await say(BOB, 'wrong'), await say(BOB, ''), await say('nobody', 'secret')],
    ['refused', 'refused', 'refused'],
  )
  const before = server.asked
  assert.deepEqual([await say(CAROL, 'demo'), await say(CAROL, 'of the directory')], ['ok', 'refused'])
  assert.equal(server.asked, before)
})

test('a directory that does not answer: "not now" for everybody whose password it keeps, known or not, right or wrong', async () => {
  const { world, say, server } = await withDirectory()
  assert.equal(await say(BOB, 'secret'), 'ok')
  const asked = server.asked
  assert.equal(await say(BOB, 'secret'), 'ok')
  assert.equal(server.asked, asked)
  server.isDown = true
  // What was right a moment ago is right still; anything else is not known.
  assert.deepEqual([await say(BOB, 'secret'), await say(BOB, 'another')], ['ok', 'unavailable'])
  await world.passTime(5 * 60_000)
  const answers = [await say(BOB, 'secret'), await say(BOB, 'wrong'), await say('nobody', 'wrong')]
  assert.deepEqual(answers, ['unavailable', 'unavailable', 'unavailable'])
  assert.equal(await say(CAROL, 'demo'), 'ok')
  // Nobody guessed wrong meanwhile, however often they tried.
  for (let n = 0; n < 30; n++) assert.equal(await say(BOB, 'secret'), 'unavailable')
  assert.equal(world.complaints.filter((one) => /does not answer/.test(one)).length > 0, true)
  server.isDown = false
  assert.equal(await say(BOB, 'secret'), 'ok')
})

test('a password that was changed in the directory: the new one at once, the old one a moment longer', async () => {
  const { world, say, person } = await withDirectory()
  assert.equal(await say(BOB, 'secret'), 'ok')
  person('bob', 'new secret')
  assert.equal(await say(BOB, 'new secret'), 'ok')
  assert.equal(await say(BOB, 'secret'), 'refused')
  person('bob', 'newest')
  await world.passTime(5 * 60_000)
  assert.deepEqual([await say(BOB, 'new secret'), await say(BOB, 'newest')], ['refused', 'ok'])
})

test('the web says so too: neither "wrong" nor "too many"', async () => {
  const { world, running, server } = await withDirectory()
  const { authenticate } = backendsOf([running])
  const signIn = async (password: string) => {
    const found = await world.run(authenticate(BOB, password, HOME))
    return typeof found === 'object' ? 'in' : found
  }
  assert.deepEqual([await signIn('secret'), await signIn('wrong')], ['in', undefined])
  server.isDown = true
  assert.equal(await signIn('wrong'), 'unavailable')
})

test('SCRAM is not offered where the directory knows passwords, and is elsewhere', async () => {
  const { world, accounts } = await withDirectory()
  assert.ok(accounts.mechanisms.includes('PLAIN'))
  assert.ok(!accounts.mechanisms.some((one) => one.startsWith('SCRAM')))
  assert.ok(world.system.agent('sender').accounts.mechanisms.includes('SCRAM-SHA-256'))
})

test('a name is looked for as it is, whatever it holds', async () => {
  const { say, person, server } = await withDirectory({ more: 'ldap-filter="(&(uid={name})(mail={address}))"' })
  assert.equal(await say(BOB, 'secret'), 'ok')
  for (const name of ['*', 'b*', 'bob)(uid=*', 'bob))(|(uid=*', '\\2a', 'bob\0', '(', ')'])
    assert.equal(await say(`${name}@recipient.test`, 'secret'), 'refused', name)
  person('odd', 'secret', { uid: ['o*(d)\\d'], mail: ['o*(d)\\d@recipient.test'] })
  assert.ok(server.entries.size === 2)
  assert.equal(escaped('o*(d)\\d@x.test'), 'o\\2a\\28d\\29\\5cd@x.test')
  assert.equal(escaped('jürgen'), 'j\\c3\\bcrgen')
})

test('two entries of one name are nobody', async () => {
  const { world, say, person } = await withDirectory()
  person('other', 'secret', { mail: [BOB] })
  assert.equal(await say(BOB, 'secret'), 'refused')
  assert.ok(world.complaints.some((one) => /several people of one name/.test(one)))
})

test('without being told to, the directory makes no accounts', async () => {
  const { say, person, agent } = await withDirectory()
  person('dora', 'secret')
  assert.equal(await say('dora@recipient.test', 'secret'), 'refused')
  assert.equal(agent.store.accountByAddress('dora@recipient.test'), undefined)
})

test('told to, it makes one at the first sign-in, with the name and address that it says; two at once are one', async () => {
  const { world, verdict, say, person, accounts, agent } = await withDirectory({
    more: 'ldap-accounts=yes, ldap-filter="(uid={name})"',
  })
  person('dora', 'secret', { mail: ['Dora.Smith@recipient.test', 'dora@elsewhere.test'], displayName: ['Dora Smith'] })
  const both = await world.run(Promise.all([1, 2].map(() => accounts.checkPassword('dora', 'secret', HOME, 'imap'))))
  assert.deepEqual(
    both.map((one) => one.state === 'ok' && one.user),
    ['dora.smith@recipient.test', 'dora.smith@recipient.test'],
  )
  const account = agent.store.accountByAddress('dora.smith@recipient.test')!
  assert.deepEqual([account.displayName, account.credentials], ['Dora Smith', null])
  assert.equal(agent.store.accountByAddress('dora@elsewhere.test'), undefined)
  assert.deepEqual(await verdict('dora.smith@recipient.test', 'secret'), { state: 'refused' })
  // By the other name as often as she likes: what was right is never counted.
  for (let n = 0; n < 30; n++) assert.equal(await say('dora', 'secret'), 'ok')
  // Nobody gets the account of somebody else, by whatever the directory says.
  person('thief', 'secret', { mail: [CAROL] })
  person('fool', 'secret', { mail: ['postmaster@elsewhere.test'] })
  assert.equal(await say('thief', 'secret'), 'refused')
  assert.equal(await say('fool', 'secret'), 'ok')
  assert.equal(agent.store.accountByAddress('fool@recipient.test')?.displayName, 'fool of the house')
})

test("further addresses that the directory names are the person's once they sign in, unless somebody else has them", async () => {
  const { say, person, agent } = await withDirectory({ more: 'ldap-aliases="mailAlternateAddress"' })
  const named = ['Robert@recipient.test', CAROL, 'postmaster@recipient.test', 'bob@elsewhere.test', 'no address']
  person('bob', 'secret', { mailAlternateAddress: named })
  assert.equal(await say(BOB, 'wrong'), 'refused')
  assert.equal(agent.store.accountByAddress('robert@recipient.test'), undefined)
  assert.equal(await say(BOB, 'secret'), 'ok')
  const bob = agent.store.accountByAddress(BOB)!
  assert.deepEqual(agent.store.addresses(bob.id), [BOB, 'robert@recipient.test'])
  assert.deepEqual(wayFor(agent, forwardPathOf('robert@recipient.test')), {
    kind: 'mailbox',
    account: bob,
    address: 'robert@recipient.test',
  })
  assert.equal(agent.store.accountByAddress(CAROL)!.displayName, 'Local')
})

test('app passwords open doors while the directory is silent; with a second factor its password alone opens none', async () => {
  const { world, agent, accounts, server, say } = await withDirectory()
  const account = agent.store.accountByAddress(BOB)!
  const desk = new SecurityDesk(agent, accounts, account)
  const made = await world.run(desk.make('Phone', ['imap'], 'secret', HOME))
  assert.ok(made !== undefined && 'secret' in made)
  const asked = server.asked
  assert.equal(await say(BOB, made.secret), 'ok')
  // It is never shown to the directory, which would count it as a wrong password.
  assert.equal(server.asked, asked)
  server.isDown = true
  assert.equal(await say(BOB, made.secret), 'ok')
  await world.passTime(5 * 60_000)
  assert.match(JSON.stringify(await world.run(desk.enrol('secret', HOME))), /does not answer/)
  server.isDown = false
  assert.equal(desk.view().passwordIsElsewhere, true)
  assert.match(
    JSON.stringify(await world.run(desk.changePassword('secret', 'longer than that', HOME))),
    /change it there/,
  )
  const { secondFactor } = accounts
  const enrolled = await world.run(secondFactor.enrol(account))
  assert.ok('secret' in enrolled)
  const { TOTP, Secret } = await import('otpauth')
  const code = new TOTP({ secret: Secret.fromBase32(enrolled.secret) }).generate({ timestamp: agent.world.clock.now() })
  assert.ok('codes' in (await world.run(secondFactor.confirm(account, code))))
  assert.deepEqual([await say(BOB, 'secret'), await say(BOB, made.secret)], ['refused', 'ok'])
})

test('a description that names a file which is not there does not start, and says where to put it', async () => {
  await assert.rejects(
    withDirectory({ more: 'ldap-bind="cn=reader", ldap-secret=ldap.password' }),
    /put the file ldap\.password into the agent's folder/,
  )
})
