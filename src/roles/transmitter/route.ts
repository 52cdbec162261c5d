// Where a domain's mail goes: RFC 5321 §5.1 (MX, or the address of the domain itself), RFC 7505 (null MX).
// No answer from DNS means wait: it never leads to a bounce. Only "no such name" and "takes no mail" do.

import { isPrivateIp } from '../../message/ip.ts'
import type { Dns, DnsAnswer } from '../../world/dns.ts'
import type { Random } from '../../world/world.ts'

const MAX_EXCHANGES = 20
const MAX_ADDRESSES = 30
/** Where a host was yesterday it most likely is: better than to let mail wait because its name servers are away. */
const STALE_WILL_DO = { mayBeStale: true } as const

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
  | {
      readonly kind: 'destinations'
      readonly destinations: readonly Destination[]
      /** The group of hosts, the same for all domains that share it. */
      readonly site: string
      /** There are more hosts, and DNS does not say now where: why. */
      readonly unanswered?: string
    }
  /** Nothing is known now. */
  | { readonly kind: 'wait'; readonly reason: string }
  /** The domain cannot get mail. `enhanced` is the code for the bounce. */
  | { readonly kind: 'unroutable'; readonly enhanced: string; readonly reason: string }

/** Hosts that take mail for `domain`, best first; hosts of the same preference in random order. */
export async function routeTo(
  domain: string,
  own: { hostName: string; ip: string; privateDestinations: boolean },
  world: { dns: Dns; random: Random },
): Promise<Route> {
  if (domain.startsWith('[')) return routeToLiteral(domain, own.privateDestinations)
  const mx = await world.dns.resolve(domain, 'MX', STALE_WILL_DO)
  if (mx.status === 'no-answer')
    return { kind: 'wait', reason: `no answer from DNS for the MX of ${domain}: ${mx.reason}` }
  if (mx.status === 'no-name')
    return { kind: 'unroutable', enhanced: '5.1.2', reason: `the domain ${domain} does not exist` }
  const listed = mx.status === 'records' ? mx.records : [{ preference: 0, exchange: domain }]
  // RFC 7505 §3: it must stand alone; beside others it says nothing.
  const records = listed.filter(({ exchange }) => exchange !== '' && exchange !== '.')
  if (records.length === 0)
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
  // Under another name we are ourselves, too: then what is no better leads back.
  const back = ordered.findIndex((_, i) => found[i]!.destinations.some(({ address }) => address === own.ip))
  const worse = back < 0 ? Number.POSITIVE_INFINITY : ordered[back]!.record.preference
  const before = found.filter((_, i) => ordered[i]!.record.preference < worse)
  if (before.length === 0)
    return { kind: 'unroutable', enhanced: '5.4.6', reason: `the MX of ${domain} leads back to ${own.hostName}` }
  const destinations = before.flatMap((answer) => answer.destinations)
  const allowed = destinations.filter((d) => own.privateDestinations || !isPrivateIp(d.address)).slice(0, MAX_ADDRESSES)
  const unanswered = before.find((answer) => answer.reason !== undefined)?.reason
  if (allowed.length > 0)
    return {
      kind: 'destinations',
      destinations: allowed,
      site: siteOf(domain, usable),
      ...(unanswered !== undefined && { unanswered }),
    }
  if (unanswered !== undefined) return { kind: 'wait', reason: unanswered }
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
  const [v4, v6] = await Promise.all([
    dns.resolve(exchange, 'A', STALE_WILL_DO),
    dns.resolve(exchange, 'AAAA', STALE_WILL_DO),
  ])
  const answers = [v4, v6]
  const bases = nextHops && (await signedNames(exchange, answers, dns))
  const signed = bases && bases.length > 0 ? { signed: { bases, nextHops: nextHops! } } : {}
  const destinations = interleaved(addressesIn(v4), addressesIn(v6)).map((address) => ({
    exchange,
    address,
    ...signed,
  }))
  const silent = answers.find((answer) => answer.status === 'no-answer')
  if (destinations.length === 0 && silent?.status === 'no-answer')
    return { destinations, reason: `no answer from DNS for the address of ${exchange}: ${silent.reason}` }
  return { destinations }
}

const addressesIn = (answer: DnsAnswer<string>) => (answer.status === 'records' ? answer.records : [])

/**
 * RFC 8305 §4: by turns, so that a family that leads nowhere is soon left. IPv4 first: it is what SPF, PTR and the lists of
 * Receivers know best of a Transmitter.
 */
function interleaved(first: readonly string[], second: readonly string[]): string[] {
  const turns = Array.from({ length: Math.max(first.length, second.length) }, (_, i) => [first[i], second[i]])
  return turns.flat().filter((address) => address !== undefined)
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
