// One running agent: its store, its secrets, its people, and the servers that its roles need.

import { unmapped } from '../filter/lists.ts'
import { Opinions } from '../filter/statistics/opinions.ts'
import { MovingDesk } from '../moving/desk.ts'
import { serveImap } from '../protocols/imap/serve.ts'
import { serveManageSieve } from '../protocols/managesieve/serve.ts'
import { servePop3 } from '../protocols/pop3/serve.ts'
import { Budget } from '../protocols/smtp/content.ts'
import type { SmtpServerPolicy } from '../protocols/smtp/policy.ts'
import { type ServeOptions, serveSmtp } from '../protocols/smtp/serve.ts'
import { Accounts } from '../roles/accounts.ts'
import type { Agent } from '../roles/agent.ts'
import type { Door } from '../roles/app-passwords.ts'
import { ConnectionAccounts } from '../roles/connections.ts'
import { DirectoryLogin } from '../roles/directory-login.ts'
import { lmtpPolicy } from '../roles/mda/lmtp.ts'
import { deliverByLeastS, HOLD_AT_MOST_S } from '../roles/msa/demands.ts'
import { msaPolicies } from '../roles/msa/policy.ts'
import { Passwords } from '../roles/passwords.ts'
import { Border } from '../roles/receiver/border.ts'
import { HANDED_BYTES } from '../roles/receiver/hand-over.ts'
import { receiverPolicy } from '../roles/receiver/policy.ts'
import { Observations } from '../roles/reports/observations.ts'
import { contractAt, contractPolicy } from '../roles/transmitter/contract.ts'
import { Contracts } from '../roles/transmitter/contracts.ts'
import { stsPolicies } from '../roles/transmitter/sts-policies.ts'
import { unlocked } from '../store/encryption.ts'
import { type OpenedStore, openKeptStore } from '../store/open.ts'
import { TextIndex } from '../store/text/text-index.ts'
import { View } from '../store/view.ts'
import { type Endpoint, type Listener, NetworkError, type Stream, type TlsIdentity } from '../world/network.ts'
import type { Argon2Cost, World } from '../world/world.ts'
import { openAdminDoor } from './admin-door.ts'
import { Background } from './background.ts'
import { KeyKeeper } from './key-keeper.ts'
import { KeptMemory } from './memory.ts'
import { settle } from './people.ts'
import type { AgentPlan } from './plan.ts'
import { type Secrets, secretsOf } from './secrets.ts'

/** The doors of an agent, each with the role that opens it. */
const SERVICES = ['smtp', 'submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s', 'managesieve', 'lmtp'] as const
export type ServiceName = (typeof SERVICES)[number]

/** The port of each door. */
export type Ports = Readonly<Record<ServiceName, number>>

/** RFC 6335: what the Internet agreed on. */
export const INTERNET_PORTS: Ports = {
  smtp: 25,
  submission: 587,
  submissions: 465,
  imap: 143,
  imaps: 993,
  pop3: 110,
  pop3s: 995,
  managesieve: 4190,
  lmtp: 24,
}

/** Where people sign in, and stay connected. */
const DOOR_OF: Partial<Record<ServiceName, Door>> = {
  imap: 'imap',
  imaps: 'imap',
  pop3: 'pop3',
  pop3s: 'pop3',
  managesieve: 'managesieve',
  submission: 'smtp',
  submissions: 'smtp',
}

/** Implicit TLS. */
const TLS_FROM_THE_START: ReadonlySet<ServiceName> = new Set(['submissions', 'imaps', 'pop3s'])

const OPENED_BY: Record<ServiceName, (plan: AgentPlan) => boolean> = {
  smtp: ({ roles }) => roles.has('Receiver'),
  submission: ({ roles, settings }) => roles.has('MSA') || settings.transmitter.contracts.length > 0,
  submissions: ({ roles, settings }) =>
    roles.has('MSA') ||
    settings.transmitter.contracts.some(({ hasPassword, certificates }) => hasPassword || certificates.length > 0),
  imap: ({ roles }) => roles.has('MDA'),
  imaps: ({ roles }) => roles.has('MDA'),
  pop3: ({ roles }) => roles.has('MDA'),
  pop3s: ({ roles }) => roles.has('MDA'),
  managesieve: ({ roles }) => roles.has('MDA'),
  lmtp: ({ roles, settings: { mda } }) => roles.has('MDA') && mda.lmtpFrom.length + mda.receivers.length > 0,
}

/** The services that this plan's roles need. */
export function servicesOf(plan: AgentPlan): ServiceName[] {
  return SERVICES.filter((name) => OPENED_BY[name](plan))
}

export type Log = (
  agent: string,
  level: 'info' | 'warning' | 'error',
  text: string,
  facts?: Readonly<Record<string, unknown>>,
) => void

