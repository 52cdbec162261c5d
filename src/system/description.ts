// From the notation to a system that can run: which agents there are, what roles they play, who the people are, and the
// settings of each, with a working default for everything that is not written. What cannot be run is a finding with its
// place and remedy. What may be said of them stands in keys.ts.

import { domainOf } from '../identity/domain.ts'
import { parseDomain } from '../message/address.ts'
import { isPrivateIp } from '../message/ip.ts'
import type { Actor, Finding, Span, SystemModel } from '../notation/model.ts'
import { Sayings } from '../notation/said.ts'
import { suggest } from '../notation/suggest.ts'
import { planAgent, retentionOf } from './agent-plan.ts'
import { withContracts } from './contracts.ts'
import { KEYS, type Keys, type ValueOf } from './keys.ts'
import type { AgentPlan, PersonPlan, SystemPlan } from './plan.ts'
import { checkPools } from './pools.ts'
import { agentsAtTheBorder, joined } from './relations.ts'
import type { Reader } from './values.ts'

/** A text that names domains and addresses is meant to run; another only shows how something is. */
export function isMeantToRun(model: SystemModel): boolean {
  return model.attributes.some(({ entries }) => entries.some(({ key }) => key === 'domain' || key === 'address'))
}

/** Reads what a description says of its actors. Findings of level error mean: it cannot be run. */
export function planSystem(model: SystemModel): { plan: SystemPlan; findings: Finding[] } {
  const findings: Finding[] = []
  const complain = (span: Span, code: string, message: string, remedy: string, reason?: string) =>
    findings.push({ code, severity: 'error', message, reason, span, fixes: [{ label: remedy, edits: [] }] })

  const sayings = new Sayings(model)
  const blocksOf = groupBy(model.blocks, ({ actor }) => actor)
  const atTheBorder = agentsAtTheBorder(model)
  const agents: AgentPlan[] = []
  const people: { plan: PersonPlan; actor: Actor; span: Span; trustSpans: Map<string, Span> }[] = []
  /** What an MDA says for all whose mailboxes it has. */
  const trustsOf = new Map<string, Map<string, Span>>()

  for (const actor of model.actors) {
    const kind = actor.kind === 'agent' ? 'agent' : 'person'
    const entries = sayings.entries(actor)
    const byKey = groupBy(entries, ({ key }) => key)
    const blocks = blocksOf.get(actor.id)!
    for (const entry of entries) {
      if (Object.hasOwn(KEYS[kind], entry.key)) {
        const read = (KEYS[kind] as Record<string, Reader<unknown>>)[entry.key]!(entry.value)
        if (!read.ok)
          complain(
            entry.valueSpan,
            'S02',
            `"${entry.value}" is not a value for ${entry.key}`,
            `Write ${read.expected}.`,
          )
      } else {
        const meant = suggest(entry.key, Object.keys(KEYS[kind]))
        complain(
          entry.keySpan,
          'S01',
          `${kind === 'agent' ? 'an agent' : 'a person'} has no attribute "${entry.key}"`,
          meant === undefined ? `Known: ${Object.keys(KEYS[kind]).join(', ')}.` : `Did you mean ${meant}?`,
        )
      }
    }
    const all = <K extends string, R>(key: K, reader: R): ValueOf<R>[] =>
      (byKey.get(key) ?? [])
        .map((entry) => (reader as Reader<ValueOf<R>>)(entry.value))
        .flatMap((read) => (read.ok ? [read.value] : []))
    const { span } = blocks[0]!
    const trustSpans = new Map(entries.filter((e) => e.key === 'trusts').map((e) => [e.value, e.valueSpan]))
    if (kind === 'agent') {
      trustsOf.set(actor.id, trustSpans)
      const of = <K extends keyof Keys['agent'] & string>(key: K) => all(key, KEYS.agent[key])
      const plan = planAgent(actor, blocks, model, of, complain)
      if (plan !== undefined) agents.push({ ...plan, isAtTheBorder: atTheBorder.has(actor.id) })
    } else {
      const of = <K extends keyof Keys['person'] & string>(key: K) => all(key, KEYS.person[key])
      const address = of('address').at(-1)
      if (address === undefined) {
        complain(
          span,
          'S03',
          `${actor.id} has no address`,
          `Add a line "${actor.id}: address=${actor.id}@example.org".`,
        )
        continue
      }
      const plan: PersonPlan = {
        id: actor.id,
        address,
        displayName: of('name').at(-1) ?? address.slice(0, address.indexOf('@')),
        password: of('password').at(-1),
        retention: retentionOf(of('retention')),
        quota: { bytes: of('quota').at(-1) ?? null, messages: of('quota-messages').at(-1) ?? null },
        roles: actor.roles.filter((role) => role === 'Author' || role === 'Recipient'),
        aliases: of('alias'),
        trusts: of('trusts'),
        stations: of('ip'),
        certificates: of('certificate'),
        outgoing: of('outgoing').at(-1),
        bulk: of('bulk').at(-1) ?? false,
        pool: of('pool').at(-1),
        sendAs: of('may-send-as'),
      }
      people.push({ plan, actor, span, trustSpans })
    }
  }

  const peopleOf = groupBy(people, ({ plan }) => domainOf(plan.address))
  const agentOf = new Map(agents.map((agent) => [agent.id, agent]))
  const domains = new Set(agents.map(({ domain }) => domain))
  const domainsOf = (names: readonly string[], spans: ReadonlyMap<string, Span>) =>
    names.flatMap((name) => {
      const domain = agentOf.get(name)?.domain ?? parseDomain(name)
      if (domain?.includes('.')) return [domain]
      complain(
        spans.get(name)!,
        'S05',
        `"${name}" is neither an agent here nor a domain`,
        'Write the @id of a Forwarder, or its domain.',
      )
      return []
    })
  const withPeople = agents.map((agent) => {
    const spans = trustsOf.get(agent.id)!
    const forAll = domainsOf([...spans.keys()], spans)
    const isTheirs = agent.roles.has('MSA') || agent.roles.has('MDA') || agent.roles.has('Forwarder')
    const own = isTheirs ? (peopleOf.get(agent.domain) ?? []) : []
    const stations = own.flatMap(({ plan }) => plan.stations.map((place) => ({ place, author: plan.address })))
    const sendAs = own.flatMap(({ plan }) => plan.sendAs.map((as) => ({ author: plan.address, as })))
    const certificates = own.flatMap(({ plan }) => plan.certificates.map((key) => ({ key, address: plan.address })))
    if (!isPrivateIp(agent.ip))
      for (const { plan, span } of own)
        if (plan.password !== undefined)
          complain(
            span,
            'S07',
            `the password of ${plan.id} stands in the description of an agent on the open Internet`,
            'Take it out and set it with: borderpost password ADDRESS.',
            'A description is shown, shared and drawn; a secret does not belong into it.',
          )
    return {
      ...agent,
      settings: {
        ...agent.settings,
        retention: {
          ...agent.settings.retention,
          people: own.map(({ plan: { address, retention } }) => ({
            address,
            rules: retention.rules,
            keeps: retention.keeps || agent.settings.retention.keepsAll,
          })),
        },
        certificates,
        outgoing: {
          ...agent.settings.outgoing,
          people: own.flatMap(({ plan: { address, bulk, outgoing } }) =>
            bulk || outgoing !== undefined
              ? [{ address, bulk, limits: outgoing && { ...outgoing, generosity: 1 } }]
              : [],
          ),
        },
        msa: { ...agent.settings.msa, stations, sendAs },
        transmitter: {
          ...agent.settings.transmitter,
          authorPools: own.flatMap(({ plan: { address, pool } }) => (pool === undefined ? [] : [{ address, pool }])),
        },
      },
      people: own.map(({ plan, trustSpans }) => ({
        ...plan,
        trusts: [...new Set([...forAll, ...domainsOf(plan.trusts, trustSpans)])],
      })),
    }
  })
  for (const { plan, span } of people)
    if (!domains.has(domainOf(plan.address)))
      complain(
        span,
        'S04',
        `no agent here has the domain of ${plan.address}`,
        `Give an agent domain=${domainOf(plan.address)}, or change the address.`,
      )
  const complainOf = (id: string, code: string, message: string, remedy: string, reason?: string) =>
    complain(blocksOf.get(id)![0]!.span, code, message, remedy, reason)
  const agentsJoined = joined(model, withPeople, complainOf)
  const withTheirs = withContracts(model, agentsJoined, complain)
  checkPools(model, withTheirs, complain)
  return { plan: { model, agents: withTheirs }, findings }
}

function groupBy<T>(list: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of list) {
    const key = keyOf(one)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}
