// The PROXY header at the start of a connection from a balancer, read from its stream before the session begins.

import { type Endpoint, NetworkError, type Stream } from '../../world/network.ts'
import type { Clock } from '../../world/world.ts'
import { parseProxyHeader } from './proxy.ts'

/** Who is at the other end, as the balancer says it, and what came behind its header. */
export interface Proxied {
  readonly peer?: Endpoint
  readonly local?: Endpoint
  readonly rest?: Buffer
}

/** A balancer sends its header at once. */
const PROXY_HEADER_MS = 5000

/** Undefined: there was none, or it is malformed; then nobody knows who is speaking, and nothing is said to them. */
export async function readProxyHeader(stream: Stream, clock: Clock): Promise<Proxied | undefined> {
  const until = clock.monotonic() + PROXY_HEADER_MS
  let bytes: Buffer = Buffer.alloc(0)
  try {
    for (;;) {
      const result = parseProxyHeader(bytes)
      if (result.kind === 'malformed') return undefined
      if (result.kind === 'header') {
        const { connection, length } = result
        const rest = bytes.subarray(length)
        return connection === undefined ? { rest } : { peer: connection.client, local: connection.server, rest }
      }
      const more = await stream.read(Math.max(1, until - clock.monotonic()))
      if (more === null) return undefined
      bytes = Buffer.concat([bytes, more])
    }
  } catch (error) {
    if (error instanceof NetworkError) return undefined
    throw error
  }
}