export interface AgentOptions {
  /** PBKDF2 iterations of new credentials. */
  readonly iterations: number
  /** Of argon2id, where no password needs protection. */
  readonly argon2?: Argon2Cost
  /** The port that other agents' Receivers listen on. */
  readonly transmitterPort: number
  readonly log: Log
  /** Where another agent of the description listens. */
  readonly partnerAt?: Agent['partnerAt']
  /** What DNS should show of the agent's keys is another now. */
  readonly onKeys?: () => void
  /** Opens the agent's store; default: the one that its description names. */
  readonly openStore?: (plan: AgentPlan, world: World) => Promise<OpenedStore>
  /** How often the store is tidied and the keys are looked at in DNS, if not as often as people need it. */
  readonly choresEveryMs?: number
}

type MailAccess = Parameters<typeof servePop3>[1] &
  Parameters<typeof serveManageSieve>[1] & { readonly accounts: ConnectionAccounts }

export class RunningAgent {
  readonly plan: AgentPlan
  readonly agent: Agent
  readonly accounts: Accounts
  readonly secrets: Secrets
  readonly keys: KeyKeeper
  readonly moving: MovingDesk
  readonly #listeners = new Map<ServiceName, Listener>()
  readonly #streams = new Set<Stream>()
  readonly #shutdown = { requested: false }
  #adminDoor: Pick<Listener, 'close'> | undefined
  readonly #opened: OpenedStore
  readonly #memory: KeptMemory
  readonly #background: Background
  #alone: { stop(): Promise<void> } | undefined
  #atDoors: { readonly of: TlsIdentity; readonly identity: TlsIdentity } | undefined
  readonly #smtp: ServeOptions
  readonly #smtpForAuthors: ServeOptions
  readonly #smtpAtBorder: ServeOptions
  readonly #policies: {
    msa?: ReturnType<typeof msaPolicies>
    receiver?: SmtpServerPolicy
    lmtp?: SmtpServerPolicy
  }

  private constructor(
    plan: AgentPlan,
    agent: Agent,
    { opened, memory, secrets }: { opened: OpenedStore; memory: KeptMemory; secrets: Secrets },
    options: AgentOptions,
  ) {
    this.#opened = opened
    this.#memory = memory
    this.plan = plan
    this.agent = agent
    this.secrets = secrets
    const { transmitter } = agent.settings
    this.keys = new KeyKeeper({
      secrets,
      world: agent.world,
      store: agent.store,
      rotateAfterMs: transmitter.rotateKeysAfterMs,
      signs: transmitter.signs && (agent.roles.has('Transmitter') || agent.roles.has('Forwarder')),
      privateServers: transmitter.privateDestinations,
      log: agent.log,
      everyMs: options.choresEveryMs,
      ...(options.onKeys && { onChange: options.onKeys }),
    })
    if (opened.vault !== undefined) this.keys.follow()
    this.accounts = new Accounts(agent, options.iterations, options.argon2)
    this.moving = new MovingDesk({
      store: agent.store,
      world: agent.world,
      privateDestinations: agent.settings.transmitter.privateDestinations,
      onFault: (error) => agent.log('error', 'bringing mail failed', { error: String(error) }),
    })
    this.#background = new Background(agent, this.keys, { tidy: () => opened.tidy(), everyMs: options.choresEveryMs })
    const budget = new Budget(Math.max(256 * 1024 * 1024, 4 * agent.settings.maxMessageBytes))
    const border = new Border(agent, budget)
    this.#policies = {
      ...(agent.roles.has('MSA') ? { msa: msaPolicies(agent) } : {}),
      ...(agent.roles.has('MDA') ? { lmtp: lmtpPolicy(agent) } : {}),
      ...(agent.roles.has('Receiver') ? { receiver: receiverPolicy(agent, border) } : {}),
    }
    this.#smtp = {
      hostName: agent.hostName,
      identity: () => agent.secrets.tls,
      maxMessageBytes: agent.settings.maxMessageBytes,
      budget,
      shutdown: this.#shutdown,
      onFault: (error) => agent.log('error', 'a session failed', { error: String(error) }),
    }
    this.#smtpForAuthors = {
      ...this.#smtp,
      identity: () => this.#identityAtDoors,
      dsn: true,
      requireTls: true,
      priority: true,
      binary: true,
      deliverByS: deliverByLeastS(agent),
      burl: agent.roles.has('MDA'),
      holdAtMostS: HOLD_AT_MOST_S,
    }
    this.#smtpAtBorder = { ...this.#smtp, ...border.manners, prdr: true }
  }

  /** Opens the store and makes what is missing (keys, accounts). Then `open` opens doors, and `begin` carries mail out. */
  static async start(plan: AgentPlan, outside: World, options: AgentOptions): Promise<RunningAgent> {
    const world = await unlocked(outside, 'store', plan.encrypt)
    const opened = await (options.openStore ?? openDescribedStore)(plan, world)
    const { store } = opened
    const secrets = await secretsOf(world, plan, opened.vault).catch(async (error: unknown) => {
      await store.close()
      throw error
    })
    const { domain } = plan
    const log: Agent['log'] = (level, text, facts) => options.log(plan.id, level, text, facts)
    const { clock } = world
    const notKept = (error: unknown) =>
      log('warning', 'what is known of strangers was not kept', { error: String(error) })
    const memory = new KeptMemory(store, clock, notKept, plan.store !== undefined)
    const directory =
      plan.directory && (await DirectoryLogin.open(plan.directory, { world, domain, secret: secrets.server, log }))
    const agent: Agent = {
      id: plan.id,
      roles: plan.roles,
      domain,
      hostName: plan.hostName,
      ip: plan.ip,
      world,
      store,
      isAlone: () => opened.isAlone(),
      isOneOfSeveral: plan.store !== undefined,
      memory,
      opinions: new Opinions((owner) => store.learnedState(owner)),
      secrets,
      ...(directory && { directory }),
      partnerAt: options.partnerAt ?? (({ ip }, service) => ({ address: ip, port: INTERNET_PORTS[service] })),
      settings: { ...plan.settings, transmitter: { ...plan.settings.transmitter, port: options.transmitterPort } },
      ...(plan.settings.reports.sends && {
        observations: new Observations({ clock, store, secret: secrets.server, log }),
      }),
      stsPolicies: stsPolicies(world, store, plan.settings.transmitter.privateDestinations),
      log,
    }
    const passwords = new Passwords(world, secrets.server, options.iterations, options.argon2)
    await settle(store, plan, world, passwords, log)
    if (plan.roles.has('MDA') && store instanceof View)
      store.text = await TextIndex.open(world, store, (error) =>
        log('warning', 'the text index is behind', { error: String(error) }),
      )
    const hasContracts = agent.settings.transmitter.contracts.length > 0
    const whole = hasContracts ? { ...agent, contracts: new Contracts(agent, passwords) } : agent
    return new RunningAgent(plan, whole, { opened, memory, secrets }, options)
  }

  /** Starts to carry out what waits in the queue: only once DNS shows what others must see. */
  begin(): void {
    this.#alone = this.#opened.alone(this.#background)
  }

  /** Opens one door. @throws NetworkError 'address-in-use', … */
  async open(service: ServiceName, at: Endpoint): Promise<Endpoint> {
    const serve = (stream: Stream) => {
      this.#streams.add(stream)
      this.#serve(service, stream)
        .catch((error: unknown) => this.agent.log('error', 'a session failed', { error: String(error) }))
        .finally(() => this.#streams.delete(stream))
    }
    const tls = TLS_FROM_THE_START.has(service) ? () => this.#identityAtDoors : undefined
    const listener = await this.agent.world.network.listen(at, serve, tls)
    this.#listeners.set(service, listener)
    return listener.endpoint
  }

  /** From now on the doors prove themselves by this certificate; sessions that are open keep theirs. */
  certify(identity: TlsIdentity): void {
    this.agent.secrets.tls = { ...this.agent.secrets.tls, ...identity }
  }

  /** What is known of strangers is kept now, as every minute: other nodes of the store read it there. */
  saveMemory(): Promise<void> {
    return this.#memory.save()
  }

  /** Mail is tried again where its place did not answer. */
  forgetPauses(): void {
    this.#background.forgetPauses()
  }

  /** Lets the administrator in, at a socket of this machine. Without it, he must stop the agent first. */
  async openAdminDoor(path: string): Promise<void> {
    const { store, world, log, contracts, settings } = this.agent
    try {
      const forgetPauses = () => this.forgetPauses()
      const { pools } = settings.transmitter
      const place = { store, world, accounts: this.accounts, keys: this.keys, forgetPauses, pools }
      this.#adminDoor = await openAdminDoor({ ...place, ...(contracts && { contracts }) }, path)
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error
      log('warning', 'accounts can be administered only while the agent is stopped', { reason: error.message })
    }
  }

  /** RFC 9698: said to programs only while the web is there. */
  get #jmapUrl(): { jmapUrl?: string } {
    const { issuer } = this.accounts
    return issuer === undefined ? {} : { jmapUrl: `${issuer}/.well-known/jmap` }
  }

  endpoint(service: ServiceName): Endpoint | undefined {
    return this.#listeners.get(service)?.endpoint
  }

  /** Where people sign in: their certificates are asked for. */
  get #identityAtDoors(): TlsIdentity {
    const { tls } = this.agent.secrets
    const { certificates } = this.accounts
    const asksTenants = this.agent.settings.transmitter.contracts.some((one) => one.certificates.length > 0)
    if (this.#atDoors?.of !== tls)
      this.#atDoors = {
        of: tls,
        identity: {
          ...tls,
          get asksClients() {
            return certificates.isInUse || asksTenants
          },
        },
      }
    return this.#atDoors.identity
  }

  async #serve(service: ServiceName, stream: Stream): Promise<void> {
    const door = DOOR_OF[service]
    // Without passwords at the MSA a certificate can still say who it is.
    const mechanisms = door === 'smtp' && !this.agent.settings.msa.password ? (['EXTERNAL'] as const) : undefined
    const accounts = door && new ConnectionAccounts(this.accounts, door, () => stream.destroy(), mechanisms)
    const access = () => ({ ...this.#mailAccess(stream), accounts: accounts! })
    try {
      await this.#speak(service, stream, access)
    } finally {
      accounts?.left()
    }
  }

  /** With another agent's relay, with which there is a contract, or with an Author. */
  #speakSubmission(stream: Stream, access: () => MailAccess): Promise<void> {
    const { world, contracts } = this.agent
    const authors = this.#policies.msa?.(access().accounts)
    const isRelay = contractAt(this.agent, stream.remote.address) !== undefined
    const policy = contracts === undefined ? authors! : contractPolicy(this.agent, contracts, authors)
    // A relay has no mailbox that a URL could lead into.
    return serveSmtp(stream, policy, isRelay ? { ...this.#smtpForAuthors, burl: false } : this.#smtpForAuthors, world)
  }

  /** Our own Receivers put in front of a message what they found out. */
  #room(stream: Stream): Pick<ServeOptions, 'maxMessageBytes'> {
    const { maxMessageBytes, receiver, mda } = this.agent.settings
    const ip = unmapped(stream.remote.address)
    const isOurs = [...receiver.backups, ...mda.receivers].some((one) => one.ip === ip)
    return { maxMessageBytes: maxMessageBytes + (isOurs ? HANDED_BYTES : 0) }
  }

  #speak(service: ServiceName, stream: Stream, access: () => MailAccess): Promise<void> {
    const { world, settings } = this.agent
    switch (service) {
      case 'smtp':
        return serveSmtp(stream, this.#policies.receiver!, { ...this.#smtpAtBorder, ...this.#room(stream) }, world)
      case 'submission':
      case 'submissions':
        return this.#speakSubmission(stream, access)
      case 'imap':
      case 'imaps':
        return serveImap(
          stream,
          { ...access(), ...this.#jmapUrl, limits: { messageBytes: settings.maxMessageBytes } },
          world,
        )
      case 'pop3':
      case 'pop3s':
        return servePop3(stream, access(), world)
      case 'lmtp':
        return serveSmtp(stream, this.#policies.lmtp!, { ...this.#smtp, ...this.#room(stream), lmtp: true }, world)
      case 'managesieve':
        return serveManageSieve(stream, access(), world)
    }
  }

  /** What IMAP, POP3 and ManageSieve need alike. On loopback nobody listens in, so a password may be said without TLS there. */
  #mailAccess(stream: Stream) {
    const { store, log } = this.agent
    return {
      store,
      tlsIdentity: this.#identityAtDoors,
      allowPlaintext: isLoopback(stream.remote.address),
      report: (error: unknown) => log('error', 'a session failed', { error: String(error) }),
    }
  }

  /** Closes the doors, lets sessions end and deliveries come to their reply (at most `graceMs`), closes the store. */
  async stop(graceMs = 500): Promise<void> {
    this.#shutdown.requested = true
    await this.#adminDoor?.close()
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()))
    let isCarrying = this.#background.carriesMail
    this.#background.stopCarrying().then(() => {
      isCarrying = false
    })
    const { clock } = this.agent.world
    const deadlineMs = clock.monotonic() + graceMs
    while ((this.#streams.size > 0 || isCarrying) && clock.monotonic() < deadlineMs) await clock.sleep(20)
    for (const stream of this.#streams) stream.destroy()
    this.keys.unfollow()
    await this.moving.close()
    await this.#alone?.stop()
    await this.agent.observations?.stop()
    this.agent.directory?.close()
    await this.#memory.save()
    await this.agent.store.close()
  }
}

function openDescribedStore({ store: url, domain: shard, bodies, cacheBytes }: AgentPlan, world: World) {
  return openKeptStore(world, url ? { url, shard, bodies, cacheBytes } : undefined)
}

const isLoopback = (address: string) =>
  address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.')
