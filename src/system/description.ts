// From the notation to a system that can run: which agents there are, what roles they play, who the people are, and the
// settings of each, with a working default for everything that is not written. What cannot be run is a finding with its
// place and remedy. What may be said of them stands in keys.ts.

import type { StsPolicy } from '../identity/mta-sts/policy.ts'
import { MAX_LOOKUPS } from '../identity/spf/lookups.ts'
import { parseDomain } from '../message/address.ts'
import { isPrivateIp } from '../message/ip.ts'
import type { Actor, Block, Finding, Span, SystemModel } from '../notation/model.ts'
import { Sayings } from '../notation/said.ts'
import { suggest } from '../notation/suggest.ts'
import type { AgentRole, AgentSettings, RetentionRule, SendAs } from '../roles/agent.ts'
import type { DirectorySettings } from '../roles/directory-login.ts'
import type { KeyPlace } from '../store/encryption.ts'
import { withContracts } from './contracts.ts'
import { directoryOf } from './directory-plan.ts'
import { KEYS, type Keys, type ValueOf, type ValuesOf } from './keys.ts'
import { checkPools, poolsOf } from './pools.ts'
import { agentsAtTheBorder, joined } from './relations.ts'
import { RUNNABLE, rolesIn } from './roles.ts'
import type { Reader } from './values.ts'

export interface PersonPlan {
  /** The description's @id. */
  readonly id: string
  readonly address: string
  readonly displayName: string
  readonly password: string | undefined
  /** What goes by itself, if not as for everybody; or nothing may go. */
  readonly retention: { readonly rules: readonly RetentionRule[]; readonly keeps: boolean }
  /** What the mailboxes may hold; null: no limit. */
  readonly quota: { readonly bytes: number | null; readonly messages: number | null }
  readonly roles: readonly ('Author' | 'Recipient')[]
  readonly aliases: readonly string[]
  /** Domains of the Forwarders this Recipient trusts. */
  readonly trusts: readonly string[]
  /** Static IP addresses that authenticate this Author. */
  readonly stations: AgentSettings['msa']['stations'][number]['place'][]
  readonly certificates: readonly string[]
  /** Recipients elsewhere, at most; undefined: as for everybody. */
  readonly outgoing: { readonly perHour: number; readonly perDay: number } | undefined
  /** Sends newsletters. */
  readonly bulk: boolean
  /** The pool of addresses that mail of this Author leaves from; undefined: as for everybody. */
  readonly pool: string | undefined
  readonly sendAs: readonly SendAs[]
}

/** Files of PEM that somebody else renews, or a certificate authority that is asked (ACME, RFC 8555). */
export type CertificatePlan =
  | { readonly kind: 'files'; readonly chain: string; readonly key: string }
  | { readonly kind: 'acme'; readonly contact: string; readonly directory: string }

/** What it asks of those who get mail in its name that nothing proves (RFC 9989 §4.7); undefined: as for the domain. */
export interface DmarcPlan {
  readonly policy: string
  readonly subdomains: string | undefined
  /** For subdomains that do not exist. */
  readonly absent: string | undefined
  readonly isTesting: boolean
}

