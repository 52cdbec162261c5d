// A connection to who takes mail for a domain: the hosts of its MX in turn, with TLS where it can be had, and with proof
// of who they are where DNSSEC (DANE) or the domain's policy (MTA-STS) asks for it: then nothing is said to any other. The
// queue asks here, and the Forwarder while a sender waits (then with a deadline).

import { type Dane, daneOf } from '../../identity/dane/lookup.ts'
import { noConnection, SmtpConnection, type SmtpFailure } from '../../protocols/smtp/client.ts'
import { isPermanent, type Reply, reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Endpoint } from '../../world/network.ts'
import type { Agent } from '../agent.ts'
import type { TlsSessionRow } from '../reports/observations.ts'
import { dial } from './dial.ts'
import type { PoolAddress } from './pools.ts'
import { type Destination, routeTo, type SignedPath } from './route.ts'
import { connectBy, ruleFor } from './smart-host.ts'
import { type TlsAttempt, TlsPolicy } from './tls-attempt.ts'

const CONNECT_TIMEOUT_MS = 30_000

export interface Connected {
  readonly kind: 'connected'
  readonly smtp: SmtpConnection
  readonly destination: Destination
  readonly attempt: TlsAttempt
}

export interface Failed {
  readonly kind: 'failed'
  readonly state: 'deferred' | 'refused'
  readonly reply: Reply
  /** The host that said so; '' when none was reached. */
  readonly by: string
  /** By `Manner.enter`, not by a host. */
  readonly turnedAway?: 'full' | 'paused'
  /** The address that it was to leave from is not here. */
  readonly isHomeless?: true
}

/** The address of ours that a connection leaves from, where it matters. */
export type LeavesFrom = Pick<PoolAddress, 'local' | 'hostName'>

/** For who cannot wait as long as the queue can. */
export interface Haste {
  /** Monotonic clock: no step up to the final dot waits longer than until then. */
  readonly deadlineMs: number
  /** Patience with the reply to the final dot. */
  readonly dataTerminationMs: number
}

export interface Manner {
  readonly haste?: Haste
  /** The session is worth a report on TLS to the domain: not one that carries our own reports. Default true. */
  readonly isWorthy?: boolean
  /** Default true: TLS reports are told even to a host that fails its policy (RFC 8460 §3), for they are about that. */
  readonly heedsPolicy?: boolean
  /** RFC 8689 §4.2.1: the host is one that the domain's policy names, and proves itself. Default false. */
  readonly requiresTls?: boolean
  /** Asked with the name of its group of hosts, and their addresses, before any is connected to. */
  readonly enter?: (site: string, addresses: readonly string[]) => Failed | LeavesFrom | undefined
}

