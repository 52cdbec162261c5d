import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../../world/simulated/simulation.ts'
import { Meter } from './cost.ts'

test('bytes, connections, questions and busy time go to the hosts that had them; who keeps a connection is not busy', async () => {
  const simulation = simulate({ seed: 1, latencyMs: 10 })
  const [client, server, other] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((ip, i) =>
    simulation.host(`host ${i}`, [ip]),
  )
  const meter = new Meter(simulation)
  await simulation.finish(
    server!.world.network.listen({ address: '192.0.2.2', port: 25 }, async (stream) => {
      for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
        // The server thinks for two seconds before it answers.
        await server!.world.clock.sleep(2000)
        await stream.write(bytes)
      }
      stream.end()
    }),
  )
  await simulation.finish(
    (async () => {
      const stream = await client!.world.network.connect({ address: '192.0.2.2', port: 25 }, { timeoutMs: 1000 })
      await stream.write(Buffer.alloc(100))
      await stream.read()
      await client!.world.clock.sleep(60_000)
      await stream.write(Buffer.alloc(50))
      await stream.read()
      stream.end()
      const socket = await other!.world.network.udp({ address: '192.0.2.3', port: 0 }, () => {})
      socket.send(Buffer.alloc(30), { address: '192.0.2.2', port: 53 })
      await other!.world.clock.sleep(100)
    })(),
  )
  meter.stop()
  const way = meter.to('192.0.2.2', (ip) => ip === '192.0.2.1')
  assert.equal(way.bytes, 300)
  assert.equal(way.connections, 1)
  // Twice two seconds and the way there and back, and not the minute between.
  assert.ok(way.busyS > 4 && way.busyS < 4.2, String(way.busyS))
  assert.deepEqual(meter.to('192.0.2.1'), { bytes: 0, connections: 0, lookups: 0, busyS: 0 })
  assert.equal(meter.of('192.0.2.3').lookups, 1)
  assert.equal(meter.of('192.0.2.1').bytes, 300)
  assert.deepEqual(meter.total(2), {
    bytes: 150,
    connections: 0.5,
    lookups: 0.5,
    busyS: Math.round(way.busyS * 500) / 1000,
  })
})
