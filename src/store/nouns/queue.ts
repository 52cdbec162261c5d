// What is on its way to other machines: entries, one for each recipient, and the lanes that they wait in (docs/queue.md).

import type { BlobRef } from './bodies.ts'

export type QueueId = number

/** One recipient of one accepted message that another machine must get. */
export interface QueueEntry {
  readonly id: QueueId
  /** Names the message through the whole actor: in logs, replies ("accepted as …") and tracking. */
  readonly trace: string
  readonly blob: BlobRef
  /** '' is the null reverse-path. */
  readonly reversePath: string
  readonly forwardPath: string
  /** Routing key: the domain of the forward-path, lower-case A-labels. */
  readonly domain: string
  readonly acceptedAtMs: number
  readonly nextAttemptAtMs: number
  readonly expiresAtMs: number
  readonly attempts: number
  readonly state: 'waiting' | 'held'
  readonly lastReply: string
  /** Envelope facts the next hop must hear, and DSN wishes (RFC 3461). */
  readonly parameters: {
    readonly smtputf8?: boolean
    readonly body?: '7BIT' | '8BITMIME'
    readonly ret?: 'FULL' | 'HDRS'
    readonly envid?: string
    readonly notify?: readonly string[]
    readonly orcpt?: string
    /** RFC 8689: only over hops with proven TLS that hand the demand on. */
    readonly requireTls?: boolean
    /** -9 to 9 (RFC 6710): what goes first of what is due. */
    readonly priority?: number
    /** Under which contract it is carried. */
    readonly contract?: string
    /** Of an Author whose mail leaves from a pool of addresses of its own: its name. */
    readonly pool?: string
    /** Delivered by then (RFC 2852), or returned; or its sender is told that it is late. */
    readonly deliverBy?: { readonly atMs: number; readonly mode: 'return' | 'notify'; readonly trace?: true }
    /** What was asked for in MAIL (RFC 4865 §5.1.2): `for;3600`, or `until;` and a time. */
    readonly futureRelease?: string
    /** Of forwarded mail: the Recipient's address here. */
    readonly forwardedFrom?: string
    /** Of forwarded mail: nothing proved whose it is, so no notification goes back to its reverse-path. */
    readonly isUnproven?: boolean
    /** Held by its Author for somebody at this agent: it leaves for his mailbox, not for the network. */
    readonly atHome?: boolean
    /** Of what waits for a group (`atHome`): members who get the message as another recipient of it. */
    readonly apart?: readonly string[]
    /** An administrator has given it up, for this reason: its sender hears so. */
    readonly givenUp?: string
    /** Who sent what was slowed or held for its sender's sake (roles/outgoing). */
    readonly sender?: string
    /** A report of ours: worth no report in its turn. */
    readonly isReport?: boolean
    /** A report on TLS, or its Author wants it so (RFC 8689 §3): sent even where TLS fails the policy of the domain. */
    readonly ignoresTlsPolicy?: boolean
  }
  /** The role that queued it. */
  readonly origin: 'msa' | 'forwarder' | 'transmitter' | 'mda' | 'receiver'
  /** Whose part of the queue it is, made of `parameters`: a contract's name, 'pool ' and a pool's, or '' for the rest. */
  readonly share: string
}

/** What is not in the queue yet. */
export type NewQueueEntry = Omit<QueueEntry, 'id' | 'share'>

/** A destination, and whose mail for it. */
export type LaneName = Pick<QueueEntry, 'domain' | 'share'>

/** All mail in the queue of one share for one domain. */
export interface QueueLane extends LaneName {
  readonly waiting: number
  readonly held: number
  /** When the first of it is due; null: nothing waits. */
  readonly nextAttemptAtMs: number | null
  /** It did not answer: nothing is tried before. */
  readonly restsUntilMs: number
  /** So often in a row. */
  readonly failures: number
  /** What was found then. */
  readonly lastReply: string
}

/** An address of a pool is not used at a destination before then. */
export interface SourceRest {
  readonly address: string
  /** The owner of the hosts there. */
  readonly provider: string
  readonly untilMs: number
  /** So often in a row it was turned away. */
  readonly failures: number
  readonly said: string
}

/** Which entries of the queue are meant; what is undefined does not matter. */
export interface QueueFilter {
  readonly ids?: readonly number[]
  readonly trace?: string
  readonly domain?: string
  /** A contract's name, as in an entry. */
  readonly share?: string
  /** An address, '@' and a domain, or '' for mail that must not be bounced. */
  readonly sender?: string
  readonly state?: QueueEntry['state']
  readonly acceptedBeforeMs?: number
  readonly acceptedAfterMs?: number
  /** Words of the last reply, of the message or, if it was never tried, of its destination; in any case. */
  readonly reply?: string
}
