// One connection of a lane: opened, used while there is mail, kept a little, closed. What is learned on the way: how many
// the other side takes (sites.ts), and that a destination is silent; then one message has tried, and the others wait.

import { reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/types.ts'
import type { Agent } from '../agent.ts'
import { type Connected, connectTo, type Failed, failed } from './connect.ts'
import { type Delivery, outcomesOf } from './deliver.ts'
import type { HttpProgram } from './http-program.ts'
import type { Job } from './jobs.ts'
import type { Lane, Lanes } from './lanes.ts'
import { isOverdue, type Outcome } from './outcome.ts'
import { askedPauseMs, type Sites, wantsLess } from './sites.ts'
import { ruleFor } from './smart-host.ts'

/** A destination that does not answer is tried this often at least: one message, however much waits. */
const REST_AT_MOST_S = 1800
/** Mail whose time is over while its destination rests is given up in pages. */
const OVERDUE_AT_ONCE = 100
/** Messages over one connection: then another lane of the same hosts has its turn, and balancers theirs. */
const MESSAGES_PER_CONNECTION = 100
/** How long a connection waits for more mail to the same place before it says QUIT. */
const IDLE_MS = 2000
/** After such a silence it is asked whether the other side is still there. */
const ASK_AFTER_MS = 1000
const UNSURE_MS = 500

/** What a worker needs of its Transmitter. */
export interface Office {
  readonly agent: Agent
  readonly lanes: Lanes
  readonly sites: Sites
  readonly delivery: Delivery
  readonly isStopped: boolean
  /** One more worker for this lane, if it needs one and may have it. */
  hire(lane: Lane): boolean
  /** These entries are being worked on. */
  claim(lane: Lane, entries: readonly QueueEntry[]): void
  /** They are in the queue only, as before. */
  drop(lane: Lane, entries: readonly QueueEntry[]): void
  settle(lane: Lane, outcomes: readonly Outcome[], also?: readonly Command[]): Promise<void>
  isClaimed(entry: QueueEntry): boolean
}

/** Works for this lane as long as there is something to do. */
export function work(lane: Lane, office: Office): Promise<void> {
  return new Worker(lane, office).run()
}

class Worker {
  readonly #lane: Lane
  readonly #office: Office
  readonly #agent: Agent

  constructor(lane: Lane, office: Office) {
    this.#lane = lane
    this.#office = office
    this.#agent = office.agent
  }

  /** One connection's life: open, deliver while there is mail, wait a little, quit. */
  async run(): Promise<void> {
    const lane = this.#lane
    const { clock } = this.#agent.world
    let connection: Connection | undefined
    let idleSinceMs = clock.monotonic()
    try {
      while (!this.#office.isStopped) {
        const job = lane.jobs.shift()
        if (job === undefined) {
          if (connection === undefined || connection.isWanted || !(await this.#moreMail())) break
          continue
        }
        const paceMs = lane.site?.paceMs(clock.monotonic()) ?? 0
        if (paceMs > 0) {
          await clock.sleep(paceMs)
          if (this.#office.isStopped) {
            lane.jobs.unshift(job)
            break
          }
        }
        if (connection !== undefined && !(await connection.isUsable(clock.monotonic() - idleSinceMs))) {
          const isWanted = connection.isWanted
          await connection.end()
          connection = undefined
          if (isWanted) {
            lane.jobs.unshift(job)
            break
          }
        }
        const program = this.#agent.settings.transmitter.http.find(({ domain }) => domain === lane.domain)
        if (program !== undefined) {
          if (!(await this.#post(program, job))) break
          continue
        }
        if (connection === undefined) {
          const isKnown = lane.site !== undefined
          const opened = await this.#open(job)
          if (opened === 'no') break
          if (opened === 'not now') continue
          // The first to a site takes its turn of the rate, too.
          if (!isKnown) lane.site?.paceMs(clock.monotonic())
          connection = opened
        }
        if (this.#agent.isAlone?.() === false) {
          // This node was cut off, or stopped for a while: another may be carrying the same. It is known within seconds.
          lane.jobs.unshift(job)
          await clock.sleep(UNSURE_MS)
          continue
        }
        // An administrator, here or at another node, may have changed his mind about what lay in the lane.
        const entries = job.entries.filter(({ id, domain }) => this.#agent.store.queueWaits(id, domain))
        if (entries.length < job.entries.length) {
          const others = job.entries.filter((entry) => !entries.includes(entry))
          this.#office.drop(lane, others)
          if (entries.length === 0) continue
        }
        const outcomes = await this.#office.delivery.deliver(connection, { entries })
        connection.messages++
        idleSinceMs = clock.monotonic()
        // RFC 5321 §3.8: the other side had closed a connection that we kept. Nothing was said, so say it on a new one.
        if (outcomes === 'stale') lane.jobs.unshift({ entries })
        else if (!(await this.#heed(connection, outcomes))) break
      }
    } finally {
      for (const wake of [...lane.waiting].slice(0, lane.jobs.length)) wake()
      await connection?.end()
    }
  }

  /** To a program, one message after another. False: it is away. */
  async #post(program: HttpProgram, job: Job): Promise<boolean> {
    const lane = this.#lane
    const { outcomes, isSilent } = await this.#office.delivery.post(program, job)
    if (isSilent && isPlain(lane)) {
      await this.#rest(outcomes[0]!, this.#restUntilMs(outcomes[0]!), outcomes)
      return false
    }
    const wakes = lane.failures > 0 && isPlain(lane)
    lane.failures = 0
    await this.#office.settle(lane, outcomes, wakes ? [awake(lane.domain)] : [])
    return true
  }

  /** 'no': this worker is not needed; 'not now': the job is settled or waits, and another may be tried. */
  async #open(job: Job): Promise<Connection | 'no' | 'not now'> {
    const lane = this.#lane
    const isWorthy = job.entries[0]!.parameters.isReport !== true
    const { heedsPolicy, requiresTls } = lane
    let isInside = false
    const enter = (hosts: string): Failed | undefined => {
      const { connectionsPerDestination, routes } = this.#agent.settings.transmitter
      const { connections, perMinute } = ruleFor(routes, lane.domain) ?? {}
      const site = this.#office.sites.at(hosts, connections ?? connectionsPerDestination, perMinute)
      lane.site = site
      if (site.pausedUntilMs > this.#agent.world.clock.now()) return { ...site.lastFailure!, turnedAway: 'paused' }
      if (site.open > 0 && !site.hasRoom) return { ...failed('deferred', FULL), turnedAway: 'full' }
      site.enter()
      isInside = true
      return undefined
    }
    const opened = await connectTo(this.#agent, lane.domain, { isWorthy, heedsPolicy, requiresTls, enter }).catch(
      (error: unknown) => failed('deferred', reply(451, '4.3.0', `a fault of ours: ${String(error)}`)),
    )
    const { site } = lane
    if (opened.kind === 'connected') {
      // After failures it is a message that must be taken, not a connection.
      if (lane.failures === 0) this.#prove(site)
      return new Connection(opened, () => isInside && site?.leave(), site)
    }
    const others = site === undefined ? 0 : site.open - (isInside ? 1 : 0)
    if (isInside) site!.leave()
    if (opened.turnedAway === 'full' || (isInside && others > 0)) {
      // Others have connections there: the place is there, and wants no more of them.
      if (isInside) site!.shrink(others)
      lane.jobs.unshift(job)
      return 'no'
    }
    if (opened.state === 'refused' || !isPlain(lane)) {
      await this.#office.settle(lane, outcomesOf([job, ...lane.jobs.splice(0)], opened))
      return 'not now'
    }
    if (opened.turnedAway === 'paused') {
      lane.jobs.unshift(job)
      await this.#rest(opened, site!.pausedUntilMs, [])
      return 'no'
    }
    const untilMs = this.#restUntilMs(opened)
    if (isInside) Object.assign(site!, { pausedUntilMs: untilMs, lastFailure: opened })
    await this.#rest(opened, untilMs, outcomesOf([job], opened))
    return 'no'
  }

  /** The place is there: others help. */
  #prove(site: Lane['site']): void {
    this.#lane.isProven = true
    site?.opened()
    for (let more = this.#lane.jobs.length; more > 0; more--) this.#office.hire(this.#lane)
  }

  /** What was said of one job is kept, and learned from. False: this connection is one too many. */
  async #heed({ site }: Connection, outcomes: readonly Outcome[]): Promise<boolean> {
    const lane = this.#lane
    if (outcomes.some(({ state }) => state === 'accepted')) {
      if (!lane.isProven) this.#prove(site)
      site?.took()
      const commands = lane.failures > 0 && isPlain(lane) ? [awake(lane.domain)] : []
      lane.failures = 0
      await this.#office.settle(lane, outcomes, commands)
      return site === undefined || site.open <= site.limit
    }
    const less = outcomes.find(({ reply }) => wantsLess(reply))
    if (less === undefined || site === undefined) {
      await this.#office.settle(lane, outcomes)
      return true
    }
    const shrinks = site.shrink()
    if (!isPlain(lane) || (shrinks && askedPauseMs(less.reply) === undefined)) {
      await this.#office.settle(lane, outcomes)
      return site.open <= site.limit
    }
    await this.#rest(less, this.#restUntilMs(less), outcomes)
    return false
  }

  #restUntilMs({ reply }: Pick<Outcome, 'reply'>): number {
    const { world, settings } = this.#agent
    const waits = settings.transmitter.retryAfterS
    const waitS = Math.min(waits[Math.min(this.#lane.failures, waits.length - 1)]!, REST_AT_MOST_S)
    // Spread by a tenth, so that what failed together does not come back together.
    const waitMs = askedPauseMs(reply) ?? waitS * 1000 * (0.95 + world.random.float() / 10)
    return Math.round(world.clock.now() + waitMs)
  }

  /** Nothing is tried there before `untilMs`; mail whose time is over meanwhile has the fate of what was tried. */
  async #rest(why: Pick<Outcome, 'reply' | 'by'>, untilMs: number, tried: readonly Outcome[]): Promise<void> {
    const lane = this.#lane
    const { store, world } = this.#agent
    lane.restsUntilMs = untilMs
    lane.failures++
    const { domain, failures } = lane
    const lastReply = `${replyText(why.reply).slice(0, 300)}${why.by === '' ? '' : ` (${why.by})`}`
    for (const { entries } of lane.jobs.splice(0)) this.#office.drop(lane, entries)
    await this.#office.settle(lane, tried, [{ kind: 'queue.rest', domain, untilMs, failures, lastReply }])
    while (!this.#office.isStopped) {
      const nowMs = world.clock.now()
      const due = store.queueDue(domain, nowMs, OVERDUE_AT_ONCE + this.#office.lanes.loadFor(domain))
      const late = due.filter((entry) => !this.#office.isClaimed(entry) && isOverdue(entry, nowMs))
      if (late.length === 0) break
      this.#office.claim(lane, late)
      await this.#office.settle(lane, outcomesOf([{ entries: late }], { state: 'deferred', ...why }))
    }
  }

  /** Waits for mail to the same destination; false when none came. */
  #moreMail(): Promise<boolean> {
    const lane = this.#lane
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel()
        lane.waiting.delete(done)
        resolve(lane.jobs.length > 0 && !this.#office.isStopped)
      }
      const timer = this.#agent.world.clock.after(IDLE_MS, done)
      lane.waiting.add(done)
    })
  }
}

/** It answers again. */
const awake = (domain: string): Command => ({ kind: 'queue.rest', domain, untilMs: 0, failures: 0, lastReply: '' })

const FULL = reply(451, '4.4.5', 'its hosts have as many connections from here as they take')

/** What is found out with its ordinary mail holds for the domain. */
const isPlain = ({ heedsPolicy, requiresTls }: Lane): boolean => heedsPolicy && !requiresTls

/** A connection with what is known of its use. */
class Connection implements Connected {
  readonly kind = 'connected'
  readonly smtp: Connected['smtp']
  readonly destination: Connected['destination']
  readonly attempt: Connected['attempt']
  readonly site: Lane['site']
  readonly #leave: () => void
  messages = 0

  constructor({ smtp, destination, attempt }: Connected, leave: () => void, site: Lane['site']) {
    this.smtp = smtp
    this.destination = destination
    this.attempt = attempt
    this.#leave = leave
    this.site = site
  }

  /** Another lane waits for its place. */
  get isWanted(): boolean {
    return (this.site?.waiting.size ?? 0) > 0
  }

  async isUsable(idleMs: number): Promise<boolean> {
    if (this.smtp.closed || this.messages >= MESSAGES_PER_CONNECTION) return false
    return idleMs < ASK_AFTER_MS || (await this.smtp.reset())
  }

  async end(): Promise<void> {
    await this.smtp.quit()
    this.#leave()
  }
}
