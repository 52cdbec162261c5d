// Findings about responsibilities that the whole system shows, and no single flow: an MSA that lets anybody in, a Forwarder
// that makes honest mail look forged, gateways of unequal strength, mail without a relationship, a Border to oneself.

import type { Facts } from '../facts.ts'
import { finding } from '../findings.ts'
import { sidesOf } from '../layers.ts'
import { type Block, blockLabel, type Finding, type SystemModel } from '../model.ts'
import { faultsOf } from './duties.ts'

const REASON = {
  mailstore: 'A Recipient views and retrieves from an MDA: without one nobody keeps the mail until he comes.',
  relationship:
    'A relay that carries mail for others answers for it; without a relationship neither side can be held to it.',
  self: 'The Border is between networks that do not know each other; there is none between an actor and himself.',
  unknowing:
    'While its primary is away it knows only those whom that has named before: all others are asked to come again.',
  weakest:
    'Spam takes the way that is least defended: a second door is as strong as the first, or it is the only one used.',
}

/** R06 to R13. */
export function weakPoints(model: SystemModel, facts: Facts): Finding[] {
  return [
    ...faultsOf(model, facts).flatMap(({ duty, block, fault }) =>
      duty.code === undefined
        ? []
        : [finding(duty.code, 'warning', block.span, `${blockLabel(block)}: ${fault}`, [], duty.why)],
    ),
    ...withoutMailstore(model),
    ...withoutRelationship(model),
    ...toOneself(model),
    ...unknowing(model, facts),
    ...unequalDoors(model, facts),
  ]
}

/** R08 */
function withoutMailstore(model: SystemModel): Finding[] {
  return model.flows.flatMap(({ blocks, hops }) => {
    const reader = blocks.find(({ roles }) => roles.includes('Recipient'))
    const isReached = hops.some(({ border }) => border) && blocks.length > 1
    if (reader === undefined || !isReached || blocks.some(({ roles, unknown }) => unknown || roles.includes('MDA')))
      return []
    return [
      finding(
        'R08',
        'warning',
        reader.span,
        `No MDA keeps the mail of ${blockLabel(reader)}`,
        [{ label: 'Write Receiver/MDA before the Recipient', edits: [] }],
        REASON.mailstore,
      ),
    ]
  })
}

/** R09 */
function withoutRelationship(model: SystemModel): Finding[] {
  const blocks = new Map(model.blocks.map((block) => [block.id, block]))
  const isCarried = (block: Block | undefined) => block?.roles.some((role) => role === 'MSA' || role === 'Transmitter')
  const agreed = agreedPairs(model)
  // Who draws no relationship at all shows only how mail flows, as the article's Figure 1 does.
  const drawsThem = new Set(model.flows.filter(({ hops }) => hops.some(({ arrow }) => arrow !== 'flow')))
  return [...drawsThem]
    .flatMap(({ hops }) => hops)
    .flatMap(({ border, arrow, from, to, span, arrows }) => {
      const [left, right] = [blocks.get(from ?? ''), blocks.get(to ?? '')]
      if (border || arrow !== 'flow' || left?.actor === right?.actor) return []
      if (!isCarried(left) || !right?.roles.includes('Transmitter')) return []
      if (agreed.has(`${left!.actor} ${right.actor}`) || agreed.has(`${right.actor} ${left!.actor}`)) return []
      return [
        finding(
          'R09',
          'hint',
          span,
          `${blockLabel(left!)} hands mail to ${blockLabel(right)} without a relationship`,
          [{ label: 'Draw the contract: ==>', edits: arrows.map((one) => ({ span: one.span, text: '==>' })) }],
          REASON.relationship,
        ),
      ]
    })
}

const MAX_AGREED = 10_000

/** Actors with a contract line between them: a relationship that no arrow shows (rule A7). */
function agreedPairs(model: SystemModel): Set<string> {
  const pairs = new Set<string>()
  const actors = new Map(model.actors.map((actor) => [actor.id, actor]))
  const actorOf = new Map(model.blocks.map(({ id, actor }) => [id, actor]))
  for (const line of model.attributes) {
    const sides = line.kind === 'contract' ? sidesOf(line, actors) : undefined
    const [left, right] = (sides ?? []).map((ids) => new Set(ids.map((id) => actorOf.get(id)!)))
    for (const a of left ?? []) for (const b of right ?? []) if (pairs.size < MAX_AGREED) pairs.add(`${a} ${b}`)
  }
  return pairs
}

/** R10 */
function toOneself(model: SystemModel): Finding[] {
  const blocks = new Map(model.blocks.map((block) => [block.id, block]))
  return model.hops.flatMap(({ border, from, to, crossings }) => {
    const [left, right] = [blocks.get(from ?? ''), blocks.get(to ?? '')]
    if (!border || left === undefined || left.actor !== right?.actor) return []
    return [
      finding(
        'R10',
        'warning',
        crossings[0]!,
        `${blockLabel(left)} is on both sides of this Border`,
        [{ label: 'Give the two sides different @ids, or draw no Border', edits: [] }],
        REASON.self,
      ),
    ]
  })
}

/** R13: while its primary is away a Backup MX can say of whom it has no list only "later". */
function unknowing(model: SystemModel, facts: Facts): Finding[] {
  const seen = new Set<string>()
  return model.blocks.flatMap((block) => {
    const actor = facts.actorOf(block)
    // Only a text that is meant to run says such things.
    const isMeant = facts.values(actor, 'domain').length > 0 && facts.values(actor, 'recipients').length === 0
    if (!block.roles.includes('Backup MX') || !isMeant || seen.has(actor.id)) return []
    seen.add(actor.id)
    return [
      finding(
        'R13',
        'hint',
        block.span,
        `${blockLabel(block)} has no list of the Recipients that it takes mail for`,
        [{ label: `Write "${actor.id}: recipients=FILE", a file with one address a line`, edits: [] }],
        REASON.unknowing,
      ),
    ]
  })
}

/** R11: Receivers that hand over to the same MDA, of which one weighs content and another does not. */
function unequalDoors(model: SystemModel, facts: Facts): Finding[] {
  const doors = new Map<string, Block[]>()
  for (const { blocks } of model.flows)
    for (const block of blocks) {
      const mda = facts.mdaBehind(block)
      if (!block.roles.includes('Receiver') || facts.isBehind(block) || mda === undefined) continue
      if (!doors.has(mda.actor)) doors.set(mda.actor, [])
      doors.get(mda.actor)!.push(block)
    }
  const isWeak = (block: Block) => facts.values(facts.actorOf(block), 'filter').at(-1) === 'no'
  return [...doors.values()].flatMap((those) => {
    const weak = those.filter((block) => isWeak(block) && !block.roles.includes('Forwarder'))
    const isUnequal = those.some((block) => !isWeak(block) && !block.roles.includes('Forwarder'))
    return weak.length === 0 || !isUnequal
      ? []
      : [
          finding(
            'R11',
            'warning',
            weak[0]!.span,
            `${blockLabel(weak[0]!)} does not weigh content (filter=no), and another door of the same mailboxes does`,
            [{ label: 'Give every gateway the same defence', edits: [] }],
            REASON.weakest,
          ),
        ]
  })
}
