// Pools of source addresses, in the simulated world: whose mail leaves from which address and under which name, how it is
// shared, what an address may carry while it warms up, and that one which is turned away rests at that destination alone.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { queueCommand } from '../routing.ts'
import { allowanceOf, providerOf } from './pools.ts'
import { queueDesk } from './queue-desk.ts'

const DAY = 86_400_000
const ANNA = 'anna@sender.test'
const TAKEN = reply(250, '2.0.0', 'taken')
const TWO = 'sender: pool="bulk: 127.0.11.1 127.0.11.2=news.sender.test"'

/** What a destination saw: from which address, under which name. */
interface Seen {
  readonly from: string
  readonly helo: string
  readonly atMs: number
}

/** A destination that says this to each message (or to a connection). */
async function destination(
  world: TestSystem,
  domain: string,
  ip: string,
  says: (seen: Seen) => Reply | undefined = () => undefined,
  connected?: (from: string) => Reply | undefined,
): Promise<Seen[]> {
  const host = world.stranger(ip, domainAt(domain, ip))
  const seen: Seen[] = []
  await serveScript(world, host, {
    connected: ({ peer }) => connected?.(peer.address),
    message({ session }) {
      const one = { from: session.peer.address, helo: session.helo, atMs: world.simulation.nowMs }
      const said = says(one)
      if (said !== undefined) return said
      seen.push(one)
      return TAKEN
    },
  })
  return seen
}

async function queued(
  world: TestSystem,
  addresses: readonly string[],
  parameters: { pool?: string; contract?: string } = {},
): Promise<void> {
  const agent = world.agent('sender')
  const blob = await world.run(agent.store.putBlob([Buffer.from(`From: ${ANNA}\r\n\r\nx\r\n`)]))
  const mail = { blob, reversePath: ANNA, parameters, origin: 'msa' } as const
  await world.run(agent.store.commit(addresses.map((to) => queueCommand(agent, { ...mail, trace: `t-${to}` }, to))))
}

const many = (count: number, domain: string, name = 'a') =>
  Array.from({ length: count }, (_, n) => `${name}${n}@${domain}`)

const counts = (seen: readonly Seen[]) => {
  const by = new Map<string, number>()
  for (const { from } of seen) by.set(from, (by.get(from) ?? 0) + 1)
  return Object.fromEntries([...by].sort())
}

const listed = async (world: TestSystem) => {
  const { store, world: own } = world.agent('sender')
  return (await world.run(queueDesk({ store, world: own }, { verb: 'queue', action: 'list', filter: {} }))).text
}

const poolsOf = async (world: TestSystem) => {
  const { store, world: own, settings } = world.agent('sender')
  const { pools } = settings.transmitter
  return (await world.run(queueDesk({ store, world: own, pools }, { verb: 'queue', action: 'pools' }))).text
}

describe('whose mail leaves from where', () => {
  test('an Author, a destination, all destinations; the others from the address of the agent', async () => {
    const world = await TestSystem.start(
      `${TWO_AGENTS}\n${TWO}, pool="one: 127.0.12.1", route="far.test pool=one"\nanna: pool=bulk`,
    )
    const far = await destination(world, 'far.test', '127.0.61.1')
    const other = await destination(world, 'other.test', '127.0.61.2')
    assert.deepEqual((await world.submit(['x@far.test', 'x@other.test'])).length, 2)
    await queued(world, ['y@far.test', 'y@other.test'])
    await world.quiet()
    // The sender's pool counts before the destination's.
    assert.deepEqual(Object.keys(counts(far)).sort(), ['127.0.11.1', '127.0.12.1'])
    assert.deepEqual(Object.keys(counts(other)).sort(), ['127.0.10.1', '127.0.11.1'])
    const names = new Map([...far, ...other].map(({ from, helo }) => [from, helo]))
    assert.deepEqual(Object.fromEntries(names), {
      '127.0.10.1': 'mail.sender.test',
      '127.0.11.1': 'bulk1.mail.sender.test',
      '127.0.12.1': 'one1.mail.sender.test',
    })
  })

  test('a real Border finds SPF, HELO and the name of the address right', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${TWO}\nanna: pool=bulk`)
    for (let n = 0; n < 4; n++) {
      assert.match((await world.submit('bob@recipient.test')).join(), /^250/)
      await world.quiet()
      // Until no connection waits for more.
      await world.passTime(10_000)
    }
    const mail = await world.mail('recipient', 'bob@recipient.test')
    assert.equal(mail.length, 4)
    for (const { verdict, text } of mail) {
      assert.match(text, /spf=pass/)
      assert.match(text, /iprev=pass/)
      assert.ok(verdict !== null)
    }
    const received = mail.map(({ text }) => /Received: from (\S+) \(([^)]*)\)/.exec(text)?.slice(1, 3).join(' ') ?? '')
    assert.equal(received.filter((one) => /^bulk1\.mail\.sender\.test .*127\.0\.11\.1/.test(one)).length, 2)
    assert.equal(received.filter((one) => /^news\.sender\.test .*127\.0\.11\.2/.test(one)).length, 2)
  })

  test('the addresses of a pool share a destination evenly, each with connections of its own', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${TWO}, route="* pool=bulk"`)
    const seen = await destination(world, 'far.test', '127.0.61.1')
    await queued(world, many(1000, 'far.test'))
    await world.quiet()
    const { '127.0.11.1': one = 0, '127.0.11.2': two = 0 } = counts(seen)
    assert.equal(one + two, 1000)
    assert.ok(Math.abs(one - two) <= 200, `${one} and ${two}`)
  })
})

