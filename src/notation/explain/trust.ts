// Who can rely on whom: the relationships of a system between each two actors, what may be sent back to whom, and what each
// Recipient should whitelist.

import type { Facts } from '../facts.ts'
import { type Actor, blockLabel, type SystemModel } from '../model.ts'

export interface TrustRow {
  readonly a: string
  readonly b: string
  readonly kind: 'direct' | 'indirect' | 'none'
  /** Indirect: with whom both have a direct relationship. */
  readonly via?: string
  readonly sentence: string
}

export interface BounceRow {
  readonly who: string
  readonly may: boolean
  readonly sentence: string
}

export interface WhitelistRow {
  /** The Recipient. */
  readonly who: string
  readonly whom: string
  /** What the MDA can know the Forwarder by. */
  readonly by: string
  readonly isDone: boolean
  /** The line of the description that does it. */
  readonly line: string
}

/** Pairs beyond this are not told: the picture of a very large system is no table. */
const MAX_ROWS = 200

/** Each two agents that hand mail to each other, or have a common friend; across the Border there is none. */
export function trustOf(model: SystemModel): TrustRow[] {
  const rows = new Map<string, TrustRow>()
  const actors = new Map(model.actors.map((actor) => [actor.id, actor]))
  const key = (a: string, b: string) => [a, b].sort().join(' ')
  for (const { a, b, kind, via, inferred } of model.relationships) {
    const known = rows.get(key(a, b))
    if (known !== undefined && known.kind !== 'none' && (kind === 'indirect' || known.kind === 'direct')) continue
    const [left, right] = [nameOf(actors.get(a)!), nameOf(actors.get(b)!)]
    const through = via === undefined ? undefined : nameOf(actors.get(via)!)
    const sentence =
      kind === 'direct'
        ? `${left} and ${right} know each other${inferred ? ' (concluded, not drawn)' : ''}: each can be held to its duties.`
        : through === undefined
          ? `${left} and ${right} have somebody in common who is not drawn.`
          : `${left} and ${right} know each other through ${through}, who can tell one to trust the other.`
    rows.set(key(a, b), { a: left, b: right, kind, ...(through !== undefined && { via: through }), sentence })
  }
  const blocks = new Map(model.blocks.map((block) => [block.id, block]))
  for (const { border, from, to } of model.hops) {
    const [left, right] = [blocks.get(from ?? ''), blocks.get(to ?? '')]
    if (!border || left === undefined || right === undefined || rows.has(key(left.actor, right.actor))) continue
    rows.set(key(left.actor, right.actor), {
      a: blockLabel(left),
      b: blockLabel(right),
      kind: 'none',
      sentence: `${blockLabel(left)} and ${blockLabel(right)} are strangers: all that ${blockLabel(right)} can know is what ${blockLabel(left)} proves out of band, and the Border is the only place to look at it.`,
    })
  }
  return [...rows.values()].slice(0, MAX_ROWS)
}

/** Who may send a bounce, and who must not, because the alleged sender may have written nothing. */
export function bouncesOf(model: SystemModel, facts: Facts): BounceRow[] {
  const seen = new Set<string>()
  return model.blocks.flatMap((block): BounceRow[] => {
    const who = blockLabel(block)
    if (seen.has(who)) return []
    seen.add(who)
    const row = (may: boolean, sentence: string): BounceRow[] => [{ who, may, sentence: `${who} ${sentence}` }]
    const forwarder = facts.forwarderBefore(block)
    if (block.roles.includes('MDA') && forwarder !== undefined && !block.roles.includes('Receiver'))
      return row(
        false,
        `stands behind ${blockLabel(forwarder)}: what looks forged there may be honest, and a bounce would go to whoever the mail claims to be from. It keeps such mail apart (Junk).`,
      )
    if (block.roles.includes('Receiver'))
      return facts.isBehind(block)
        ? row(
            false,
            'is behind the Border: the sender has gone when it looks. It must not bounce what another has accepted.',
          )
        : row(false, 'needs no bounce: it refuses while the sender is still there, and he tells his own Author.')
    if (block.roles.includes('MSA') || block.roles.includes('Transmitter'))
      return row(true, 'may: the reverse-path is of an Author whom an MSA has authenticated.')
    if (block.roles.includes('Forwarder'))
      return row(
        false,
        'must hand the answer of its target on while the sender waits, or the bounce goes to a stranger.',
      )
    return []
  })
}

/** What each Recipient should tell his MDA, as lines of the description. */
export function whitelistsOf(model: SystemModel, facts: Facts): WhitelistRow[] {
  const rows = new Map<string, WhitelistRow>()
  for (const { blocks } of model.flows)
    for (const block of blocks) {
      if (!block.roles.includes('Recipient')) continue
      const forwarder = facts.forwarderBefore(block)
      if (forwarder === undefined) continue
      const actor = facts.actorOf(forwarder)
      const domain = facts.values(actor, 'domain').at(-1)
      const name = forwarder.at ?? domain ?? 'Forwarder'
      const who = block.at ?? 'Recipient'
      rows.set(`${who} ${name}`, {
        who: blockLabel(block),
        whom: blockLabel(forwarder),
        by: howKnown(facts, actor, domain),
        isDone: facts.isTrusted(forwarder),
        line: `${who}: trusts=${name}`,
      })
    }
  return [...rows.values()]
}

function howKnown(facts: Facts, actor: Actor, domain: string | undefined): string {
  const off = (key: string) => facts.values(actor, key).at(-1) === 'no'
  const name = domain ?? 'its domain'
  if (!off('arc')) return `its seal (ARC, d=${name})`
  if (!off('srs')) return `its reverse-path (SRS), which SPF of ${name} proves`
  return `its address, which the name of ${name} must confirm: nothing else proves it`
}

function nameOf(actor: Actor): string {
  return actor.at === undefined ? actor.roles.join('/') : `${actor.roles.join('/')}@${actor.at}`
}
