// Transmitter: relays that carry mail out. The queue lies in the store; this is the hand that works it off: a lane for
// each destination domain, a few connections in each lane, every connection used for as long as there is mail for it.
// What the other side said is durable before the next step: at worst a message that was in flight when the machine
// crashed goes twice, none is lost. A part of the queue is in memory, no lane may fill it, and no dead host holds it up.

import { reply } from '../../protocols/smtp/reply.ts'
import { QUEUE, type QueueEntry } from '../../store/types.ts'
import { DiskError } from '../../world/disk.ts'
import type { Timer } from '../../world/world.ts'
import type { Agent } from '../agent.ts'
import { releaseCommands } from '../msa/release.ts'
import { type Connected, connectTo, failed } from './connect.ts'
import { envelopeOf, type Job, jobsOf, RECIPIENTS_AT_ONCE } from './jobs.ts'
import { commandsOf, type Outcome } from './outcome.ts'
import { dkim2Fields } from './signing.ts'
import { policyDetail } from './tls-attempt.ts'

/** Entries in memory; more are fetched as these are done. */
const DUE_AT_ONCE = 2000
/** Of these, for one domain: few until it has answered. */
const DUE_PER_LANE = 500
const DUE_PER_LANE_ON_TRIAL = 100
/** The whole queue is looked through for what is due at most this often. */
const LOOK_AGAIN_MS = 250
/** Never sleep longer: clocks may jump, and an administrator may change the queue. */
const MAX_SLEEP_MS = 60_000
const MIN_SLEEP_MS = 1000
const CONNECTIONS_IN_ALL = 100
/** Of these, for places that failed before and have not answered yet: the dead leave room for the living. */
const CONNECTIONS_ON_TRIAL = 50
/** Bodies in memory at once, all connections together; a larger one goes alone. */
const BODY_BYTES = 256 * 1024 * 1024
/** How long a connection waits for more mail to the same place before it says QUIT. */
const IDLE_MS = 2000
/** How often policies (MTA-STS) that grow old are looked for, and how many are fetched again then. */
const REFRESH_EVERY_MS = 3_600_000
const REFRESHED_AT_ONCE = 500
/** Rest after a failure of our own (disk full, …) before what happened is written down again. */
const INTERRUPTED_MS = 10_000
const UNSURE_MS = 500
/** A disk may work again; a body that could not be read so often, over hours, is damaged. */
const UNREADABLE_ATTEMPTS = 8

interface Lane {
  readonly key: string
  readonly domain: string
  readonly heedsPolicy: boolean
  readonly requiresTls: boolean
  readonly jobs: Job[]
  /** Entries that wait here or are being delivered. */
  load: number
  workers: number
  /** Workers allowed: one until a connection has succeeded, fewer again when the other side wants no more. */
  limit: number
  /** Wakes a worker that waits for mail with its connection open. */
  readonly waiting: Set<() => void>
}

export class Transmitter {
  readonly #agent: Agent
  readonly #lanes = new Map<string, Lane>()
  readonly #inFlight = new Set<number>()
  readonly #working = new Set<Promise<void>>()
  #bodyBytes = 0
  readonly #waitForRoom = new Set<() => void>()
  #timer: { readonly timer: Timer; readonly atMs: number } | undefined
  #refreshing: Timer | undefined
  #unwatch: (() => void) | undefined
  #stopped = false
  #looking = false
  /** The newest entry that was looked at. */
  #lastId = 0
  /** There may be more due than is in memory. */
  #backlog = true
  #lookedThroughMs = Number.NEGATIVE_INFINITY

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** Begins to work off the queue, and wakes whenever mail is put into it. */
  start(): void {
    this.#unwatch = this.#agent.store.watch(QUEUE, () => this.#wake())
    this.#wake()
    this.#refreshLater()
  }

