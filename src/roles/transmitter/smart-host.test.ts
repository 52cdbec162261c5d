// Routes of the description, in the simulated world: a smart host with a login, a route of one domain, limits by rule; what
// is wrong with the host bounces nothing.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parse } from '../../notation/parse.ts'
import type { SmtpServerPolicy } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { planSystem } from '../../system/description.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { route } from '../../system/values.ts'

const HOST_IP = '127.0.64.1'
const HOUR = 3_600_000
const TAKEN = reply(250, '2.0.0', 'taken')
const read = (words: string) => {
  const found = route(words)
  return found.ok ? found.value : undefined
}

test('what a route may say', () => {
  const plain = {
    tls: 'opportunistic',
    login: undefined,
    connections: undefined,
    perMinute: undefined,
    pool: undefined,
  }
  assert.deepEqual(read('Example.org -> MX.example.net'), {
    ...plain,
    domain: 'example.org',
    to: { host: 'mx.example.net', port: 25 },
  })
  assert.deepEqual(read('* -> [2001:db8::1]:2525 tls=required connections=3'), {
    ...plain,
    domain: '*',
    to: { host: '2001:db8::1', port: 2525 },
    tls: 'required',
    connections: 3,
  })
  assert.deepEqual(read('* -> smtp.example.net user=us secret=relay'), {
    ...plain,
    domain: '*',
    to: { host: 'smtp.example.net', port: 587 },
    tls: 'verified',
    login: { user: 'us', secretFile: 'relay' },
  })
  assert.deepEqual(read('example.org rate=60'), { ...plain, domain: 'example.org', to: undefined, perMinute: 60 })
  for (const wrong of [
    '',
    'example.org',
    'example.org ->',
    'example.org -> ',
    'example.org -> mx.example.net:0',
    'example.org -> mx.example.net:70000',
    'example.org -> 2001:db8::1',
    'example.org -> [mx.example.net]',
    'example.org -> mx.example.net password=x',
    'example.org -> mx.example.net user=us',
    'example.org -> mx.example.net user=us secret=../x',
    'example.org -> mx.example.net tls=perhaps',
    'example.org -> mx.example.net rate=0',
    'example.org tls=required',
    'not a domain -> mx.example.net',
  ])
    assert.equal(read(wrong), undefined, wrong)
})

test('several relays in a block have so many times the connections', () => {
  const connections = (text: string) => planSystem(parse(text).model).plan.agents[0]!.settings.transmitter.connections
  const lines = 'sender: domain=sender.test, ip=127.0.10.1'
  const one = connections(`Author ==> MSA/Transmitter@sender --> / -->\n${lines}`)
  assert.equal(connections(`Author ==> MSA/Transmitter@sender*12 --> / -->\n${lines}`), 12 * one)
})

describe('by way of a host', () => {
  /** A smart host that wants a login, over TLS. */
  async function setting(rule: string, policy: Partial<SmtpServerPolicy> = {}) {
    const world = await TestSystem.start(`${TWO_AGENTS}\nsender: route="${rule}"`)
    const host = world.stranger(HOST_IP, [{ name: 'smart.test', type: 'A', ttlS: 60, data: HOST_IP }])
    const seen = { users: [] as string[], recipients: [] as string[], atMs: [] as number[] }
    await serveScript(
      world,
      host,
      {
        authenticated(user) {
          seen.users.push(user)
          return undefined
        },
        recipient(path) {
          if (path.type === 'mailbox') seen.recipients.push(`${path.mailbox.localPart}@${path.mailbox.domain}`)
          return undefined
        },
        message() {
          seen.atMs.push(world.simulation.nowMs)
          return TAKEN
        },
        ...policy,
      },
      { identity: world.agent('recipient').secrets.tls },
    )
    return { world, seen, host }
  }

  const accounts = (passwords: string[]): SmtpServerPolicy['accounts'] => ({
    mechanisms: ['PLAIN'],
    checkPassword: (user, password) => {
      passwords.push(password)
      return password === 'right' ? { state: 'ok', user } : { state: 'refused' }
    },
    scramCredentials: () => ({ state: 'unavailable' }),
  })

  test('everything goes through the smart host, signed in with the password of the file, whatever DNS says of the domain', async () => {
    const passwords: string[] = []
    const rule = '* -> smart.test:25 tls=required user=us secret=relay'
    const { world, seen } = await setting(rule, { accounts: accounts(passwords) })
    await world.run(world.system.hostOf('sender').world.disk.writeFile('relay', Buffer.from('right\n')))
    await world.submit(['a@nowhere.test', 'b@else.test'])
    await world.quiet()
    assert.deepEqual(seen.recipients.sort(), ['a@nowhere.test', 'b@else.test'])
    assert.ok(passwords.length > 0 && passwords.every((password) => password === 'right'))
    assert.ok(seen.users.every((user) => user === 'us'))
  })

  test('a password that is wrong, or missing, is our fault: mail waits, and the administrator hears of it', async () => {
    const passwords: string[] = []
    const rule = '* -> smart.test:25 tls=required user=us secret=relay'
    const { world, seen } = await setting(rule, { accounts: accounts(passwords) })
    await world.submit('a@far.test')
    await world.simulation.runFor(HOUR)
    assert.match(world.complaints.join('\n'), /put the file relay into the agent's folder/)
    await world.run(world.system.hostOf('sender').world.disk.writeFile('relay', Buffer.from('wrong')))
    await world.simulation.runFor(24 * HOUR)
    assert.match(world.complaints.join('\n'), /smart\.test does not let us in/)
    assert.ok(!world.complaints.join('\n').includes('wrong'))
    assert.deepEqual(world.events('sender', 'bounced'), [])
    await world.run(world.system.hostOf('sender').world.disk.writeFile('relay', Buffer.from('right')))
    await world.quiet()
    assert.deepEqual(seen.recipients, ['a@far.test'])
  })

  test('a route of one domain; the others go by their MX', async () => {
    const { world, seen } = await setting('far.test -> smart.test:25')
    const other: string[] = []
    await serveScript(world, world.stranger('127.0.64.2', domainAt('other.test', '127.0.64.2')), {
      message() {
        other.push('other')
        return TAKEN
      },
    })
    await world.submit(['a@far.test', 'b@other.test'])
    await world.quiet()
    assert.deepEqual([seen.recipients, other], [['a@far.test'], ['other']])
  })

  test('no more in a minute than the rule says, and each as it comes', async () => {
    const { world, seen } = await setting('* -> smart.test:25 rate=30')
    await world.submit(Array.from({ length: 2 }, (_, n) => `a${n}@far.test`))
    for (let n = 0; n < 90; n++) await world.submit(`b${n}@far${n % 3}.test`)
    await world.quiet()
    assert.equal(seen.atMs.length, 91)
    for (const [i, ms] of seen.atMs.entries()) {
      const later = seen.atMs.slice(i).filter((other) => other < ms + 60_000).length
      assert.ok(later <= 31, `${later} in a minute`)
    }
    const wholeMs = seen.atMs.at(-1)! - seen.atMs[0]!
    assert.ok(wholeMs < 4 * 60_000, `${wholeMs / 1000} s`)
  })
})
