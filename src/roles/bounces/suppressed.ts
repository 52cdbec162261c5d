// Whom an Author does not write to any more: who was refused for good, or complained. A sender who goes on writing to
// addresses that do not exist is taken for a spammer everywhere, and so is the agent that carries his mail. The next
// message of a program, or of who sends newsletters, is refused at RCPT, with what was said and how to get off the list. A
// person has reasons to try again (the bounce told him why, and a mailbox may be there tomorrow): he is stopped when it has
// failed twice, for a while that grows, and takes the address off himself. Every failure is counted for its Author.

import { REASONS, type Reason } from '../../identity/reports/bounces/reasons.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { Suppressed } from '../../store/nouns/outgoing.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'
import { eventCommand } from '../tracking.ts'

export interface Failure {
  readonly reason: Reason
  /** It will fail the next time as well. */
  readonly isForGood: boolean
  /** What was said. */
  readonly said: string
}

/** What is true of a mailbox; a domain may be there tomorrow, and fails at once when it is not. */
const SUPPRESSING: ReadonlySet<Reason> = new Set(['user-unknown', 'moved', 'suspended', 'feedback'])
const MAX_SAID = 300

const DAY_MS = 86_400_000
/** How long mail of a person is stopped after so many failures in a row, from the second one on. */
const STOPPED_MS = [DAY_MS, 7 * DAY_MS, 30 * DAY_MS]
/** After a complaint. */
const COMPLAINED_MS = 30 * DAY_MS

/** Who writes: a person, or a program and those who write to very many. */
export type Writer = 'person' | 'many'

/** By `bulk=yes` of the description; the sending API says so itself. */
export function writerOf({ settings }: Pick<Agent, 'settings'>, { address }: Pick<Account, 'address'>): Writer {
  const own = settings.outgoing.people.find((one) => one.address.toLowerCase() === address.toLowerCase())
  return own?.bulk ? 'many' : 'person'
}

/** Until when mail to an address on the list is refused; undefined: it is not. */
export function stoppedUntilMs(known: Suppressed, writer: Writer): number | undefined {
  // What is on the list of a domain, or by an administrator's word, is for everybody.
  if (writer === 'many' || known.reason === 'asked' || !known.owner.includes('@')) return Infinity
  if (known.reason === 'feedback') return known.atMs + COMPLAINED_MS
  const stoppedMs = STOPPED_MS[Math.min(known.failures - 2, STOPPED_MS.length - 1)]
  return stoppedMs === undefined ? undefined : known.atMs + stoppedMs
}

/** Why this Author's mail to this address elsewhere is not taken; undefined: nothing is known against it. */
export function suppressedRefusal(agent: Agent, author: Account, address: string, writer: Writer): Reply | undefined {
  if (!agent.settings.suppresses) return undefined
  const { store, world } = agent
  const { bounces } = store
  const known = bounces.suppressed(author.address, address) ?? bounces.suppressed(agent.domain, address)
  const untilMs = known && stoppedUntilMs(known, writer)
  if (known === undefined || untilMs === undefined || untilMs <= world.clock.now()) return undefined
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)
  const why = `${whyOf(known)}: ${known.said}`
  const text = Number.isFinite(untilMs)
    ? `${address} is stopped until ${day(untilMs)} (${why}): take it off in your settings, or ask postmaster@${agent.domain}`
    : `${address} is on the suppression list since ${day(known.atMs)} (${why}); postmaster@${agent.domain} can take it off`
  return reply(550, known.reason === 'feedback' ? '5.7.1' : '5.1.1', text)
}

/** As people read it. */
export const whyOf = ({ reason }: Pick<Suppressed, 'reason'>): string =>
  reason in REASONS ? REASONS[reason as Reason] : reason

/** The commands that note that a recipient of an Author's message failed. */
export function failedCommands(
  agent: Agent,
  { trace, forwardPath, origin }: Pick<QueueEntry, 'trace' | 'forwardPath' | 'origin'>,
  failure: Failure,
): Command[] {
  if (origin !== 'msa') return []
  const author = authorOf(agent, trace)
  return author === undefined ? [] : notedWith(agent, author, forwardPath, failure, trace)
}

/** The same, and what it means for the next message is told in the story of this one. */
export function notedWith(agent: Agent, author: string, address: string, failure: Failure, trace: string): Command[] {
  const command = noted(agent, author, address, failure)
  if (command.suppress === undefined) return [command]
  const { reason, said } = failure
  const failures = (agent.store.bounces.suppressed(author, address)?.failures ?? 0) + 1
  const known = { owner: author, address, reason, said, atMs: agent.world.clock.now(), failures }
  const isStopped = stoppedUntilMs(known, writerOf(agent, { address: author })) !== undefined
  const why = `${REASONS[reason]}: ${said}`
  const text = isStopped
    ? `${address} is on the suppression list of ${author} now (${why}).`
    : `${address} failed for ${author} (${why}); when it fails again, mail to it is stopped for a while.`
  const about = { trace, reversePath: author, forwardPath: address, text, detail: { reason } }
  return [command, eventCommand(agent, { ...about, role: 'Transmitter', kind: 'suppressed' })]
}

/** Who sent the message of this trace. */
export function authorOf({ store }: Agent, trace: string): string | undefined {
  const owner = store.sent.owner(trace)
  return owner === undefined ? undefined : store.account(owner)?.address
}

/** Counts it, and puts the address on the list where that helps. */
function noted({ world, settings }: Agent, author: string, address: string, failure: Failure) {
  const { reason, isForGood, said } = failure
  const isListed = settings.suppresses && isForGood && SUPPRESSING.has(reason)
  const suppress = isListed ? { address, said: said.slice(0, MAX_SAID) } : undefined
  return { kind: 'bounced.note', author, reason, atMs: world.clock.now(), suppress } as const
}

/** A complaint that is proven: about whom, and whoever of its recipients it names. */
export function complaintCommands(
  agent: Agent,
  complaint: { trace: string; messageId: string; author: string; addresses: readonly string[]; said: string },
): Command[] {
  const { trace, messageId, author, addresses, said } = complaint
  const sentTo = new Set(agent.store.events({ trace, limit: 1000 }).map(({ forwardPath }) => forwardPath.toLowerCase()))
  const named = addresses.filter((address) => sentTo.has(address.toLowerCase()))
  const failure = { reason: 'feedback', isForGood: true, said } as const
  // A provider that hides who it was still counts.
  const counted = named.length > 0 ? named : ['']
  return counted.flatMap((address) => [
    eventCommand(agent, {
      trace,
      messageId,
      role: 'Transmitter',
      kind: 'bounced',
      reversePath: author,
      forwardPath: address,
      text: `${address || 'A recipient'} ${said}.`,
      detail: { reason: 'feedback' },
    }),
    ...notedWith(agent, author, address, address === '' ? { ...failure, isForGood: false } : failure, trace),
  ])
}
