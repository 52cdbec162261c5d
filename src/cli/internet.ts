// The agents of a description that live on this machine, on the open Internet: the ports that everybody knows, the DNS of
// this machine, certificates that prove the host, and one web server over HTTPS for all their people.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Resolver } from '../protocols/dns/resolver.ts'
import { ADMIN_SOCKET } from '../system/admin-door.ts'
import { INTERNET_PORTS, type Log, type Ports, type RunningAgent } from '../system/agent.ts'
import { certificateNames } from '../system/caa-records.ts'
import { CertificateKeeper, type CertificateSource, fromAuthority } from '../system/certificate.ts'
import type { AgentPlan, SystemPlan } from '../system/plan.ts'
import { type RunningSystem, startSystem } from '../system/start.ts'
import { createWeb } from '../web/server.ts'
import type { Endpoint } from '../world/network.ts'
import { makeAcmeKey, orderCertificate } from '../world/real/acme.ts'
import { httpServer, httpsServer, listenHttp } from '../world/real/http.ts'
import { realWorld } from '../world/real/world.ts'
import { webOf } from './web-of.ts'

const HTTP_PORT = 80
const HTTPS_PORT = 443
/** Of new SCRAM credentials (RFC 7677 §4 asks for 4096 at least; OWASP for more). */
const ITERATIONS = 100_000
/** Files that somebody else renews are read again this often. */
const READ_AGAIN_MS = 60_000

export interface InternetOptions {
  readonly plan: SystemPlan
  readonly folder: string
  /** Whom to ask; whether the AD bit of their answers is to be believed (by default: of a server on this machine). */
  readonly dns: { readonly servers: readonly Endpoint[]; readonly trustAuthenticatedData?: boolean }
  /** Added to every port, to try a system out without its ports. */
  readonly portOffset: number
  readonly log: Log
}

export interface OnTheInternet {
  readonly system: RunningSystem
  /** Where people read their mail. */
  readonly webUrl: string
  stop(): Promise<void>
}

