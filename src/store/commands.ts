// Every write to a store, as plain data (it crosses a thread). A batch is applied in one transaction: all or nothing.
// Later commands of a batch may name what earlier ones made by `{ from: index }` (index into the batch).
// A batch is also a record of the journal, and applied again from there: by a later version of the program, too, so a kind
// that was released keeps its meaning. What applies it may depend on the database and on the Command, on nothing else: times
// come with it, ties are broken by a key.

import type { BlobRef } from './nouns/bodies.ts'
import type { Forward, ForwardHealth, TrustedForwarder } from './nouns/forwarding.ts'
import type { EmailId, EmailSummary, MailboxId, SpecialUse, Verdict } from './nouns/mail.ts'
import type { Remembered, StoredPolicy } from './nouns/others.ts'
import type { ContractCounts, NewSuppressed, OutgoingCounts, SentMessage, Submission } from './nouns/outgoing.ts'
import type { AccountId, Group, LearnedState, ObjectKind, ScriptQuota, VacationResponse } from './nouns/people.ts'
import type { NewQueueEntry, QueueId, SourceRest } from './nouns/queue.ts'
import type { ReceivedReport, ReportDay, ReportSighting } from './nouns/reports.ts'
import type { TrackEvent } from './nouns/tracking.ts'

/** What an earlier command of the same batch made: its `id` (or `emailId`), by its index in the batch. */
export interface Made {
  readonly from: number
}

/** A set of UIDs as inclusive ranges. */
export type UidSet = readonly (readonly [number, number])[]

/** What a message keeps of the system that it lived in. */
export interface Brought {
  /** Names it among all that was ever brought, 16 bytes in hex: 'exists' when it came before, even if it is gone since. */
  readonly item: string
  /** Its UID in the one mailbox that it goes to: 'conflict' unless above all that were given. */
  readonly uid?: number
  /** What POP3 calls it there (RFC 1939 §7): 'conflict' when another message is called so. */
  readonly uidl?: string
}

