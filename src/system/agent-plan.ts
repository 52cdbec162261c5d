// The settings of one agent, from what a description says of it: a working default for everything that is not written.

import { isPrivateIp } from '../message/ip.ts'
import type { Actor, Block, SystemModel } from '../notation/model.ts'
import type { AgentSettings, RetentionRule } from '../roles/agent.ts'
import { checkAgent } from './agent-checks.ts'
import { directoryOf } from './directory-plan.ts'
import type { ValuesOf } from './keys.ts'
import type { AgentPlan, Complain } from './plan.ts'
import { poolsOf } from './pools.ts'
import { rolesIn } from './roles.ts'

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

/** Recipients elsewhere, of an Author, of one who sends newsletters, and of a partner under contract. */
const OUTGOING = {
  author: { perHour: 500, perDay: 2000 },
  bulk: { perHour: 20_000, perDay: 100_000 },
  contract: { perHour: 100_000, perDay: 1_000_000 },
} as const
const LAB_GENEROSITY = 1000

/** How long senders keep the policy: long while it is enforced, so that nobody can hide it (RFC 8461 §3.2). */
const POLICY_AGE_S = { enforce: 4 * 7 * 86_400, testing: 86_400, none: 86_400 } as const

/** What retention= says: how long mail stays, by mailbox, and whether nothing may go. */
export function retentionOf(words: readonly (RetentionRule | 'keep')[]) {
  return { rules: words.filter((one) => one !== 'keep'), keeps: words.includes('keep') }
}

/** An agent with the people still missing; undefined where it has no domain or no address. What is wrong is complained of. */
export function planAgent(
  actor: Actor,
  blocks: readonly Block[],
  model: SystemModel,
  of: ValuesOf,
  complain: Complain,
): Omit<AgentPlan, 'isAtTheBorder'> | undefined {
  const { span } = blocks[0]!
  const roles = [...new Set(blocks.flatMap((block) => rolesIn(model, block)))]
  const checked = checkAgent(actor, blocks, roles, of, complain)
  if (checked === undefined) return undefined
  const { domain, ip } = checked
  const mode = of('mta-sts').at(-1)
  const [chain, key, contact] = [of('certificate').at(-1), of('certificate-key').at(-1), of('acme').at(-1)]
  const lab = isPrivateIp(ip)
  const [isList, isOpen] = [actor.roles.includes('Mailing List'), actor.roles.includes('Open Relay')]
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
