// A connection to who takes mail for a domain: the hosts of its MX in turn, with TLS where it can be had. The queue asks
// here, and the Forwarder while a sender waits (then with a deadline).

import { SmtpConnection } from '../../protocols/smtp/client.ts'
import { isPermanent, type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Agent } from '../agent.ts'
import type { TlsSessionRow } from '../reports/observations.ts'
import { type Destination, routeTo } from './route.ts'

const CONNECT_TIMEOUT_MS = 30_000

export interface Connected {
  readonly kind: 'connected'
  readonly smtp: SmtpConnection
  readonly destination: Destination
}

export interface Failed {
  readonly kind: 'failed'
  readonly state: 'deferred' | 'refused'
  readonly reply: Reply
  /** The host that said so; '' when none was reached. */
  readonly by: string
}

/** For who cannot wait as long as the queue can. */
export interface Haste {
  /** Monotonic clock: no step up to the final dot waits longer than until then. */
  readonly deadlineMs: number
  /** Patience with the reply to the final dot. */
  readonly dataTerminationMs: number
}

/**
 * Never rejects for what DNS, the network or the other side do.
 * @param isWorthy the session is worth a report on TLS to the domain: false for one that carries our own reports
 */
export async function connectTo(
  agent: Agent,
  domain: string,
  haste?: Haste,
  isWorthy = true,
): Promise<Connected | Failed> {
  const { world, settings, hostName } = agent
  const { port, privateDestinations } = settings.transmitter
  const route = await routeTo(domain, { hostName, privateDestinations }, world)
  if (route.kind === 'wait') return failed('deferred', reply(451, '4.4.3', route.reason))
  if (route.kind === 'unroutable') return failed('refused', reply(550, route.enhanced, route.reason))
  let worst: Failed | undefined
  for (const destination of route.destinations) {
    const leftMs = (haste?.deadlineMs ?? Number.POSITIVE_INFINITY) - world.clock.monotonic()
    if (leftMs <= 0) return failed('deferred', reply(421, '4.4.1', `no host of ${domain} was reached in time`))
    const smtp = await SmtpConnection.open({
      network: world.network,
      clock: world.clock,
      endpoint: { address: destination.address, port },
      serverName: destination.exchange,
      heloName: hostName,
      tls: 'opportunistic',
      connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, leftMs),
      ...(haste && { deadlineMs: haste.deadlineMs, timeouts: { dataTerminationMs: haste.dataTerminationMs } }),
    })
    if (smtp instanceof SmtpConnection) {
      agent.observations?.session(domain, sessionRow(smtp, destination), isWorthy)
      return { kind: 'connected', smtp, destination }
    }
    const state = isPermanent(smtp.reply) ? 'refused' : 'deferred'
    // A host that refuses to talk for good (5yz greeting) speaks for the domain only if every host says so.
    if (worst === undefined || worst.state === 'refused')
      worst = { ...failed(state, smtp.reply), by: destination.exchange }
  }
  return worst!
}

/** How TLS went, in the words of RFC 8460 §4.3. */
function sessionRow(smtp: SmtpConnection, { exchange: mx, address: ip }: Destination): TlsSessionRow {
  const policy = 'no-policy-found'
  if (smtp.tls !== undefined) return { policy, result: 'success', sendingIp: '', mx: '', ip: '' }
  const result = smtp.tlsFailed ? 'validation-failure' : 'starttls-not-supported'
  return { policy, result, sendingIp: smtp.localAddress, mx, ip }
}

export function failed(state: Failed['state'], why: Reply): Failed {
  return { kind: 'failed', state, reply: why, by: '' }
}
