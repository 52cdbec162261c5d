// The store's nouns. One schema, one writer per store; every write is a Command, a batch of Commands is one durable
// commit, and a result is given only when it is durable. Readers see what is durable and nothing else.
// All of a person's rows carry the account id as the leading key.

/** Row ids: positive integers, unique within their account (AccountId: within the store). */
export type AccountId = number
/** Stands for an account where changes are watched: there are new lessons. */
export const LESSONS: AccountId = -1
/** Stands for an account where changes are watched: somebody's push subscriptions are others. */
export const PUSHES: AccountId = -2
/** Stands for an account where changes are watched: the queue is another. */
export const QUEUE: AccountId = -3
/** Stands for an account where changes are watched: a report came, or a complaint is to be sent. */
export const REPORTS: AccountId = -4
/** Stands for an account where changes are watched: somebody's webhooks are others. */
export const HOOKS: AccountId = -20
/** Stands for an account where changes are watched: something happened to a message. */
export const EVENTS: AccountId = 0
export type MailboxId = number
/** One stored message of an account: JMAP's Email, whatever mailboxes it is placed in (RFC 8474 EMAILID). */
export type EmailId = number
export type ThreadId = number
export type QueueId = number
/** SHA-256 of the content, hex. */
export type BlobHash = string

/** Where a body lies; small bodies in a segment file, large ones in a file of their own. */
export interface BlobRef {
  readonly hash: BlobHash
  readonly sizeBytes: number
  readonly segment: number
  readonly offset: number
  /** What it takes on disk, where it was tried to pack it (packed.ts); else it lies there as it is. */
  readonly storedBytes?: number
}

/** The segment of bodies in a file of their own, named by hash. */
export const OWN_FILE = 0
/** In a BlobRef: wherever the store's index says; a commit that names it is refused when the index knows no such body. */
export const UNKNOWN_SEGMENT = -1

export type SpecialUse = 'inbox' | 'drafts' | 'sent' | 'trash' | 'junk' | 'archive'

export interface Account {
  readonly id: AccountId
  /** The primary address: also the sign-in name. */
  readonly address: string
  readonly displayName: string
  /** SCRAM-SHA-256 credentials as text (src/protocols/sasl/credentials.ts); null: cannot sign in. */
  readonly credentials: string | null
}

/** An address that stands for several. All lower case. */
export interface Group {
  readonly address: string
  /** Who answers for it: gets what is written to its owner, and what comes back. */
  readonly owner: string
  /** Addresses of accounts or of groups. */
  readonly members: readonly string[]
}

export interface Mailbox {
  readonly id: MailboxId
  /** Full path, parts joined by '/', Unicode (NFC). 'INBOX' is the inbox. */
  readonly path: string
  readonly specialUse: SpecialUse | null
  readonly uidValidity: number
  readonly uidNext: number
  /** The highest MODSEQ of anything in this mailbox (RFC 7162). */
  readonly highestModseq: number
  readonly subscribed: boolean
  /** Every keyword that a message here has had. */
  readonly keywords: readonly string[]
  readonly total: number
  readonly unseen: number
  readonly sizeBytes: number
  /** MODSEQ at which the mailbox row itself last changed (JMAP Mailbox/changes). */
  readonly modseq: number
  /** Where the person wants it in lists; null: nobody said. */
  readonly sortOrder: number | null
}

/** A message's place in one mailbox: what IMAP calls a message. */
export interface Placement {
  readonly mailbox: MailboxId
  readonly uid: number
  readonly email: EmailId
  /** IMAP system flags as written in RFC 9051 ('\\Seen', …) and keywords, sorted; '\\Recent' is never stored. */
  readonly flags: readonly string[]
  readonly modseq: number
  /** When it came into this mailbox; null where nobody noted it (RFC 8514). */
  readonly savedAtMs: number | null
  /** Of the email: INTERNALDATE, and its size. */
  readonly receivedAtMs: number
  readonly sizeBytes: number
}

/** What an account may hold and holds (RFC 9208); null: no limit. */
export interface Quota {
  readonly bytes: number | null
  readonly messages: number | null
  readonly usedBytes: number
  readonly usedMessages: number
}

/** What one identifier may do in a mailbox (RFC 4314): an address, 'anyone', or one of them after '-'. */
export interface AccessRight {
  readonly identifier: string
  readonly rights: string
}

/** An annotation (RFC 5464). `reader` 0: shared by all. */
export interface Annotation {
  readonly reader: AccountId | 0
  readonly entry: string
  readonly value: Buffer
}

