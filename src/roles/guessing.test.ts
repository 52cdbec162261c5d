// A botnet guesses at one account, over every door, while its owner uses it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestSystem, TWO_AGENTS } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import { DOORS } from './app-passwords.ts'
import { SecurityDesk } from './security-desk.ts'

const BOB = 'bob@recipient.test'
const HOME = '192.0.2.7'
const TRAIN = '203.0.113.9'
const bot = (n: number) => `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`

async function underAttack() {
  const world = await TestSystem.start(TWO_AGENTS)
  const running = world.system.agent('recipient')
  const { agent, accounts } = running
  const { authenticate } = backendsOf([running])
  const account = agent.store.accountByAddress(BOB)!
  const desk = new SecurityDesk(agent, accounts, account)
  const made = await world.run(desk.make('Phone', ['imap', 'smtp'], 'demo', HOME))
  assert.ok(made !== undefined && 'secret' in made)
  const enter = async (password: string, from: string, door: (typeof DOORS)[number] = 'imap') => {
    const verdict = await world.run(accounts.checkPassword(BOB, password, from, door))
    if (verdict.state === 'ok') accounts.signedIn(verdict.user, from)
    return verdict.state
  }
  const atWeb = async (password: string, from: string) => {
    const found = await world.run(authenticate(BOB, password, from))
    return typeof found === 'object' ? 'in' : found
  }
  /** Each from an address of its own, over the doors in turn; how many passwords were looked at. */
  const attack = async (guesses: number, name = BOB) => {
    const seen = []
    for (let n = 0; n < guesses; n++) {
      const door = n % 6 === 5 ? 'web' : DOORS[n % 5]!
      seen.push((await world.run(accounts.checkPassword(name, `guess ${n}`, bot(n), door))).state)
    }
    return seen.filter((state) => state === 'refused').length
  }
  return { world, agent, accounts, account, desk, secret: made.secret, enter, atWeb, attack }
}

test('the botnet has a hundred guesses in all; the owner comes in from where he always does, at every door', async () => {
  const { enter, atWeb, attack, secret, accounts, world } = await underAttack()
  assert.equal(await enter('demo', HOME), 'ok')
  assert.ok((await attack(300)) <= 100)
  for (let n = 0; n < 30; n++) {
    assert.deepEqual([await enter('demo', HOME), await enter('demo', HOME, 'smtp')], ['ok', 'ok'])
    assert.equal(await atWeb('demo', HOME), 'in')
  }
  const lookup = await world.run(Promise.resolve(accounts.scramCredentials(BOB, HOME, 'imap')))
  assert.equal(lookup.state, 'found')
  assert.equal(await enter(secret, HOME), 'ok')
  // That the owner was right does not give the botnet more guesses.
  assert.equal(await attack(50), 0)
})

test('his telephone goes on from another place; the password itself must wait there, right or wrong, and is not called wrong', async () => {
  const { enter, atWeb, attack, secret, desk, world } = await underAttack()
  assert.equal(await enter(secret, HOME), 'ok')
  await attack(150)
  assert.deepEqual([await enter('demo', TRAIN), await enter('wrong', TRAIN)], ['unavailable', 'unavailable'])
  assert.equal(await atWeb('demo', TRAIN), 'too-many')
  assert.equal(await enter(secret, TRAIN), 'ok')
  // For what it was made for, and no longer than it is good.
  assert.equal(await enter(secret, bot(7), 'managesieve'), 'unavailable')
  assert.equal(await enter(`${secret}x`, bot(7)), 'unavailable')
  // Where the telephone was is the owner's now.
  assert.equal(await enter('demo', TRAIN), 'ok')
  const [{ id } = { id: -1 }] = desk.view().passwords
  await world.run(desk.revoke(id))
  assert.equal(await enter(secret, '203.0.113.200'), 'unavailable')
})

test('whether somebody is there cannot be told from being held back', async () => {
  const { world, accounts, attack, enter } = await underAttack()
  const nobody = 'nobody@recipient.test'
  const [known, unknown] = [await attack(130), await attack(130, nobody)]
  assert.equal(known, unknown)
  const state = async (name: string) =>
    (await world.run(accounts.checkPassword(name, 'demo', '203.0.113.77', 'imap'))).state
  assert.deepEqual([await state(BOB), await state(nobody)], ['unavailable', 'unavailable'])
  // An hour later nobody is held back any more.
  await world.passTime(2 * 3_600_000)
  assert.equal(await enter('demo', TRAIN), 'ok')
})
