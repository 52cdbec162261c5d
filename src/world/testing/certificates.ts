// For tests: certificates of every kind, right and wrong, each signed by another or by itself.

import { X509Certificate } from 'node:crypto'
import { generate } from 'selfsigned'
import type { TlsIdentity } from '../network.ts'

export interface CertificateWishes {
  /** Who signs it; undefined: itself. */
  readonly by?: TlsIdentity
  /** It may sign others. */
  readonly isAuthority?: boolean
  /** The key of another one. */
  readonly keyOf?: TlsIdentity
  readonly from?: Date
  readonly to?: Date
  readonly use?: 'server' | 'client'
  /** An RSA key of so many bits in place of an elliptic one. */
  readonly rsaBits?: number
  /** Without what signed it. */
  readonly isAlone?: boolean
}

/** A certificate for these names, with the chain of those that signed it. */
export async function certificateFor(names: readonly string[], wishes: CertificateWishes = {}): Promise<TlsIdentity> {
  const { by, isAuthority = false, keyOf, use, rsaBits, isAlone = false } = wishes
  const made = await generate([{ name: 'commonName', value: names[0]! }], {
    ...(rsaBits === undefined ? { keyType: 'ec', curve: 'P-256' } : { keyType: 'rsa', keySize: rsaBits }),
    algorithm: 'sha256',
    notBeforeDate: wishes.from ?? new Date(Date.UTC(2020, 0, 1)),
    notAfterDate: wishes.to ?? new Date(Date.UTC(2046, 0, 1)),
    ...(keyOf && { keyPair: { privateKey: keyOf.privateKeyPem, publicKey: publicPem(keyOf) } }),
    ...(by && { ca: { key: by.privateKeyPem, cert: first(by.certificatePem) } }),
    extensions: [
      { name: 'basicConstraints', cA: isAuthority, critical: true },
      ...(isAuthority ? [{ name: 'keyUsage', keyCertSign: true, critical: true } as const] : []),
      ...(use ? [{ name: 'extKeyUsage', [`${use}Auth`]: true } as const] : []),
      { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value }) as const) },
    ],
  })
  const chain = by && !isAlone ? `${made.cert.trimEnd()}\n${by.certificatePem}` : made.cert
  return { certificatePem: chain, privateKeyPem: made.private }
}

/** DER of each certificate, its own first. */
export function derOf({ certificatePem }: TlsIdentity): Buffer[] {
  return [...certificatePem.matchAll(PEM_BLOCK)].map(([, body]) => Buffer.from(body!, 'base64'))
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g

function first(pem: string): string {
  return `${pem.slice(0, pem.indexOf('-----END CERTIFICATE-----'))}-----END CERTIFICATE-----\n`
}

function publicPem({ certificatePem }: TlsIdentity): string {
  return new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'pem' }) as string
}
