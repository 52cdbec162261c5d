// `borderpost dns`: what DNS must say of the agents of a description, as lines of a zone file, each with its reason; with
// --check whether it does. A Transmitter proves its identity out of band, and this is the band.

import { join, resolve } from 'node:path'
import { Resolver } from '../../protocols/dns/resolver.ts'
import { type PublishedRecord, type Publisher, recordsOf } from '../../system/records.ts'
import { secretsOf } from '../../system/secrets.ts'
import type { Dns, MxRecord } from '../../world/dns.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { systemDns } from '../../world/real/resolv-conf.ts'
import { realClock, realRandom, realWorld } from '../../world/real/world.ts'
import { serverAt } from '../dns-servers.ts'
import { EXIT, planOf } from '../read-description.ts'

/** A record, and what DNS says instead of it: `seen` are the values there. */
interface Checked extends PublishedRecord {
  readonly state: 'right' | 'missing' | 'different' | 'no answer'
  readonly seen: readonly string[]
}

const TXT_STRING = 255

export interface DnsOptions {
  readonly folder: string
  readonly check: boolean
  readonly dns?: string
  readonly json: boolean
}

/** The exit code: findings when something is not as it should be. */
export async function dns(file: string, options: DnsOptions): Promise<number> {
  const plan = planOf(file)
  if (typeof plan === 'number') return plan
  const servers = options.dns === undefined ? systemDns() : serverAt(options.dns)
  if (servers === undefined) {
    console.error(`--dns ${options.dns} is no address, or address and port.`)
    return EXIT.usage
  }
  const publishers: Publisher[] = []
  for (const agent of plan.agents) {
    const none = { resolve: async () => ({ status: 'no-answer' as const, reason: 'nothing is asked here' }) }
    const world = realWorld({ folder: join(resolve(options.folder), agent.id), dns: () => none })
    publishers.push({ plan: agent, dkim: (await secretsOf(world, agent)).keys })
  }
  const records = recordsOf(publishers)
  const print = (text: string) => process.stdout.write(text)
  if (!options.check) {
    print(options.json ? `${JSON.stringify(records, null, 2)}\n` : zoneText(records))
    return EXIT.ok
  }
  const resolver = new Resolver({ network: new RealNetwork(), clock: realClock, random: realRandom, ...servers })
  const checked = await Promise.all(records.map((record) => look(record, resolver)))
  print(options.json ? `${JSON.stringify(checked, null, 2)}\n` : checked.map(sentence).join(''))
  if (checked.some(({ state }) => state === 'no answer')) return EXIT.unreachable
  return checked.every(({ state }) => state === 'right') ? EXIT.ok : EXIT.findings
}

/** Lines for a zone file (RFC 1035 §5.1). */
export function zoneText(records: readonly PublishedRecord[]): string {
  return records
    .map(({ name, type, value, why }) => `; ${why}\n${name}. 300 IN ${type.padEnd(4)} ${zoneValue(type, value)}\n`)
    .join('')
}

function zoneValue(type: PublishedRecord['type'], value: string): string {
  switch (type) {
    case 'TXT':
      return (value.match(new RegExp(`.{1,${TXT_STRING}}`, 'gs')) ?? []).map((part) => JSON.stringify(part)).join(' ')
    case 'MX':
    case 'PTR':
      return `${value}.`
    default:
      return value
  }
}

/** Asks DNS for one record. */
export async function look(record: PublishedRecord, asked: Dns): Promise<Checked> {
  const answer = await asked.resolve(record.name, record.type)
  if (answer.status === 'no-answer') return { ...record, state: 'no answer', seen: [answer.reason] }
  const found = answer.status === 'records' ? answer.records.map(textOf) : []
  const seen = found.filter((text) => isRival(record, text))
  // A second SPF or DMARC record makes both void (RFC 7208 §4.5, RFC 9989 §4.10).
  const isRight = seen.some((text) => isSame(record, text)) && (record.type !== 'TXT' || seen.length === 1)
  return { ...record, state: isRight ? 'right' : seen.length === 0 ? 'missing' : 'different', seen }
}

const textOf = (data: string | MxRecord | object): string =>
  typeof data === 'string' ? data : 'exchange' in data ? `${data.preference} ${data.exchange}` : ''

const isSame = ({ type, value }: PublishedRecord, seen: string) =>
  type === 'TXT' ? seen === value : seen.toLowerCase() === value.toLowerCase()

/** A TXT record of another purpose does not stand in the way of ours: its first word says it. */
function isRival({ type, value }: PublishedRecord, seen: string): boolean {
  const purpose = (text: string) => /^v=[^;\s]*/i.exec(text)?.[0].toLowerCase()
  return type !== 'TXT' || purpose(seen) === purpose(value)
}

function sentence({ name, type, value, why, state, seen }: Checked): string {
  const head = `${state === 'right' ? 'ok     ' : state.padEnd(7)} ${type} ${name}: ${why}\n`
  switch (state) {
    case 'right':
      return head
    case 'missing':
      return `${head}        publish ${value}\n`
    case 'different':
      return `${head}        DNS says ${seen.join(' | ')}\n        it should be ${value}\n`
    case 'no answer':
      return `${head}        ${seen.join('')}: ask again later\n`
  }
}