export type Command =
  // accounts
  | { kind: 'account.create'; address: string; displayName: string; credentials: string | null; nowMs: number } // also makes INBOX, Drafts, Sent, Junk, Trash, Archive
  | { kind: 'account.credentials'; account: AccountId; credentials: string | null }
  | { kind: 'account.remove'; account: AccountId } // with everything that belongs to it; its id is never given again
  | { kind: 'alias.put'; alias: string; account: AccountId | Made } // 'exists' when another account has it; '@domain': what nobody else there has
  | { kind: 'alias.remove'; alias: string }
  | { kind: 'group.put'; group: Group } // makes it, or makes it this; 'exists' when an account has the address
  | { kind: 'group.remove'; address: string }
  | { kind: 'trust.put'; forwarder: TrustedForwarder }
  | { kind: 'trust.remove'; account: AccountId; domain: string }
  // forwards
  | { kind: 'forward.put'; forward: Forward } // 'exists' when another account forwards that address
  | { kind: 'forward.remove'; account: AccountId; from: string }
  | { kind: 'forward.health'; from: string; health: ForwardHealth }
  // sorting: scripts, the answer while away, what was seen before
  | { kind: 'script.put'; account: AccountId; name: string; blob: BlobRef; atMost: ScriptQuota; id?: number } // makes it, or gives it this text; with `id` that one, renamed if it must be
  | { kind: 'script.rename'; account: AccountId; id: number; name: string }
  | { kind: 'script.activate'; account: AccountId; id: number | Made | null } // null: none is active
  | { kind: 'script.remove'; account: AccountId; id: number } // 'conflict' while it is active
  | { kind: 'vacation.put'; account: AccountId; response: VacationResponse }
  | { kind: 'seen.put'; account: AccountId; key: string; nowMs: number; expiresAtMs: number } // key: SHA-256, hex
  // mailboxes
  | {
      kind: 'mailbox.create'
      account: AccountId | Made
      path: string
      specialUse?: SpecialUse | null
      nowMs: number
      orExisting?: boolean
    } // makes missing parents; `orExisting`: one that is there already will do
  | { kind: 'mailbox.rename'; account: AccountId; mailbox: MailboxId; path: string; nowMs: number } // with its children; INBOX moves its messages (RFC 9051 §6.3.6)
  /** Goes on where another system stopped: 'conflict' for a UIDVALIDITY where a UID was given already, or that was here before. */
  | {
      kind: 'mailbox.adopt'
      account: AccountId
      mailbox: MailboxId | Made
      uidValidity?: number
      uidNext?: number
      modseq?: number
    } // uidNext and modseq only rise
  | { kind: 'mailbox.delete'; account: AccountId; mailbox: MailboxId; nowMs?: number } // children stay; nowMs: stamp.ts
  | { kind: 'mailbox.subscribe'; account: AccountId; path: string; subscribed: boolean }
  | {
      kind: 'metadata.put'
      account: AccountId
      mailbox: MailboxId | 0
      entries: readonly { reader: AccountId | 0; entry: string; value: Uint8Array | null }[]
      /** Most entries that the mailbox may have afterwards. */
      most: number
    }
  /** What one identifier may do in a mailbox; '' takes it all away. `told`: whose address that is hears of it (RFC 9670 §3). */
  | {
      kind: 'acl.put'
      account: AccountId
      mailbox: MailboxId
      identifier: string
      rights: string
      told?: { by: AccountId; nowMs: number }
    }
  | { kind: 'quota.put'; account: AccountId; bytes: number | null; messages: number | null } // null: no limit
  | { kind: 'mailbox.sort'; account: AccountId; mailbox: MailboxId | Made; sortOrder: number | null } // null: none of its own
  // messages
  | {
      kind: 'email.deliver' // LMTP-like delivery, APPEND, drafts, import: one email, one or more placements
      account: AccountId | Made
      /** By id or special use ('junk' falls back to INBOX when missing). */
      mailboxes: readonly (MailboxId | SpecialUse | Made)[]
      /** What of these is not there (any more) is the inbox. */
      orInbox?: boolean
      blob: BlobRef
      summary: EmailSummary
      flags: readonly string[]
      receivedAtMs: number
      /** When it comes into its mailboxes; `receivedAtMs` where not given. */
      savedAtMs?: number
      /** Null: a person put it there. */
      verdict: Verdict | null
      /** Where it comes from another system: nobody's decision of today, and never twice. */
      brought?: Brought
      /** Expunged in the same commit: the message that this one replaces (RFC 8508). */
      replaces?: { mailbox: MailboxId; uid: number }
    }
  | {
      kind: 'flags.store'
      account: AccountId
      mailbox: MailboxId
      uids: UidSet
      mode: 'add' | 'remove' | 'replace'
      flags: readonly string[]
      unchangedSince?: number
      /** Of 'replace': only these system flags, and keywords only where that is true; the others stay. */
      within?: { flags: readonly string[]; keywords: boolean }
      /** What this shows of many messages is noted as lessons afterwards ('lesson.unfold'). */
      lessons?: 'later'
    }
  | {
      kind: 'placement.copy'
      account: AccountId
      mailbox: MailboxId
      uids: UidSet
      to: MailboxId
      move: boolean
      atMost?: number
      nowMs?: number
    } // same email, new placements; move expunges the source in the same commit
  | {
      kind: 'placement.expunge'
      account: AccountId
      mailbox: MailboxId
      uids: UidSet
      onlyDeleted: boolean
      nowMs?: number
    } // nowMs 0: nobody may want it back
  /** JMAP's view: set the mailboxes and/or keywords of an email whole (keywords go to every placement). */
  | {
      kind: 'email.update'
      account: AccountId
      email: EmailId
      mailboxes?: readonly MailboxId[]
      flags?: { mode: 'add' | 'remove' | 'replace'; flags: readonly string[] }
      /** What was found out after the delivery. */
      verdict?: Verdict
      nowMs?: number
    }
  | { kind: 'email.destroy'; account: AccountId; email: EmailId; nowMs?: number }
  // what was deleted and can be brought back (apply/deleted.ts)
  | { kind: 'deleted.restore'; account: AccountId; id: EmailId; nowMs: number } // under a new id, where it was; 'over-quota' when it does not fit
  | { kind: 'deleted.forget'; account: AccountId; ids: readonly EmailId[] } // 'forbidden' while nothing of the account may go
  | { kind: 'deleted.prune'; beforeMs: number; atMost: number }
  // queue
  | { kind: 'queue.add'; entry: NewQueueEntry }
  | {
      kind: 'queue.reschedule'
      id: QueueId
      nextAttemptAtMs: number
      lastReply: string
      countAttempt: boolean
      state?: 'waiting' | 'held'
    }
  | { kind: 'queue.remove'; id: QueueId }
  /** Where and when entries go on, as an administrator says; what is undefined stays. `givenUp`: why nothing more is tried. */
  | {
      kind: 'queue.steer'
      ids: readonly QueueId[]
      state?: 'waiting' | 'held'
      nextAttemptAtMs?: number
      domain?: string
      expiresNotBeforeMs?: number
      lastReply?: string
      givenUp?: string
    }
  /**
   * The clock was set: nothing that was tried waits beyond `latestMs`, nothing was accepted in the future, nothing is given
   * up later than `periodMs` from now, nor, where `isLater`, earlier.
   */
  | { kind: 'queue.reclock'; nowMs: number; latestMs: number; periodMs: number; isLater: boolean }
  | { kind: 'queue.rest'; domain: string; share?: string; untilMs: number; failures: number; lastReply: string } // 0, 0, '': it answers again; without share: to all
  // addresses of pools (roles/transmitter/pools.ts)
  | { kind: 'source.count'; address: string; provider: string; day: number; count: number } // adds; forgets what is long ago
  | { kind: 'source.rest'; rest: SourceRest } // untilMs 0: it is used again
  // what people send
  /** Adds; `prints`: of the text, if it went to strangers. */
  | { kind: 'outgoing.count'; sender: string; hour: number; counts: OutgoingCounts; prints: readonly number[] }
  /**
   * First of its batch: what was decided about a sender holds. 'conflict' when more was counted in this hour than was allowed
   * for, or he stands elsewhere on the ladder (none of `standings`, as JSON): then nothing of the batch is done.
   */
  | {
      kind: 'outgoing.check'
      sender: string
      hour: number
      atMost: Pick<OutgoingCounts, 'acquainted' | 'recipients' | 'strangers' | 'suspects'>
      standings: readonly (string | null)[]
    }
  /** First of its batch: so much is left of what a contract allows; 'over-quota' when not: then nothing of the batch is done. */
  | {
      kind: 'contract.check'
      name: string
      day: number
      messagesPerDay?: number
      minute: number
      messagesPerMinute?: number
    }
  | { kind: 'contract.count'; name: string; day: number; minute: number; counts: ContractCounts } // adds, for several nodes may count at once
  | { kind: 'outgoing.stand'; sender: string; standing: string | null } // null: nothing is against him
  /** `prints`: of addresses (read/outgoing.ts). */
  | { kind: 'acquaintance.put'; account: AccountId; prints: readonly number[]; day: number }
  | { kind: 'outgoing.prune'; beforeHour: number; likeBeforeHour: number; beforeDay: number }
  // reports
  | { kind: 'report.observe'; sightings: readonly ReportSighting[] } // counts; what belongs to a day whose report is out goes to the next
  | { kind: 'report.postpone'; of: ReportDay; dueMs: number; outcome: string }
  | { kind: 'report.close'; of: ReportDay; state: 'sent' | 'unsent'; outcome: string } // 'conflict' when it is closed; forgets its rows
  | { kind: 'report.forget'; of: ReportDay } // nobody wants to hear of that day: 'conflict' likewise
  | { kind: 'report.arrive'; account: AccountId; email: EmailId | Made; provenDomain: string } // to be looked into
  | { kind: 'report.keep'; pending: number; report: Omit<ReceivedReport, 'id'> | null } // null: it held none; gives an id when it did not come before
  | { kind: 'report.prune'; beforeMs: number } // forgets closed days and received reports that are older
  // policies
  | { kind: 'policy.put'; policy: StoredPolicy } // of ten thousand and more, those fetched longest ago go
  | { kind: 'policy.remove'; domain: string }
  // what people teach (apply/lessons.ts says what does)
  /** Mail read and kept in the inbox since before `beforeMs` shows that it is wanted; looks at most `limit` further. `changed`: UIDs looked at. */
  | { kind: 'lesson.season'; account: AccountId; beforeMs: number; limit: number }
  /** Notes the lessons of at most `limit` messages that were flagged many at once. `id`: there may be more. */
  | { kind: 'lesson.unfold'; limit: number }
  /** States that hold all lessons up to this one, which are done with. */
  | { kind: 'learned.put'; states: readonly LearnedState[]; throughLesson: number }
  | { kind: 'complaint.done'; id: number } // told, or not to be told: never again
  // submissions, tracking, settings
  | { kind: 'submission.add'; submission: Omit<Submission, 'id' | 'email'> & { email: EmailId | Made } }
  | { kind: 'submission.cancel'; account: AccountId; id: number; nowMs: number } // 'forbidden' once it is due or tried
  | { kind: 'submission.remove'; account: AccountId; id: number }
  // what Authors sent, and what is done once (apply/sent.ts)
  | { kind: 'sent.add'; sent: Omit<SentMessage, 'id'> }
  | { kind: 'sent.cancel'; account: AccountId; trace: string; nowMs: number } // takes back what waits for its time or is held; 'forbidden' once it is on its way, and then nothing of a batch that begins so is done
  | { kind: 'sent.prune'; beforeMs: number }
  /**
   * First of its batch: this request is done now. 'exists' when it was done in the last day, 'conflict' when another request
   * has its key: then nothing of the batch is done. An empty answer says that it has begun, and may follow itself. In hex.
   */
  | { kind: 'once.put'; account: AccountId; key: string; digest: string; answer: string; nowMs: number }
  | { kind: 'once.prune'; beforeMs: number }
  // small things as JSON, and bodies that a person brought
  /** Makes it, or gives it this value; 'over-quota' beyond `atMost` of its kind. `was`: 'conflict' when it has another value by now. */
  | { kind: 'object.put'; account: AccountId; of: ObjectKind; id?: number; value: string; atMost: number; was?: string }
  | { kind: 'object.remove'; account: AccountId; of: ObjectKind; id: number }
  | { kind: 'upload.put'; account: AccountId; blob: BlobRef; nowMs: number; atMost: { count: number; bytes: number } } // the oldest make room
  | { kind: 'upload.prune'; beforeMs: number }
  | { kind: 'arrival.add'; digest: string; trace: string; atMs: number } // remembers a transaction for a week, see Store.arrival
  | { kind: 'arrival.remove'; digest: string } // what was remembered too early
  // what came back
  | {
      kind: 'bounced.note'
      author: string
      reason: string
      atMs: number
      suppress: { address: string; said: string } | undefined
    } // counts a recipient that failed, and keeps his Author from writing to him again
  | { kind: 'suppressed.put'; suppressed: NewSuppressed }
  | { kind: 'suppressed.remove'; owner?: string; address: string } // without owner: from every list
  | { kind: 'suppressed.prune'; beforeMs: number }
  | { kind: 'event.add'; event: Omit<TrackEvent, 'id'> }
  | { kind: 'event.prune'; beforeMs: number; keep: number } // forgets events older than `beforeMs`, and all but the newest `keep`
  | { kind: 'change.prune'; account: AccountId; keep: number } // keeps the last `keep` MODSEQs of the change log; older states get `undefined`
  | { kind: 'setting.put'; key: string; value: string; orKeep?: boolean } // `orKeep`: what is there stays
  | { kind: 'remembered.put'; changes: readonly Remembered[] }

/** What a command gives back once the batch is durable. Refusals (no such mailbox, …) are values; nothing of that command is kept, the others of its batch are. */
export type CommandResult =
  | {
      ok: true
      id?: number
      emailId?: EmailId
      threadId?: number
      placements?: readonly { mailbox: MailboxId; uid: number; uidValidity: number; sourceUid?: number }[]
      modseq?: number
      /** flags.store: UIDs whose flags are others now; placement.expunge: UIDs gone. */
      changed?: readonly number[]
      /** flags.store: UIDs left alone because they changed after `unchangedSince`. */
      unchanged?: readonly number[]
    }
  | {
      ok: false
      reason: 'over-quota' | 'no-account' | 'no-mailbox' | 'no-email' | 'exists' | 'forbidden' | 'conflict'
      message: string
    }
