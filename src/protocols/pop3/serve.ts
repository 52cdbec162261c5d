// Serves POP3 on one stream, to the end. Never throws.

import type { Store } from '../../store/store.ts'
import type { Stream, TlsIdentity } from '../../world/network.ts'
import type { World } from '../../world/world.ts'
import { drive } from '../drive.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { DEFAULT_POP3_LIMITS, type Pop3Limits, Pop3Session } from './session.ts'

export interface ServePop3Options {
  readonly store: Store
  readonly accounts: SaslAccounts
  /** For STARTTLS; undefined: not offered. */
  readonly tlsIdentity?: TlsIdentity
  /** Passwords may be said without TLS (loopback). */
  readonly allowPlaintext?: boolean
  readonly limits?: Partial<Pop3Limits>
  /** Told of a bug of ours that ended a session. */
  readonly report?: (error: unknown) => void
}

/** A client that takes no bytes for this long is dropped. */
const WRITE_TIMEOUT_MS = 5 * 60_000

export function servePop3(
  stream: Stream,
  options: ServePop3Options,
  world: Pick<World, 'clock' | 'random'>,
): Promise<void> {
  const { store, accounts, tlsIdentity, allowPlaintext = false, report } = options
  const session = new Pop3Session({
    store,
    accounts,
    random: world.random,
    tlsAvailable: tlsIdentity !== undefined,
    allowPlaintext,
    monotonic: () => world.clock.monotonic(),
    tls: stream.tls,
    limits: { ...DEFAULT_POP3_LIMITS, ...options.limits },
  })
  const context = { stream, store, accounts, tlsIdentity, world, writeTimeoutMs: WRITE_TIMEOUT_MS }
  return drive(session.run(), report ? { ...context, report } : context).finally(() => session.release())
}
