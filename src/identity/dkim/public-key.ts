// The public key behind a signature: found in DNS, read, and kept ready (RFC 6376 §3.6, RFC 8301 §3.2, RFC 8463 §4).

import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Dns } from '../../world/dns.ts'
import { isAskable } from '../domain.ts'
import { compactTag, listTag, parseTags } from '../tags.ts'
import { readOnce } from '../texts.ts'
import type { DkimReason, SigningAlgorithm } from './signature.ts'

export interface PublicKey {
  readonly key: KeyObject
  readonly type: 'rsa' | 'ed25519'
  readonly bits: number
  /** t=y: the domain is testing DKIM. */
  readonly testing: boolean
  /** t=s: i= must be in d= itself, not below it. */
  readonly strict: boolean
  /** h= names hash algorithms, and SHA-256 is none of them. */
  readonly excludesSha256: boolean
}

export interface NoKey {
  readonly result: 'temperror' | 'permerror'
  readonly reason: DkimReason
  readonly detail: string
}

/** RFC 8301 §3.2: shorter RSA keys prove nothing. */
const MIN_RSA_BITS = 1024
/** Keys longer than anybody publishes would only cost time. */
const MAX_RSA_BITS = 8192
/** Exponents beyond those in use would only cost time too. */
const MAX_EXPONENT = 2n ** 33n

/**
 * Finds the key for `selector` at `domain` that fits the algorithm. Never rejects.
 * @param heedsHashes false: h= of the record is passed over, as DKIM2 has it
 */
export async function findKey(
  dns: Dns,
  domain: string,
  selector: string,
  algorithm: SigningAlgorithm,
  heedsHashes = true,
): Promise<PublicKey | NoKey> {
  const name = `${selector}._domainkey.${domain}`
  if (!isAskable(name)) return permanent('no-key', `${name} cannot exist`)
  const answer = await dns.resolve(name, 'TXT')
  if (answer.status === 'no-answer')
    return { result: 'temperror', reason: 'no-answer', detail: `${name}: ${answer.reason}` }
  if (answer.status !== 'records') return permanent('no-key', `no record at ${name}`)
  // §3.6.2.2: several records are an error of the domain; the first that fits is taken, never more than three are read.
  let first: PublicKey | NoKey | undefined
  for (const text of answer.records.slice(0, 3)) {
    const key = fits(readKey(text), algorithm, heedsHashes)
    if ('key' in key) return key
    first ??= key
  }
  return first ?? permanent('no-key', `no record at ${name}`)
}

function permanent(reason: DkimReason, detail: string): NoKey {
  return { result: 'permerror', reason, detail }
}

function fits(key: PublicKey | NoKey, algorithm: SigningAlgorithm, heedsHashes: boolean): PublicKey | NoKey {
  if (!('key' in key)) return key
  if (heedsHashes && key.excludesSha256) return permanent('key-use', 'h= without sha256')
  if (!algorithm.startsWith(key.type))
    return permanent('key-type', `the key is ${key.type}, the signature ${algorithm}`)
  return key
}

const readKey = readOnce(parseKey, { mostTexts: 12_288, longest: 2048 })

function parseKey(text: string): PublicKey | NoKey {
  const tags = parseTags(text)
  if (!tags || tags.size === 0) return permanent('key-syntax', text)
  const version = compactTag(tags, 'v')
  // §3.6.1: v= is DKIM1, and first, where it stands at all.
  if (version !== undefined && (version !== 'DKIM1' || tags.keys().next().value !== 'v'))
    return permanent('key-syntax', `v=${version}`)
  const services = listTag(tags, 's')
  if (services && !services.includes('*') && !services.includes('email'))
    return permanent('key-use', `s=${services.join(':')}`)
  const data = compactTag(tags, 'p')
  if (data === undefined) return permanent('key-syntax', 'p= is missing')
  if (data === '') return permanent('key-revoked', 'p= is empty')
  const type = (compactTag(tags, 'k') ?? 'rsa').toLowerCase()
  if (type !== 'rsa' && type !== 'ed25519') return permanent('key-type', `k=${type}`)
  const key = /^[A-Za-z0-9+/]+={0,2}$/.test(data) && keyObject(type, Buffer.from(data, 'base64'))
  if (!key) return permanent('key-syntax', 'p= holds no key')
  const bits = type === 'rsa' ? (key.asymmetricKeyDetails?.modulusLength ?? 0) : 256
  if (type === 'rsa' && bits < MIN_RSA_BITS) return permanent('key-too-short', `${bits} bits (RFC 8301 §3.2)`)
  if (bits > MAX_RSA_BITS) return permanent('key-syntax', `${bits} bits`)
  if ((key.asymmetricKeyDetails?.publicExponent ?? 0n) > MAX_EXPONENT)
    return permanent('key-syntax', 'the exponent is too large')
  const flags = listTag(tags, 't') ?? []
  const excludesSha256 = listTag(tags, 'h')?.includes('sha256') === false
  return { key, type, bits, testing: flags.includes('y'), strict: flags.includes('s'), excludesSha256 }
}

/** SubjectPublicKeyInfo, or the bare forms that RFC 6376 §3.6.1 (RSAPublicKey) and RFC 8463 §4.1 (32 bytes) name. */
function keyObject(type: 'rsa' | 'ed25519', der: Buffer): KeyObject | undefined {
  if (type === 'ed25519') {
    if (der.length !== 32) return undefined
    return tryKey(() =>
      createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: der.toString('base64url') }, format: 'jwk' }),
    )
  }
  const key =
    tryKey(() => createPublicKey({ key: der, format: 'der', type: 'spki' })) ??
    tryKey(() => createPublicKey({ key: der, format: 'der', type: 'pkcs1' }))
  return key?.asymmetricKeyType === 'rsa' ? key : undefined
}

function tryKey(make: () => KeyObject): KeyObject | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}
