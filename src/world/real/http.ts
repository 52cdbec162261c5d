// The HTTP server of the real world: node:http with limits that bear strangers. Fastify answers for it (src/web).

import { createServer, type RequestListener, type Server } from 'node:http'

const HEADERS_TIMEOUT_MS = 20_000
const REQUEST_TIMEOUT_MS = 300_000
const MAX_HEADER_BYTES = 16 * 1024

/** A server that does not listen yet; in the form in which Fastify wants its `serverFactory`. */
export function httpServer(handler: RequestListener): Server {
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, handler)
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.keepAliveTimeout = 60_000
  return server
}
