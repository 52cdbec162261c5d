// What the explanations ask of a model, answered in one place: neighbours in a flow, settings of an actor, whether somebody
// stands behind the Border, who is trusted.

import { trustsForwarder } from '../check.ts'
import { type Actor, attributeValues, type Block, type Flow, type SystemModel } from '../model.ts'

export class Facts {
  readonly #model: SystemModel
  readonly #flowOf = new Map<Block, Flow>()
  readonly #actors: Map<string, Actor>
  readonly #values = new Map<string, string[]>()
  /** Some Author has a static address. */
  readonly hasStations: boolean

  constructor(model: SystemModel) {
    this.#model = model
    for (const flow of model.flows) for (const block of flow.blocks) this.#flowOf.set(block, flow)
    this.#actors = new Map(model.actors.map((actor) => [actor.id, actor]))
    const people = model.actors.filter(({ kind }) => kind === 'user')
    this.hasStations = people.some((actor) => this.values(actor, 'ip').length > 0)
  }

  actorOf(block: Block): Actor {
    return this.#actors.get(block.actor)!
  }

  /** All values of a setting, in the order of the text. */
  values(actor: Actor, key: string): string[] {
    const name = `${actor.id} ${key}`
    let known = this.#values.get(name)
    if (known === undefined) {
      known = attributeValues(this.#model, actor, key)
      this.#values.set(name, known)
    }
    return known
  }

  next(block: Block): Block | undefined {
    return this.#beside(block, 1)
  }

  previous(block: Block): Block | undefined {
    return this.#beside(block, -1)
  }

  /** Mail comes to this place only from another that has taken it across the Border before. */
  isBehind(block: Block): boolean {
    const flow = this.#flowOf.get(block)!
    const at = flow.blocks.indexOf(block)
    const hop = flow.hops.find(({ to }) => to === block.id)
    if (hop === undefined || hop.border || hop.from === undefined || hop.arrow === 'indirect') return false
    return flow.hops.some(({ border, to }) => border && flow.blocks.findIndex(({ id }) => id === to) < at)
  }

  mdaBehind(block: Block): Block | undefined {
    const { blocks } = this.#flowOf.get(block)!
    return blocks.slice(blocks.indexOf(block)).find(({ roles }) => roles.includes('MDA'))
  }

  forwarderBefore(block: Block): Block | undefined {
    const { blocks } = this.#flowOf.get(block)!
    const mda = blocks.slice(0, blocks.indexOf(block) + 1).findLast(({ roles }) => roles.includes('MDA'))
    return blocks
      .slice(0, blocks.indexOf(block))
      .findLast(({ roles, actor }) => roles.includes('Forwarder') && actor !== mda?.actor)
  }

  isTrusted(forwarder: Block): boolean {
    return trustsForwarder(this.#model, forwarder, this.#flowOf.get(forwarder)!)
  }

  /** Does a drawn flow need somebody in this role: a side of the Border is drawn on which it is missing. */
  needs(role: string): boolean {
    const isSending = role === 'MSA' || role === 'Transmitter'
    return this.#model.flows.some(({ blocks, hops }) => {
      const crosses = hops.some(({ border }) => border)
      const person = isSending ? 'Author' : 'Recipient'
      return crosses && blocks.some(({ roles }) => roles.includes(person))
    })
  }

  #beside(block: Block, step: 1 | -1): Block | undefined {
    const { blocks } = this.#flowOf.get(block)!
    return blocks[blocks.indexOf(block) + step]
  }
}
