// An agent: one actor of the mail handling system, with what all the roles it plays share: its world, its store, its
// name, its secrets and the settings that the description gave it.

import type { KeyObject } from 'node:crypto'
import type { DnsList } from '../filter/dnsbl.ts'
import type { ListEntry } from '../filter/lists.ts'
import type { KeyValueWithTime } from '../filter/memory.ts'
import type { Opinions } from '../filter/statistics/opinions.ts'
import type { MtaSts } from '../identity/mta-sts/mta-sts.ts'
import type { Store } from '../store/store.ts'
import type { Endpoint, LocalSocket, TlsIdentity } from '../world/network.ts'
import type { World } from '../world/world.ts'
import type { DirectoryLogin } from './directory-login.ts'
import type { Limits } from './outgoing/signals.ts'
import type { Observations } from './reports/observations.ts'

import type { Contracts } from './transmitter/contracts.ts'

import type { HttpProgram } from './transmitter/http-program.ts'
import type { Pool } from './transmitter/pools.ts'
import type { RouteRule } from './transmitter/smart-host.ts'

export type AgentRole = 'MSA' | 'Transmitter' | 'Receiver' | 'Forwarder' | 'MDA'

export interface Agent {
  /** The description's @id. */
  readonly id: string
  readonly roles: ReadonlySet<AgentRole>
  /** The domain whose mail it handles. Lower case. */
  readonly domain: string
  /** What it calls itself: in EHLO, Received and Authentication-Results. */
  readonly hostName: string
  /** Its address as the world sees it. */
  readonly ip: string
  readonly world: World
  readonly store: Store
  /** False while another node may be carrying this store's mail (store/shared/lease.ts). */
  readonly isAlone?: () => boolean
  /** Other nodes may decide something at the same moment: what was decided is checked where it is written. */
  readonly isOneOfSeveral?: boolean
  /** What it remembers of strangers: bounded, and forgotten in time. */
  readonly memory: KeyValueWithTime
  /** What people's decisions say of mail. */
  readonly opinions: Opinions
  readonly secrets: AgentSecrets
  /** Where another agent of the description listens. */
  partnerAt(partner: Partner, service: 'smtp' | 'submission' | 'lmtp'): Endpoint
  readonly settings: AgentSettings
  /** What it knows of those it carries mail for; undefined where there is nobody. */
  readonly contracts?: Contracts
  /** Knows the passwords of those who have none here; undefined: there is none. */
  readonly directory?: DirectoryLogin
  /** What is seen for the reports that are owed to others; undefined where none are sent. */
  readonly observations?: Observations
  /** What the domains that we send to say about TLS (MTA-STS). */
  readonly stsPolicies: MtaSts
  /** For the administrator, about the machine and not about a message (that is tracking). Never secrets, never content. */
  log(level: 'info' | 'warning' | 'error', text: string, facts?: Readonly<Record<string, unknown>>): void
}

/** Made at the first start, kept in the agent's folder. Never logged. */
export interface AgentSecrets {
  /** Replaced when a certificate authority gives a newer one. */
  tls: TlsIdentity
  /** Those that DNS shows: with no other key is anything signed (identity/dkim/rotation.ts). */
  readonly dkim: readonly DkimKey[]
  /** 32 bytes: derives what must look random but stay the same (credentials of unknown users, cookies). */
  readonly server: Buffer
  /** Newest first; older ones still verify. */
  readonly srs: readonly string[]
}

export interface DkimKey {
  /** Whose DNS shows it: the agent's own, or one that it carries mail for. */
  readonly domain: string
  readonly selector: string
  readonly algorithm: 'rsa-sha256' | 'ed25519-sha256'
  readonly privateKey: KeyObject
  /** The TXT record that publishes it. */
  readonly record: string
}

