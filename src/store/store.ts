// The store as roles and protocols see it: writes are batches of Commands, reads are synchronous looks at what is
// durable, bodies are blobs, changes are announced. Implementations: embedded.ts (SQLite and segment files), shared/store.ts
// (PostgreSQL), memory/store.ts (of simulated agents). What is kept, noun by noun: nouns/.

import type { Command, CommandResult } from './commands.ts'
import type { BlobHash, BlobRef } from './nouns/bodies.ts'
import type { Forward, ForwardHealth, TrustedForwarder } from './nouns/forwarding.ts'
import type { Email, EmailId, Mailbox, MailboxId, Placement, ThreadId } from './nouns/mail.ts'
import type { Remembered, StoredPolicy } from './nouns/others.ts'
import type { Submission } from './nouns/outgoing.ts'
import type { Account, AccountId, Group, Lesson, SieveScript, VacationResponse } from './nouns/people.ts'
import type { TrackEvent } from './nouns/tracking.ts'
import type { AccessReads } from './read/access.ts'
import type { BounceReads } from './read/bounces.ts'
import type { ChangeReads } from './read/changes.ts'
import type { ContentsReads } from './read/contents.ts'
import type { DeletedReads } from './read/deleted.ts'
import type { ListReads } from './read/lists.ts'
import type { OutgoingReads } from './read/outgoing.ts'
import type { QueueReads } from './read/queue.ts'
import type { ReportReads } from './read/reports.ts'
import type { SentReads } from './read/sent.ts'
import type { SourceReads } from './read/sources.ts'
import type { WhereReads } from './read/where.ts'

/** Something durable changed in an account, or in what QUEUE, EVENTS, LESSONS and their like (nouns/watched.ts) stand for. Carries no data: look again. */
export interface Change {
  readonly account: AccountId
  /** Mailboxes touched. */
  readonly mailboxes: readonly MailboxId[]
  readonly modseq: number
}

/** What a class shows, whoever does it. */
type Face<T> = Pick<T, keyof T>

export interface Store {
  /**
   * Applies one batch in one durable commit (grouped with other callers' batches: group commit). Resolves only when
   * durable. @throws DiskError when the disk refuses, or a body that is named is not there: then nothing of the batch is
   * kept.
   */
  commit(batch: readonly Command[]): Promise<CommandResult[]>
  /** Writes a body; it is durable at the latest when a commit that names it resolves. Same content: same ref. @throws DiskError */
  putBlob(content: readonly Uint8Array[]): Promise<BlobRef>
  /** The bytes, checked against the hash. Undefined when no such blob. `offset`/`length` read a part (then unchecked). */
  readBlob(ref: BlobRef, range?: { offset: number; length: number }): Promise<Buffer | undefined>
  findBlob(hash: BlobHash): BlobRef | undefined
  /** Calls back after each durable commit that touched the account; returns the unsubscriber. */
  watch(account: AccountId, listener: (change: Change) => void): () => void

  // accounts
  /** By primary address or alias, case-insensitive; local part with a `+detail` falls back to the part before it. */
  accountByAddress(address: string): Account | undefined
  account(id: AccountId): Account | undefined
  accounts(): Account[]
  /** A limit is set on what it may hold (`access.quota` says which, and what it holds). */
  isLimited(id: AccountId): boolean
  /** By its address, case-insensitive. */
  group(address: string): Group | undefined
  groups(): Group[]
  /** The account's own addresses: primary first, then aliases; not the domains for which it catches all. */
  addresses(account: AccountId): string[]
  trustedForwarders(account: AccountId): TrustedForwarder[]
  /** The forward of one address, lower case. */
  forward(from: string): Forward | undefined
  forwards(account: AccountId): Forward[]
  forwardHealth(from: string): ForwardHealth | undefined
  /** In the order in which they were made. */
  scripts(account: AccountId): SieveScript[]
  /** Undefined where nothing was ever said. */
  vacation(account: AccountId): VacationResponse | undefined
  /** Was this seen, and not too long ago to count. `key`: SHA-256, hex. */
  isSeen(account: AccountId, key: string, nowMs: number): boolean