export interface AgentPlan {
  readonly id: string
  readonly roles: ReadonlySet<AgentRole>
  readonly domain: string
  readonly hostName: string
  /** As the world sees it. */
  readonly ip: string
  /** The address of this machine that its doors listen at: `ip`, except behind a translation of addresses. */
  readonly listen: string
  /** Where its certificate comes from; undefined: it makes one for itself, which proves nothing to strangers. */
  readonly certificate: CertificatePlan | undefined
  readonly settings: AgentSettings
  readonly people: readonly PersonPlan[]
  /** Addresses that stand for several. */
  readonly groups: readonly { readonly address: string; readonly members: readonly string[] }[]
  /** Whose is the mail that is for nobody else here; undefined: it is refused. */
  readonly catchAll: string | undefined
  /** Its places in the drawing, in order: block id and the roles played there. */
  readonly blocks: readonly { readonly id: string; readonly roles: readonly AgentRole[] }[]
  readonly dmarc: DmarcPlan
  /** What senders are told about TLS to its Receiver (RFC 8461); undefined: nothing. */
  readonly stsPolicy: StsPolicy | undefined
  /** Says in DNS which key its Receiver proves itself with, and keeps that key (DANE). */
  readonly dane: boolean
  /** Other services that send for its domain: their SPF records count as its own. */
  readonly spfIncludes: readonly string[]
  /** Domains that neither send nor receive, and say so. */
  readonly parked: readonly string[]
  /** Says in DNS which addresses send for its domain. */
  readonly spf: boolean
  /** Where its people's pages are (https://mail.example.org); undefined: nobody has said. */
  readonly web: string | undefined
  /** Who knows the passwords of people here who have none of ours; undefined: nobody. */
  readonly directory: DirectorySettings | undefined
  /** The PostgreSQL that this agent's nodes share; undefined: it keeps its store itself. */
  readonly store: string | undefined
  /** Whose DKIM keys it has: its own domain's, and of those it carries mail for. */
  readonly signsFor: readonly { readonly domain: string; readonly suffix: string }[]
  /** Mail from across the Border comes to it: it stands in the MX. */
  readonly isAtTheBorder: boolean
  /** Others stand before it in the MX. */
  readonly isBackup: boolean
  /** The S3 bucket that their bodies lie in; undefined: PostgreSQL. */
  readonly bodies: string | undefined
  /** How much of them each node keeps on its disk; undefined: the store's own default. */
  readonly cacheBytes: number | undefined
  /** Where the key is that its store is encrypted with; undefined: it is not. */
  readonly encrypt: KeyPlace | undefined
}

export interface SystemPlan {
  readonly model: SystemModel
  readonly agents: readonly AgentPlan[]
}

const MIB = 1024 * 1024

/** Growing waits, in seconds: about twenty attempts in five days. */
const RETRY_AFTER_S = [60, 300, 900, 1800, 3600, 7200, 14_400, 28_800]
/** Of a Backup MX: its mail is for few hosts, and people wait for it when they are back. */
const RETRY_BACKED_S = [60, 300, 900]
const EXPIRES_AFTER_S = 5 * 86_400
/** A sender waits ten minutes for us (RFC 5321 §4.5.3.2.6), but its people do not. */
const FORWARD_WAIT_S = 20

/** A key that somebody is guessing at is gone before. */
const ROTATE_KEYS_AFTER_MS = 90 * 86_400_000

/** Of each relay of a Transmitter, and to one group of hosts. */
const CONNECTIONS_PER_RELAY = 200
const CONNECTIONS_PER_DESTINATION = 20

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'

/** What nobody looks at any more. */
const RETENTION: readonly RetentionRule[] = [
  { mailbox: 'junk', afterS: 30 * 86_400 },
  { mailbox: 'trash', afterS: 30 * 86_400 },
]
const UNDELETE_S = 14 * 86_400

function retentionOf(words: readonly (RetentionRule | 'keep')[]) {
  return { rules: words.filter((one) => one !== 'keep'), keeps: words.includes('keep') }
}

/** Recipients elsewhere, of an Author, of one who sends newsletters, and of a partner under contract. */
const OUTGOING = {
  author: { perHour: 500, perDay: 2000 },
  bulk: { perHour: 20_000, perDay: 100_000 },
  contract: { perHour: 100_000, perDay: 1_000_000 },
} as const
const LAB_GENEROSITY = 1000

/** How long senders keep the policy: long while it is enforced, so that nobody can hide it (RFC 8461 §3.2). */
const POLICY_AGE_S = { enforce: 4 * 7 * 86_400, testing: 86_400, none: 86_400 } as const