/** Never rejects for what DNS, the network or the other side do. */
export async function connectTo(
  agent: Agent,
  domain: string,
  { haste, isWorthy = true, heedsPolicy = true, requiresTls = false, enter }: Manner = {},
): Promise<Connected | Failed> {
  const { world, settings, hostName, ip } = agent
  const { port, privateDestinations } = settings.transmitter
  // Who cannot wait for the queue: a program by HTTP is asked from there.
  if (settings.transmitter.http.some((one) => one.domain === domain))
    return failed('deferred', reply(451, '4.4.1', `mail for ${domain} is handed over by HTTP, from the queue`))
  const isBacked = settings.receiver.backs.some((one) => one.domain === domain)
  const partner = partnerFor(agent, domain)
  const rule = partner?.isOwn ? undefined : ruleFor(settings.transmitter.routes, domain, isBacked)
  if (rule?.to !== undefined)
    return connectBy(agent, domain, rule, { ...(haste && { haste }), requiresTls, ...(enter && { enter }) })
  if (partner !== undefined) {
    const turnedAway = enter?.(partner.name, [partner.at.address])
    return turnedAway && 'kind' in turnedAway ? turnedAway : handOver(agent, domain, partner, haste, requiresTls)
  }
  const [route, policy] = await Promise.all([
    routeTo(domain, { hostName, ip, privateDestinations }, world),
    policyOf(agent, domain, haste),
  ])
  if (route.kind === 'wait') return failed('deferred', reply(451, '4.4.3', route.reason))
  if (route.kind === 'unroutable') {
    // What was taken for a domain that we stand in for waits until its administrator has put that right.
    if (isBacked) return failed('deferred', reply(451, '4.4.3', route.reason))
    return failed('refused', reply(550, route.enhanced, route.reason))
  }
  if (policy === undefined) return failed('deferred', reply(421, '4.4.1', `no TLS policy of ${domain} came in time`))
  const count = (attempt: TlsAttempt, met?: SmtpConnection | SmtpFailure) =>
    agent.observations?.session(domain, sessionRow(attempt, met), isWorthy)
  const dane = policy.isOff ? async () => ({ kind: 'none' }) as const : daneLookup(port, world.dns)
  if (requiresTls) {
    const unheard = nobodyVouches(domain, policy, await Promise.all(route.destinations.map(dane)))
    if (unheard !== undefined) return unheard
  }
  const from = enter?.(
    route.site,
    route.destinations.map(({ address }) => address),
  )
  if (from !== undefined && 'kind' in from) return from
  let worst: Failed | undefined
  for (const { exchange, signed, addresses } of hostsOf(reachableFrom(from, route.destinations))) {
    const untried = addresses.map((address): Endpoint => ({ address, port }))
    const named = { exchange, address: addresses[0]!, ...(signed && { signed }) }
    const host = policy.at(named, world.clock.now(), await dane(named))
    const isEnforced = requiresTls || host.isRuled || (host.isEnforced && heedsPolicy)
    const { stranger } = host
    if (stranger !== undefined) {
      count(stranger)
      if (requiresTls || (isEnforced && !stranger.isMet)) {
        worst ??= unproven(stranger, host.isRuled)
        continue
      }
    }
    while (untried.length > 0) {
      const leftMs = (haste?.deadlineMs ?? Number.POSITIVE_INFINITY) - world.clock.monotonic()
      if (leftMs <= 0) return failed('deferred', reply(421, '4.4.1', `no host of ${domain} was reached in time`))
      const connectTimeoutMs = Math.min(CONNECT_TIMEOUT_MS, leftMs)
      const { stream, endpoint, error, failed: gone } = await dial(world, untried, connectTimeoutMs, from?.local)
      if (error?.code === 'address-not-available' && from !== undefined) return homeless(from)
      for (const one of [...gone, endpoint]) if (untried.includes(one)) untried.splice(untried.indexOf(one), 1)
      const smtp =
        stream === undefined
          ? noConnection(endpoint, error!)
          : await SmtpConnection.open({
              network: world.network,
              clock: world.clock,
              endpoint,
              stream,
              serverName: host.serverName,
              heloName: from?.hostName ?? hostName,
              ...(from && { localAddress: from.local }),
              tls: policy.isOff ? 'none' : isEnforced ? 'required' : 'opportunistic',
              connectTimeoutMs,
              ...(haste && { deadlineMs: haste.deadlineMs, timeouts: { dataTerminationMs: haste.dataTerminationMs } }),
            })
      const attempt = host.measure(smtp, endpoint.address)
      if (stranger === undefined && attempt !== undefined) count(attempt, smtp)
      if (smtp instanceof SmtpConnection) {
        if (!isEnforced || (requiresTls ? attempt!.result === 'success' && host.vouches : attempt!.isMet)) {
          smtp.isProven = attempt!.result === 'success' && host.vouches
          const destination = { ...named, address: endpoint.address }
          return { kind: 'connected', smtp, destination, attempt: stranger ?? attempt! }
        }
        // RFC 8461 §5, RFC 7672 §2.2: nothing of the message is said to it.
        void smtp.quit()
        worst = unproven(attempt!, host.isRuled)
        continue
      }
      if (isEnforced && attempt !== undefined) {
        worst = unproven(attempt, host.isRuled)
        continue
      }
      const state = isPermanent(smtp.reply) ? 'refused' : 'deferred'
      // A host that refuses to talk for good (5yz greeting) speaks for the domain only if every host says so.
      if (worst === undefined || worst.state === 'refused') worst = { ...failed(state, smtp.reply), by: exchange }
    }
  }
  // We stand in for it, so somebody has to look at our relationship, not at the message.
  if (worst!.state === 'refused' && isBacked) return shutOut(agent, worst!.by, worst!.reply)
  // Nor while DNS keeps back where others of them are.
  if (worst!.state === 'refused' && route.unanswered !== undefined)
    return failed('deferred', reply(451, '4.4.3', route.unanswered))
  return worst!
}

