// Dns: questions to the Domain Name System as every role asks them. "No answer" is not "no such name":
// the two are different results, because the first may never lead to a bounce (RFC 5321 §5.1).

export interface MxRecord {
  readonly preference: number
  readonly exchange: string
}

export interface TlsaRecord {
  readonly usage: number
  readonly selector: number
  readonly matchingType: number
  readonly certificate: Buffer
}

export interface SrvRecord {
  readonly priority: number
  readonly weight: number
  readonly port: number
  readonly target: string
}

/** RFC 8659 §4.1. */
export interface CaaRecord {
  readonly isCritical: boolean
  readonly tag: string
  readonly value: string
}

export interface DnsRecords {
  A: string
  AAAA: string
  MX: MxRecord
  /** Each TXT record's strings, concatenated, as bytes-in-latin1 text (RFC 7208 §3.3, RFC 6376 §3.6.2.2). */
  TXT: string
  PTR: string
  CNAME: string
  NS: string
  TLSA: TlsaRecord
  SRV: SrvRecord
  CAA: CaaRecord
}
export type DnsType = keyof DnsRecords

/** The outcome of one question. CNAMEs have been followed. Names are lower case without the final dot. */
export type DnsAnswer<T> =
  | {
      readonly status: 'records'
      readonly records: readonly T[]
      readonly ttlS: number
      readonly authenticated: boolean
      /** The name that the records stand at, where aliases led to another than was asked for. */
      readonly canonical?: string
    }
  /** The name exists but has no record of this type. */
  | { readonly status: 'no-data'; readonly authenticated: boolean }
  /** NXDOMAIN. */
  | { readonly status: 'no-name'; readonly authenticated: boolean }
  /** SERVFAIL, timeout, malformed: nothing is known. `reason` is for people. */
  | { readonly status: 'no-answer'; readonly reason: string }

export interface DnsWishes {
  /** Records that were true a while ago are better than no answer (RFC 8767). A "no" is never stale. */
  readonly mayBeStale?: boolean
}

export interface Dns {
  /** Never rejects: every outcome is a value. */
  resolve<T extends DnsType>(name: string, type: T, wishes?: DnsWishes): Promise<DnsAnswer<DnsRecords[T]>>
}
