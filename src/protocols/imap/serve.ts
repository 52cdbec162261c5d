// Serves IMAP on one stream, to the end. Never throws.

import type { Store } from '../../store/store.ts'
import type { Stream, TlsIdentity } from '../../world/network.ts'
import type { World } from '../../world/world.ts'
import { drive } from '../drive.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { DEFAULT_IMAP_LIMITS, type ImapLimits, ImapSession } from './session.ts'

export interface ServeImapOptions {
  readonly store: Store
  readonly accounts: SaslAccounts
  /** For STARTTLS; undefined: not offered. */
  readonly tlsIdentity?: TlsIdentity
  /** Passwords may be said without TLS (loopback). */
  readonly allowPlaintext?: boolean
  /** Between the parts of a mailbox name; '/' when not given. */
  readonly delimiter?: '/' | '.'
  /** The JMAP session resource of the same people. */
  readonly jmapUrl?: string
  readonly limits?: Partial<ImapLimits>
  /** Told of a bug of ours that ended a session. */
  readonly report?: (error: unknown) => void
}

/** A client that takes no bytes for this long is dropped. */
const WRITE_TIMEOUT_MS = 5 * 60_000

export function serveImap(
  stream: Stream,
  options: ServeImapOptions,
  world: Pick<World, 'clock' | 'random'>,
): Promise<void> {
  const { store, accounts, tlsIdentity, allowPlaintext = false, delimiter = '/', report } = options
  const session = new ImapSession({
    store,
    accounts,
    random: world.random,
    tlsAvailable: tlsIdentity !== undefined,
    allowPlaintext,
    delimiter,
    jmapUrl: options.jmapUrl,
    tls: stream.tls,
    now: () => world.clock.now(),
    monotonic: () => world.clock.monotonic(),
    limits: { ...DEFAULT_IMAP_LIMITS, ...options.limits },
  })
  const context = { stream, store, accounts, tlsIdentity, world, writeTimeoutMs: WRITE_TIMEOUT_MS }
  return drive(session.run(), report ? { ...context, report } : context)
}
