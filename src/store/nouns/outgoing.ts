// What Authors and contract partners send: as they see it, as it is counted, and to whom they write no more.

import type { EmailId } from './mail.ts'
import type { AccountId } from './people.ts'

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

/** That an Author wrote to somebody is noted again after so many days: most mail goes to people who are known. */
export const MET_AGAIN_DAYS = 30

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