/** What was read from a message once, when it came in; enough for lists, ENVELOPE and Email/get of the usual properties. */
export interface EmailSummary {
  readonly subject: string
  /** Formatted mailboxes: { name, email } pairs as JMAP has them (RFC 8621 §4.1.2.3). */
  readonly from: readonly EmailAddress[]
  readonly to: readonly EmailAddress[]
  readonly cc: readonly EmailAddress[]
  readonly bcc: readonly EmailAddress[]
  readonly replyTo: readonly EmailAddress[]
  readonly sender: readonly EmailAddress[]
  /** Names of the groups in these fields, where there are any: searches find them too. */
  readonly groupNames?: Partial<Record<'from' | 'to' | 'cc' | 'bcc', readonly string[]>>
  /** What stands first in these fields where that is no mailbox: a group's name, or a name without a domain. */
  readonly leading?: Partial<Record<'from' | 'to' | 'cc', string>>
  /** The Date field, milliseconds since 1970, or null. */
  readonly sentAtMs: number | null
  /** Message-IDs without angle brackets. */
  readonly messageId: readonly string[]
  readonly inReplyTo: readonly string[]
  readonly references: readonly string[]
  /** Up to 256 characters of plain text. */
  readonly preview: string
  /** Only where a message comes in: kept apart (message/envelope.ts). */
  readonly envelope?: string
  readonly hasAttachment: boolean
}

export interface EmailAddress {
  readonly name: string | null
  readonly email: string
}

export interface Email extends EmailSummary {
  readonly id: EmailId
  readonly blob: BlobRef
  readonly thread: ThreadId
  readonly sizeBytes: number
  /** INTERNALDATE / receivedAt, milliseconds. */
  readonly receivedAtMs: number
  /** The MODSEQ at which the email last changed in any way (JMAP Email/changes) and at which it was made. */
  readonly modseq: number
  readonly createdModseq: number
  /** What the Border found, as the Receiver decided it: shown to the Recipient. JSON, see TrackEvent.detail. */
  readonly verdict: Verdict | null
}

/** The Receiver's findings kept beside a message (and in tracking): plain data, shown on screens. */
export interface Verdict {
  readonly outcome: 'accept' | 'junk'
  readonly reason: string
  readonly spf: string
  readonly dkim: string
  readonly dmarc: string
  readonly arc: string
  /** Where the Receiver looks at DKIM2, and the message carries it. */
  readonly dkim2?: string
  /** The logo that the proven domain of From publishes (BIMI). Shown as a fact: nothing is loaded from there. */
  readonly bimi?: { readonly domain: string; readonly location: string; readonly evidence: boolean }
  /** SPF of the domain in From, where that is not the domain that `spf` speaks of: fails behind every Forwarder. */
  readonly authorSpf?: { readonly domain: string; readonly result: string }
  /** Domain of the trusted Forwarder whose results were used, if one was. */
  readonly trustedForwarder?: string
  /** Whose proven seal or rewritten reverse-path it came with, and the Recipient's address there if the header names it. */
  readonly through?: { readonly domain: string; readonly oldAddress: string }
  /** What the rules on header and content found, and what earlier decisions say of such mail, weightiest first: points above zero speak against the message. */
  readonly points?: number
  readonly rules?: readonly {
    readonly id: string
    readonly points: number
    readonly explanation: string
    readonly evidence?: string
  }[]
  readonly steps: readonly string[]
}

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
    /** Of forwarded mail: the Recipient's address here. */
    readonly forwardedFrom?: string
    /** Of forwarded mail: nothing proved whose it is, so no notification goes back to its reverse-path. */
    readonly isUnproven?: boolean
    /** Held by its Author for somebody at this agent: it leaves for his mailbox, not for the network. */
    readonly atHome?: boolean
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

/** What happened to a message at one hop, in role names. */
export interface TrackEvent {
  readonly id: number
  readonly atMs: number
  readonly trace: string
  readonly role: 'MSA' | 'Transmitter' | 'Receiver' | 'Forwarder' | 'MDA'
  readonly kind:
    | 'accepted'
    | 'refused'
    | 'deferred'
    | 'queued'
    | 'attempt'
    | 'delivered'
    | 'transmitted'
    | 'bounced'
    | 'forwarded'
    | 'held'
    | 'cancelled'
    | 'expanded'
    | 'suppressed'
  /** Message-ID of the message, when known, to join the hops of several actors. */
  readonly messageId: string
  readonly reversePath: string
  readonly forwardPath: string
  /** One sentence for people. */
  readonly text: string
  readonly detail: Record<string, unknown>
}

