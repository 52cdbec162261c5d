// A certificate from a certificate authority: ACME (RFC 8555) with the challenge http-01, by the package `acme-client`.

import { Client, crypto } from 'acme-client'
import type { TlsIdentity } from '../network.ts'

/** Between questions whether the authority is through with it; each wait is longer. */
const FIRST_WAIT_MS = 1000

export interface CertificateOrder {
  /** The authority's directory, https://… */
  readonly directory: string
  /** The account's key, PEM; made when there is none, and to be kept. */
  readonly accountKeyPem: string
  /** Whom the authority writes to. */
  readonly contact: string
  /** The first is the certificate's subject. */
  readonly names: readonly string[]
  /** The certificate's key; undefined: a new one. */
  readonly keyPem?: string
  /** Makes `text` readable at http://NAME/.well-known/acme-challenge/TOKEN, until it is called with undefined. */
  readonly show: (token: string, text: string | undefined) => void
}

/** A new key for an account or a certificate, PEM. */
export async function makeAcmeKey(): Promise<string> {
  return (await crypto.createPrivateEcdsaKey('P-256')).toString()
}

/** @throws Error with the authority's words when it refuses or cannot be reached */
export async function orderCertificate(order: CertificateOrder): Promise<TlsIdentity> {
  const client = new Client({
    directoryUrl: order.directory,
    accountKey: order.accountKeyPem,
    backoffMin: FIRST_WAIT_MS,
  })
  const [commonName, ...others] = order.names
  const privateKeyPem = order.keyPem ?? (await makeAcmeKey())
  const [, csr] = await crypto.createCsr({ commonName: commonName!, altNames: [commonName!, ...others] }, privateKeyPem)
  const certificatePem = await client.auto({
    csr,
    email: order.contact,
    // Whoever writes acme= into the description agrees (docs/attributes.md).
    termsOfServiceAgreed: true,
    challengePriority: ['http-01'],
    // The authority looks for itself; from here the public name often leads nowhere (NAT).
    skipChallengeVerification: true,
    challengeCreateFn: async (_where, { token }, text) => order.show(token, text),
    challengeRemoveFn: async (_where, { token }) => order.show(token, undefined),
  })
  return { certificatePem, privateKeyPem }
}
