// The envelope: what SMTP says about a message beside the message (RFC 5321 §2.3.1), with the parameters of
// SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), DSN (RFC 3461), REQUIRETLS (RFC 8689), FUTURERELEASE (RFC 4865),
// MT-PRIORITY (RFC 6710), DELIVERBY (RFC 2852).
// The same value travels from the server session through the role and the queue to the client session.

import type { ForwardPath, ReversePath } from '../../message/smtp-path.ts'

/** When a delivery status notification is wanted (RFC 3461 §4.1). An empty list is NOTIFY=NEVER. */
export type Notify = 'SUCCESS' | 'FAILURE' | 'DELAY'

export interface EnvelopeRecipient {
  readonly forwardPath: ForwardPath
  /** Absent: the default of RFC 3461 §4.1 (failures, perhaps delays). */
  readonly notify?: readonly Notify[]
  /** The original recipient, decoded: address type and address (RFC 3461 §4.2). No control characters. */
  readonly orcpt?: { readonly type: string; readonly address: string }
}

/** What we hold always has lines that end in CRLF: BINARYMIME (RFC 3030 §3) is for an MSA, which converts it. */
export type BodyKind = '7BIT' | '8BITMIME'

/** Not to be released before then (RFC 4865 §4): HOLDFOR in seconds, or HOLDUNTIL. */
export type Hold = { readonly forS: number } | { readonly untilMs: number }

/** BY= (RFC 2852 §4): within so many seconds, or it is returned; or, or its sender is told that it is late. */
export interface DeliverBy {
  readonly byS: number
  readonly mode: 'return' | 'notify'
  /** Each relay tells that it handed it on. */
  readonly trace?: true
}

/** What a sender says with MAIL of the message, and what must be heard of it at the next place. */
interface OfMessage {
  readonly body: BodyKind
  /** The sender asked for SMTPUTF8: addresses or header may hold UTF-8. */
  readonly smtputf8: boolean
  /** What a notification returns (RFC 3461 §4.3). */
  readonly ret?: 'FULL' | 'HDRS'
  /** Envelope identifier, decoded (RFC 3461 §4.4). No control characters. */
  readonly envid?: string
  /** RFC 8689: never over a hop without verified TLS. */
  readonly requireTls?: boolean
  /** The content came as BODY=BINARYMIME: any bytes, in any lines. */
  readonly binary?: true
  readonly hold?: Hold
  /** -9 to 9; 0 is like none (RFC 6710 §4.1). */
  readonly priority?: number
  readonly deliverBy?: DeliverBy
}

export interface Envelope extends OfMessage {
  readonly reversePath: ReversePath
  readonly recipients: readonly EnvelopeRecipient[]
}

/** MAIL's parameters (RFC 5321 §4.1.1.2), checked. */
export interface MailParameters extends OfMessage {
  /** SIZE=, in bytes (RFC 1870 §6). */
  readonly sizeBytes?: number
  /** PRDR: the client takes a reply for each recipient (draft-hall-prdr-00 §3). */
  readonly prdr?: true
  /** AUTH= (RFC 4954 §5), decoded; '<>' when unknown. A claim, not a proof. */
  readonly auth?: string
}

/** RCPT's parameters, checked. */
export interface RecipientParameters {
  readonly notify?: readonly Notify[]
  readonly orcpt?: { readonly type: string; readonly address: string }
}
