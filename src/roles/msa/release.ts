// Mail that its Author wanted held (RFC 4865) for somebody at this agent, when its time has come: to the mailbox as his
// script says, on along a forward, to the members of a list, or back with the reason. So does what a partner under contract
// sends to somebody here, at once. What lies in the queue is the whole message as it was taken.

import { parseHeader } from '../../message/header.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { QueueEntry } from '../../store/nouns/queue.ts'
import type { Agent } from '../agent.ts'
import { forwardedEvent, listCopy, sentOnFrom } from '../forwarder/forward.ts'
import { srsReversePath } from '../forwarder/srs.ts'
import { placedAtHome } from '../mda/at-home.ts'
import { type Delivery, prepareDelivery } from '../mda/place.ts'
import { forwardPathOf, type GroupWays, groupFor, holderOf, queueCommand, reversePathOf, wayFor } from '../routing.ts'
import { eventCommand, messageIdOf } from '../tracking.ts'
import { tellSender } from '../transmitter/bounce.ts'
import type { Outcome } from '../transmitter/outcome.ts'
import { groupNotice, groupOf, isList, memberOf, wishesOfMember } from './expansion.ts'
import { verdictOn } from './submission.ts'

/** The commands that let it go; or why it cannot, as an attempt that failed. @throws DiskError */
export async function releaseCommands(agent: Agent, entry: QueueEntry): Promise<Command[] | Outcome> {
  const { trace, reversePath, forwardPath, parameters } = entry
  const failed = { entry, by: '', detail: {} }
  const body = await agent.store.readBlob(entry.blob)
  if (body === undefined)
    return { ...failed, state: 'held', reply: reply(451, '4.3.0', 'our stored copy of the message cannot be read') }
  const path = forwardPathOf(forwardPath)
  const group = groupFor(agent, path, reversePath === '')
  const ways = group?.ways ?? [wayFor(agent, path)]
  if (ways.length === 0 || ways[0]!.kind === 'unknown')
    return {
      ...failed,
      state: 'refused',
      reply: reply(550, '5.1.1', `there is no mailbox ${forwardPath} here any more`),
    }
  if (group !== undefined && sentOnFrom(parseHeader(body)).includes(group.group.address))
    return {
      ...failed,
      state: 'refused',
      reply: reply(554, '5.4.6', `this message was sent on from ${forwardPath} before: it goes round in a loop`),
    }
  const commands: Command[] = [{ kind: 'queue.remove', id: entry.id }]
  const notice = group && groupNotice(agent, forwardPath, entry, async () => body)
  if (notice !== undefined) commands.push(...(await tellSender(agent, [notice], commands.length)))
  if (group !== undefined && isList(agent, group.group.address))
    return [...commands, ...(await toMembers(agent, entry, body, group))]
  for (const way of ways) {
    if (group !== undefined && parameters.apart?.includes(memberOf(way))) continue
    const account = holderOf(way)
    if (account !== undefined) {
      const { smtputf8 = false, body: bodyType = '8BITMIME' } = parameters
      const recipient = { forwardPath: path }
      const envelope = { reversePath: reversePathOf(reversePath), recipients: [recipient], smtputf8, body: bodyType }
      const author = agent.store.accountByAddress(reversePath) ?? account
      const about = { trace, reversePath, messageId: messageIdOf(parseHeader(body)) }
      let delivery: Delivery | undefined
      const prepared = async () => (delivery ??= await prepareDelivery(agent, reversePath, [], body))
      const placed = await placedAtHome(
        agent,
        { ...about, envelope, front: [], body, verdict: verdictOn(author), author: author.address },
        { account, address: forwardPath, way, recipient },
        { prepared, at: commands.length, isAlone: group === undefined },
      )
      if ('refusal' in placed) return { ...failed, state: 'refused', reply: placed.refusal }
      const event = { ...about, role: 'MDA', kind: 'delivered', forwardPath, text: placed.text } as const
      commands.push(...placed.commands, eventCommand(agent, event))
      if (group === undefined && parameters.notify?.includes('SUCCESS')) {
        const notice = { entry, action: 'delivered', by: '', reply: undefined, original: async () => body } as const
        commands.push(...(await tellSender(agent, [notice], commands.length)))
      }
    }
    if (way.kind !== 'mailbox') {
      const to = 'to' in way ? way.to : way.address
      const sender = 'to' in way ? srsReversePath(agent, reversePath) : reversePath
      const { atHome: _, apart: _those, ...onward } = parameters
      const forwarded = way.kind === 'forward' ? { forwardedFrom: way.from } : {}
      const wishes = wishesOfMember(agent, groupOf(way), parameters)
      // A copy is here: nobody need hear of the other.
      const notify = account === undefined ? {} : { notify: [] }
      const mail = {
        trace,
        blob: entry.blob,
        reversePath: sender,
        parameters: { ...onward, ...wishes, ...forwarded, ...notify },
      }
      commands.push(queueCommand(agent, { ...mail, origin: 'msa' }, to))
    }
  }
  return commands
}

/** A list's copies are its own: its members hear from it, and what cannot reach them comes back to it. @throws DiskError */
async function toMembers(
  agent: Agent,
  { trace, parameters: { smtputf8, body: bodyType, requireTls, ignoresTlsPolicy, apart } }: QueueEntry,
  body: Buffer,
  { group: { address: from }, ways }: GroupWays,
): Promise<Command[]> {
  const { message, reversePath } = await listCopy(agent, from, body)
  const blob = await agent.store.putBlob([message])
  const messageId = messageIdOf(parseHeader(body))
  const members = ways.map(memberOf).filter((member) => !apart?.includes(member))
  return members.flatMap((to) => {
    const wishes = { smtputf8, body: bodyType, requireTls, ignoresTlsPolicy, orcpt: `rfc822;${to}` }
    const parameters = { ...wishes, forwardedFrom: from }
    return [
      queueCommand(agent, { trace, blob, reversePath, parameters, origin: 'forwarder' }, to),
      eventCommand(agent, forwardedEvent({ trace, messageId, from, to, detail: {} }, { reversePath, isSealed: false })),
    ]
  })
}
