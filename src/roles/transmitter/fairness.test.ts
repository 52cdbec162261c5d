// One bad destination with nine tenths of the queue, in the simulated world: what it costs the others, by virtual time; what
// a host says of "too much" is heeded; domains that share hosts share what these take; a destination that was dead gets its
// mail when it lives again.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'
import { queueCommand } from '../routing.ts'

const ANNA = 'anna@sender.test'
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const TAKEN = reply(250, '2.0.0', 'taken')
const BAD_IP = '127.0.61.1'
const OTHERS = 20
const MESSAGES = 400

async function queued(world: TestSystem, addresses: readonly string[]): Promise<void> {
  const agent = world.agent('sender')
  const blob = await world.run(agent.store.putBlob([Buffer.from(`From: ${ANNA}\r\n\r\nx\r\n`)]))
  const mail = { blob, reversePath: ANNA, parameters: {}, origin: 'msa' } as const
  const commands = addresses.map((to) => queueCommand(agent, { ...mail, trace: to }, to))
  await world.run(agent.store.commit(commands))
}

/** How long each message to the others took, the shortest first. `bad`: makes the bad destination, which has most mail. */
async function latencies(bad?: (world: TestSystem, host: SimulatedHost) => Promise<unknown>): Promise<number[]> {
  const world = await TestSystem.start(TWO_AGENTS)
  const arrivedMs = new Map<string, number>()
  for (let n = 0; n < OTHERS; n++) {
    const ip = `127.0.62.${n + 1}`
    const host = world.stranger(ip, domainAt(`other${n}.test`, ip))
    await serveScript(world, host, {
      recipient(path) {
        arrivedMs.set(path.type === 'mailbox' ? path.mailbox.localPart : '', world.simulation.nowMs)
        return undefined
      },
      message: () => TAKEN,
    })
  }
  if (bad !== undefined) {
    await bad(world, world.stranger(BAD_IP, domainAt('bad.test', BAD_IP)))
    await queued(
      world,
      Array.from({ length: 9 * MESSAGES }, (_, n) => `x${n}@bad.test`),
    )
    await world.simulation.runFor(5000)
  }
  const sentMs = new Map<string, number>()
  for (let n = 0; n < MESSAGES; n++) {
    sentMs.set(`m${n}`, world.simulation.nowMs)
    await queued(world, [`m${n}@other${n % OTHERS}.test`])
    await world.simulation.runFor(200)
  }
  await world.simulation.run(() => arrivedMs.size === MESSAGES || world.simulation.nowMs > HOUR * 24 * 365 * 100)
  assert.equal(arrivedMs.size, MESSAGES)
  return [...sentMs].map(([id, ms]) => arrivedMs.get(id)! - ms).sort((a, b) => a - b)
}

const p95 = (sorted: readonly number[]) => sorted[Math.floor(sorted.length * 0.95)]!

describe('one bad destination with nine tenths of the queue delays no other', async () => {
  const idle = p95(await latencies())
  const kinds: Record<string, (world: TestSystem, host: SimulatedHost) => Promise<unknown>> = {
    'it is away': async (world) => world.simulation.links.partition('sender', `stranger ${BAD_IP}`),
    'it takes connections and says nothing': (world, host) =>
      world.run(host.world.network.listen({ address: BAD_IP, port: 25 }, () => {})),
    'it wants nothing now': (world, host) =>
      serveScript(world, host, { connected: () => reply(421, '4.3.2', 'not now'), message: () => TAKEN }),
    'it defers every recipient': (world, host) =>
      serveScript(world, host, { recipient: () => reply(450, '4.2.1', 'later'), message: () => TAKEN }),
    'it takes a minute for each message': (world, host) =>
      serveScript(world, host, {
        async message() {
          await host.world.clock.sleep(MINUTE)
          return TAKEN
        },
      }),
    'it closes every connection at the final dot': (world, host) =>
      serveScript(world, host, { message: () => reply(421, '4.4.2', 'goodbye') }),
  }
  for (const [kind, bad] of Object.entries(kinds))
    test(kind, async () => {
      const found = p95(await latencies(bad))
      assert.ok(found < 2 * idle, `${found} ms, idle ${idle} ms`)
    })
})

