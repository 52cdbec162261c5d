// A simulated machine. Its disk outlives it; everything else (sockets, timers, promises under way) belongs to one
// incarnation, and a crash ends that for good: an effect of a dead incarnation never happens, and what it still asks
// for is never answered.

import type { Dns } from '../dns.ts'
import { PostgresError } from '../postgres.ts'
import { S3Error } from '../s3.ts'
import type { Clock, Timer, World } from '../world.ts'
import { simulatedCpu } from './cpu.ts'
import { simulatedDirectory } from './directory.ts'
import { SimulatedDisk } from './disk.ts'
import { simulatedKeymaker } from './keymaker.ts'
import { HostNetwork } from './network.ts'
import type { Life } from './queue.ts'
import type { Simulation, WorldWithoutDns } from './simulation.ts'

export interface HostOptions {
  /** Makes the host's resolver, anew after each restart. Default: the simulation's table. */
  readonly dns?: (world: WorldWithoutDns) => Dns
  /** How far the host's wall clock is off. */
  readonly clockSkewMs?: number
  /** Size of the disk (default: 1 TiB). */
  readonly capacityBytes?: number
  /** Duration of an fsync (default: 1 ms). */
  readonly syncMs?: number
}

interface Incarnation {
  readonly life: Life
  readonly world: World
  readonly network: HostNetwork
}

export class SimulatedHost {
  readonly name: string
  readonly addresses: readonly string[]
  /** The machine's disk: for setting faults and for looking at what a crash left. */
  readonly disk: SimulatedDisk
  clockSkewMs: number
  readonly #simulation: Simulation
  readonly #options: HostOptions
  #incarnations = 0
  #current: Incarnation | undefined

  constructor(simulation: Simulation, name: string, addresses: readonly string[], options: HostOptions) {
    this.name = name
    this.addresses = addresses
    this.clockSkewMs = options.clockSkewMs ?? 0
    this.#simulation = simulation
    this.#options = options
    this.disk = new SimulatedDisk(simulation, name, options)
    this.#current = this.#boot()
  }

  get isUp(): boolean {
    return this.#current !== undefined
  }

  /** The present incarnation's world. @throws Error while the host is down */
  get world(): World {
    if (this.#current === undefined) throw new Error(`The host ${this.name} is down.`)
    return this.#current.world
  }

  /** The present incarnation's sockets, for packets that arrive. */
  get network(): HostNetwork | undefined {
    return this.#current?.network
  }

  /**
   * Power off, now: sockets and timers are gone without a word to the peers, promises under way never settle, bytes
   * that were not synced survive wholly, partly or not (by seed), open transactions are rolled back.
   */
  crash(): void {
    if (this.#current === undefined) return
    this.#current.life.alive = false
    this.#current = undefined
    this.#simulation.note('crash', this.name, '')
    this.disk.loseUnsynced()
  }

  /** Boots again with the disk as the crash left it. The caller starts its programs on the new `world`. */
  restart(): World {
    if (this.#current === undefined) {
      this.#simulation.note('restart', this.name, '')
      this.#current = this.#boot()
    }
    return this.#current.world
  }

  #boot(): Incarnation {
    const life: Life = { alive: true }
    const simulation = this.#simulation
    const incarnation = ++this.#incarnations
    const network = new HostNetwork(simulation, this, life, simulation.random(`${this.name}/${incarnation}/network`))
    const clock = new HostClock(simulation, this, life)
    const parts: WorldWithoutDns = {
      clock,
      random: simulation.random(`${this.name}/${incarnation}/random`),
      network,
      disk: this.disk.face(life),
      cpu: simulation.quick?.cpu ?? simulatedCpu,
      keymaker: simulation.quick?.keymaker ?? simulatedKeymaker(simulation.random(`${this.name}/${incarnation}/keys`)),
      secret: async () => undefined,
      directory: (place) => simulatedDirectory(place, simulation.directories, clock),
      s3: () => {
        throw new S3Error('There is no S3 in the simulated world.')
      },
      postgres: () => {
        throw new PostgresError('refused', 'There is no PostgreSQL in the simulated world.')
      },
    }
    const dns = this.#options.dns?.(parts) ?? simulation.dns
    return { life, network, world: { ...parts, dns } }
  }
}

class HostClock implements Clock {
  readonly #simulation: Simulation
  readonly #host: SimulatedHost
  readonly #life: Life

  constructor(simulation: Simulation, host: SimulatedHost, life: Life) {
    this.#simulation = simulation
    this.#host = host
    this.#life = life
  }

  now(): number {
    return Math.floor(this.#simulation.startMs + this.#simulation.nowMs + this.#host.clockSkewMs)
  }

  monotonic(): number {
    return this.#simulation.nowMs
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve)
    })
  }

  after(delayMs: number, action: () => void): Timer {
    if (!this.#life.alive) return { cancel: () => {} }
    const simulation = this.#simulation
    const event = simulation.schedule(delayMs, this.#life, 'timer', this.#host.name, '', undefined, action)
    return { cancel: () => simulation.cancel(event) }
  }
}
