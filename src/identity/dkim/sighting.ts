// Does DNS show a key: asked of the domain's own name servers, each of them (RFC 1034 §4.3.1), because a cache may show what
// was, and a secondary what is not yet. Where they cannot be asked (a lab, a firewall, an alias to another zone), what the
// resolver says counts.

import { isPrivateIp } from '../../message/ip.ts'
import type { Dns } from '../../world/dns.ts'
import { compactTag, parseTags } from '../tags.ts'
import type { Sighting } from './rotation.ts'

/** Asks one server, and no cache. */
export type AskServer = (address: string) => Dns

export interface Looker {
  readonly dns: Dns
  readonly at: AskServer
  /** In a lab name servers have private addresses; elsewhere nobody's DNS sends us there. */
  readonly privateServers: boolean
}

const MAX_SERVERS = 8
const MAX_LABELS = 127

/** What DNS shows at `name`, whose TXT record should be `record`; of a revoked key, whether any is there still. */
export async function sightingOf(looker: Looker, name: string, record: string): Promise<Sighting> {
  const servers = await serversOf(looker, name)
  const answers = await Promise.all(servers.map((address) => ask(looker.at(address), name, record)))
  if (answers.includes('absent')) return 'absent'
  if (answers.includes('shown')) return 'shown'
  return ask(looker.dns, name, record)
}

/** The addresses of the name servers of the zone that the name is in. */
async function serversOf({ dns, privateServers }: Looker, name: string): Promise<string[]> {
  const labels = name.split('.').slice(-MAX_LABELS)
  for (let i = 0; i < labels.length - 1; i++) {
    const answer = await dns.resolve(labels.slice(i).join('.'), 'NS')
    if (answer.status === 'no-answer') return []
    if (answer.status !== 'records') continue
    const hosts = answer.records.slice(0, MAX_SERVERS)
    const found = await Promise.all(
      hosts.flatMap((host) => [dns.resolve(host, 'A'), dns.resolve(host, 'AAAA')] as const),
    )
    const addresses = found.flatMap((one) => (one.status === 'records' ? one.records.slice(0, 2) : []))
    return [...new Set(addresses)].filter((one) => privateServers || !isPrivateIp(one)).slice(0, 2 * MAX_SERVERS)
  }
  return []
}

async function ask(dns: Dns, name: string, record: string): Promise<Sighting> {
  const answer = await dns.resolve(name, 'TXT')
  if (answer.status === 'no-answer') return 'unknown'
  if (answer.status !== 'records') return 'absent'
  // Several records: every verifier takes another one (RFC 6376 §3.6.2.2).
  const [text, ...others] = answer.records
  const [found, wanted] = [keyIn(text!), keyIn(record)]
  if (wanted === undefined) return found === undefined ? 'absent' : 'shown'
  return others.length === 0 && found === wanted ? 'shown' : 'absent'
}

/** Written in whatever way, it is the key that counts; undefined: there is none, or nobody could use it. */
function keyIn(text: string): string | undefined {
  const tags = parseTags(text)
  const key = tags && compactTag(tags, 'p')
  return tags === undefined || !key ? undefined : `${compactTag(tags, 'k') ?? 'rsa'} ${key}`
}
