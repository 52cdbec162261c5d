// What a simulated TLS client makes of a server's certificate: real X.509 parsing and name checks, without a handshake.

import { hash, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { serverEndPoint } from '../end-point.ts'
import type { ChannelBinding, TlsClientSide, TlsIdentity, TlsInfo } from '../network.ts'

type Verdict = Pick<TlsInfo, 'authorized' | 'authorizationError' | 'peerCertificates'>

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** Does the certificate chain lead to an anchor, is it still valid, and does it name the server. */
export function verifyModelled(
  identity: TlsIdentity,
  side: TlsClientSide,
  systemTrusted: readonly string[],
  nowMs: number,
): Verdict {
  const chain = parsePem(identity.certificatePem)
  const leaf = chain[0]
  if (leaf === undefined) return { authorized: false, authorizationError: 'CERT_UNREADABLE' }
  const peerCertificates = chain.map((certificate) => certificate.raw)
  const anchors = (side.trusted ?? systemTrusted).flatMap(parsePem)
  const isAnchored = chain.some((certificate) =>
    anchors.some((anchor) => anchor.raw.equals(certificate.raw) || certificate.verify(anchor.publicKey)),
  )
  if (!isAnchored) return { authorized: false, authorizationError: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', peerCertificates }
  // Certificates are made by the clock of the machine that runs the simulation, so only their end is looked at.
  if (leaf.validToDate.getTime() < nowMs)
    return { authorized: false, authorizationError: 'CERT_HAS_EXPIRED', peerCertificates }
  const isNamed = isIP(side.serverName) === 0 ? leaf.checkHost(side.serverName) : leaf.checkIP(side.serverName)
  if (isNamed === undefined)
    return { authorized: false, authorizationError: 'ERR_TLS_CERT_ALTNAME_INVALID', peerCertificates }
  return { authorized: true, peerCertificates }
}

/** What the two ends of this handshake have alike, and no other handshake has. */
export function modelledExporter(client: string, server: string, nowMs: number): Buffer {
  return hash('sha256', `${client} ${server} ${nowMs}`, 'buffer')
}

export function modelledBindings({ certificatePem }: TlsIdentity, exporter: Buffer): ChannelBinding[] {
  const leaf = parsePem(certificatePem)[0]
  const endPoint = leaf && serverEndPoint(leaf.raw)
  return [{ type: 'tls-exporter', data: exporter }, ...(endPoint ? [endPoint] : [])]
}

export function clientCertificateOf({ identity }: TlsClientSide): Buffer | undefined {
  return identity && parsePem(identity.certificatePem)[0]?.raw
}

function parsePem(pem: string): X509Certificate[] {
  const certificates: X509Certificate[] = []
  for (const [block] of pem.matchAll(pemBlock)) {
    try {
      certificates.push(new X509Certificate(block))
    } catch {
      // Not a certificate: as if it were absent.
    }
  }
  return certificates
}
