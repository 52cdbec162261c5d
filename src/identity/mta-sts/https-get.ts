// One HTTPS request over the world's network: a GET as MTA-STS asks for it (RFC 8461 §3.3; RFC 9112 for what comes back),
// or a POST of a report on TLS (RFC 8460 §5.4), to a push service (RFC 8030) or to a webhook: the certificate must name the host, redirects are not followed, and time, size and addresses are bounded. A stranger's
// domain chooses the address, so those of private networks are not connected to.

import { isIp, isPrivateIp } from '../../message/ip.ts'
import type { Dns } from '../../world/dns.ts'
import { type Network, NetworkError, type Stream } from '../../world/network.ts'
import type { Clock } from '../../world/world.ts'
import type { HttpsGet } from './mta-sts.ts'

export interface HttpsGetOptions {
  /** Trust anchors (PEM) instead of the system's. */
  readonly trusted?: readonly string[]
  /** For laboratories. */
  readonly privateDestinations?: boolean
}

interface Response {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

type Outcome = Response | { readonly fault: string; readonly isTls?: boolean }

const PORT = 443
const MAX_ADDRESSES = 3
const MAX_HEAD_BYTES = 16_384
const MAX_CHUNKS = 4096
/** So many pieces are looked at as they come; an honest answer has a few. */
const EAGER_PIECES = 64

type HttpsWorld = { readonly dns: Dns; readonly network: Network; readonly clock: Clock }
type Request = Parameters<HttpsGet>[0]

/** What is sent instead of asking. */
interface Posted {
  readonly contentType: string
  readonly body: Buffer
  /** Further fields of the request. */
  readonly fields?: Readonly<Record<string, string>>
}

/** A getter that never rejects but for bugs. */
export function httpsGet(world: HttpsWorld, options: HttpsGetOptions = {}): HttpsGet {
  return (request) => ask(world, options, request, undefined)
}

/** Sends something, once: who does not answer in time may have got it. Never rejects but for bugs. */
export function httpsPost(
  world: HttpsWorld,
  request: Request & Posted,
  options: HttpsGetOptions = {},
): ReturnType<HttpsGet> {
  return ask(world, options, request, request)
}

async function ask(
  world: HttpsWorld,
  options: HttpsGetOptions,
  request: Request,
  posted: Posted | undefined,
): Promise<Outcome> {
  const { host, timeoutMs } = request
  const endMs = world.clock.monotonic() + timeoutMs
  if (request.socket !== undefined) {
    try {
      const stream = await world.network.connect({ path: request.socket }, { timeoutMs })
      return await exchange(stream, request, posted, endMs, world.clock)
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error
      return { fault: error.message }
    }
  }
  const addresses = await addressesOf(host, world.dns, options.privateDestinations ?? false)
  let outcome: Outcome = { fault: `${host} has no address` }
  for (const address of addresses) {
    const leftMs = endMs - world.clock.monotonic()
    if (leftMs <= 0) return { fault: 'no answer in time' }
    try {
      const tls = { role: 'client', serverName: host, mustAuthenticate: true, trusted: options.trusted } as const
      const at = { address, port: request.port ?? PORT }
      const stream = await world.network.connect(at, { timeoutMs: leftMs, ...(!request.isPlain && { tls }) })
      // Whoever answered has answered: another address is not asked for something better.
      return await exchange(stream, request, posted, endMs, world.clock)
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error
      outcome = { fault: error.message, isTls: error.code === 'tls' }
    }
  }
  return outcome
}

async function addressesOf(host: string, dns: Dns, mayBePrivate: boolean): Promise<string[]> {
  if (isIp(host)) return mayBePrivate || !isPrivateIp(host) ? [host] : []
  const answers = await Promise.all([dns.resolve(host, 'AAAA'), dns.resolve(host, 'A')])
  const found = answers.flatMap((answer) => (answer.status === 'records' ? answer.records.slice(0, 2) : []))
  return found.filter((address) => mayBePrivate || !isPrivateIp(address)).slice(0, MAX_ADDRESSES)
}

async function exchange(
  stream: Stream,
  { host, path, maxBytes, port = PORT, accept = 'text/plain' }: Request,
  posted: Posted | undefined,
  endMs: number,
  clock: Clock,
): Promise<Outcome> {
  try {
    const lines = [
      `${posted ? 'POST' : 'GET'} ${path} HTTP/1.1`,
      `Host: ${host}${port === PORT ? '' : `:${port}`}`,
      'User-Agent: Borderpost',
      ...Object.entries(posted?.fields ?? {}).map(([name, value]) => `${name}: ${value}`),
      ...(posted
        ? [`Content-Type: ${posted.contentType}`, `Content-Length: ${posted.body.length}`]
        : [`Accept: ${accept}`]),
      'Connection: close',
    ]
    await stream.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`))
    if (posted) await stream.write(posted.body)
    const chunks: Uint8Array[] = []
    let size = 0
    let lookedAt = 0
    for (;;) {
      const leftMs = endMs - clock.monotonic()
      if (leftMs <= 0) return { fault: 'no answer in time' }
      const bytes = await stream.read(leftMs)
      if (bytes) chunks.push(bytes)
      size += bytes?.length ?? 0
      // Chunks have frames of their own: twice the size is more than any honest answer needs.
      if (size > MAX_HEAD_BYTES + 2 * maxBytes) return { fault: 'too long' }
      // A server that drips must not make us read the whole again for each drop.
      if (bytes && chunks.length > EAGER_PIECES && size < lookedAt * 1.25) continue
      lookedAt = size
      const outcome = parseResponse(Buffer.concat(chunks), bytes === null, maxBytes)
      if (outcome) return outcome
    }
  } finally {
    stream.destroy()
  }
}

/** The response, or undefined while more must come. */
export function parseResponse(bytes: Buffer, isEnd: boolean, maxBytes: number): Outcome | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0 || headEnd > MAX_HEAD_BYTES) {
    return isEnd || bytes.length > MAX_HEAD_BYTES ? { fault: 'no HTTP response' } : undefined
  }
  const [statusLine = '', ...fields] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const status = /^HTTP\/1\.[01] ([2-5]\d\d)(?: |$)/.exec(statusLine)?.[1]
  if (status === undefined) return { fault: 'no HTTP response' }
  const valuesOf = (name: string): string[] =>
    fields
      .filter((field) => field.toLowerCase().startsWith(`${name}:`))
      .map((field) => field.slice(name.length + 1).trim())
  const whole = (body: Buffer): Outcome =>
    body.length > maxBytes
      ? { fault: 'too long' }
      : { status: Number(status), contentType: valuesOf('content-type')[0] ?? '', body }
  const rest = bytes.subarray(headEnd + 4)
  const lengths = new Set(valuesOf('content-length'))
  const codings = valuesOf('transfer-encoding')
  if (valuesOf('content-encoding').some((coding) => coding.toLowerCase() !== 'identity'))
    return { fault: 'an encoding that nobody asked for' }
  if (codings.length > 0) {
    // RFC 9112 §6.3: both together are an attack or an error.
    if (lengths.size > 0 || codings.length > 1 || codings[0]!.toLowerCase() !== 'chunked')
      return { fault: 'no HTTP response' }
    const body = unchunked(rest, maxBytes)
    if (body === undefined) return isEnd ? { fault: 'the answer is cut off' } : undefined
    return 'fault' in body ? body : whole(body.bytes)
  }
  if (lengths.size === 0) return rest.length > maxBytes ? { fault: 'too long' } : isEnd ? whole(rest) : undefined
  const [length = ''] = lengths
  if (lengths.size > 1 || !/^\d{1,15}$/.test(length)) return { fault: 'no HTTP response' }
  if (Number(length) > maxBytes) return { fault: 'too long' }
  if (rest.length >= Number(length)) return whole(rest.subarray(0, Number(length)))
  return isEnd ? { fault: 'the answer is cut off' } : undefined
}

/** RFC 9112 §7.1. Undefined while more must come. */
function unchunked(bytes: Buffer, maxBytes: number): { bytes: Buffer } | { fault: string } | undefined {
  const pieces: Buffer[] = []
  let size = 0
  for (let at = 0; pieces.length < MAX_CHUNKS; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return bytes.length - at > 1000 ? { fault: 'no HTTP response' } : undefined
    const length = /^([0-9a-f]{1,7})[ \t]*(?:;|$)/i.exec(
      bytes.toString('latin1', at, Math.min(lineEnd, at + 1000)),
    )?.[1]
    if (length === undefined) return { fault: 'no HTTP response' }
    const count = Number.parseInt(length, 16)
    if (count === 0) return { bytes: Buffer.concat(pieces) }
    size += count
    if (size > maxBytes) return { fault: 'too long' }
    const start = lineEnd + 2
    if (start + count + 2 > bytes.length) return undefined
    pieces.push(bytes.subarray(start, start + count))
    at = start + count + 2
  }
  return { fault: 'too long' }
}
