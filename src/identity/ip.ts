// IP addresses as SPF and iprev need them: compared by prefix, and as the reversed names of in-addr.arpa and ip6.arpa
// (RFC 1035 §3.5, RFC 3596 §2.5). An IPv4-mapped IPv6 address is its IPv4 address (RFC 7208 §5).

import { parseIp as parseAnyIp } from '../message/ip.ts'

export { formatIp } from '../message/ip.ts'

/** 4 bytes (IPv4) or 16 bytes (IPv6), network order. */
export type IpBytes = readonly number[]

/** Any address text; IPv4-mapped IPv6 (::ffff:a.b.c.d) becomes IPv4. Undefined where it is none. */
export function parseIp(text: string): IpBytes | undefined {
  const bytes = parseAnyIp(text)
  if (bytes?.length !== 16) return bytes
  for (let i = 0; i < 12; i++) if (bytes[i] !== (i < 10 ? 0 : 255)) return bytes
  return bytes.slice(12)
}

/** Do the first `prefixBits` bits agree? Addresses of different families never do. */
export function samePrefix(a: IpBytes, b: IpBytes, prefixBits: number): boolean {
  if (a.length !== b.length) return false
  const whole = prefixBits >> 3
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false
  const rest = prefixBits & 7
  return rest === 0 || (a[whole]! ^ b[whole]!) >> (8 - rest) === 0
}

/** The labels of the address for SPF's macro `i`: dotted quad, or 32 hex digits with dots (RFC 7208 §7.3), in upper case. */
export function dottedIp(ip: IpBytes): string {
  if (ip.length === 4) return ip.join('.')
  let text = ''
  for (const byte of ip) text += `${text ? '.' : ''}${(byte >> 4).toString(16)}.${(byte & 15).toString(16)}`
  return text.toUpperCase()
}

/** The name whose PTR records name the host. */
export function reverseName(ip: IpBytes): string {
  const labels = dottedIp(ip).toLowerCase().split('.').reverse().join('.')
  return ip.length === 4 ? `${labels}.in-addr.arpa` : `${labels}.ip6.arpa`
}
