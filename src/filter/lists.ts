// White- and blacklists, in their simplest form: who is always let in, and who never. An entry is an address
// (person@domain), a domain (and everything below it), a network (192.0.2.0/24, 2001:db8::/32, one address) or a domain
// that signs (dkim:domain).

import { parseIp } from '../message/ip.ts'

export type ListEntry =
  | { readonly kind: 'address'; readonly value: string }
  | { readonly kind: 'domain'; readonly value: string }
  | { readonly kind: 'signer'; readonly value: string; readonly domain: string }
  | {
      readonly kind: 'network'
      readonly value: string
      readonly bytes: readonly number[]
      readonly prefixLength: number
    }

/** Reads one entry; undefined when it is none of the four. */
export function parseListEntry(text: string): ListEntry | undefined {
  const value = text.trim().toLowerCase()
  const network = parseNetwork(value)
  if (network !== undefined) return network
  if (value.startsWith('dkim:')) {
    const domain = parseListEntry(value.slice(5))
    return domain?.kind === 'domain' ? { kind: 'signer', value, domain: domain.value } : undefined
  }
  if (value.includes('@')) return /^[^\s@]+@[^\s@]+$/.test(value) ? { kind: 'address', value } : undefined
  return /^[^\s@/]+$/.test(value) && value.includes('.') ? { kind: 'domain', value } : undefined
}

/** 'address' or 'address/prefix'. */
export function parseNetwork(text: string): Extract<ListEntry, { kind: 'network' }> | undefined {
  const [address, prefix, ...rest] = text.split('/')
  const bytes = parseIp(address ?? '')
  if (bytes === undefined || rest.length > 0) return undefined
  const prefixLength = prefix === undefined ? bytes.length * 8 : Number(prefix)
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bytes.length * 8) return undefined
  return { kind: 'network', value: text, bytes, prefixLength }
}

/** Is `ip` in the network. An IPv4 network never holds an IPv6 address, and the reverse. */
export function inNetwork(ip: string, network: { bytes: readonly number[]; prefixLength: number }): boolean {
  const bytes = parseIp(unmapped(ip))
  if (bytes === undefined || bytes.length !== network.bytes.length) return false
  for (let bit = 0; bit < network.prefixLength; bit += 8) {
    const mask = 0xff & ~(0xff >> Math.min(8, network.prefixLength - bit))
    if ((bytes[bit / 8]! & mask) !== (network.bytes[bit / 8]! & mask)) return false
  }
  return true
}

/** The first entry that names the connecting address, or the reverse-path's address or domain. */
export function findInList(list: readonly ListEntry[], who: { ip: string; address?: string }): ListEntry | undefined {
  const address = who.address?.toLowerCase()
  const domain = address?.slice(address.lastIndexOf('@') + 1)
  return list.find((entry) => {
    if (entry.kind === 'network') return inNetwork(who.ip, entry)
    if (entry.kind === 'address') return entry.value === address
    return entry.kind === 'domain' && domain !== undefined && isWithin(domain, entry.value)
  })
}

/** The first entry that names one of these domains as a signer. */
export function findSigner(list: readonly ListEntry[], signers: readonly string[]): ListEntry | undefined {
  return list.find((entry) => entry.kind === 'signer' && signers.some((signer) => isWithin(signer, entry.domain)))
}

const isWithin = (domain: string, parent: string) => domain === parent || domain.endsWith(`.${parent}`)

/** '::ffff:192.0.2.1' as '192.0.2.1'. */
export function unmapped(ip: string): string {
  return ip.toLowerCase().startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip
}

/** The network that one customer is likely to hold: the /24 or /64 of an address, as text. For rates. */
export function neighbourhood(ip: string): string {
  const bytes = parseIp(unmapped(ip))
  if (bytes === undefined) return ip
  return bytes.slice(0, bytes.length === 4 ? 3 : 8).join('.')
}
