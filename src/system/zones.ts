// A DNS of our own for a lab: one authoritative server that knows the agents' domains and nothing else. It serves the
// root, so that every other name gets an honest "does not exist" and nothing leaves this computer.

import type { Zone, ZoneRecord } from '../protocols/dns/zone.ts'
import type { TlsaRecord } from '../world/dns.ts'
import type { RunningAgent } from './agent.ts'
import { type PublishedRecord, recordsOf } from './records.ts'

const TTL_S = 60

/** The root zone of a system that is alone in its world. */
export function labZone(agents: readonly RunningAgent[]): Zone {
  const publishers = agents.map(({ plan, secrets, agent }) => ({
    plan,
    dkim: secrets.keys,
    certificatePem: agent.secrets.tls.certificatePem,
  }))
  const records = recordsOf(publishers).map(zoneRecord)
  return { origin: '', records }
}

function zoneRecord({ name, type, value }: PublishedRecord): ZoneRecord {
  if (type === 'TLSA') return { name, type, ttlS: TTL_S, data: tlsaOf(value) }
  if (type === 'SRV') {
    const [priority, weight, port, target] = value.split(' ')
    return {
      name,
      type,
      ttlS: TTL_S,
      data: { priority: Number(priority), weight: Number(weight), port: Number(port), target: nameOf(target!) },
    }
  }
  if (type !== 'MX') return { name, type, ttlS: TTL_S, data: value }
  const [preference, exchange] = value.split(' ')
  return { name, type, ttlS: TTL_S, data: { preference: Number(preference), exchange: nameOf(exchange!) } }
}

function tlsaOf(value: string): TlsaRecord {
  const [usage, selector, matchingType, hex] = value.split(' ')
  const certificate = Buffer.from(hex!, 'hex')
  return { usage: Number(usage), selector: Number(selector), matchingType: Number(matchingType), certificate }
}
/** The root stands for "nowhere". */
const nameOf = (name: string) => (name === '.' ? '' : name)
