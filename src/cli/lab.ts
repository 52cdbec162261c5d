// A lab: every agent of a description on this computer's loopback addresses, with its own DNS, and one web server for all
// its people. The demo is the lab of demo.borderpost.

import { join } from 'node:path'
import { Resolver } from '../protocols/dns/resolver.ts'
import { type DnsServer, startDnsServer } from '../protocols/dns/server.ts'
import { type ZoneRecord, ZoneTable } from '../protocols/dns/zone.ts'
import { ADMIN_SOCKET } from '../system/admin-door.ts'
import type { Log } from '../system/agent.ts'
import { Live } from '../system/live.ts'
import type { SystemPlan } from '../system/plan.ts'
import { type RunningSystem, startSystem } from '../system/start.ts'
import { labZone } from '../system/zones.ts'
import { createWeb } from '../web/server.ts'
import { type Endpoint, NetworkError } from '../world/network.ts'
import { httpServer } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import type { World } from '../world/world.ts'
import { webOf } from './web-of.ts'

/** Ports above 1024, so that no root is needed. */
const PORTS = {
  smtp: 2525,
  submission: 2587,
  submissions: 2465,
  imap: 2143,
  imaps: 2993,
  pop3: 2110,
  pop3s: 2995,
  managesieve: 4190,
  lmtp: 2024,
} as const
const DNS_PORT = 5300
const WEB_PORT = 8080
const TRIES = 200
const ITERATIONS = 20_000

export interface Lab {
  readonly system: RunningSystem
  readonly live: Live
  readonly world: World
  readonly dns: Endpoint
  readonly webUrl: string
  /** Ports that were taken, for people. */
  readonly moved: readonly string[]
  stop(): Promise<void>
}

export interface LabOptions {
  readonly plan: SystemPlan
  readonly folder: string
  readonly log: Log
  /** What DNS shows beside the agents' records: the domains of strangers. */
  readonly records?: readonly ZoneRecord[]
  /** Pages for people (default: yes). */
  readonly pages?: boolean
}

/** Starts everything; what was started is stopped again when something fails. @throws NetworkError, DiskError */
export async function startLab({ plan, folder, log, records = [], pages = true }: LabOptions): Promise<Lab> {
  const stops: (() => unknown)[] = []
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one()
  }
  try {
    const zones = new ZoneTable([{ origin: '', records: [] }])
    const noDns = { resolve: async () => ({ status: 'no-answer' as const, reason: 'the lab itself asks no DNS' }) }
    const world = realWorld({ folder, dns: () => noDns })
    const moved: string[] = []
    const dns = await near<DnsServer>('DNS', DNS_PORT, moved, (port) =>
      startDnsServer({ network: world.network, at: { address: '127.0.0.1', port }, zones }),
    )
    stops.push(() => dns.close())

    const worlds = new Map<string, World>()
    const worldOf = (agent: { id: string; ip: string }): World => {
      const known = worlds.get(agent.id)
      if (known !== undefined) return known
      const made = realWorld({
        folder: join(folder, agent.id),
        localAddress: agent.ip,
        dns: (parts) => new Resolver({ ...parts, servers: [dns.endpoint] }),
      })
      worlds.set(agent.id, made)
      return made
    }
    const system = await startSystem(plan, {
      worldOf,
      ports: PORTS,
      search: true,
      iterations: ITERATIONS,
      adminSocket: ({ id }) => join(folder, id, ADMIN_SOCKET),
      log,
      publish(agents) {
        const zone = labZone(agents)
        zones.set({ ...zone, records: [...zone.records, ...records] })
      },
    })
    stops.push(() => system.stop())
    const live = new Live(system)
    stops.push(() => live.stop())

    let webPort: number | undefined
    const webUrl = () => (webPort === undefined ? undefined : `http://localhost:${webPort}`)
    if (pages) {
      const web = createWeb({
        ...webOf(system, world, log, webUrl),
        serverFactory: httpServer,
        live,
        demoPeople: plan.agents.flatMap(({ people }) =>
          people.flatMap(({ displayName, address, password }) =>
            password === undefined ? [] : [{ name: displayName, address, password }],
          ),
        ),
      })
      webPort = await near('web', WEB_PORT, moved, async (port) => {
        await web.listen({ host: '127.0.0.1', port }).catch((error: NodeJS.ErrnoException) => {
          throw error.code === 'EADDRINUSE' ? new NetworkError('address-in-use', error.message) : error
        })
        return port
      })
      stops.push(() => web.close())
    }
    for (const { accounts } of system.agents) accounts.issuer = webUrl()
    return {
      system,
      live,
      world,
      dns: dns.endpoint,
      webUrl: `http://localhost:${webPort}`,
      moved: [...moved, ...system.moved],
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Tries the wished port, then those after it. */
async function near<T>(what: string, wished: number, moved: string[], start: (port: number) => Promise<T>): Promise<T> {
  for (let port = wished; ; port++) {
    try {
      const started = await start(port)
      if (port !== wished) moved.push(`${what} port ${wished} is taken, using ${port}`)
      return started
    } catch (error) {
      const taken = error instanceof NetworkError && error.code === 'address-in-use'
      if (!taken || port - wished >= TRIES) throw error
    }
  }
}
