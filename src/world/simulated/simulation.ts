// The simulated world: virtual time, one event queue, hosts. Events happen in (time, sequence) order, and everything
// that follows from one (all promises) settles before the next, so the same seed replays bit for bit. The event log's
// running SHA-256 proves it: time, kind, endpoints and bytes of every event.

import { createHash } from 'node:crypto'
import type { Random, World } from '../world.ts'
import { quickCpu } from './cpu.ts'
import type { DirectoryServer } from './directory.ts'
import { DnsTable } from './dns.ts'
import { type HostOptions, SimulatedHost } from './host.ts'
import { sharedKeymaker } from './keymaker.ts'
import { type LinkBehaviour, Links } from './links.ts'
import { EventQueue, type Life, type QueuedEvent } from './queue.ts'
import { SeededRandom } from './random.ts'

export interface SimulationOptions extends Partial<LinkBehaviour> {
  readonly seed: number | string
  /** Wall time at the start, milliseconds since 1970 (default: 2026-01-01 00:00 UTC). */
  readonly startMs?: number
  /** PEM certificates that every simulated TLS client trusts when it names no anchors of its own. */
  readonly trusted?: readonly string[]
  /** Many agents: nothing is computed that is slow on purpose or was computed before (cpu.ts, keymaker.ts). */
  readonly isQuick?: boolean
}

/** What a trace listener sees: an event at the moment it happens. */
export interface TracedEvent {
  readonly timeMs: number
  readonly kind: string
  readonly from: string
  readonly to: string
  readonly bytes: Uint8Array | undefined
}

/** Why `run` returned. */
export type RunOutcome = 'until' | 'deadline' | 'idle'

/** Immediates asked for at once: Node settles all promises between two of them, and polls only once per batch. */
const batchSize = 64
const logBufferBytes = 64 * 1024
const defaultLimitMs = 24 * 3600_000

/** A new world with nothing in it. */
export function simulate(options: SimulationOptions): Simulation {
  return new Simulation(options)
}

export class Simulation {
  readonly seed: number | string
  readonly startMs: number
  readonly links: Links
  readonly trusted: readonly string[]
  /** What all hosts share when they are many. */
  readonly quick: Pick<World, 'cpu' | 'keymaker'> | undefined
  /** Records that hosts without a resolver of their own see; changes show at once. */
  readonly dns: DnsTable
  /** LDAP servers, by 'host:port'. */
  readonly directories = new Map<string, DirectoryServer>()
  readonly #hosts = new Map<string, SimulatedHost>()
  readonly #byAddress = new Map<string, SimulatedHost>()
  readonly #queue = new EventQueue()
  readonly #log = createHash('sha256')
  readonly #logBuffer = Buffer.allocUnsafe(logBufferBytes)
  readonly #listeners = new Set<(event: TracedEvent) => void>()
  #logged = 0
  #nowMs = 0
  #sequence = 0
  #events = 0
  #holds = 0
  #onRelease: (() => void) | undefined
  #running = false