/** Those of the same kind as the address that it leaves from. */
export function reachableFrom<T extends { readonly address: string }>(
  from: LeavesFrom | undefined,
  destinations: readonly T[],
): readonly T[] {
  if (from === undefined) return destinations
  const isV6 = from.local.includes(':')
  return destinations.filter(({ address }) => address.includes(':') === isV6)
}

export function homeless({ local }: LeavesFrom): Failed {
  const why = reply(451, '4.4.1', `${local}, from which it is to leave, is not an address of this machine`)
  return { ...failed('deferred', why), isHomeless: true }
}

/** The destinations by host: they stand in order of preference, and so does what they become. */
function hostsOf(
  destinations: readonly Destination[],
): { readonly exchange: string; readonly signed?: SignedPath; readonly addresses: readonly string[] }[] {
  const hosts = new Map<string, { exchange: string; signed?: SignedPath; addresses: string[] }>()
  for (const { exchange, address, signed } of destinations) {
    const known = hosts.get(exchange)
    if (known === undefined) hosts.set(exchange, { exchange, ...(signed && { signed }), addresses: [address] })
    else known.addresses.push(address)
  }
  return [...hosts.values()]
}

/** What DNSSEC says of a host, asked once for all its addresses, and only of those that come to be tried. */
function daneLookup(port: number, dns: Agent['world']['dns']): (destination: Destination) => Promise<Dane> {
  const asked = new Map<string, Promise<Dane>>()
  return ({ exchange, signed }) => {
    const found = asked.get(exchange) ?? daneOf(signed?.bases ?? [], port, dns)
    asked.set(exchange, found)
    return found
  }
}

/** REQUIRETLS, and nobody says who the hosts are: the names that DNS gave prove nothing, and no certificate can. */
function nobodyVouches(domain: string, policy: TlsPolicy, found: readonly Dane[]): Failed | undefined {
  if (policy.vouches || found.some((dane) => dane.kind === 'records' && dane.usable.length > 0)) return undefined
  const silent = found.find((dane) => dane.kind === 'no-answer')
  if (silent?.kind === 'no-answer') return failed('deferred', reply(451, '4.4.3', silent.reason))
  const why = `TLS is required, and ${domain} publishes no policy to prove its hosts`
  return failed('refused', reply(550, '5.7.10', why))
}

interface Taker {
  readonly at: Endpoint
  readonly name: string
  readonly lmtp: boolean
  /** The mail ends there: no rule leads it elsewhere. */
  readonly isOwn?: boolean
}

/** Who takes this domain's mail by a relationship: a program of ours, its MDA, whom we stand in for, or who carries for us. */
function partnerFor(agent: Agent, domain: string): Taker | undefined {
  const { transmitter, receiver } = agent.settings
  const program = transmitter.lmtp.find((one) => one.domain === domain)
  if (program !== undefined) return { at: program.at, name: program.at.address, lmtp: true, isOwn: true }
  const home = receiver.homes.find((one) => one.domain === domain)
  if (home !== undefined)
    return { at: agent.partnerAt(home.at, 'lmtp'), name: home.at.hostName, lmtp: true, isOwn: true }
  const primary = receiver.backs.find((one) => one.domain === domain)?.primary
  if (primary !== undefined) {
    const { at, service } = primary
    return { at: agent.partnerAt(at, service), name: at.hostName, lmtp: service === 'lmtp', isOwn: true }
  }
  if (receiver.backs.some((one) => one.domain === domain)) return undefined
  const { via } = transmitter
  return via && { at: agent.partnerAt(via, 'submission'), name: via.hostName, lmtp: false }
}

