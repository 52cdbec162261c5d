// What a server answers to EHLO: the extensions that it offers, each with its limits (RFC 5321 §4.1.1.1).

import type { SaslMechanism } from '../sasl/accounts.ts'
import type { SmtpServerOptions } from './options.ts'

/** `mechanisms`: of AUTH, where it is offered now. */
export function extensionsOf(
  options: SmtpServerOptions,
  isEncrypted: boolean,
  mechanisms: readonly SaslMechanism[],
  nowMs: number,
): string[] {
  const { maxMessageBytes, maxMessages, maxRecipients, dsn, prdr, requireTls, startTls } = options
  const { holdAtMostS, priority, binary, burl, deliverByS } = options
  return [
    'PIPELINING',
    `SIZE ${maxMessageBytes}`,
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    'CHUNKING',
    ...(binary ? ['BINARYMIME'] : []),
    ...(burl ? ['BURL imap'] : []),
    `LIMITS MAILMAX=${maxMessages} RCPTMAX=${maxRecipients}`,
    ...(dsn ? ['DSN'] : []),
    ...(holdAtMostS > 0 ? [`FUTURERELEASE ${holdAtMostS} ${wholeSeconds(nowMs + holdAtMostS * 1000)}`] : []),
    ...(priority ? ['MT-PRIORITY MIXER'] : []),
    ...(deliverByS > 0 ? [`DELIVERBY ${deliverByS}`] : []),
    ...(prdr ? ['PRDR'] : []),
    ...(requireTls && isEncrypted ? ['REQUIRETLS'] : []),
    ...(startTls && !isEncrypted ? ['STARTTLS'] : []),
    ...(mechanisms.length > 0 ? [`AUTH ${mechanisms.join(' ')}`] : []),
  ]
}

/** As FUTURERELEASE tells the latest time (RFC 4865 §3). */
const wholeSeconds = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`
