// A drawing with everything that it needs to be run, for who has written only the flow: domains, addresses of hosts and
// people, what is forwarded to whom. What is written stays; what a laboratory does not have (certificates, directories,
// other databases) is left out. Every assumption is told.

import type { Actor, Attribute, AttributeEntry, Block, Flow, Span, SystemModel } from '../../notation/model.ts'
import { Sayings } from '../../notation/said.ts'
import { KEYS } from '../../system/keys.ts'
import { rolesIn } from '../../system/roles.ts'
import { forward, group } from '../../system/values.ts'

export interface Completed {
  readonly model: SystemModel
  readonly assumed: readonly string[]
}

/** What depends on other machines, or on a real one. */
const OUTSIDE = new Set(
  Object.keys(KEYS.agent).filter((key) =>
    /^(certificate|acme|ldap|store$|bodies$|cache$|encrypt$|clamav|milter|dns-list|web$|listen$|proxy|oidc)/.test(key),
  ),
)

/** A domain by the first role of who has none: so that a bare flow reads well. */
const NAMES: Readonly<Record<string, string>> = {
  MSA: 'sender',
  Transmitter: 'carrier',
  Forwarder: 'old',
  'Mailing List': 'lists',
  'Open Relay': 'relay',
  'Bulk Sender': 'bulk',
  Filter: 'filter',
  Gateway: 'gateway',
  'Backup MX': 'backup',
  MDA: 'recipient',
  Receiver: 'border',
}

const NOWHERE: Span = { start: 0, end: 0, line: 1, column: 1 }
const MAX_AGENTS = 200

/** `loopback`: hosts have addresses of this computer, whatever is written. */
export function completed(written: SystemModel, options: { readonly loopback?: boolean } = {}): Completed {
  const model = structuredClone(written)
  const assumed: string[] = []
  const say = (actor: Actor, key: string, value: string) => {
    const entries: AttributeEntry[] = [{ key, value, keySpan: NOWHERE, valueSpan: NOWHERE }]
    const line: Attribute = {
      kind: 'actor',
      target: actor.id,
      targetSpan: NOWHERE,
      entries,
      refs: [actor.id],
      span: NOWHERE,
    }
    model.attributes.push(line)
    sayings.add(line)
    assumed.push(`${actor.id}: ${key}=${/[\s,]/.test(value) ? `"${value}"` : value}`)
  }
  for (const line of model.attributes) {
    const left = line.entries.filter(({ key }) => OUTSIDE.has(key))
    for (const { key, value } of left)
      assumed.push(`${line.target}: without ${key}=${value}, which a lab does not have`)
    line.entries = line.entries.filter(({ key }) => !OUTSIDE.has(key))
  }
  const sayings = new Sayings(model)
  const values = (actor: Actor, key: string) => sayings.values(actor, key)
  const actorOf = new Map(model.actors.map((actor) => [actor.id, actor]))
  const agents = model.actors.filter(({ kind }) => kind === 'agent').slice(0, MAX_AGENTS)
  receive(model, actorOf, values, assumed)

  const taken = new Set(agents.flatMap((agent) => [...values(agent, 'domain'), ...values(agent, 'ip')]))
  for (const [n, agent] of agents.entries()) {
    if (values(agent, 'domain').length === 0) {
      const role = Object.keys(NAMES).find((one) => agent.roles.includes(one))
      const stem = agent.at?.toLowerCase().replace(/[^a-z0-9-]/g, '-') ?? NAMES[role ?? ''] ?? 'agent'
      const domain = fresh(taken, (i) => `${stem}${i === 1 ? '' : i}.test`)
      say(agent, 'domain', domain)
    }
    const [ip] = values(agent, 'ip')
    if (ip === undefined || (options.loopback && !ip.startsWith('127.')))
      say(
        agent,
        'ip',
        fresh(taken, (i) => `127.0.${10 + ((n + i) % 200)}.${1 + Math.floor((n + i) / 200)}`),
      )
  }
  const domainOf = (agent: Actor) => values(agent, 'domain').at(-1)!

  for (const flow of model.flows)
    for (const [i, block] of flow.blocks.entries()) {
      const person = actorOf.get(block.actor)!
      if (person.kind !== 'user') continue
      const isAuthor = block.roles.includes('Author')
      const neighbour = flow.blocks[isAuthor ? i + 1 : i - 1]
      const agent = neighbour && actorOf.get(neighbour.actor)
      if (agent?.kind !== 'agent') continue
      const stem = (person.at ?? person.roles[0]!).toLowerCase().replace(/[^a-z0-9-]/g, '-')
      if (values(person, 'address').length === 0)
        say(
          person,
          'address',
          fresh(taken, (n) => `${stem}${n === 1 ? '' : n}@${domainOf(agent)}`),
        )
      const isKnown = values(person, 'password').length + values(person, 'ip').length > 0
      const needsNone = values(agent, 'network').length > 0 || values(agent, 'password').includes('no')
      if (isAuthor && !isKnown && !needsNone) say(person, 'password', 'demo')
    }
  for (const flow of model.flows) passOn(flow, model, actorOf, values, say)
  return { model, assumed }
}

