// What an agent must publish in DNS to be reached and to be believed: computed from the description and the agent's keys,
// never written by hand. The mission: a Transmitter proves its identity out of band, by keys and lists of addresses.

import { ownTlsa, tlsaText } from '../identity/dane/tlsa.ts'
import { parseIp, reverseName } from '../identity/ip.ts'
import { policyRecord } from '../identity/mta-sts/policy.ts'
import { reportAddress } from '../roles/reports/addresses.ts'
import { caaRecords } from './caa-records.ts'
import type { AgentPlan, DmarcPlan } from './plan.ts'
import type { KnownKey } from './secrets.ts'
import { parkedRecords, serviceRecords } from './service-records.ts'

/** One record, in the words of a zone file. */
export interface PublishedRecord {
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'CAA' | 'MX' | 'TXT' | 'PTR' | 'SRV' | 'TLSA'
  readonly value: string
  /** One sentence: what it proves or does. */
  readonly why: string
  /** Right, too, where this word stands among others: the record is somebody else's, who has more to say. */
  readonly holds?: string
}

/** An agent, and its keys: those that sign, and those that will or did. */
export interface Publisher {
  readonly plan: AgentPlan
  readonly dkim: readonly KnownKey[]
  /** The certificate at its doors, where it is known: its key, for DANE. */
  readonly certificatePem?: string
}

/** Where other domains' Transmitters knock. */
const SMTP_PORT = 25

/** The records of all agents of a description: of each host, then of each domain, which several agents may serve. */
export function recordsOf(publishers: readonly Publisher[]): PublishedRecord[] {
  const domains = new Set(publishers.map(({ plan }) => plan.domain))
  return [
    ...publishers.flatMap((publisher) => [...hostRecords(publisher.plan), ...tlsaRecords(publisher)]),
    ...publishers.flatMap(({ plan }) => caaRecords(plan)),
    ...[...domains].flatMap((domain) => domainRecords(domain, publishers)),
    ...publishers.flatMap((publisher) => tenantRecords(publisher, domains)),
    ...publishers.flatMap(({ plan }) => backedRecords(plan, domains)),
    ...publishers.flatMap(({ plan }) => serviceRecords(plan)),
    ...[...new Set(publishers.flatMap(({ plan }) => plan.parked))].flatMap(parkedRecords),
  ]
}

const addressType = (ip: string) => (ip.includes(':') ? 'AAAA' : 'A')
const mechanism = (ip: string) => `ip${ip.includes(':') ? 6 : 4}:${ip}`
const sends = ({ roles }: AgentPlan) => roles.has('Transmitter') || roles.has('Forwarder')

/** The agent's address first, then those of its pools. */
const addressesOf = ({ ip, settings }: AgentPlan) => [
  ...new Set([ip, ...settings.transmitter.pools.flatMap(({ addresses }) => addresses.map((one) => one.ip))]),
]

function hostRecords(plan: AgentPlan): PublishedRecord[] {
  const { hostName, ip, settings } = plan
  const pooled = settings.transmitter.pools.flatMap(({ addresses }) => addresses)
  // The name of the host also stands for all its addresses: contract partners include it.
  const all = addressesOf(plan)
  return [
    ...hostRecordsOf(hostName, ip, all),
    ...pooled.flatMap((one) => (one.hostName === hostName ? [] : hostRecordsOf(one.hostName, one.ip, [one.ip]))),
  ]
}

function hostRecordsOf(hostName: string, ip: string, senders: readonly string[]): PublishedRecord[] {
  return [
    { name: hostName, type: addressType(ip), value: ip, why: 'where the host is' },
    {
      name: reverseName(parseIp(ip)!),
      type: 'PTR',
      value: hostName,
      why: 'the address knows its host: many Receivers refuse addresses without a name',
    },
    {
      name: hostName,
      type: 'TXT',
      value: `v=spf1 ${senders.map(mechanism).join(' ')} -all`,
      why:
        senders.length === 1
          ? 'the name in EHLO may only come from this address (SPF)'
          : 'the name in EHLO may only come from these addresses (SPF)',
    },
  ]
}

/** Its key stays over renewals, so the record may, too (RFC 7672 §3.1.1). */
function tlsaRecords({ plan, certificatePem }: Publisher): PublishedRecord[] {
  if (!plan.dane || !plan.roles.has('Receiver')) return []
  const own = ownTlsa(certificatePem ?? '')
  if (own === undefined) return []
  return [
    {
      name: `_${SMTP_PORT}._tcp.${plan.hostName}`,
      type: 'TLSA',
      value: tlsaText(own),
      why: 'the key that the host proves itself with (DANE); it counts only where the zone is signed (DNSSEC)',
    },
  ]
}

