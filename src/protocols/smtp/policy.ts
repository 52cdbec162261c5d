// The role's voice in an SMTP session. The session knows commands and their order; whether this client may speak, this
// mailbox exists and this message is accepted is the role's to say: roles/msa and roles/receiver implement this.
// One policy object serves one connection (it may keep state), or is shared when it keeps none.

import type { ForwardPath, ReversePath } from '../../message/smtp-path.ts'
import type { Endpoint, TlsInfo } from '../../world/network.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import type { Envelope, MailParameters, RecipientParameters } from './envelope.ts'
import { isPositive, REPLIES, type Reply } from './reply.ts'

/** What is known about the session so far. The object is live: it grows as the client speaks. */
export interface SessionFacts {
  readonly peer: Endpoint
  readonly local: Endpoint
  /** The name given with HELO or EHLO, as said: any printable text. Empty before. */
  readonly helo: string
  /** For the Received line's `with` (RFC 3848, RFC 6531 §4.3). HELO is 'SMTP' with TLS too: no word is registered. */
  readonly protocol: WithProtocol
  readonly tls: TlsInfo | undefined
  /** The account that AUTH proved. */
  readonly user: string | undefined
  /** The client spoke before it was greeted, or sent more before EHLO was answered (RFC 2920 §3.1): a mark of bots. */
  readonly earlyTalker: boolean
}

export type WithProtocol =
  | 'SMTP'
  | 'ESMTP'
  | 'ESMTPA'
  | 'ESMTPS'
  | 'ESMTPSA'
  | 'UTF8SMTP'
  | 'UTF8SMTPA'
  | 'UTF8SMTPS'
  | 'UTF8SMTPSA'
  | 'LMTP'
  | 'LMTPS'
  | 'UTF8LMTP'
  | 'UTF8LMTPS'

/** Of what was said first, and of what there is of TLS and AUTH by now; the bare SMTP of HELO takes no marks. */
export function protocolOf(
  { tls, user }: Pick<SessionFacts, 'tls' | 'user'>,
  greeted: 'SMTP' | 'ESMTP' | 'LMTP',
  isUtf8: boolean,
): WithProtocol {
  const base = !isUtf8 ? greeted : greeted === 'LMTP' ? 'UTF8LMTP' : 'UTF8SMTP'
  const marks = base === 'SMTP' ? '' : `${tls === undefined ? '' : 'S'}${user === undefined ? '' : 'A'}`
  return `${base}${marks}` as WithProtocol
}

/** undefined: go on with the standard reply. A Reply is sent instead: below 400 accepts, from 400 refuses, 421 hangs up. */
export type Answer = Reply | undefined
type Awaitable<T> = T | Promise<T>

/** Verdicts that differ by recipient; only for a client that asked for PRDR, or speaks LMTP. */
export interface RepliesByRecipient {
  /** One for each of the envelope's recipients, in their order: below 400 is a promise to deliver to that one. */
  readonly each: readonly Reply[]
  /** For the message. From 400 on it undoes every promise in `each`: nothing may have been kept then. */
  readonly final: Reply
}

/** LMTP: one reply for each of `count` recipients (RFC 2033 §4.2). An answer that does not fit them promises nothing. */
export function replyForEach(answer: Answer | RepliesByRecipient, count: number): readonly Reply[] {
  const isByRecipient = answer !== undefined && 'each' in answer
  const one = answer === undefined ? REPLIES.localError : isByRecipient ? answer.final : answer
  if (isByRecipient && isPositive(one)) {
    if (answer.each.length === count) return answer.each
    return Array.from({ length: count }, () => REPLIES.localError)
  }
  return Array.from({ length: count }, () => one)
}

export interface InboundMessage {
  readonly envelope: Envelope
  /** The content as sent, dots unstuffed, every line end CRLF. Belongs to the policy. */
  readonly source: Buffer
  readonly session: SessionFacts
  /** The client takes a reply for each recipient (PRDR, LMTP): `message` may answer with RepliesByRecipient. */
  readonly prdr: boolean
}

/** What the policy may know and do about its connection beside the dialogue: for who decides which one must give way. */
export interface ConnectionControl {
  /**
   * For how long the server has waited for this client, milliseconds: for its command, or beyond a second for each
   * kilobyte of its message. 0 while it is the client who waits.
   */
  readonly waitedMs: number
  /** Messages accepted so far. */
  readonly messages: number
  /** Ends the connection with 421. Does nothing while the client waits for an answer. */
  drop(): void
}

/** Each call waits for the one before. A policy that throws makes the client see 451 4.3.0 and nothing is kept. */
export interface SmtpServerPolicy {
  /** Absent: AUTH is not offered. */
  readonly accounts?: SaslAccounts
  /** Before the greeting. A refusal is sent in its place and the connection closed (554 or 421, RFC 5321 §3.1). */
  connected?(session: SessionFacts, connection: ConnectionControl): Awaitable<Answer>
  /** HELO (`extended` false) or EHLO. A positive reply is ignored: the session makes it. */
  hello?(name: string, extended: boolean, session: SessionFacts): Awaitable<Answer>
  /** After SASL has proven `user`, before 235. Must refuse with a reply if the account may not be used. */
  authenticated?(user: string, session: SessionFacts): Awaitable<Answer>
  /** AUTH failed (for throttling and the log). */
  authenticationFailed?(user: string | undefined, session: SessionFacts): void
  mail(reversePath: ReversePath, parameters: MailParameters, session: SessionFacts): Awaitable<Answer>
  recipient(forwardPath: ForwardPath, parameters: RecipientParameters, session: SessionFacts): Awaitable<Answer>
  /** Only where BURL is offered: the bytes that a URL leads to (RFC 4468 §3.2), or the reply that says why there are none. */
  partOf?(url: string, reversePath: ReversePath, session: SessionFacts): Awaitable<Buffer | Reply>
  /** The whole message is here. The reply is the promise: 250 only when it is safe (RFC 5321 §6.1). */
  message(message: InboundMessage): Awaitable<Reply | RepliesByRecipient>
  /** The session is over, however it ended. */
  disconnected?(session: SessionFacts): void
}
