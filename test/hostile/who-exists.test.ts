// N2: nobody learns by guessing which names exist: not from the words of an answer, and not from the time that it takes.
// Time is not measured here (npm run bench:who does). What is held is why it is equal: for every name the same work is
// done, as the world's cpu saw it, and in the simulated world the answer comes at the same virtual time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Accounts } from '../../src/roles/accounts.ts'
import { TestSystem, TWO_AGENTS } from '../../src/system/testing.ts'
import { backendsOf } from '../../src/system/web.ts'
import type { Cpu } from '../../src/world/world.ts'

/** Known, unknown, a detail of a known one, one without a password, another's domain, nonsense. */
const NAMES = [
  'bob@recipient.test',
  'nobody@recipient.test',
  'bob+x@recipient.test',
  'postmaster@recipient.test',
  'bob@elsewhere.test',
  'bob',
  'nobody',
  "' or 1=1 --",
]

/** The cpu, and what was asked of it. */
function recording(cpu: Cpu): { cpu: Cpu; work: string[] } {
  const work: string[] = []
  const pbkdf2: Cpu['pbkdf2'] = (password, salt, iterations) => {
    work.push(`${password.length} bytes, salt of ${salt.length}, ${iterations} iterations`)
    return cpu.pbkdf2(password, salt, iterations)
  }
  const argon2id: Cpu['argon2id'] = (password, salt, cost) => {
    work.push(`${password.length} bytes, salt of ${salt.length}, ${cost.memoryKiB} KiB, ${cost.passes} passes`)
    return cpu.argon2id(password, salt, cost)
  }
  return {
    work,
    cpu: {
      pbkdf2,
      argon2id,
      sign: (...rest) => cpu.sign(...rest),
      verify: (...rest) => cpu.verify(...rest),
      compress: (bytes) => cpu.compress(bytes),
      decompress: (...rest) => cpu.decompress(...rest),
    },
  }
}

test('N2: a wrong password costs the same work for every name, also once the right one was seen', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const agent = world.agent('recipient')
  const { cpu, work } = recording(agent.world.cpu)
  const accounts = new Accounts({ ...agent, world: { ...agent.world, cpu } }, 4096)
  const right = await world.run(accounts.checkPassword('bob@recipient.test', 'demo', '192.0.2.1'))
  assert.deepEqual(right, { state: 'ok', user: 'bob@recipient.test' })
  for (const [n, name] of NAMES.entries()) {
    work.length = 0
    const verdict = await world.run(accounts.checkPassword(name, 'wrong', `192.0.2.${n}`))
    const same = ['5 bytes, salt of 16, 19456 KiB, 2 passes', '5 bytes, salt of 16, 4096 iterations']
    assert.deepEqual([verdict, work], [{ state: 'refused' }, same], name)
    const scram = accounts.scramCredentials(name, `192.0.2.${n}`)
    assert.ok(scram.state === 'found' && scram.credentials.iterations === 4096, name)
    assert.equal(scram.credentials.salt.length, 16)
  }
})

test('N2: web sign-in and Basic do the same for every address, of ours or not', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const running = world.system.agent('recipient')
  const work: string[] = []
  const check = running.accounts.checkPassword.bind(running.accounts)
  running.accounts.checkPassword = (user, password, from) => {
    work.push(password)
    return check(user, password, from)
  }
  const backends = backendsOf([running])
  for (const [n, name] of NAMES.entries())
    assert.equal(await world.run(backends.authenticate(name, 'wrong', `192.0.2.${n}`)), undefined)
  assert.equal(work.length, NAMES.length)
})

const AUTH = (name: string) => `AUTH PLAIN ${Buffer.from(`\0${name}\0wrong`).toString('base64')}`
/** What is said at each door; quotes and spaces of a name are not for every grammar. */
const DOORS = {
  submissions: (name: string) => ['EHLO computer.test', AUTH(name)],
  imaps: (name: string) => [`a LOGIN "${name}" wrong`, `b AUTHENTICATE PLAIN ${AUTH(name).slice(11)}`],
  pop3s: (name: string) => [`USER ${name}`, 'PASS wrong', `AUTH PLAIN ${AUTH(name).slice(11)}`],
} as const

for (const [door, lines] of Object.entries(DOORS))
  test(`N2: ${door} says the same to every name, and as soon`, async () => {
    const heard = new Map<string, string>()
    for (const name of NAMES) {
      // A world of its own for each, so that chance is the same.
      const world = await TestSystem.start(TWO_AGENTS)
      const host = world.stranger('192.0.2.1')
      const endpoint = world.system.agent('recipient').endpoint(door as 'imaps')!
      const { clock, network } = host.world
      const dialogue = async () => {
        const tls = { role: 'client', serverName: 'mail.recipient.test', mustAuthenticate: false } as const
        const stream = await network.connect(endpoint, { timeoutMs: 1000, tls })
        let said = Buffer.from((await stream.read())!).toString()
        const beginMs = clock.monotonic()
        for (const line of lines(name)) {
          await stream.write(Buffer.from(`${line}\r\n`))
          const answer = Buffer.from((await stream.read(60_000))!).toString()
          said += `${clock.monotonic() - beginMs}: ${answer}`
        }
        stream.destroy()
        return said
      }
      heard.set(name, (await world.run(dialogue())).replace(/<[^>]*>/, ''))
    }
    const known = heard.get(NAMES[0]!)
    for (const [name, said] of heard) assert.equal(said, known, name)
  })
