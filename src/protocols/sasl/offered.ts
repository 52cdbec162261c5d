// Which mechanisms a connection offers: what the accounts can do, as far as its TLS session gives what they need.

import type { TlsInfo } from '../../world/network.ts'
import type { SaslMechanism } from './accounts.ts'

/** What of the TLS session a mechanism may use. */
export type SaslTls = Pick<TlsInfo, 'bindings' | 'clientCertificate'>

const NEEDS: Partial<Record<SaslMechanism, (tls: SaslTls) => boolean>> = {
  'SCRAM-SHA-256-PLUS': ({ bindings = [] }) => bindings.length > 0,
  EXTERNAL: ({ clientCertificate }) => clientCertificate !== undefined,
}

/** In the order to offer them; `tls` is undefined without TLS. */
export function offered(mechanisms: readonly SaslMechanism[], tls: SaslTls | undefined): readonly SaslMechanism[] {
  return mechanisms.filter((mechanism) => NEEDS[mechanism]?.(tls ?? {}) ?? true)
}
