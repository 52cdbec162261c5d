// A system that can run, as values: the agents with their settings, and the people. Read from a description by description.ts.

import type { StsPolicy } from '../identity/mta-sts/policy.ts'
import type { Span, SystemModel } from '../notation/model.ts'
import type { AgentRole, AgentSettings, RetentionRule, SendAs } from '../roles/agent.ts'
import type { DirectorySettings } from '../roles/directory-login.ts'
import type { KeyPlace } from '../store/encryption.ts'

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

/** Says what cannot be run as it is written, where, and what to do about it. */
export type Complain = (span: Span, code: string, message: string, remedy: string, reason?: string) => void
