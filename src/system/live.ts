// What is going on, as the live page shows it: hops of messages along the arrows of the drawing, and queue lengths on the
// blocks. Read from each agent's tracking events; nothing here is on the way of a message.

import { draw } from '../notation/draw.ts'
import { layout, type Picture } from '../notation/layout.ts'
import type { Block, SystemModel } from '../notation/model.ts'
import type { AgentRole } from '../roles/agent.ts'
import { Unattended } from '../roles/unattended.ts'
import type { TrackEvent } from '../store/nouns/tracking.ts'
import { EVENTS } from '../store/nouns/watched.ts'
import type { RunningAgent } from './agent.ts'
import type { PersonPlan } from './plan.ts'
import type { RunningSystem } from './start.ts'

/** One step of a message, between two blocks of the drawing (the same block twice: it happened inside). */
export interface LiveHop {
  readonly atMs: number
  readonly agent: string
  readonly trace: string
  readonly messageId: string
  readonly from: string
  readonly to: string
  readonly role: TrackEvent['role']
  readonly kind: TrackEvent['kind']
  readonly reversePath: string
  readonly forwardPath: string
  readonly text: string
  readonly detail: Record<string, unknown>
}

type Listener = (hop: LiveHop, queues: Record<string, number>) => void

const KEPT = 500

export class Live {
  readonly #system: RunningSystem
  readonly #listeners = new Set<Listener>()
  readonly #recent: LiveHop[] = []
  readonly #seen = new Map<string, number>()
  readonly #unwatch: (() => void)[] = []

  constructor(system: RunningSystem) {
    this.#system = system
    for (const agent of system.agents) {
      this.#seen.set(agent.plan.id, agent.agent.store.lastEventId())
      const { store, world, log } = agent.agent
      const looking = new Unattended(
        world.clock,
        () => this.#look(agent),
        (error) => log('error', 'what the live page shows cannot be read now', { error: String(error) }),
      )
      const unwatch = store.watch(EVENTS, () => looking.begin())
      this.#unwatch.push(unwatch, () => looking.stop())
    }
  }

  /** The system as boxes and arrows. */
  picture(): Picture {
    return layout(this.#system.plan.model)
  }

  /** The same, drawn. */
  svg(): string {
    return draw(this.#system.plan.model)
  }

  /** The last hops, oldest first. */
  recent(): LiveHop[] {
    return [...this.#recent]
  }

  /** Calls back for each hop as it happens, with the queues as they are then; returns the unsubscriber. */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Queue length of each block that has a queue. */
  queues(): Record<string, number> {
    const lengths: Record<string, number> = {}
    for (const { plan, agent } of this.#system.agents) {
      const sender = plan.blocks.find(({ roles }) => roles.includes('Transmitter') || roles.includes('Forwarder'))
      if (sender !== undefined) lengths[sender.id] = agent.store.queue.length()
    }
    return lengths
  }

  stop(): void {
    for (const unwatch of this.#unwatch) unwatch()
  }

  #look(agent: RunningAgent): void {
    const events = agent.agent.store.events({ afterId: this.#seen.get(agent.plan.id)! })
    const queues = this.queues()
    for (const event of events) {
      this.#seen.set(agent.plan.id, event.id)
      const hop = hopOf(event, agent, this.#system)
      this.#recent.push(hop)
      if (this.#recent.length > KEPT) this.#recent.shift()
      for (const listener of this.#listeners) listener(hop, queues)
    }
  }
}

function hopOf(event: TrackEvent, { plan, agent }: RunningAgent, system: RunningSystem): LiveHop {
  const { model } = system.plan
  const here = blockOf(model, plan.id, event.role)
  const person = (address: string) => plan.people.find((one) => isAddressOf(one, address))?.id
  const ends = ENDS[event.kind]?.(event, { here: plan.id, person, agentFor: (address) => receiverOf(system, address) })
  const arrow = ends?.[0] === undefined || ends[1] === undefined ? undefined : arrowBetween(model, ends[0], ends[1])
  const { atMs, trace, messageId, role, kind, reversePath, forwardPath, text, detail } = event
  const from = arrow?.from ?? here
  return {
    atMs,
    agent: agent.id,
    trace,
    messageId,
    role,
    kind,
    reversePath,
    forwardPath,
    text,
    detail,
    from,
    to: arrow?.to ?? from,
  }
}

function isAddressOf({ address, aliases }: PersonPlan, text: string): boolean {
  return [address, ...aliases].some((own) => own.toLowerCase() === text.toLowerCase())
}

interface Neighbours {
  readonly here: string
  person(address: string): string | undefined
  agentFor(address: string): string | undefined
}

/** The actors between whom a message moved, for the events in which it moved. */
const ENDS: Partial<
  Record<TrackEvent['kind'], (event: TrackEvent, at: Neighbours) => [string | undefined, string | undefined]>
> = {
  accepted: (event, at) => [at.person(event.reversePath), at.here],
  transmitted: (event, at) => [at.here, at.agentFor(event.forwardPath)],
  delivered: (event, at) => [at.here, at.person(event.forwardPath)],
}

function receiverOf(system: RunningSystem, address: string): string | undefined {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
  return system.plan.agents.find((agent) => agent.domain === domain)?.id
}

/** The drawing's arrow from one actor to another, as the ids of its blocks. */
function arrowBetween(
  model: SystemModel,
  fromActor: string,
  toActor: string,
): { from: string; to: string } | undefined {
  const actorOf = (id: string | undefined) => model.blocks.find((block) => block.id === id)?.actor
  const hop = model.hops.find((one) => actorOf(one.from) === fromActor && actorOf(one.to) === toActor)
  return hop === undefined ? undefined : { from: hop.from!, to: hop.to! }
}

/** The agent's block that plays the role; else its first. */
function blockOf(model: SystemModel, actor: string, role: AgentRole): string {
  const blocks: Block[] = model.blocks.filter((block) => block.actor === actor)
  return (blocks.find((block) => block.roles.includes(role)) ?? blocks[0]!).id
}
