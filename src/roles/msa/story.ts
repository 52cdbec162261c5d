// The story of a message as its Author may read it, and as his programs are told it: what happened to it, in one word for
// each event. Where somebody here sends his mail on is his own affair, so what happened behind a recipient is left out.

import type { SentMessage } from '../../store/nouns/outgoing.ts'
import type { TrackEvent } from '../../store/nouns/tracking.ts'

export const STORY_TYPES = [
  ...(['accepted', 'held', 'deferred', 'delivered', 'bounced', 'cancelled'] as const),
  ...(['complained', 'expanded', 'suppressed'] as const),
] as const
export type StoryType = (typeof STORY_TYPES)[number]

/** The word for each kind of event that its Author is told. */
const TYPE_OF: Readonly<Partial<Record<string, StoryType>>> = {
  accepted: 'accepted',
  held: 'held',
  deferred: 'deferred',
  transmitted: 'delivered',
  delivered: 'delivered',
  bounced: 'bounced',
  cancelled: 'cancelled',
  expanded: 'expanded',
  suppressed: 'suppressed',
}

export interface StoryEvent {
  readonly id: number
  readonly type: StoryType
  readonly at: string
  /** '' where it is about all recipients. */
  readonly recipient: string
  readonly text: string
  /** What the other side said. */
  readonly reply?: string
  readonly host?: string
  /** Why it came back or is refused: a class of bounces. */
  readonly reason?: string
  readonly attempts?: number
}

/** The event as it is told; undefined where it is nothing for its Author. */
export function toldOf(sent: SentMessage, { id, atMs, kind, forwardPath, text, detail }: TrackEvent) {
  // A complaint comes back like a bounce.
  const type = detail.reason === 'feedback' && kind === 'bounced' ? 'complained' : TYPE_OF[kind]
  const isAsked = forwardPath === '' || sent.forwardPaths.some((path) => isSame(path, forwardPath))
  if (type === undefined || !isAsked) return undefined
  const said = (name: string) => (typeof detail[name] === 'string' && detail[name] !== '' ? detail[name] : undefined)
  return {
    ...{ id, type, at: new Date(atMs).toISOString(), recipient: forwardPath, text },
    ...(said('reply') && { reply: said('reply')! }),
    ...(said('host') && { host: said('host')! }),
    ...(said('reason') && { reason: said('reason')! }),
    ...(typeof detail.attempts === 'number' && { attempts: detail.attempts }),
  } satisfies StoryEvent
}

/** How it stands with each recipient. */
export function standings(sent: SentMessage, story: readonly StoryEvent[]) {
  // That a group stands for several, or that nothing is written to somebody any more, says nothing of how it goes.
  const telling = story.filter(({ type }) => type !== 'expanded' && type !== 'suppressed')
  return sent.forwardPaths.map((address) => {
    const own = telling.findLast(({ recipient }) => isSame(recipient, address))
    const all = telling.findLast(({ recipient }) => recipient === '')
    // What is said of all holds for those of whom nothing is settled: who has it has it.
    const isSettled = own !== undefined && SETTLED.has(own.type)
    const last = all !== undefined && !isSettled && all.id > (own?.id ?? 0) ? all : own
    return { address, status: last?.type ?? 'accepted', ...(last?.reply && { reply: last.reply }) }
  })
}

const SETTLED: ReadonlySet<StoryType> = new Set(['delivered', 'bounced', 'complained'])

/** In one word for all: what is worst and not over comes first. */
export function statusOf(standing: readonly { readonly status: StoryType }[]): StoryType {
  const order: StoryType[] = ['held', 'deferred', 'accepted', 'bounced', 'complained', 'cancelled']
  return order.find((type) => standing.some(({ status }) => status === type)) ?? 'delivered'
}

const isSame = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
