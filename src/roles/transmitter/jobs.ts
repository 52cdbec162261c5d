// Jobs: recipients of one message at one domain that travel in one transaction, and the envelope they travel with.

import type { DeliverBy, Envelope } from '../../protocols/smtp/envelope.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import { forwardPathOf, reversePathOf } from '../routing.ts'

/** Recipients of one transaction (RFC 5321 §4.5.3.1.8: every server takes 100). */
export const RECIPIENTS_AT_ONCE = 100

export interface Job {
  /** At least one. */
  readonly entries: readonly QueueEntry[]
}

/** Groups entries into transactions of at most so many recipients, in the order in which they came. */
export function jobsOf(entries: readonly QueueEntry[], atOnce: number): Job[] {
  const open = new Map<string, QueueEntry[]>()
  const all: QueueEntry[][] = []
  for (const entry of entries) {
    const { ret, envid, body, smtputf8, requireTls, priority, deliverBy } = entry.parameters
    const { domain, blob, reversePath, trace } = entry
    const key = JSON.stringify([
      domain,
      blob.hash,
      reversePath,
      trace,
      ret,
      envid,
      body,
      smtputf8,
      requireTls,
      priority,
      deliverBy,
    ])
    const group = open.get(key)
    if (group !== undefined && group.length < atOnce) {
      group.push(entry)
      continue
    }
    const made = [entry]
    open.set(key, made)
    all.push(made)
  }
  return all.map((group) => ({ entries: group }))
}

/** @throws Error when the store holds a path that is none: a bug */
export function envelopeOf(
  entries: readonly Pick<QueueEntry, 'reversePath' | 'forwardPath' | 'parameters'>[],
  nowMs: number,
): Envelope {
  const first = entries[0]!
  const { ret, envid, body, smtputf8, requireTls, priority, deliverBy } = first.parameters
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
    requireTls,
    priority,
    ...(deliverBy && { deliverBy: remaining(deliverBy, nowMs) }),
  }
}

/** RFC 2852 §4.1: what the next hop has left. */
function remaining({ atMs, ...rest }: NonNullable<QueueEntry['parameters']['deliverBy']>, nowMs: number): DeliverBy {
  return { ...rest, byS: Math.floor((atMs - nowMs) / 1000) }
}

/** Kept as `type;address` (RFC 3461 §4.2). */
function orcptOf(text: string | undefined): Envelope['recipients'][number]['orcpt'] {
  const [type, ...address] = text?.split(';') ?? []
  return type === undefined || address.length === 0 ? undefined : { type, address: address.join(';') }
}