/**
 * Along a relationship: no DNS, and no policy of strangers. `requiresTls`: it proves itself by its certificate (RFC 8689
 * §2). Who refuses us as a whole says nothing of the message: that is our fault or his, and mail waits until it is mended.
 */
export async function handOver(
  agent: Agent,
  domain: string,
  { at, name, lmtp }: Taker,
  haste: Haste | undefined,
  requiresTls = false,
): Promise<Connected | Failed> {
  const { world, hostName } = agent
  const destination = { exchange: name, address: at.address }
  const smtp = await SmtpConnection.open({
    network: world.network,
    clock: world.clock,
    endpoint: at,
    serverName: name,
    heloName: hostName,
    tls: requiresTls ? 'verified' : 'opportunistic',
    lmtp,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    ...(haste && { deadlineMs: haste.deadlineMs, timeouts: { dataTerminationMs: haste.dataTerminationMs } }),
  })
  if (smtp instanceof SmtpConnection) {
    smtp.isProven = requiresTls
    const policy = new TlsPolicy(domain, { policy: undefined, steps: [] })
    const attempt = policy.at(destination, world.clock.now()).measure(smtp)
    return { kind: 'connected', smtp, destination, attempt: attempt! }
  }
  return isPermanent(smtp.reply) ? shutOut(agent, name, smtp.reply) : { ...failed('deferred', smtp.reply), by: name }
}

/** By a partner, for good: somebody must see it. */
function shutOut({ log }: Agent, by: string, why: Reply): Failed {
  const said = replyText(why)
  log('error', `${by} does not let us in`, { reply: said })
  return { ...failed('deferred', reply(451, '4.4.1', `${by} cannot be used now: ${said}`)), by }
}

/** Undefined: whoever waits cannot wait for it any longer. */
async function policyOf(agent: Agent, domain: string, haste: Haste | undefined): Promise<TlsPolicy | undefined> {
  const { clock } = agent.world
  const asked = agent.stsPolicies
    .policyFor(domain)
    .then((answer) => new TlsPolicy(domain, answer, agent.settings.transmitter.tls))
  if (haste === undefined) return asked
  const late = new Promise<undefined>((resolve) => {
    const timer = clock.after(Math.max(0, haste.deadlineMs - clock.monotonic()), () => resolve(undefined))
    const end = () => timer.cancel()
    asked.then(end, end)
  })
  return Promise.race([asked, late])
}

/** What reports on TLS to the domain say of it (RFC 8460 §4.3); what went well is told together. */
function sessionRow(attempt: TlsAttempt, met: SmtpConnection | SmtpFailure | undefined): TlsSessionRow {
  const { policyType: policy, result, detail, mx, address: ip, policyLines, mxHosts } = attempt
  const published = policyLines.length === 0 ? {} : { policyLines, mxHosts }
  if (result === 'success') return { policy, result, sendingIp: '', mx: '', ip: '', ...published }
  const sendingIp = met instanceof SmtpConnection ? met.localAddress : ''
  return { policy, result, sendingIp, mx, ip, detail, ...published }
}

/** Tried again later, and never in plain text (RFC 8461 §5, RFC 7672 §2.2). */
function unproven({ domain, mx, policyType, result, detail }: TlsAttempt, isRuled: boolean): Failed {
  const asks = {
    tlsa: `DANE asks of a host of ${domain}`,
    sts: `the MTA-STS policy of ${domain} asks`,
    'no-policy-found': isRuled ? `tls= of our description asks for ${domain}` : `its sender asks (REQUIRETLS)`,
  }[policyType]
  const why = `${mx} does not prove itself as ${asks}: ${result} (${detail})`
  return { ...failed('deferred', reply(451, '4.7.5', why)), by: mx }
}

export function failed(state: Failed['state'], why: Reply): Failed {
  return { kind: 'failed', state, reply: why, by: '' }
}