describe('warming up', () => {
  const WARMS = `${TWO_AGENTS}\n${TWO}, warm-up="127.0.11.2 first=10 grow=2 until=100", route="* pool=bulk"`

  test('a new address carries a part that grows, and the rest leaves from those that are warm', async () => {
    const world = await TestSystem.start(WARMS)
    const seen = await destination(world, 'far.test', '127.0.61.1')
    const carried: number[] = []
    for (let day = 0; day < 3; day++) {
      await queued(world, many(200, 'far.test', `d${day}-`))
      await world.quiet()
      carried.push(seen.filter(({ from }) => from === '127.0.11.2').length)
      await world.untilNight(60_000)
    }
    const each = carried.map((sum, i) => sum - (carried[i - 1] ?? 0))
    assert.deepEqual(each, [10, 20, 40])
    assert.equal(seen.length, 600)
    assert.deepEqual(world.events('sender', 'bounced'), [])
  })

  test('each destination has a count of its own, by who owns its hosts', async () => {
    const world = await TestSystem.start(WARMS)
    const far = await destination(world, 'far.test', '127.0.61.1')
    world.publish([{ name: 'shop.test', type: 'MX', ttlS: 60, data: { preference: 10, exchange: 'mail.far.test' } }])
    const other = await destination(world, 'other.test', '127.0.61.2')
    await queued(world, [...many(40, 'far.test'), ...many(40, 'shop.test'), ...many(40, 'other.test')])
    await world.quiet()
    assert.equal(counts(far)['127.0.11.2'], 10)
    assert.equal(counts(other)['127.0.11.2'], 10)
    assert.equal(far.length + other.length, 120)
  })

  test('where all of them warm up mail waits for the next day: seen, not lost, not returned', async () => {
    const world = await TestSystem.start(
      `${TWO_AGENTS}\nsender: expires=2d, pool="new: 127.0.11.1", warm-up="127.0.11.1 first=5 grow=1.5", route="* pool=new"`,
    )
    const seen = await destination(world, 'far.test', '127.0.61.1')
    await queued(world, many(60, 'far.test'))
    await world.simulation.runFor(60_000)
    assert.equal(seen.length, 5)
    assert.match(
      await poolsOf(world),
      /^new\n {2}127\.0\.11\.1 {2}new1\.mail\.sender\.test {2}warms up, day 1: 5 to each destination {2}today 5\n {6}5 of 5 {2}far\.test$/,
    )
    assert.match(
      await listed(world),
      /far\.test {2}55 waiting {2}next at \S+T00:0\d:\d\dZ {2}\(.*127\.0\.11\.1 warms up, and far\.test had its 5 for today\)/,
    )
    // Five days and more, and a power cut on the way.
    await world.untilNight(120_000)
    assert.equal(seen.length, 12)
    world.system.crash('sender')
    await world.run(world.system.restart('sender'))
    await queued(world, ['late@far.test'])
    await world.simulation.runFor(3_600_000)
    assert.equal(seen.length, 12)
    for (let day = 0; day < 4; day++) await world.untilNight(120_000)
    assert.equal(seen.length, 61)
    assert.deepEqual(world.events('sender', 'bounced'), [])
    assert.equal(world.agent('sender').store.queue.length(), 0)
  })

  test('from= begins it: before that day the address sends nothing', async () => {
    const world = await TestSystem.start(
      `${TWO_AGENTS}\n${TWO}, warm-up="127.0.11.2 from=2999-01-01", route="* pool=bulk"`,
    )
    const seen = await destination(world, 'far.test', '127.0.61.1')
    await queued(world, many(50, 'far.test'))
    await world.quiet()
    assert.deepEqual(counts(seen), { '127.0.11.1': 50 })
  })

  test('the ramp', () => {
    const warmUp = { fromDay: undefined, first: 50, grow: 1.5, until: 100_000 }
    assert.deepEqual(
      [0, 1, 2, 10, 18, 19, 5000].map((stage) => allowanceOf(warmUp, 100, 100 + stage)),
      [50, 75, 112, 2883, 73_894, undefined, undefined],
    )
    assert.equal(allowanceOf({ ...warmUp, fromDay: 200 }, 100, 199), 0)
    assert.equal(providerOf('alt1.aspmx.l.google.com aspmx.l.google.com'), 'google.com')
    assert.equal(providerOf('smtp.example.net:587'), 'example.net')
    assert.equal(providerOf('[192.0.2.1]'), '[192.0.2.1]')
  })
})

