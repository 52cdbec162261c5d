import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from '../notation/parse.ts'
import { SmtpConnection } from '../protocols/smtp/client.ts'
import { forwardPathOf, reversePathOf } from '../roles/routing.ts'
import { type SimulationOptions, simulate } from '../world/simulated/simulation.ts'
import type { World } from '../world/world.ts'
import { planSystem } from './description.ts'
import type { SystemPlan } from './plan.ts'
import { SimulatedSystem } from './simulated.ts'

const demoText = readFileSync(new URL('./demo.borderpost', import.meta.url), 'utf8')

function planOf(text: string): SystemPlan {
  const { plan, findings } = planSystem(parse(text).model)
  assert.deepEqual(findings, [])
  return plan
}

const READERS = ['bob@recipient.test', 'bob@old.test', 'dora@old.test', 'dora@recipient.test']

/** An Author's mail program: keeps one connection, sends again what was not taken. Gives the ids that got a 250. */
async function write(world: World, count: number, name: string, first: number): Promise<string[]> {
  const taken: string[] = []
  let connection: SmtpConnection | undefined
  for (let n = 0; n < count; ) {
    if (connection === undefined || connection.closed) {
      const opened = await SmtpConnection.open({
        network: world.network,
        clock: world.clock,
        endpoint: { address: '127.0.10.1', port: 587 },
        serverName: 'mail.sender.test',
        heloName: 'authors.computer.test',
        tls: 'required',
        connectTimeoutMs: 10_000,
        timeouts: {
          greetingMs: 10_000,
          commandMs: 10_000,
          dataInitiationMs: 10_000,
          dataTerminationMs: 20_000,
          dataBlockMs: 10_000,
        },
        login: { user: 'anna@sender.test', password: 'demo', cpu: world.cpu, random: world.random },
      })
      if (!(opened instanceof SmtpConnection)) {
        await world.clock.sleep(5000)
        continue
      }
      connection = opened
    }
    // Each try is a message of its own: whether a try without an answer arrived is nobody's promise.
    const id = `${name}.${n}.${world.random.bytes(6).toString('hex')}@sender.test`
    const to = READERS[(first + n) % READERS.length]!
    const message = Buffer.from(
      `From: anna@sender.test\r\nTo: ${to}\r\nSubject: number ${n}\r\nMessage-ID: <${id}>\r\n\r\nHello ${n}\r\n`,
    )
    const envelope = {
      reversePath: reversePathOf('anna@sender.test'),
      recipients: [{ forwardPath: forwardPathOf(to) }],
      body: '7BIT',
      smtputf8: false,
    } as const
    const { recipients } = await connection.send({ envelope, message })
    if (recipients[0]!.state === 'accepted') {
      taken.push(id)
      n++
    } else await world.clock.sleep(1000)
  }
  await connection?.quit()
  return taken
}

/** How often each Message-ID stands in any mailbox of the recipients' agent. */
function delivered(system: SimulatedSystem): Map<string, number> {
  const times = new Map<string, number>()
  const { store } = system.agent('recipient').agent
  for (const account of store.accounts())
    for (const email of store.emails(account.id, store.listEmails(account.id, {}, 'newest')))
      for (const id of email.messageId) times.set(id, (times.get(id) ?? 0) + 1)
  return times
}

/** Notifications that came back, as the Message-IDs of what they return. */
async function bounced(system: SimulatedSystem): Promise<Set<string>> {
  const ids = new Set<string>()
  const { store } = system.agent('sender').agent
  for (const account of store.accounts())
    for (const email of store.emails(account.id, store.listEmails(account.id, {}, 'newest'))) {
      const source = await system.simulation.finish(store.readBlob(email.blob))
      for (const [, id] of source!.toString('latin1').matchAll(/^Message-ID: <([^>]+)>/gim)) ids.add(id!)
    }
  return ids
}

async function run(
  options: SimulationOptions,
  count: number,
  trouble?: (system: SimulatedSystem) => Promise<void>,
  text = demoText,
) {
  const simulation = simulate(options)
  const system = await SimulatedSystem.start(planOf(text), simulation)
  const authors = [1, 2, 3, 4].map((n) => system.host(`author${n}`, `127.0.99.${n}`))
  const working = authors.map((host, n) => write(host.world, count / authors.length, `author${n}`, n))
  const troubled = trouble?.(system)
  const taken = (await simulation.finish(Promise.all(working))).flat()
  if (troubled !== undefined) await simulation.finish(troubled)
  const empty = () => [...system.agents.values()].every(({ agent }) => agent.store.queue.nextDueMs() === undefined)
  await simulation.run(empty)
  return { simulation, system, taken }
}

