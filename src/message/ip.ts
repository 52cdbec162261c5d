// IP addresses as text: the one place that says whether a text is one (RFC 5321 §4.1.3, RFC 4291 §2.2), and their
// bytes, by which addresses are compared and matched. Pure: needs no network.

/** The four bytes of a dotted IPv4 address without leading zeros, or undefined. */
export function parseIpv4(text: string): number[] | undefined {
  if (text.length > 15) return undefined
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes: number[] = []
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return undefined
    const value = Number(part)
    if (value > 255) return undefined
    bytes.push(value)
  }
  return bytes
}

/** The sixteen bytes of an IPv6 address, or undefined. No brackets, no zone. */
export function parseIpv6(text: string): number[] | undefined {
  if (text.length > 45 || text.length < 2 || !text.includes(':')) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupsOf(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? groupsOf(halves[1]!, true) : []
  if (!head || !tail) return undefined
  const count = head.length + tail.length
  if (halves.length === 1 ? count !== 16 : count > 14) return undefined
  return [...head, ...new Array<number>(16 - count).fill(0), ...tail]
}

/** Bytes of `a:b:…`, where the last group may be an IPv4 address if `mayEndInIpv4`. */
function groupsOf(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!
    if (mayEndInIpv4 && i === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group)
      if (!ipv4) return undefined
      bytes.push(...ipv4)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    }
  }
  return bytes
}

/** The bytes of an address of either kind: 4 or 16 of them, or undefined. */
export function parseIp(text: string): number[] | undefined {
  return parseIpv4(text) ?? parseIpv6(text)
}

/** `192.0.2.1`, or IPv6 in lower case with the longest run of zeros as `::` (RFC 5952). */
export function formatIp(ip: ArrayLike<number>): string {
  if (ip.length === 4) return Array.from(ip).join('.')
  const words: string[] = []
  for (let i = 0; i < 16; i += 2) words.push(((ip[i]! << 8) | ip[i + 1]!).toString(16))
  let best = { at: -1, length: 1 }
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (words[i + length] === '0') length++
    if (length > best.length) best = { at: i, length }
  }
  if (best.at < 0) return words.join(':')
  return `${words.slice(0, best.at).join(':')}::${words.slice(best.at + best.length).join(':')}`
}

export function isIp(text: string): boolean {
  return parseIp(text) !== undefined
}

/** Where in an IPv6 address an IPv4 one stands that it leads to: mapped and compatible, NAT64, 6to4. */
const INSIDE: readonly { readonly head: readonly number[]; readonly at: number }[] = [
  // RFC 4291 §2.5.5.
  { head: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255], at: 12 },
  { head: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], at: 12 },
  // RFC 6052 §2.1.
  { head: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], at: 12 },
  // RFC 3056 §2.
  { head: [0x20, 0x02], at: 2 },
]

/** Networks of IPv6 that nobody reaches from the Internet, or that lead through the network of whoever asks. */
const PRIVATE_V6: readonly { readonly head: readonly number[]; readonly bits: number }[] = [
  // Multicast, unique local, link-local and what was site-local (RFC 4291, RFC 4193, RFC 3879).
  { head: [0xff], bits: 8 },
  { head: [0xfc], bits: 7 },
  { head: [0xfe, 0x80], bits: 9 },
  // Discarded (RFC 6666), NAT64 of a network of its own (RFC 8215), Teredo (RFC 4380).
  { head: [1, 0, 0, 0, 0, 0, 0, 0], bits: 64 },
  { head: [0, 0x64, 0xff, 0x9b, 0, 1], bits: 48 },
  { head: [0x20, 1, 0, 0], bits: 32 },
]

const PRIVATE_V4: readonly { readonly head: readonly number[]; readonly bits: number }[] = [
  ...[0, 10, 127].map((first) => ({ head: [first], bits: 8 })),
  // Multicast, and what is reserved.
  { head: [224], bits: 3 },
  { head: [100, 64], bits: 10 },
  { head: [169, 254], bits: 16 },
  { head: [172, 16], bits: 12 },
  { head: [192, 168], bits: 16 },
  // IETF protocols (RFC 6890), and benchmarks (RFC 2544).
  { head: [192, 0, 0], bits: 24 },
  { head: [198, 18], bits: 15 },
]

const isWithin = (bytes: readonly number[], { head, bits }: { head: readonly number[]; bits: number }): boolean =>
  head.every((byte, i) => {
    const mask = 0xff & (0xff00 >> Math.min(8, bits - 8 * i))
    return (bytes[i]! & mask) === (byte & mask)
  })

/**
 * True for addresses that no host on the Internet has: private, loopback, link-local, unique local, shared, multicast, and
 * those of IPv6 that lead to such.
 */
export function isPrivateIp(text: string): boolean {
  const bytes = parseIp(text)
  if (bytes === undefined) return false
  if (bytes.length === 4) return PRIVATE_V4.some((network) => isWithin(bytes, network))
  if (PRIVATE_V6.some((network) => isWithin(bytes, network))) return true
  const inside = INSIDE.find(({ head }) => head.every((byte, i) => bytes[i] === byte))
  return inside !== undefined && isPrivateIp(formatIp(bytes.slice(inside.at, inside.at + 4)))
}
