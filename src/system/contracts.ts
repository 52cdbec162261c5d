// The `contract` lines of a description: for whom a Transmitter carries mail beside its own Authors. A drawn relationship
// (`MSA@them ==> Transmitter@us`) is one, too; a line may say more of it (`with=them`), or stand for a company that is not in
// the drawing at all.

import { isWithin } from '../identity/domain.ts'
import type { Attribute, Span, SystemModel } from '../notation/model.ts'
import { suggest } from '../notation/suggest.ts'
import type { ContractTerms } from '../roles/agent.ts'
import { NO_TERMS } from '../roles/transmitter/contract-accounts.ts'
import { CONTRACT_KEYS } from './keys.ts'
import type { AgentPlan } from './plan.ts'
import * as values from './values.ts'

type Complain = (span: Span, code: string, message: string, remedy: string, reason?: string) => void
type Terms = Omit<ContractTerms, 'isDrawn'>

/** The agents with the contracts that they keep, and the keys of those they carry mail for. */
export function withContracts(model: SystemModel, agents: readonly AgentPlan[], complain: Complain): AgentPlan[] {
  const lines = contractLines(model, agents, complain)
  return agents.map((agent) => {
    const { settings, signsFor, id } = agent
    const contracts = contractsOf(id, settings.transmitter.carries, lines)
    const domains = new Set(contracts.flatMap((one) => one.domains))
    // Their own system may have keys, too: the selectors differ.
    const more = [...domains]
      .filter((domain) => !signsFor.some((one) => one.domain === domain))
      .map((domain) => ({ domain, suffix: `-${id.toLowerCase()}` }))
    return {
      ...agent,
      signsFor: [...signsFor, ...more],
      settings: { ...settings, transmitter: { ...settings.transmitter, contracts } },
    }
  })
}

/** A line, and whom it is about. */
interface ContractLine {
  /** The Transmitter's agent. */
  readonly by: string
  /** The drawn agent, if it is one. */
  readonly partner: string | undefined
  readonly terms: Terms
}

const NAME = /^[a-z0-9][a-z0-9_-]{0,40}$/

function contractLines(model: SystemModel, agents: readonly AgentPlan[], complain: Complain): ContractLine[] {
  const lines = model.attributes.filter(
    // A line that only names both sides is for people.
    ({ kind, entries }) => kind === 'contract' && entries.some(({ key }) => key !== 'member'),
  )
  const found: ContractLine[] = []
  for (const line of lines) {
    const read = readLine(line, agents, complain)
    if (read === undefined) continue
    if (found.some(({ terms }) => terms.name === read.terms.name))
      complain(line.targetSpan, 'S16', `there are two contracts called ${read.terms.name}`, 'Give each its own name.')
    else if (sharesDomain(read, found))
      complain(
        line.targetSpan,
        'S16',
        `${read.terms.name} and another contract name the same domain`,
        'Let one contract cover it: what proves a domain proves it for whoever has the contract.',
      )
    else found.push(read)
  }
  return found
}

function sharesDomain({ terms }: ContractLine, others: readonly ContractLine[]): boolean {
  const overlap = (a: string, b: string) => isWithin(a, b) || isWithin(b, a)
  return others.some((other) => other.terms.domains.some((one) => terms.domains.some((own) => overlap(one, own))))
}

