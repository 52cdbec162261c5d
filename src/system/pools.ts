// The pools of a description: addresses that mail leaves from, which of them warm up, and whether every pool that is named
// somewhere is there.

import type { Attribute, AttributeEntry, Span, SystemModel } from '../notation/model.ts'
import { suggest } from '../notation/suggest.ts'
import type { Pool } from '../roles/transmitter/pools.ts'
import type { ValuesOf } from './keys.ts'
import type { AgentPlan, Complain } from './plan.ts'

/** More would make an SPF record longer than DNS likes to carry. */
const MOST_ADDRESSES = 30

/** The pools of one agent, without a look at whether they fit it. */
export function poolsOf(
  of: ValuesOf,
  own: { readonly ip: string; readonly listen: string; readonly hostName: string },
): Pool[] {
  const warming = of('warm-up')
  return of('pool').map(({ name, addresses }) => ({
    name,
    addresses: addresses.map(({ ip, host, local }, i) => ({
      ip,
      local: local ?? (ip === own.ip ? own.listen : ip),
      hostName: host ?? (ip === own.ip ? own.hostName : `${name}${i + 1}.${own.hostName}`),
      warmUp: warming.findLast((one) => one.ip === ip)?.warmUp,
    })),
  }))
}

/** Says what is wrong with pools, and with who names one. */
export function checkPools(model: SystemModel, agents: readonly AgentPlan[], complain: Complain): void {
  // In a large system few lines speak of pools, if any.
  const concerned = model.attributes.filter(({ entries }) => entries.some(speaksOfPools))
  if (concerned.length === 0) return
  const lines = (id: string) => concerned.filter((line) => isAbout(model, line, id))
  for (const agent of agents) {
    const { pools, contracts } = agent.settings.transmitter
    const entries = lines(agent.id).flatMap((line) => line.entries)
    for (const [i, entry] of entriesNamed(entries, 'pool').entries()) checkPool(agent, agents, i, entry, complain)
    const addresses = pools.flatMap((pool) => pool.addresses.map(({ ip }) => ip))
    for (const { value, valueSpan } of entriesNamed(entries, 'warm-up')) {
      const ip = value.trim().split(/\s+/)[0]!
      if (!addresses.includes(ip))
        complain(
          valueSpan,
          'S18',
          `${ip} warms up, and is in no pool of ${agent.id}`,
          'Add it to a pool= of that agent.',
        )
    }
    for (const { value, valueSpan } of entriesNamed(entries, 'route')) {
      const named = /\bpool=(\S+)/.exec(value)?.[1]
      if (named !== undefined) checkNamed(named, agent, valueSpan, complain)
    }
    for (const { name, pool } of contracts) {
      const line = model.attributes.find(
        ({ kind, target }) => kind === 'contract' && target.trim().toLowerCase().replace(/\s+/g, '-') === name,
      )
      const entry = line && entriesNamed(line.entries, 'pool').at(-1)
      if (pool !== undefined && entry !== undefined) checkNamed(pool, agent, entry.valueSpan, complain)
    }
    for (const { address, pool } of agent.settings.transmitter.authorPools) {
      const person = agent.people.find((one) => one.address === address)
      const entry =
        person &&
        entriesNamed(
          lines(person.id).flatMap((line) => line.entries),
          'pool',
        ).at(-1)
      if (entry !== undefined) checkNamed(pool, agent, entry.valueSpan, complain)
    }
  }
}

function checkPool(
  agent: AgentPlan,
  agents: readonly AgentPlan[],
  place: number,
  { valueSpan }: AttributeEntry,
  complain: Complain,
): void {
  const { pools, via } = agent.settings.transmitter
  const pool = pools[place]
  if (pool === undefined) return
  if (!agent.roles.has('Transmitter') || via !== undefined)
    complain(
      valueSpan,
      'S18',
      `${agent.id} has a pool of addresses, and no mail leaves from it`,
      via === undefined
        ? 'Write Transmitter, or take pool= out.'
        : `Give the pool to ${via.id}: all mail leaves from there.`,
    )
  if (pools.findIndex(({ name }) => name === pool.name) !== place)
    complain(
      valueSpan,
      'S18',
      `there are two pools called ${pool.name}`,
      'Write all addresses in one, or give it another name.',
    )
  const before = [...pools.slice(0, place)].flatMap(({ addresses }) => addresses.map(({ ip }) => ip))
  for (const [i, { ip }] of pool.addresses.entries()) {
    const owner = agents.find((other) => other !== agent && other.ip === ip)
    if (owner !== undefined)
      complain(valueSpan, 'S18', `${ip} is the address of ${owner.id}`, 'Give the pool addresses of its own.')
    if (before.includes(ip) || pool.addresses.findIndex((one) => one.ip === ip) !== i)
      complain(valueSpan, 'S18', `${ip} stands twice in the pools of ${agent.id}`, 'An address belongs to one pool.')
  }
  if (before.length + pool.addresses.length > MOST_ADDRESSES)
    complain(
      valueSpan,
      'S18',
      `the pools of ${agent.id} have more than ${MOST_ADDRESSES} addresses`,
      'Share them among several Transmitters.',
      'The SPF record names each of them.',
    )
}

function checkNamed(name: string, { id, settings }: AgentPlan, span: Span, complain: Complain): void {
  const names = settings.transmitter.pools.map((pool) => pool.name)
  if (names.includes(name)) return
  const meant = suggest(name, names)
  const remedy =
    names.length === 0
      ? `Add pool="${name}: 192.0.2.10" to ${id}, with its addresses.`
      : meant === undefined
        ? `Its pools: ${names.join(', ')}.`
        : `Did you mean ${meant}?`
  complain(span, 'S18', `${id} has no pool called ${name}`, remedy)
}

const speaksOfPools = ({ key, value }: AttributeEntry) =>
  key === 'pool' || key === 'warm-up' || (key === 'route' && value.includes('pool='))

const entriesNamed = (entries: readonly AttributeEntry[], name: string) => entries.filter(({ key }) => key === name)

function isAbout(model: SystemModel, line: Attribute, id: string): boolean {
  const actor = model.actors.find((one) => one.id === id)
  return line.refs.includes(id) || line.refs.some((ref) => actor?.blocks.includes(ref) ?? false)
}
