// Transmitter: relays that carry mail out. The queue lies in the store; this is the hand that works it off: a lane for
// each destination domain (lanes.ts), as many connections as its hosts take (sites.ts), every connection used for as long
// as there is mail for it. What the other side said is durable before the next step: at worst a message that was in flight
// when the machine crashed goes twice, none is lost. Of a destination that does not answer one message tries and the others
// wait; a part of the queue is in memory, no lane may fill it, and no dead host holds it up.

import { reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry, QueueLane } from '../../store/nouns/queue.ts'
import { QUEUE } from '../../store/nouns/watched.ts'
import type { Timer } from '../../world/world.ts'
import type { Agent } from '../agent.ts'
import { releaseCommands } from '../msa/release.ts'
import { ClockWatch } from './clock-watch.ts'
import { Delivery } from './deliver.ts'
import { tellOfHeld } from './held-notice.ts'
import { type Job, jobsOf, RECIPIENTS_AT_ONCE } from './jobs.ts'
import { type Lane, Lanes } from './lanes.ts'
import { commandsOf, type Outcome } from './outcome.ts'
import { type Site, Sites } from './sites.ts'
import { Sources } from './sources.ts'
import { type Office, work } from './worker.ts'

/** Entries that are new and go into their lanes at once; of more at a time it is looked what is due. */
const NEW_AT_ONCE = 200
/** Domains that are looked at for what is due, at a time. */
const LANES_AT_ONCE = 200
/** The queue is looked through for what is due at most this often. */
const LOOK_AGAIN_MS = 250
/** Never sleep longer while something is in the queue: clocks may jump, and an administrator may change it. */
const MAX_SLEEP_MS = 60_000
/** Whoever puts mail into an empty queue wakes this one. */
const MAX_IDLE_MS = 3_600_000
const MIN_SLEEP_MS = 1000
/** How often policies (MTA-STS) that grow old are looked for, and how many are fetched again then. */
const REFRESH_EVERY_MS = 3_600_000
const REFRESHED_AT_ONCE = 500
/** Rest after a failure of our own (disk full, …) before what happened is written down again. */
const INTERRUPTED_MS = 10_000

export class Transmitter implements Office {
  readonly agent: Agent
  readonly lanes = new Lanes((lane) => this.hire(lane))
  readonly sites = new Sites()
  readonly sources: Sources
  readonly delivery: Delivery
  readonly #clock: ClockWatch
  readonly #inFlight = new Set<number>()
  readonly #working = new Set<Promise<void>>()
  /** Connections of each share; and those that were turned away because there are no more of them. */
  readonly #workersOf = new Map<string, number>()
  readonly #waiting = new Set<string>()
  #timer: { readonly timer: Timer; readonly atMs: number } | undefined
  #refreshing: Timer | undefined
  #unwatch: (() => void) | undefined
  isStopped = false
  #looking = false
  /** The newest entry that was looked at. */
  #lastId = 0
  /** There may be more due than is in memory. */
  #backlog = true
  #lookAgainMs = Number.NEGATIVE_INFINITY
  /** Time has passed: what is in lanes may not be all of theirs that is due. */
  #isLater = true

  constructor(agent: Agent) {
    this.agent = agent
    this.delivery = new Delivery(agent)
    this.sources = new Sources(agent)
    this.#clock = new ClockWatch(agent)
  }

  /** Begins to work off the queue, and wakes whenever mail is put into it. */
  start(): void {
    this.#unwatch = this.agent.store.watch(QUEUE, () => this.#wake())
    this.#putRight(this.#clock.atStart())
    this.#wake()
    this.#refreshLater()
  }