export interface AgentSettings {
  /** Largest message taken, bytes. */
  readonly maxMessageBytes: number
  /** DKIM2 beside DKIM: signs what leaves, adds its hop to what is forwarded, verifies what comes. */
  readonly dkim2: boolean
  /** Tags the reverse-paths of its Authors, and refuses bounces without a tag to those who send so (BATV). */
  readonly batv: boolean
  /** Each recipient's copy leaves with a reverse-path of its own (VERP). */
  readonly verp: boolean
  /** Authors do not write again to who was refused for good, or complained. */
  readonly suppresses: boolean
  /** Whose client certificates the description names, by the SHA-256 of their keys (hexadecimal). */
  readonly certificates: readonly { readonly key: string; readonly address: string }[]
  readonly msa: MsaSettings
  readonly transmitter: TransmitterSettings
  readonly receiver: ReceiverSettings
  readonly forwarder: ForwarderSettings
  readonly mda: MdaSettings
  readonly outgoing: OutgoingSettings
  readonly retention: RetentionSettings
  readonly reports: ReportSettings
  /** Another issuer that is believed on who somebody is, and what we are called there; undefined: none. */
  readonly oidc: { readonly issuer: string; readonly client: string } | undefined
  /** Programs that may ask people here for access, beside those that register themselves. */
  readonly oauthClients: readonly { readonly id: string; readonly redirectUris: readonly string[] }[]
}

/** Another agent of the description, to which a relationship joins this one. */
export interface Partner {
  readonly id: string
  readonly hostName: string
  readonly ip: string
}

type NetworkEntry = Extract<ListEntry, { kind: 'network' }>

export type SendAs =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'domain'; readonly domain: string }

/** The three ways to authenticate an Author (the mission): each on or off. */
export interface MsaSettings {
  readonly password: boolean
  /** Static addresses: whoever connects from there is this Author. */
  readonly stations: readonly { readonly place: NetworkEntry; readonly author: string }[]
  /** What Authors may send as beside their own addresses. */
  readonly sendAs: readonly { readonly author: string; readonly as: SendAs }[]
  /** Local networks: whoever connects from there may send as any Author of this MSA. */
  readonly networks: readonly NetworkEntry[]
  /** Another agent is the MDA of this domain: mail for it goes there across the Border, and none is kept here. */
  readonly keepsNone: boolean
}

/**
 * 'none': no TLS is tried. 'required': no plain text, any certificate. 'verified': a certificate that an authority vouches
 * for, for the host that the MX names. 'dane': signed TLSA records, and a certificate that they name.
 */
export interface TlsRule {
  /** '*': of everybody who has no rule of his own. */
  readonly domain: string
  readonly level: 'none' | 'required' | 'verified' | 'dane'
  /** With 'verified': no others than these hosts (a first label of * stands for any); none: whatever the MX names. */
  readonly hosts: readonly string[]
}

export interface TransmitterSettings {
  /** Port that other systems' relays listen on: 25 but in a lab. */
  readonly port: number
  /** Waits between attempts, seconds; the last one repeats. */
  readonly retryAfterS: readonly number[]
  /** A message is given up and bounced this long after it was accepted, seconds. */
  readonly expiresAfterS: number
  /** Connections at once, in all. */
  readonly connections: number
  /** Connections to one group of hosts at once, at most. */
  readonly connectionsPerDestination: number
  readonly signs: boolean
  /** Keys of DKIM are replaced after this long; undefined: when the administrator says so. */
  readonly rotateKeysAfterMs: number | undefined
  /** May deliver to loopback and private addresses: only in a lab. */
  readonly privateDestinations: boolean
  /** The Transmitter to which everything that leaves is handed over (`==>`); undefined: it is carried out from here. */
  readonly via: Partner | undefined
  /** Who hands mail over to this Transmitter, under contract, and the domains they may write as. */
  readonly carries: readonly (Partner & { readonly domains: readonly string[] })[]
  /** What the administrator asks of the TLS of some domains, whatever they say themselves. */
  readonly tls: readonly TlsRule[]
  /** For whom mail is carried beside our own Authors, drawn (`carries`) or not. */
  readonly contracts: readonly ContractTerms[]
  /** By which host mail for a domain goes, and how much of it at once. */
  readonly routes: readonly RouteRule[]
  /** Addresses that mail leaves from where it is not `ip`. */
  readonly pools: readonly Pool[]
  /** Authors whose mail leaves from a pool, and its name. */
  readonly authorPools: readonly { readonly address: string; readonly pool: string }[]
  /** Domains whose mail is handed over by HTTP, to a program. */
  readonly http: readonly HttpProgram[]
  /** Domains whose mail is handed over by LMTP (RFC 2033), to a program of ours, and where it listens. */
  readonly lmtp: readonly { readonly domain: string; readonly at: Endpoint }[]
}