/** A text that names domains and addresses is meant to run; another only shows how something is. */
export function isMeantToRun(model: SystemModel): boolean {
  return model.attributes.some(({ entries }) => entries.some(({ key }) => key === 'domain' || key === 'address'))
}

/** Reads what a description says of its actors. Findings of level error mean: it cannot be run. */
export function planSystem(model: SystemModel): { plan: SystemPlan; findings: Finding[] } {
  const findings: Finding[] = []
  const complain = (span: Span, code: string, message: string, remedy: string, reason?: string) =>
    findings.push({ code, severity: 'error', message, reason, span, fixes: [{ label: remedy, edits: [] }] })

  const sayings = new Sayings(model)
  const blocksOf = groupBy(model.blocks, ({ actor }) => actor)
  const atTheBorder = agentsAtTheBorder(model)
  const agents: AgentPlan[] = []
  const people: { plan: PersonPlan; actor: Actor; span: Span; trustSpans: Map<string, Span> }[] = []

  for (const actor of model.actors) {
    const kind = actor.kind === 'agent' ? 'agent' : 'person'
    const entries = sayings.entries(actor)
    const byKey = groupBy(entries, ({ key }) => key)
    const blocks = blocksOf.get(actor.id)!
    for (const entry of entries) {
      if (Object.hasOwn(KEYS[kind], entry.key)) {
        const read = (KEYS[kind] as Record<string, Reader<unknown>>)[entry.key]!(entry.value)
        if (!read.ok)
          complain(
            entry.valueSpan,
            'S02',
            `"${entry.value}" is not a value for ${entry.key}`,
            `Write ${read.expected}.`,
          )
      } else {
        const meant = suggest(entry.key, Object.keys(KEYS[kind]))
        complain(
          entry.keySpan,
          'S01',
          `${kind === 'agent' ? 'an agent' : 'a person'} has no attribute "${entry.key}"`,
          meant === undefined ? `Known: ${Object.keys(KEYS[kind]).join(', ')}.` : `Did you mean ${meant}?`,
        )
      }
    }
    const all = <K extends string, R>(key: K, reader: R): ValueOf<R>[] =>
      (byKey.get(key) ?? [])
        .map((entry) => (reader as Reader<ValueOf<R>>)(entry.value))
        .flatMap((read) => (read.ok ? [read.value] : []))
    const { span } = blocks[0]!
    if (kind === 'agent') {
      const of = <K extends keyof Keys['agent'] & string>(key: K) => all(key, KEYS.agent[key])
      const plan = planAgent(actor, blocks, model, of, complain)
      if (plan !== undefined) agents.push({ ...plan, isAtTheBorder: atTheBorder.has(actor.id) })
    } else {
      const of = <K extends keyof Keys['person'] & string>(key: K) => all(key, KEYS.person[key])
      const address = of('address').at(-1)
      if (address === undefined) {
        complain(
          span,
          'S03',
          `${actor.id} has no address`,
          `Add a line "${actor.id}: address=${actor.id}@example.org".`,
        )
        continue
      }
      const trustSpans = new Map(entries.filter((e) => e.key === 'trusts').map((e) => [e.value, e.valueSpan]))
      const plan: PersonPlan = {
        id: actor.id,
        address,
        displayName: of('name').at(-1) ?? address.slice(0, address.indexOf('@')),
        password: of('password').at(-1),
        retention: retentionOf(of('retention')),
        quota: { bytes: of('quota').at(-1) ?? null, messages: of('quota-messages').at(-1) ?? null },
        roles: actor.roles.filter((role) => role === 'Author' || role === 'Recipient'),
        aliases: of('alias'),
        trusts: of('trusts'),
        stations: of('ip'),
        certificates: of('certificate'),
        outgoing: of('outgoing').at(-1),
        bulk: of('bulk').at(-1) ?? false,
        pool: of('pool').at(-1),
        sendAs: of('may-send-as'),
      }
      people.push({ plan, actor, span, trustSpans })
    }
  }

  const peopleOf = groupBy(people, ({ plan }) => domainOf(plan.address))
  const agentOf = new Map(agents.map((agent) => [agent.id, agent]))
  const domains = new Set(agents.map(({ domain }) => domain))
  const withPeople = agents.map((agent) => {
    const isTheirs = agent.roles.has('MSA') || agent.roles.has('MDA') || agent.roles.has('Forwarder')
    const own = isTheirs ? (peopleOf.get(agent.domain) ?? []) : []
    const stations = own.flatMap(({ plan }) => plan.stations.map((place) => ({ place, author: plan.address })))
    const sendAs = own.flatMap(({ plan }) => plan.sendAs.map((as) => ({ author: plan.address, as })))
    const certificates = own.flatMap(({ plan }) => plan.certificates.map((key) => ({ key, address: plan.address })))
    if (!isPrivateIp(agent.ip))
      for (const { plan, span } of own)
        if (plan.password !== undefined)
          complain(
            span,
            'S07',
            `the password of ${plan.id} stands in the description of an agent on the open Internet`,
            'Take it out and set it with: borderpost password ADDRESS.',
            'A description is shown, shared and drawn; a secret does not belong into it.',
          )
    return {
      ...agent,
      settings: {
        ...agent.settings,
        retention: {
          ...agent.settings.retention,
          people: own.map(({ plan: { address, retention } }) => ({
            address,
            rules: retention.rules,
            keeps: retention.keeps || agent.settings.retention.keepsAll,
          })),
        },
        certificates,
        outgoing: {
          ...agent.settings.outgoing,
          people: own.flatMap(({ plan: { address, bulk, outgoing } }) =>
            bulk || outgoing !== undefined
              ? [{ address, bulk, limits: outgoing && { ...outgoing, generosity: 1 } }]
              : [],
          ),
        },
        msa: { ...agent.settings.msa, stations, sendAs },
        transmitter: {
          ...agent.settings.transmitter,
          authorPools: own.flatMap(({ plan: { address, pool } }) => (pool === undefined ? [] : [{ address, pool }])),
        },
      },
      people: own.map(({ plan, trustSpans }) => ({
        ...plan,
        trusts: plan.trusts.flatMap((name) => {
          const domain = agentOf.get(name)?.domain ?? parseDomain(name)
          if (domain?.includes('.')) return [domain]
          complain(
            trustSpans.get(name)!,
            'S05',
            `"${name}" is neither an agent here nor a domain`,
            'Write the @id of a Forwarder, or its domain.',
          )
          return []
        }),
      })),
    }
  })
  for (const { plan, span } of people)
    if (!domains.has(domainOf(plan.address)))
      complain(
        span,
        'S04',
        `no agent here has the domain of ${plan.address}`,
        `Give an agent domain=${domainOf(plan.address)}, or change the address.`,
      )
  const complainOf = (id: string, code: string, message: string, remedy: string, reason?: string) =>
    complain(blocksOf.get(id)![0]!.span, code, message, remedy, reason)
  const agentsJoined = joined(model, withPeople, complainOf)
  const withTheirs = withContracts(model, agentsJoined, complain)
  checkPools(model, withTheirs, complain)
  return { plan: { model, agents: withTheirs }, findings }
}

