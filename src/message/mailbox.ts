// The values that parsers make of addresses: Domain, Mailbox, Group; and their text forms.
// RFC 5321 §2.3.5 (domains), §4.1.3 (address literals), RFC 5322 §3.4 (mailboxes), RFC 5890 (A-labels, U-labels).
// A Domain is lower case with A-labels, so that two texts of one domain are one value. Only parsers build these.

import { domainToASCII, domainToUnicode } from 'node:url'
import { encodeWords, needsEncoding } from './encoded-word.ts'
import { parseIpv4, parseIpv6 } from './ip.ts'

/** A domain in its one form (lower case, A-labels, no final dot), or an address literal with its brackets. */
export type Domain = string & { readonly __domain: never }

export interface Mailbox {
  /** Decoded (RFC 2047), without quotes. */
  displayName?: string
  /** What the quotes of a quoted local part hold: never with the quotes, case kept. */
  localPart: string
  domain: Domain
  /** An obsolete source route, as IMAP tells it (`@one,@two`; RFC 5322 §4.4): nothing is ever sent along it. */
  route?: string
}

/** RFC 5322 §3.4: a named list of mailboxes, often empty (`Undisclosed recipients:;`). */
export interface Group {
  groupName: string
  members: Mailbox[]
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** A host or mail domain, or undefined if `text` is none. Accepts U-labels (RFC 5891) and one final dot. */
export function parseDomain(text: string): Domain | undefined {
  const domain = canonicalDomain(text.endsWith('.') ? text.slice(0, -1) : text)
  return domain !== undefined && isHostName(domain) ? domain : undefined
}

/** True for a lower-case name of letter-digit-hyphen labels (and underscores, which real mail domains have). */
export function isHostName(domain: string): boolean {
  return domain.length > 0 && domain.length <= 253 && domain.split('.').every((label) => LABEL.test(label))
}

/** Lower case and A-labels, nothing checked but that IDNA knows the name: for what a header wrote (see `isHostName`). */
export function canonicalDomain(text: string): Domain | undefined {
  if (/^[\0-\x7f]*$/.test(text)) return text === '' ? undefined : (text.toLowerCase() as Domain)
  if (text.length > 255 || /[\0-\x20%/?#:@[\]\\]/.test(text)) return undefined
  // IDNA turns other full stops (U+3002) into dots, the last of which ends the name as any.
  const ascii = domainToASCII(text).replace(/\.$/, '')
  return ascii === '' || ascii.startsWith('.') || ascii.includes('..') ? undefined : (ascii as Domain)
}

/** The domain as people read it: U-labels where it has any. */
export function displayDomain(domain: Domain): string {
  return domain.includes('xn--') ? domainToUnicode(domain) || domain : domain
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]` as a Domain, or undefined (RFC 5321 §4.1.3). `inner` has no brackets. */
export function addressLiteral(inner: string): Domain | undefined {
  if (parseIpv4(inner)) return `[${inner}]` as Domain
  const tagged = /^ipv6:(.*)$/is.exec(inner)
  if (tagged && parseIpv6(tagged[1]!)) return `[ipv6:${tagged[1]!.toLowerCase()}]` as Domain
  return undefined
}

/** The IP address in an address-literal domain, or undefined for a name. */
export function literalIp(domain: Domain): string | undefined {
  if (!domain.startsWith('[') || !domain.endsWith(']')) return undefined
  const inner = domain.slice(1, -1)
  return inner.startsWith('ipv6:') ? inner.slice(5) : inner
}

/** Same mailbox for people: domains equal, local parts equal but for case (RFC 5321 §2.4 lets hosts differ by case). */
export function sameAddress(a: Mailbox, b: Mailbox): boolean {
  return addressKey(a) === addressKey(b)
}

function addressKey(mailbox: Pick<Mailbox, 'localPart' | 'domain'>): string {
  return `${mailbox.localPart.normalize('NFC').toLowerCase()}@${mailbox.domain}`
}

const DOT_ATOM =
  /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\u{10ffff}]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\u{10ffff}]+)*$/u

/** `local@domain`, the local part quoted where its characters need it (RFC 5321 §4.1.2). */
export function formatAddress(mailbox: Pick<Mailbox, 'localPart' | 'domain'>): string {
  return `${formatLocalPart(mailbox.localPart)}@${mailbox.domain}`
}

/** The local part as it is written before the `@`. */
function formatLocalPart(localPart: string): string {
  return DOT_ATOM.test(localPart) ? localPart : quote(localPart)
}

/** `Name <local@domain>` for a header field, the name quoted or encoded where needed. */
export function formatMailbox(mailbox: Mailbox): string {
  const address = formatAddress(mailbox)
  return mailbox.displayName ? `${formatPhrase(mailbox.displayName)} <${address}>` : address
}

/** `Name: a@b, c@d;` */
export function formatGroup(group: Group): string {
  return `${formatPhrase(group.groupName)}: ${group.members.map(formatMailbox).join(', ')};`
}

/** A phrase of RFC 5322 §3.2.5: atoms as they are, else quoted, else encoded words. */
export function formatPhrase(text: string): string {
  const clean = text.replace(/[\0-\x1f\x7f]+/g, ' ').trim()
  if (needsEncoding(clean)) return encodeWords(clean)
  return /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]+$/.test(clean) ? clean : quote(clean)
}

/** A quoted-string. Line ends and NUL cannot stand in one and are left out: no value may start a header line. */
function quote(text: string): string {
  return `"${text.replace(/[\r\n\0]/g, '').replace(/["\\]/g, '\\$&')}"`
}
