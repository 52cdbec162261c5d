// Which authority may make certificates for an agent's names (CAA, RFC 8659), and only in the way that it is asked (RFC
// 8657): where the description says which one is asked (`acme=`). At the names themselves and not at the domain, whose
// other hosts may have their certificates from elsewhere.

import type { AgentPlan } from './plan.ts'
import type { PublishedRecord } from './records.ts'

/** By the host of its directory: what it calls itself in CAA. Of one that is not known nothing is published. */
const ISSUERS: Readonly<Record<string, string>> = {
  'acme-v02.api.letsencrypt.org': 'letsencrypt.org',
  'acme-staging-v02.api.letsencrypt.org': 'letsencrypt.org',
  'acme.zerossl.com': 'sectigo.com',
  'dv.acme-v02.api.pki.goog': 'pki.goog',
  'api.buypass.com': 'buypass.com',
  'acme.ssl.com': 'ssl.com',
}

/** The names that a certificate of its must have. */
export function certificateNames({
  hostName,
  domain,
  stsPolicy,
}: Pick<AgentPlan, 'hostName' | 'domain' | 'stsPolicy'>): string[] {
  return [hostName, ...(stsPolicy === undefined ? [] : [`mta-sts.${domain}`])]
}

export function caaRecords(plan: AgentPlan): PublishedRecord[] {
  const { certificate, domain, roles } = plan
  if (certificate?.kind !== 'acme') return []
  const issuer = ISSUERS[new URL(certificate.directory).host]
  if (issuer === undefined) return []
  const names = [...certificateNames(plan), ...(roles.has('MDA') ? [`autoconfig.${domain}`] : [])]
  return [...new Set(names)].map((name) => ({
    name,
    type: 'CAA',
    value: `0 issue "${issuer}; validationmethods=http-01"`,
    why: 'only this authority may make a certificate for the name, after it has seen a token at its web server (CAA)',
  }))
}
