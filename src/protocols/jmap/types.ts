// JMAP's own nouns: what a request is made of, what a method gives back, and what a backend must offer.
// Keeps RFC 8620 §2 (limits), §3.2 (invocations), §3.6.2 (method-level errors), §5.3 (SetError).
// Everything here is a view of one signed-in account's store; HTTP is above, in src/web/.

import type { Command, CommandResult } from '../../store/commands.ts'
import type { EmailId, MailboxId } from '../../store/nouns/mail.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { World } from '../../world/world.ts'
import type { Rights } from '../imap/rights.ts'
import type { Reply } from '../smtp/reply.ts'

export const CORE = 'urn:ietf:params:jmap:core'
export const MAIL = 'urn:ietf:params:jmap:mail'
export const BLOB = 'urn:ietf:params:jmap:blob'
/** Ours: what was deleted and can be brought back. */
export const DELETED = 'urn:borderpost:jmap:deleted'
export const QUOTA = 'urn:ietf:params:jmap:quota'
export const WEBSOCKET = 'urn:ietf:params:jmap:websocket'
export const VAPID = 'urn:ietf:params:jmap:webpush-vapid'
export const CONTACTS = 'urn:ietf:params:jmap:contacts'
export const PRINCIPALS = 'urn:ietf:params:jmap:principals'
export const MDN = 'urn:ietf:params:jmap:mdn'
export const SUBMISSION = 'urn:ietf:params:jmap:submission'
export const VACATION = 'urn:ietf:params:jmap:vacationresponse'
export const SIEVE = 'urn:ietf:params:jmap:sieve'

/** What we bear in one request; the session object tells it to clients (RFC 8620 §2). */
export const LIMITS = {
  maxSizeUpload: 50_000_000,
  maxConcurrentUpload: 4,
  maxSizeRequest: 10_000_000,
  maxConcurrentRequests: 8,
  maxCallsInRequest: 32,
  maxObjectsInGet: 1000,
  maxObjectsInSet: 1000,
} as const

/** The largest message we make or take, attachments encoded. */
export const MAX_MESSAGE_BYTES = 50_000_000

export type Json = Record<string, unknown>

/** Name, arguments, call id (RFC 8620 §3.2). */
export type Invocation = [name: string, args: Json, callId: string]

/** What the MSA must know of a message that is to be sent. */
export interface Outgoing {
  readonly reversePath: string
  readonly forwardPaths: readonly string[]
  readonly source: Buffer
  /** It may not leave before then. */
  readonly holdUntilMs?: number | undefined
  /** A command for the commit that takes the message; the trace names it. */
  readonly record?: ((trace: string) => Command) | undefined
}

/** The MSA's answer: its SMTP reply, the name under which the message can be followed, and what came of `record`. */
export interface Submitted {
  readonly reply: Reply
  readonly trace: string | undefined
  readonly recorded?: CommandResult | undefined
}

/** What somebody may do in an account of another. */
export interface Sharing {
  /** Of the mailboxes that he may read. */
  readonly rights: ReadonlyMap<MailboxId, Rights>
  /** The mailboxes of the email that he may not see. */
  hiddenPlaces(email: EmailId): MailboxId[]
  /** Is there any mailbox below this path, or at it. */
  isTaken(path: string): boolean
  /** Whose uploads may become messages there: his own account. */
  readonly own: JmapBackend
}

/** One signed-in account, and what its methods may reach. Keep it for as long as the account is in use: it caches. */
export interface JmapBackend {
  readonly store: Store
  readonly account: Account
  readonly world: World
  /** Another's account, of which this person sees a part. */
  readonly sharing?: Sharing
  /** The key of whoever pushes for this account, as clients show it to their push service (RFC 9749). */
  readonly pushKey?: string
  /** As whom else this person may send: addresses, and domains with all that is in them. */
  readonly lent?: () => { readonly addresses: readonly string[]; readonly domains: readonly string[] }
  /** Hands a message to the MSA role; never rejects for what the message says (that is a reply). */
  readonly submit: (account: Account, message: Outgoing) => Promise<Submitted>
}

/** A method that could not run at all (RFC 8620 §3.6.2). */
export class MethodError {
  readonly type: string
  readonly description: string | undefined
  constructor(type: string, description?: string) {
    this.type = type
    this.description = description
  }
}

export const invalidArguments = (description: string): MethodError => new MethodError('invalidArguments', description)

/** Why one object of a /set was refused (RFC 8620 §5.3). */
export interface SetError extends Json {
  readonly type: string
  readonly description?: string
  readonly properties?: readonly string[]
}

export const setError = (type: string, description?: string, more?: Json): SetError => ({
  type,
  ...(description === undefined ? {} : { description }),
  ...more,
})
export const invalidProperties = (properties: readonly string[], description?: string): SetError =>
  setError('invalidProperties', description, { properties })

/** What a running method sees beside its arguments. */
export interface Context {
  readonly backend: JmapBackend
  /** Creation ids of this request, without '#', to server ids (RFC 8620 §3.3). */
  readonly createdIds: Map<string, string>
}

/** Arguments of the response; `also` are further responses with the same call id (RFC 8621 §7.5). */
export interface MethodResult {
  readonly args: Json
  readonly also?: readonly (readonly [name: string, args: Json])[]
}

export interface Method {
  readonly capability: string
  readonly run: (args: Json, context: Context) => Promise<MethodResult | MethodError> | MethodResult | MethodError
}