describe('what the other side takes', () => {
  /** Counts what comes; `most` connections at once, the others hear 421. */
  async function withLimit(most: number, domains: readonly string[]) {
    const world = await TestSystem.start(TWO_AGENTS)
    const host = world.stranger(BAD_IP, domainAt('far.test', BAD_IP))
    for (const name of domains)
      world.publish([{ name, type: 'MX', ttlS: 60, data: { preference: 10, exchange: 'mail.far.test' } }])
    const seen = { taken: 0, open: 0, most: 0, turnedAway: 0 }
    const inside = new WeakSet<object>()
    const server = await serveScript(world, host, {
      connected(session) {
        if (seen.open >= most) {
          seen.turnedAway++
          return reply(421, '4.7.0', 'too many connections from your address')
        }
        inside.add(session)
        seen.most = Math.max(seen.most, ++seen.open)
        return undefined
      },
      disconnected(session) {
        if (inside.delete(session)) seen.open--
      },
      async message() {
        await host.world.clock.sleep(500)
        seen.taken++
        return TAKEN
      },
    })
    return { world, seen, server }
  }

  test('connections grow while it takes, and are no more than it wants', async () => {
    const free = await withLimit(1000, [])
    await queued(
      free.world,
      Array.from({ length: 3000 }, (_, n) => `a${n}@far.test`),
    )
    await free.world.quiet()
    assert.equal(free.seen.taken, 3000)
    assert.ok(free.seen.most > 6 && free.seen.most <= 20, `${free.seen.most} connections`)
    const tight = await withLimit(2, [])
    await queued(
      tight.world,
      Array.from({ length: 300 }, (_, n) => `a${n}@far.test`),
    )
    await tight.world.quiet()
    assert.equal(tight.seen.taken, 300)
    assert.ok(tight.seen.turnedAway < 10, `turned away ${tight.seen.turnedAway} times`)
    assert.deepEqual(tight.world.events('sender', 'deferred'), [])
  })

  test('domains that share their hosts share what these take', async () => {
    const domains = Array.from({ length: 50 }, (_, n) => `customer${n}.test`)
    const { world, seen } = await withLimit(1000, domains)
    await queued(
      world,
      Array.from({ length: 300 }, (_, n) => `a${n}@${domains[n % 50]}`),
    )
    await world.quiet()
    assert.equal(seen.taken, 300)
    assert.ok(seen.most <= 5, `${seen.most} connections at once`)
  })

  test('one that asks to wait is left alone so long; its other mail waits with it', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const host = world.stranger(BAD_IP, domainAt('far.test', BAD_IP))
    const atMs: number[] = []
    await serveScript(world, host, {
      message() {
        atMs.push(world.simulation.nowMs)
        return atMs.length > 2 ? TAKEN : reply(451, '4.7.1', 'too many messages, try again in 7 minutes')
      },
    })
    await queued(world, ['one@far.test'])
    await world.simulation.run(() => atMs.length === 1)
    await world.simulation.runFor(2 * MINUTE)
    await queued(world, ['two@far.test', 'three@far.test'])
    await world.quiet()
    const waits = atMs.slice(1).map((ms, i) => Math.round((ms - atMs[i]!) / MINUTE))
    assert.deepEqual(waits.slice(0, 2), [7, 7])
    assert.equal(atMs.length, 5)
  })

  test('a connection is used for a hundred messages, and then another', async () => {
    const { world, seen, server } = await withLimit(1, [])
    await queued(
      world,
      Array.from({ length: 350 }, (_, n) => `a${n}@far.test`),
    )
    await world.quiet()
    assert.equal(seen.taken, 350)
    assert.equal(server.sessions - seen.turnedAway, 4)
  })
})

describe('a destination that was dead', () => {
  test('one message tries, and when it lives again all of its mail comes within half an hour', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    const host = world.stranger(BAD_IP, domainAt('far.test', BAD_IP))
    let taken = 0
    await serveScript(world, host, {
      message() {
        taken++
        return TAKEN
      },
    })
    world.simulation.links.partition('sender', `stranger ${BAD_IP}`)
    await queued(
      world,
      Array.from({ length: 1000 }, (_, n) => `a${n}@far.test`),
    )
    // Before their senders are warned that they are late.
    await world.simulation.runFor(3.5 * HOUR)
    // Connections cost the others, so few are tried.
    assert.ok(world.events('sender', 'deferred').length < 30, `${world.events('sender', 'deferred').length} tries`)
    world.simulation.links.heal('sender', `stranger ${BAD_IP}`)
    await world.simulation.runFor(35 * MINUTE)
    assert.ok(taken >= 980, `${taken} arrived`)
    await world.quiet()
    assert.equal(taken, 1000)
    assert.equal(world.agent('sender').store.queue.length(), 0)
  })

  test('mail that was never tried itself is given up in its time, and its sender hears of it', async () => {
    const world = await TestSystem.start(`${TWO_AGENTS}\nsender: expires=3h`)
    world.stranger(BAD_IP, domainAt('far.test', BAD_IP))
    world.simulation.links.partition('sender', `stranger ${BAD_IP}`)
    await queued(
      world,
      Array.from({ length: 250 }, (_, n) => `a${n}@far.test`),
    )
    await world.quiet()
    assert.equal(world.events('sender', 'bounced').length, 250)
    const reports = await world.mail('sender', ANNA)
    assert.ok(reports.every(({ text }) => /^Status: 4\.4\.7\r$/m.test(text)))
    assert.equal(world.agent('sender').store.queue.length(), 0)
  })

  test('that it rests is known after a restart', async () => {
    const world = await TestSystem.start(TWO_AGENTS)
    world.stranger(BAD_IP, domainAt('far.test', BAD_IP))
    world.simulation.links.partition('sender', `stranger ${BAD_IP}`)
    await queued(world, ['a@far.test', 'b@far.test'])
    await world.simulation.run(() => world.events('sender', 'deferred').length > 1)
    const before = world.agent('sender').store.queue.lane({ domain: 'far.test', share: '' })!
    await world.run(world.system.agent('sender').stop(1000))
    await world.run(world.system.restart('sender'))
    assert.deepEqual(world.agent('sender').store.queue.lane({ domain: 'far.test', share: '' }), before)
    assert.ok(before.failures >= 2 && before.lastReply.startsWith('421'))
  })
})
