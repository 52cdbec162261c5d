// The trusted Forwarder: did the message come through a Forwarder that this Recipient named? Only what is proven counts
// (an ARC seal, SPF of the reverse-path, a DKIM signature, the network that its domain publishes), never the name in
// HELO. Where the Forwarder sealed the message, what its own Border saw is handed on.

import { formatAddress, mailboxesOf, parseAddressList } from '../message/address.ts'
import { parseAuthenticationResults } from '../message/authentication-results.ts'
import { fieldsNamed, type Header, rawValue } from '../message/header.ts'
import type { Dns } from '../world/dns.ts'
import type { Clock } from '../world/world.ts'
import { isWithin, normalDomain } from './domain.ts'
import type { Identity } from './identity.ts'
import { checkHost, provesDomain } from './spf/spf.ts'

/** What the Forwarder's Border saw, by its own word (RFC 8617 §4.1.1); undefined for a method it does not mention. */
interface SeenByForwarder {
  readonly spf: string | undefined
  /** 'pass' when one of several signatures passed. */
  readonly dkim: string | undefined
  readonly dmarc: string | undefined
}

export interface ForwarderMatch {
  /** The domain as the Recipient named it. */
  readonly domain: string
  readonly how: 'arc' | 'spf' | 'dkim' | 'network'
  /** The domain that was proven: the named one or below it. */
  readonly provenDomain: string
  /** Only where the Forwarder's seal is the newest of a passing chain. */
  readonly seen: SeenByForwarder | undefined
}

/**
 * The first of the Recipient's trusted domains that proved itself, by the strongest proof.
 * @param atHome those whose published network the message came from (see `atHomeAt`)
 */
export function forwarderIdentity(
  identity: Identity,
  trustedDomains: readonly string[],
  atHome: ReadonlySet<string> = new Set(),
): ForwarderMatch | undefined {
  if (trustedDomains.length === 0) return undefined
  const proofs = proofsOf(identity)
  for (const { how, domain: provenDomain, seen } of proofs) {
    const domain = trustedDomains.find((trusted) => trusted !== '' && isWithin(provenDomain, normalDomain(trusted)))
    if (domain !== undefined) return { domain, how, provenDomain, seen }
  }
  const domain = trustedDomains.find((trusted) => atHome.has(trusted))
  return domain === undefined ? undefined : { domain, how: 'network', provenDomain: domain, seen: undefined }
}

/** What somebody saw whose seals are believed here, whoever the Recipient is. */
export interface TrustedSeal {
  /** Who saw it: d= of the seal. */
  readonly domain: string
  readonly seen: SeenByForwarder
}

/**
 * The oldest finding that only believed sealers vouch for: from the newest seal of a passing chain back to the first
 * whose sealer is not on the list, for nothing before him is vouched for by anybody else (RFC 8617 §7.2). Undefined
 * where the newest is none of them, or where what they saw had another Author in From.
 */
export function trustedSeal({ arc, from }: Identity, sealers: readonly string[]): TrustedSeal | undefined {
  if (arc.result !== 'pass' || sealers.length === 0) return undefined
  const believed = (domain: string) => sealers.some((sealer) => isWithin(domain, sealer))
  const newestFirst = [...arc.hops].reverse()
  const stranger = newestFirst.findIndex(({ domain }) => !believed(domain))
  const oldest = newestFirst.slice(0, stranger < 0 ? undefined : stranger).at(-1)
  if (oldest === undefined) return undefined
  const about = authorSeenIn(oldest.results)
  if (about !== undefined && !from.domains.includes(about)) return undefined
  return { domain: oldest.domain, seen: seenIn(oldest.results) }
}

/** header.from of the DMARC result, where it is told. */
function authorSeenIn(value: string): string | undefined {
  const dmarc = parseAuthenticationResults(value)?.methods.find(({ method }) => method === 'dmarc')
  const author = dmarc?.properties.find(({ name }) => name === 'header.from')?.value
  return author === undefined ? undefined : normalDomain(author.slice(author.lastIndexOf('@') + 1))
}

/** More trusted Forwarders than this are not looked for: each costs a stranger's message DNS queries. */
const MAX_NETWORKS = 10

/**
 * Those of the domains whose own SPF record names the connecting address. A Forwarder that keeps the Author's
 * reverse-path and seals nothing can be known by this only; a record that lets everybody send proves nothing.
 */
export async function atHomeAt(
  { ip, helo }: Identity,
  domains: readonly string[],
  world: { readonly dns: Dns; readonly clock: Clock; readonly receiverName: string },
): Promise<ReadonlySet<string>> {
  const { dns, clock, receiverName: receiver } = world
  const found = await Promise.all(
    domains.slice(0, MAX_NETWORKS).map(async (domain) => {
      const sender = `postmaster@${normalDomain(domain)}`
      return provesDomain(await checkHost({ ip, helo, sender, receiver }, dns, clock)) ? [domain] : []
    }),
  )
  return new Set(found.flat())
}

/** A Forwarder that the message came through, trusted or not: proven by the newest seal, or by SPF of an SRS address. */
export function cameThrough(identity: Identity, header: Header): { domain: string; oldAddress: string } | undefined {
  const { arc, spf, from, reversePath } = identity
  const seal = arc.result === 'pass' ? arc.hops.at(-1)?.domain : undefined
  const isSrs = provesDomain(spf) && spf.identity === 'mailfrom' && /^srs[01][=+-]/i.test(reversePath)
  const domain = seal ?? (isSrs ? spf.domain : undefined)
  // A sender that seals what it sends is no Forwarder.
  if (domain === undefined || from.domains.some((own) => isWithin(own, domain) || isWithin(domain, own)))
    return undefined
  const named = ['delivered-to', 'to', 'cc'].flatMap((name) =>
    fieldsNamed(header, name).flatMap((field) => mailboxesOf(parseAddressList(rawValue(header, field)))),
  )
  const there = named.find((mailbox) => isWithin(mailbox.domain, domain))
  return { domain, oldAddress: there === undefined ? '' : formatAddress(there).toLowerCase() }
}

interface Proof {
  readonly how: ForwarderMatch['how']
  readonly domain: string
  readonly seen: SeenByForwarder | undefined
}

function proofsOf({ arc, spf, dkim }: Identity): Proof[] {
  const proofs: Proof[] = []
  // Only the newest set covers the message as it arrived; older seals may have covered another text.
  const newest = arc.result === 'pass' ? arc.hops.at(-1) : undefined
  if (newest) proofs.push({ how: 'arc', domain: newest.domain, seen: seenIn(newest.results) })
  if (provesDomain(spf) && spf.identity === 'mailfrom') proofs.push({ how: 'spf', domain: spf.domain, seen: undefined })
  for (const { result, domain, unsignedBytes } of dkim) {
    if (result === 'pass' && unsignedBytes === 0) proofs.push({ how: 'dkim', domain, seen: undefined })
  }
  return proofs
}

function seenIn(value: string): SeenByForwarder {
  const methods = parseAuthenticationResults(value)?.methods ?? []
  // Of spf and dmarc there is one result each: a later, contradicting one does not improve it.
  const first = (name: string): string | undefined => methods.find(({ method }) => method === name)?.result
  const signed = methods.some(({ method, result }) => method === 'dkim' && result === 'pass')
  return { spf: first('spf'), dkim: signed ? 'pass' : first('dkim'), dmarc: first('dmarc') }
}
