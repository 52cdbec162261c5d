// One connection of a lane: opened, used while there is mail, kept a little, closed. What is learned on the way: how many
// the other side takes (sites.ts), and that a destination is silent; then one message has tried, and the others wait.

import { reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'
import { type Connected, connectTo, type Failed, failed, type Manner } from './connect.ts'
import { type Delivery, outcomesOf } from './deliver.ts'
import type { HttpProgram } from './http-program.ts'
import type { Job } from './jobs.ts'
import type { Lane, Lanes } from './lanes.ts'
import { isOverdue, type Outcome } from './outcome.ts'
import { type PoolAddress, poolOf } from './pools.ts'
import { askedPauseMs, type Site, type Sites, wantsLess } from './sites.ts'
import { ruleFor } from './smart-host.ts'
import type { Rest, Source, Sources } from './sources.ts'

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
/** What one address may not bring another may, then. */
const SOON_MS = 1000
const A_DAY_MS = 86_400_000

/** What a worker needs of its Transmitter. */
export interface Office {
  readonly agent: Agent
  readonly lanes: Lanes
  readonly sites: Sites
  readonly sources: Sources
  readonly delivery: Delivery
  readonly isStopped: boolean
  /** One more worker for this lane, if it needs one and may have it. */
  hire(lane: Lane): boolean
  /** Somebody else's mail waits for a connection, and this lane's has more than its share. */
  yields(lane: Lane, site: Site | undefined): boolean
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
  /** What it took out of its lane and nobody else knows of; with what was said to it, once that is known. */
  #inHand: readonly QueueEntry[] = []
  #said: readonly Outcome[] | undefined

  constructor(lane: Lane, office: Office) {
    this.#lane = lane
    this.#office = office
    this.#agent = office.agent
  }

  /** Also where something breaks, nothing stays behind: what was said is kept, what was not tried is in the queue as before. */
  async run(): Promise<void> {
    try {
      await this.#work()
    } catch (error) {
      if (this.#said !== undefined) await this.#settle(this.#said)
      else if (this.#inHand.length > 0) this.#office.drop(this.#lane, this.#inHand)
      throw error
    }
  }

  /** One connection's life: open, deliver while there is mail, wait a little, quit. */
  async #work(): Promise<void> {
    const lane = this.#lane
    const { clock } = this.#agent.world
    let connection: Connection | undefined
    let idleSinceMs = clock.monotonic()
    try {
      while (!this.#office.isStopped) {
        const job = this.#take()
        if (job === undefined) {
          if (connection === undefined || connection.isWanted || !(await this.#moreMail())) break
          continue
        }
        if (connection !== undefined && !(await connection.isUsable(clock.monotonic() - idleSinceMs))) {
          const isWanted = connection.isWanted
          await connection.end()
          connection = undefined
          if (isWanted) {
            this.#back(job.entries)
            break
          }
        }
        const program = this.#agent.settings.transmitter.http.find(({ domain }) => domain === lane.domain)
        if (program !== undefined) {
          if (!(await this.#post(program, job))) break
          continue
        }
        if (connection === undefined) {
          const opened = await this.#open(job)
          if (opened === 'no') break
          if (opened === 'not now') continue
          connection = opened
        }
        const paceMs = connection.site?.paceMs(clock.monotonic()) ?? 0
        if (paceMs > 0) {
          await clock.sleep(paceMs)
          if (this.#office.isStopped) {
            this.#back(job.entries)
            break
          }
        }
        if (this.#agent.isAlone?.() === false) {
          // This node was cut off, or stopped for a while: another may be carrying the same. It is known within seconds.
          this.#back(job.entries)
          await clock.sleep(UNSURE_MS)
          continue
        }
        // An administrator, here or at another node, may have changed his mind about what lay in the lane.
        const entries = job.entries.filter(({ id, domain }) => this.#agent.store.queue.waits(id, domain))
        if (entries.length < job.entries.length) {
          const others = job.entries.filter((entry) => !entries.includes(entry))
          this.#office.drop(lane, others)
          this.#inHand = entries
          if (entries.length === 0) continue
        }
        const { source } = connection
        const taken = source === undefined ? entries.length : this.#office.sources.take(source, entries.length)
        if (taken < entries.length) this.#back(entries.slice(taken))
        if (taken === 0) {
          // The address has carried what it may there today.
          await connection.end()
          connection = undefined
          continue
        }
        const sent = entries.slice(0, taken)
        const outcomes = await this.#office.delivery.deliver(connection, { entries: sent })
        connection.messages++
        idleSinceMs = clock.monotonic()
        // RFC 5321 §3.8: the other side had closed a connection that we kept. Nothing was said, so say it on a new one.
        if (outcomes === 'stale') this.#back(sent)
        else this.#said = outcomes
        const goesOn = outcomes === 'stale' || (await this.#heed(connection, outcomes))
        if (source !== undefined) this.#office.sources.settle(source, taken)
        if (!goesOn || this.#office.yields(lane, connection.site)) break
      }
    } finally {
      for (const wake of [...lane.waiting].slice(0, lane.jobs.length)) wake()
      await connection?.end()
    }
  }

  #take(): Job | undefined {
    const job = this.#lane.jobs.shift()
    this.#inHand = job?.entries ?? []
    this.#said = undefined
    return job
  }

  /** They are next in the lane. */
  #back(entries: readonly QueueEntry[]): void {
    this.#lane.jobs.unshift({ entries })
    this.#inHand = this.#inHand.filter((entry) => !entries.includes(entry))
  }

  /** What was said is kept, however long that takes. */
  #settle(outcomes: readonly Outcome[], also: readonly Command[] = []): Promise<void> {
    if (outcomes.length > 0) this.#inHand = []
    this.#said = undefined
    return this.#office.settle(this.#lane, outcomes, also)
  }

  /** To a program, one message after another. False: it is away. */
  async #post(program: HttpProgram, job: Job): Promise<boolean> {
    const lane = this.#lane
    const { outcomes, isSilent } = await this.#office.delivery.post(program, job)
    if (isSilent && isPlain(lane)) {
      await this.#rest(outcomes[0]!, silence(this.#restUntilMs(outcomes[0]!)), outcomes)
      return false
    }
    const wakes = lane.failures > 0 && isPlain(lane)
    lane.failures = 0
    await this.#settle(outcomes, wakes ? [awake(lane)] : [])
    return true
  }

  /** 'no': this worker is not needed; 'not now': the job is settled or waits, and another may be tried. */
  async #open(job: Job): Promise<Connection | 'no' | 'not now'> {
    const lane = this.#lane
    const isWorthy = job.entries[0]!.parameters.isReport !== true
    const { heedsPolicy, requiresTls } = lane
    const pool = poolOf(this.#agent.settings.transmitter, lane)
    let site: Site | undefined
    let source: Source | undefined
    let rest: Omit<Rest, 'why'> | undefined
    let isInside = false
    const enter: Manner['enter'] = (hosts, addresses) => {
      const { sites } = this.#office
      if (pool === undefined) {
        site = sites.at(hosts, ...this.#limits())
        lane.sites = [site]
        rest = { untilMs: site.pausedUntilMs, isSilent: true, warms: false }
        if (site.pausedUntilMs > this.#agent.world.clock.now()) return { ...site.lastFailure!, turnedAway: 'paused' }
        if (site.isFull) return { ...failed('deferred', FULL), turnedAway: 'full' }
      } else {
        const siteAt = ({ ip }: PoolAddress) => sites.at(`${hosts} from ${ip}`, ...this.#limits())
        const choice = this.#office.sources.choose(pool, { hosts, addresses }, siteAt)
        lane.sites = choice.sites
        if (choice.kind === 'full') return { ...failed('deferred', FULL), turnedAway: 'full' }
        rest = choice.kind === 'rest' ? choice : undefined
        if (choice.kind === 'rest') return { ...failed('deferred', choice.why), turnedAway: 'paused' }
        source = choice.source
        site = source.site
      }
      site.enter(lane.share)
      isInside = true
      return source
    }
    const opened = await connectTo(this.#agent, lane.domain, { isWorthy, heedsPolicy, requiresTls, enter }).catch(
      (error: unknown) => failed('deferred', reply(451, '4.3.0', `a fault of ours: ${String(error)}`)),
    )
    if (opened.kind === 'connected') {
      // After failures it is a message that must be taken, not a connection.
      if (lane.failures === 0) this.#prove(site)
      return new Connection(opened, () => isInside && site?.leave(lane.share), { site, source, share: lane.share })
    }
    const others = site === undefined ? 0 : site.open - (isInside ? 1 : 0)
    if (isInside) site!.leave(lane.share)
    if (opened.turnedAway === 'full' || (isInside && others > 0)) {
      // Others have connections there: the place is there, and wants no more of them.
      if (isInside) site!.shrink(others)
      this.#back(job.entries)
      return 'no'
    }
    if (source !== undefined && (await this.#isOfSource(source, opened))) {
      this.#back(job.entries)
      return 'not now'
    }
    if (opened.state === 'refused' || !isPlain(lane)) {
      await this.#settle(outcomesOf([job, ...lane.jobs.splice(0)], opened))
      return 'not now'
    }
    if (opened.turnedAway === 'paused') {
      this.#back(job.entries)
      await this.#rest(opened, rest!, [])
      return 'no'
    }
    const untilMs = this.#restUntilMs(opened)
    if (isInside) Object.assign(site!, { pausedUntilMs: untilMs, lastFailure: opened })
    await this.#rest(opened, silence(untilMs), outcomesOf([job], opened))
    return 'no'
  }

  /** Connections, and messages a minute, to a group of hosts (from each address of a pool). */
  #limits(): [number, number | undefined] {
    const { connectionsPerDestination, routes } = this.#agent.settings.transmitter
    const { connections, perMinute } = ruleFor(routes, this.#lane.domain) ?? {}
    return [connections ?? connectionsPerDestination, perMinute]
  }

  /** The address was turned away, or is not here: it rests, and another of its pool may be taken. */
  async #isOfSource(source: Source, { reply: said, isHomeless }: Failed): Promise<boolean> {
    // What we say of a host that is silent is said of no address.
    const isSaid = !said.enhanced?.startsWith('4.4.')
    const rests = isHomeless
      ? this.#office.sources.missing(source)
      : isSaid && this.#office.sources.turnedAway(source, said)
    if (!rests) return false
    await this.#office.settle(this.#lane, [], [rests])
    return true
  }

  /** The place is there: others help. */
  #prove(site: Site | undefined): void {
    this.#lane.isProven = true
    site?.opened()
    for (let more = this.#lane.jobs.length; more > 0; more--) this.#office.hire(this.#lane)
  }

  /** What was said of one job is kept, and learned from. False: this connection is one too many. */
  async #heed({ site, source }: Connection, outcomes: readonly Outcome[]): Promise<boolean> {
    const lane = this.#lane
    const accepted = outcomes.filter(({ state }) => state === 'accepted').length
    if (accepted > 0) {
      if (!lane.isProven) this.#prove(site)
      site?.took()
      const commands = lane.failures > 0 && isPlain(lane) ? [awake(lane)] : []
      lane.failures = 0
      const counted = source === undefined ? [] : this.#office.sources.counted(source, accepted)
      await this.#settle(outcomes, [...commands, ...counted])
      return site === undefined || site.open <= site.limit
    }
    if (source !== undefined && outcomes.length > 0) return this.#heedOf(source, outcomes)
    const less = outcomes.find(({ reply }) => wantsLess(reply))
    if (less === undefined || site === undefined) {
      await this.#settle(outcomes)
      return true
    }
    const shrinks = site.shrink()
    if (!isPlain(lane) || (shrinks && askedPauseMs(less.reply) === undefined)) {
      await this.#settle(outcomes)
      return site.open <= site.limit
    }
    await this.#rest(less, silence(this.#restUntilMs(less)), outcomes)
    return false
  }

  /** Nothing was taken: the address is turned away, or it has to do with the mail. */
  async #heedOf(source: Source, outcomes: readonly Outcome[]): Promise<boolean> {
    const lane = this.#lane
    const { sources } = this.#office
    const pool = poolOf(this.#agent.settings.transmitter, lane)
    const rests = outcomes.map(({ reply }) => sources.turnedAway(source, reply))
    const rest = rests.find((one) => one !== undefined)
    if (rest === undefined || pool === undefined) {
      await this.#settle(outcomes)
      return source.site.open <= source.site.limit
    }
    const nowMs = this.#agent.world.clock.now()
    const againMs = sources.hasOther(pool, source) ? nowMs + SOON_MS : rest.rest.untilMs
    // What was said of the address is not said of the mail.
    const again = outcomes.map((outcome, i) =>
      rests[i] === undefined ? outcome : { ...outcome, state: 'deferred' as const, againMs },
    )
    await this.#settle(again, [rest])
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

  /**
   * Nothing is tried there before; mail whose time is over meanwhile has the fate of what was tried, but where it is we who
   * wait (`warms`): nothing is given up for that.
   */
  async #rest(
    why: Pick<Outcome, 'reply' | 'by'>,
    { untilMs, isSilent, warms }: Omit<Rest, 'why'>,
    tried: readonly Outcome[],
  ): Promise<void> {
    const lane = this.#lane
    const { store, world } = this.#agent
    lane.restsUntilMs = untilMs
    if (isSilent) lane.failures++
    const { domain, share, failures } = lane
    const lastReply = `${replyText(why.reply).slice(0, 300)}${why.by === '' ? '' : ` (${why.by})`}`
    for (const { entries } of lane.jobs.splice(0)) this.#office.drop(lane, entries)
    await this.#settle(tried, [{ kind: 'queue.rest', domain, share, untilMs, failures, lastReply }])
    while (!this.#office.isStopped) {
      const nowMs = world.clock.now()
      const due = store.queue.due(lane, nowMs, OVERDUE_AT_ONCE + this.#office.lanes.loadFor(lane))
      const late = due.filter((entry) => !this.#office.isClaimed(entry) && isOverdue(entry, nowMs))
      if (late.length === 0) break
      this.#office.claim(lane, late)
      const entries = warms ? late.map((entry) => withTimeUntil(entry, untilMs + A_DAY_MS)) : late
      const longer = entries.filter((entry, i) => entry !== late[i]).map(({ id }) => id)
      const steer = { kind: 'queue.steer', ids: longer, expiresNotBeforeMs: untilMs + A_DAY_MS } as const
      const also = longer.length === 0 ? [] : [steer]
      await this.#office.settle(lane, outcomesOf([{ entries }], { state: 'deferred', ...why }), also)
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
const awake = ({ domain, share }: Lane): Command => {
  return { kind: 'queue.rest', domain, share, untilMs: 0, failures: 0, lastReply: '' }
}

/** What may come back in its time (RFC 2852) does so, whoever is to blame. */
function withTimeUntil(entry: QueueEntry, untilMs: number): QueueEntry {
  const isShort = entry.expiresAtMs < untilMs && entry.parameters.deliverBy?.mode !== 'return'
  return isShort ? { ...entry, expiresAtMs: untilMs } : entry
}

const silence = (untilMs: number) => ({ untilMs, isSilent: true, warms: false })

const FULL = reply(451, '4.4.5', 'its hosts have as many connections from here as they take')

/** What is found out with its ordinary mail holds for the domain. */
const isPlain = ({ heedsPolicy, requiresTls }: Lane): boolean => heedsPolicy && !requiresTls

/** A connection with what is known of its use. */
class Connection implements Connected {
  readonly kind = 'connected'
  readonly smtp: Connected['smtp']
  readonly destination: Connected['destination']
  readonly attempt: Connected['attempt']
  readonly site: Site | undefined
  /** The address of its pool that it leaves from. */
  readonly source: Source | undefined
  readonly #leave: () => void
  readonly #share: string
  messages = 0

  constructor(
    { smtp, destination, attempt }: Connected,
    leave: () => void,
    { site, source, share }: Pick<Connection, 'site' | 'source'> & Pick<Lane, 'share'>,
  ) {
    this.smtp = smtp
    this.destination = destination
    this.attempt = attempt
    this.#leave = leave
    this.site = site
    this.source = source
    this.#share = share
  }

  /** Another lane waits for its place. */
  get isWanted(): boolean {
    return this.site?.isWanted(this.#share) ?? false
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
