// What it means for the notices that a message asks for that its recipient is a group or a list (RFC 3461 §5.2.7): a group
// is told of as "expanded", once, and its members' copies say nothing of success; at a list the message has arrived, and
// what is asked of the copies is the list's own.

import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'
import { forwardPathOf, listAt, type Way } from '../routing.ts'
import type { Notice } from '../transmitter/bounce.ts'

type Wishes = Pick<QueueEntry['parameters'], 'notify' | 'orcpt' | 'ret' | 'envid'>

/** The address here that stands for several, of whom this is one. */
export const groupOf = (way: Way): string | undefined => ('group' in way ? way.group : undefined)

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

const isList = (agent: Agent, group: string) => listAt(agent, forwardPathOf(group)) !== undefined
