// Verifying DKIM signatures (RFC 6376 §6, RFC 8301, RFC 8463). Every signature has a result of its own, with its reason;
// none of them throws, and no more than ten are looked at. Results are named as RFC 8601 §2.7.1 names them.

import { hash, verify as verifyBytes } from 'node:crypto'
import { type Header, type HeaderField, rawField, rawValue } from '../../message/header.ts'
import type { Dns } from '../../world/dns.ts'
import type { Clock, Cpu } from '../../world/world.ts'
import { domainOf } from '../domain.ts'
import { type Step, step } from '../steps.ts'
import { compactTag } from '../tags.ts'
import { canonicalFieldBytes } from './canonical.ts'
import { findKey, type PublicKey } from './public-key.ts'
import { type DkimReason, parseSignature, type Signature, type SigningAlgorithm } from './signature.ts'
import { CanonicalMessage } from './signed-fields.ts'

export interface DkimResult {
  readonly result: 'pass' | 'fail' | 'neutral' | 'temperror' | 'permerror'
  /** Why it did not pass. */
  readonly reason?: DkimReason
  /** d=, normal; empty when it could not be read. */
  readonly domain: string
  readonly selector: string
  /** i=: `@domain` when the signature names none. */
  readonly identity: string
  /** a= as written, lower case. */
  readonly algorithm: string
  /** Size of the key once it was found. */
  readonly keyBits?: number
  /** The first characters of b=, by which readers tell signatures apart (RFC 6008). */
  readonly signaturePrefix: string
  /** The key says t=y. */
  readonly testing: boolean
  /** Canonical body bytes after those that l= covers: anybody may have added them. */
  readonly unsignedBytes: number
  /** h=, lower case. */
  readonly signedNames: readonly string[]
  readonly steps: readonly Step[]
}

const MAX_SIGNATURES = 10
const FUTURE_TOLERANCE_S = 86_400

/** Signatures that cannot be read are neutral, the other reasons are errors of the signer (RFC 8601 §2.7.1). */
const NEUTRAL = new Set<DkimReason>(['syntax', 'version', 'algorithm', 'canonicalization', 'query-method'])

/** Verifies the signatures of a message, topmost first. Never rejects. */
export function verifyDkim(header: Header, dns: Dns, clock: Clock): Promise<DkimResult[]> {
  return verifyDkimOf(new CanonicalMessage(header), { dns, clock })
}

interface VerifierWorld {
  readonly dns: Dns
  readonly clock: Clock
  /** Where Ed25519 is verified: it takes six times as long as RSA, whose verification costs no more than the way there. */
  readonly cpu?: Cpu
}

/** The same for a message whose canonical parts others use too. */
export function verifyDkimOf(message: CanonicalMessage, world: VerifierWorld): Promise<DkimResult[]> {
  const fields = message.header.fields.filter((field) => field.lowerName === 'dkim-signature')
  return Promise.all(fields.slice(0, MAX_SIGNATURES).map((field) => verifyOne(message, field, world)))
}

async function verifyOne(message: CanonicalMessage, field: HeaderField, world: VerifierWorld): Promise<DkimResult> {
  const steps: Step[] = []
  const signature = parseSignature(rawValue(message.header, field).toString('latin1'), 'dkim')
  if ('reason' in signature) {
    const { tags, reason, detail } = signature
    steps.push(step('signature not usable', detail))
    return {
      result: NEUTRAL.has(reason) ? 'neutral' : 'permerror',
      reason,
      domain: (tags && compactTag(tags, 'd')?.toLowerCase()) ?? '',
      selector: (tags && compactTag(tags, 's')?.toLowerCase()) ?? '',
      identity: (tags && compactTag(tags, 'i')) ?? '',
      algorithm: (tags && compactTag(tags, 'a')?.toLowerCase()) ?? '',
      signaturePrefix: ((tags && compactTag(tags, 'b')) ?? '').slice(0, 8),
      testing: false,
      unsignedBytes: 0,
      signedNames: [],
      steps,
    }
  }
  const { domain, selector, identity, algorithm, signedNames } = signature
  steps.push(
    step('signature', `d=${domain} s=${selector} ${algorithm} ${signature.headerMethod}/${signature.bodyMethod}`),
  )
  const outcome = await judge(message, field, signature, world, steps)
  steps.push(step(outcome.result, outcome.reason))
  return {
    ...outcome,
    domain,
    selector,
    identity,
    algorithm,
    signaturePrefix: signature.value.toString('base64').slice(0, 8),
    testing: outcome.testing ?? false,
    unsignedBytes: outcome.unsignedBytes ?? 0,
    signedNames,
    steps,
  }
}

type Outcome = Pick<DkimResult, 'result' | 'reason' | 'keyBits'> & { testing?: boolean; unsignedBytes?: number }

