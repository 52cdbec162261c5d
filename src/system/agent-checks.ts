// What a description says of an agent that cannot be run: findings with their place and remedy.

import { domainOf } from '../identity/domain.ts'
import { MAX_LOOKUPS } from '../identity/spf/lookups.ts'
import { isPrivateIp } from '../message/ip.ts'
import type { Actor, Block, Span } from '../notation/model.ts'
import { suggest } from '../notation/suggest.ts'
import type { AgentRole } from '../roles/agent.ts'
import type { ValuesOf } from './keys.ts'
import type { Complain } from './plan.ts'
import { RUNNABLE } from './roles.ts'

/** Its domain and its IP address; undefined where one of them is missing: then there is nothing to plan. */
export function checkAgent(
  actor: Actor,
  blocks: readonly Block[],
  roles: readonly AgentRole[],
  of: ValuesOf,
  complain: Complain,
): { domain: string; ip: string } | undefined {
  const { span } = blocks[0]!
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
  const [isList, isOpen] = [actor.roles.includes('Mailing List'), actor.roles.includes('Open Relay')]
  if (isOpen && !isPrivateIp(ip))
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
  return { domain, ip }
}

/** Where the actor's role is written first. */
function roleSpanOf(blocks: readonly Block[], role: string): Span | undefined {
  const block = blocks.find(({ roles }) => roles.includes(role))
  return block?.roleSpans[block.roles.indexOf(role)]
}
