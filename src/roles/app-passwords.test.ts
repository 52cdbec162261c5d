import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ScramClient } from '../protocols/sasl/client.ts'
import { SaslServer, type SaslStep } from '../protocols/sasl/server.ts'
import { TestSystem, TWO_AGENTS } from '../system/testing.ts'
import type { Door } from './app-passwords.ts'
import { SecurityDesk } from './security-desk.ts'

const BOB = 'bob@recipient.test'
const HOME = '192.0.2.7'

async function withDesk() {
  const world = await TestSystem.start(TWO_AGENTS)
  const { agent, accounts } = world.system.agent('recipient')
  const account = agent.store.accountByAddress(BOB)!
  const desk = new SecurityDesk(agent, accounts, account)
  const make = async (name: string, doors: Door[]) => {
    const answer = await world.run(desk.make(name, doors, 'demo', HOME))
    assert.ok(answer !== undefined && 'secret' in answer, JSON.stringify(answer))
    return answer.secret
  }
  // Whoever gets in is forgiven what was tried before; here it shall not matter.
  const forgive = () => {
    for (let n = 0; n < 20; n++) accounts.signedIn(BOB, HOME)
  }
  const say = async (door: Door | 'web', password: string) => {
    forgive()
    return (await world.run(accounts.checkPassword('bob', password, HOME, door))).state
  }
  const scram = async (door: Door, password: string): Promise<SaslStep> => {
    forgive()
    const server = new SaslServer(agent.world.random, accounts.mechanisms)
    const client = new ScramClient('bob', password, 'abc')
    server.start('SCRAM-SHA-256', client.first())
    const lookup = await accounts.at(door).scramCredentials('bob', HOME)
    const offer = server.credentialsFound(lookup)
    assert.ok(offer.kind === 'challenge')
    const final = server.respond((await world.run(client.answer(offer.bytes, agent.world)))!)
    if (final.kind !== 'challenge') return final
    assert.equal(client.verify(final.bytes), true)
    return server.respond(Buffer.alloc(0))
  }
  return { world, agent, account, accounts, desk, make, say, scram }
}

test('an app password opens the doors it was made for, said or proven, and no other; revoked, none', async () => {
  const { world, desk, make, say, scram } = await withDesk()
  const phone = await make('Phone', ['imap', 'smtp'])
  const tablet = await make('Tablet', ['imap', 'pop3', 'jmap'])
  assert.match(phone, /^[a-km-np-z2-9]{5}(-[a-km-np-z2-9]{5}){3}$/)
  assert.notEqual(phone, tablet)
  // Twice, because what was right is remembered.
  for (let n = 0; n < 2; n++) {
    for (const [door, password, state] of [
      ['imap', phone, 'ok'],
      ['smtp', phone, 'ok'],
      ['pop3', phone, 'refused'],
      ['web', phone, 'refused'],
      ['managesieve', tablet, 'refused'],
      ['jmap', tablet, 'ok'],
      ['imap', 'demo', 'ok'],
      ['web', 'demo', 'ok'],
      ['imap', phone.replaceAll('-', ''), 'refused'],
    ] as const)
      assert.equal(await say(door, password), state, `${door} ${password}`)
  }
  for (const [door, password, kind] of [
    ['imap', phone, 'done'],
    ['imap', tablet, 'done'],
    ['imap', 'demo', 'done'],
    ['pop3', phone, 'failed'],
    ['imap', 'wrong', 'failed'],
  ] as const)
    assert.equal((await scram(door, password)).kind, kind, `${door} ${password}`)
  const [first] = desk.view().passwords
  assert.equal(await world.run(desk.revoke(first!.id)), undefined)
  assert.deepEqual(await world.run(desk.revoke(first!.id)), { complaint: 'There is no such app password any more.' })
  assert.deepEqual([await say('imap', phone), await say('imap', tablet)], ['refused', 'ok'])
  assert.equal((await scram('imap', phone)).kind, 'failed')
})

test('its owner sees when and from where it was used; the store tells nobody the password', async () => {
  const { world, agent, account, desk, make, say, scram } = await withDesk()
  const secret = await make('Phone', ['imap'])
  const used = () => desk.view().passwords[0]!.lastUse
  assert.equal(used(), null)
  await say('imap', `${secret}x`)
  await world.passTime(1000)
  assert.equal(used(), null)
  await say('imap', secret)
  await world.passTime(1000)
  const first = used()
  assert.deepEqual([first?.from, first?.door], [HOME, 'imap'])
  await world.passTime(3_600_000)
  await scram('imap', secret)
  await world.passTime(1000)
  assert.ok(used()!.atMs - first!.atMs >= 3_600_000)
  const modseq = agent.store.modseq(account.id)
  assert.doesNotMatch(JSON.stringify(desk.view()), /"keys"|SCRAM/)
  const [kept] = agent.store.lists.objects(account.id, 'app-password')
  assert.doesNotMatch(kept!.value, new RegExp(`${secret}|SCRAM`))
  assert.equal(agent.store.modseq(account.id), modseq)
})

test('made only by who knows the password, with a name and a purpose; no more than fifty', async () => {
  const { world, desk } = await withDesk()
  const make = (name: string, doors: string[], password = 'demo') => world.run(desk.make(name, doors, password, HOME))
  assert.deepEqual(await make('Phone', ['imap'], 'wrong'), { complaint: 'The password is not right.' })
  assert.deepEqual(await make(' ', ['imap']), { complaint: 'Say for which program it is.' })
  assert.deepEqual(await make('Phone', ['web']), { complaint: 'Say what it is good for.' })
  for (let n = 0; n < 50; n++) assert.ok('secret' in (await make(`Program ${n}`, ['imap']))!)
  assert.deepEqual(await make('One more', ['imap']), { complaint: 'More than 50 cannot be kept.' })
})

test('a new password: asked for the old one, long enough, and app passwords go on', async () => {
  const { world, desk, make, say, scram } = await withDesk()
  const phone = await make('Phone', ['imap'])
  const change = (old: string, next: string) => world.run(desk.changePassword(old, next, HOME))
  assert.deepEqual(await change('wrong', 'correct horse'), { complaint: 'The password is not right.' })
  assert.deepEqual(await change('demo', 'short'), { complaint: 'A password has at least 8 characters.' })
  assert.deepEqual(await change('demo', 'with a bell\x07'), { complaint: 'A password cannot hold control characters.' })
  assert.equal(await change('demo', 'correct horse'), undefined)
  assert.deepEqual(
    [await say('imap', 'demo'), await say('imap', 'correct horse'), await say('imap', phone)],
    ['refused', 'ok', 'ok'],
  )
  assert.equal((await scram('imap', phone)).kind, 'done')
})
