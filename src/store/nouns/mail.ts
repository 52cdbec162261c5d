// A person's mail: mailboxes, messages and their places in mailboxes (RFC 9051, RFC 8621), and what the Border found.

import type { BlobRef } from './bodies.ts'
import type { AccountId } from './people.ts'

export type MailboxId = number

/** One stored message of an account: JMAP's Email, whatever mailboxes it is placed in (RFC 8474 EMAILID). */
export type EmailId = number

export type ThreadId = number

export type SpecialUse = 'inbox' | 'drafts' | 'sent' | 'trash' | 'junk' | 'archive'

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