  /** Policies of other domains are fetched again before they are out of date (RFC 8461 §10.2). */
  #refreshLater(): void {
    this.#refreshing = this.#agent.world.clock.after(REFRESH_EVERY_MS, () => {
      this.#agent.stsPolicies
        .refresh(REFRESHED_AT_ONCE)
        .catch((error: unknown) => this.#agent.log('error', 'policies were not refreshed', { error: String(error) }))
        .finally(() => {
          if (!this.#stopped) this.#refreshLater()
        })
    })
  }

  /** Takes no more work. Resolves when the transactions under way are over and what came of them is kept. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#unwatch?.()
    this.#timer?.timer.cancel()
    this.#refreshing?.cancel()
    for (const lane of this.#lanes.values()) for (const wake of lane.waiting) wake()
    await Promise.all(this.#working)
  }

  /** Looks at the queue once for any number of wake-ups in the same turn. */
  #wake(): void {
    if (this.#stopped || this.#looking) return
    this.#looking = true
    queueMicrotask(() => {
      this.#looking = false
      if (!this.#stopped) this.#look()
    })
  }

  /** What is new goes into lanes at once; what came due, or found no room before, when it is time to look for it. */
  #look(): void {
    const { store, world } = this.#agent
    const nowMs = world.clock.now()
    const room = DUE_AT_ONCE - this.#inFlight.size
    if (room > 0) {
      const added = store.queueAfter(this.#lastId, room)
      this.#lastId = added.at(-1)?.id ?? this.#lastId
      this.#take(added.filter(({ state, nextAttemptAtMs }) => state === 'waiting' && nextAttemptAtMs <= nowMs))
      if (added.length === room) this.#backlog = true
    } else this.#backlog = true
    if (this.#backlog && this.#hasRoom()) {
      const waitMs = this.#lookedThroughMs + LOOK_AGAIN_MS - world.clock.monotonic()
      // Less than a millisecond is nothing: a sleep of that length may end before it began.
      if (waitMs >= 1) this.#sleep(waitMs)
      else this.#lookThrough(nowMs)
    }
    const nextDueMs = store.queueNextDueMs()
    // Entries in memory are due too, so only the future counts.
    if (nextDueMs !== undefined) this.#sleep(Math.max(MIN_SLEEP_MS, nextDueMs - nowMs))
    else this.#sleep(MAX_SLEEP_MS)
  }

  #hasRoom(): boolean {
    return this.#inFlight.size <= DUE_AT_ONCE / 2
  }

  /** Everything that is due, oldest first, but for lanes that are full. */
  #lookThrough(nowMs: number): void {
    this.#lookedThroughMs = this.#agent.world.clock.monotonic()
    const full = [...this.#lanes.values()].filter(isFull)
    const known = this.#inFlight.size - full.reduce((sum, lane) => sum + lane.load, 0)
    const limit = DUE_AT_ONCE - this.#inFlight.size + known
    const domains = full.map(({ domain }) => domain)
    const due = this.#agent.store.queueDue(nowMs, limit, domains)
    this.#backlog = full.length > 0 || due.length >= limit
    this.#take(due)
  }

  #take(entries: readonly QueueEntry[]): void {
    // DKIM2 names the recipients of a transaction in the message: one alone, or a hidden one (Bcc) is shown to the others.
    const atOnce = this.#agent.settings.dkim2 ? 1 : RECIPIENTS_AT_ONCE
    const fresh = entries.filter(({ id }) => !this.#inFlight.has(id))
    for (const entry of fresh) if (entry.parameters.atHome) this.#release(entry)
    const leaving = fresh.filter(({ parameters }) => !parameters.atHome)
    // RFC 6710 §4.2: what is more important goes first.
    for (const job of jobsOf(leaving, atOnce).toSorted((a, b) => priorityOf(b) - priorityOf(a))) {
      const lane = this.#laneOf(job.entries[0]!)
      if (isFull(lane)) {
        this.#backlog = true
        continue
      }
      lane.load += job.entries.length
      for (const { id } of job.entries) this.#inFlight.add(id)
      this.#give(lane, job)
    }
  }

  /** Held mail for somebody here needs no connection. */
  #release(entry: QueueEntry): void {
    const { store, world, log } = this.#agent
    const release = async (): Promise<void> => {
      while (!this.#stopped) {
        try {
          const outcome = await releaseCommands(this.#agent, entry)
          await store.commit(Array.isArray(outcome) ? outcome : await commandsOf(this.#agent, [outcome]))
          break
        } catch (error) {
          log('error', `held mail for ${entry.forwardPath} cannot be let go now`, { error: String(error) })
          await world.clock.sleep(INTERRUPTED_MS)
        }
      }
    }
    this.#inFlight.add(entry.id)
    const work: Promise<void> = release().finally(() => {
      this.#inFlight.delete(entry.id)
      this.#working.delete(work)
      this.#wake()
    })
    this.#working.add(work)
  }

  /** Looks again after `delayMs`, or earlier if that was planned already. */
  #sleep(delayMs: number): void {
    const { clock } = this.#agent.world
    const atMs = clock.monotonic() + Math.min(delayMs, MAX_SLEEP_MS)
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return
    this.#timer?.timer.cancel()
    const timer = clock.after(atMs - clock.monotonic(), () => {
      this.#timer = undefined
      this.#backlog = true
      this.#wake()
    })
    this.#timer = { timer, atMs }
  }

  /** Connections that need not prove anything (TLS reports), or must (REQUIRETLS), are never used for other mail. */
  #laneOf({ domain, parameters }: QueueEntry): Lane {
    const heedsPolicy = parameters.ignoresTlsPolicy !== true
    const requiresTls = parameters.requireTls === true
    const key = requiresTls ? `${domain} (REQUIRETLS)` : heedsPolicy ? domain : `${domain} (any TLS)`
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { key, domain, heedsPolicy, requiresTls, jobs: [], load: 0, workers: 0, limit: 1, waiting: new Set() }
      this.#lanes.set(key, lane)
    }
    return lane
  }

  #give(lane: Lane, job: Job): void {
    const priority = priorityOf(job)
    const at = lane.jobs.findIndex((other) => priorityOf(other) < priority)
    lane.jobs.splice(at < 0 ? lane.jobs.length : at, 0, job)
    const [waiting] = lane.waiting
    if (waiting !== undefined) waiting()
    else this.#hire(lane)
  }

  #hire(lane: Lane): void {
    if (this.#stopped || lane.jobs.length === 0 || lane.workers >= lane.limit) return
    const onTrial = lane.workers === 0 && lane.jobs[0]!.entries[0]!.attempts > 0
    if (this.#working.size >= (onTrial ? CONNECTIONS_ON_TRIAL : CONNECTIONS_IN_ALL)) return
    lane.workers++
    const work: Promise<void> = this.#work(lane)
      .catch((error: unknown) =>
        this.#agent.log('error', `a worker for ${lane.domain} broke`, { error: String(error) }),
      )
      .finally(() => {
        lane.workers--
        this.#working.delete(work)
        if (lane.workers === 0) {
          lane.limit = 1
          if (lane.jobs.length === 0) this.#lanes.delete(lane.key)
        }
        // A place is free: a lane may have been turned away for want of one.
        for (const other of this.#lanes.values()) if (other.workers === 0) this.#hire(other)
      })
    this.#working.add(work)
  }

  /** One connection's life: open, deliver while there is mail, wait a little, quit. */
  async #work(lane: Lane): Promise<void> {
    let connection: Connected | undefined
    while (!this.#stopped) {
      const job = lane.jobs.shift()
      if (job === undefined) {
        if (connection === undefined || !(await this.#moreMail(lane))) break
        continue
      }
      if (connection === undefined || connection.smtp.closed) {
        const isWorthy = job.entries[0]!.parameters.isReport !== true
        const { heedsPolicy, requiresTls } = lane
        const opened = await connectTo(this.#agent, lane.domain, { isWorthy, heedsPolicy, requiresTls }).catch(
          (error: unknown) => failed('deferred', reply(451, '4.3.0', `a fault of ours: ${String(error)}`)),
        )
        if (opened.kind === 'failed') {
          const others = lane.workers > 1
          lane.jobs.unshift(job)
          // Others of this lane have connections: the place is there, and wants no more of them.
          if (others) lane.limit = lane.workers - 1
          else await this.#settle(lane, outcomesOf(lane.jobs.splice(0), opened))
          connection = undefined
          if (others) break
          continue
        }
        connection = opened
        lane.limit = Math.max(lane.limit, this.#agent.settings.transmitter.connectionsPerDestination)
        for (let more = lane.jobs.length; more > 0 && lane.workers < lane.limit; more--) this.#hire(lane)
      }
      if (this.#agent.isAlone?.() === false) {
        // This node was cut off, or stopped for a while: another may be carrying the same. It is known within seconds.
        lane.jobs.unshift(job)
        await this.#agent.world.clock.sleep(UNSURE_MS)
        continue
      }
      const outcomes = await this.#deliver(connection, job)
      // RFC 5321 §3.8: the other side had closed a connection that we kept. Nothing was said, so say it on a new one.
      if (outcomes === 'stale') lane.jobs.unshift(job)
      else await this.#settle(lane, outcomes)
    }
    for (const wake of [...lane.waiting].slice(0, lane.jobs.length)) wake()
    await connection?.smtp.quit()
  }

  /** Waits for mail to the same destination; false when none came. */
  #moreMail(lane: Lane): Promise<boolean> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel()
        lane.waiting.delete(done)
        resolve(lane.jobs.length > 0 && !this.#stopped)
      }
      const timer = this.#agent.world.clock.after(IDLE_MS, done)
      lane.waiting.add(done)
    })
  }

  async #deliver({ smtp, destination, attempt }: Connected, job: Job): Promise<Outcome[] | 'stale'> {
    const by = destination.exchange
    const { sizeBytes } = job.entries[0]!.blob
    while (this.#bodyBytes > 0 && this.#bodyBytes + sizeBytes > BODY_BYTES)
      await new Promise<void>((resolve) => this.#waitForRoom.add(resolve))
    this.#bodyBytes += sizeBytes
    try {
      const message = await this.#bodyOf(job)
      if (!Buffer.isBuffer(message)) return outcomesOf([job], message)
      const result = await smtp.send({
        envelope: envelopeOf(job.entries),
        message: await this.#withDkim2(job, message),
      })
      if (result.stale) return 'stale'
      const tls = smtp.tls === undefined ? 'none' : smtp.tls.protocol
      const detail = { host: by, address: destination.address, tls, ...policyDetail(attempt) }
      return job.entries.map((entry, i) => ({ entry, by, detail, dsn: result.dsn, ...result.recipients[i]! }))
    } catch (error) {
      // A bug of ours: trying again would only repeat it.
      this.#agent.log('error', `delivery to ${job.entries[0]!.domain} broke, its mail is held`, {
        error: String(error),
      })
      return outcomesOf([job], { state: 'held', reply: reply(451, '4.3.0', String(error)), by: '' })
    } finally {
      this.#bodyBytes -= sizeBytes
      for (const wake of this.#waitForRoom) wake()
      this.#waitForRoom.clear()
    }
  }

  /** What was forwarded is signed before it lies in the queue: its target may be asked at once, too. */
  async #withDkim2({ entries }: Job, message: Buffer): Promise<Buffer> {
    const { origin, reversePath, acceptedAtMs: atMs } = entries[0]!
    if (origin === 'forwarder') return message
    const recipients = entries.map(({ forwardPath }) => forwardPath)
    const fields = await dkim2Fields(this.#agent, message, { reversePath, recipients, atMs })
    return fields.length === 0 ? message : Buffer.concat([...fields, message])
  }

  /** The stored message; or what becomes of its recipients because it cannot be read. */
  async #bodyOf(job: Job): Promise<Buffer | Verdict> {
    const { blob, trace, attempts } = job.entries[0]!
    const why = reply(451, '4.3.0', 'our stored copy of the message cannot be read')
    try {
      return (await this.#agent.store.readBlob(blob)) ?? { state: 'held', reply: why, by: '' }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#agent.log('error', 'a message in the queue cannot be read', { trace, reason: error.message })
      return { state: attempts + 1 >= UNREADABLE_ATTEMPTS ? 'held' : 'deferred', reply: why, by: '' }
    }
  }

  /**
   * Makes what happened durable: gone, bounced, held, or waiting for the next attempt. While the disk refuses, this waits:
   * nothing is sent again because of it, and nothing more is sent either.
   */
  async #settle(lane: Lane, outcomes: readonly Outcome[]): Promise<void> {
    const { store, world, log } = this.#agent
    for (;;) {
      try {
        await store.commit(await commandsOf(this.#agent, outcomes))
        break
      } catch (error) {
        log('error', `what became of mail to ${lane.domain} cannot be kept now`, { error: String(error) })
        if (this.#stopped) return
        await world.clock.sleep(INTERRUPTED_MS)
      }
    }
    for (const { entry } of outcomes) this.#inFlight.delete(entry.id)
    lane.load -= outcomes.length
    this.#wake()
  }
}

const priorityOf = ({ entries }: Job): number => entries[0]!.parameters.priority ?? 0

function isFull({ load, limit }: Lane): boolean {
  return load >= (limit > 1 ? DUE_PER_LANE : DUE_PER_LANE_ON_TRIAL)
}

type Verdict = Pick<Outcome, 'state' | 'reply' | 'by'>

/** The same outcome for all recipients of some jobs. */
function outcomesOf(jobs: readonly Job[], { state, reply, by }: Verdict): Outcome[] {
  return jobs.flatMap(({ entries }) => entries.map((entry) => ({ entry, state, reply, by, detail: {} })))
}
