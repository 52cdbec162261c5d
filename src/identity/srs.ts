// SRS, the Sender Rewriting Scheme (Shevek, 2004; as libsrs2 and postsrsd write it): a Forwarder sends with its own
// domain, and bounces find their way back. SRS0 keeps the first sender, SRS1 points from the second Forwarder to the
// first. Addresses are signed (HMAC-SHA-1, by habit of the scheme, 40 bits) and go out of date, so they are no open relay.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../world/world.ts'
import { isMailDomain, normalDomain } from './domain.ts'

export interface Srs {
  /** The Forwarder's domain, in which the rewritten addresses live. */
  readonly domain: string
  /** The first signs; all are accepted, so that a secret can be replaced while old addresses are still out. */
  readonly secrets: readonly (string | Uint8Array)[]
  /** How long a rewritten address lives; default 21 days. */
  readonly maxAgeDays?: number
}

/** Where an address leads back to, or why nowhere. */
export type Reversed =
  | { readonly result: 'address'; readonly address: string }
  | { readonly result: 'not-srs' | 'malformed' | 'forged' | 'expired' }

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const HASH_CHARACTERS = 8
/** RFC 5321 §4.5.3.1.1. */
const MAX_LOCAL_PART = 64
const DAY_MS = 86_400_000
const TIME_SLOTS = 1024
const DEFAULT_MAX_AGE_DAYS = 21

/**
 * The reverse-path under which the Forwarder passes a message from `sender` on. The null reverse-path and addresses of
 * the Forwarder's own domain stay as they are.
 * @returns undefined when the address cannot be rewritten: no address, or a local part that would be over 64 bytes
 *   (RFC 5321 §4.5.3.1.1) or in need of quotes
 */
export function forwardSrs(sender: string, srs: Srs, clock: Clock): string | undefined {
  if (sender === '') return ''
  const at = sender.lastIndexOf('@')
  const localPart = sender.slice(0, at)
  const domain = normalDomain(sender.slice(at + 1))
  if (at < 1 || !isMailDomain(domain)) return undefined
  if (domain === normalDomain(srs.domain)) return sender
  const rewritten = rewrite(localPart, domain, srs.secrets[0]!, clock)
  if (Buffer.byteLength(rewritten) > MAX_LOCAL_PART || /["\s\0-\x1f\x7f()<>,;:@\\[\]]/.test(rewritten)) return undefined
  return `${rewritten}@${srs.domain}`
}

function rewrite(localPart: string, domain: string, secret: string | Uint8Array, clock: Clock): string {
  const first = /^SRS0([=+-].+)$/i.exec(localPart)
  // Another Forwarder's: keep whose it is, and its rest untouched (with its separator).
  if (first) return `SRS1=${hash(secret, domain, first[1]!)}=${domain}=${first[1]}`
  const second = /^SRS1[=+-][^=]+=([^=]+)=([=+-].+)$/i.exec(localPart)
  // A third Forwarder keeps pointing to the first. What only begins like that is an address as any other.
  if (second && isMailDomain(second[1]!))
    return `SRS1=${hash(secret, second[1]!, second[2]!)}=${second[1]}=${second[2]}`
  const time = timestamp(clock)
  return `SRS0=${hash(secret, time, domain, localPart)}=${time}=${domain}=${localPart}`
}

/** Where a bounce to this local part of the Forwarder's domain goes on to. */
export function reverseLocalPart(localPart: string, srs: Srs, clock: Clock): Reversed {
  if (/^SRS0[=+-]/i.test(localPart)) return reverseFirst(localPart, srs, clock)
  if (/^SRS1[=+-]/i.test(localPart)) return reverseSecond(localPart, srs)
  return { result: 'not-srs' }
}

function reverseFirst(localPart: string, srs: Srs, clock: Clock): Reversed {
  const parts = /^SRS0[=+-]([^=]+)=([^=]+)=([^=]+)=(.+)$/i.exec(localPart)
  if (!parts) return { result: 'malformed' }
  const [, given, time, domain, user] = parts as unknown as [string, string, string, string, string]
  if (!isHash(given, srs.secrets, time, domain, user)) return { result: 'forged' }
  if (isExpired(time, srs.maxAgeDays ?? DEFAULT_MAX_AGE_DAYS, clock)) return { result: 'expired' }
  return addressOr(user, domain)
}

function reverseSecond(localPart: string, srs: Srs): Reversed {
  const parts = /^SRS1[=+-]([^=]+)=([^=]+)=([=+-].+)$/i.exec(localPart)
  if (!parts) return { result: 'malformed' }
  const [, given, domain, rest] = parts as unknown as [string, string, string, string]
  return isHash(given, srs.secrets, domain, rest) ? addressOr(`SRS0${rest}`, domain) : { result: 'forged' }
}

function addressOr(localPart: string, domain: string): Reversed {
  return isMailDomain(domain) ? { result: 'address', address: `${localPart}@${domain}` } : { result: 'malformed' }
}

/** Mail systems change the case of local parts, so the hash is over lower case and is compared without case. */
function hash(secret: string | Uint8Array, ...parts: string[]): string {
  const mac = createHmac('sha1', secret).update(parts.join('=').toLowerCase()).digest()
  let text = ''
  for (let i = 0, bits = 0, held = 0; text.length < HASH_CHARACTERS; ) {
    if (bits < 5) {
      held = ((held << 8) | mac[i++]!) & 0xfff
      bits += 8
    }
    bits -= 5
    text += BASE32[(held >> bits) & 31]
  }
  return text
}

function isHash(given: string, secrets: readonly (string | Uint8Array)[], ...parts: string[]): boolean {
  const bytes = Buffer.from(given.toUpperCase())
  return secrets.some((secret) => {
    const wanted = Buffer.from(hash(secret, ...parts))
    return wanted.length === bytes.length && timingSafeEqual(wanted, bytes)
  })
}

/** Days since 1970 modulo 1024, as two characters. */
function timestamp(clock: Clock): string {
  const day = Math.floor(clock.now() / DAY_MS) % TIME_SLOTS
  return BASE32[day >> 5]! + BASE32[day & 31]!
}

function isExpired(time: string, maxAgeDays: number, clock: Clock): boolean {
  const upper = time.toUpperCase()
  const day = BASE32.indexOf(upper[0]!) * 32 + BASE32.indexOf(upper[1] ?? '')
  if (upper.length !== 2 || !/^[A-Z2-7]{2}$/.test(upper)) return true
  const age = (Math.floor(clock.now() / DAY_MS) - day + TIME_SLOTS * 2) % TIME_SLOTS
  // One day of tolerance for clocks that run ahead.
  return age > maxAgeDays && age !== TIME_SLOTS - 1
}
