// What DNSSEC says of a mail server's certificate (RFC 7672 §2.2): TLSA records are asked for only where everything that
// led to the host is signed, at the end of its aliases first. An answer that does not come is not "none": whoever can
// hold back a record must not gain by it (§2.1.2).

import type { Dns, TlsaRecord } from '../../world/dns.ts'
import { usableTlsa } from './tlsa.ts'

export type Dane =
  /** No signed TLSA records: DANE has nothing to say. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'records'
      /** The TLSA base domain: what is sent as SNI (§8.1). */
      readonly base: string
      readonly all: readonly TlsaRecord[]
      /** None: encryption is due all the same, and proves nobody (§2.2). */
      readonly usable: readonly TlsaRecord[]
    }
  /** Unknown: nothing may be said to this host now. */
  | { readonly kind: 'no-answer'; readonly reason: string }

/** `bases`: the host's name at the end of its aliases, then as the MX has it; of those the signed ones. */
export async function daneOf(bases: readonly string[], port: number, dns: Dns): Promise<Dane> {
  for (const base of bases) {
    const answer = await dns.resolve(`_${port}._tcp.${base}`, 'TLSA')
    if (answer.status === 'no-answer')
      return { kind: 'no-answer', reason: `no answer from DNS for the TLSA records of ${base}: ${answer.reason}` }
    if (answer.status === 'records' && answer.authenticated)
      return { kind: 'records', base, all: answer.records, usable: usableTlsa(answer.records) }
  }
  return { kind: 'none' }
}
