// Starts every agent of a description, each with its own world, and finds a port for each door. The same function starts
// the demo on loopback, a system on the Internet, and the simulated world.

import type { Agent } from '../roles/agent.ts'
import type { Endpoint } from '../world/network.ts'
import { NetworkError } from '../world/network.ts'
import type { World } from '../world/world.ts'
import { type AgentOptions, type Ports, RunningAgent, type ServiceName, servicesOf } from './agent.ts'
import type { AgentPlan, SystemPlan } from './plan.ts'

const TRIES = 200
/** Starts anew when an SMTP port was lost to another system between looking and opening. */
const RACES = 10

export interface StartOptions extends Omit<AgentOptions, 'transmitterPort' | 'partnerAt'> {
  readonly worldOf: (agent: AgentPlan) => World
  /** Wished for. A port that is taken is counted up, if `search`. */
  readonly ports: Ports
  readonly search: boolean
  /** Where the administrator's door of an agent is; undefined: it has none. */
  readonly adminSocket?: (agent: AgentPlan) => string
  /** Makes the agents' records visible in DNS, where that is ours to do. Nothing is sent before. */
  readonly publish?: (agents: readonly RunningAgent[]) => void
}

export interface RunningSystem {
  readonly plan: SystemPlan
  readonly agents: readonly RunningAgent[]
  /** Doors that got another port than wished, for people. */
  readonly moved: readonly string[]
  stop(): Promise<void>
}

/**
 * @throws NetworkError when a port cannot be had, DiskError when a folder is in use or refuses
 */
export async function startSystem(plan: SystemPlan, options: StartOptions): Promise<RunningSystem> {
  for (let tries = 0; ; tries++) {
    const smtpPort = await findCommonPort(plan, options)
    try {
      return await startOn(smtpPort, plan, options)
    } catch (error) {
      // Another system that starts at the same moment may have taken the port that was free when we looked.
      const taken = error instanceof NetworkError && error.code === 'address-in-use'
      if (!taken || !options.search || tries >= RACES) throw error
    }
  }
}

async function startOn(smtpPort: number, plan: SystemPlan, options: StartOptions): Promise<RunningSystem> {
  const moved: string[] = []
  if (smtpPort !== options.ports.smtp) moved.push(`SMTP port ${options.ports.smtp} is taken, using ${smtpPort}`)
  const agents: RunningAgent[] = []
  const partnerAt: Agent['partnerAt'] = ({ id, ip }, service) =>
    agents.find((agent) => agent.plan.id === id)?.endpoint(service) ?? { address: ip, port: options.ports[service] }
  const stop = async () => {
    await Promise.all(agents.map((agent) => agent.stop()))
  }
  try {
    const started = await Promise.allSettled(
      plan.agents.map((agentPlan) =>
        RunningAgent.start(agentPlan, options.worldOf(agentPlan), {
          ...options,
          transmitterPort: smtpPort,
          partnerAt,
          onKeys: () => options.publish?.(agents),
        }),
      ),
    )
    for (const one of started) if (one.status === 'fulfilled') agents.push(one.value)
    for (const one of started) if (one.status === 'rejected') throw one.reason
    for (const agent of agents)
      for (const service of servicesOf(agent.plan)) {
        const wished = service === 'smtp' ? smtpPort : options.ports[service]
        const { port } = await openNear(
          agent,
          service,
          { address: agent.plan.listen, port: wished },
          options.search && service !== 'smtp',
        )
        if (port !== wished) moved.push(`${service} port ${wished} of ${agent.plan.id} is taken, using ${port}`)
      }
    for (const agent of agents) {
      const path = options.adminSocket?.(agent.plan)
      if (path !== undefined) await agent.openAdminDoor(path)
    }
    options.publish?.(agents)
    // Where DNS is ours it shows the keys now: the first message is signed.
    if (options.publish !== undefined) await Promise.all(agents.map(({ keys }) => keys.look()))
    for (const agent of agents) agent.begin()
  } catch (error) {
    await stop()
    throw error
  }
  return { plan, agents, moved, stop }
}

async function openNear(
  agent: RunningAgent,
  service: ServiceName,
  wished: Endpoint,
  search: boolean,
): Promise<Endpoint> {
  for (let port = wished.port; ; port++) {
    try {
      return await agent.open(service, { ...wished, port })
    } catch (error) {
      const taken = error instanceof NetworkError && error.code === 'address-in-use'
      if (!taken || !search || port - wished.port >= TRIES) throw error
    }
  }
}

/**
 * All Receivers must listen on one port, since an MX record names none: the first from the wished one on that is free at
 * every agent's address.
 */
async function findCommonPort(plan: SystemPlan, options: StartOptions): Promise<number> {
  if (!options.search) return options.ports.smtp
  for (let port = options.ports.smtp; port < options.ports.smtp + TRIES; port++) {
    const free = await Promise.all(
      plan.agents.map((agent) => isFree(options.worldOf(agent), { address: agent.listen, port })),
    )
    if (free.every(Boolean)) return port
  }
  throw new NetworkError('address-in-use', `no free SMTP port from ${options.ports.smtp} on`)
}

async function isFree(world: World, at: Endpoint): Promise<boolean> {
  try {
    const listener = await world.network.listen(at, (stream) => stream.destroy())
    await listener.close()
    return true
  } catch (error) {
    if (error instanceof NetworkError && error.code === 'address-in-use') return false
    throw error
  }
}
