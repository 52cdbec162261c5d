// Whom an Author does not write to any more: who was refused for good, or complained. A sender who goes on writing to
// addresses that do not exist is taken for a spammer everywhere, and so is the agent that carries his mail. The next
// message is refused at RCPT, with what was said and how to get off the list. Every failure is counted for its Author.

import { REASONS, type Reason } from '../../identity/reports/bounces/reasons.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { Account, QueueEntry } from '../../store/types.ts'
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

/** Why this Author's mail to this address elsewhere is not taken; undefined: nothing is known against it. */
export function suppressedRefusal(agent: Agent, author: Account, address: string): Reply | undefined {
  if (!agent.settings.suppresses) return undefined
  const { bounces } = agent.store
  const known = bounces.suppressed(author.address, address) ?? bounces.suppressed(agent.domain, address)
  if (known === undefined) return undefined
  const day = new Date(known.atMs).toISOString().slice(0, 10)
  const why = known.reason in REASONS ? REASONS[known.reason as Reason] : known.reason
  return reply(
    550,
    known.reason === 'feedback' ? '5.7.1' : '5.1.1',
    `${address} is on the suppression list since ${day} (${why}: ${known.said}); postmaster@${agent.domain} can take it off`,
  )
}

/** The commands that note that a recipient of an Author's message failed. */
export function failedCommands(
  agent: Agent,
  { trace, forwardPath, origin }: Pick<QueueEntry, 'trace' | 'forwardPath' | 'origin'>,
  failure: Failure,
): Command[] {
  if (origin !== 'msa') return []
  const author = authorOf(agent, trace)
  return author === undefined ? [] : [noted(agent, author, forwardPath, failure)]
}

/** Who sent the message of this trace. */
export function authorOf({ store }: Agent, trace: string): string | undefined {
  const owner = store.sent.owner(trace)
  return owner === undefined ? undefined : store.account(owner)?.address
}

/** Counts it, and puts the address on the list where that helps. */
export function noted({ world, settings }: Agent, author: string, address: string, failure: Failure): Command {
  const { reason, isForGood, said } = failure
  const isListed = settings.suppresses && isForGood && SUPPRESSING.has(reason)
  const suppress = isListed ? { address, said: said.slice(0, MAX_SAID) } : undefined
  return { kind: 'bounced.note', author, reason, atMs: world.clock.now(), suppress }
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
    noted(agent, author, address, address === '' ? { ...failure, isForGood: false } : failure),
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
  ])
}
