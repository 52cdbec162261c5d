// `borderpost dns`: what DNS must say of the agents of a description, as lines of a zone file, each with its reason; with
// --check whether it does. A Transmitter proves its identity out of band, and this is the band.

import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ownTlsa, tlsaText } from '../../identity/dane/tlsa.ts'
import { Resolver } from '../../protocols/dns/resolver.ts'
import { caaText } from '../../protocols/dns/zone-text.ts'
import type { AgentPlan, SystemPlan } from '../../system/plan.ts'
import { type PublishedRecord, type Publisher, recordsOf } from '../../system/records.ts'
import { secretsOf } from '../../system/secrets.ts'
import type { CaaRecord, Dns, MxRecord, SrvRecord, TlsaRecord } from '../../world/dns.ts'
import { RealNetwork } from '../../world/real/network.ts'
import { systemDns } from '../../world/real/resolv-conf.ts'
import { realClock, realRandom, realWorld } from '../../world/real/world.ts'
import { serverAt } from '../dns-servers.ts'
import { EXIT, planOf } from '../read-description.ts'
import { type Judged, judgeHost, judgeSpf } from './dns-host.ts'

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
  const records = recordsOf(await publishersOf(plan, options.folder))
  const print = (text: string) => process.stdout.write(text)
  if (!options.check) {
    print(options.json ? `${JSON.stringify(records, null, 2)}\n` : zoneText(records))
    return EXIT.ok
  }
  const resolver = new Resolver({ network: new RealNetwork(), clock: realClock, random: realRandom, ...servers })
  const checked = await Promise.all(records.map((record) => look(record, resolver)))
  const domains = [...new Set(plan.agents.filter(({ spf }) => spf).map(({ domain }) => domain))]
  const judged = [
    ...(await Promise.all(plan.agents.map((agent) => judgeHost(agent, resolver, new RealNetwork())))).flat(),
    ...(await judgeSpf(domains, resolver)),
  ]
  if (options.json) print(`${JSON.stringify([...checked, ...judged], null, 2)}\n`)
  else print([...checked.map(sentence), ...judged.map(judgement)].join(''))
  if (checked.some(({ state }) => state === 'no answer')) return EXIT.unreachable
  const isRight = checked.every(({ state }) => state === 'right') && judged.every((one) => one.isRight)
  return isRight ? EXIT.ok : EXIT.findings
}

/** What its doors show: the files, or what has the agent's own key. */
async function certificateOf({ id, certificate, dane }: AgentPlan, own: string): Promise<string | undefined> {
  if (!dane || certificate?.kind !== 'files') return own
  try {
    const pem = await readFile(certificate.chain, 'utf8')
    if (ownTlsa(pem) !== undefined) return pem
    throw new Error('it is no certificate')
  } catch (error) {
    console.error(
      `The TLSA record of ${id} is left out: ${certificate.chain} cannot be read (${(error as Error).message}).`,
    )
    return undefined
  }
}

/** The agents with their keys, which are made when missing. */
export async function publishersOf({ agents }: SystemPlan, folder: string): Promise<Publisher[]> {
  const publishers: Publisher[] = []
  for (const agent of agents) {
    const none = { resolve: async () => ({ status: 'no-answer' as const, reason: 'nothing is asked here' }) }
    const world = realWorld({ folder: join(resolve(folder), agent.id), dns: () => none })
    const secrets = await secretsOf(world, agent)
    const certificatePem = await certificateOf(agent, secrets.tls.certificatePem)
    publishers.push({ plan: agent, dkim: secrets.keys, ...(certificatePem !== undefined && { certificatePem }) })
  }
  return publishers
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
    case 'SRV':
      return value.endsWith('.') ? value : `${value}.`
    default:
      return value
  }
}

/** Asks DNS for one record. */
export async function look(record: PublishedRecord, asked: Dns): Promise<Checked> {
  // What stands for every name is asked for by one of them.
  const answer = await asked.resolve(record.name.replace(/^\*(?=\.)/, 'any'), record.type)
  if (answer.status === 'no-answer') return { ...record, state: 'no answer', seen: [answer.reason] }
  const found = answer.status === 'records' ? answer.records.map(textOf) : []
  const seen = found.filter((text) => isRival(record, text))
  // A second SPF or DMARC record makes both void (RFC 7208 §4.5, RFC 9989 §4.10).
  const isRight = seen.some((text) => isSame(record, text)) && (record.type !== 'TXT' || seen.length === 1)
  return { ...record, state: isRight ? 'right' : seen.length === 0 ? 'missing' : 'different', seen }
}

function textOf(data: string | CaaRecord | MxRecord | SrvRecord | TlsaRecord): string {
  if (typeof data === 'string') return data
  if ('tag' in data) return caaText(data)
  if ('exchange' in data) return `${data.preference} ${data.exchange || '.'}`
  return 'target' in data ? `${data.priority} ${data.weight} ${data.port} ${data.target || '.'}` : tlsaText(data)
}

const isSame = ({ type, value, holds }: PublishedRecord, seen: string) =>
  (type === 'TXT' ? seen === value : seen.toLowerCase() === value.toLowerCase()) ||
  (holds !== undefined && seen.split(' ').includes(holds))

/** A TXT record of another purpose does not stand in the way of ours: its first word says it. */
function isRival({ type, value }: PublishedRecord, seen: string): boolean {
  const purpose = (text: string) => /^v=[^;\s]*/i.exec(text)?.[0].toLowerCase()
  return type !== 'TXT' || purpose(seen) === purpose(value)
}

const judgement = ({ about, isRight, text }: Judged) => `${isRight ? 'ok     ' : 'wrong  '} ${about}: ${text}\n`

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