export type Complain = (span: Span, code: string, message: string, remedy: string, reason?: string) => void

function planAgent(
  actor: Actor,
  blocks: readonly Block[],
  model: SystemModel,
  of: ValuesOf,
  complain: Complain,
): Omit<AgentPlan, 'isAtTheBorder'> | undefined {
  const { span } = blocks[0]!
  const roles = [...new Set(blocks.flatMap((block) => rolesIn(model, block)))]
  for (const role of actor.roles)
    if (!RUNNABLE.includes(role)) {
      const meant = suggest(role, RUNNABLE)
      complain(
        roleSpanOf(blocks, role) ?? span,
        'S08',
        `the role ${role} can be drawn and explained, but not run`,
        `${meant === undefined ? '' : `Did you mean ${meant}? `}Roles that run: ${RUNNABLE.join(', ')}.`,
      )
    }
  const domain = of('domain').at(-1)
  const ip = of('ip').at(-1)
  if (domain === undefined)
    complain(span, 'S03', `${actor.id} has no domain`, `Add a line "${actor.id}: domain=example.org, ip=192.0.2.1".`)
  if (ip === undefined)
    complain(span, 'S03', `${actor.id} has no IP address`, `Add a line "${actor.id}: ip=192.0.2.1".`)
  if (domain === undefined || ip === undefined) return undefined
  for (const { from } of of('forward')) {
    if (!roles.includes('Forwarder'))
      complain(span, 'S10', `${actor.id} forwards ${from}, but plays no Forwarder`, 'Write Receiver/Forwarder.')
    else if (domainOf(from) !== domain)
      complain(
        span,
        'S10',
        `${actor.id} gets no mail for ${from}, so it cannot forward it`,
        `Forward an address at ${domain}.`,
      )
  }
  for (const one of of('backup-for'))
    if (!roles.includes('Receiver') || one === domain)
      complain(
        span,
        'S10',
        one === domain
          ? `${actor.id} is to be the backup MX of its own domain, and knows no other host of it`
          : `${actor.id} is to be a backup MX of ${one}, but plays no Receiver`,
        one === domain ? `Draw whom it stands in for: Backup MX@${actor.id} ==> Receiver.` : 'Write Backup MX.',
      )
  if (of('spf-include').length > MAX_LOOKUPS)
    complain(
      span,
      'S17',
      `the SPF record of ${domain} would need ${of('spf-include').length} look-ups and more, and ${MAX_LOOKUPS} are allowed`,
      'Take out what sends no more, or give it a subdomain of its own.',
      'With more, nobody evaluates the record (RFC 7208 §4.6.4).',
    )
  const ownNames = [...of('group').flatMap(({ address, members }) => [address, ...members]), ...of('catch-all')]
  for (const name of ownNames)
    if (domainOf(name) !== domain)
      complain(
        span,
        'S12',
        `${name} is no address of ${actor.id}: groups and catch-all are of people here`,
        `Write addresses at ${domain}; for one elsewhere, forward an address here to it.`,
      )
  const mode = of('mta-sts').at(-1)
  if (mode !== undefined && !roles.includes('Receiver'))
    complain(
      span,
      'S11',
      `${actor.id} tells senders how to reach its Receiver (mta-sts=${mode}), and plays none`,
      'Take mta-sts out, or write Receiver.',
    )
  const [chain, key, contact] = [of('certificate').at(-1), of('certificate-key').at(-1), of('acme').at(-1)]
  if ((chain === undefined) !== (key === undefined) || (chain !== undefined && contact !== undefined))
    complain(
      span,
      'S13',
      `it is not clear where the certificate of ${actor.id} comes from`,
      'Write certificate= and certificate-key= (two files), or acme= (your address, for the certificate authority).',
    )
  const lab = isPrivateIp(ip)
  const [isList, isOpen] = [actor.roles.includes('Mailing List'), actor.roles.includes('Open Relay')]
  if (isOpen && !lab)
    complain(
      span,
      'S14',
      `${actor.id} would relay for anybody, on the open Internet`,
      'Give it a private address (127.0.0.0/8): an Open Relay runs only in a lab.',
      'An Open Relay sends mail for anyone, so nobody is responsible for it and no Receiver can trust it.',
    )
  const alone = isList ? 'Mailing List' : isOpen ? 'Open Relay' : undefined
  if (alone !== undefined && (roles.includes('MSA') || roles.includes('MDA')))
    complain(
      span,
      'S14',
      `${actor.id} plays ${alone}, and MSA or MDA beside it`,
      `Give the ${alone} an @id, a domain and an address of its own.`,
    )
  if (!isList && of('list').length > 0)
    complain(span, 'S10', `${actor.id} has a list, but plays no Mailing List`, 'Write Mailing List.')
  for (const { address } of of('list'))
    if (domainOf(address) !== domain)
      complain(span, 'S10', `${actor.id} gets no mail for ${address}`, `Give the list an address at ${domain}.`)
  const changes = {
    // Most lists mark the subject and add a footer.
    parts: of('modifies').at(-1) ?? (isList ? (['subject', 'footer'] as const) : []),
    footer: of('list-footer').at(-1) ?? (isList ? 'You are on this list.' : 'This message was passed on.'),
    rewritesFrom: of('from-rewrite').at(-1) ?? false,
  }
  const hostName = of('host').at(-1) ?? `mail.${domain}`
  const isBackup = actor.roles.includes('Backup MX')
  return {
    id: actor.id,
    roles: new Set(roles),
    domain,
    hostName,
    ip,
    listen: of('listen').at(-1) ?? ip,
    certificate:
      chain !== undefined && key !== undefined
        ? { kind: 'files', chain, key }
        : contact === undefined
          ? undefined
          : { kind: 'acme', contact, directory: of('acme-directory').at(-1) ?? LETS_ENCRYPT },
    dane: of('dane').at(-1) ?? false,
    stsPolicy: mode && { mode, mx: [hostName], maxAgeS: POLICY_AGE_S[mode] },
    dmarc: {
      policy: of('dmarc').at(-1) ?? 'reject',
      subdomains: of('dmarc-subdomains').at(-1),
      absent: of('dmarc-absent').at(-1),
      isTesting: of('dmarc-testing').at(-1) ?? false,
    },
    spfIncludes: of('spf-include'),
    parked: of('parked'),
    spf: of('spf').at(-1) ?? true,
    web: of('web').at(-1),
    directory: directoryOf(actor, of, span, complain),
    store: of('store').at(-1),
    bodies: of('bodies').at(-1),
    cacheBytes: of('cache').at(-1),
    encrypt: of('encrypt').at(-1) ?? undefined,
    people: [],
    groups: of('group'),
    signsFor: [{ domain, suffix: '' }],
    isBackup,
    catchAll: of('catch-all').at(-1)?.toLowerCase(),
    blocks: blocks.map((block) => ({ id: block.id, roles: rolesIn(model, block) })),
    settings: {
      maxMessageBytes: of('max-size').at(-1) ?? 50 * MIB,
      dkim2: of('dkim2').at(-1) ?? false,
      batv: of('batv').at(-1) ?? false,
      verp: of('verp').at(-1) ?? false,
      suppresses: of('suppress').at(-1) ?? true,
      certificates: [],
      msa: {
        password: of('password').at(-1) ?? true,
        stations: [],
        sendAs: [],
        networks: of('network'),
        keepsNone: false,
      },
      transmitter: {
        port: 25,
        retryAfterS: of('retry').at(-1) ?? (isBackup ? RETRY_BACKED_S : RETRY_AFTER_S),
        expiresAfterS: of('expires').at(-1) ?? EXPIRES_AFTER_S,
        connections: CONNECTIONS_PER_RELAY * relaysOf(blocks),
        connectionsPerDestination: of('destination-connections').at(-1) ?? CONNECTIONS_PER_DESTINATION,
        routes: of('route'),
        pools: poolsOf(of, { ip, listen: of('listen').at(-1) ?? ip, hostName }),
        authorPools: [],
        http: of('http-to'),
        signs: of('dkim').at(-1) ?? true,
        // Nobody rotates keys in a lab, unless asked.
        rotateKeysAfterMs: of('dkim-rotate').concat(lab ? null : ROTATE_KEYS_AFTER_MS)[0] ?? undefined,
        privateDestinations: lab,
        tls: of('tls'),
        lmtp: of('lmtp-to'),
        via: undefined,
        carries: [],
        contracts: [],
      },
      receiver: {
        homes: [],
        backs: [...new Set(of('backup-for'))].map((one) => ({ domain: one, primary: undefined, trusts: new Map() })),
        recipients: of('recipients'),
        backups: [],
        isOpen,
        allow: of('allow'),
        deny: of('deny'),
        filters: of('filter').at(-1) ?? true,
        trustedSealers: of('trusts-seals'),
        // Authentication-Results says the same, and two fields that must agree are one too many.
        receivedSpf: of('received-spf').at(-1) ?? false,
        dnsLists: of('dns-list'),
        greylist: of('greylist').at(-1) ?? !lab,
        // Long enough that a bot has spoken; in a lab everybody is known.
        pauseMs: 1000 * (of('pause').at(-1) ?? (lab ? 0 : 1)),
        proxies: of('proxy'),
        clamd: of('clamav').at(-1),
        milters: of('milter'),
        connections: of('connections').at(-1) ?? 1000,
        connectionsPerAddress: of('connections-per-address').at(-1) ?? 50,
        // A lab has one sender for everything that is tried out.
        messagesPerMinutePerAddress: of('messages-per-minute').at(-1) ?? (lab ? 100_000 : 600),
      },
      forwarder: {
        forwards: of('forward'),
        lists: of('list'),
        changes,
        srs: of('srs').at(-1) ?? !isOpen,
        seals: of('arc').at(-1) ?? !isOpen,
        // A list has many targets, and whoever relays for anybody asks nobody first.
        mode: of('forward-mode').at(-1) ?? (isList || isOpen ? 'queue' : 'true'),
        waitS: of('forward-wait').at(-1) ?? FORWARD_WAIT_S,
        keeps: of('keep').at(-1) ?? false,
        passesJunk: of('forward-junk').at(-1) ?? false,
      },
      mda: { lmtpFrom: of('lmtp'), receivers: [] },
      outgoing: outgoingOf(of('outgoing').at(-1), lab),
      oidc: of('oidc').at(-1),
      retention: {
        undeleteS: of('undelete').at(-1) ?? UNDELETE_S,
        rules: [...RETENTION, ...retentionOf(of('retention')).rules],
        keepsAll: retentionOf(of('retention')).keeps,
        people: [],
      },
      oauthClients: of('oauth-client'),
      // A lab is quiet, unless asked.
      reports: { sends: of('reports').at(-1) ?? !lab, complains: of('complaints').at(-1) ?? false },
    },
  }
}

