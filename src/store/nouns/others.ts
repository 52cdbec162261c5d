// What is remembered of other systems.

/** Something remembered of strangers, with its end; `value` undefined: it is forgotten. */
export interface Remembered {
  readonly key: string
  readonly value: string | undefined
  readonly expiresAtMs: number
}

/** The MTA-STS policy of a domain that mail was sent to, as it was fetched (RFC 8461). */
export interface StoredPolicy {
  /** Lower case, A-labels. */
  readonly domain: string
  /** id= of the record in DNS. */
  readonly id: string
  /** JSON; what it says is the business of who fetched it. */
  readonly policy: string
  readonly fetchedMs: number
  readonly expiresMs: number
}