describe('an address that is turned away', () => {
  const BLOCKED = reply(550, '5.7.1', 'our list says that 127.0.11.2 is bad, ask your provider')

  test('rests there, its mail leaves from the others, and elsewhere it goes on', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${TWO}, route="* pool=bulk"`)
    let isBlocked = true
    const strict = await destination(world, 'strict.test', '127.0.61.1', ({ from }) =>
      from === '127.0.11.2' && isBlocked ? BLOCKED : undefined,
    )
    const other = await destination(world, 'other.test', '127.0.61.2')
    await queued(world, [...many(300, 'strict.test'), ...many(300, 'other.test')])
    await world.quiet()
    assert.deepEqual(counts(strict), { '127.0.11.1': 300 })
    assert.equal(other.length, 300)
    assert.ok(counts(other)['127.0.11.2']! > 50)
    assert.deepEqual(world.events('sender', 'bounced'), [])
    assert.match(
      await poolsOf(world),
      /127\.0\.11\.2 {2}news\.sender\.test {2}warm {2}today \d+[\s\S]*rests at strict\.test until 2026-\S+: 550 5\.7\.1 our list says/,
    )
    // Hours later it is tried again, and used.
    isBlocked = false
    await world.passTime(DAY)
    await queued(world, many(300, 'strict.test', 'b'))
    await world.quiet()
    assert.ok(counts(strict)['127.0.11.2']! > 50)
  })

  test('at the greeting, and for too much of it', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${TWO}, route="* pool=bulk"`)
    const greeted = await destination(world, 'strict.test', '127.0.61.1', undefined, (from) =>
      from === '127.0.11.2' ? reply(554, '5.7.1', 'no service for 127.0.11.2') : undefined,
    )
    let slow = 0
    const limited = await destination(world, 'slow.test', '127.0.61.2', ({ from }) => {
      if (from !== '127.0.11.2') return undefined
      slow++
      return reply(451, '4.7.1', 'too many messages from your address, try again in 30 minutes')
    })
    await queued(world, [...many(50, 'strict.test'), ...many(50, 'slow.test')])
    await world.simulation.runFor(60_000)
    assert.deepEqual(counts(greeted), { '127.0.11.1': 50 })
    assert.deepEqual(counts(limited), { '127.0.11.1': 50 })
    assert.ok(slow > 0 && slow <= 10, `${slow} were turned away`)
    assert.deepEqual(world.events('sender', 'bounced'), [])
  })

  test('where all are turned away mail waits, with the reason; an ordinary refusal is one', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${TWO}, route="* pool=bulk"`)
    await destination(world, 'strict.test', '127.0.61.1', ({ from }) =>
      reply(550, '5.7.1', `${from} is on our list of bad hosts`),
    )
    await destination(world, 'full.test', '127.0.61.2', () => reply(550, '5.1.1', 'no such user'))
    await queued(world, ['a@strict.test', 'a@full.test'])
    await world.simulation.runFor(600_000)
    assert.deepEqual(
      world.events('sender', 'bounced').map(({ forwardPath }) => forwardPath),
      ['a@full.test'],
    )
    await queued(world, ['b@strict.test'])
    await world.simulation.runFor(60_000)
    assert.match(
      await listed(world),
      /strict\.test {2}2 waiting {2}next at .*127\.0\.11\.\d rests there: 550[\s\S]* 1 {2}550 5\.7\.1 127\.0\.11\.\d is on our list/,
    )
  })
})
