import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPassword, formatCredentials, makeCredentials } from '../protocols/sasl/credentials.ts'
import { TestSystem, TWO_AGENTS } from '../system/testing.ts'
import { testWorld } from '../world/testing.ts'
import { Accounts } from './accounts.ts'
import { Passwords } from './passwords.ts'

const NAME = 'Bob@recipient.test'
const secret = Buffer.from('an agent’s secret')

test('argon2id is the test vector’s', async () => {
  // RFC 9106 has vectors with secret and data only; this is the reference implementation's own (argon2 -id -v 13).
  const { world } = testWorld()
  const hash = await world.cpu.argon2id(Buffer.from('password'), Buffer.from('somesalt'), {
    memoryKiB: 65_536,
    passes: 2,
  })
  assert.equal(hash.toString('hex'), '09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7')
})

test('both ways know the password; the store alone shows argon2id only', async () => {
  const { world } = testWorld()
  const passwords = new Passwords(world, secret, 10)
  const text = (await passwords.make(NAME, 'correct horse'))!
  assert.match(text, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.equal((await passwords.check(NAME, text, 'correct horse')).isRight, true)
  assert.equal((await passwords.check(NAME, text, 'correct hors')).isRight, false)
  assert.equal((await passwords.check(NAME, text, '')).isRight, false)
  assert.equal((await passwords.check(NAME, undefined, 'correct horse')).isRight, false)
  const keys = passwords.scram(NAME, text)!
  assert.equal(await checkPassword(keys, 'correct horse', world), true)
  assert.deepEqual(keys.salt, passwords.fake(NAME.toUpperCase()).salt)
  assert.equal(passwords.isCurrent(NAME, text), true)
  assert.equal(await passwords.make(NAME, 'bell\x07'), undefined)
  // With another secret (or as somebody else's) SCRAM's keys are not there, and the password still is.
  for (const [other, name] of [
    [new Passwords(world, Buffer.from('other'), 10), NAME],
    [passwords, 'eve@recipient.test'],
  ] as const) {
    assert.equal(other.scram(name, text), undefined)
    assert.equal(other.isCurrent(name, text), false)
    assert.equal((await other.check(name, text, 'correct horse')).isRight, true)
  }
  for (const bad of ['', text.slice(0, 60), text.replace('m=19456', 'm=4'), `${text}!`]) {
    assert.equal((await passwords.check(NAME, bad, 'correct horse')).isRight, false, bad)
    assert.equal(passwords.scram(NAME, bad), undefined)
  }
})

test('what was kept in an older form is renewed when its owner signs in, and only then', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const agent = world.agent('recipient')
  const { store } = agent
  const { id } = store.accountByAddress('bob@recipient.test')!
  const before = formatCredentials((await makeCredentials('older', agent.world, 10))!)
  await world.run(store.commit([{ kind: 'account.credentials', account: id, credentials: before }]))
  const accounts = new Accounts(agent, 20)
  const check = (password: string) => world.run(accounts.checkPassword('bob', password, '192.0.2.1'))
  assert.deepEqual(await check('wrong'), { state: 'refused' })
  assert.equal(store.account(id)!.credentials, before)
  assert.deepEqual(await check('older'), { state: 'ok', user: 'bob@recipient.test' })
  const now = store.account(id)!.credentials!
  assert.equal(accounts.passwords.isCurrent('bob@recipient.test', now), true)
  assert.deepEqual(await check('older'), { state: 'ok', user: 'bob@recipient.test' })
  assert.deepEqual(await check('older '), { state: 'refused' })
  assert.equal(store.account(id)!.credentials, now)
  const lookup = accounts.scramCredentials('bob', '192.0.2.1')
  assert.ok(lookup.state === 'found' && (await checkPassword(lookup.credentials, 'older', agent.world)))
  // A disk that refuses keeps nobody out.
  await world.run(store.commit([{ kind: 'account.credentials', account: id, credentials: before }]))
  world.system.hostOf('recipient').disk.fault({ operation: 'append', code: 'full', times: Number.POSITIVE_INFINITY })
  assert.deepEqual(await check('older'), { state: 'ok', user: 'bob@recipient.test' })
  assert.equal(store.account(id)!.credentials, before)
})

test('an unknown name and a known one are offered alike: the same iterations, a salt that stays', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const { accounts } = world.system.agent('recipient')
  const offered = (user: string) => {
    const lookup = accounts.scramCredentials(user, '192.0.2.1')
    return lookup.state === 'found' ? [lookup.credentials.iterations, lookup.credentials.salt.toString('hex')] : []
  }
  assert.equal(offered('bob')[0], offered('nobody')[0])
  assert.deepEqual(offered('Nobody'), offered('nobody@recipient.test'))
  assert.notDeepEqual(offered('nobody')[1], offered('bob')[1])
})
