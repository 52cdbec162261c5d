// The simulated world itself: order, determinism, crashes, partitions, speed of its own clock.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stream } from '../network.ts'
import { testWorld } from '../testing.ts'
import type { World } from '../world.ts'
import { type Simulation, simulate } from './simulation.ts'

const port = 25
const soon = { timeoutMs: 10_000 }

async function readLine(stream: Stream, timeoutMs?: number): Promise<string | null> {
  const bytes = await stream.read(timeoutMs)
  return bytes === null ? null : Buffer.from(bytes).toString()
}

/** Answers each chunk with itself. */
async function echo(world: World): Promise<void> {
  await world.network.listen({ address: '0.0.0.0', port }, async (stream) => {
    try {
      for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) await stream.write(bytes)
      stream.end()
    } catch {
      stream.destroy()
    }
  })
}

function twoHosts(
  seed: number,
  options = {},
): { simulation: Simulation; a: ReturnType<Simulation['host']>; b: ReturnType<Simulation['host']> } {
  const simulation = simulate({ seed, ...options })
  return { simulation, a: simulation.host('a', ['192.0.2.1']), b: simulation.host('b', ['192.0.2.2']) }
}

async function busyDay(seed: number): Promise<{ hash: string; events: number }> {
  const { simulation, a, b } = twoHosts(seed, { jitterMs: 20, loss: 0.02, resets: 0.001 })
  await simulation.finish(
    (async () => {
      await echo(b.world)
      await Promise.all(
        Array.from({ length: 10 }, async (_, client) => {
          for (let round = 0; round < 20; round++) {
            await a.world.clock.sleep(a.world.random.integer(50))
            try {
              const stream = await a.world.network.connect({ address: '192.0.2.2', port }, soon)
              await stream.write(a.world.random.bytes(1 + client * 100))
              await stream.read(5000)
              stream.end()
            } catch {
              // Broken by the seed.
            }
            const file = await a.world.disk.open(`log-${client}`, true)
            await file.append([Buffer.from(`round ${round}`)])
            await file.sync()
          }
        }),
      )
      b.crash()
    })(),
  )
  return { hash: simulation.eventLogHash(), events: simulation.eventCount }
}

test('the same seed gives the same event log, another seed another', async () => {
  const [first, again, other] = [await busyDay(42), await busyDay(42), await busyDay(43)]
  assert.ok(first.events > 1000)
  assert.deepEqual(first, again)
  assert.notEqual(first.hash, other.hash)
})

test('events happen in the order of time, then of asking; cancelled timers never', async () => {
  const { simulation, world, run } = testWorld()
  const seen: string[] = []
  const startMs = world.clock.now()
  world.clock.after(20, () => seen.push('20'))
  world.clock.after(10, () => seen.push('10 first'))
  world.clock.after(10, () => seen.push('10 second'))
  const cancelled = world.clock.after(5, () => seen.push('never'))
  for (let count = 0; count < 5000; count++) world.clock.after(15, () => seen.push('never')).cancel()
  cancelled.cancel()
  cancelled.cancel()
  await run(world.clock.sleep(30))
  assert.deepEqual(seen, ['10 first', '10 second', '20'])
  assert.equal(world.clock.now() - startMs, 30)
  assert.equal(await simulation.run(), 'idle')
  assert.equal(await simulation.runFor(1000), 'deadline')
  assert.equal(world.clock.monotonic(), 1030)
  await assert.rejects(run(new Promise(() => {})), /came to rest/)
})

test('everything that follows from one event settles before the next', async () => {
  const { world, run } = testWorld()
  const seen: number[] = []
  const slow = async (value: number) => {
    for (let step = 0; step < 50; step++) await undefined
    seen.push(value)
  }
  for (let value = 0; value < 100; value++) world.clock.after(1, () => void slow(value))
  await run(world.clock.sleep(2))
  assert.deepEqual(seen, [...Array(100).keys()])
})

test('a dead incarnation does nothing more, and its peers learn only by asking', async () => {
  const { simulation, a, b } = twoHosts(5)
  const old = b.world
  const ghosts: string[] = []
  await simulation.finish(echo(old))
  const stream = await simulation.finish(a.world.network.connect({ address: '192.0.2.2', port }, soon))
  await simulation.finish(stream.write(Buffer.from('one')))
  assert.equal(await simulation.finish(readLine(stream)), 'one')
  old.clock.after(10, () => ghosts.push('timer'))
  void old.clock.sleep(10).then(() => ghosts.push('sleep'))
  b.crash()
  void old.disk.open('x', true).then(() => ghosts.push('open'))
  void old.network.listen({ address: '0.0.0.0', port: 26 }, () => {}).then(() => ghosts.push('listen'))
  old.clock.after(1, () => ghosts.push('late timer'))
  await assert.rejects(simulation.finish(stream.read(1000)), { code: 'timeout' })
  // Down: no answer, retransmission; up again: a reset from a machine that knows nothing of the connection.
  await stream.write(Buffer.from('two'))
  await simulation.runFor(5000)
  await assert.rejects(
    simulation.finish(a.world.network.connect({ address: '192.0.2.2', port }, { timeoutMs: 3000 })),
    {
      code: 'timeout',
    },
  )
  b.restart()
  await assert.rejects(simulation.finish(stream.read(60_000)), { code: 'reset' })
  await assert.rejects(simulation.finish(a.world.network.connect({ address: '192.0.2.2', port }, soon)), {
    code: 'refused',
  })
  await simulation.finish(echo(b.world))
  const again = await simulation.finish(a.world.network.connect({ address: '192.0.2.2', port }, soon))
  await simulation.finish(again.write(Buffer.from('three')))
  assert.equal(await simulation.finish(readLine(again)), 'three')
  assert.deepEqual(ghosts, [])
})

