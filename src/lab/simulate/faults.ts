// What goes wrong in a simulated day: each kind of trouble strikes an agent now and then for a while, as the seed says.

import type { SimulatedSystem } from '../../system/simulated.ts'
import type { Random, World } from '../../world/world.ts'

export const FAULTS = ['outage', 'latency', 'loss', 'crash', 'diskfull', 'clock', 'dns', 'slow'] as const
export type Fault = (typeof FAULTS)[number]

export interface Happened {
  readonly atMs: number
  readonly forMs: number
  readonly fault: Fault
  readonly agent: string
}

/** Of each kind, in a day. */
const A_DAY = 4
const DAY_MS = 86_400_000
const SHORTEST_MS = 60_000
const LONGEST_MS = 40 * 60_000
const DNS = 'dns'

/** Everything at once would be no trouble but the end: of one kind only one is going on. Notes in `happened` what is over. */
export async function trouble(
  system: SimulatedSystem,
  { clock }: Pick<World, 'clock'>,
  hosts: () => readonly string[],
  { faults, days, strikes }: { faults: readonly Fault[]; days: number; strikes: readonly Happened[] | undefined },
  happened: Happened[],
): Promise<void> {
  const { simulation } = system
  const startMs = simulation.nowMs
  const endMs = startMs + days * DAY_MS
  if (strikes !== undefined) {
    const random = simulation.random('strikes')
    await Promise.all(
      strikes.map(async (one) => {
        await clock.sleep(one.atMs)
        const end = STRIKE[one.fault](system, one.agent, hosts(), random)
        await clock.sleep(one.forMs)
        await end()
        happened.push({ ...one, atMs: startMs + one.atMs })
      }),
    )
    return
  }
  await Promise.all(
    faults.map(async (fault) => {
      const random = simulation.random(`fault ${fault}`)
      for (;;) {
        await clock.sleep(random.float() * 2 * (DAY_MS / A_DAY))
        if (simulation.nowMs >= endMs) return
        const agent = fault === 'dns' ? DNS : pickAgent(system, random)
        const forMs = SHORTEST_MS + random.integer(LONGEST_MS - SHORTEST_MS)
        const end = STRIKE[fault](system, agent, hosts(), random)
        const atMs = simulation.nowMs
        await clock.sleep(forMs)
        await end()
        happened.push({ atMs, forMs, fault, agent })
      }
    }),
  )
}

const pickAgent = (system: SimulatedSystem, random: Random) =>
  system.plan.agents[random.integer(system.plan.agents.length)]!.id

/** How each begins; what it gives ends it. */
type Strike = (system: SimulatedSystem, agent: string, hosts: readonly string[], random: Random) => () => unknown

const cut: Strike = ({ simulation: { links } }, agent, hosts) => {
  const others = hosts.filter((one) => one !== agent)
  for (const other of others) links.partition(agent, other)
  return () => {
    for (const other of others) links.heal(agent, other)
  }
}

const worse =
  (changes: Parameters<SimulatedSystem['simulation']['links']['set']>[2]): Strike =>
  ({ simulation: { links } }, agent, hosts) => {
    const before = hosts.filter((one) => one !== agent).map((other) => ({ other, was: links.between(agent, other) }))
    for (const { other } of before) links.set(agent, other, changes)
    return () => {
      for (const { other, was } of before) links.set(agent, other, pickKeys(was, Object.keys(changes)))
    }
  }

const pickKeys = (from: object, keys: readonly string[]) =>
  Object.fromEntries(Object.entries(from).filter(([key]) => keys.includes(key)))

const STRIKE: Readonly<Record<Fault, Strike>> = {
  outage: cut,
  dns: cut,
  latency: worse({ latencyMs: 2000, jitterMs: 1000 }),
  loss: worse({ loss: 0.2 }),
  slow: worse({ segmentBytes: 128, segmentMs: 1000 }),
  crash(system, agent) {
    system.crash(agent)
    return () => system.restart(agent)
  },
  diskfull(system, agent) {
    const { disk } = system.hostOf(agent)
    disk.fault({ operation: 'append', code: 'full', times: Number.POSITIVE_INFINITY })
    return () => disk.repair()
  },
  clock(system, agent, _hosts, random) {
    const host = system.hostOf(agent)
    const before = host.clockSkewMs
    host.clockSkewMs = (random.float() - 0.5) * 2 * 3_600_000
    return () => {
      host.clockSkewMs = before
    }
  },
}
