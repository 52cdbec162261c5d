import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { TestSystem, TWO_AGENTS } from '../system/testing.ts'
import { backendsOf } from '../system/web.ts'
import { SecurityDesk } from './security-desk.ts'

const BOB = 'bob@recipient.test'
const HOME = '192.0.2.7'

/** RFC 6238 by hand: what a telephone shows at this time. */
function codeAt(secret: string, ms: number): string {
  const bits = [...secret].map((letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  )
  const key = Buffer.from(
    bits
      .join('')
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  )
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(ms / 30_000)))
  const mac = createHmac('sha1', key).update(step).digest()
  return String((mac.readUInt32BE(mac[19]! & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

async function withFactor() {
  const world = await TestSystem.start(TWO_AGENTS)
  const running = world.system.agent('recipient')
  const { agent, accounts } = running
  const account = agent.store.accountByAddress(BOB)!
  const desk = new SecurityDesk(agent, accounts, account)
  const { authenticate } = backendsOf([running])
  const signIn = async (code?: string, entrance: 'web' | 'jmap' = 'web', password = 'demo') => {
    const found = await world.run(authenticate(BOB, password, HOME, entrance, code))
    return typeof found === 'object' ? 'in' : found
  }
  const now = (laterMs = 0) => agent.world.clock.now() + laterMs
  const enrolled = await world.run(desk.enrol('demo', HOME))
  assert.ok(enrolled !== undefined && 'secret' in enrolled)
  const confirmed = await world.run(desk.confirm(codeAt(enrolled.secret, now())))
  assert.ok(confirmed !== undefined && 'codes' in confirmed, JSON.stringify(confirmed))
  const code = (laterMs = 0) => codeAt(enrolled.secret, now(laterMs))
  return { world, agent, account, accounts, desk, signIn, code, enrolled, codes: confirmed.codes }
}

test('the web asks for a code; one that was taken is never taken again, nor one before it', async () => {
  const { world, signIn, code, enrolled } = await withFactor()
  assert.match(enrolled.uri!, /^otpauth:\/\/totp\/Borderpost:bob%40recipient\.test\?/)
  assert.equal(await signIn(), 'needs-code')
  // The one that turned it on.
  assert.equal(await signIn(code()), 'wrong-code')
  assert.equal(await signIn('000000'), 'wrong-code')
  assert.equal(await signIn(code(), 'web', 'wrong'), undefined)
  await world.passTime(60_000)
  const taken = code()
  assert.equal(await signIn(`${taken.slice(0, 3)} ${taken.slice(3)}`), 'in')
  assert.equal(await signIn(taken), 'wrong-code')
  assert.equal(await signIn(code(-30_000)), 'wrong-code')
  // A telephone whose clock is half a minute fast.
  assert.equal(await signIn(code(30_000)), 'in')
  assert.equal(await signIn(code(90_000)), 'wrong-code')
})

test('of two who come with the same code at once, one gets in', async () => {
  const { world, account, accounts, code } = await withFactor()
  await world.passTime(60_000)
  const same = code()
  const both = await world.run(Promise.all([1, 2].map(() => accounts.secondFactor.take(account, same))))
  assert.deepEqual(both, [true, false])
})

test('a recovery code is good once, however it is typed, and none is kept as it is', async () => {
  const { agent, account, desk, signIn, codes, enrolled } = await withFactor()
  assert.equal(new Set(codes).size, 10)
  assert.equal(await signIn(codes[0]!.toUpperCase().replace('-', ' ')), 'in')
  assert.equal(await signIn(codes[0]), 'wrong-code')
  assert.equal(await signIn(codes[1]), 'in')
  assert.equal(desk.view().secondFactor.codesLeft, 8)
  const [kept] = agent.store.lists.objects(account.id, 'second-factor')
  assert.doesNotMatch(kept!.value, new RegExp(`${codes[2]}|${codes[2]!.replace('-', '')}|${enrolled.secret}`))
})

test('programs need an app password while it is on; it goes off with a password and a code', async () => {
  const { world, accounts, desk, signIn, code } = await withFactor()
  const made = await world.run(desk.make('Phone', ['imap', 'jmap'], 'demo', HOME))
  assert.ok(made !== undefined && 'secret' in made)
  const say = async (password: string) => (await world.run(accounts.checkPassword('bob', password, HOME, 'imap'))).state
  for (let n = 0; n < 2; n++) assert.deepEqual([await say('demo'), await say(made.secret)], ['refused', 'ok'])
  assert.deepEqual([await signIn(undefined, 'jmap'), await signIn(undefined, 'jmap', made.secret)], [undefined, 'in'])
  const lookup = accounts.at('imap').scramCredentials('bob', HOME)
  assert.ok(!(lookup instanceof Promise) && lookup.state === 'found')
  assert.deepEqual(lookup.credentials.storedKey, accounts.passwords.fake(BOB).storedKey)
  assert.deepEqual(await world.run(desk.enrol('demo', HOME)), { complaint: 'It is on already.' })
  await world.passTime(60_000)
  assert.deepEqual(await world.run(desk.turnOff('demo', '123456', HOME)), { complaint: 'The code is not right.' })
  assert.deepEqual(await world.run(desk.turnOff('wrong', code(), HOME)), { complaint: 'The password is not right.' })
  assert.equal(await world.run(desk.turnOff('demo', code(), HOME)), undefined)
  assert.deepEqual([await say('demo'), await signIn()], ['ok', 'in'])
})

test('wrong codes are counted: who knows the password cannot try them all', async () => {
  const { world, signIn, code } = await withFactor()
  await world.passTime(60_000)
  const heard = []
  for (let n = 0; n < 70; n++) heard.push(await signIn('000000'))
  assert.equal(heard.at(-1), 'too-many')
  assert.ok(heard.filter((one) => one === 'wrong-code').length <= 61)
  assert.equal(await signIn(code()), 'too-many')
})
