// Raw diagrams to the model: gives blocks, actors, networks and hops their names and puts them together.
// Ids come from roles and `@id`, not from positions, so they survive edits of the text elsewhere.

import { finding } from './findings.ts'
import type { RawBlock, RawFlow } from './flow.ts'
import type { Actor, Block, Diagram, Flow, Hop, Network, Report, Span, SystemModel, Tree } from './model.ts'
import { assignBrackets } from './networks.ts'
import { relationshipsOf } from './relationships.ts'
import type { RawDiagram } from './rows.ts'
import { isUserRole } from './vocabulary.ts'
import type { Step } from './ways.ts'

export function buildModel(source: string, raw: RawDiagram[], report: Report): SystemModel {
  const model: SystemModel = {
    source,
    diagrams: [],
    flows: [],
    blocks: [],
    hops: [],
    borders: [],
    networks: [],
    actors: [],
    relationships: [],
    attributes: [],
    findings: [],
    spelling: [],
  }
  const networks = new NetworkList(model)
  const ids: Ids = {
    blocks: new IdGiver(),
    hops: new IdGiver(),
    known: new Map(),
    hopOf: new Map(),
    tree: undefined,
    trees: [],
  }
  for (const drawing of raw) {
    const diagram: Diagram = {
      index: model.diagrams.length,
      form: drawing.form,
      strokes: drawing.strokes,
      brackets: drawing.brackets.map((bracket) => ({
        ...bracket,
        network: networks.named(bracket.name, bracket.span).id,
      })),
      flows: [],
      ...(drawing.caption === undefined ? {} : { caption: drawing.caption }),
      span: drawing.span,
    }
    model.diagrams.push(diagram)
    for (const flow of drawing.flows) {
      diagram.flows.push(model.flows.length)
      const owners = assignBrackets(flow, drawing.brackets, drawing.form === 'drawn', report)
      const networkOf = owners.map((owner) => (owner === undefined ? undefined : diagram.brackets[owner]!.network))
      addFlow(model, flow, diagram.index, networkOf, ids)
    }
  }
  for (const { flow, tree, known } of ids.trees) flow.tree = treeOf(tree, known)
  nameActors(model)
  nameEmptySides(model, networks, report)
  const byId = new Map(model.networks.map((network) => [network.id, network]))
  for (const actor of model.actors) if (actor.network !== undefined) byId.get(actor.network)!.actors.push(actor.id)
  model.relationships = relationshipsOf(model)
  return model
}

function addFlow(model: SystemModel, raw: RawFlow, diagram: number, networkOf: (string | undefined)[], ids: Ids) {
  const index = model.flows.length
  if (!raw.isBranch) Object.assign(ids, { known: new Map(), hopOf: new Map(), tree: raw.tree && index })
  const blocks = raw.blocks.map((block, k): Block => {
    const known = ids.known.get(block)
    if (known !== undefined) return known
    const { column: _, columnEnd: __, isNamed: ___, insides, ...written } = block
    const id = ids.blocks.give(slug([...block.roles, block.at ?? ''].join('-')) || 'unknown')
    const network = networkOf[k] === undefined ? {} : { network: networkOf[k] }
    const named = insides.map(({ role, ...inside }) => ({ role: block.roles[role] ?? '?', ...inside }))
    const made: Block = {
      id,
      flow: index,
      actor: '',
      ...written,
      ...(named.length > 0 && { insides: named }),
      ...network,
    }
    ids.known.set(block, made)
    model.blocks.push(made)
    return made
  })
  const hops = raw.hops.map((hop): Hop => {
    const from = hop.from === undefined ? undefined : blocks[hop.from]!.id
    const to = hop.to === undefined ? undefined : blocks[hop.to]!.id
    const key = `${from ?? ''} ${to ?? ''} ${from === undefined || to === undefined ? hop.span.start : ''}`
    const known = ids.hopOf.get(key)
    if (known !== undefined) return known
    const made: Hop = {
      id: ids.hops.give(`${from ?? 'internet'}->${to ?? 'internet'}`),
      flow: index,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      arrow: hop.arrow,
      ...(hop.condition === undefined ? {} : { condition: hop.condition }),
      border: hop.crossings.length > 0,
      crossings: hop.crossings,
      arrows: hop.arrows,
      span: hop.span,
    }
    ids.hopOf.set(key, made)
    addHop(model, made)
    return made
  })
  const branchOf = raw.isBranch ? { branchOf: ids.tree! } : {}
  const flow: Flow = { index, diagram, blocks, hops, span: raw.span, ...branchOf }
  model.flows.push(flow)
  if (raw.tree !== undefined) ids.trees.push({ flow, tree: raw.tree, known: ids.known })
}

function addHop(model: SystemModel, hop: Hop) {
  model.hops.push(hop)
  hop.crossings.forEach((span, k) => {
    const left = k === 0 && hop.from !== undefined ? { left: hop.from } : {}
    const right = k === hop.crossings.length - 1 && hop.to !== undefined ? { right: hop.to } : {}
    const id = `border:${hop.id}${k === 0 ? '' : `:${k + 1}`}`
    model.borders.push({ id, flow: hop.flow, hop: hop.id, ...left, ...right, span })
  })
}

