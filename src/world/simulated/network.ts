// The sockets of one incarnation of a simulated host: listeners, connections, datagrams. TCP's handshake is two
// events; a closed port refuses, an absent or cut-off host says nothing until the caller's timeout.

import type {
  Datagram,
  Endpoint,
  Listener,
  LocalSocket,
  Network,
  Stream,
  TlsClientSide,
  TlsIdentity,
  UdpSocket,
} from '../network.ts'
import { NetworkError } from '../network.ts'
import type { Random } from '../world.ts'
import type { SimulatedHost } from './host.ts'
import type { Life } from './queue.ts'
import type { Simulation } from './simulation.ts'
import { endpointText, joinEnds, SimulatedStream } from './stream.ts'

interface Bound<T> {
  readonly endpoint: Endpoint
  readonly receive: T
}
type Accept = (stream: Stream) => void

const firstFreePort = 32_768
const largestDatagramBytes = 65_507

export class HostNetwork implements Network {
  readonly life: Life
  readonly #simulation: Simulation
  readonly #host: SimulatedHost
  readonly #random: Random
  readonly #listeners = new Map<number, Bound<(stream: SimulatedStream) => void>[]>()
  readonly #sockets = new Map<number, Bound<(datagram: Datagram) => void>[]>()
  #nextPort: number

  constructor(simulation: Simulation, host: SimulatedHost, life: Life, random: Random) {
    this.#simulation = simulation
    this.#host = host
    this.life = life
    this.#random = random
    // A restarted host does not begin with the ports its peers still remember.
    this.#nextPort = firstFreePort + random.integer(20_000)
  }

