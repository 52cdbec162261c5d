// The PROXY protocol, as a load balancer in front of us speaks it (haproxy's proxy-protocol.txt, sections 2.1 and 2.2:
// versions 1 and 2): who connected to it, and to which address, before the first byte of SMTP. Sans-I/O: bytes in, a
// result out. Only asked of connections from trusted addresses; there a header must come, and a malformed one is
// refused: who could choose between sending one and not could pretend to be anybody.

import { formatIp, parseIpv4, parseIpv6 } from '../../message/ip.ts'
import type { Endpoint } from '../../world/network.ts'

export type ProxyResult =
  | { readonly kind: 'more' }
  | {
      readonly kind: 'header'
      /** The connection that the balancer took; undefined when it speaks for itself (a health check). */
      readonly connection: { readonly client: Endpoint; readonly server: Endpoint } | undefined
      /** Bytes that the header took; SMTP follows. */
      readonly length: number
    }
  | { readonly kind: 'malformed'; readonly reason: string }

/** proxy-protocol.txt §2.1: "a 108-byte buffer is always enough to store all the line and a trailing zero". */
const MAX_V1_BYTES = 107
const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const V1_PREFIX = Buffer.from('PROXY ', 'latin1')
const V2_HEAD_BYTES = 16
/** Addresses and what may follow them (TLVs). A balancer needs some hundred bytes. */
const MAX_V2_BODY_BYTES = 4096

/** No header is longer. */
export const MAX_PROXY_HEADER_BYTES = V2_HEAD_BYTES + MAX_V2_BODY_BYTES

const malformed = (reason: string): ProxyResult => ({ kind: 'malformed', reason })

/** Reads the header at the start of everything that has come so far. Never throws. */
export function parseProxyHeader(bytes: Buffer): ProxyResult {
  if (bytes.length === 0) return { kind: 'more' }
  if (startsAs(bytes, SIGNATURE)) return parseV2(bytes)
  if (startsAs(bytes, V1_PREFIX)) return parseV1(bytes)
  return malformed('no PROXY header')
}

/** Do the two agree as far as both go? */
function startsAs(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length)
  return bytes.compare(prefix, 0, length, 0, length) === 0
}

// ---- version 1, a line of text (§2.1)

function parseV1(bytes: Buffer): ProxyResult {
  const lf = bytes.subarray(0, MAX_V1_BYTES).indexOf(10)
  if (lf < 0) return bytes.length >= MAX_V1_BYTES ? malformed('the PROXY line is too long') : { kind: 'more' }
  if (bytes[lf - 1] !== 13) return malformed('the PROXY line does not end in CRLF')
  const length = lf + 1
  const line = bytes.toString('latin1', 0, lf - 1)
  // "UNKNOWN": the rest of the line means nothing.
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN '))
    return { kind: 'header', connection: undefined, length }
  const words = line.split(' ')
  const [, family, from, to, fromPort, toPort] = words
  const isOfFamily = family === 'TCP4' ? parseIpv4 : family === 'TCP6' ? parseIpv6 : undefined
  if (words.length !== 6 || isOfFamily === undefined) return malformed('the PROXY line is not understood')
  const client = endpoint(isOfFamily(from!), fromPort!)
  const server = endpoint(isOfFamily(to!), toPort!)
  if (client === undefined || server === undefined)
    return malformed('the PROXY line holds no addresses and ports of its family')
  return { kind: 'header', connection: { client, server }, length }
}

function endpoint(address: number[] | undefined, port: string): Endpoint | undefined {
  if (address === undefined || !/^(0|[1-9][0-9]{0,4})$/.test(port) || Number(port) > 65_535) return undefined
  return { address: formatIp(address), port: Number(port) }
}

// ---- version 2, binary (§2.2)

const LOCAL = 0x20
const PROXY = 0x21
/** Family and transport: the one byte that follows the command. We serve streams only. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 17: 4, 33: 16 }

function parseV2(bytes: Buffer): ProxyResult {
  if (bytes.length < V2_HEAD_BYTES) return { kind: 'more' }
  const command = bytes[12]!
  if (command !== LOCAL && command !== PROXY) return malformed('version or command of the PROXY header is not known')
  const bodyBytes = bytes.readUInt16BE(14)
  if (bodyBytes > MAX_V2_BODY_BYTES) return malformed('the PROXY header is too long')
  const length = V2_HEAD_BYTES + bodyBytes
  if (bytes.length < length) return { kind: 'more' }
  // "LOCAL": the balancer itself, asking how we are; what follows is to be discarded.
  if (command === LOCAL) return { kind: 'header', connection: undefined, length }
  const addressBytes = ADDRESS_BYTES[bytes[13]!]
  // "the receiver should ignore address information" of AF_UNSPEC; but then nobody says who our client is.
  if (addressBytes === undefined) return malformed('the PROXY header speaks of no TCP connection')
  if (bodyBytes < 2 * addressBytes + 4) return malformed('the PROXY header ends before its addresses do')
  const at = V2_HEAD_BYTES
  const portsAt = at + 2 * addressBytes
  const client = { address: addressText(bytes, at, addressBytes), port: bytes.readUInt16BE(portsAt) }
  const server = {
    address: addressText(bytes, at + addressBytes, addressBytes),
    port: bytes.readUInt16BE(portsAt + 2),
  }
  return { kind: 'header', connection: { client, server }, length }
}

/** IPv4 in IPv6 clothes is IPv4: lists, limits and SPF compare addresses. */
function addressText(bytes: Buffer, at: number, length: number): string {
  const address = bytes.subarray(at, at + length)
  const isMapped = length === 16 && address.readUInt32BE(8) === 0xffff && address.readBigUInt64BE(0) === 0n
  return formatIp(isMapped ? address.subarray(12) : address)
}