function domainRecords(domain: string, publishers: readonly Publisher[]): PublishedRecord[] {
  const plans = publishers.map(({ plan }) => plan)
  const own = plans.filter((plan) => plan.domain === domain)
  const signers = publishers.filter(({ plan }) => sends(plan) && plan.signsFor.some((one) => one.domain === domain))
  const includes = [...new Set(own.flatMap(({ spfIncludes }) => spfIncludes))].map((one) => `include:${one}`)
  const receivers = receiversOf(domain, plans)
  // Whoever reports to others wants to hear from them, if mail can reach it.
  const asks = receivers.some(({ settings }) => settings.reports.sends)
  const records: PublishedRecord[] = [
    {
      name: `_dmarc.${domain}`,
      type: 'TXT',
      value: `${dmarcRecord(own[0]!.dmarc)}${asks ? `; rua=mailto:${reportAddress('dmarc', domain)}` : ''}`,
      why: `what to do with mail that neither SPF nor DKIM proves${asks ? ', and where to report what was seen' : ''} (DMARC)`,
    },
  ]
  if (asks)
    records.push({
      name: `_smtp._tls.${domain}`,
      type: 'TXT',
      value: `v=TLSRPTv1; rua=mailto:${reportAddress('tls', domain)}`,
      why: 'where to report how encryption on the way to us went (TLS-RPT)',
    })
  if (own.every(({ spf }) => spf))
    records.push({
      name: domain,
      type: 'TXT',
      value: ['v=spf1', ...signers.flatMap(({ plan }) => addressesOf(plan).map(mechanism)), ...includes, '-all'].join(
        ' ',
      ),
      why:
        signers.length + includes.length > 0
          ? 'which addresses may send for the domain (SPF)'
          : 'nobody sends for the domain (SPF)',
    })
  for (const { hostName, isBackup } of receivers)
    records.push({
      name: domain,
      type: 'MX',
      value: `${isBackup ? 20 : 10} ${hostName}`,
      why: `which host receives mail for the domain${isBackup ? ' while the others are away' : ''}`,
    })
  const announcer = own.find(({ stsPolicy }) => stsPolicy !== undefined)
  if (announcer !== undefined)
    records.push(
      {
        name: `_mta-sts.${domain}`,
        type: 'TXT',
        value: policyRecord(announcer.stsPolicy!),
        why: 'there is a policy on TLS to the Receiver, and which version of it (MTA-STS)',
      },
      {
        name: `mta-sts.${domain}`,
        type: addressType(announcer.ip),
        value: announcer.ip,
        why: 'where the policy can be fetched (MTA-STS)',
      },
    )
  for (const { plan, dkim } of signers)
    for (const key of dkim) if (key.domain === domain) records.push(keyRecord(key, plan))
  return records
}

/** What those must publish whose mail is carried under contract, in a DNS that is theirs. */
function tenantRecords({ plan, dkim }: Publisher, own: ReadonlySet<string>): PublishedRecord[] {
  const { contracts } = plan.settings.transmitter
  const domains = new Set(contracts.flatMap((one) => one.domains).filter((domain) => !own.has(domain)))
  return [...domains].flatMap((domain) => [
    {
      name: domain,
      type: 'TXT' as const,
      value: `v=spf1 include:${plan.hostName} -all`,
      why: `the contract: our addresses may send for ${domain}, beside those that its own record names (SPF)`,
      holds: `include:${plan.hostName}`,
    },
    ...dkim.filter((key) => key.domain === domain).map((key) => keyRecord(key, plan)),
  ])
}

/** What those must publish, in a DNS that is theirs, whose mail waits here while their own hosts are away. */
function backedRecords({ hostName, settings }: AgentPlan, own: ReadonlySet<string>): PublishedRecord[] {
  return settings.receiver.backs
    .filter(({ domain }) => !own.has(domain))
    .map(({ domain }) => ({
      name: domain,
      type: 'MX',
      value: `20 ${hostName}`,
      why: `which host receives mail for ${domain} while its own are away: theirs stand before it, with smaller numbers`,
      holds: hostName,
    }))
}

function keyRecord(key: KnownKey, plan: AgentPlan): PublishedRecord {
  return {
    name: `${key.selector}._domainkey.${key.domain}`,
    type: 'TXT',
    value: key.record,
    why: keyPurpose(key, plan.settings.dkim2),
  }
}

function dmarcRecord({ policy, subdomains, absent, isTesting }: DmarcPlan): string {
  const more = [subdomains && `sp=${subdomains}`, absent && `np=${absent}`, isTesting && 't=y']
  return ['v=DMARC1', `p=${policy}`, ...more.filter(Boolean)].join('; ')
}

function keyPurpose({ state, algorithm }: KnownKey, dkim2: boolean): string {
  const what = `(DKIM${dkim2 ? ' and DKIM2' : ''}, ${algorithm})`
  switch (state) {
    case 'prepared':
    case 'published':
      return `the public key of signatures to come, shown ahead of them ${what}`
    case 'active':
      return `the public key that proves signatures ${what}`
    case 'retiring':
      return `the public key of mail that is on its way still ${what}`
    case 'revoked':
      return `takes a key back, so that nobody signs with it ${what}`
  }
}

/** Who takes the domain's mail at the Border: for itself, or for the MDA behind it. */
function receiversOf(domain: string, plans: readonly AgentPlan[]): AgentPlan[] {
  return plans.filter(
    ({ roles, isAtTheBorder, settings, ...plan }) =>
      roles.has('Receiver') &&
      isAtTheBorder &&
      (plan.domain === domain ||
        [...settings.receiver.homes, ...settings.receiver.backs].some((one) => one.domain === domain)),
  )
}
