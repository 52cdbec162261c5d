// Our own Received fields (RFC 5321 §4.4), with the with-protocols of RFC 3848 and RFC 6531 §4.3.

import { type FieldText, structuredField } from './build.ts'
import { formatDate } from './date.ts'

/** What we know when we write our own line. */
export interface ReceivedFacts {
  /** The argument of EHLO, as given. */
  helo: string
  /** Absent where the address must not be shown: an Author's, at the MSA. */
  remoteIp?: string
  /** The name of the address, if it leads back to it (iprev pass); never an unconfirmed one. */
  remoteName?: string
  byHost: string
  /** See `withProtocol`. */
  protocol: string
  id: string
  /** The recipient, only when there is exactly one (RFC 5321 §7.6: others must not be told). */
  forAddress?: string
  tls?: { protocol: string; cipher: string }
  /** What MT-PRIORITY said, from -9 to 9 (RFC 6710 §4.1). */
  priority?: number
  epochMs: number
  offsetMinutes?: number
}

/** Our field, ready to stand before a message. What strangers gave (EHLO) cannot break out of its place. */
export function buildReceived(facts: ReceivedFacts): FieldText {
  const name = facts.remoteName ? `${inert(facts.remoteName)} ` : ''
  const ip = facts.remoteIp?.includes(':') ? `IPv6:${facts.remoteIp}` : facts.remoteIp
  const address = ip === undefined ? '' : ` (${name}[${ip}])`
  const tls = facts.tls ? ` (using ${inert(facts.tls.protocol)} with cipher ${inert(facts.tls.cipher)})` : ''
  const recipient = facts.forAddress === undefined ? '' : ` for <${inert(facts.forAddress)}>`
  const priority = facts.priority === undefined ? '' : ` PRIORITY ${facts.priority}`
  const value =
    `from ${inert(facts.helo) || 'unknown'}${address}${tls} by ${facts.byHost} ` +
    `with ${facts.protocol} id ${inert(facts.id)}${recipient}${priority}; ${formatDate(facts.epochMs, facts.offsetMinutes)}`
  return structuredField('Received', value)
}

function inert(text: string): string {
  return text.replace(/[^!-~\x80-\uffff]|[()<>;\\"]/g, '').slice(0, 255)
}

/** RFC 3848: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, LMTP…; RFC 6531 §4.3: UTF8SMTP…. */
export function withProtocol(session: {
  extended: boolean
  tls: boolean
  authenticated: boolean
  utf8?: boolean
  lmtp?: boolean
}): string {
  const suffix = `${session.tls ? 'S' : ''}${session.authenticated ? 'A' : ''}`
  if (session.utf8) return `UTF8${session.lmtp ? 'LMTP' : 'SMTP'}${suffix}`
  if (session.lmtp) return `LMTP${suffix}`
  return session.extended ? `ESMTP${suffix}` : 'SMTP'
}
