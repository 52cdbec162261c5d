// What is heard of mail after it left: the other side refused a recipient for good, or a reader complained. It counts against
// who sent it, the next time that he asks to send.

import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'
import { untagged } from '../msa/tagged.ts'
import type { Outcome } from '../transmitter/outcome.ts'
import { authorKey, LIKE_H } from './gate.ts'
import { hourOf, LEARNED_H, NOTHING_SENT } from './measures.ts'

const KEPT_DAYS = 400
const DAY_MS = 86_400_000

/** Recipients whom the other side refused for good, by who wrote to them. */
export function refusalsCounted(agent: Agent, outcomes: readonly Outcome[]): Command[] {
  const hour = hourOf(agent.world.clock.now())
  const counts = new Map<string, number>()
  for (const { entry, state } of outcomes) {
    const sender = state === 'refused' ? senderOf(agent, entry) : undefined
    if (sender !== undefined) counts.set(sender, (counts.get(sender) ?? 0) + 1)
  }
  return Array.from(counts, ([sender, refused]) => ({
    kind: 'outgoing.count',
    sender,
    hour,
    counts: { ...NOTHING_SENT, refused },
    prints: [],
  }))
}

/** Whose mail this is that an MSA of ours, or a partner's, took. */
function senderOf(agent: Agent, { origin, reversePath, parameters }: QueueEntry): string | undefined {
  if (parameters.sender !== undefined) return parameters.sender
  if (origin !== 'msa' || reversePath === '') return undefined
  const account = agent.store.accountByAddress(untagged(agent, reversePath))
  return account && authorKey(account)
}

/** A report of ours was kept that somebody complained of mail of this Author. */
export async function noteComplaint(agent: Agent, author: string): Promise<void> {
  const account = agent.store.accountByAddress(author)
  if (account === undefined) return
  const hour = hourOf(agent.world.clock.now())
  const counts = { ...NOTHING_SENT, complaints: 1 }
  await agent.store.commit([{ kind: 'outgoing.count', sender: authorKey(account), hour, counts, prints: [] }])
}

/** Forgets what is too old to say anything. */
export function outgoingPrune(nowMs: number): Command {
  const hour = hourOf(nowMs)
  return {
    kind: 'outgoing.prune',
    beforeHour: hour - LEARNED_H,
    likeBeforeHour: hour - LIKE_H,
    beforeDay: Math.floor(nowMs / DAY_MS) - KEPT_DAYS,
  }
}
