// A DKIM-Signature or ARC-Message-Signature field, read into what a verifier needs (RFC 6376 §3.5, RFC 8617 §4.1.2).
// Whatever makes a signature unusable is a reason, found before DNS is asked.

import { isWithin, normalDomain } from '../domain.ts'
import { base64Tag, compactTag, listTag, numberTag, parseTags, type TagList } from '../tags.ts'
import type { Canonicalization } from './canonical.ts'

export type SigningAlgorithm = 'rsa-sha256' | 'ed25519-sha256'

/** Why a signature does not pass. */
export type DkimReason =
  | 'syntax'
  | 'version'
  | 'algorithm'
  | 'rsa-sha1'
  | 'canonicalization'
  | 'query-method'
  | 'identity'
  | 'from-not-signed'
  | 'expired'
  | 'future'
  | 'no-key'
  | 'no-answer'
  | 'key-revoked'
  | 'key-syntax'
  | 'key-type'
  | 'key-too-short'
  | 'key-use'
  | 'body-length'
  | 'body-changed'
  | 'signature-wrong'

export interface Signature {
  readonly algorithm: SigningAlgorithm
  readonly headerMethod: Canonicalization
  readonly bodyMethod: Canonicalization
  /** d=, normal. */
  readonly domain: string
  /** s=, normal. */
  readonly selector: string
  /** i= as written (DKIM): the address or domain for which d= answers. */
  readonly identity: string
  /** h=, lower case, in order. */
  readonly signedNames: readonly string[]
  readonly bodyHash: Buffer
  readonly value: Buffer
  /** l=: canonical body bytes that are signed; undefined means all. */
  readonly bodyLength: number | undefined
  readonly timestampS: number | undefined
  readonly expiresS: number | undefined
  /** Offsets of the b= value in the text that was read. */
  readonly valueStart: number
  readonly valueEnd: number
}

export interface Unusable {
  readonly reason: DkimReason
  readonly detail: string
  readonly tags: TagList | undefined
}

const NAME = /^[\x21-\x39\x3b-\x7e]+$/

/** Longer than any that a signer would make: not read. */
const MAX_LENGTH = 64 * 1024

/** Reads the raw value (after the colon) of a signature field. `kind` 'arc' has no v=, and i= is the instance there. */
export function parseSignature(text: string, kind: 'dkim' | 'arc'): Signature | Unusable {
  const tags = text.length > MAX_LENGTH ? undefined : parseTags(text)
  if (!tags) return { reason: 'syntax', detail: 'not a tag list, or too long', tags }
  const unusable = (reason: DkimReason, detail: string): Unusable => ({ reason, detail, tags })
  if (kind === 'dkim' && compactTag(tags, 'v') !== '1') return unusable('version', `v=${compactTag(tags, 'v')}`)
  const algorithm = readAlgorithm(tags)
  if (typeof algorithm !== 'string') return unusable(algorithm.reason, algorithm.detail)
  // §3.5: simple/simple where nothing is said; ARC's implementations and its suite agree on relaxed/relaxed.
  const methods = readMethods(compactTag(tags, 'c') ?? (kind === 'arc' ? 'relaxed/relaxed' : 'simple/simple'))
  if (!methods) return unusable('canonicalization', `c=${compactTag(tags, 'c')}`)
  // §3.5: DNS is the only query method there is.
  const queries = listTag(tags, 'q')
  if (queries && !queries.includes('dns/txt') && !queries.includes('dns'))
    return unusable('query-method', `q=${queries}`)
  const domain = normalDomain(compactTag(tags, 'd') ?? '')
  const selector = normalDomain(compactTag(tags, 's') ?? '')
  if (!domain || !selector) return unusable('syntax', 'd= or s= is missing')
  const bodyHash = base64Tag(tags, 'bh')
  const value = base64Tag(tags, 'b')
  if (!bodyHash || !value) return unusable('syntax', 'bh= or b= is missing or no base64')
  // RFC 8617 §4.1.2 does not ask for From; an ARC signature may sign no field at all, and its suite allows empty names.
  const names = listTag(tags, 'h')
  const signedNames = kind === 'arc' ? names?.filter((name) => name !== '') : names
  if (!signedNames?.every((name) => NAME.test(name))) return unusable('syntax', 'h= is missing or malformed')
  const numbers = { t: numberTag(tags, 't'), x: numberTag(tags, 'x'), l: numberTag(tags, 'l') }
  for (const [name, number] of Object.entries(numbers)) {
    if (Number.isNaN(number)) return unusable('syntax', `${name}= is no number`)
  }
  if (numbers.t !== undefined && numbers.x !== undefined && numbers.x <= numbers.t)
    return unusable('syntax', 'x= before t=')
  const identity = kind === 'arc' ? `@${domain}` : decodeQuoted(compactTag(tags, 'i') ?? `@${domain}`)
  const identityDomain = normalDomain(identity.slice(identity.lastIndexOf('@') + 1))
  // §3.5 i=: the same as d= or below it.
  if (!identity.includes('@') || !isWithin(identityDomain, domain))
    return unusable('identity', `i=${identity} for d=${domain}`)
  const tag = tags.get('b')!
  return {
    algorithm,
    headerMethod: methods[0],
    bodyMethod: methods[1],
    domain,
    selector,
    identity,
    signedNames,
    bodyHash,
    value,
    bodyLength: numbers.l,
    timestampS: numbers.t,
    expiresS: numbers.x,
    valueStart: tag.start,
    valueEnd: tag.end,
  }
}

/** dkim-quoted-printable (§2.11): `=` and two upper-case hex digits stand for a byte. */
function decodeQuoted(text: string): string {
  return text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** a= (RFC 8301 §3.1 retires rsa-sha1, RFC 8463 adds Ed25519), for signatures and for ARC seals. */
export function readAlgorithm(tags: TagList): SigningAlgorithm | { reason: DkimReason; detail: string } {
  const text = compactTag(tags, 'a')?.toLowerCase()
  if (text === 'rsa-sha256' || text === 'ed25519-sha256') return text
  if (text === 'rsa-sha1') return { reason: 'rsa-sha1', detail: 'rsa-sha1 proves nothing any more (RFC 8301)' }
  return { reason: text === undefined ? 'syntax' : 'algorithm', detail: `a=${text}` }
}

function readMethods(text: string): [Canonicalization, Canonicalization] | undefined {
  const match = /^(simple|relaxed)(?:\/(simple|relaxed))?$/i.exec(text)
  if (!match) return undefined
  return [match[1]!.toLowerCase() as Canonicalization, (match[2] ?? 'simple').toLowerCase() as Canonicalization]
}