/** What was agreed with somebody whose mail this Transmitter carries. */
export interface ContractTerms {
  /** Lower case; what they sign in as. */
  readonly name: string
  /** They may write as these, and what is below them. */
  readonly domains: readonly string[]
  readonly networks: readonly NetworkEntry[]
  /** Client certificates, by the SHA-256 of their keys. */
  readonly certificates: readonly string[]
  readonly hasPassword: boolean
  /** An agent of this description: its domains need no other proof. */
  readonly isDrawn: boolean
  /** Undefined: no limit but those of everybody. */
  readonly messagesPerDay: number | undefined
  readonly messagesPerMinute: number | undefined
  /** Of one message. */
  readonly recipients: number | undefined
  readonly messageBytes: number | undefined
  /** What it may have in our queue, each recipient counted; more is taken when some of it has left. */
  readonly queueMessages: number | undefined
  readonly queueBytes: number | undefined
  /** Of ours at once, for its mail; undefined: its fair share of all. */
  readonly connections: number | undefined
  /** The pool of addresses that it leaves from; undefined: as for others. */
  readonly pool: string | undefined
}

export interface ReceiverSettings {
  /** Domains whose mail is not kept here: it is handed over to their MDA while the sender waits. */
  readonly homes: readonly {
    readonly domain: string
    readonly at: Partner
    /** Forwarders that Recipients there trust, by their address, as far as the description knows. */
    readonly trusts: ReadonlyMap<string, readonly string[]>
  }[]
  /** Domains whose mail is taken here as their backup MX, and waits here while their own hosts are away. */
  readonly backs: readonly BackedDomain[]
  /** All Recipients of these; none: those that the primary has named. */
  readonly recipients: readonly KnownRecipients[]
  /** The backup MXs that stand in for this Receiver: what they found out at the Border counts. */
  readonly backups: readonly Partner[]
  /** An Open Relay: takes anything from anybody for anybody. Only in a lab. */
  readonly isOpen: boolean
  readonly allow: readonly ListEntry[]
  readonly deny: readonly ListEntry[]
  readonly connections: number
  readonly connectionsPerAddress: number
  readonly messagesPerMinutePerAddress: number
  /** Weigh header and content by the rules and by what people taught; off, only what can be proven counts. */
  readonly filters: boolean
  /** Domains whose ARC seals are believed for every Recipient here (RFC 8617 §7.2). */
  readonly trustedSealers: readonly string[]
  /** Writes Received-SPF, too (RFC 7208 §9.1). */
  readonly receivedSpf: boolean
  /** Lists over DNS that are asked about strangers. */
  readonly dnsLists: readonly DnsList[]
  /** Who is neither proven nor known is asked to come again. */
  readonly greylist: boolean
  /** How long to listen before a stranger is greeted, and how long the reply to his first fault waits; milliseconds. */
  readonly pauseMs: number
  /** Balancers whose PROXY header is believed. */
  readonly proxies: readonly NetworkEntry[]
  /** clamd, asked about every message that would be taken. */
  readonly clamd: Endpoint | LocalSocket | undefined
  /** The site's own milters, in the order in which they are asked. */
  readonly milters: readonly (Endpoint | LocalSocket)[]
}

