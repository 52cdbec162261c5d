// What mail costs, without a word about anybody's processor: bytes on the wire, connections, questions to DNS, and how long
// doors were busy with it in virtual time. Read from the events of a simulated world, for each agent, and for each way
// between two hosts.

import type { Simulation, TracedEvent } from '../../world/simulated/simulation.ts'

export interface Cost {
  readonly bytes: number
  readonly connections: number
  readonly lookups: number
  /** How long something was being said on its connections, seconds; an idle connection that is kept costs nothing. */
  readonly busyS: number
}

export const NOTHING: Cost = { bytes: 0, connections: 0, lookups: 0, busyS: 0 }

type Sum = { -readonly [K in keyof Cost]: Cost[K] }

const DNS = ':53'
/** A client that says nothing for longer keeps a connection that it does not need now. */
const LONGEST_PAUSE_MS = 1000

const nothing = (): Sum => ({ ...NOTHING })

export class Meter {
  bytes = 0
  readonly stop: () => void
  /** By client and server, as addresses of hosts. */
  readonly #ways = new Map<string, Sum>()
  readonly #lookups = new Map<string, number>()
  /** What goes on, by client and server with their ports. */
  readonly #talks = new Map<string, { readonly way: Sum; lastMs: number }>()
  /** Of each host, once nothing more is heard. */
  #ofHosts: ReadonlyMap<string, Sum> | undefined

  constructor(simulation: Simulation) {
    this.stop = simulation.trace((event) => this.#hear(event))
  }

  #hear({ kind, from, to, bytes, timeMs }: TracedEvent): void {
    this.bytes += bytes?.length ?? 0
    if (kind === 'udp') {
      if (to.endsWith(DNS)) this.#lookups.set(hostOf(from), (this.#lookups.get(hostOf(from)) ?? 0) + 1)
    } else if (kind === 'accept') {
      // Said by the server.
      const way = this.#way(to, from)
      way.connections++
      this.#talks.set(`${to} ${from}`, { way, lastMs: timeMs })
    } else if (kind === 'data') {
      const byClient = this.#talks.get(`${from} ${to}`)
      const talk = byClient ?? this.#talks.get(`${to} ${from}`)
      if (talk === undefined) {
        this.#way(to, from).bytes += bytes!.length
        return
      }
      talk.way.bytes += bytes!.length
      if (byClient === undefined || timeMs - talk.lastMs <= LONGEST_PAUSE_MS)
        talk.way.busyS += (timeMs - talk.lastMs) / 1000
      talk.lastMs = timeMs
    } else if (kind === 'fin') {
      this.#talks.delete(`${from} ${to}`)
      this.#talks.delete(`${to} ${from}`)
    }
  }

  #way(client: string, server: string): Sum {
    const key = `${hostOf(client)} ${hostOf(server)}`
    let way = this.#ways.get(key)
    if (way === undefined) this.#ways.set(key, (way = nothing()))
    return way
  }

  /** What went from hosts to the one at `ip`, told by their addresses. */
  to(ip: string, isMeant: (client: string) => boolean = () => true): Cost {
    return this.#sum((client, server) => server === ip && isMeant(client))
  }

  /** Everything that the host at `ip` had part in, and what it asked of DNS, until it was stopped. */
  of(ip: string): Cost {
    this.#ofHosts ??= this.#byHosts()
    return roundedCost({ ...(this.#ofHosts.get(ip) ?? nothing()), lookups: this.#lookups.get(ip) ?? 0 })
  }

  #byHosts(): Map<string, Sum> {
    const sums = new Map<string, Sum>()
    for (const [key, way] of this.#ways)
      for (const host of new Set(key.split(' '))) {
        const sum = sums.get(host) ?? nothing()
        sum.bytes += way.bytes
        sum.connections += way.connections
        sum.busyS += way.busyS
        sums.set(host, sum)
      }
    return sums
  }

  /** For each of so many messages. */
  total(messages: number): Cost {
    const { bytes, connections, busyS } = this.#sum(() => true)
    const lookups = [...this.#lookups.values()].reduce((sum, one) => sum + one, 0)
    return roundedCost({
      bytes: bytes / messages,
      connections: connections / messages,
      lookups: lookups / messages,
      busyS: busyS / messages,
    })
  }

  #sum(isMeant: (client: string, server: string) => boolean): Sum {
    const sum = nothing()
    for (const [key, way] of this.#ways) {
      const [client, server] = key.split(' ')
      if (!isMeant(client!, server!)) continue
      sum.bytes += way.bytes
      sum.connections += way.connections
      sum.busyS += way.busyS
    }
    return sum
  }
}

const hostOf = (endpoint: string) => endpoint.slice(0, endpoint.lastIndexOf(':'))

export const roundedCost = ({ bytes, connections, lookups, busyS }: Cost): Cost => ({
  bytes: Math.round(bytes),
  connections: Math.round(connections * 1000) / 1000,
  lookups: Math.round(lookups * 1000) / 1000,
  busyS: Math.round(busyS * 1000) / 1000,
})