/** An address that mail is not sent to any more. */
export interface Suppressed {
  /** An Author's address, or a domain for all its Authors. */
  readonly owner: string
  readonly address: string
  /** A class of bounces, 'feedback', or 'asked': an administrator put it here. */
  readonly reason: string
  /** What was said, one sentence. */
  readonly said: string
  /** Last. */
  readonly atMs: number
  /** How often. */
  readonly failures: number
}

/** What is put on the list by somebody's word. */
export type NewSuppressed = Omit<Suppressed, 'failures'>

/** A Forwarder that one Recipient trusts. Matched on authenticated identity, never on HELO. */
/** What somebody sent in an hour. */
export interface OutgoingCounts {
  /** Messages that went only to people whom the sender knows. */
  readonly acquainted: number
  /** Recipients elsewhere. */
  readonly recipients: number
  /** Of these, whom the sender never wrote to. */
  readonly strangers: number
  /** Messages to strangers that look like spam. */
  readonly suspects: number
  /** Recipients whom the other side refused for good. */
  readonly refused: number
  readonly complaints: number
}

/** What is counted of a contract on a day. */
export interface ContractCounts {
  /** Messages that were taken. */
  readonly messages?: number
  readonly recipients?: number
  /** Messages that were not. */
  readonly refused?: number
  /** Recipients. */
  readonly delivered?: number
  readonly returned?: number
}

export interface OutgoingHour extends OutgoingCounts {
  /** Since 1970. */
  readonly hour: number
}

/** Something remembered of strangers, with its end; `value` undefined: it is forgotten. */
export interface Remembered {
  readonly key: string
  readonly value: string | undefined
  readonly expiresAtMs: number
}

export interface TrustedForwarder {
  readonly account: AccountId
  /** The Forwarder's domain: ARC d=, SRS/SPF domain or DKIM d= must match it or be below it. */
  readonly domain: string
  /** The Recipient's address at the Forwarder, '' when not told. */
  readonly oldAddress: string
  readonly addedAtMs: number
}

/** Mail for one of a Recipient's addresses goes on to another address: set up by the Recipient. */
export interface Forward {
  readonly account: AccountId
  /** An address of the account, lower case. */
  readonly from: string
  readonly to: string
  /** A copy stays here. */
  readonly keep: boolean
  /** 'unverified': nobody at the target has said yet that it is wanted there; nothing is forwarded. */
  readonly state: 'unverified' | 'active'
  /** What the owner of the target must show. */
  readonly code: string
  /** What of a marked message was still proven when it arrived at the target; null: not told. */
  readonly probe: { readonly id: string; readonly sentAtMs: number; readonly told: ProbeReport | null } | null
  readonly addedAtMs: number
}

/** What the far end saw of a probe: results in one word each. */
export interface ProbeReport {
  readonly atMs: number
  readonly by: string
  readonly spf: string
  readonly dkim: string
  readonly dmarc: string
  readonly arc: string
}

/** How the target of a forward has answered lately. */
export interface ForwardHealth {
  /** Refusals for good in a row. */
  readonly refusals: number
  /** Mail is kept here since then; null: it goes on. */
  readonly pausedAtMs: number | null
  readonly lastReply: string
}

/** The MTA-STS policy of a domain that mail was sent to, as it was fetched (RFC 8461). */
export interface StoredPolicy {
  /** Lower case, A-labels. */
  readonly domain: string
  /** id= of the record in DNS. */
  readonly id: string
  /** JSON; what it says is the business of who fetched it. */
  readonly policy: string
  readonly fetchedMs: number
  readonly expiresMs: number
}

/** What a person's handling of a message says of it, not learned yet. */
export interface Lesson {
  /** Later lessons have higher ids; a newer one about the same email takes the older one's place. */
  readonly id: number
  readonly account: AccountId
  readonly blob: BlobRef
  readonly isSpam: boolean
  /** Said outright (to Junk, out of it); else only shown (answered, filed, read and kept). */
  readonly told: boolean
  /** Of the Border, when the message came across it. */
  readonly verdict: Verdict | null
}

/** What a classifier has learned, as bytes of its own. */
export interface LearnedState {
  /** An account, or 0, -1, … for the system. */
  readonly owner: number
  readonly state: Uint8Array
}

/** A sent message as JMAP tracks it (RFC 8621 §7). */
export interface Submission {
  readonly id: number
  readonly account: AccountId
  readonly email: EmailId
  readonly identity: string
  readonly trace: string
  readonly reversePath: string
  readonly forwardPaths: readonly string[]
  readonly sendAtMs: number
  readonly undoStatus: 'pending' | 'final' | 'canceled'
}

