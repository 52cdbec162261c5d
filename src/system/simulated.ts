// The same agents in the simulated world: a host for each, a DNS server on a host of its own, and all of them asking it
// by datagrams. Agents can be crashed and started again; what they had promised must then still hold.

import { Resolver } from '../protocols/dns/resolver.ts'
import { startDnsServer } from '../protocols/dns/server.ts'
import { type ZoneRecord, ZoneTable } from '../protocols/dns/zone.ts'
import { State, type StateOptions } from '../store/memory/state.ts'
import { openMemoryStore } from '../store/memory/store.ts'
import type { SimulatedHost } from '../world/simulated/host.ts'
import type { Simulation } from '../world/simulated/simulation.ts'
import type { World } from '../world/world.ts'
import { INTERNET_PORTS, type Log, RunningAgent, servicesOf } from './agent.ts'
import type { AgentPlan, SystemPlan } from './plan.ts'
import { labZone, publishedTogether } from './zones.ts'

const DNS_ADDRESS = '198.51.100.53'
/** The least that SCRAM allows (RFC 7677 §4): virtual time is not spent on guessing. */
const ITERATIONS = 4096
/** The least that argon2id has. */
const ARGON2 = { memoryKiB: 8, passes: 1 }
/** For agents that nobody but the simulation looks into. */
const CHORES_EVERY_MS = 86_400_000
/** The part of DNS that is none of the agents'. */
const OTHERS = ''

export interface SimulatedOptions {
  readonly log?: Log
  /** Stores in memory, so that many agents fit into one process; else as agents have them, with everything for mail programs. */
  readonly stores?: StateOptions
  /** How long the agents' records may be remembered. */
  readonly ttlS?: number
}

export class SimulatedSystem {
  readonly plan: SystemPlan
  readonly simulation: Simulation
  readonly agents = new Map<string, RunningAgent>()
  readonly #hosts = new Map<string, SimulatedHost>()
  readonly #options: SimulatedOptions
  /** What the agents' stores in memory hold, whatever becomes of the agents. */
  readonly states = new Map<string, State>()
  readonly #zones = new ZoneTable([{ origin: '', records: [] }])
  /** Agents that are published together, by the id of each. */
  readonly #groups: ReadonlyMap<string, readonly AgentPlan[]>
  #others: readonly ZoneRecord[] = []
  #isOurs = true

  private constructor(plan: SystemPlan, simulation: Simulation, options: SimulatedOptions) {
    this.plan = plan
    this.simulation = simulation
    this.#options = options
    this.#groups = new Map(publishedTogether(plan.agents).flatMap((group) => group.map(({ id }) => [id, group])))
  }

  /** Boots every agent of the plan. Virtual time passes meanwhile. */
  static async start(
    plan: SystemPlan,
    simulation: Simulation,
    options: SimulatedOptions = {},
  ): Promise<SimulatedSystem> {
    const system = new SimulatedSystem(plan, simulation, options)
    const zones = system.#zones
    const dns = simulation.host('dns', [DNS_ADDRESS])
    const at = { address: DNS_ADDRESS, port: 53 }
    await simulation.finish(startDnsServer({ network: dns.world.network, at, zones }))
    for (const agent of plan.agents) system.#hosts.set(agent.id, system.host(agent.id, agent.ip, ...pooled(agent)))
    for (const agent of plan.agents) await simulation.finish(system.#boot(agent))
    system.publish([])
    for (const { keys } of system.agents.values()) await simulation.finish(keys.look())
    for (const agent of system.agents.values()) agent.begin()
    return system
  }

  /** One more machine that asks the system's DNS: an Author's computer, a stranger. */
  host(name: string, ...addresses: readonly string[]): SimulatedHost {
    return this.simulation.host(name, addresses, {
      dns: (parts) =>
        new Resolver({ ...parts, servers: [{ address: DNS_ADDRESS, port: 53 }], trustAuthenticatedData: true }),
    })
  }

  /** Puts the agents' records into DNS, and these beside them: the domains of strangers. */
  publish(others: readonly ZoneRecord[]): void {
    this.#others = others
    if (!this.#isOurs) return
    this.#zones.setPart('', OTHERS, others)
    for (const group of new Set(this.#groups.values())) this.#publishGroup(group)
  }

  /** What a group of agents says, anew. */
  #publishGroup(group: readonly AgentPlan[]): void {
    const running = group.flatMap(({ id }) => this.agents.get(id) ?? [])
    this.#zones.setPart('', group[0]!.id, labZone(running, this.#options.ttlS).records)
  }

  /** A zone of its own that is signed: the system's DNS vouches for what it says. */
  publishSigned(origin: string, records: readonly ZoneRecord[]): void {
    this.#zones.set({ origin, records, authenticated: true })
  }

  /** Takes a zone back: the rest of DNS answers for its names again. */
  withdraw(origin: string): void {
    this.#zones.remove(origin)
  }

  /** From now on DNS shows this and nothing else: somebody administers it by hand, and takes his time. */
  show(records: readonly ZoneRecord[]): void {
    this.#isOurs = false
    this.#zones.set({ origin: '', records: [...records] })
  }

  /** What DNS should show. */
  get wanted(): readonly ZoneRecord[] {
    return [...labZone([...this.agents.values()]).records, ...this.#others]
  }

  hostOf(id: string): SimulatedHost {
    return this.#hosts.get(id)!
  }

  agent(id: string): RunningAgent {
    return this.agents.get(id)!
  }

  /** Power off: nothing of the agent runs any more, and its disk keeps what was synced. */
  crash(id: string): void {
    this.#hosts.get(id)!.crash()
  }

  /** Boots the agent again, on the disk that the crash left. */
  async restart(id: string): Promise<void> {
    this.#hosts.get(id)!.restart()
    await this.#boot(this.#groups.get(id)!.find((agent) => agent.id === id)!)
    this.agent(id).begin()
  }

  #stateOf(id: string, options: StateOptions): State {
    const state = this.states.get(id) ?? new State(options)
    this.states.set(id, state)
    return state
  }

  async #boot(plan: AgentPlan): Promise<void> {
    const { world } = this.#hosts.get(plan.id)!
    const onKeys = () => {
      if (this.#isOurs) this.#publishGroup(this.#groups.get(plan.id)!)
    }
    const { stores, log = () => {} } = this.#options
    const agent = await RunningAgent.start(plan, world, {
      iterations: ITERATIONS,
      argon2: ARGON2,
      transmitterPort: INTERNET_PORTS.smtp,
      log,
      onKeys,
      ...(stores && {
        choresEveryMs: CHORES_EVERY_MS,
        openStore: (_plan: AgentPlan, inside: World) => openMemoryStore(inside, this.#stateOf(plan.id, stores)),
      }),
    })
    this.agents.set(plan.id, agent)
    for (const service of servicesOf(plan))
      await agent.open(service, { address: plan.ip, port: INTERNET_PORTS[service] })
  }
}

/** The other addresses that its mail leaves from. */
function pooled({ ip, settings }: AgentPlan): string[] {
  const addresses = settings.transmitter.pools.flatMap((pool) => pool.addresses.map(({ local }) => local))
  return [...new Set(addresses)].filter((address) => address !== ip)
}