test('a partition holds bytes back until it heals, or breaks the connection when it lasts', async () => {
  const { simulation, a, b } = twoHosts(6)
  await simulation.finish(echo(b.world))
  const connect = () => simulation.finish(a.world.network.connect({ address: '192.0.2.2', port }, soon))
  const short = await connect()
  simulation.links.partition('a', 'b')
  await short.write(Buffer.from('held'))
  await assert.rejects(simulation.finish(short.read(2000)), { code: 'timeout' })
  await assert.rejects(connect(), { code: 'timeout' })
  simulation.links.heal('a', 'b')
  assert.equal(await simulation.finish(readLine(short, 60_000)), 'held')
  simulation.links.partition('b', 'a')
  await short.write(Buffer.from('lost'))
  await assert.rejects(simulation.finish(short.read()), { code: 'reset' })
})

test('wall clocks are skewed, monotonic clocks are not', () => {
  const simulation = simulate({ seed: 1, startMs: 1_000_000 })
  const late = simulation.host('late', ['192.0.2.1'], { clockSkewMs: -5000 })
  assert.equal(late.world.clock.now(), 995_000)
  assert.equal(late.world.clock.monotonic(), 0)
})

test('chance has a stream for each purpose, and a restart does not repeat it', () => {
  const { simulation, host, world } = testWorld(9)
  const first = world.random.bytes(16)
  assert.equal(first.length, 16)
  assert.deepEqual(testWorld(9).world.random.bytes(16), first)
  host.crash()
  assert.notDeepEqual(host.restart().random.bytes(16), first)
  const random = simulation.random('other')
  const counts = [0, 0, 0, 0]
  for (let draw = 0; draw < 4000; draw++) counts[random.integer(4)]!++
  for (const count of counts) assert.ok(count > 850 && count < 1150, counts.join(' '))
})

test('the table answers as a resolver would', async () => {
  const { simulation, world } = testWorld()
  simulation.dns.set('Example.TEST', { MX: [{ preference: 10, exchange: 'mx.example.test' }], TXT: ['v=spf1 -all'] })
  simulation.dns.set('www.example.test', { CNAME: ['host.example.test.'] })
  simulation.dns.set('host.deep.example.test', { A: ['192.0.2.9'] })
  simulation.dns.set('host.example.test', { A: ['192.0.2.8'] })
  simulation.dns.set('broken.test', 'no-answer')
  simulation.dns.sign('example.test')
  const spf = await world.dns.resolve('example.test.', 'TXT')
  assert.deepEqual(spf, { status: 'records', records: ['v=spf1 -all'], ttlS: 300, authenticated: true })
  const alias = await world.dns.resolve('www.example.test', 'A')
  assert.deepEqual(alias.status === 'records' && alias.records, ['192.0.2.8'])
  assert.equal((await world.dns.resolve('deep.example.test', 'A')).status, 'no-data')
  assert.equal((await world.dns.resolve('absent.test', 'A')).status, 'no-name')
  assert.equal((await world.dns.resolve('broken.test', 'A')).status, 'no-answer')
})

test('through loss, resets, crashes and partitions a stream ends cleanly only after all its bytes', async () => {
  let whole = 0
  let broken = 0
  for (let seed = 0; seed < 40; seed++) {
    const { simulation, a, b } = twoHosts(seed, {
      jitterMs: 20,
      loss: 0.05,
      resets: 0.002,
      segmentBytes: 1 + (seed % 50),
    })
    const chaos = simulation.random('chaos')
    let isDone = false
    const disturb = () => {
      if (isDone) return
      const choice = chaos.integer(6)
      if (choice === 0) b.crash()
      else if (choice === 1) simulation.links.partition('a', 'b')
      else simulation.links.heal('a', 'b')
      if (choice >= 4 && !b.isUp) void echo(b.restart())
      a.world.clock.after(3000, disturb)
    }
    const client = async () => {
      for (let round = 0; round < 10; round++) {
        const sent = a.world.random.bytes(1 + a.world.random.integer(300))
        const received: Uint8Array[] = []
        try {
          const stream = await a.world.network.connect({ address: '192.0.2.2', port }, soon)
          await stream.write(sent)
          stream.end()
          // A peer that crashed after our last byte never says so: only a timeout ends the wait.
          for (let bytes = await stream.read(600_000); bytes !== null; bytes = await stream.read(600_000))
            received.push(bytes)
        } catch {
          broken++
          continue
        }
        assert.deepEqual(Buffer.concat(received), sent, `seed ${seed}`)
        whole++
      }
    }
    await simulation.finish(echo(b.world))
    a.world.clock.after(1000, disturb)
    await simulation.finish(Promise.all([client(), client(), client()]))
    isDone = true
  }
  assert.ok(whole > 500 && broken > 50, `${whole} whole, ${broken} broken`)
})
