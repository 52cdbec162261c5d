// What it means for the notices that a message asks for that its recipient is a group or a list (RFC 3461 §5.2.7): a group
// is told of as "expanded", once, and its members' copies say nothing of success; at a list the message has arrived, and
// what is asked of the copies is the list's own.

import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'
import { forwardPathOf, groupFor, holderOf, type Leg, listAt, type Way } from '../routing.ts'
import type { Notice } from '../transmitter/bounce.ts'

type Wishes = Pick<QueueEntry['parameters'], 'notify' | 'orcpt' | 'ret' | 'envid'>

/** The address here that stands for several, of whom this is one. */
export const groupOf = (way: Way): string | undefined => ('group' in way ? way.group : undefined)

/** A message that waits for a recipient here: which way it goes from there is found out when it goes. */
export interface Waiting extends Pick<Leg, 'way' | 'recipient'> {
  /** What it waits for: the group, the address that is forwarded, or the mailbox. */
  readonly to: string
  /** Of a group: those of its members who get the message as another recipient of it. */
  readonly apart: readonly string[]
}

/** The ways of one message, those through a group as one: everybody is reached once, however many lead to him. */
export function waitingOf(agent: Agent, legs: readonly Leg[]): Waiting[] {
  const groups = new Set<string>()
  const reached = new Map(legs.map(({ way }) => [memberOf(way), groupOf(way)]))
  return legs.flatMap(({ way, recipient }) => {
    const group = groupOf(way)
    if (group === undefined) return [{ way, recipient, to: addressOf(way), apart: [] }]
    if (groups.has(group)) return []
    groups.add(group)
    const members = groupFor(agent, forwardPathOf(group), false)?.ways.map(memberOf) ?? []
    const apart = members.filter((member) => reached.has(member) && reached.get(member) !== group)
    return [{ way, recipient, to: group, apart }]
  })
}

/** By what a member of a group is known: the account that gets it, or the address far away. */
export const memberOf = (way: Way): string => holderOf(way)?.address ?? ('to' in way ? way.to : way.address)

const addressOf = (way: Way) => (way.kind === 'forward' ? way.from : 'to' in way ? way.to : way.address)

/** What goes with the copy for one of several. */
export function wishesOfMember(agent: Agent, group: string | undefined, wishes: Wishes): Wishes {
  if (group === undefined) return wishes
  if (isList(agent, group)) return { notify: undefined, orcpt: undefined, ret: undefined, envid: undefined }
  return { ...wishes, notify: wishes.notify?.filter((wish) => wish !== 'SUCCESS') }
}

/** What its sender hears of the group itself; undefined: nothing. */
export function groupNotice(
  agent: Agent,
  group: string,
  entry: Omit<Notice['entry'], 'forwardPath'>,
  original: Notice['original'],
): Notice | undefined {
  if (!entry.parameters.notify?.includes('SUCCESS')) return undefined
  const action = isList(agent, group) ? 'delivered' : 'expanded'
  return { entry: { ...entry, forwardPath: group }, action, by: '', reply: undefined, original }
}

/** Is this the address of a mailing list here. */
export const isList = (agent: Agent, group: string) => listAt(agent, forwardPathOf(group)) !== undefined
