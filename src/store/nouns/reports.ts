// Reports between domains: what is owed to others, and what others sent (RFC 9990, RFC 8460, RFC 5965).

/** A day (UTC, days since 1970) of a domain that a report is about: DMARC (RFC 9990) or TLS (RFC 8460). */
export interface ReportDay {
  readonly kind: 'dmarc' | 'tls'
  readonly domain: string
  readonly day: number
}

/** What was seen alike a number of times. */
export interface ReportSighting extends ReportDay {
  /** JSON: what the report says once about the day; the newest counts. */
  readonly about: string
  /** When the report is due. */
  readonly dueMs: number
  /** JSON: one row of the report, without its count. */
  readonly row: string
  readonly count: number
  /** Of these, messages that make a report worth sending: a report about nothing but reports would go on for ever. */
  readonly worthy: number
}

/** The report that is owed about a domain's day. */
export interface ReportDuty extends ReportDay {
  readonly state: 'collecting' | 'sent' | 'unsent'
  readonly dueMs: number
  readonly attempts: number
  readonly messages: number
  readonly worthy: number
  /** Messages that were counted, but are in no row. */
  readonly omitted: number
  /** One sentence for people: what became of it. */
  readonly outcome: string
  readonly about: string
}

/** A report that somebody sent to us. */
export interface ReceivedReport {
  readonly id: number
  /** Hex: the same report again has the same. */
  readonly key: string
  readonly kind: 'aggregate' | 'tls' | 'failure' | 'feedback' | 'unreadable'
  /** The domain; of feedback, the Author whose message was complained of, if it is known. */
  readonly about: string
  readonly organization: string
  /** The domain that is proven to have sent it; '' when none is. */
  readonly provenDomain: string
  readonly beginMs: number
  readonly endMs: number
  readonly receivedAtMs: number
  /** JSON. */
  readonly content: string
}

/** The setting that says whether senders are told of complaints: 'yes' or 'no'. */
export const COMPLAINS = 'complains'
