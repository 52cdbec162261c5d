// The words between a server session and its driver: what the session wants done, and what it asks.

import type { ForwardPath, ReversePath } from '../../message/smtp-path.ts'
import type { Endpoint, TlsInfo } from '../../world/network.ts'
import type { Random } from '../../world/world.ts'
import type { SaslMechanism } from '../sasl/accounts.ts'
import type { Budget } from './content.ts'
import type { MailParameters, RecipientParameters } from './envelope.ts'
import type { InboundMessage } from './policy.ts'

/**
 * What the session asks of the role. Answer with `decide`, but 'password' and 'certificate' with `passwordChecked`,
 * 'credentials', 'token' and 'url' with their own methods.
 */
export type Question =
  | { readonly kind: 'connected' }
  | { readonly kind: 'hello'; readonly name: string; readonly extended: boolean }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'credentials'; readonly user: string }
  | { readonly kind: 'token'; readonly user: string | undefined; readonly token: string }
  | { readonly kind: 'certificate'; readonly certificate: Buffer; readonly user: string | undefined }
  | { readonly kind: 'authenticated'; readonly user: string }
  | { readonly kind: 'mail'; readonly reversePath: ReversePath; readonly parameters: MailParameters }
  | { readonly kind: 'recipient'; readonly forwardPath: ForwardPath; readonly parameters: RecipientParameters }
  | { readonly kind: 'url'; readonly url: string; readonly reversePath: ReversePath }
  | { readonly kind: 'message'; readonly message: InboundMessage }

/** 'ask', 'start-tls' and 'close' are always the last of the effects that one call returns. */
export type Effect =
  | { readonly kind: 'send'; readonly text: string }
  | { readonly kind: 'ask'; readonly question: Question }
  /** For the policy's ear only. */
  | { readonly kind: 'auth-failed'; readonly user: string | undefined }
  /** Send what is to be sent, then do the handshake, then call `tlsStarted`. */
  | { readonly kind: 'start-tls' }
  | { readonly kind: 'close' }

/** What the session waits for; the driver sets its deadlines by it. */
export type Phase = 'asking' | 'command' | 'auth' | 'data' | 'bdat' | 'tls' | 'closed'

export interface SessionContext {
  readonly peer: Endpoint
  readonly local: Endpoint
  /** Set when TLS was there from the start (RFC 8314 §3). */
  readonly tls: TlsInfo | undefined
  /** Offered inside TLS, or always with `authWithoutTls`. Empty: AUTH is not known. */
  readonly mechanisms: readonly SaslMechanism[]
  readonly budget: Budget
  /** Wall clock: until when mail can be held (RFC 4865 §3). */
  readonly now: () => number
  readonly random: Pick<Random, 'bytes'>
}