/** What may leave; a lab has one Author for everything that is tried out. */
function outgoingOf(said: { perHour: number; perDay: number } | undefined, lab: boolean): AgentSettings['outgoing'] {
  const generosity = said === undefined && lab ? LAB_GENEROSITY : 1
  const limits = ({ perHour, perDay }: { perHour: number; perDay: number }) => ({
    perHour: perHour * generosity,
    perDay: perDay * generosity,
    generosity,
  })
  const { author, bulk, contract } = OUTGOING
  return { author: limits(said ?? author), bulk: limits(bulk), contract: limits(contract), people: [] }
}

/** `Transmitter*12`: so many relays carry mail out. */
function relaysOf(blocks: readonly Block[]): number {
  return Math.max(1, ...blocks.map(({ roles, relays }) => (roles.includes('Transmitter') ? relays : 1)))
}

/** Where the actor's role is written first. */
function roleSpanOf(blocks: readonly Block[], role: string): Span | undefined {
  const block = blocks.find(({ roles }) => roles.includes(role))
  return block?.roleSpans[block.roles.indexOf(role)]
}

function groupBy<T>(list: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of list) {
    const key = keyOf(one)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}

function domainOf(address: string): string {
  return (parseDomain(address.slice(address.lastIndexOf('@') + 1)) ?? '').toString()
}
