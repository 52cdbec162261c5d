// What an agent must publish in DNS to be reached and to be believed: computed from the description and the agent's keys,
// never written by hand. The mission: a Transmitter proves its identity out of band, by keys and lists of addresses.

import { parseIp, reverseName } from '../identity/ip.ts'
import { policyRecord } from '../identity/mta-sts/policy.ts'
import type { DkimKey } from '../roles/agent.ts'
import { reportAddress } from '../roles/reports/addresses.ts'
import type { AgentPlan } from './description.ts'

/** One record, in the words of a zone file. */
export interface PublishedRecord {
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'MX' | 'TXT' | 'PTR'
  readonly value: string
  /** One sentence: what it proves or does. */
  readonly why: string
}

/** The records of one agent. */
export function recordsOf(agent: AgentPlan, dkim: readonly DkimKey[]): PublishedRecord[] {
  const { domain, hostName, ip, roles } = agent
  const address = ip.includes(':') ? 'AAAA' : 'A'
  const mechanism = `ip${ip.includes(':') ? 6 : 4}:${ip}`
  const sends = roles.has('Transmitter') || roles.has('Forwarder')
  // Whoever reports to others wants to hear from them, if mail can reach it.
  const asks = agent.settings.reports.sends && roles.has('Receiver')
  const records: PublishedRecord[] = [
    { name: hostName, type: address, value: ip, why: 'where the host is' },
    {
      name: reverseName(parseIp(ip)!),
      type: 'PTR',
      value: hostName,
      why: 'the address knows its host: many Receivers refuse addresses without a name',
    },
    {
      name: hostName,
      type: 'TXT',
      value: `v=spf1 ${mechanism} -all`,
      why: 'the name in EHLO may only come from this address (SPF)',
    },
    {
      name: `_dmarc.${domain}`,
      type: 'TXT',
      value: `v=DMARC1; p=${agent.dmarc}${asks ? `; rua=mailto:${reportAddress('dmarc', domain)}` : ''}`,
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
  if (agent.spf)
    records.push({
      name: domain,
      type: 'TXT',
      value: sends ? `v=spf1 ${mechanism} -all` : 'v=spf1 -all',
      why: 'which addresses may send for the domain (SPF)',
    })
  if (roles.has('Receiver'))
    records.push({ name: domain, type: 'MX', value: `10 ${hostName}`, why: 'which host receives mail for the domain' })
  if (agent.stsPolicy !== undefined)
    records.push(
      {
        name: `_mta-sts.${domain}`,
        type: 'TXT',
        value: policyRecord(agent.stsPolicy),
        why: 'there is a policy on TLS to the Receiver, and which version of it (MTA-STS)',
      },
      { name: `mta-sts.${domain}`, type: address, value: ip, why: 'where the policy can be fetched (MTA-STS)' },
    )
  if (sends)
    for (const key of dkim)
      records.push({
        name: `${key.selector}._domainkey.${domain}`,
        type: 'TXT',
        value: key.record,
        why: `the public key that proves signatures (DKIM${agent.settings.dkim2 ? ' and DKIM2' : ''}, ${key.algorithm})`,
      })
  return records
}
