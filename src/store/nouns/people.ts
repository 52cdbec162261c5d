// A person here: the account, what it may hold, and the small things that belong to it.

import type { BlobRef } from './bodies.ts'
import type { MailboxId, Verdict } from './mail.ts'

/** Row ids: positive integers, unique within their account (AccountId: within the store). */
export type AccountId = number

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

/** What an account may hold and holds (RFC 9208); null: no limit. */
export interface Quota {
  readonly bytes: number | null
  readonly messages: number | null
  readonly usedBytes: number
  readonly usedMessages: number
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
