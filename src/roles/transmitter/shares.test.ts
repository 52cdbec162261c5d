// The queue is shared: a contract with nine tenths of it delays nobody else's mail, whatever it sends where, by virtual time.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { queueCommand } from '../routing.ts'

const TAKEN = reply(250, '2.0.0', 'taken')
const OTHERS = 8
const MESSAGES = 100
const ITS = 9 * MESSAGES
const CONTRACT = `${TWO_AGENTS}\ncontract acme: by=sender, domain=acme.test`

async function queued(world: TestSystem, addresses: readonly string[], contract?: string): Promise<void> {
  const agent = world.agent('sender')
  const blob = await world.run(agent.store.putBlob([Buffer.from('From: a@sender.test\r\n\r\nx\r\n')]))
  const parameters = contract === undefined ? {} : { contract }
  const mail = { blob, reversePath: 'a@sender.test', parameters, origin: 'msa' } as const
  await world.run(agent.store.commit(addresses.map((to) => queueCommand(agent, { ...mail, trace: to }, to))))
}

/** Hosts that need this long for each message; who came when. All domains of one list share a host. */
async function hosts(world: TestSystem, domains: readonly (readonly string[])[], takesMs: number) {
  const arrivedMs = new Map<string, number>()
  for (const [n, names] of domains.entries()) {
    const ip = `127.0.${62 + Math.floor(n / 250)}.${(n % 250) + 1}`
    const host = world.stranger(ip, domainAt(names[0]!, ip))
    for (const name of names.slice(1))
      world.publish([{ name, type: 'MX', ttlS: 3600, data: { preference: 10, exchange: `mail.${names[0]!}` } }])
    await serveScript(world, host, {
      async message({ envelope }) {
        await host.world.clock.sleep(takesMs)
        for (const { forwardPath: path } of envelope.recipients)
          arrivedMs.set(path.type === 'mailbox' ? path.mailbox.localPart : '', world.simulation.nowMs)
        return TAKEN
      },
    })
  }
  return arrivedMs
}

interface Case {
  readonly domains: readonly (readonly string[])[]
  readonly takesMs: number
  /** Where the contract's message with this number goes. */
  readonly its: (n: number) => string
  readonly description?: string
}

/** How long each message of others took, the shortest first. */
async function latencies({ domains, takesMs, its, description = CONTRACT }: Case, isBusy: boolean): Promise<number[]> {
  const world = await TestSystem.start(description)
  const arrivedMs = await hosts(world, domains, takesMs)
  if (isBusy) {
    await queued(
      world,
      Array.from({ length: ITS }, (_, n) => `x${n}@${its(n)}`),
      'acme',
    )
    await world.simulation.runFor(3000)
  }
  const sentMs = new Map<string, number>()
  for (let n = 0; n < MESSAGES; n++) {
    sentMs.set(`m${n}`, world.simulation.nowMs)
    await queued(world, [`m${n}@${domains[n % Math.min(OTHERS, domains.length)]![0]}`])
    await world.simulation.runFor(800)
  }
  const isThere = () => [...sentMs.keys()].every((id) => arrivedMs.has(id))
  await world.simulation.run(() => isThere() || world.simulation.nowMs > 1e15)
  return [...sentMs].map(([id, ms]) => arrivedMs.get(id)! - ms).sort((a, b) => a - b)
}

const p95 = (sorted: readonly number[]) => sorted[Math.floor(sorted.length * 0.95)]!
const named = (count: number, name: string) => Array.from({ length: count }, (_, n) => [`${name}${n}.test`])

describe('a contract with nine tenths of the queue delays no other', () => {
  const cases: Record<string, Case> = {
    'to the same destinations': {
      domains: named(OTHERS, 'other'),
      takesMs: 1000,
      its: (n) => `other${n % OTHERS}.test`,
    },
    'to one destination, which others write to as well': {
      domains: [['far.test']],
      takesMs: 1000,
      its: () => 'far.test',
    },
    'to hundreds of domains of one provider': {
      domains: [['far.test', ...Array.from({ length: 120 }, (_, n) => `customer${n}.test`)]],
      takesMs: 1000,
      its: (n) => `customer${n % 120}.test`,
    },
    'to hundreds of hosts, more than there are connections': {
      domains: named(300, 'other'),
      takesMs: 5000,
      its: (n) => `other${n % 300}.test`,
    },
  }
  for (const [about, one] of Object.entries(cases))
    test(about, async () => {
      const [idle, busy] = [p95(await latencies(one, false)), p95(await latencies(one, true))]
      assert.ok(busy < 2 * idle, `${busy} ms, idle ${idle} ms`)
    })
})

describe('what a contract may have at once', () => {
  test('no more connections than its line says, and all of its mail arrives', async () => {
    const world = await TestSystem.start(`${CONTRACT}, connections=3`)
    const domains = named(10, 'other')
    let [open, most, taken] = [0, 0, 0]
    for (const [n, [name]] of domains.entries()) {
      const ip = `127.0.62.${n + 1}`
      const host = world.stranger(ip, domainAt(name!, ip))
      await serveScript(world, host, {
        connected() {
          most = Math.max(most, ++open)
          return undefined
        },
        disconnected: () => void open--,
        async message() {
          await host.world.clock.sleep(500)
          taken++
          return TAKEN
        },
      })
    }
    await queued(
      world,
      Array.from({ length: 200 }, (_, n) => `x${n}@other${n % 10}.test`),
      'acme',
    )
    await world.quiet()
    assert.equal(taken, 200)
    assert.equal(most, 3)
  })
})