  /** Policies of other domains are fetched again before they are out of date (RFC 8461 §10.2); held mail is told. */
  #refreshLater(): void {
    this.#refreshing = this.agent.world.clock.after(REFRESH_EVERY_MS, () => {
      tellOfHeld(this.agent).catch((error: unknown) =>
        this.agent.log('error', 'the postmaster was not told of held mail', { error: String(error) }),
      )
      this.agent.stsPolicies
        .refresh(REFRESHED_AT_ONCE)
        .catch((error: unknown) => this.agent.log('error', 'policies were not refreshed', { error: String(error) }))
        .finally(() => {
          if (!this.isStopped) this.#refreshLater()
        })
    })
  }

  /** Takes no more work. Resolves when the transactions under way are over and what came of them is kept. */
  async stop(): Promise<void> {
    this.isStopped = true
    this.#unwatch?.()
    this.#timer?.timer.cancel()
    this.#refreshing?.cancel()
    for (const lane of this.lanes.all) for (const wake of lane.waiting) wake()
    await Promise.all(this.#working)
  }

  /** Looks at the queue once for any number of wake-ups in the same turn. */
  #wake(): void {
    if (this.isStopped || this.#looking) return
    this.#looking = true
    queueMicrotask(() => {
      this.#looking = false
      if (this.isStopped) return
      try {
        this.#look()
      } catch (error) {
        this.#interrupted('the queue cannot be looked through now', error)
      }
    })
  }

  /** A fault of our own: what lies in the queue is looked at again in a while. */
  #interrupted(what: string, error: unknown): void {
    this.agent.log('error', what, { error: String(error) })
    if (!this.isStopped) this.#sleep(INTERRUPTED_MS)
  }

  /** What is new goes into lanes at once; what came due, or found no room before, when it is time to look for it. */
  #look(): void {
    const { store, world } = this.agent
    this.#heedClock()
    const nowMs = world.clock.now()
    const added = store.queue.after(this.#lastId, NEW_AT_ONCE)
    const isAll = added.length < NEW_AT_ONCE
    this.#lastId = isAll ? (added.at(-1)?.id ?? this.#lastId) : store.queue.lastId()
    if (!isAll) this.#backlog = this.#isLater = true
    this.#take(added.filter(({ state, nextAttemptAtMs }) => state === 'waiting' && nextAttemptAtMs <= nowMs))
    if (this.#backlog) {
      const waitMs = this.#lookAgainMs - world.clock.monotonic()
      // Less than a millisecond is nothing: a sleep of that length may end before it began.
      if (waitMs >= 1) this.#sleep(waitMs)
      else this.#lookThrough(nowMs)
    }
    // Sooner than that it is not looked again for what comes due.
    if (this.#timer !== undefined && this.#timer.atMs - world.clock.monotonic() <= MIN_SLEEP_MS) return
    const nextDueMs = store.queue.nextDueMs()
    // Entries in memory are due too, so only the future counts.
    if (nextDueMs !== undefined) this.#sleep(Math.min(MAX_SLEEP_MS, Math.max(MIN_SLEEP_MS, nextDueMs - nowMs)))
    else this.#sleep(store.queue.length() > 0 ? MAX_SLEEP_MS : MAX_IDLE_MS)
  }

  #heedClock(): void {
    const command = this.#clock.leap()
    if (command === undefined) return
    // They are of the clock as it was.
    this.sites.forgetPauses()
    this.#putRight(command)
  }

  /** What the disk refuses is asked for again at the next start. */
  #putRight(command: Command): void {
    this.agent.store.commit([command]).then(
      () => {
        this.#backlog = this.#isLater = true
        this.#wake()
      },
      (error: unknown) =>
        this.agent.log('error', 'the queue cannot be put right after the clock', { error: String(error) }),
    )
  }

  /** What is due, lane by lane, longest due first, but for lanes that have enough. */
  #lookThrough(nowMs: number): void {
    const { store, world } = this.agent
    const beganMs = world.clock.monotonic()
    const shares = ['', ...store.queue.shares()]
    const full = new Map<string, string[]>(shares.map((share) => [share, []]))
    const open = new Map<string, number>()
    for (const lane of this.lanes.all)
      if (!this.lanes.isHungry(lane) || !(lane.hasMore || this.#isLater)) full.get(lane.share)?.push(lane.domain)
      else open.set(lane.share, (open.get(lane.share) ?? 0) + 1)
    this.#isLater = this.#backlog = false
    const atOnce = Math.ceil(LANES_AT_ONCE / shares.length)
    for (const share of shares) {
      const limit = (open.get(share) ?? 0) + atOnce
      const due = store.queue.lanesDue(share, nowMs, limit, full.get(share))
      if (full.get(share)!.length > 0 || due.length === limit) this.#backlog = true
      for (const lane of due) this.#load(lane, nowMs)
    }
    const endedMs = world.clock.monotonic()
    this.#lookAgainMs = endedMs + Math.max(LOOK_AGAIN_MS, 4 * (endedMs - beganMs))
  }

  #load(due: QueueLane, nowMs: number): void {
    const loaded = this.lanes.loadFor(due)
    if (due.waiting <= loaded) return
    const limit = loaded + this.lanes.roomAt(due)
    const entries = this.agent.store.queue.due(due, nowMs, limit)
    const lane = this.lanes.at(due)
    if (lane !== undefined) lane.hasMore = entries.length === limit
    if (entries.length === limit) this.#backlog = true
    this.#take(entries)
  }

  #take(entries: readonly QueueEntry[]): void {
    // DKIM2 names the recipients of a transaction in the message: one alone, or a hidden one (Bcc) is shown to the others.
    const atOnce = this.agent.settings.dkim2 ? 1 : RECIPIENTS_AT_ONCE
    const nowMs = this.agent.world.clock.now()
    const fresh = entries.filter(({ id }) => !this.#inFlight.has(id))
    const leaving: QueueEntry[] = []
    for (const entry of fresh) {
      const { givenUp, atHome } = entry.parameters
      if (givenUp !== undefined) this.#settleAlone(entry, async () => givenUpOutcome(entry, givenUp))
      else if (atHome) this.#settleAlone(entry, () => releaseCommands(this.agent, entry))
      else leaving.push(entry)
    }
    // RFC 6710 §4.2: what is more important goes first.
    for (const job of jobsOf(leaving, atOnce).toSorted((a, b) => priorityOf(b) - priorityOf(a))) {
      const lane = this.#laneOf(job.entries[0]!)
      if (lane.restsUntilMs > nowMs) continue
      if (this.lanes.roomIn(lane) < 1) {
        this.#backlog = lane.hasMore = true
        continue
      }
      this.claim(lane, job.entries)
      this.#give(lane, job)
    }
  }

  #laneOf(entry: QueueEntry): Lane {
    const lane = this.lanes.of(entry)
    if (lane.load > 0 || lane.workers > 0) return lane
    const known = this.agent.store.queue.lane(entry)
    lane.failures = known?.failures ?? 0
    lane.restsUntilMs = known?.restsUntilMs ?? 0
    return lane
  }

  /** What needs no connection: held mail for somebody here, and what an administrator has given up. */
  #settleAlone(entry: QueueEntry, decide: () => Promise<Outcome | Command[]>): void {
    const { store, world, log } = this.agent
    const settle = async (): Promise<void> => {
      while (!this.isStopped) {
        try {
          const outcome = await decide()
          await store.commit(Array.isArray(outcome) ? outcome : await commandsOf(this.agent, [outcome]))
          break
        } catch (error) {
          log('error', `what becomes of mail for ${entry.forwardPath} cannot be kept now`, { error: String(error) })
          await world.clock.sleep(INTERRUPTED_MS)
        }
      }
    }
    this.#inFlight.add(entry.id)
    const work: Promise<void> = settle().finally(() => {
      this.#inFlight.delete(entry.id)
      this.#working.delete(work)
      this.#wake()
    })
    this.#working.add(work)
  }

  /** Looks again after `delayMs`, or earlier if that was planned already. */
  #sleep(delayMs: number): void {
    const { clock } = this.agent.world
    const atMs = clock.monotonic() + delayMs
    if (this.#timer !== undefined && this.#timer.atMs <= atMs) return
    this.#timer?.timer.cancel()
    const timer = clock.after(atMs - clock.monotonic(), () => {
      this.#timer = undefined
      this.#backlog = this.#isLater = true
      this.#wake()
    })
    this.#timer = { timer, atMs }
  }

  #give(lane: Lane, job: Job): void {
    const priority = priorityOf(job)
    const at = lane.jobs.findIndex((other) => priorityOf(other) < priority)
    lane.jobs.splice(at < 0 ? lane.jobs.length : at, 0, job)
    const [waiting] = lane.waiting
    if (waiting !== undefined) waiting()
    else this.hire(lane)
  }

  /** One more connection for it, if it needs one and may have it. */
  hire(lane: Lane): boolean {
    if (this.isStopped || lane.jobs.length === 0 || (lane.workers > 0 && !lane.isProven)) return false
    const { sites } = lane
    if (sites.length > 0 && sites.every((site) => site.isFull)) {
      for (const site of sites) site.wait(lane.share, lane.wantsPlace, lane.workers > 0)
      return false
    }
    const onTrial = lane.workers === 0 && (lane.failures > 0 || lane.jobs[0]!.entries[0]!.attempts > 0)
    const { connections, contracts } = this.agent.settings.transmitter
    const own = this.#workersOf.get(lane.share) ?? 0
    const terms = contracts.find(({ name }) => name === lane.share)
    if (own >= (terms?.connections ?? Infinity)) return false
    if (this.#working.size >= (onTrial ? connections / 2 : connections)) {
      if (!onTrial) this.#waiting.add(lane.share)
      return false
    }
    lane.workers++
    this.#workersOf.set(lane.share, own + 1)
    const working: Promise<void> = work(lane, this)
      .catch((error: unknown) => this.#interrupted(`a worker for ${lane.domain} broke`, error))
      .finally(() => {
        lane.workers--
        this.#working.delete(working)
        const left = this.#workersOf.get(lane.share)! - 1
        if (left > 0) this.#workersOf.set(lane.share, left)
        else this.#workersOf.delete(lane.share)
        if (lane.workers === 0) lane.isProven = false
        this.lanes.forget(lane)
        this.#hireAgain()
      })
    this.#working.add(working)
    return true
  }

  /** A place is free: a lane may have been turned away for want of one. Whose mail has fewest comes first. */
  #hireAgain(): void {
    this.#waiting.clear()
    const idle = new Map<string, Lane[]>()
    for (const lane of this.lanes.all) {
      if (lane.jobs.length === 0) continue
      const lanes = idle.get(lane.share)
      if (lanes === undefined) idle.set(lane.share, [lane])
      else lanes.push(lane)
    }
    const least = [...idle].sort(([a], [b]) => (this.#workersOf.get(a) ?? 0) - (this.#workersOf.get(b) ?? 0))
    for (const [, lanes] of least) for (const lane of lanes.sort((a, b) => a.workers - b.workers)) this.hire(lane)
  }

  /** What waits for a place, at its site or at all, gets that of whoever has more than a fair share. */
  yields({ share, workers }: Lane, site: Site | undefined): boolean {
    if (site?.owes(share, workers)) return true
    const own = this.#workersOf.get(share) ?? 0
    for (const other of this.#waiting) if ((this.#workersOf.get(other) ?? 0) + 1 < own) return true
    return false
  }

  claim(lane: Lane, entries: readonly QueueEntry[]): void {
    this.lanes.loaded(lane, entries.length)
    for (const { id } of entries) this.#inFlight.add(id)
  }

  /** An administrator says that all are to be asked again. */
  forgetPauses(): void {
    this.sites.forgetPauses()
    this.#backlog = this.#isLater = true
    this.#wake()
  }

  isClaimed({ id }: QueueEntry): boolean {
    return this.#inFlight.has(id)
  }

  drop(lane: Lane, entries: readonly QueueEntry[]): void {
    for (const { id } of entries) this.#inFlight.delete(id)
    this.lanes.unloaded(lane, entries.length)
  }

  /**
   * Makes what happened durable: gone, bounced, held, or waiting for the next attempt. While the disk refuses, this waits:
   * nothing is sent again because of it, and nothing more is sent either.
   */
  async settle(lane: Lane, outcomes: readonly Outcome[], also: readonly Command[] = []): Promise<void> {
    const { store, world, log } = this.agent
    this.#heedClock()
    const { expiresNotBeforeMs } = this.#clock
    const timely = outcomes.map((outcome) => withTime(outcome, expiresNotBeforeMs))
    for (;;) {
      try {
        await store.commit([...(await commandsOf(this.agent, timely)), ...also])
        break
      } catch (error) {
        log('error', `what became of mail to ${lane.domain} cannot be kept now`, { error: String(error) })
        if (this.isStopped) return
        await world.clock.sleep(INTERRUPTED_MS)
      }
    }
    this.drop(
      lane,
      outcomes.map(({ entry }) => entry),
    )
    this.#wakeForMore()
  }

  /** There is room in memory for more of the queue. What is new is told by the store. */
  #wakeForMore(): void {
    if (!this.#backlog) return
    const waitMs = this.#lookAgainMs - this.agent.world.clock.monotonic()
    if (waitMs >= 1) this.#sleep(waitMs)
    else this.#wake()
  }
}

/** Read before the clock leapt ahead. */
function withTime(outcome: Outcome, expiresNotBeforeMs: number): Outcome {
  const { entry } = outcome
  if (entry.expiresAtMs >= expiresNotBeforeMs) return outcome
  return { ...outcome, entry: { ...entry, expiresAtMs: expiresNotBeforeMs } }
}

function givenUpOutcome(entry: QueueEntry, why: string): Outcome {
  return { entry, state: 'refused', reply: reply(554, '5.7.0', why), by: '', detail: {} }
}

const priorityOf = ({ entries }: Job): number => entries[0]!.parameters.priority ?? 0
