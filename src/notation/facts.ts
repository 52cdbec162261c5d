// What checks and explanations ask of a model, answered in one place: neighbours in a flow, settings of an actor, whether
// somebody stands behind the Border, who is trusted. Made once for a model, in linear time, and then each answer is at hand.

import { type Actor, type Block, blockLabel, type Flow, type Hop, type SystemModel } from './model.ts'
import { Sayings } from './said.ts'

/** Where a block stands in its flow. */
type Place = {
  flow: Flow
  at: number
  into: Hop | undefined
  /** Mail has crossed a Border to an earlier place of the flow. */
  isInside: boolean
  mdaBehind: Block | undefined
  forwarderBefore: Block | undefined
}

/** How far behind a Forwarder those are who may trust it. */
const NEAR = 8

export class Facts {
  readonly #flows: readonly Flow[]
  readonly #places = new Map<Block, Place>()
  readonly #actors: Map<string, Actor>
  readonly #blocks: Map<string, Block>
  readonly #networks: Map<string, string>
  readonly #sayings: Sayings
  readonly #trusted = new Map<Block, boolean>()
  /** Some Author has a static address. */
  readonly hasStations: boolean

  constructor(model: SystemModel) {
    this.#flows = model.flows
    this.#actors = new Map(model.actors.map((actor) => [actor.id, actor]))
    this.#blocks = new Map(model.blocks.map((block) => [block.id, block]))
    this.#networks = new Map(model.networks.map(({ id, name }) => [id, name]))
    this.#sayings = new Sayings(model)
    // A place that several ways share is answered for by the first.
    for (const flow of model.flows)
      for (const [block, place] of placesOf(flow)) if (!this.#places.has(block)) this.#places.set(block, place)
    const people = model.actors.filter(({ kind }) => kind === 'user')
    this.hasStations = people.some((actor) => this.values(actor, 'ip').length > 0)
  }

  actorOf(block: Block): Actor {
    return this.#actors.get(block.actor)!
  }

  /** The places of an actor, in the order of the text. */
  blocksOf(actor: Actor): Block[] {
    return actor.blocks.map((id) => this.#blocks.get(id)!)
  }

  block(id: string | undefined): Block | undefined {
    return id === undefined ? undefined : this.#blocks.get(id)
  }

  /** All values of a setting, in the order of the text. */
  values(actor: Actor, key: string): string[] {
    return this.#sayings.values(actor, key)
  }

  next(block: Block): Block | undefined {
    const { flow, at } = this.#places.get(block)!
    return flow.blocks[at + 1]
  }

  previous(block: Block): Block | undefined {
    const { flow, at } = this.#places.get(block)!
    return flow.blocks[at - 1]
  }

  /** The arrow that leads to this place. */
  into(block: Block): Hop | undefined {
    return this.#places.get(block)!.into
  }

  /** Mail comes to this place only from another that has taken it across the Border before. */
  isBehind(block: Block): boolean {
    const { into, isInside } = this.#places.get(block)!
    const isWithin = into !== undefined && !into.border && into.from !== undefined && into.arrow !== 'indirect'
    return isWithin && isInside && !this.believesBackup(block)
  }

  /** By a relationship it takes what its backup MX found out at the Border, and checks nothing anew. */
  believesBackup(block: Block): boolean {
    const isBackup = this.previous(block)?.roles.includes('Backup MX') === true
    return isBackup && this.into(block)?.arrow === 'direct'
  }

  /** Here or further along. */
  mdaBehind(block: Block): Block | undefined {
    return this.#places.get(block)!.mdaBehind
  }

  /** The last who forwards before this place, and is not the MDA himself. */
  forwarderBefore(block: Block): Block | undefined {
    return this.#places.get(block)!.forwarderBefore
  }

  /** Does someone at the receiving end (the MDA, its Recipient, their network) say `trusts=` of the Forwarder. */
  isTrusted(forwarder: Block): boolean {
    const known = this.#trusted.get(forwarder)
    if (known !== undefined) return known
    const actor = this.actorOf(forwarder)
    const names = this.#namesOf(forwarder, actor)
    const { flow, at } = this.#places.get(forwarder)!
    const believers = new Set(flow.blocks.slice(at + 1, at + 1 + NEAR).map((block) => block.actor))
    believers.delete(actor.id)
    const isTrusted = [...believers].some((id) =>
      ['trusts', 'whitelist'].some((key) =>
        listed(this.values(this.#actors.get(id)!, key)).some((value) => names.has(value.toLowerCase())),
      ),
    )
    this.#trusted.set(forwarder, isTrusted)
    return isTrusted
  }

  /** Does a drawn flow need somebody in this role: a side of the Border is drawn on which it is missing. */
  needs(role: string): boolean {
    const isSending = role === 'MSA' || role === 'Transmitter'
    const person = isSending ? 'Author' : 'Recipient'
    return this.#flows.some(
      ({ blocks, hops }) => hops.some(({ border }) => border) && blocks.some(({ roles }) => roles.includes(person)),
    )
  }

  /** All that one may write to mean this Forwarder. */
  #namesOf(forwarder: Block, actor: Actor): Set<string> {
    const at = actor.at === undefined ? [] : [actor.at, `@${actor.at}`]
    const names = [
      actor.id,
      ...at,
      ...actor.roles,
      ...(actor.at === undefined ? [] : actor.roles.map((role) => `${role}@${actor.at}`)),
      forwarder.roles.join('/'),
      blockLabel(forwarder),
      this.#networks.get(actor.network ?? '') ?? '',
      ...listed(this.values(actor, 'domain')),
    ]
    return new Set(names.filter((name) => name !== '').map((name) => name.toLowerCase()))
  }
}

/** Several may be written in one value. */
export function listed(values: readonly string[]): string[] {
  return values.flatMap((value) => value.split(',').map((one) => one.trim()))
}

function placesOf(flow: Flow): Map<Block, Place> {
  const { blocks, hops } = flow
  const into = new Map(hops.map((hop) => [hop.to, hop]))
  const places = new Map<Block, Place>()
  let isInside = false
  let mda: Block | undefined
  /** The last Forwarder, and the last before it that is another actor. */
  let last: Block | undefined
  let other: Block | undefined
  blocks.forEach((block, at) => {
    if (block.roles.includes('MDA')) mda = block
    const forwarderBefore = last !== undefined && last.actor === mda?.actor ? other : last
    places.set(block, { flow, at, into: into.get(block.id), isInside, mdaBehind: undefined, forwarderBefore })
    if (into.get(block.id)?.border) isInside = true
    if (!block.roles.includes('Forwarder')) return
    if (last?.actor !== block.actor) other = last
    last = block
  })
  let behind: Block | undefined
  for (const block of blocks.toReversed()) {
    if (block.roles.includes('MDA')) behind = block
    places.get(block)!.mdaBehind = behind
  }
  return places
}