/** An MDA to which mail comes from across the Border, or from a Forwarder, is its Receiver as well. */
function receive(
  model: SystemModel,
  actorOf: ReadonlyMap<string, Actor>,
  values: (actor: Actor, key: string) => string[],
  assumed: string[],
): void {
  const blockOf = new Map(model.blocks.map((block) => [block.id, block]))
  for (const hop of model.hops) {
    const to = blockOf.get(hop.to ?? '')
    const from = blockOf.get(hop.from ?? '')
    if (to === undefined || !to.roles.includes('MDA')) continue
    const actor = actorOf.get(to.actor)!
    if (values(actor, 'lmtp').length > 0 || actor.roles.includes('Receiver')) continue
    const isHandedOver = from !== undefined && !hop.border && rolesIn(model, from).includes('Receiver')
    if (isHandedOver && !rolesIn(model, from).includes('Forwarder')) continue
    to.roles.push('Receiver')
    to.roleSpans.push(to.span)
    actor.roles.push('Receiver')
    assumed.push(`${actor.id} plays Receiver, too: somebody must take what comes to it`)
  }
}

/** Forwards and lists that the flow draws and no line tells. */
function passOn(
  flow: Flow,
  model: SystemModel,
  actorOf: ReadonlyMap<string, Actor>,
  values: (actor: Actor, key: string) => string[],
  say: (actor: Actor, key: string, value: string) => void,
): void {
  const last = flow.blocks.at(-1)
  const person = last && actorOf.get(last.actor)
  let address = person?.kind === 'user' ? values(person, 'address').at(-1) : undefined
  for (const block of flow.blocks.toReversed()) {
    if (address === undefined) return
    const next = addressBefore(model, block, actorOf.get(block.actor)!, values, address)
    if (next === undefined) continue
    if (next.missing !== undefined) say(actorOf.get(block.actor)!, next.missing.key, next.missing.value)
    address = next.address
  }
}

/** The address at this Forwarder or list that leads to `address`; undefined: it passes nothing on. */
function addressBefore(
  model: SystemModel,
  block: Block,
  actor: Actor,
  values: (actor: Actor, key: string) => string[],
  address: string,
): { address: string; missing?: { key: 'forward' | 'list'; value: string } } | undefined {
  if (!rolesIn(model, block).includes('Forwarder')) return undefined
  const domain = values(actor, 'domain').at(-1)
  if (domain === undefined || address.endsWith(`@${domain}`)) return undefined
  const isSame = (one: string) => one.toLowerCase() === address.toLowerCase()
  if (block.roles.includes('Mailing List')) {
    const lists = values(actor, 'list')
      .map(group)
      .flatMap((one) => (one.ok ? [one.value] : []))
    const known = lists.find(({ members }) => members.some(isSame)) ?? lists[0]
    if (known !== undefined) return { address: known.address }
    return { address: `list@${domain}`, missing: { key: 'list', value: `list@${domain}: ${address}` } }
  }
  const forwards = values(actor, 'forward')
    .map(forward)
    .flatMap((one) => (one.ok ? [one.value] : []))
  const known = forwards.find(({ to }) => isSame(to))
  if (known !== undefined) return { address: known.from }
  const from = `${address.slice(0, address.lastIndexOf('@'))}@${domain}`
  return { address: from, missing: { key: 'forward', value: `${from} -> ${address}` } }
}

function fresh(taken: Set<string>, nth: (n: number) => string): string {
  for (let n = 1; ; n++) {
    const name = nth(n)
    if (taken.has(name)) continue
    taken.add(name)
    return name
  }
}
