// Mail for a domain, or all mail, by way of a host that the description names: a smart host of a provider, with a login; a
// gateway; or only limits for a destination that is found by its MX as ever. What is wrong with such a host is ours or its
// own fault and never the message's: it waits, and nothing bounces because of it.

import { isIp } from '../../message/ip.ts'
import { type ClientTls, SmtpConnection } from '../../protocols/smtp/client.ts'
import { reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Agent } from '../agent.ts'
import { type Connected, type Failed, failed, homeless, type Manner, reachableFrom } from './connect.ts'
import { dial } from './dial.ts'
import { TlsPolicy } from './tls-attempt.ts'

const CONNECT_TIMEOUT_MS = 30_000
const MAX_ADDRESSES = 8

export interface RouteRule {
  /** Lower case; '*': every domain that has no rule of its own. */
  readonly domain: string
  /** Undefined: its MX is asked. */
  readonly to: { readonly host: string; readonly port: number } | undefined
  readonly tls: ClientTls
  /** The password is in a file of the agent's folder. */
  readonly login: { readonly user: string; readonly secretFile: string } | undefined
  /** At once, at most; undefined: as for others. */
  readonly connections: number | undefined
  /** Messages; undefined: as many as are taken. */
  readonly perMinute: number | undefined
  /** The addresses that mail leaves from whose sender has none of his own; undefined: the agent's. */
  readonly pool: string | undefined
}

/** The rule for a domain; the last that names it. `isBacked`: its own hosts get its mail, not where all other mail goes. */
export function ruleFor(rules: readonly RouteRule[], domain: string, isBacked = false): RouteRule | undefined {
  const own = rules.findLast((one) => one.domain === domain)
  return own ?? (isBacked ? undefined : rules.findLast((one) => one.domain === '*'))
}

/** Where the rule leads, as a site. */
const siteOfRule = ({ to }: Pick<RouteRule, 'to'>): string => `${to!.host}:${to!.port}`

/** Never rejects for what DNS, the network or the host do. */
export async function connectBy(
  agent: Agent,
  domain: string,
  rule: RouteRule,
  { haste, requiresTls = false, enter }: Manner,
): Promise<Connected | Failed> {
  const { world, hostName, log } = agent
  const { host, port } = rule.to!
  const addresses = isIp(host) ? [host] : await addressesOf(agent, host)
  if (addresses.length === 0) return failed('deferred', reply(451, '4.4.3', `DNS has no address of ${host}`))
  const from = enter?.(siteOfRule(rule), addresses)
  if (from !== undefined && 'kind' in from) return from
  const login = rule.login && (await loginOf(agent, rule.login))
  if (login !== undefined && 'kind' in login) return login
  const leftMs = (haste?.deadlineMs ?? Number.POSITIVE_INFINITY) - world.clock.monotonic()
  const connectTimeoutMs = Math.min(CONNECT_TIMEOUT_MS, Math.max(1, leftMs))
  const endpoints = reachableFrom(
    from,
    addresses.map((address) => ({ address, port })),
  )
  const { stream, endpoint, error } = await dial(
    world,
    endpoints.slice(0, MAX_ADDRESSES),
    connectTimeoutMs,
    from?.local,
  )
  if (error?.code === 'address-not-available' && from !== undefined) return homeless(from)
  if (stream === undefined)
    return { ...failed('deferred', reply(421, '4.4.1', `no connection to ${host}: ${error!.message}`)), by: host }
  const smtp = await SmtpConnection.open({
    network: world.network,
    clock: world.clock,
    endpoint,
    stream,
    serverName: host,
    heloName: from?.hostName ?? hostName,
    ...(from && { localAddress: from.local }),
    tls: requiresTls ? 'verified' : rule.tls,
    connectTimeoutMs,
    ...(login && { login: { ...login, cpu: world.cpu, random: world.random } }),
    ...(haste && { deadlineMs: haste.deadlineMs, timeouts: { dataTerminationMs: haste.dataTerminationMs } }),
  })
  if (!(smtp instanceof SmtpConnection)) {
    const said = replyText(smtp.reply)
    if (smtp.stage === 'auth') log('error', `${host} does not let us in`, { reply: said })
    const why = reply(451, smtp.stage === 'auth' ? '4.7.8' : '4.4.1', `${host} cannot be used now: ${said}`)
    return { ...failed('deferred', why), by: host }
  }
  smtp.isProven = requiresTls || rule.tls === 'verified'
  const destination = { exchange: host, address: endpoint.address }
  const policy = new TlsPolicy(domain, { policy: undefined, steps: [] })
  return { kind: 'connected', smtp, destination, attempt: policy.at(destination, world.clock.now()).measure(smtp)! }
}

async function addressesOf({ world }: Agent, host: string): Promise<readonly string[]> {
  const answers = await Promise.all([world.dns.resolve(host, 'AAAA'), world.dns.resolve(host, 'A')])
  return answers.flatMap((answer) => (answer.status === 'records' ? answer.records : []))
}

async function loginOf(
  { world, log }: Agent,
  { user, secretFile }: NonNullable<RouteRule['login']>,
): Promise<{ user: string; password: string } | Failed> {
  const secret = await world.disk.readFile(secretFile).catch(() => undefined)
  if (secret !== undefined) return { user, password: secret.toString('utf8').replace(/\r?\n$/, '') }
  log('error', `the password of ${user} is not there: put the file ${secretFile} into the agent's folder`)
  return failed('deferred', reply(451, '4.7.8', `we have no password for ${user}`))
}
