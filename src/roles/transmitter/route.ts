// Where a domain's mail goes: RFC 5321 §5.1 (MX, or the address of the domain itself), RFC 7505 (null MX).
// No answer from DNS means wait: it never leads to a bounce. Only "no such name" and "takes no mail" do.

import { isPrivateIp } from '../../message/ip.ts'
import type { Dns, DnsAnswer } from '../../world/dns.ts'
import type { Random } from '../../world/world.ts'

const MAX_EXCHANGES = 20
const MAX_ADDRESSES = 30

export interface Destination {
  /** The host's name: what TLS asks for. */
  readonly exchange: string
  readonly address: string
  /** Everything that led here is signed (RFC 7672 §2.2): how DANE can speak for this host. */
  readonly signed?: SignedPath
}

export interface SignedPath {
  /** Where its TLSA records may be, the likeliest first. */
  readonly bases: readonly string[]
  /** The domain as the mail has it, and the end of its aliases: a certificate may name it, too (§3.2.2). */
  readonly nextHops: readonly string[]
}

export type Route =
  /** `site`: the group of hosts, the same for all domains that share it. */
  | { readonly kind: 'destinations'; readonly destinations: readonly Destination[]; readonly site: string }
  /** Nothing is known now. */
  | { readonly kind: 'wait'; readonly reason: string }
  /** The domain cannot get mail. `enhanced` is the code for the bounce. */
  | { readonly kind: 'unroutable'; readonly enhanced: string; readonly reason: string }

/** Hosts that take mail for `domain`, best first; hosts of the same preference in random order. */
export async function routeTo(
  domain: string,
  own: { hostName: string; privateDestinations: boolean },
  world: { dns: Dns; random: Random },
): Promise<Route> {
  if (domain.startsWith('[')) return routeToLiteral(domain, own.privateDestinations)
  const mx = await world.dns.resolve(domain, 'MX')
  if (mx.status === 'no-answer')
    return { kind: 'wait', reason: `no answer from DNS for the MX of ${domain}: ${mx.reason}` }
  if (mx.status === 'no-name')
    return { kind: 'unroutable', enhanced: '5.1.2', reason: `the domain ${domain} does not exist` }
  const records = mx.status === 'records' ? mx.records : [{ preference: 0, exchange: domain }]
  if (records.some((record) => record.exchange === '' || record.exchange === '.'))
    return { kind: 'unroutable', enhanced: '5.1.10', reason: `${domain} says that it takes no mail (null MX)` }

  // RFC 5321 §5.1: if we are in the list ourselves, hosts of our own and of worse preference would lead back to us.
  const self = records.find((record) => record.exchange.toLowerCase() === own.hostName)
  const usable = self === undefined ? records : records.filter((record) => record.preference < self.preference)
  if (usable.length === 0)
    return { kind: 'unroutable', enhanced: '5.4.6', reason: `the MX of ${domain} leads back to ${own.hostName}` }

  const ordered = usable
    .map((record) => ({ record, tie: world.random.float() }))
    .sort((a, b) => a.record.preference - b.record.preference || a.tie - b.tie)
    .slice(0, MAX_EXCHANGES)
  const nextHops =
    mx.authenticated === true
      ? [...new Set([domain.toLowerCase(), ...(mx.status === 'records' && mx.canonical ? [mx.canonical] : [])])]
      : undefined
  const found = await Promise.all(
    ordered.map(({ record }) => addressesOf(record.exchange.toLowerCase(), nextHops, world.dns)),
  )
  const destinations = found.flatMap((answer) => answer.destinations)
  const allowed = destinations.filter((d) => own.privateDestinations || !isPrivateIp(d.address)).slice(0, MAX_ADDRESSES)
  if (allowed.length > 0) return { kind: 'destinations', destinations: allowed, site: siteOf(domain, usable) }
  const unanswered = found.find((answer) => answer.reason !== undefined)
  if (unanswered !== undefined) return { kind: 'wait', reason: unanswered.reason! }
  if (destinations.length > 0)
    return { kind: 'unroutable', enhanced: '5.4.4', reason: `the MX of ${domain} has only private addresses` }
  return mx.status === 'records'
    ? { kind: 'unroutable', enhanced: '5.4.4', reason: `no host in the MX of ${domain} has an address` }
    : { kind: 'unroutable', enhanced: '5.1.2', reason: `the domain ${domain} has neither MX nor address` }
}

/** The best hosts by name. One that has its customer's domain in its first label stands for the customers of its owner. */
function siteOf(domain: string, records: readonly { preference: number; exchange: string }[]): string {
  const best = Math.min(...records.map(({ preference }) => preference))
  const customer = `${domain.toLowerCase().replaceAll('.', '-')}.`
  const names = records.filter(({ preference }) => preference === best).map(({ exchange }) => exchange.toLowerCase())
  return [...new Set(names.map((name) => (name.startsWith(customer) ? name.slice(customer.length) : name)))]
    .sort()
    .join(' ')
}

/** `nextHops`: the way to this host is signed so far. */
async function addressesOf(
  exchange: string,
  nextHops: readonly string[] | undefined,
  dns: Dns,
): Promise<{ destinations: Destination[]; reason?: string }> {
  const answers = await Promise.all([dns.resolve(exchange, 'A'), dns.resolve(exchange, 'AAAA')])
  const bases = nextHops && (await signedNames(exchange, answers, dns))
  const signed = bases && bases.length > 0 ? { signed: { bases, nextHops: nextHops! } } : {}
  const destinations = answers.flatMap((answer) =>
    answer.status === 'records' ? answer.records.map((address) => ({ exchange, address, ...signed })) : [],
  )
  const silent = answers.find((answer) => answer.status === 'no-answer')
  if (destinations.length === 0 && silent?.status === 'no-answer')
    return { destinations, reason: `no answer from DNS for the address of ${exchange}: ${silent.reason}` }
  return { destinations }
}

/**
 * RFC 7672 §2.2.2: names whose TLSA records may be asked for. Zones that are not signed are left alone: many of their
 * servers do not answer such questions at all.
 */
async function signedNames(exchange: string, answers: readonly DnsAnswer<string>[], dns: Dns): Promise<string[]> {
  const known = answers.filter((answer) => answer.status !== 'no-answer')
  const canonical = known.flatMap((answer) => (answer.status === 'records' ? (answer.canonical ?? []) : []))[0]
  if (known.every(({ authenticated }) => authenticated)) return canonical ? [canonical, exchange] : [exchange]
  // The alias may be signed where what it points to is not: then its own name can speak for the host.
  const alias = canonical && (await dns.resolve(exchange, 'CNAME'))
  return alias && alias.status === 'records' && alias.authenticated ? [exchange] : []
}

/** RFC 5321 §4.1.3: user@[192.0.2.1] or user@[IPv6:2001:db8::1]. */
function routeToLiteral(domain: string, privateDestinations: boolean): Route {
  const address = domain.slice(1, -1).replace(/^IPv6:/i, '')
  if (isPrivateIp(address) && !privateDestinations)
    return { kind: 'unroutable', enhanced: '5.4.4', reason: `${domain} is a private address` }
  return { kind: 'destinations', destinations: [{ exchange: address, address }], site: domain }
}
