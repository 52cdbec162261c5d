// Places, patience and manners together, in the simulated world: honest mail while many connections say next to nothing,
// and while one network floods. (The same on real sockets, larger: bench/slow-connections.ts.)

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPath, parseSmtpPath } from '../message/smtp-path.ts'
import { SmtpConnection } from '../protocols/smtp/client.ts'
import type { SessionFacts, SmtpServerPolicy } from '../protocols/smtp/policy.ts'
import { reply } from '../protocols/smtp/reply.ts'
import { serveSmtp } from '../protocols/smtp/serve.ts'
import type { SimulatedHost } from '../world/simulated/host.ts'
import { testWorld } from '../world/testing.ts'
import { greetingPauseMs, tarpitMs } from './manners.ts'
import { Places } from './places.ts'
import { patienceUnder, stressOf } from './pressure.ts'

const at = { address: '192.0.2.1', port: 25 }
const PLACES = 40

async function receiver() {
  const { world, simulation, run } = testWorld()
  const places = new Places<SessionFacts>({ perAddress: 10, perNetwork: 20, inAll: PLACES }, world.clock)
  const stress = () =>
    stressOf({ connections: places.open, maxConnections: PLACES, usedBytes: 0, limitBytes: 1, lagMs: 0 })
  const delivered: string[] = []
  const policy: SmtpServerPolicy = {
    connected: async (session, control) => {
      const entry = await places.admit(session, { ip: session.peer.address, isKnown: false, control })
      return entry === 'ok' ? undefined : reply(421, '4.7.0', `too many connections: ${entry}`)
    },
    disconnected: (session) => places.leave(session),
    mail: () => undefined,
    recipient: () => undefined,
    message: ({ envelope }) => {
      delivered.push(formatPath(envelope.reversePath))
      return reply(250, '2.0.0', 'accepted')
    },
  }
  const stranger = { isKnown: false, isSuspect: false }
  const options = {
    hostName: 'mx.test',
    timeouts: () => patienceUnder(stress()),
    greetingPauseMs: () => greetingPauseMs(stranger, 1000, stress()),
    faultPauseMs: (faults: number) => tarpitMs(faults, 1000, stress()),
  }
  await run(world.network.listen(at, (stream) => void serveSmtp(stream, policy, options, world)))
  return { world, simulation, places, delivered, run }
}

/** Connects again and again, says a little, then a letter every five seconds. */
async function dawdle(host: SimulatedHost, opening: string, isOver: () => boolean): Promise<void> {
  const { network, clock } = host.world
  while (!isOver()) {
    try {
      const stream = await network.connect(at, { timeoutMs: 5000 })
      await stream.write(Buffer.from(opening))
      while (!isOver()) {
        await clock.sleep(5000)
        await stream.write(Buffer.from('x'))
      }
      stream.destroy()
    } catch {
      await clock.sleep(1000)
    }
  }
}

async function deliver(host: SimulatedHost, name: string): Promise<{ tookMs: number; reply: string }> {
  const { network, clock } = host.world
  const from = parseSmtpPath(`<${name}@one.test>`, 'reverse')
  const to = parseSmtpPath('<bob@two.test>', 'forward')
  assert.ok(from.ok && to.ok)
  const began = clock.monotonic()
  const connection = await SmtpConnection.open({
    network,
    clock,
    endpoint: at,
    serverName: 'mx.test',
    heloName: 'out.test',
    tls: 'none',
  })
  if (!(connection instanceof SmtpConnection)) return { tookMs: 0, reply: connection.reply.lines.join(' ') }
  const { recipients } = await connection.send({
    envelope: { reversePath: from.path, recipients: [{ forwardPath: to.path }], body: '7BIT', smtputf8: false },
    message: Buffer.from('Subject: x\r\n\r\nHello.\r\n'),
  })
  await connection.quit()
  return { tookMs: clock.monotonic() - began, reply: recipients[0]!.state }
}

test('five times more slow connections than places: every honest message arrives, without delay', async () => {
  const { simulation, delivered, places, run } = await receiver()
  const openings = ['', 'EHLO slow.test\r\n', 'EHLO s\r\nMAIL FROM:<s@s.test>\r\nRCPT TO:<bob@two.test>\r\nDATA\r\n']
  let isOver = false
  for (let i = 0; i < 5 * PLACES; i++) {
    const host = simulation.host(`slow${i}`, [`10.${Math.floor(i / 10)}.0.${1 + (i % 10)}`])
    void dawdle(host, openings[i % 3]!, () => isOver)
  }
  await simulation.runFor(20_000)
  assert.equal(places.open, PLACES)
  const honest = simulation.host('honest', ['198.51.100.7'])
  const outcomes = await run(async () => {
    const all: { tookMs: number; reply: string }[] = []
    for (let i = 0; i < 20; i++) all.push(await deliver(honest, `a${i}`))
    return all
  })
  isOver = true
  assert.deepEqual(new Set(outcomes.map((one) => one.reply)), new Set(['accepted']))
  assert.equal(delivered.length, 20)
  for (const { tookMs } of outcomes) assert.ok(tookMs < 3000, `${tookMs} ms`)
})

test('a flood from one network fills that network’s places and nobody else’s', async () => {
  const { simulation, places, run } = await receiver()
  let isOver = false
  for (let i = 0; i < 100; i++) void dawdle(simulation.host(`flood${i}`, [`10.0.0.${1 + i}`]), '', () => isOver)
  await simulation.runFor(5000)
  assert.equal(places.open, 20)
  const honest = simulation.host('honest', ['198.51.100.7'])
  const outcome = await run(deliver(honest, 'anna'))
  assert.equal(outcome.reply, 'accepted')
  const another = await run(deliver(simulation.host('late', ['10.0.0.200']), 'mallory'))
  assert.match(another.reply, /per-network/)
  isOver = true
})
