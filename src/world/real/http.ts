// The HTTP servers of the real world: node:http and node:https with limits that bear strangers. Fastify answers for them
// (src/web).

import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { TlsIdentity } from '../network.ts'
import { networkError } from './network.ts'
import { serverContext } from './tls.ts'

const HEADERS_TIMEOUT_MS = 20_000
const REQUEST_TIMEOUT_MS = 300_000
const MAX_HEADER_BYTES = 16 * 1024

/** A server that does not listen yet; in the form in which Fastify wants its `serverFactory`. */
export function httpServer(handler: RequestListener): Server {
  return limited(createServer({ maxHeaderSize: MAX_HEADER_BYTES }, handler), handler)
}

/**
 * The same over TLS; the identity is asked for at each handshake, with the name that the client wants. `asksClients`: for a
 * certificate, whoever signed it; some browsers then ask their people.
 */
export function httpsServer(
  handler: RequestListener,
  identityFor: (serverName: string) => TlsIdentity,
  { asksClients = false } = {},
): Server {
  const { certificatePem, privateKeyPem } = identityFor('')
  const server = createSecureServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      // For clients that name no host.
      cert: certificatePem,
      key: privateKeyPem,
      minVersion: 'TLSv1.2',
      requestCert: asksClients,
      rejectUnauthorized: false,
      SNICallback: (serverName, done) => done(null, serverContext(identityFor(serverName))),
    },
    handler,
  )
  return limited(server, handler)
}

function limited<S extends Server>(server: S, handler: RequestListener): S {
  // Whoever answers says when a client that waits for it may send its body (RFC 9110 §10.1.1).
  server.on('checkContinue', handler)
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.keepAliveTimeout = 60_000
  return server
}

/** @throws NetworkError 'address-in-use' | 'address-not-available' | 'denied' */
export function listenHttp(server: Server, at: { address: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(networkError(error)))
    server.listen({ host: at.address, port: at.port }, () => {
      server.removeAllListeners('error')
      server.on('error', () => {})
      resolve()
    })
  })
}