  // mail, all for one account
  /** The account's current MODSEQ: JMAP's state. */
  modseq(account: AccountId): number
  mailboxes(account: AccountId): Mailbox[]
  mailbox(account: AccountId, id: MailboxId): Mailbox | undefined
  mailboxByPath(account: AccountId, path: string): Mailbox | undefined
  mailboxByUse(account: AccountId, use: string): Mailbox | undefined
  /** Subscribed paths, whether or not the mailbox still exists (RFC 9051 §6.3.7). */
  subscriptions(account: AccountId): string[]
  /** In UID order; `fromUid`..`toUid` inclusive. */
  placements(account: AccountId, mailbox: MailboxId, fromUid?: number, toUid?: number): Placement[]
  /** Placements changed after `modseq`, and UIDs expunged after it. */
  placementsSince(account: AccountId, mailbox: MailboxId, modseq: number): { changed: Placement[]; expunged: number[] }
  placementsOf(account: AccountId, email: EmailId): Placement[]
  email(account: AccountId, id: EmailId): Email | undefined
  emails(account: AccountId, ids: readonly EmailId[]): Email[]
  /**
   * Emails that may hold this piece of text: anywhere, or with `isBody` anywhere but in the header. Everything that holds
   * it is among them; what is among them need not hold it. Undefined: any may.
   */
  mayHold(account: AccountId, needle: string, isBody?: boolean): Promise<ReadonlySet<EmailId> | undefined>
  thread(account: AccountId, id: ThreadId): EmailId[]
  /** Newest first by receivedAt; undefined mailbox: all. Filters narrow by indexed columns only; `text` is matched by the caller. */
  listEmails(
    account: AccountId,
    filter: { mailbox?: MailboxId; afterMs?: number; beforeMs?: number; flag?: string; notFlag?: string },
    order: 'newest' | 'oldest',
  ): EmailId[]
  submissions(account: AccountId): Submission[]

  /** What is on its way to other machines. */
  readonly queue: Face<QueueReads>
  /** The addresses that it leaves from. */
  readonly sources: Face<SourceReads>
  /** What changed since a state. */
  readonly changes: Face<ChangeReads>
  /** Long lists, without what a list does not show. */
  readonly lists: Face<ListReads>
  /** What is in a mailbox, at a glance. */
  readonly contents: Face<ContentsReads>
  /** Quotas, access rights, annotations. */
  readonly access: Face<AccessReads>
  /** What was deleted and can be brought back; what has been somewhere for long. */
  readonly deleted: Face<DeletedReads>
  /** What Authors sent, and which requests were done. */
  readonly sent: Face<SentReads>
  /** Finds a message by whatever is known of it. */
  readonly where: Face<WhereReads>
  /** What came back: suppressed addresses, counts by class. */
  readonly bounces: Face<BounceReads>
  /** Reports that we owe and that others sent. */
  readonly reports: Face<ReportReads>
  readonly outgoing: Face<OutgoingReads>
  // what people teach
  /** Lessons after the one with this id, in order. */
  lessons(afterId: number, limit: number): Lesson[]
  /** There is something for 'lesson.unfold'. */
  isTaughtLater(): boolean
  /** See LearnedState.owner. */
  learnedState(owner: number): Uint8Array | undefined

  // tracking, settings
  events(filter: { trace?: string; messageId?: string; afterId?: number; limit?: number }): TrackEvent[]
  /**
   * The trace of a transaction that was accepted before: a relay that did not hear our 250 sends it again, to the byte.
   * `digest`: hex, over the envelope and the content. Kept for a week, longer than relays try.
   */
  arrival(digest: string): string | undefined
  /** The MTA-STS policy of a domain, out of date or not. */
  stsPolicy(domain: string): StoredPolicy | undefined
  /** Domains whose policy was fetched before then, the oldest first. */
  stsPoliciesBefore(fetchedMs: number, limit: number): string[]
  /** Id of the newest event; 0 when there is none. */
  lastEventId(): number
  setting(key: string): string | undefined
  /** What is remembered under this key: other nodes may have put it there. */
  rememberedAt(key: string): { readonly value: string; readonly expiresAtMs: number } | undefined
  /** Everything remembered of strangers, read once at the start. */
  remembered(): (Remembered & { readonly value: string })[]

  /** Stops taking commits, finishes what was taken, closes files. */
  close(): Promise<void>
}
