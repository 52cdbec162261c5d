// MDA: a message for one Recipient that comes without a Border of ours: from an Author who is at home at the same agent, or
// handed over by LMTP. His script is asked, as the Border asks it, and its refusal is heard at once.

import type { Envelope } from '../../protocols/smtp/envelope.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import type { Verdict } from '../../store/nouns/mail.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import { srsReversePath } from '../forwarder/srs.ts'
import { forwardPathOf, homesFor, type Leg, queueCommand, wayFor, wishesOf } from '../routing.ts'
import { carryOut } from './carry-out.ts'
import { type Delivery, placeCommand, prepareDelivery, returnPathField, withoutReturnPath } from './place.ts'
import { type Arrival, isRefusal, replyLines, sort, sorts } from './sort.ts'

export interface HomeMail {
  readonly trace: string
  readonly envelope: Envelope
  readonly reversePath: string
  /** Fields of ours, and what came. */
  readonly front: readonly Uint8Array[]
  readonly body: Buffer
  /** What our own checks said; null for what this agent wrote. */
  readonly verdict: Verdict | null
  /** Who signed in here to send it. */
  readonly author?: string | undefined
}

/** The commands that place it with this Recipient, or the refusal of his script. @throws DiskError */
export async function placedAtHome(
  agent: Agent,
  { trace, envelope, reversePath, front, body, verdict, author }: HomeMail,
  { account, address, way, recipient }: Pick<Leg, 'way' | 'recipient'> & { account: Account; address: string },
  { prepared, at, isAlone }: { prepared: () => Promise<Delivery>; at: number; isAlone: boolean },
): Promise<{ commands: readonly Command[]; text: string } | { refusal: Reply }> {
  const place = async (mailbox: 'inbox' | 'junk') => ({
    commands: [placeCommand(agent, account, await prepared(), mailbox, verdict)],
    text: `Put into ${mailbox === 'inbox' ? 'the inbox' : 'Junk'} of ${account.address}, who is at home here.`,
  })
  const judged = verdict?.outcome === 'junk' ? 'junk' : 'inbox'
  if (!sorts(agent, account)) return place(judged)
  const kept = Buffer.concat([returnPathField(reversePath), ...front, body])
  const arrival: Arrival = { account, address, reversePath, message: kept, author, verdict: judged }
  const outcome = await sort(agent, arrival)
  if (outcome === undefined) return place(judged)
  const rejected = outcome.actions.find(isRefusal)
  // One reply answers for all recipients: what one of several does not want goes into his Junk.
  if (rejected !== undefined && (!isAlone || way.kind !== 'mailbox')) return place('junk')
  if (rejected !== undefined) return { refusal: reply(550, '5.7.1', ...replyLines(rejected.reason)) }
  const redirect = async (to: string, changed: Buffer | undefined, isKept: boolean): Promise<Command[]> => {
    const deliveredTo = Buffer.from(`Delivered-To: ${address}\r\n`)
    const content = changed === undefined ? [...front, body] : [withoutReturnPath(changed)]
    // Back to the group it came through: its members have it.
    const homes = to.toLowerCase() === address.toLowerCase() ? [account] : homesFor(agent, to)
    if (homes !== undefined) {
      const delivery = await prepareDelivery(agent, reversePath, [deliveredTo], Buffer.concat(content))
      return homes.map((home) => placeCommand(agent, home, delivery, 'inbox', verdict))
    }
    const onward = wayFor(agent, forwardPathOf(to))
    const blob = await agent.store.putBlob([deliveredTo, ...content])
    const parameters = {
      smtputf8: envelope.smtputf8,
      body: envelope.body,
      ...wishesOf(recipient),
      forwardedFrom: address,
      ...(isKept ? { notify: [] } : {}),
    }
    const sent = { trace, blob, reversePath: srsReversePath(agent, reversePath), parameters, origin: 'mda' } as const
    return [queueCommand(agent, sent, 'to' in onward ? onward.to : to)]
  }
  const carrying = { verdict, delivery: prepared, redirect, isUnproven: false, at }
  const { commands, story } = await carryOut(agent, arrival, outcome, carrying)
  return { commands, text: `Sorted by the script of ${account.address}: ${story}.` }
}