test('a thousand messages over three networks arrive once each, and the same seed replays bit for bit', async () => {
  const one = await run({ seed: 7, latencyMs: 20, jitterMs: 10 }, 1000)
  assert.equal(one.taken.length, 1000)
  const times = delivered(one.system)
  assert.deepEqual(
    one.taken.filter((id) => times.get(id) !== 1),
    [],
  )
  assert.equal(times.size, 1000)
  const again = await run({ seed: 7, latencyMs: 20, jitterMs: 10 }, 1000)
  assert.equal(again.simulation.eventLogHash(), one.simulation.eventLogHash())
  const other = await run({ seed: 8, latencyMs: 20, jitterMs: 10 }, 20)
  const other2 = await run({ seed: 9, latencyMs: 20, jitterMs: 10 }, 20)
  assert.notEqual(other.simulation.eventLogHash(), other2.simulation.eventLogHash())
})

test('a forwarded message: SPF fails for its Author, DKIM and ARC pass, and trust decides whose word counts', async () => {
  const { system } = await run({ seed: 1 }, 4)
  const { store } = system.agent('recipient').agent
  const verdictsOf = (address: string) => {
    const account = store.accountByAddress(address)!
    return store.emails(account.id, store.listEmails(account.id, {}, 'oldest')).map(({ verdict }) => verdict!)
  }
  const bobs = verdictsOf('bob@recipient.test')
  const doras = verdictsOf('dora@recipient.test')
  assert.deepEqual(bobs.map(({ arc }) => arc).sort(), ['none', 'pass'])
  const [trusted] = bobs.filter(({ arc }) => arc === 'pass')
  assert.equal(trusted!.trustedForwarder, 'old.test')
  const [untrusted] = doras.filter(({ arc }) => arc === 'pass')
  assert.equal(untrusted!.trustedForwarder, undefined)
  for (const verdict of [trusted!, untrusted!]) {
    assert.equal(verdict.dkim, 'pass')
    assert.equal(verdict.dmarc, 'pass')
    assert.ok(
      verdict.steps.some((step) => step.startsWith('SPF of sender.test')),
      verdict.steps.join('\n'),
    )
  }
})

test('packets are lost, connections break, agents crash: everything accepted is delivered once or bounced', async () => {
  // Once with stores that are encrypted, whose databases are gone with each crash.
  const encrypted = demoText.replaceAll('filter=no', 'filter=no, encrypt=yes')
  for (const [seed, text] of [
    [1, demoText],
    [2, demoText],
    [3, encrypted],
  ] as const) {
    const { system, taken } = await run(
      { seed, latencyMs: 30, jitterMs: 20, loss: 0.03, resets: 0.003 },
      200,
      async (system) => {
        const chance = system.simulation.random('trouble')
        const bystander = system.host('trouble', '127.0.98.1').world.clock
        for (let n = 0; n < 12; n++) {
          await bystander.sleep(500 + chance.integer(8000))
          const victim = system.plan.agents[chance.integer(3)]!.id
          system.crash(victim)
          await bystander.sleep(200 + chance.integer(5000))
          await system.restart(victim)
        }
      },
      text,
    )
    const times = delivered(system)
    const back = await bounced(system)
    const lost = taken.filter((id) => !times.has(id) && !back.has(id))
    const twice = taken.filter((id) => (times.get(id) ?? 0) > 1)
    assert.deepEqual(lost, [], `seed ${seed}: lost`)
    assert.deepEqual(twice, [], `seed ${seed}: delivered twice`)
    for (const { agent } of system.agents.values()) assert.equal(agent.store.queue.length(), 0)
  }
})

test('disks refuse now and then while mail flows: nothing acknowledged is lost, nothing comes twice', async () => {
  for (const seed of [4, 5]) {
    const { system, taken } = await run({ seed, latencyMs: 30, jitterMs: 20 }, 100, async (system) => {
      const chance = system.simulation.random('trouble')
      const bystander = system.host('trouble', '127.0.98.1').world.clock
      for (let n = 0; n < 30; n++) {
        await bystander.sleep(200 + chance.integer(2000))
        const { disk } = system.hostOf(system.plan.agents[chance.integer(3)]!.id)
        const operation = (['append', 'sync', 'read'] as const)[chance.integer(3)]!
        disk.fault({ operation, code: operation === 'append' ? 'full' : 'failed', times: 1 + chance.integer(4) })
      }
      for (const { id } of system.plan.agents) system.hostOf(id).disk.repair()
    })
    const times = delivered(system)
    const back = await bounced(system)
    assert.deepEqual(
      taken.filter((id) => !times.has(id) && !back.has(id)),
      [],
      `seed ${seed}: lost`,
    )
    assert.deepEqual(
      taken.filter((id) => (times.get(id) ?? 0) > 1),
      [],
      `seed ${seed}: delivered twice`,
    )
  }
})