  listen(at: Endpoint, accept: Accept, tls?: TlsIdentity | (() => TlsIdentity)): Promise<Listener> {
    if (!this.life.alive) return new Promise(() => {})
    const greet = (stream: SimulatedStream) => {
      if (tls === undefined) accept(stream)
      else
        stream.startTls({ role: 'server', identity: typeof tls === 'function' ? tls() : tls }).then(
          () => accept(stream),
          () => {},
        )
    }
    return this.#bind(this.#listeners, at, greet, (endpoint, close) => ({
      endpoint,
      close: async () => close(),
    }))
  }

  listenLocal(at: LocalSocket): Promise<never> {
    return Promise.reject(new NetworkError('address-not-available', `There is no path ${at.path} here.`))
  }

  udp(at: Endpoint, receive: (datagram: Datagram) => void): Promise<UdpSocket> {
    if (!this.life.alive) return new Promise(() => {})
    return this.#bind(this.#sockets, at, receive, (endpoint, close) => ({
      endpoint,
      send: (bytes, to) => this.#send(endpoint, bytes, to),
      close,
    }))
  }

  async connect(
    to: Endpoint | LocalSocket,
    options: { readonly timeoutMs: number; readonly localAddress?: string; readonly tls?: TlsClientSide },
  ): Promise<Stream> {
    if (!this.life.alive) return new Promise(() => {})
    if ('path' in to) throw new NetworkError('refused', `Nothing listens at ${to.path}.`)
    const address = options.localAddress ?? this.#addressTowards(to.address)
    if (address === undefined)
      throw new NetworkError('unreachable', `${this.#host.name} has no route to ${to.address}.`)
    if (!this.#owns(address))
      throw new NetworkError('address-not-available', `${address} is not an address of this host.`)
    const stream = await this.#open({ address, port: this.#freePort() }, to, options.timeoutMs)
    if (options.tls !== undefined) await stream.startTls(options.tls)
    return stream
  }

  /** A connection attempt arrives. Undefined: nothing listens there. */
  accept(local: Endpoint, remote: Endpoint, from: SimulatedHost): SimulatedStream | undefined {
    const listener = find(this.#listeners, local)
    if (listener === undefined) return undefined
    const stream = new SimulatedStream(this.#simulation, this.#host, this.life, from, local, remote)
    queueMicrotask(() => {
      if (this.life.alive) listener.receive(stream)
    })
    return stream
  }

  /** A datagram arrives. */
  receive(to: Endpoint, datagram: Datagram): void {
    find(this.#sockets, to)?.receive(datagram)
  }

  #open(local: Endpoint, to: Endpoint, timeoutMs: number): Promise<SimulatedStream> {
    const simulation = this.#simulation
    const { links } = simulation
    const host = this.#hostAt(to.address)
    const fromText = endpointText(local)
    const toText = endpointText(to)
    return new Promise((resolve, reject) => {
      const giveUp = simulation.schedule(timeoutMs, this.life, 'connect-timeout', fromText, toText, undefined, () => {
        isGivenUp = true
        reject(new NetworkError('timeout', `${toText} did not answer within ${timeoutMs} ms.`))
      })
      let isGivenUp = false
      if (host === undefined || links.isCut(this.#host.name, host.name)) return
      const link = links.between(this.#host.name, host.name)
      simulation.schedule(links.segmentDelayMs(link), undefined, 'syn', fromText, toText, undefined, () => {
        const target = host.network
        if (target === undefined || !this.life.alive || isGivenUp) return
        const far = target.accept(to, local, this.#host)
        const backMs = links.segmentDelayMs(link)
        const near = far && new SimulatedStream(simulation, this.#host, this.life, host, local, to)
        if (far !== undefined && near !== undefined) joinEnds(near, far, simulation.nowMs + backMs)
        const kind = far === undefined ? 'refuse' : 'accept'
        simulation.schedule(backMs, this.life, kind, toText, fromText, undefined, () => {
          if (isGivenUp) return near?.destroy()
          simulation.cancel(giveUp)
          if (near !== undefined) resolve(near)
          else reject(new NetworkError('refused', `${toText} refused the connection.`))
        })
      })
    })
  }

  #send(from: Endpoint, bytes: Uint8Array, to: Endpoint): void {
    const simulation = this.#simulation
    const { links } = simulation
    if (!this.life.alive || bytes.length > largestDatagramBytes) return
    const host = this.#hostAt(to.address)
    if (host === undefined) return
    const link = links.between(this.#host.name, host.name)
    if (links.isUnlucky(link.loss) || links.isCut(this.#host.name, host.name)) return
    const source = {
      address: isWildcard(from.address) ? (this.#addressTowards(to.address) ?? '') : from.address,
      port: from.port,
    }
    const copy = Buffer.from(bytes)
    simulation.schedule(links.delayMs(link), undefined, 'udp', endpointText(source), endpointText(to), copy, () =>
      host.network?.receive(to, { bytes: copy, from: source }),
    )
  }

  async #bind<R, T>(
    table: Map<number, Bound<R>[]>,
    at: Endpoint,
    receive: R,
    make: (endpoint: Endpoint, close: () => void) => T,
  ): Promise<T> {
    if (!isWildcard(at.address) && !this.#owns(at.address)) {
      throw new NetworkError('address-not-available', `${at.address} is not an address of this host.`)
    }
    const endpoint = { address: at.address, port: at.port === 0 ? this.#freePort() : at.port }
    const bound = table.get(endpoint.port) ?? []
    if (bound.some((other) => overlaps(other.endpoint.address, endpoint.address))) {
      throw new NetworkError('address-in-use', `${endpointText(endpoint)} is in use.`)
    }
    const entry = { endpoint, receive }
    table.set(endpoint.port, [...bound, entry])
    return make(endpoint, () => {
      const left = (table.get(endpoint.port) ?? []).filter((other) => other !== entry)
      if (left.length > 0) table.set(endpoint.port, left)
      else table.delete(endpoint.port)
    })
  }

  #freePort(): number {
    for (;;) {
      const port = this.#nextPort++
      if (this.#nextPort > 65_535) this.#nextPort = firstFreePort + this.#random.integer(1000)
      if (!this.#listeners.has(port) && !this.#sockets.has(port)) return port
    }
  }

  /** A loopback address is this host's own, unless the simulation gave it to a host: a lab puts all of them on 127/8. */
  #hostAt(address: string): SimulatedHost | undefined {
    return this.#simulation.hostAt(address) ?? (isLoopback(address) ? this.#host : undefined)
  }

  #owns(address: string): boolean {
    return this.#hostAt(address) === this.#host
  }

  #addressTowards(address: string): string | undefined {
    if (this.#owns(address)) return address
    const isV6 = address.includes(':')
    return this.#host.addresses.find((own) => own.includes(':') === isV6)
  }
}

function find<R>(table: Map<number, Bound<R>[]>, at: Endpoint): Bound<R> | undefined {
  return table.get(at.port)?.find(({ endpoint }) => overlaps(endpoint.address, at.address))
}

/** '::' takes IPv4 too, as Node binds it. */
function overlaps(a: string, b: string): boolean {
  if (a === b || a === '::' || b === '::') return true
  return (a === '0.0.0.0' && !b.includes(':')) || (b === '0.0.0.0' && !a.includes(':'))
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
