// tls-server-end-point (RFC 5929 §4): the hash of the server's certificate, by the hash of its own signature.

import { createHash, X509Certificate } from 'node:crypto'
import type { ChannelBinding } from './network.ts'

/** MD5 and SHA-1 count as SHA-256 (RFC 5929 §4.1). A signature without one such hash (EdDSA, RSASSA-PSS) has no binding. */
const HASHES: readonly (readonly [RegExp, string])[] = [
  [/(?:md5|sha-?1)(?!\d)/i, 'sha256'],
  [/sha-?256/i, 'sha256'],
  [/sha-?384/i, 'sha384'],
  [/sha-?512/i, 'sha512'],
]
/** The same few certificates again and again. */
const known = new Map<string, ChannelBinding | undefined>()
const MAX_KNOWN = 100

/** The binding to a certificate, DER; undefined where it has none. */
export function serverEndPoint(certificate: Buffer): ChannelBinding | undefined {
  const key = createHash('sha256').update(certificate).digest('base64')
  if (known.has(key)) return known.get(key)
  const binding = compute(certificate)
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(key, binding)
  return binding
}

function compute(certificate: Buffer): ChannelBinding | undefined {
  try {
    const { signatureAlgorithm = '' } = new X509Certificate(certificate)
    const hash = HASHES.find(([pattern]) => pattern.test(signatureAlgorithm))?.[1]
    return hash === undefined
      ? undefined
      : { type: 'tls-server-end-point', data: createHash(hash).update(certificate).digest() }
  } catch {
    return undefined
  }
}
