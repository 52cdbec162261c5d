// What an SMTP server offers and how much it bears. Numbers follow RFC 5321 §4.5.3 where it has one.

export interface SmtpServerOptions {
  /** Our name in the greeting and in replies to EHLO. */
  readonly hostName: string
  /** Offer STARTTLS (the driver needs an identity for it). */
  readonly startTls: boolean
  /** Nothing but EHLO, NOOP, STARTTLS and QUIT before TLS (RFC 3207 §4). */
  readonly tlsRequired: boolean
  /** MAIL needs AUTH (RFC 6409 §4.3). */
  readonly authRequired: boolean
  /** Offer AUTH without TLS: for tests and loopback only (RFC 4954 §4). */
  readonly authWithoutTls: boolean
  /** Offer DSN (RFC 3461): only if what follows keeps its promises. */
  readonly dsn: boolean
  /** Offer REQUIRETLS inside TLS (RFC 8689). */
  readonly requireTls: boolean
  /** Offer FUTURERELEASE, holding mail for at most so many seconds (RFC 4865); 0: not offered. */
  readonly holdAtMostS: number
  /** Offer MT-PRIORITY (RFC 6710). */
  readonly priority: boolean
  /** Offer DELIVERBY (RFC 2852), with the shortest time, in seconds, for mail that is returned then; 0: not offered. */
  readonly deliverByS: number
  /** Offer BINARYMIME (RFC 3030 §3): only who converts it. */
  readonly binary: boolean
  /** Offer BURL (RFC 4468): parts of messages of our own IMAP server, which the policy's `partOf` finds. */
  readonly burl: boolean
  /** Offer PRDR: a reply for each recipient after the message (draft-hall-prdr-00, as Exim does it). */
  readonly prdr: boolean
  /** Speak LMTP (RFC 2033): LHLO, and a reply for each recipient after the message. */
  readonly lmtp: boolean
  readonly maxMessageBytes: number
  readonly maxRecipients: number
  /** How many faults (unknown commands, syntax, order) end the session with 421. Refused recipients count a fifth. */
  readonly maxErrors: number
  readonly maxAuthFailures: number
  /** MAIL commands in one session, then 421; advertised by LIMITS (RFC 9422). */
  readonly maxMessages: number
}

export const DEFAULT_SERVER_OPTIONS: Omit<SmtpServerOptions, 'hostName'> = {
  startTls: false,
  tlsRequired: false,
  authRequired: false,
  authWithoutTls: false,
  dsn: false,
  requireTls: false,
  holdAtMostS: 0,
  priority: false,
  deliverByS: 0,
  binary: false,
  burl: false,
  prdr: false,
  lmtp: false,
  maxMessageBytes: 50 * 1024 * 1024,
  maxRecipients: 1000,
  maxErrors: 20,
  maxAuthFailures: 5,
  maxMessages: 100_000,
}