function readLine(line: Attribute, agents: readonly AgentPlan[], complain: Complain): ContractLine | undefined {
  const entries = line.entries.filter(({ key }) => key !== 'member')
  for (const { key, keySpan, value, valueSpan } of entries) {
    const reader = Object.hasOwn(CONTRACT_KEYS, key)
      ? (CONTRACT_KEYS as Record<string, values.Reader<unknown>>)[key]!
      : undefined
    const meant = suggest(key, Object.keys(CONTRACT_KEYS))
    if (reader === undefined)
      complain(
        keySpan,
        'S01',
        `a contract has no attribute "${key}"`,
        meant === undefined ? `Known: ${Object.keys(CONTRACT_KEYS).join(', ')}.` : `Did you mean ${meant}?`,
      )
    else {
      const read = reader(value)
      if (!read.ok) complain(valueSpan, 'S02', `"${value}" is not a value for ${key}`, `Write ${read.expected}.`)
    }
  }
  const of = <T>(key: string, reader: values.Reader<T>): T[] =>
    entries
      .filter((entry) => entry.key === key)
      .map(({ value }) => reader(value))
      .flatMap((one) => (one.ok ? [one.value] : []))
  const name = line.target.trim().toLowerCase().replace(/\s+/g, '-')
  if (!NAME.test(name)) {
    complain(
      line.targetSpan,
      'S16',
      `"${line.target}" cannot be the name of a contract`,
      'Write letters, digits, - and _.',
    )
    return undefined
  }
  const carriers = agents.filter(({ roles }) => roles.has('Transmitter'))
  const wanted = of('by', values.text).at(-1)
  const by =
    wanted === undefined ? (carriers.length === 1 ? carriers[0] : undefined) : carriers.find(({ id }) => id === wanted)
  if (by === undefined) {
    const which = carriers.map(({ id }) => id).join(', ')
    complain(
      line.targetSpan,
      'S16',
      `it is not clear which Transmitter keeps the contract ${name}`,
      `Write by= and one of: ${which}.`,
    )
    return undefined
  }
  const partnerId = of('with', values.text).at(-1)
  const partner = agents.find(({ id }) => id === partnerId)
  if (partnerId !== undefined && partner === undefined)
    complain(
      line.targetSpan,
      'S16',
      `no agent here is called ${partnerId}`,
      'Write the @id of the agent whose mail is carried.',
    )
  const domains = of('domain', values.domain)
  const networks = of('network', values.network)
  const certificates = of('certificate', values.keyFingerprint)
  const hasPassword =
    of('password', values.yesNo).at(-1) ?? (networks.length + certificates.length === 0 && partner === undefined)
  if (domains.length === 0 && partner === undefined)
    complain(
      line.targetSpan,
      'S16',
      `the contract ${name} names no domain`,
      'Add domain=example.org: mail in its name is carried.',
    )
  const taken = domains.find((domain) => agents.some((agent) => agent.domain === domain && agent !== partner))
  if (taken !== undefined)
    complain(
      line.targetSpan,
      'S16',
      `${taken} is the domain of an agent here, and no contract may write as it`,
      'Draw the relationship (MSA ==> Transmitter), and write with= and the @id of that agent.',
    )
  const terms: Terms = {
    name,
    domains: domains.filter((domain) => domain !== taken),
    networks,
    certificates,
    hasPassword,
    messagesPerDay: of('messages-per-day', values.count).at(-1),
    messagesPerMinute: of('messages-per-minute', values.count).at(-1),
    recipients: of('recipients', values.count).at(-1),
    messageBytes: of('max-size', values.size).at(-1),
    queueMessages: of('queue-messages', values.count).at(-1),
    queueBytes: of('queue-size', values.size).at(-1),
    connections: of('connections', values.count).at(-1),
    pool: of('pool', values.poolName).at(-1),
  }
  return { by: by.id, partner: partner?.id, terms }
}

/** The contracts of a Transmitter: those that are drawn, and those that only have a line. */
function contractsOf(
  carrier: string,
  carries: readonly { readonly id: string; readonly ip: string; readonly domains: readonly string[] }[],
  lines: readonly ContractLine[],
): ContractTerms[] {
  const own = lines.filter(({ by }) => by === carrier)
  const drawn = carries.map(({ id, ip, domains }): ContractTerms => {
    const line = own.find(({ partner }) => partner === id)
    const network = values.network(ip)
    const networks = [...(network.ok ? [network.value] : []), ...(line?.terms.networks ?? [])]
    const more = line?.terms ?? NO_TERMS
    return {
      ...more,
      name: line?.terms.name ?? id.toLowerCase(),
      domains: [...domains, ...more.domains],
      networks,
      isDrawn: true,
    }
  })
  const alone = own.filter(({ partner }) => !carries.some(({ id }) => id === partner))
  return [...drawn, ...alone.map(({ terms }) => ({ ...terms, isDrawn: false }))]
}
