// Where is a message? Asked with whatever somebody has of it; answered with the stories of the messages that it may be: what
// happened at each role of each agent whose events can be read here, and where it is now.

import { isIp } from '../../message/ip.ts'
import type { TrackEvent } from '../../store/nouns/tracking.ts'
import type { FoundPlace, FoundWaiting } from '../../store/read/where.ts'
import type { Store } from '../../store/store.ts'

/** An agent that can be read. */
export interface WhereSource {
  readonly agent: string
  readonly reads: Store['where']
}

export interface StoryEvent extends TrackEvent {
  readonly agent: string
}

export interface Story {
  readonly messageId: string
  readonly subject: string
  /** By time. */
  readonly events: readonly StoryEvent[]
  readonly waiting: readonly (FoundWaiting & { readonly agent: string })[]
  /** By recipient. */
  readonly places: ReadonlyMap<string, readonly FoundPlace[]>
}

/** Which part of a story somebody may see; undefined: all of it. */
export type Visible = (source: WhereSource, trace: string, events: readonly TrackEvent[]) => TrackEvent[]

/** Traces that are looked at for one question, in each agent. */
const MOST_TRACES = 60
const MAX_QUESTION = 500
const TRACE = /^[0-9a-hjkmnp-z]{12}$/

/** The messages that it may be, the newest first. */
export function findStories(
  sources: readonly WhereSource[],
  question: string,
  limit: number,
  visible?: Visible,
): Story[] {
  const asked = question.trim().slice(0, MAX_QUESTION)
  if (asked === '') return []
  const found = sources.map((source) => ({ source, traces: tracesFor(source.reads, asked) }))
  const stories = new Map<string, { messageId: string; traces: Map<WhereSource, Set<string>> }>()
  for (const { source, traces } of found) {
    for (const trace of traces) {
      const messageId = source.reads.story(trace).find((event) => event.messageId !== '')?.messageId ?? ''
      const key = messageId === '' ? `${source.agent} ${trace}` : messageId
      const story = stories.get(key) ?? { messageId, traces: new Map() }
      stories.set(key, story)
      if (messageId === '') add(story.traces, source, trace)
      else
        for (const one of sources)
          for (const each of one.reads.byMessageId(messageId, MOST_TRACES)) add(story.traces, one, each)
      if (messageId !== '') add(story.traces, source, trace)
    }
  }
  return [...stories.values()]
    .map((story) => told(story.messageId, story.traces, visible))
    .filter(({ events }) => events.length > 0)
    .toSorted((a, b) => b.events.at(-1)!.atMs - a.events.at(-1)!.atMs)
    .slice(0, limit)
}

function add(traces: Map<WhereSource, Set<string>>, source: WhereSource, trace: string): void {
  const known = traces.get(source)
  if (known) known.add(trace)
  else traces.set(source, new Set([trace]))
}

/** By the form of what was asked; words are tried last, for everything may be words. */
function tracesFor(reads: Store['where'], asked: string): string[] {
  // A reply of ours says under which name the message is kept here, whoever quotes it.
  const named = /\b(?:kept here|accepted|queued) as ([0-9a-hjkmnp-z]{12})\b/.exec(asked)?.[1]
  const trace = named ?? (TRACE.test(asked) ? asked : undefined)
  if (trace !== undefined && reads.story(trace).length > 0) return [trace]
  if (isIp(asked)) return reads.byIp(asked, MOST_TRACES)
  const bare = asked.replace(/^(?:message-id:\s*)?<|>$/gi, '')
  if (!/\s/.test(bare) && bare.includes('@')) {
    const known = [...reads.byMessageId(bare, MOST_TRACES), ...reads.byAddress(bare, MOST_TRACES)]
    if (known.length > 0) return [...new Set(known)]
  }
  const ids = reads.messageIdsBySubject(asked, MOST_TRACES).flatMap((id) => reads.byMessageId(id, 1))
  const sent = reads.bySentSubject(asked, MOST_TRACES)
  return [...new Set([...sent, ...ids, ...reads.byText(asked, MOST_TRACES)])].slice(0, MOST_TRACES)
}

function told(
  messageId: string,
  traces: ReadonlyMap<WhereSource, ReadonlySet<string>>,
  visible: Visible | undefined,
): Story {
  const events: StoryEvent[] = []
  const waiting: (FoundWaiting & { agent: string })[] = []
  const places = new Map<string, readonly FoundPlace[]>()
  let subject = ''
  for (const [source, all] of traces)
    for (const trace of all) {
      const { agent, reads } = source
      const whole = reads.story(trace)
      const seen = visible ? visible(source, trace, whole) : whole
      if (seen.length === 0) continue
      events.push(...seen.map((event) => ({ ...event, agent })))
      subject ||= reads.sentSubject(trace) ?? ''
      const shown = new Set(seen.map(({ forwardPath }) => forwardPath))
      waiting.push(
        ...reads
          .waiting(trace)
          .filter(({ forwardPath }) => shown.has(forwardPath))
          .map((one) => ({ ...one, agent })),
      )
      for (const { role, kind, forwardPath, atMs } of seen) {
        const account = role === 'MDA' && kind === 'delivered' ? reads.account(forwardPath) : undefined
        if (account !== undefined && messageId !== '') places.set(forwardPath, reads.places(account, messageId, atMs))
      }
    }
  return { messageId, subject, events: events.toSorted((a, b) => a.atMs - b.atMs), waiting, places }
}

/** What somebody may see of mail: what he sent, without what became of it in mailboxes of others, and what came to him. */
export function visibleTo(addresses: readonly string[], isSender: (trace: string) => boolean): Visible {
  const own = new Set(addresses.map((address) => address.toLowerCase()))
  return (_source, trace, events) => {
    if (isSender(trace))
      return events.map((event) =>
        event.role === 'MDA' && !own.has(event.forwardPath.toLowerCase())
          ? { ...event, text: `Delivered to ${event.forwardPath}.`, detail: {} }
          : event,
      )
    return events.filter(({ forwardPath }) => own.has(forwardPath.toLowerCase()))
  }
}