/** An address, '@' and a domain for anybody there, or a file of such. */
export type KnownRecipients =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'file'; readonly name: string }

/** A domain that this Receiver stands in for. */
export interface BackedDomain {
  readonly domain: string
  /** Whom its mail is handed to, by a relationship; undefined: the hosts that stand before us in its MX. */
  readonly primary: { readonly at: Partner; readonly service: 'smtp' | 'lmtp' } | undefined
  /** Forwarders that Recipients there trust, by their address, as far as the description knows. */
  readonly trusts: ReadonlyMap<string, readonly string[]>
}

/** What may leave at most (roles/outgoing). */
export interface OutgoingSettings {
  readonly author: Limits
  /** Of who sends newsletters. */
  readonly bulk: Limits
  readonly contract: Limits
  /** What the description says of single Authors. */
  readonly people: readonly { readonly address: string; readonly bulk: boolean; readonly limits: Limits | undefined }[]
}

export interface MdaSettings {
  /** Who may hand mail over by LMTP, without a Border of ours; none: no door. */
  readonly lmtpFrom: readonly NetworkEntry[]
  /** The Receivers that stand before this MDA: what they found out counts. */
  readonly receivers: readonly Partner[]
}

/** How long mail stays by itself. */
export interface RetentionSettings {
  /** Deleted mail can be brought back for so long; 0: not at all. */
  readonly undeleteS: number
  /** Of everybody; of two about the same mailbox, the later one counts. */
  readonly rules: readonly RetentionRule[]
  /** Nothing of anybody's may go. */
  readonly keepsAll: boolean
  /** Of some. `keeps`: nothing of theirs may go. */
  readonly people: readonly {
    readonly address: string
    readonly rules: readonly RetentionRule[]
    readonly keeps: boolean
  }[]
}

export interface RetentionRule {
  /** Its role, or its path; lower case. */
  readonly mailbox: string
  /** What has been in it for so long goes; null: nothing does. */
  readonly afterS: number | null
}

export interface ForwarderSettings {
  /** Addresses here whose mail goes on to another address. Lower case. */
  readonly forwards: readonly { readonly from: string; readonly to: string }[]
  /** Addresses here that stand for members anywhere. Lower case. */
  readonly lists: readonly { readonly address: string; readonly members: readonly string[] }[]
  /** What is changed of a message that is passed on: of every signed part that is touched, DKIM fails behind us. */
  readonly changes: {
    readonly parts: readonly ('subject' | 'footer')[]
    readonly footer: string
    /** A list writes itself into From, and signs. */
    readonly rewritesFrom: boolean
  }
  readonly srs: boolean
  readonly seals: boolean
  /** 'true': the target is asked while the sender waits, and the queue is for a target that is slow or down. */
  readonly mode: 'true' | 'queue'
  /** How long a sender waits for the target to take the message's text, seconds. */
  readonly waitS: number
  /** A copy stays here. */
  readonly keeps: boolean
  /** What was judged junk goes on too. */
  readonly passesJunk: boolean
}

export interface ReportSettings {
  /** Reports on DMARC and TLS are collected and sent every day, and our DNS asks others for theirs. */
  readonly sends: boolean
  /** Senders who ask for it are told when a Recipient here moves their mail to Junk. */
  readonly complains: boolean
}

/** Is `domain` one whose mail this agent receives. */
export function isOwnDomain(agent: Agent, domain: string): boolean {
  return domain.toLowerCase() === agent.domain
}

/** Did this Message-ID (without brackets) leave from here. */
export function isOwnMessage(agent: Agent, messageId: string): boolean {
  return agent.store.events({ messageId, limit: 10 }).some(({ role }) => role === 'MSA')
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** A name for one accepted message: 12 characters that can be read aloud, unique within the agent. */
export function newTrace(world: World): string {
  let name = ''
  for (const byte of world.random.bytes(12)) name += ALPHABET[byte & 31]
  return name
}