/** Starts everything; what was started is stopped again when something fails. @throws NetworkError, DiskError */
export async function startOnInternet({ plan, folder, dns, portOffset, log }: InternetOptions): Promise<OnTheInternet> {
  const stops: (() => unknown)[] = []
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one()
  }
  try {
    const worldOf = ({ id, listen }: AgentPlan) =>
      realWorld({ folder: join(folder, id), localAddress: listen, dns: (parts) => new Resolver({ ...parts, ...dns }) })
    const ports = Object.fromEntries(Object.entries(INTERNET_PORTS).map(([name, port]) => [name, port + portOffset]))
    const system = await startSystem(plan, {
      worldOf,
      ports: ports as Ports,
      search: false,
      iterations: ITERATIONS,
      adminSocket: ({ id }) => join(folder, id, ADMIN_SOCKET),
      log,
    })
    stops.push(() => system.stop())
    const shown = new Map<string, string>()
    const port = portOffset === 0 ? '' : `:${HTTPS_PORT + portOffset}`
    const webUrl = `https://${plan.agents[0]!.hostName}${port}`
    stops.push(await openWeb(system, { portOffset, webUrl, shown, log }))
    for (const agent of system.agents) {
      const keeper = keeperOf(agent, shown, log)
      await keeper?.look()
      stops.push(() => keeper?.stop())
    }
    return { system, webUrl, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The names that strangers know the agent's host by. */
const namesOf = (plan: AgentPlan) => [...certificateNames(plan), `autoconfig.${plan.domain}`]

/** `shown`: what certificate authorities want to see, by token. */
function keeperOf(running: RunningAgent, shown: Map<string, string>, log: Log): CertificateKeeper | undefined {
  const { plan, agent } = running
  const source = sourceOf(running, shown)
  return (
    source &&
    new CertificateKeeper(
      agent.world.clock,
      source,
      (identity) => {
        running.certify(identity)
        log(plan.id, 'info', 'a new certificate is in use', { for: plan.hostName })
      },
      (why, expiresAt) => {
        const meanwhile =
          expiresAt === undefined ? 'the one that the agent made itself' : `one until ${expiresAt.toISOString()}`
        log(plan.id, 'warning', `no new certificate: ${why}`, { inUse: meanwhile })
      },
    )
  )
}

/** Names that programs ask at, where DNS shows them at this host: an authority refuses the whole order for one that is not there. */
async function shownNames({ plan, agent }: RunningAgent): Promise<string[]> {
  if (!plan.roles.has('MDA')) return []
  const name = `autoconfig.${plan.domain}`
  const answer = await agent.world.dns.resolve(name, plan.ip.includes(':') ? 'AAAA' : 'A')
  return answer.status === 'records' && answer.records.includes(plan.ip) ? [name] : []
}

function sourceOf(running: RunningAgent, shown: Map<string, string>): CertificateSource | undefined {
  const { plan, agent } = running
  const { certificate } = plan
  switch (certificate?.kind) {
    case 'files':
      return async () => {
        const [certificatePem, privateKeyPem] = await Promise.all([
          readFile(certificate.chain, 'utf8'),
          readFile(certificate.key, 'utf8'),
        ])
        return { identity: { certificatePem, privateKeyPem }, againAfterMs: READ_AGAIN_MS }
      }
    case 'acme': {
      const { contact, directory } = certificate
      const show = (token: string, text: string | undefined) =>
        text === undefined ? shown.delete(token) : shown.set(token, text)
      // What DNS shows of it must not change at each renewal, and must be known before the first.
      const ownKey = plan.dane ? agent.secrets.tls.privateKeyPem : undefined
      return async () => {
        const names = [...certificateNames(plan), ...(await shownNames(running))]
        const order = (accountKeyPem: string, keyPem?: string) =>
          orderCertificate({ directory, contact, accountKeyPem, names, show, ...(keyPem && { keyPem }) })
        return fromAuthority(agent.world, names, { makeKey: makeAcmeKey, order }, ownKey)()
      }
    }
  }
}

/** HTTPS at every address of ours; by HTTP only what an authority asks for, and the way to HTTPS. How to close it. */
async function openWeb(
  { agents, ...system }: RunningSystem,
  {
    portOffset,
    webUrl,
    shown,
    log,
  }: {
    portOffset: number
    webUrl: string
    shown: ReadonlyMap<string, string>
    log: Log
  },
): Promise<() => Promise<void>> {
  const identityFor = (serverName: string) =>
    (agents.find(({ plan }) => namesOf(plan).includes(serverName)) ?? agents[0]!).agent.secrets.tls
  const { world } = agents[0]!.agent
  const asksClients = agents.some(({ plan }) =>
    plan.settings.transmitter.contracts.some(({ certificates }) => certificates.length > 0),
  )
  const web = createWeb({
    ...webOf({ agents, ...system }, world, log, () => webUrl),
    serverFactory: (handler) => httpsServer(handler, identityFor, { asksClients }),
    isSecure: true,
  })
  await web.ready()
  const addresses = [...new Set(agents.map(({ plan }) => plan.listen))]
  const others = addresses.slice(1).map(() => httpsServer(web.routing, identityFor, { asksClients }))
  for (const server of others) server.on('upgrade', (...request: unknown[]) => web.server.emit('upgrade', ...request))
  const plain = addresses.map(() =>
    httpServer((request, response) => {
      const text = shown.get(request.url?.replace(/^\/\.well-known\/acme-challenge\//, '') ?? '')
      if (text !== undefined) response.writeHead(200, { 'content-type': 'text/plain' }).end(text)
      else {
        const host = /^[A-Za-z0-9.-]{1,253}/.exec(request.headers.host ?? '')?.[0] ?? agents[0]!.plan.hostName
        const port = portOffset === 0 ? '' : `:${HTTPS_PORT + portOffset}`
        response.writeHead(301, { location: `https://${host}${port}${request.url ?? '/'}` }).end()
      }
    }),
  )
  const close = async () => {
    for (const server of [...plain, ...others, web.server]) {
      server.close()
      server.closeAllConnections()
    }
    await web.close()
  }
  try {
    const at = (index: number, port: number): Endpoint => ({ address: addresses[index]!, port: port + portOffset })
    for (const [index, server] of [web.server, ...others].entries()) await listenHttp(server, at(index, HTTPS_PORT))
    for (const [index, server] of plain.entries()) await listenHttp(server, at(index, HTTP_PORT))
  } catch (error) {
    await close()
    throw error
  }
  for (const { accounts } of agents) accounts.issuer = webUrl
  return close
}
