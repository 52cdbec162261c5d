// TLS handshakes on connections that exist already, both sides (RFC 8446 and TLS 1.2; nothing older, RFC 8996). Our
// servers speak only ciphers with forward secrecy and authenticated encryption (RFC 9325 §4.2), and do not renegotiate.

import { constants, X509Certificate } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import { serverEndPoint } from '../end-point.ts'
import {
  type ChannelBinding,
  NetworkError,
  type TlsClientSide,
  type TlsIdentity,
  type TlsInfo,
  type TlsServerSide,
} from '../network.ts'
import { type KeptSession, type Proof, sessionKey, TlsSessions } from './tls-sessions.ts'

const sessions = new TlsSessions(() => performance.now())

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
/** RFC 9266 §2. */
const exporterLabel = 'EXPORTER-Channel-Binding'
const exporterBytes = 32

/** The encrypted socket and what was agreed. @throws Error of any kind; the plain socket is then destroyed by the caller */
export async function shakeHands(
  plain: Socket,
  side: TlsServerSide | TlsClientSide,
  timeoutMs: number,
): Promise<{ socket: TLSSocket; info: TlsInfo }> {
  if (side.role === 'client') return greet(plain, side, timeoutMs)
  const socket = serverSocket(plain, side)
  await shaken(socket, plain, 'secure', timeoutMs)
  return { socket, info: serverInfo(socket, side.identity) }
}

/** The client's side: a session of the last minutes is resumed where the server agrees, and its proof stands. */
async function greet(
  plain: Socket,
  side: TlsClientSide,
  timeoutMs: number,
): Promise<{ socket: TLSSocket; info: TlsInfo }> {
  const key = sessionKey(side, `${plain.remoteAddress} ${plain.remotePort}`)
  const earlier = key === undefined ? undefined : sessions.find(key)
  const socket = clientSocket(plain, side, earlier?.session)
  let proven: Omit<KeptSession, 'session'> | undefined
  let latest: Buffer | undefined
  const keep = () => {
    if (key !== undefined && proven !== undefined && latest !== undefined)
      sessions.keep(key, { ...proven, session: latest })
  }
  // In TLS 1.3 tickets follow the handshake, in TLS 1.2 they are part of it.
  socket.on('session', (session: Buffer) => {
    latest = session
    keep()
  })
  await shaken(socket, plain, 'secureConnect', timeoutMs).catch((error: unknown) => {
    if (key !== undefined) sessions.forget(key)
    throw error
  })
  const isResumed = earlier !== undefined && socket.isSessionReused()
  proven = isResumed ? earlier : { proof: proofOf(socket), provenMs: sessions.nowMs }
  keep()
  const { proof } = proven
  return { socket, info: { ...agreed(socket), ...proof, bindings: bindingsOf(socket, proof.peerCertificates?.[0]) } }
}

async function shaken(
  socket: TLSSocket,
  plain: Socket,
  event: 'secure' | 'secureConnect',
  timeoutMs: number,
): Promise<void> {
  try {
    await secured(socket, plain, event, timeoutMs)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

function serverSocket(plain: Socket, side: TlsServerSide): TLSSocket {
  const { identity } = side
  // Any certificate will do here: whose it is will be looked up by its key.
  const requestCert = identity.asksClients === true
  return new TLSSocket(plain, {
    isServer: true,
    secureContext: serverContext(identity),
    requestCert,
    rejectUnauthorized: false,
  })
}

/** How our servers speak TLS with this certificate. */
export function serverContext(identity: TlsIdentity): SecureContext {
  let context = contexts.get(identity)
  if (context === undefined) {
    const { certificatePem, privateKeyPem } = identity
    context = createSecureContext({
      cert: certificatePem,
      key: privateKeyPem,
      minVersion: oldestVersion,
      ciphers: serverCiphers,
      honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      // Without one, OpenSSL resumes no session in which a client was asked for its certificate.
      sessionIdContext: 'borderpost',
    })
    contexts.set(identity, context)
  }
  return context
}

function clientSocket(plain: Socket, side: TlsClientSide, session: Buffer | undefined): TLSSocket {
  return connect({
    socket: plain,
    host: side.serverName,
    // RFC 6066 §3: addresses are not sent as names.
    servername: isIP(side.serverName) === 0 ? side.serverName : '',
    rejectUnauthorized: side.mustAuthenticate,
    ...(session && { session }),
    minVersion: oldestVersion,
    ...(side.trusted === undefined ? {} : { ca: [...side.trusted] }),
    ...(side.identity && { cert: side.identity.certificatePem, key: side.identity.privateKeyPem }),
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

function serverInfo(socket: TLSSocket, identity: TlsIdentity): TlsInfo {
  const { servername } = socket as unknown as { servername?: string | false | null }
  const clientCertificate = identity.asksClients ? socket.getPeerCertificate().raw : undefined
  // RFC 5929 §3.1: the first Finished message of the handshake, the client's unless a session is resumed. Then it is no
  // proof against who sat between two earlier handshakes (RFC 7627 §1), so there is none.
  const unique = socket.getProtocol() === 'TLSv1.2' && !socket.isSessionReused() ? socket.getPeerFinished() : undefined
  return {
    ...agreed(socket),
    authorized: false,
    bindings: bindingsOf(socket, ownCertificate(identity), unique),
    ...(servername ? { serverName: servername } : {}),
    ...(clientCertificate ? { clientCertificate } : {}),
  }
}

const ownCertificates = new WeakMap<TlsIdentity, Buffer>()

function ownCertificate(identity: TlsIdentity): Buffer {
  let certificate = ownCertificates.get(identity)
  if (certificate === undefined) {
    certificate = new X509Certificate(identity.certificatePem).raw
    ownCertificates.set(identity, certificate)
  }
  return certificate
}

/** The exporter is one for each session in TLS 1.3 alone (RFC 9266 §4.2 asks more of older versions than can be seen here). */
function bindingsOf(socket: TLSSocket, server: Buffer | undefined, unique?: Buffer): ChannelBinding[] {
  const exporter =
    socket.getProtocol() === 'TLSv1.3'
      ? socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0))
      : undefined
  const endPoint = server && serverEndPoint(server)
  return [
    ...(exporter ? [{ type: 'tls-exporter', data: exporter } as const] : []),
    ...(unique ? [{ type: 'tls-unique', data: unique } as const] : []),
    ...(endPoint ? [endPoint] : []),
  ]
}

function proofOf(socket: TLSSocket): Proof {
  const peerCertificates: Buffer[] = []
  let certificate = socket.getPeerCertificate(true)
  while (certificate?.raw !== undefined && peerCertificates.length < longestChain) {
    peerCertificates.push(certificate.raw)
    if (certificate.issuerCertificate === undefined || certificate.issuerCertificate === certificate) break
    certificate = certificate.issuerCertificate
  }
  const proof = { authorized: socket.authorized, peerCertificates }
  return socket.authorized ? proof : { ...proof, authorizationError: String(socket.authorizationError) }
}

function agreed(socket: TLSSocket): { protocol: string; cipher: string } {
  return { protocol: socket.getProtocol() ?? '', cipher: socket.getCipher().standardName }
}
