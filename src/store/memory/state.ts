// What a store in memory holds: plain maps, in place of the tables of schema.ts. It outlives the agent's incarnations, as a
// disk does.

import type { BlobHash } from '../nouns/bodies.ts'
import type { Forward, ForwardHealth, TrustedForwarder } from '../nouns/forwarding.ts'
import type { Email, EmailId, MailboxId, Placement, SpecialUse, ThreadId } from '../nouns/mail.ts'
import type { StoredPolicy } from '../nouns/others.ts'
import type { OutgoingHour, SentMessage, Suppressed } from '../nouns/outgoing.ts'
import type { AccountId, Group, ObjectKind, StoredObject, VacationResponse } from '../nouns/people.ts'
import type { SourceRest } from '../nouns/queue.ts'
import type { ReportDuty } from '../nouns/reports.ts'
import type { TrackEvent } from '../nouns/tracking.ts'
import { Queue } from './queue.ts'
import { Tracking } from './tracking.ts'

export interface Box {
  readonly id: MailboxId
  readonly path: string
  readonly specialUse: SpecialUse | null
  readonly uidValidity: number
  uidNext: number
  highestModseq: number
  modseq: number
  total: number
  unseen: number
  sizeBytes: number
  readonly placements: Placement[]
}

export interface Person {
  readonly id: AccountId
  readonly address: string
  readonly displayName: string
  credentials: string | null
  readonly createdMs: number
  modseq: number
  nextId: number
  quota: { readonly bytes: number | null; readonly messages: number | null }
  /** As they are matched, in order: primary first. */
  readonly addresses: string[]
  readonly trusts: Map<string, TrustedForwarder>
  readonly boxes: Map<MailboxId, Box>
  readonly emails: Map<EmailId, Email>
  readonly threads: Map<number, ThreadId>
  readonly objects: Map<ObjectKind, StoredObject[]>
  /** Until when what was seen counts. */
  readonly seen: Map<string, number>
  vacation: VacationResponse | undefined
  /** Day of the last letter, by the print of an address. */
  readonly acquaintances: Map<number, number>
}

/** A body, and how many name it. */
interface Body {
  readonly bytes: Buffer
  refs: number
}

export interface Likeness {
  hour: number
  strangers: number
}

export interface Duty {
  readonly duty: { -readonly [Key in keyof ReportDuty]: ReportDuty[Key] }
  readonly rows: Map<string, number>
}

/** What becomes of mail here, for those who count it. */
export interface Observer {
  happened?(event: TrackEvent): void
  delivered?(person: Person, box: Box, email: Email): void
}

export interface StateOptions {
  /**
   * What becomes of a message once it is in a mailbox: it stays, or its Recipient takes it away at once, so that a million of
   * them need no room.
   */
  readonly mail: 'stays' | 'is taken away'
  /** So many of the newest are kept. */
  readonly eventsKept: number
}

export class State {
  readonly options: StateOptions
  observer: Observer = {}
  readonly people = new Map<AccountId, Person>()
  readonly byAddress = new Map<string, Person>()
  readonly groups = new Map<string, Group>()
  readonly settings = new Map<string, string>()
  readonly remembered = new Map<string, { readonly value: string; readonly expiresAtMs: number }>()
  readonly forwards = new Map<string, Forward>()
  readonly health = new Map<string, ForwardHealth>()
  readonly queue = new Queue()
  /** Of the addresses of pools: what left, by day, address and provider; when they began; where they rest. */
  readonly sources = {
    counts: new Map<string, number>(),
    firstDays: new Map<string, number>(),
    rests: new Map<string, SourceRest>(),
  }
  readonly tracking: Tracking
  readonly arrivals = new Map<string, { readonly trace: string; readonly atMs: number }>()
  readonly sent = new Map<string, SentMessage>()
  lastSentId = 0
  readonly policies = new Map<string, StoredPolicy>()
  /** By owner, then by address. */
  readonly suppressed = new Map<string, Map<string, Suppressed>>()
  /** By Author, then by day and reason. */
  readonly bounced = new Map<string, Map<string, { readonly day: number; readonly reason: string; count: number }>>()
  readonly hours = new Map<string, Map<number, OutgoingHour>>()
  readonly likes = new Map<string, Map<number, Likeness>>()
  readonly standings = new Map<string, string>()
  readonly duties = new Map<string, Duty>()
  pendingReports: {
    readonly id: number
    readonly account: number
    readonly email: number
    readonly provenDomain: string
  }[] = []
  lastReportId = 0
  readonly reportKeys = new Set<string>()
  readonly bodies = new Map<BlobHash, Body>()
  /** Bodies that nobody names (yet, or any more), and since when. */
  readonly unnamed = new Map<BlobHash, number>()

  constructor(options: StateOptions) {
    this.options = options
    this.tracking = new Tracking(options.eventsKept)
  }

  personAt(address: string): Person | undefined {
    const name = address.toLowerCase()
    const exact = this.byAddress.get(name)
    if (exact !== undefined) return exact
    const at = name.lastIndexOf('@')
    const plus = name.indexOf('+')
    return plus <= 0 || plus >= at ? undefined : this.byAddress.get(name.slice(0, plus) + name.slice(at))
  }
}

/** By id, or by use; a use that no mailbox has falls back to the inbox. */
export function boxOf(person: Person, which: MailboxId | SpecialUse): Box | undefined {
  if (typeof which === 'number') return person.boxes.get(which)
  let inbox: Box | undefined
  for (const box of person.boxes.values()) {
    if (box.specialUse === which) return box
    if (box.path === 'INBOX') inbox = box
  }
  return inbox
}
