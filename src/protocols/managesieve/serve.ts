// Serves ManageSieve on one stream, to the end. Never throws.

import type { Store } from '../../store/store.ts'
import type { Stream, TlsIdentity } from '../../world/network.ts'
import type { World } from '../../world/world.ts'
import { drive } from '../drive.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { MAX_SCRIPT_BYTES, SCRIPT_QUOTA } from '../sieve/quota.ts'
import { type ManageSieveLimits, ManageSieveSession } from './session.ts'

export interface ServeManageSieveOptions {
  readonly store: Store
  readonly accounts: SaslAccounts
  /** For STARTTLS; undefined: not offered. */
  readonly tlsIdentity?: TlsIdentity
  /** Passwords may be said without TLS (loopback). */
  readonly allowPlaintext?: boolean
  readonly limits?: Partial<ManageSieveLimits>
  /** Told of a bug of ours that ended a session. */
  readonly report?: (error: unknown) => void
}

const LIMITS: ManageSieveLimits = {
  idleMs: 30 * 60_000,
  signInMs: 60_000,
  failures: 5,
  failureDelayMs: 1_000,
  scriptBytes: MAX_SCRIPT_BYTES,
  quota: SCRIPT_QUOTA,
}

/** A client that takes no bytes for this long is dropped. */
const WRITE_TIMEOUT_MS = 5 * 60_000

export function serveManageSieve(
  stream: Stream,
  options: ServeManageSieveOptions,
  world: Pick<World, 'clock' | 'random'>,
): Promise<void> {
  const { store, accounts, tlsIdentity, allowPlaintext = false, report } = options
  const session = new ManageSieveSession({
    store,
    accounts,
    random: world.random,
    tlsAvailable: tlsIdentity !== undefined,
    allowPlaintext,
    tls: stream.tls,
    monotonic: () => world.clock.monotonic(),
    limits: { ...LIMITS, ...options.limits },
  })
  const context = { stream, store, accounts, tlsIdentity, world, writeTimeoutMs: WRITE_TIMEOUT_MS }
  return drive(session.run(), report ? { ...context, report } : context)
}
