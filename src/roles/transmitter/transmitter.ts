// Transmitter: relays that carry mail out. The queue lies in the store; this is the hand that works it off: a lane for
// each destination domain, a few connections in each lane, every connection used for as long as there is mail for it.
// What the other side said is durable before the next step: at worst a message that was in flight goes twice, none is lost.

import { type SendResult, SmtpConnection } from '../../protocols/smtp/client.ts'
import type { Envelope } from '../../protocols/smtp/envelope.ts'
import { isPermanent, type Reply, reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/types.ts'
import type { Timer } from '../../world/world.ts'
import type { Agent } from '../agent.ts'
import { forwardPathOf, reversePathOf } from '../routing.ts'
import { eventCommand } from '../tracking.ts'
import { returnToSender } from './bounce.ts'
import { type Destination, routeTo } from './route.ts'

/** Entries looked at in one go; more are fetched as these are done. */
const DUE_AT_ONCE = 2000
const CONNECTIONS_IN_ALL = 100
/** Recipients of one transaction (RFC 5321 §4.5.3.1.8: every server takes 100). */
const RECIPIENTS_AT_ONCE = 100
/** How long a connection waits for more mail to the same place before it says QUIT. */
const IDLE_MS = 2000
const CONNECT_TIMEOUT_MS = 30_000
/** Rest after a failure of our own (disk full, …) before the same mail is tried again. */
const INTERRUPTED_MS = 10_000

/** Recipients of one message that travel in one transaction. */
interface Job {
  readonly entries: readonly QueueEntry[]
}

interface Lane {
  readonly domain: string
  readonly jobs: Job[]
  workers: number
  /** Wakes a worker that waits for mail with its connection open. */
  readonly waiting: Set<() => void>
}

/** What came of one recipient. */
interface Outcome {
  readonly entry: QueueEntry
  readonly reply: Reply
  readonly state: 'accepted' | 'deferred' | 'refused'
  /** The host that said so; '' when none was reached. */
  readonly by: string
  readonly detail: Record<string, unknown>
}

export class Transmitter {
  readonly #agent: Agent
  readonly #lanes = new Map<string, Lane>()
  readonly #inFlight = new Set<number>()
  #connections = 0
  #timer: Timer | undefined
  #unwatch: (() => void) | undefined
  #stopped = false
  #filling = false

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** Begins to work off the queue, and wakes whenever mail is put into it. */
  start(): void {
    this.#unwatch = this.#agent.store.watch(0, () => this.#wake())
    this.#wake()
  }

  /** Takes no more work; transactions under way finish by themselves, and their results are kept if the store is open. */
  stop(): void {
    this.#stopped = true
    this.#unwatch?.()
    this.#timer?.cancel()
    for (const lane of this.#lanes.values()) for (const wake of lane.waiting) wake()
  }

  /** Looks at the queue once for any number of wake-ups in the same turn. */
  #wake(): void {
    if (this.#stopped || this.#filling) return
    this.#filling = true
    queueMicrotask(() => {
      this.#filling = false
      if (!this.#stopped) this.#fill()
    })
  }

  #fill(): void {
    const { store, world } = this.#agent
    const due = store.queueDue(world.clock.now(), DUE_AT_ONCE + this.#inFlight.size)
    for (const job of jobsOf(due.filter((entry) => !this.#inFlight.has(entry.id)))) this.#assign(job)
    const nextDueMs = store.queueNextDueMs()
    this.#timer?.cancel()
    // Entries due now are in lanes already, so only the future counts; never sleep past a minute, clocks may jump.
    const waitMs = nextDueMs === undefined ? 60_000 : Math.min(60_000, Math.max(1000, nextDueMs - world.clock.now()))
    this.#timer = world.clock.after(waitMs, () => this.#wake())
  }

  #assign(job: Job): void {
    const domain = job.entries[0]!.domain
    let lane = this.#lanes.get(domain)
    if (lane === undefined) {
      lane = { domain, jobs: [], workers: 0, waiting: new Set() }
      this.#lanes.set(domain, lane)
    }
    for (const entry of job.entries) this.#inFlight.add(entry.id)
    lane.jobs.push(job)
    const [waiting] = lane.waiting
    if (waiting !== undefined) waiting()
    else this.#hire(lane)
  }

  #hire(lane: Lane): void {
    if (lane.workers >= this.#agent.settings.transmitter.connectionsPerDestination) return
    if (this.#connections >= CONNECTIONS_IN_ALL) return
    lane.workers++
    this.#connections++
    this.#work(lane)
      .catch((error: unknown) =>
        this.#agent.log('error', `a worker for ${lane.domain} broke`, { error: String(error) }),
      )
      .finally(() => {
        lane.workers--
        this.#connections--
        if (lane.workers === 0 && lane.jobs.length === 0) this.#lanes.delete(lane.domain)
        // A place is free: a lane may have been turned away for want of one.
        if (!this.#stopped) for (const other of this.#lanes.values()) if (other.workers === 0) this.#hire(other)
      })
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
      try {
        if (connection === undefined || connection.smtp.closed) {
          const opened = await this.#connect(lane.domain)
          connection = opened.kind === 'connected' ? opened : undefined
          if (opened.kind === 'failed') {
            await this.#settle(job.entries.map((entry) => ({ ...opened, entry, detail: {} })))
            continue
          }
        }
        await this.#settle(await this.#deliver(connection!, job))
      } catch (error) {
        // The store or the program failed: nothing was decided. The entries stay and come up again later.
        this.#agent.log('error', `delivery to ${lane.domain} was interrupted`, { error: String(error) })
        this.#agent.world.clock.after(INTERRUPTED_MS, () => this.#release(job))
      }
    }
    await connection?.smtp.quit()
  }

  #release(job: Job): void {
    for (const { id } of job.entries) this.#inFlight.delete(id)
    this.#wake()
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

  async #connect(domain: string): Promise<Connected | Failed> {
    const { world, settings, hostName } = this.#agent
    const { port, privateDestinations } = settings.transmitter
    const route = await routeTo(domain, { hostName, privateDestinations }, world)
    if (route.kind === 'wait') return failed('deferred', reply(451, '4.4.3', route.reason))
    if (route.kind === 'unroutable') return failed('refused', reply(550, route.enhanced, route.reason))
    let last: Failed | undefined
    for (const destination of route.destinations) {
      const smtp = await SmtpConnection.open({
        network: world.network,
        clock: world.clock,
        endpoint: { address: destination.address, port },
        serverName: destination.exchange,
        heloName: hostName,
        tls: 'opportunistic',
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
      })
      if (smtp instanceof SmtpConnection) return { kind: 'connected', smtp, destination }
      const state = isPermanent(smtp.reply) ? 'refused' : 'deferred'
      last = { ...failed(state, smtp.reply), by: destination.exchange }
      // A host that refuses to talk for good (5yz greeting) speaks for the domain only if every host says so.
    }
    return last!
  }

  async #deliver({ smtp, destination }: Connected, job: Job): Promise<Outcome[]> {
    const first = job.entries[0]!
    const by = destination.exchange
    const message = await this.#agent.store.readBlob(first.blob)
    if (message === undefined) {
      const lost = reply(451, '4.3.0', 'the stored message cannot be read; it is kept and an administrator is needed')
      return job.entries.map((entry) => ({ entry, reply: lost, state: 'deferred', by: '', detail: { damaged: true } }))
    }
    const result: SendResult = await smtp.send({ envelope: envelopeOf(job.entries), message })
    const tls = smtp.tls
    const detail = { host: by, address: destination.address, tls: tls === undefined ? 'none' : tls.protocol }
    return job.entries.map((entry, i) => ({ entry, by, detail, ...result.recipients[i]! }))
  }

  /** Makes what happened durable: gone, bounced, or waiting for the next attempt. */
  async #settle(outcomes: readonly Outcome[]): Promise<void> {
    const { store, world } = this.#agent
    const nowMs = world.clock.now()
    const given = outcomes.filter(
      (o) => o.state === 'refused' || (o.state === 'deferred' && nowMs >= o.entry.expiresAtMs),
    )
    const commands: Command[] = await returnToSender(
      this.#agent,
      given.map((o) => ({ entry: o.entry, reply: o.reply, by: o.by, expired: o.state === 'deferred' })),
    )
    for (const outcome of outcomes) {
      const { entry } = outcome
      const bounced = given.includes(outcome)
      if (outcome.state === 'accepted' || bounced) commands.push({ kind: 'queue.remove', id: entry.id })
      else commands.push(this.#postpone(entry, replyText(outcome.reply), nowMs))
      commands.push(
        eventCommand(this.#agent, {
          trace: entry.trace,
          role: 'Transmitter',
          kind: outcome.state === 'accepted' ? 'transmitted' : bounced ? 'bounced' : 'deferred',
          reversePath: entry.reversePath,
          forwardPath: entry.forwardPath,
          text: sentenceOf(outcome, bounced),
          detail: {
            ...outcome.detail,
            reply: replyText(outcome.reply),
            attempts: entry.attempts + 1,
            origin: entry.origin,
          },
        }),
      )
    }
    await store.commit(commands)
    for (const { entry } of outcomes) this.#inFlight.delete(entry.id)
    this.#wake()
  }

  #postpone(entry: QueueEntry, lastReply: string, nowMs: number): Command {
    const waits = this.#agent.settings.transmitter.retryAfterS
    const waitS = waits[Math.min(entry.attempts, waits.length - 1)]!
    // Spread by a tenth, so that what failed together does not come back together.
    const waitMs = waitS * 1000 * (0.95 + this.#agent.world.random.float() / 10)
    const nextAttemptAtMs = Math.round(Math.min(nowMs + waitMs, Math.max(entry.expiresAtMs, nowMs + 1000)))
    return { kind: 'queue.reschedule', id: entry.id, nextAttemptAtMs, lastReply, countAttempt: true }
  }
}

interface Connected {
  readonly kind: 'connected'
  readonly smtp: SmtpConnection
  readonly destination: Destination
}

interface Failed {
  readonly kind: 'failed'
  readonly state: 'deferred' | 'refused'
  readonly reply: Reply
  readonly by: string
}

function failed(state: Failed['state'], why: Reply): Failed {
  return { kind: 'failed', state, reply: why, by: '' }
}

/** Recipients of one message at one domain, told the same: one transaction. */
function jobsOf(entries: readonly QueueEntry[]): Job[] {
  const groups = new Map<string, QueueEntry[]>()
  for (const entry of entries) {
    const { ret, envid, body, smtputf8 } = entry.parameters
    const key = JSON.stringify([
      entry.domain,
      entry.blob.hash,
      entry.reversePath,
      entry.trace,
      ret,
      envid,
      body,
      smtputf8,
    ])
    const group = groups.get(key)
    if (group === undefined || group.length >= RECIPIENTS_AT_ONCE) groups.set(key, [entry])
    else group.push(entry)
  }
  return [...groups.values()].map((group) => ({ entries: group }))
}

function envelopeOf(entries: readonly QueueEntry[]): Envelope {
  const first = entries[0]!
  const { ret, envid, body, smtputf8 } = first.parameters
  return {
    reversePath: reversePathOf(first.reversePath),
    recipients: entries.map((entry) => ({
      forwardPath: forwardPathOf(entry.forwardPath),
      notify: entry.parameters.notify as Envelope['recipients'][number]['notify'],
      orcpt: orcptOf(entry.parameters.orcpt),
    })),
    body: body ?? '8BITMIME',
    smtputf8: smtputf8 ?? false,
    ret,
    envid,
  }
}

function sentenceOf(outcome: Outcome, bounced: boolean): string {
  const where = outcome.by === '' ? '' : ` by ${outcome.by}`
  const said = replyText(outcome.reply)
  if (outcome.state === 'accepted') return `Taken${where}: ${said}`
  if (bounced) return `Given up and returned to the sender; refused${where}: ${said}`
  return `Not taken yet${where}, will be tried again: ${said}`
}

/** Kept as `type;address` (RFC 3461 §4.2). */
function orcptOf(text: string | undefined): Envelope['recipients'][number]['orcpt'] {
  const [type, ...address] = text?.split(';') ?? []
  return type === undefined || address.length === 0 ? undefined : { type, address: address.join(';') }
}