async function judge(
  message: CanonicalMessage,
  field: HeaderField,
  signature: Signature,
  { dns, clock, cpu }: VerifierWorld,
  steps: Step[],
): Promise<Outcome> {
  // §5.4: From must be signed.
  if (!signature.signedNames.includes('from')) return { result: 'permerror', reason: 'from-not-signed' }
  const nowS = clock.now() / 1000
  if (signature.expiresS !== undefined && signature.expiresS < nowS) return { result: 'permerror', reason: 'expired' }
  if ((signature.timestampS ?? 0) > nowS + FUTURE_TOLERANCE_S) return { result: 'permerror', reason: 'future' }
  const key = await findKey(dns, signature.domain, signature.selector, signature.algorithm)
  if (!('key' in key)) {
    steps.push(step('no usable key', key.detail))
    return { result: key.result, reason: key.reason }
  }
  steps.push(step('key', `${key.type} ${key.bits} bits`))
  const known = { keyBits: key.bits, testing: key.testing }
  if (key.strict && domainOf(signature.identity) !== signature.domain) {
    return { result: 'permerror', reason: 'identity', ...known } // §3.6.1 t=s
  }
  const body = bodyOutcome(message, signature)
  if (body.reason) return { ...body, ...known }
  steps.push(
    step('body unchanged', `${body.unsignedBytes ? `but ${body.unsignedBytes} bytes after l= are unsigned` : ''}`),
  )
  const data = signedBytes(message, field, signature)
  const isRight =
    cpu !== undefined && signature.algorithm === 'ed25519-sha256'
      ? await cpu.verify(null, sha256Of(data), key.key, signature.value)
      : verifyData(signature.algorithm, data, key, signature.value)
  if (!isRight) return { result: 'fail', reason: 'signature-wrong', ...known }
  return { ...body, ...known }
}

/** §6.1.3, the body hash: alone it proves nothing, but when it differs the reason is clear. */
export function bodyOutcome(
  message: CanonicalMessage,
  signature: Signature,
): { result: 'pass' | 'fail' | 'permerror'; reason?: DkimReason; unsignedBytes: number } {
  const { sha256, length } = message.bodyHash(signature.bodyMethod, signature.bodyLength)
  const unsignedBytes = signature.bodyLength === undefined ? 0 : length - signature.bodyLength
  if (unsignedBytes < 0) return { result: 'permerror', reason: 'body-length', unsignedBytes: 0 }
  if (!sha256.equals(signature.bodyHash)) return { result: 'fail', reason: 'body-changed', unsignedBytes }
  return { result: 'pass', unsignedBytes }
}

/** Whether the signature is right for these fields; the body hash is not looked at. */
export function verifyFields(
  message: CanonicalMessage,
  field: HeaderField,
  signature: Signature,
  key: PublicKey,
): boolean {
  return verifyData(signature.algorithm, signedBytes(message, field, signature), key, signature.value)
}

/** §3.7: the selected fields, then the signature field itself without the value of b= and without its line end. */
function signedBytes(message: CanonicalMessage, field: HeaderField, signature: Signature): Buffer {
  const own = withoutValue(message.header, field, signature.valueStart, signature.valueEnd)
  const canonical = canonicalFieldBytes(own, signature.headerMethod)
  const parts = message.select(signature.signedNames, signature.headerMethod)
  parts.push(canonical.subarray(0, lineEnd(canonical)))
  return Buffer.concat(parts)
}

/** A signature field with the value of b= cut out; offsets are relative to the field's value. */
export function withoutValue(header: Header, field: HeaderField, valueStart: number, valueEnd: number): Buffer {
  const raw = rawField(header, field)
  const base = field.valueStart - field.start
  return Buffer.concat([raw.subarray(0, base + valueStart), raw.subarray(base + valueEnd)])
}

/** Length without the line end. */
export function lineEnd(bytes: Buffer): number {
  if (bytes.at(-1) !== 10) return bytes.length
  return bytes.at(-2) === 13 ? bytes.length - 2 : bytes.length - 1
}

const sha256Of = (data: Buffer): Buffer => hash('sha256', data, 'buffer')

/** RSASSA-PKCS1-v1_5 over SHA-256, or Ed25519 over the SHA-256 hash (RFC 8463 §3). */
export function verifyData(algorithm: SigningAlgorithm, data: Buffer, key: PublicKey, value: Buffer): boolean {
  try {
    if (algorithm === 'rsa-sha256') return verifyBytes('sha256', data, key.key, value)
    return verifyBytes(null, sha256Of(data), key.key, value)
  } catch {
    // OpenSSL throws for some values no signer makes (wrong length for the key): no signature either.
    return false
  }
}