/** A message that an Author handed in, by whatever way. */
export interface SentMessage {
  /** Of all of the store, in order. */
  readonly id: number
  readonly account: AccountId
  readonly trace: string
  readonly atMs: number
  /** The word of the Received line for how it came. */
  readonly protocol: string
  readonly reversePath: string
  /** The first thousand. */
  readonly forwardPaths: readonly string[]
  readonly recipients: number
  readonly subject: string
  readonly messageId: string
  readonly sizeBytes: number
  readonly holdUntilMs?: number
  /** What its program wants to find again with it. */
  readonly tags?: readonly string[]
  readonly metadata?: Readonly<Record<string, string>>
}

/** What is kept as an object of an account. */
export type ObjectKind =
  | 'identity'
  | 'push'
  | 'addressbook'
  | 'contact'
  | 'app-password'
  | 'second-factor'
  | 'web-session'
  | 'oauth-grant'
  | 'oidc-link'
  | 'passkey'
  | 'certificate'
  | 'share-notification'
  | 'webhook'
  | 'webhook-progress'

/** A 'share-notification': somebody's rights in a mailbox of another are others now. */
export interface ShareNotification {
  readonly createdMs: number
  /** Who changed them. */
  readonly by: AccountId
  readonly owner: AccountId
  readonly mailbox: MailboxId
  /** The path of the mailbox then. */
  readonly path: string
  /** Letters of RFC 4314; '' for none. */
  readonly oldRights: string
  readonly newRights: string
}

/** A small thing of a person; what `value` says is the business of who put it. */
export interface StoredObject {
  readonly id: number
  readonly modseq: number
  /** JSON. */
  readonly value: string
}

/** A day (UTC, days since 1970) of a domain that a report is about: DMARC (RFC 9990) or TLS (RFC 8460). */
export interface ReportDay {
  readonly kind: 'dmarc' | 'tls'
  readonly domain: string
  readonly day: number
}

/** What was seen alike a number of times. */
export interface ReportSighting extends ReportDay {
  /** JSON: what the report says once about the day; the newest counts. */
  readonly about: string
  /** When the report is due. */
  readonly dueMs: number
  /** JSON: one row of the report, without its count. */
  readonly row: string
  readonly count: number
  /** Of these, messages that make a report worth sending: a report about nothing but reports would go on for ever. */
  readonly worthy: number
}

/** The report that is owed about a domain's day. */
export interface ReportDuty extends ReportDay {
  readonly state: 'collecting' | 'sent' | 'unsent'
  readonly dueMs: number
  readonly attempts: number
  readonly messages: number
  readonly worthy: number
  /** Messages that were counted, but are in no row. */
  readonly omitted: number
  /** One sentence for people: what became of it. */
  readonly outcome: string
  readonly about: string
}

/** A report that somebody sent to us. */
export interface ReceivedReport {
  readonly id: number
  /** Hex: the same report again has the same. */
  readonly key: string
  readonly kind: 'aggregate' | 'tls' | 'failure' | 'feedback' | 'unreadable'
  /** The domain; of feedback, the Author whose message was complained of, if it is known. */
  readonly about: string
  readonly organization: string
  /** The domain that is proven to have sent it; '' when none is. */
  readonly provenDomain: string
  readonly beginMs: number
  readonly endMs: number
  readonly receivedAtMs: number
  /** JSON. */
  readonly content: string
}

/** One Sieve script of a person (RFC 5804 §1). */
export interface SieveScript {
  readonly id: number
  readonly name: string
  readonly blob: BlobRef
  /** At most one of an account is. */
  readonly isActive: boolean
}

/** How many scripts an account may have, and how large they may be in all. */
export interface ScriptQuota {
  readonly scripts: number
  readonly bytes: number
}

/** The answer for while a person is away, as JMAP has it (RFC 8621 §8). */
export interface VacationResponse {
  readonly isEnabled: boolean
  readonly fromMs: number | null
  readonly toMs: number | null
  readonly subject: string | null
  readonly textBody: string | null
  readonly htmlBody: string | null
}

/** The setting that says that deleted emails are kept for a while: 'yes' or 'no'. */
export const UNDELETE = 'undelete'
/** The setting that says that nothing of an account may go: 'yes' or 'no'. */
export const holdKey = (account: AccountId) => `hold/${account}`

/** An email that was deleted and can be brought back. */
export interface DeletedEmail {
  /** As it was; it comes back under another. */
  readonly id: EmailId
  readonly subject: string
  readonly from: EmailSummary['from']
  /** The path of the mailbox that it was in last. */
  readonly mailbox: string
  readonly sizeBytes: number
  readonly receivedAtMs: number
  readonly deletedAtMs: number
}

/** The setting that says whether senders are told of complaints: 'yes' or 'no'. */
export const COMPLAINS = 'complains'
