// How the target of a forward answers: a forward that is refused again and again is paused. Its mail then stays in the
// mailbox here, and the Recipient finds a letter there that says why. Only where there is a mailbox to keep it in; else
// each sender goes on to hear the refusal, which loses nothing either.

import { buildMessage, structuredField, textField } from '../../message/build.ts'
import { formatDate } from '../../message/date.ts'
import type { Command } from '../../store/commands.ts'
import { type Agent, newTrace } from '../agent.ts'
import { placeCommand, prepareDelivery } from '../mda/place.ts'

/** Refusals for good in a row. */
export const PAUSE_AFTER = 10
const MAX_REPLY = 300

export interface Heard {
  /** The Recipient's address here, and where he reads now. */
  readonly from: string
  readonly to: string
  readonly isTaken: boolean
  readonly said: string
}

/** The commands that remember the answer; none when nothing has changed. @throws DiskError */
export async function healthCommands(agent: Agent, { from, to, isTaken, said }: Heard): Promise<Command[]> {
  const before = agent.store.forwardHealth(from.toLowerCase())
  if (isTaken && (before === undefined || before.refusals === 0)) return []
  const refusals = isTaken ? 0 : (before?.refusals ?? 0) + 1
  const account = agent.store.accountByAddress(from)
  const pauses = refusals >= PAUSE_AFTER && before?.pausedAtMs == null && account !== undefined
  const nowMs = agent.world.clock.now()
  const health = {
    refusals,
    pausedAtMs: pauses ? nowMs : isTaken ? null : (before?.pausedAtMs ?? null),
    lastReply: said.slice(0, MAX_REPLY),
  }
  const commands: Command[] = [{ kind: 'forward.health', from, health }]
  if (pauses) {
    const delivery = await prepareDelivery(agent, '', [], pausedLetter(agent, from, to, said))
    commands.push(placeCommand(agent, account, delivery, 'inbox', null))
  }
  return commands
}

/** Is mail for this address kept here for now. */
export function isPaused(agent: Agent, from: string): boolean {
  return agent.store.forwardHealth(from)?.pausedAtMs != null
}

function pausedLetter(agent: Agent, from: string, to: string, said: string): Buffer {
  const trace = newTrace(agent.world)
  return buildMessage({
    fields: [
      structuredField('From', `Mail Delivery <postmaster@${agent.domain}>`),
      structuredField('To', from),
      textField('Subject', `Forwarding to ${to} is paused`),
      structuredField('Date', formatDate(agent.world.clock.now())),
      structuredField('Message-ID', `<${trace}@${agent.hostName}>`),
      structuredField('Auto-Submitted', 'auto-generated'),
    ],
    text:
      `Mail for ${from} is forwarded to ${to}, which refused the last ${PAUSE_AFTER} messages. It said:\n\n` +
      `    ${said.slice(0, MAX_REPLY)}\n\nFrom now on your mail stays here. When the address is right again, resume the ` +
      'forwarding in the settings.\n',
    boundary: () => trace,
  })
}
