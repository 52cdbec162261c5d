// TLS handshakes on connections that exist already, both sides (RFC 8446 and TLS 1.2; nothing older, RFC 8996). Our
// servers speak only ciphers with forward secrecy and authenticated encryption (RFC 9325 §4.2), and do not renegotiate.

import { constants } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { NetworkError, type TlsClientSide, type TlsIdentity, type TlsInfo, type TlsServerSide } from '../network.ts'

const oldestVersion = 'TLSv1.2'
/** For both kinds of keys; those of TLS 1.3 are all sound. Our clients take what a server has, for the other is plain text. */
const serverCiphers = [
  ...['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'],
  ...['AES256-GCM-SHA384', 'CHACHA20-POLY1305', 'AES128-GCM-SHA256'].flatMap((cipher) => [
    `ECDHE-ECDSA-${cipher}`,
    `ECDHE-RSA-${cipher}`,
  ]),
].join(':')
const longestChain = 10
/** Parsing a certificate and key costs far more than a lookup, and identities are few. */
const contexts = new WeakMap<TlsIdentity, SecureContext>()

/** The encrypted socket and what was agreed. @throws Error of any kind; the plain socket is then destroyed by the caller */
export async function shakeHands(
  plain: Socket,
  side: TlsServerSide | TlsClientSide,
  timeoutMs: number,
): Promise<{ socket: TLSSocket; info: TlsInfo }> {
  const socket = side.role === 'server' ? serverSocket(plain, side) : clientSocket(plain, side)
  try {
    await secured(socket, plain, side.role === 'server' ? 'secure' : 'secureConnect', timeoutMs)
  } catch (error) {
    socket.destroy()
    throw error
  }
  const info = side.role === 'server' ? serverInfo(socket) : clientInfo(socket)
  return { socket, info }
}

function serverSocket(plain: Socket, side: TlsServerSide): TLSSocket {
  let context = contexts.get(side.identity)
  if (context === undefined) {
    const { certificatePem, privateKeyPem } = side.identity
    context = createSecureContext({
      cert: certificatePem,
      key: privateKeyPem,
      minVersion: oldestVersion,
      ciphers: serverCiphers,
      honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    })
    contexts.set(side.identity, context)
  }
  return new TLSSocket(plain, { isServer: true, secureContext: context })
}

function clientSocket(plain: Socket, side: TlsClientSide): TLSSocket {
  return connect({
    socket: plain,
    host: side.serverName,
    // RFC 6066 §3: addresses are not sent as names.
    servername: isIP(side.serverName) === 0 ? side.serverName : '',
    rejectUnauthorized: side.mustAuthenticate,
    minVersion: oldestVersion,
    ...(side.trusted === undefined ? {} : { ca: [...side.trusted] }),
  })
}

function secured(
  socket: TLSSocket,
  plain: Socket,
  event: 'secure' | 'secureConnect',
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (action: () => void) => {
      clearTimeout(timer)
      socket.off(event, onSecure).off('close', onClose)
      plain.off('close', onClose)
      action()
    }
    const onSecure = () => settle(resolve)
    const onError = (error: Error) => settle(() => reject(error))
    const onClose = () => settle(() => reject(new NetworkError('tls', 'The peer closed during the handshake.')))
    const timer = setTimeout(() => onError(new NetworkError('tls', 'The TLS handshake took too long.')), timeoutMs)
    socket.once(event, onSecure)
    // Stays: later errors are the stream's business, and an error without a listener would end the process.
    socket.on('error', onError)
    socket.once('close', onClose)
    socket.once('end', onClose)
    plain.once('close', onClose)
  })
}

function serverInfo(socket: TLSSocket): TlsInfo {
  const { servername } = socket as unknown as { servername?: string | false | null }
  return { ...agreed(socket), authorized: false, ...(servername ? { serverName: servername } : {}) }
}

function clientInfo(socket: TLSSocket): TlsInfo {
  const peerCertificates: Buffer[] = []
  let certificate = socket.getPeerCertificate(true)
  while (certificate?.raw !== undefined && peerCertificates.length < longestChain) {
    peerCertificates.push(certificate.raw)
    if (certificate.issuerCertificate === undefined || certificate.issuerCertificate === certificate) break
    certificate = certificate.issuerCertificate
  }
  const info = { ...agreed(socket), authorized: socket.authorized, peerCertificates }
  return socket.authorized ? info : { ...info, authorizationError: String(socket.authorizationError) }
}

function agreed(socket: TLSSocket): { protocol: string; cipher: string } {
  return { protocol: socket.getProtocol() ?? '', cipher: socket.getCipher().standardName }
}