/** What was given an id; `known` and `hopOf` are of the flow at hand, whose ways share them. */
type Ids = {
  blocks: IdGiver
  hops: IdGiver
  known: Map<RawBlock, Block>
  hopOf: Map<string, Hop>
  /** The first way of the flow at hand, if it branches. */
  tree: number | undefined
  /** To be told in ids when all ways are read. */
  trees: { flow: Flow; tree: Step<RawBlock>[]; known: Map<RawBlock, Block> }[]
}

function treeOf(steps: Step<RawBlock>[], known: Map<RawBlock, Block>): Tree {
  return steps.flatMap(
    (step): Tree =>
      step.kind === 'run'
        ? step.run.flatMap((block) => known.get(block)?.id ?? [])
        : [step.ways.map((way) => treeOf(way, known))],
  )
}

/** One actor for all blocks with the same `@id`, one for each block without (rule A10). */
function nameActors(model: SystemModel) {
  const ids = new IdGiver()
  const byAt = new Map<string, Actor>()
  const members = new Map<Actor, Block[]>()
  // Written names first: an actor keeps its `@id` whatever the others are called.
  for (const block of model.blocks)
    if (block.at !== undefined && !byAt.has(block.at)) byAt.set(block.at, newActor(ids.give(block.at), block.at))
  for (const block of model.blocks) {
    const actor = block.at === undefined ? newActor(ids.give(block.id)) : byAt.get(block.at)!
    block.actor = actor.id
    if (!members.has(actor)) {
      members.set(actor, [])
      model.actors.push(actor)
    }
    members.get(actor)!.push(block)
  }
  for (const [actor, blocks] of members) {
    actor.blocks = blocks.map((block) => block.id)
    actor.roles = [...new Set(blocks.flatMap((block) => block.roles))]
    if (actor.roles.length > 0 && actor.roles.every(isUserRole)) actor.kind = 'user'
    // A block without a bracket stands where its actor stands elsewhere.
    const network = blocks.find((block) => block.network !== undefined)?.network
    if (network === undefined) continue
    actor.network = network
    for (const block of blocks) block.network ??= network
  }
}

function newActor(id: string, at?: string): Actor {
  return { id, ...(at === undefined ? {} : { at }), kind: 'agent', roles: [], blocks: [] }
}

/** Rule A5: a side of the Border without a bracket, in a drawing that has brackets, becomes "(unnamed)". */
function nameEmptySides(model: SystemModel, networks: NetworkList, report: Report) {
  const actors = new Map(model.actors.map((actor) => [actor.id, actor]))
  for (const flow of model.flows) {
    if (model.diagrams[flow.diagram]!.brackets.length === 0) continue
    const borderTo = new Set(flow.hops.filter((hop) => hop.border).map((hop) => hop.to))
    let unnamed: Network | undefined
    for (const block of flow.blocks) {
      if (borderTo.has(block.id)) unnamed = undefined
      if (block.network !== undefined) continue
      if (unnamed === undefined) {
        unnamed = networks.unnamed(block.span)
        report(
          finding(
            'N07',
            'warning',
            block.span,
            'This side of the Border has no bracket; its network becomes "(unnamed)"',
            [{ label: "Write a bracket for each side, e.g. |--- Sender's Network ---|", edits: [] }],
            'One bracket cannot stand over both sides: nobody is related across the Border.',
          ),
        )
      }
      block.network = unnamed.id
      actors.get(block.actor)!.network ??= unnamed.id
    }
  }
}

class NetworkList {
  #model: SystemModel
  #byName = new Map<string, Network>()
  #ids = new IdGiver()

  constructor(model: SystemModel) {
    this.#model = model
  }

  named(name: string, span: Span): Network {
    if (name === '') return this.unnamed(span)
    const known = this.#byName.get(name)
    if (known !== undefined) {
      known.spans.push(span)
      return known
    }
    const network = this.#add(slug(name) || 'network', name, true, span)
    this.#byName.set(name, network)
    return network
  }

  unnamed(span: Span): Network {
    return this.#add('unnamed', '(unnamed)', false, span)
  }

  #add(id: string, name: string, named: boolean, span: Span): Network {
    const network: Network = { id: `net-${this.#ids.give(id)}`, name, named, actors: [], spans: [span] }
    this.#model.networks.push(network)
    return network
  }
}

/** Gives each wish a unique id: the second `mda` is `mda-2`. */
class IdGiver {
  #given = new Map<string, number>()

  give(wish: string): string {
    for (;;) {
      const count = (this.#given.get(wish) ?? 0) + 1
      this.#given.set(wish, count)
      if (count === 1) return wish
      const id = `${wish}-${count}`
      if (!this.#given.has(id)) {
        this.#given.set(id, 1)
        return id
      }
    }
  }
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/['’]/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
}
