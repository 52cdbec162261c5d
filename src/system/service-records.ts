// Where people's programs find the doors of a domain (RFC 6186, RFC 8314 §5.1, RFC 5804 §1.8, RFC 8620 §2.2); and what a
// domain says that has none and sends nothing (RFC 7505, RFC 7208 §10.1.2, M3AAWG's advice on parked domains).

import type { AgentPlan } from './plan.ts'
import type { PublishedRecord } from './records.ts'

interface Service {
  readonly name: string
  readonly port: number
  readonly opens: 'MSA' | 'MDA'
  readonly what: string
}

/** TLS from the start before STARTTLS (RFC 8314 §3). */
const SERVICES: readonly Service[] = [
  { name: '_submissions', port: 465, opens: 'MSA', what: 'send mail, encrypted from the start' },
  { name: '_submission', port: 587, opens: 'MSA', what: 'send mail, encrypted by STARTTLS' },
  { name: '_imaps', port: 993, opens: 'MDA', what: 'read mail by IMAP, encrypted from the start' },
  { name: '_imap', port: 143, opens: 'MDA', what: 'read mail by IMAP, encrypted by STARTTLS' },
  { name: '_pop3s', port: 995, opens: 'MDA', what: 'fetch mail by POP3, encrypted from the start' },
  { name: '_pop3', port: 110, opens: 'MDA', what: 'fetch mail by POP3, encrypted by STLS' },
  { name: '_sieve', port: 4190, opens: 'MDA', what: 'keep filters by ManageSieve' },
  { name: '_jmap', port: 443, opens: 'MDA', what: 'read and send mail by JMAP' },
]

const WITH_STARTTLS: ReadonlySet<string> = new Set(['_submission', '_imap', '_pop3'])

/** For the programs of an agent's people. */
export function serviceRecords({ domain, hostName, ip, roles }: AgentPlan): PublishedRecord[] {
  const setUp: PublishedRecord[] = roles.has('MDA')
    ? [
        {
          name: `autoconfig.${domain}`,
          type: ip.includes(':') ? 'AAAA' : 'A',
          value: ip,
          why: 'where Thunderbird and its like ask how to set themselves up',
        },
        {
          name: `_autodiscover._tcp.${domain}`,
          type: 'SRV',
          value: `0 1 443 ${hostName}`,
          why: 'where Outlook asks how to set itself up',
        },
      ]
    : []
  const doors = SERVICES.filter(({ opens }) => roles.has(opens)).map(
    ({ name, port, what }): PublishedRecord => ({
      name: `${name}._tcp.${domain}`,
      type: 'SRV',
      // A lower priority is preferred: where both are there, what is encrypted from the start.
      value: `${WITH_STARTTLS.has(name) ? 10 : 0} 1 ${port} ${hostName}`,
      why: `where people's programs ${what}`,
    }),
  )
  return [...doors, ...setUp]
}

/** For a domain that nobody has mail at: whoever writes in its name lies, and nobody needs to try to reach it. */
export function parkedRecords(domain: string): PublishedRecord[] {
  return [
    { name: domain, type: 'MX', value: '0 .', why: 'the domain receives no mail (null MX)' },
    { name: domain, type: 'TXT', value: 'v=spf1 -all', why: 'nobody sends for the domain (SPF)' },
    {
      name: `*._domainkey.${domain}`,
      type: 'TXT',
      value: 'v=DKIM1; p=',
      why: 'no key of the domain is good, whatever its selector (DKIM)',
    },
    {
      name: `_dmarc.${domain}`,
      type: 'TXT',
      value: 'v=DMARC1; p=reject; sp=reject; np=reject',
      why: 'mail in the name of the domain is to be refused (DMARC)',
    },
  ]
}
