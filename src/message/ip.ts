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

/** An IPv6 address that stands for an IPv4 one: mapped (RFC 4291 §2.5.5.2), or behind NAT64 (RFC 6052 §2.1). */
function isIpv4Inside(bytes: readonly number[]): boolean {
  const starts = (...head: number[]) => bytes.slice(0, 12).every((byte, at) => byte === (head[at] ?? 0))
  return starts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255) || starts(0, 0x64, 0xff, 0x9b)
}

/** True for addresses that no host on the Internet has: private, loopback, link-local, unique local, shared, multicast. */
export function isPrivateIp(text: string): boolean {
  let bytes = parseIp(text)
  if (!bytes) return false
  if (bytes.length === 16) {
    if (isIpv4Inside(bytes)) {
      bytes = bytes.slice(12)
    } else {
      const loopback = bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15]! <= 1
      return (
        loopback ||
        bytes[0] === 0xff ||
        (bytes[0]! & 0xfe) === 0xfc ||
        (bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80)
      )
    }
  }
  const [a, b] = bytes as [number, number]
  return (
    a === 10 ||
    a === 127 ||
    a === 0 ||
    a >= 224 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128)
  )
}
