// A server's side of a conversation, without I/O: a generator that says what it needs done (an Effect) and goes on
// with the outcome. IMAP and POP3 are written in these words; drive.ts performs them on a stream and a store, and a
// test performs them by hand. Reads of the store are synchronous and need no effect.

import type { Command, CommandResult } from '../store/commands.ts'
import type { BlobRef } from '../store/nouns/bodies.ts'
import type { EmailId } from '../store/nouns/mail.ts'
import type { AccountId } from '../store/nouns/people.ts'
import type { TlsInfo } from '../world/network.ts'
import type { PasswordVerdict, ScramLookup, TokenVerdict } from './sasl/accounts.ts'

export interface BlobRequest {
  readonly ref: BlobRef
  readonly range?: { readonly offset: number; readonly length: number }
}

export type Effect =
  /** Bytes for the client; goes on when the send buffer has room. */
  | { readonly kind: 'send'; readonly chunks: readonly Buffer[] }
  /** Goes on with a ReadOutcome; with `timeoutMs` 0 at once, with what has come. With `orChange` also when the store announces a change of a watched account. */
  | { readonly kind: 'read'; readonly timeoutMs: number; readonly orChange: boolean }
  | { readonly kind: 'commit'; readonly batch: readonly Command[] }
  /** Stores bodies at the same time. */
  | { readonly kind: 'put-blobs'; readonly contents: readonly Uint8Array[] }
  | { readonly kind: 'read-blobs'; readonly requests: readonly BlobRequest[] }
  /** Store.mayHold. */
  | { readonly kind: 'may-hold'; readonly account: AccountId; readonly text: string; readonly isBody: boolean }
  | { readonly kind: 'check-password'; readonly user: string; readonly password: string }
  | { readonly kind: 'scram-credentials'; readonly user: string }
  | { readonly kind: 'check-token'; readonly user: string | undefined; readonly token: string }
  | { readonly kind: 'certificate-holder'; readonly certificate: Buffer; readonly user: string | undefined }
  /** The account is known: whoever keeps the accounts notes it. */
  | { readonly kind: 'signed-in'; readonly account: AccountId }
  | { readonly kind: 'signed-out' }
  /** 'read' with `orChange` looks at these accounts from now on, and at no others. */
  | { readonly kind: 'watch'; readonly accounts: readonly AccountId[] }
  /** From now on everything is deflated, both ways (RFC 4978). Goes on with true, or false where the stream cannot. */
  | { readonly kind: 'compress' }
  /** The handshake; whatever the client sent before it is discarded by the stream and by the session. */
  | { readonly kind: 'start-tls' }
  /** Lets other connections run: in the middle of long work. */
  | { readonly kind: 'pause' }
  /** Waits: after a wrong password. */
  | { readonly kind: 'delay'; readonly delayMs: number }

/** A piece of a session's work. What `yield` gives back depends on the effect: use the helpers below. */
export type Dialogue<T = void> = Generator<Effect, T, unknown>

/** The disk did not take what it was given: the command fails, the session lives. */
export interface DiskRefusal {
  readonly refused: 'full' | 'failed'
}
export type Committed = readonly CommandResult[] | DiskRefusal

export function isRefusal(outcome: Committed | readonly BlobRef[]): outcome is DiskRefusal {
  return 'refused' in outcome
}

export function* send(...chunks: Buffer[]): Dialogue {
  yield { kind: 'send', chunks }
}

/** Bytes; null when the client has closed; or why there are none. */
export type ReadOutcome = Uint8Array | null | 'timeout' | 'changed'

export function* read(timeoutMs: number, orChange = false): Dialogue<ReadOutcome> {
  return (yield { kind: 'read', timeoutMs, orChange }) as ReadOutcome
}

export function* commit(...batch: Command[]): Dialogue<Committed> {
  return (yield { kind: 'commit', batch }) as Committed
}

export function* putBlobs(contents: readonly Uint8Array[]): Dialogue<readonly BlobRef[] | DiskRefusal> {
  return (yield { kind: 'put-blobs', contents }) as readonly BlobRef[] | DiskRefusal
}

/** Reads at the same time; undefined for a blob that is gone or unreadable. */
export function* readBlobs(requests: readonly BlobRequest[]): Dialogue<readonly (Buffer | undefined)[]> {
  return (yield { kind: 'read-blobs', requests }) as readonly (Buffer | undefined)[]
}

/** Emails that may hold the text, see Store.mayHold. */
export function* mayHold(
  account: AccountId,
  text: string,
  isBody: boolean,
): Dialogue<ReadonlySet<EmailId> | undefined> {
  return (yield { kind: 'may-hold', account, text, isBody }) as ReadonlySet<EmailId> | undefined
}

export function* checkPassword(user: string, password: string): Dialogue<PasswordVerdict> {
  return (yield { kind: 'check-password', user, password }) as PasswordVerdict
}

export function* scramCredentials(user: string): Dialogue<ScramLookup> {
  return (yield { kind: 'scram-credentials', user }) as ScramLookup
}

export function* checkToken(user: string | undefined, token: string): Dialogue<TokenVerdict> {
  return (yield { kind: 'check-token', user, token }) as TokenVerdict
}

export function* certificateHolder(certificate: Buffer, user: string | undefined): Dialogue<PasswordVerdict> {
  return (yield { kind: 'certificate-holder', certificate, user }) as PasswordVerdict
}

/** The connection stays, and is nobody's. */
export function* signedOut(): Dialogue {
  yield { kind: 'signed-out' }
}

export function* signedIn(account: AccountId): Dialogue {
  yield { kind: 'signed-in', account }
}

export function* watch(accounts: readonly AccountId[]): Dialogue {
  yield { kind: 'watch', accounts }
}

/** What was agreed; undefined when the handshake failed. */
export function* startTls(): Dialogue<TlsInfo | undefined> {
  return (yield { kind: 'start-tls' }) as TlsInfo | undefined
}

/** True when the stream is deflated now. */
export function* compress(): Dialogue<boolean> {
  return (yield { kind: 'compress' }) as boolean
}

export function* pause(): Dialogue {
  yield { kind: 'pause' }
}

export function* delay(delayMs: number): Dialogue {
  yield { kind: 'delay', delayMs }
}
