// TLSA records as proof of a mail server (RFC 6698, RFC 7671; for SMTP RFC 7672 §3.1): which of them can be used, and
// whether the certificates that a server showed are what they say.

import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { TlsaRecord } from '../../world/dns.ts'

const TRUST_ANCHOR = 2
const END_ENTITY = 3
const WHOLE_CERTIFICATE = 0
const PUBLIC_KEY = 1
const EXACT = 0
/** By matching type: the digest and its length. The larger the type, the stronger (RFC 7671 §9). */
const DIGESTS: ReadonlyMap<number, { readonly name: string; readonly bytes: number }> = new Map([
  [1, { name: 'sha256', bytes: 32 }],
  [2, { name: 'sha512', bytes: 64 }],
])
const SERVER_AUTHENTICATION = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0']
/** What is looked at of a zone's records; honest ones have a few. */
const MOST_RECORDS = 50

/** Why a server is not who its TLSA records say, in the words of RFC 8460 §4.3. */
export interface DaneFault {
  readonly result:
    | 'certificate-host-mismatch'
    | 'certificate-expired'
    | 'certificate-not-trusted'
    | 'validation-failure'
  readonly detail: string
}

/**
 * The records that say something to a mail client: DANE-TA and DANE-EE (RFC 7672 §3.1.3: those that lean on public
 * authorities do not count), whole in themselves, and of several digests of one thing the strongest (RFC 7671 §9).
 */
export function usableTlsa(records: readonly TlsaRecord[]): TlsaRecord[] {
  const whole = records.slice(0, MOST_RECORDS).filter(isUsable)
  const strongest = new Map<string, number>()
  for (const { usage, selector, matchingType } of whole) {
    const kind = `${usage} ${selector}`
    strongest.set(kind, Math.max(strongest.get(kind) ?? EXACT, matchingType))
  }
  return whole.filter(
    ({ usage, selector, matchingType }) =>
      matchingType === EXACT || matchingType === strongest.get(`${usage} ${selector}`),
  )
}

function isUsable(record: TlsaRecord): boolean {
  const { usage, selector, matchingType, certificate } = record
  if (usage !== TRUST_ANCHOR && usage !== END_ENTITY) return false
  if (selector !== WHOLE_CERTIFICATE && selector !== PUBLIC_KEY) return false
  if (matchingType === EXACT) return keyOf(record) !== undefined
  return DIGESTS.get(matchingType)?.bytes === certificate.length
}

/** As a zone file has it (RFC 6698 §2.2). */
export function tlsaText({ usage, selector, matchingType, certificate }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${certificate.toString('hex')}`
}

/**
 * What keeps `chain` (DER, the server's own first) from being proven by these usable records; undefined: it is proven.
 * `names` are those that a certificate from a trust anchor may name (RFC 7672 §3.2.2); one that a record names itself may
 * say what it likes, and be out of date: the record is what counts (§3.1.1).
 */
export function daneFault(
  records: readonly TlsaRecord[],
  chain: readonly Buffer[],
  names: readonly string[],
  nowMs: number,
): DaneFault | undefined {
  const certificates = chain.map(readCertificate)
  const [leaf] = certificates
  if (leaf === undefined) return { result: 'validation-failure', detail: 'the server’s certificate cannot be read' }
  const own = records.filter(({ usage }) => usage === END_ENTITY)
  if (own.some((record) => matches(record, leaf))) return undefined
  const anchors = records.filter(({ usage }) => usage === TRUST_ANCHOR)
  if (anchors.length === 0)
    return { result: 'certificate-not-trusted', detail: 'the certificate is none of those that the TLSA records name' }
  return anchoredFault(anchors, certificates, names, nowMs)
}

/** A path from the server's certificate to one that a record names (RFC 7672 §3.1.2). */
function anchoredFault(
  anchors: readonly TlsaRecord[],
  certificates: readonly (X509Certificate | undefined)[],
  names: readonly string[],
  nowMs: number,
): DaneFault | undefined {
  const leaf = certificates[0]!
  let isAnchored = false
  for (const [depth, certificate] of certificates.entries()) {
    if (certificate === undefined) break
    if (depth > 0) {
      const below = certificates[depth - 1]!
      if (!certificate.ca || !below.checkIssued(certificate) || !below.verify(certificate.publicKey)) break
    }
    const outside = timeFault(certificate, nowMs)
    if (outside !== undefined) return outside
    isAnchored = anchors.some((record) => (depth > 0 && matches(record, certificate)) || signs(record, certificate))
    if (isAnchored) break
  }
  if (!isAnchored)
    return { result: 'certificate-not-trusted', detail: 'no path leads to an issuer that the TLSA records name' }
  const { keyUsage } = leaf
  if (keyUsage !== undefined && !keyUsage.some((use) => SERVER_AUTHENTICATION.includes(use)))
    return { result: 'validation-failure', detail: 'the certificate is not one for servers' }
  if (!names.some((name) => leaf.checkHost(name, { partialWildcards: false }) !== undefined))
    return { result: 'certificate-host-mismatch', detail: `the certificate does not name ${names.join(' or ')}` }
  return undefined
}

function timeFault({ validFromDate, validToDate }: X509Certificate, nowMs: number): DaneFault | undefined {
  if (validToDate.getTime() < nowMs)
    return { result: 'certificate-expired', detail: `out of date since ${validToDate.toISOString()}` }
  if (validFromDate.getTime() > nowMs)
    return { result: 'validation-failure', detail: `not valid before ${validFromDate.toISOString()}` }
  return undefined
}

function matches({ selector, matchingType, certificate }: TlsaRecord, shown: X509Certificate): boolean {
  const part = selector === WHOLE_CERTIFICATE ? shown.raw : publicKeyOf(shown)
  const digest = DIGESTS.get(matchingType)
  return (digest === undefined ? part : createHash(digest.name).update(part).digest()).equals(certificate)
}

/** A trust anchor that the record holds whole need not be among what the server shows. */
function signs(record: TlsaRecord, shown: X509Certificate): boolean {
  const key = record.matchingType === EXACT ? keyOf(record) : undefined
  return key !== undefined && shown.verify(key)
}

/** The key in a record that holds the thing itself. */
function keyOf({ selector, certificate }: TlsaRecord): KeyObject | undefined {
  if (selector === WHOLE_CERTIFICATE) return readCertificate(certificate)?.publicKey
  try {
    return createPublicKey({ key: certificate, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function publicKeyOf({ publicKey }: X509Certificate): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

function readCertificate(text: Buffer | string): X509Certificate | undefined {
  try {
    return new X509Certificate(text)
  } catch {
    return undefined
  }
}

/** What our own zone says of a certificate: its key, by SHA-256 (RFC 7672 §3.1.1: 3 1 1). Undefined where it is none. */
export function ownTlsa(certificatePem: string): TlsaRecord | undefined {
  const certificate = readCertificate(certificatePem)
  if (certificate === undefined) return undefined
  const key = publicKeyOf(certificate)
  return {
    usage: END_ENTITY,
    selector: PUBLIC_KEY,
    matchingType: 1,
    certificate: createHash('sha256').update(key).digest(),
  }
}