  constructor(options: SimulationOptions) {
    this.seed = options.seed
    this.startMs = options.startMs ?? Date.UTC(2026, 0, 1)
    this.links = new Links(this, options)
    this.trusted = options.trusted ?? []
    this.dns = new DnsTable()
    this.quick = options.isQuick
      ? { cpu: quickCpu(), keymaker: sharedKeymaker((purpose) => this.random(`shared ${purpose}`)) }
      : undefined
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have happened. */
  get eventCount(): number {
    return this.#events
  }

  /** Adds a machine that owns these addresses. It is up at once. */
  host(name: string, addresses: readonly string[], options: HostOptions = {}): SimulatedHost {
    if (this.#hosts.has(name)) throw new Error(`The simulation already has a host '${name}'.`)
    const host = new SimulatedHost(this, name, addresses, options)
    this.#hosts.set(name, host)
    for (const address of addresses) {
      if (this.#byAddress.has(address)) throw new Error(`The address ${address} already belongs to a host.`)
      this.#byAddress.set(address, host)
    }
    return host
  }

  hostAt(address: string): SimulatedHost | undefined {
    return this.#byAddress.get(address)
  }

  /** A generator of its own for each purpose, from the seed. */
  random(purpose: string): Random {
    return new SeededRandom(this.seed, purpose)
  }

  /** Something that happens `delayMs` from now, unless `life` ends before. Part of the event log when it happens. */
  schedule(
    delayMs: number,
    life: Life | undefined,
    kind: string,
    from: string,
    to: string,
    bytes: Uint8Array | undefined,
    action: () => void,
  ): QueuedEvent {
    return this.scheduleAt(this.#nowMs + Math.max(delayMs, 0), life, kind, from, to, bytes, action)
  }

  /** The same at an instant: for what must keep an order, which sums of delays would blur by their rounding. */
  scheduleAt(
    timeMs: number,
    life: Life | undefined,
    kind: string,
    from: string,
    to: string,
    bytes: Uint8Array | undefined,
    action: () => void,
  ): QueuedEvent {
    const event: QueuedEvent = { timeMs, sequence: this.#sequence++, kind, from, to, bytes, life, action }
    this.#queue.push(event)
    return event
  }

  cancel(event: QueuedEvent): void {
    this.#queue.cancel(event)
  }

  /** Stops virtual time while real work that the simulation cannot do without (loading a module) goes on. */
  async hold<T>(work: Promise<T>): Promise<T> {
    this.#holds++
    try {
      return await work
    } finally {
      this.#holds--
      if (this.#holds === 0) this.#onRelease?.()
    }
  }

  /**
   * Lets events happen until the predicate holds, until the deadline (virtual milliseconds since the start; time then
   * stands exactly there), or until nothing is left to happen.
   */
  run(until?: (() => boolean) | { readonly untilMs: number }): Promise<RunOutcome> {
    if (this.#running) throw new Error('The simulation is already running.')
    this.#running = true
    const isReached = typeof until === 'function' ? until : undefined
    const deadlineMs = typeof until === 'object' ? until.untilMs : Number.POSITIVE_INFINITY
    return new Promise((resolve, reject) => {
      let batch = 0
      let left = 0
      const finish = (settle: () => void) => {
        batch++
        this.#running = false
        this.#onRelease = undefined
        settle()
      }
      const step = (own: number) => {
        if (own !== batch) return
        if (this.#holds > 0) {
          batch++
          this.#onRelease = start
          return
        }
        try {
          if (isReached?.()) return finish(() => resolve('until'))
          const next = this.#queue.peek()
          if (next === undefined || next.timeMs > deadlineMs) {
            if (deadlineMs !== Number.POSITIVE_INFINITY) this.#nowMs = Math.max(this.#nowMs, deadlineMs)
            return finish(() =>
              resolve(next === undefined && deadlineMs === Number.POSITIVE_INFINITY ? 'idle' : 'deadline'),
            )
          }
          this.#happen(this.#queue.pop()!)
        } catch (error) {
          return finish(() => reject(error))
        }
        if (--left === 0) start()
      }
      const start = () => {
        this.#onRelease = undefined
        const own = ++batch
        left = batchSize
        for (let count = 0; count < batchSize; count++) setImmediate(step, own)
      }
      start()
    })
  }

  /** Runs for this much virtual time. */
  runFor(durationMs: number): Promise<RunOutcome> {
    return this.run({ untilMs: this.#nowMs + durationMs })
  }

  /**
   * Runs until `work` is done and gives its result.
   * @throws Error when the world comes to rest, or `limitMs` of virtual time pass, before that.
   */
  async finish<T>(work: Promise<T>, limitMs = defaultLimitMs): Promise<T> {
    const endMs = this.#nowMs + limitMs
    let isDone = false
    const settled = work.then(
      () => {
        isDone = true
      },
      () => {
        isDone = true
      },
    )
    const outcome = await this.run(() => isDone || this.#nowMs > endMs)
    if (!isDone) {
      throw new Error(
        outcome === 'idle'
          ? 'The simulated world came to rest before the work was done.'
          : `The work was not done within ${limitMs} ms of virtual time.`,
      )
    }
    await settled
    return work
  }

  /** SHA-256 (hex) over every event so far. The same seed and the same program give the same hash. */
  eventLogHash(): string {
    this.#flushLog()
    return this.#log.copy().digest('hex')
  }

  /** Calls `listener` for each event; returns the function that stops it. */
  trace(listener: (event: TracedEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Notes something in the event log without an event of its own (a crash). */
  note(kind: string, from: string, to: string, bytes?: Uint8Array): void {
    this.#record({ timeMs: this.#nowMs, kind, from, to, bytes })
  }

  #happen(event: QueuedEvent): void {
    this.#nowMs = event.timeMs
    this.#record(event)
    const action = event.action!
    // Late cancels of an event that has happened must not count as cancelled entries of the queue.
    event.action = undefined
    action()
  }

  #record(event: TracedEvent): void {
    this.#events++
    const size = event.bytes?.length ?? 0
    const line = `${event.timeMs}|${event.kind}|${event.from}|${event.to}|${size}\n`
    if (this.#logged + line.length * 3 + size > logBufferBytes) this.#flushLog()
    if (line.length * 3 + size > logBufferBytes) this.#log.update(line).update(event.bytes!)
    else {
      this.#logged += this.#logBuffer.write(line, this.#logged)
      if (event.bytes !== undefined) {
        this.#logBuffer.set(event.bytes, this.#logged)
        this.#logged += size
      }
    }
    for (const listener of this.#listeners) listener(event)
  }

  #flushLog(): void {
    if (this.#logged > 0) this.#log.update(this.#logBuffer.subarray(0, this.#logged))
    this.#logged = 0
  }
}

/** The parts a resolver is built from. */
export type WorldWithoutDns = Omit<World, 'dns'>
