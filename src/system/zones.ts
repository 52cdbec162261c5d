// A DNS of our own for a lab: one authoritative server that knows the agents' domains and nothing else. It serves the
// root, so that every other name gets an honest "does not exist" and nothing leaves this computer.

import type { Zone, ZoneRecord } from '../protocols/dns/zone.ts'
import type { TlsaRecord } from '../world/dns.ts'
import type { RunningAgent } from './agent.ts'
import type { AgentPlan } from './plan.ts'
import { type PublishedRecord, recordsOf } from './records.ts'

const TTL_S = 60

/** The root zone of a system that is alone in its world. `ttlS`: how long its answers may be remembered. */
export function labZone(agents: readonly RunningAgent[], ttlS = TTL_S): Zone {
  const publishers = agents.map(({ plan, secrets, agent }) => ({
    plan,
    dkim: secrets.keys,
    certificatePem: agent.secrets.tls.certificatePem,
  }))
  const records = recordsOf(publishers).map((record) => zoneRecord(record, ttlS))
  return { origin: '', records }
}

function zoneRecord({ name, type, value }: PublishedRecord, ttlS: number): ZoneRecord {
  if (type === 'TLSA') return { name, type, ttlS, data: tlsaOf(value) }
  if (type === 'CAA') {
    const [, flags, tag, issuer] = /^(\d+) (\w+) "(.*)"$/.exec(value)!
    return { name, type, ttlS, data: { isCritical: Number(flags) >= 128, tag: tag!, value: issuer! } }
  }
  if (type === 'SRV') {
    const [priority, weight, port, target] = value.split(' ')
    return {
      name,
      type,
      ttlS,
      data: { priority: Number(priority), weight: Number(weight), port: Number(port), target: nameOf(target!) },
    }
  }
  if (type !== 'MX') return { name, type, ttlS, data: value }
  const [preference, exchange] = value.split(' ')
  return { name, type, ttlS, data: { preference: Number(preference), exchange: nameOf(exchange!) } }
}

function tlsaOf(value: string): TlsaRecord {
  const [usage, selector, matchingType, hex] = value.split(' ')
  const certificate = Buffer.from(hex!, 'hex')
  return { usage: Number(usage), selector: Number(selector), matchingType: Number(matchingType), certificate }
}

/** Groups of agents of which none says anything in DNS about a domain of another group: each is published for itself. */
export function publishedTogether(plans: readonly AgentPlan[]): AgentPlan[][] {
  const leaders = new Map<string, string>()
  const leaderOf = (word: string): string => {
    const next = leaders.get(word) ?? word
    if (next === word) return word
    const leader = leaderOf(next)
    leaders.set(word, leader)
    return leader
  }
  for (const plan of plans) {
    const { transmitter, receiver } = plan.settings
    const others = [
      ...plan.signsFor.map(({ domain }) => domain),
      ...receiver.homes.map(({ domain }) => domain),
      ...transmitter.contracts.flatMap(({ domains }) => domains),
      ...plan.parked,
    ]
    for (const domain of others) leaders.set(leaderOf(domain), leaderOf(plan.domain))
  }
  return [...Map.groupBy(plans, ({ domain }) => leaderOf(domain)).values()]
}

/** The root stands for "nowhere". */
const nameOf = (name: string) => (name === '.' ? '' : name)
