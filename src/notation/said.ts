// What the attribute lines say of each actor, at hand: lines that name him, one of his roles or blocks, or his network.
// Built in linear time; lines about one role share a list, so that neither many lines nor many actors cost their product.

import type { Actor, Attribute, AttributeEntry, SystemModel } from './model.ts'

type Said = { order: number; entry: AttributeEntry }
/** All lines about one target. */
type Target = { entries: Said[]; byKey: Map<string, Said[]> }

/** More lines than this about one key of one target are a mistake; the last one always counts. */
const MAX_SAID = 200

export class Sayings {
  /** By what is meant: 'actor', 'block' or 'network', and its id. */
  readonly #targets = new Map<string, Set<Target>>()
  /** Lines about the same target share their `refs`. */
  readonly #ofRefs = new Map<readonly string[], Target>()
  /** The targets that mean an actor, himself and with his network: looked up once, since he may stand at many places. */
  #ofActor = new Map<Actor, { own: readonly Target[]; all: readonly Target[] }>()
  #order = 0

  constructor(model: SystemModel) {
    for (const line of model.attributes) this.add(line)
  }

  /** One more line, behind all others. */
  add(line: Attribute): void {
    const kind = line.kind === 'role' ? 'actor' : line.kind
    if (kind !== 'actor' && kind !== 'block' && kind !== 'network') return
    let target = this.#ofRefs.get(line.refs)
    if (target === undefined) {
      this.#ofActor.clear()
      target = { entries: [], byKey: new Map() }
      this.#ofRefs.set(line.refs, target)
      for (const ref of line.refs) {
        const name = `${kind} ${ref}`
        if (!this.#targets.has(name)) this.#targets.set(name, new Set())
        this.#targets.get(name)!.add(target)
      }
    }
    for (const entry of line.entries) {
      const said = { order: this.#order++, entry }
      target.entries.push(said)
      const same = target.byKey.get(entry.key) ?? []
      target.byKey.set(entry.key, same)
      if (same.length < MAX_SAID) same.push(said)
      else same[MAX_SAID - 1] = said
    }
  }

  /** The values of a key, in the order of the text. */
  values(actor: Actor, key: string): string[] {
    return inOrder(this.#about(actor).all, (target) => target.byKey.get(key) ?? []).map(({ value }) => value)
  }

  /** All that is said of the actor himself (not of his network), in the order of the text. */
  entries(actor: Actor): AttributeEntry[] {
    return inOrder(this.#about(actor).own, ({ entries }) => entries)
  }

  #about(actor: Actor): { own: readonly Target[]; all: readonly Target[] } {
    const known = this.#ofActor.get(actor)
    if (known !== undefined) return known
    const own = new Set<Target>()
    for (const ref of who(actor)) for (const target of this.#targets.get(ref) ?? []) own.add(target)
    const network = this.#targets.get(`network ${actor.network ?? ''}`) ?? []
    const found = { own: [...own], all: [...new Set([...own, ...network])] }
    this.#ofActor.set(actor, found)
    return found
  }
}

function inOrder(targets: readonly Target[], lines: (target: Target) => readonly Said[]): AttributeEntry[] {
  const found = targets.flatMap(lines)
  if (targets.length > 1) found.sort((a, b) => a.order - b.order)
  return found.map(({ entry }) => entry)
}

const who = (actor: Actor) => [`actor ${actor.id}`, ...actor.blocks.map((block) => `block ${block}`)]
