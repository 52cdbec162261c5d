// What each message met on its way, read from what the agents of the fine level recorded: at which agent, what its proofs
// came to there, and what that agent did with it.

import type { TrackEvent } from '../../store/nouns/tracking.ts'
import type { FlowLetter } from '../simulate/letters.ts'
import type { Kind } from '../simulate/senders.ts'
import { general } from '../simulate/summary.ts'
import type { Fate } from '../simulate/traffic.ts'
import type { SimulatedStage } from '../simulate/world.ts'

/** How a way ends: in a mailbox; refused while its sender waited; given up later, and who heard of it; still there. */
export const ENDS = ['inbox', 'junk', 'refused', 'bounced', 'unheard', 'missing'] as const
export type End = (typeof ENDS)[number]

export interface Visit {
  readonly agent: string
  /** SPF, DKIM, DMARC (where it fails with what the domain asks for), ARC as found there; '-' where nobody looked. */
  readonly proofs: string
}

export interface Journey {
  readonly kind: Kind
  readonly flow: number
  /** The id of the agent whose domain the message names; of a stranger the kind. */
  readonly claim: string
  readonly visits: readonly Visit[]
  readonly end: End
  /** What was said, where it did not arrive. */
  readonly why: string
  readonly delayS: number | undefined
}

const PAGE = 5000
const NOT_LOOKED = '-'

export function journeysOf(
  stage: SimulatedStage,
  letters: readonly FlowLetter[],
  fates: ReadonlyMap<string, Fate>,
): Journey[] {
  const proofs = new Map<string, Map<string, string>>()
  for (const { id } of stage.plan.agents) readVisits(stage, id, proofs)
  const pathOf = new Map(letters.map(({ flow, path }) => [flow, path]))
  // The first of those that share a domain.
  const ownerOf = new Map(stage.plan.agents.toReversed().map((agent) => [agent.domain, agent]))
  return [...fates].map(([messageId, fate]) => {
    const { kind, flow } = fate
    const path = pathOf.get(flow)!
    const seen = proofs.get(messageId) ?? new Map<string, string>()
    const arrived = fate.inbox + fate.junk > 0
    // Where nothing is on record of it (refused before its content came), the door where it was offered.
    if (!seen.has(fate.first)) seen.set(fate.first, NOT_LOOKED)
    const rank = (agent: string) =>
      agent === fate.first ? -1 : path.includes(agent) ? path.indexOf(agent) : path.length
    const named = ownerOf.get(fate.claim)
    const failed = `/fail(p=${named?.dmarc.policy ?? 'none'})/`
    const visits = [...seen]
      .map(([agent, found]) => ({ agent, proofs: found.replace(/\/fail\/(?=[^/]*$)/, failed) }))
      .sort((a, b) => rank(a.agent) - rank(b.agent))
    return {
      kind,
      flow,
      claim: named?.id ?? kind,
      // A list writes to other readers, too: this is the way to the one of the letter.
      visits: visits.filter(({ agent }, i) => i === 0 || path.includes(agent)),
      end: arrived ? (fate.inbox > 0 ? 'inbox' : 'junk') : endOf(fate),
      why: arrived ? '' : general(fate.takenMs === undefined ? fate.reply : (fate.bounced ?? '')),
      delayS: fate.arrivedMs === undefined ? undefined : Math.max(0, fate.arrivedMs - fate.sentMs) / 1000,
    }
  })
}

function endOf({ takenMs, bounced, isTold }: Fate): End {
  if (takenMs === undefined) return 'refused'
  if (bounced === undefined) return 'missing'
  return isTold ? 'bounced' : 'unheard'
}

/** By Message-ID, and by agent. */
function readVisits({ system }: SimulatedStage, id: string, proofs: Map<string, Map<string, string>>): void {
  const { store } = system.agent(id).agent
  const messageOf = new Map<string, string>()
  for (let afterId = 0; ; ) {
    const events = store.events({ afterId, limit: PAGE })
    for (const event of events) {
      afterId = event.id
      if (event.messageId !== '') messageOf.set(event.trace, event.messageId)
      const messageId = messageOf.get(event.trace)
      if (messageId === undefined) continue
      const visits = proofs.get(messageId) ?? new Map<string, string>()
      proofs.set(messageId, visits)
      const found = wordsOf(event)
      if (found !== NOT_LOOKED || !visits.has(id)) visits.set(id, found)
    }
    if (events.length < PAGE) return
  }
}

function wordsOf({ detail: { spf, dkim, dmarc, arc } }: TrackEvent): string {
  return typeof spf === 'string' ? [spf, dkim, dmarc, arc].join('/') : NOT_LOOKED
}
