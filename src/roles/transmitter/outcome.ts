// What came of an attempt, as commands of one commit: gone, given up and returned, held for an administrator, or waiting
// for the next attempt. RFC 5321 §4.5.4.1: waits grow, and end.

import { reasonOf } from '../../identity/reports/bounces/reasons.ts'
import { type Reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { TrackEvent } from '../../store/nouns/tracking.ts'
import { DiskError } from '../../world/disk.ts'
import type { Agent } from '../agent.ts'
import { type Failure, failedCommands } from '../bounces/suppressed.ts'
import { healthCommands } from '../forwarder/health.ts'
import { refusalsCounted } from '../outgoing/heard.ts'
import { eventCommand } from '../tracking.ts'
import { type GivenUp, type Notice, originalOf, returnToSender, tellSender, wantsFailure } from './bounce.ts'

/** What came of one recipient. */
export interface Outcome {
  readonly entry: QueueEntry
  readonly reply: Reply
  /** 'held': nothing more is tried until an administrator says so. */
  readonly state: 'accepted' | 'deferred' | 'refused' | 'held'
  /** The host that said so; '' when none was reached. */
  readonly by: string
  readonly detail: Record<string, unknown>
  /** Who took it gives the notices that its sender asked for (RFC 3461 §5.2.2). */
  readonly dsn?: boolean
  /** It was not refused for its own sake: tried again then, and this attempt does not count. */
  readonly againMs?: number
  /** Who took it heeds by when it must be delivered (RFC 2852); undefined: it is delivered there. */
  readonly deliverBy?: boolean | undefined
}

/** A host that took some recipients and asks for the rest in another transaction gets it soon. */
const REST_AFTER_MS = 1000
const MAX_TEXT = 600
/** A sender hears of it when it is this late, and each day. */
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const LATE_AFTER_MS = 4 * HOUR_MS
const MOST_LATE = 100

/** The commands that make the outcomes of one transaction durable. @throws DiskError */
export async function commandsOf(agent: Agent, found: readonly Outcome[]): Promise<Command[]> {
  const nowMs = agent.world.clock.now()
  const outcomes = found.map((one) => (isForPostmaster(one, nowMs) ? { ...one, state: 'held' as const } : one))
  const given = new Map<QueueEntry, GivenUp>()
  for (const { state, entry, reply, by } of outcomes)
    if (state === 'refused' || (state === 'deferred' && nowMs >= entry.expiresAtMs))
      given.set(entry, { entry, reply, by, expired: state === 'deferred' })
  const commands: Command[] = []
  try {
    commands.push(...(await returnToSender(agent, [...given.values()])))
  } catch (error) {
    if (error instanceof DiskError) throw error
    // A bug of ours must not make the mail vanish, and must not be tried for ever either.
    agent.log('error', 'a bounce could not be made, its messages are held', { error: String(error) })
    return commandsOf(
      agent,
      outcomes.map((outcome) => (given.has(outcome.entry) ? { ...outcome, state: 'held' } : outcome)),
    )
  }
  const notices: Notice[] = []
  const tell = ({ entry, by, reply }: Outcome, action: Notice['action']) =>
    notices.push({ entry, action, by, reply, original: () => originalOf(agent, entry) })
  for (const { entry, state, reply } of outcomes) {
    const from = entry.parameters.forwardedFrom
    if (from !== undefined && (state === 'accepted' || state === 'refused'))
      commands.push(
        ...(await healthCommands(agent, {
          from,
          to: entry.forwardPath,
          isTaken: state === 'accepted',
          said: replyText(reply),
        })),
      )
  }
  const warnedOf = new Map<string, number>()
  // Those of one message go on together.
  const spreads = new Map<string, number>()
  const spreadOf = (trace: string): number => {
    const spread = spreads.get(trace) ?? agent.world.random.float()
    spreads.set(trace, spread)
    return spread
  }
  const progress = outcomes.some(({ state }) => state === 'accepted')
  for (const outcome of outcomes) {
    const { entry, state, reply } = outcome
    const said = replyText(reply).slice(0, MAX_TEXT)
    const ended = given.has(entry)
    let warnedNow: number | undefined
    if (state === 'accepted' && isHandedOn(outcome, nowMs)) tell(outcome, 'relayed')
    if (state === 'accepted' || ended) commands.push({ kind: 'queue.remove', id: entry.id })
    else if (state === 'held') commands.push(hold(entry, said))
    else if (outcome.againMs !== undefined) commands.push(later(entry, said, outcome.againMs, false))
    else if (progress && reply.code === 452) commands.push(later(entry, said, nowMs + REST_AFTER_MS, false))
    else {
      const nextMs = nextAttemptMs(agent, entry, nowMs, spreadOf(entry.trace))
      commands.push(later(entry, said, nextMs, true))
      const warned = warningIn(entry, nextMs)
      if (warned !== undefined && !warnedOf.has(entry.trace) && !isWarned(agent, entry, warned)) {
        warnedOf.set(entry.trace, warned)
        warnedNow = warned
        for (const each of alsoLate(agent, entry)) {
          const own = each.id === entry.id ? outcome : undefined
          notices.push({
            entry: each,
            action: 'delayed',
            by: own?.by ?? '',
            reply: own?.reply,
            said: each.lastReply,
            original: () => originalOf(agent, entry),
          })
        }
      }
    }
    const failure = ended ? failureOf(outcome, said) : undefined
    commands.push(
      eventCommand(agent, {
        trace: entry.trace,
        role: 'Transmitter',
        kind: ended ? 'bounced' : KINDS[state],
        reversePath: entry.reversePath,
        forwardPath: entry.forwardPath,
        text: sentenceOf(outcome, said, ended),
        detail: {
          ...outcome.detail,
          reply: said,
          attempts: entry.attempts + 1,
          origin: entry.origin,
          ...(failure && { reason: failure.reason }),
          ...(warnedNow !== undefined && { warned: warnedNow }),
        },
      }),
    )
    if (failure !== undefined) commands.push(...failedCommands(agent, entry, failure))
  }
  commands.push(...(await tellSender(agent, notices, commands.length)), ...refusalsCounted(agent, outcomes))
  commands.push(...countsOf(agent, outcomes, given))
  return commands
}

/** What became of mail that is carried under contract. */
function countsOf(
  { contracts }: Agent,
  outcomes: readonly Outcome[],
  given: ReadonlyMap<QueueEntry, unknown>,
): Command[] {
  const names = new Set(outcomes.flatMap(({ entry }) => entry.parameters.contract ?? []))
  return [...names].flatMap((name) => {
    const own = outcomes.filter(({ entry }) => entry.parameters.contract === name)
    const delivered = own.filter(({ state }) => state === 'accepted').length
    const returned = own.filter(({ entry }) => given.has(entry)).length
    return contracts === undefined || delivered + returned === 0 ? [] : [contracts.count(name, { delivered, returned })]
  })
}

/** Something must be said of it to its sender, although nothing was tried: its time is over, or it is late. */
export function isOverdue(entry: QueueEntry, nowMs: number): boolean {
  return nowMs >= entry.expiresAtMs || warningIn(entry, nowMs) !== undefined
}

/**
 * The moment of a warning (hours after it was taken) that lies in the wait that begins now: when it is late, then each
 * day. Each wait begins where the one before ended, so one of them alone holds the moment.
 */
function warningIn(entry: QueueEntry, nextMs: number): number | undefined {
  if (!wantsWarning(entry)) return undefined
  const [from, to] = [entry.nextAttemptAtMs - entry.acceptedAtMs, nextMs - entry.acceptedAtMs]
  const lateMs = lateAfterMs(entry)
  if (from <= lateMs && lateMs < to) return lateMs / HOUR_MS
  const day = Math.floor(to / DAY_MS)
  return day > 0 && from < day * DAY_MS ? day * 24 : undefined
}

/** After four hours, or when its sender wanted it delivered (RFC 2852 §4.1.3). */
function lateAfterMs({ acceptedAtMs, parameters: { deliverBy } }: QueueEntry): number {
  return deliverBy?.mode === 'notify' ? deliverBy.atMs - acceptedAtMs : LATE_AFTER_MS
}

/** NOTIFY says it; where nothing is said (RFC 3461 §4.1 leaves it to us), Authors hear of it, and strangers do not. */
function wantsWarning({ parameters: { notify }, origin, reversePath }: QueueEntry): boolean {
  return reversePath !== '' && (notify?.includes('DELAY') ?? origin === 'msa')
}

/** One warning for a message, not one for each destination. */
function isWarned({ store }: Agent, { trace }: QueueEntry, warned: number): boolean {
  return store.events({ trace, limit: 10_000 }).some(({ detail }) => detail.warned === warned)
}

/** Everybody of the same message who still waits and wants to be told. */
function alsoLate({ store }: Agent, entry: QueueEntry): QueueEntry[] {
  const waiting = store.queue.entries({ trace: entry.trace }, MOST_LATE).filter(wantsWarning)
  return waiting.some(({ id }) => id === entry.id) ? waiting : [entry, ...waiting]
}

/**
 * A Backup MX took it, its host does not, and nobody is proven to have sent it: a bounce might reach somebody who never
 * wrote it. It is held, and the postmaster decides (held-notice.ts).
 */
function isForPostmaster({ state, entry }: Outcome, nowMs: number): boolean {
  const { isUnproven, givenUp } = entry.parameters
  const isOver = state === 'refused' || (state === 'deferred' && nowMs >= entry.expiresAtMs)
  return isOver && entry.origin === 'receiver' && isUnproven === true && givenUp === undefined
}

/** Is it ours to tell that it was handed on: whoever took it will not, or not in time. */
function isHandedOn({ entry, dsn, deliverBy }: Outcome, nowMs: number): boolean {
  const { notify, deliverBy: by } = entry.parameters
  if (dsn === false && notify?.includes('SUCCESS')) return true
  if (by === undefined || deliverBy === undefined || notify?.length === 0) return false
  // RFC 2852 §4.1.4: in time to a host that knows no times, or at each hop where that was asked for.
  return by.trace === true || (!deliverBy && nowMs < by.atMs)
}

const KINDS: Record<Outcome['state'], TrackEvent['kind']> = {
  accepted: 'transmitted',
  deferred: 'deferred',
  refused: 'bounced',
  held: 'held',
}

function later(entry: QueueEntry, lastReply: string, nextAttemptAtMs: number, countAttempt: boolean): Command {
  return { kind: 'queue.reschedule', id: entry.id, nextAttemptAtMs, lastReply, countAttempt }
}

function hold(entry: QueueEntry, lastReply: string): Command {
  const { id, nextAttemptAtMs } = entry
  return { kind: 'queue.reschedule', id, nextAttemptAtMs, lastReply, countAttempt: true, state: 'held' }
}

/** `spread`: 0 to 1. */
function nextAttemptMs(agent: Agent, entry: QueueEntry, nowMs: number, spread: number): number {
  const waits = agent.settings.transmitter.retryAfterS
  const waitS = waits[Math.min(entry.attempts, waits.length - 1)]!
  // Spread by a tenth, so that what failed together does not come back together.
  const waitMs = waitS * 1000 * (0.95 + spread / 10)
  // At the moment when it must be told, or given up, it is tried once more.
  const lateMs = entry.parameters.deliverBy?.atMs ?? 0
  const endMs = lateMs > nowMs ? Math.min(lateMs, entry.expiresAtMs) : entry.expiresAtMs
  return Math.round(Math.min(nowMs + waitMs, Math.max(endMs, nowMs + 1000)))
}

/** Why it was given up, as bounces are classed: for the story, the Author's count and his list. */
function failureOf({ state, reply }: Outcome, said: string): Failure {
  // Which command was answered is not known any more: without words and enhanced code nothing is guessed of the recipient.
  const reason = state === 'deferred' ? 'expired' : reasonOf({ text: said, status: reply.enhanced, command: 'DATA' })
  return { reason, isForGood: state === 'refused', said }
}

function sentenceOf({ entry, state, by }: Outcome, said: string, ended: boolean): string {
  const where = by === '' ? '' : ` by ${by}`
  if (state === 'accepted') return `Taken${where}: ${said}`
  if (state === 'held') return `Held, an administrator is needed: ${said}`
  if (!ended) return `Not taken yet${where}, will be tried again: ${said}`
  const verb = state === 'refused' ? `refused${where}` : `not taken in time${where}`
  return wantsFailure(entry)
    ? `Given up and returned to the sender; ${verb}: ${said}`
    : `Given up, and its sender wants no notification; ${verb}: ${said}`
}
