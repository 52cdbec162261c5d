// Who has a relationship with whom: direct from `==>`, indirect from `~~>` with the third party that it needs (A8).
// "Both the Receiver/Forwarder and the MDA have a direct relationship with the Recipient, so they have an indirect
// relationship with each other." (the article; its drawing shows only one of the two, so the other is inferred)

import type { Relationship, SystemModel } from './model.ts'

/** Relationships of a model whose actors, blocks and hops are complete. None is made across the Border (M01). */
export function relationshipsOf(model: SystemModel): Relationship[] {
  const actorOf = new Map(model.blocks.map((block) => [block.id, block.actor]))
  const kindOf = new Map(model.actors.map((actor) => [actor.id, actor.kind]))
  const friends = new Map<string, Set<string>>()
  const out: Relationship[] = []
  const seen = new Set<string>()
  const add = (relation: Relationship) => {
    const key = `${[relation.a, relation.b].sort().join(' ')} ${relation.kind}`
    if (relation.a === relation.b || seen.has(key)) return
    seen.add(key)
    out.push(relation)
  }
  const befriend = (a: string, b: string) => {
    if (!friends.has(a)) friends.set(a, new Set())
    friends.get(a)!.add(b)
  }

  const inside = model.hops.filter((hop) => !hop.border && hop.from !== undefined && hop.to !== undefined)
  for (const hop of inside) {
    if (hop.arrow !== 'direct') continue
    const a = actorOf.get(hop.from!)!
    const b = actorOf.get(hop.to!)!
    befriend(a, b)
    befriend(b, a)
    add({ a, b, kind: 'direct', inferred: false, hop: hop.id, span: hop.span })
  }
  // From the Recipient's end: what he has with the last Forwarder, he has with those before it, too.
  for (const hop of inside.toReversed()) {
    if (hop.arrow !== 'indirect') continue
    const a = actorOf.get(hop.from!)!
    const b = actorOf.get(hop.to!)!
    const via = thirdParty(a, b, friends, kindOf)
    add({ a, b, kind: 'indirect', ...(via === undefined ? {} : { via }), inferred: false, hop: hop.id, span: hop.span })
    if (via === undefined) continue
    for (const end of [a, b])
      if (!friends.get(via)?.has(end)) {
        befriend(end, via)
        befriend(via, end)
        add({ a: end, b: via, kind: 'direct', inferred: true, hop: hop.id, span: hop.span })
      }
  }
  return out
}

const MAX_FRIENDS = 1000

/** A common friend of both; else a person who is a friend of the one that mail goes to, or comes from; else anyone. */
function thirdParty(a: string, b: string, friends: Map<string, Set<string>>, kindOf: Map<string, string>) {
  const ofA = [...(friends.get(a) ?? [])].filter((id) => id !== b).slice(0, MAX_FRIENDS)
  const ofB = [...(friends.get(b) ?? [])].filter((id) => id !== a).slice(0, MAX_FRIENDS)
  const isUser = (id: string) => kindOf.get(id) === 'user'
  return ofB.find((id) => friends.get(a)?.has(id)) ?? ofB.find(isUser) ?? ofA.find(isUser) ?? ofB[0] ?? ofA[0]
}
