// Where a system plays: in the simulated world, or as real processes of this computer. The same letters are sent on both,
// and what the agents themselves recorded is read in the same way.

import { formatDate } from '../../message/date.ts'
import { SmtpConnection } from '../../protocols/smtp/client.ts'
import { replyText } from '../../protocols/smtp/reply.ts'
import { forwardPathOf, reversePathOf } from '../../roles/routing.ts'
import type { RunningAgent } from '../../system/agent.ts'
import type { SystemPlan } from '../../system/plan.ts'
import type { World } from '../../world/world.ts'
import { type FlowLetter, STRANGER } from './letters.ts'

export interface Stage {
  readonly plan: SystemPlan
  agent(id: string): RunningAgent
  /** The world of a computer at this address that is none of the agents. */
  computer(ip: string): World
  /** Does the work, while time passes. */
  finish<T>(work: Promise<T>): Promise<T>
  /** Until nothing is on its way any more, or as long as anybody would wait. */
  rest(): Promise<void>
}

export interface Sent {
  readonly letter: FlowLetter
  readonly messageId: string
  /** What the Author's program heard last. */
  readonly reply: string
  readonly isTaken: boolean
}

/** Who is asked to come again comes again after this time. */
const AGAIN_MS = 6 * 60_000

/** Writes a letter as a mail program would, or as a stranger's relay. `tries`: how often one who is put off comes again. */
export async function send(stage: Stage, letter: FlowLetter, tries: number): Promise<Sent> {
  const world = stage.computer(letter.ip)
  const agent = stage.agent(letter.first.id)
  const domain = letter.from.slice(letter.from.lastIndexOf('@') + 1)
  const messageId = `flow-${letter.flow + 1}.${world.random.bytes(8).toString('hex')}@${domain}`
  const isStranger = letter.door === 'smtp'
  const message = messageOf(letter, messageId, world.clock.now())
  for (let n = 1; ; n++) {
    const reply = await offer(world, agent, letter, message, isStranger)
    const isTaken = reply.startsWith('2')
    if (isTaken || !reply.startsWith('4') || n >= tries) return { letter, messageId, reply, isTaken }
    await world.clock.sleep(AGAIN_MS)
  }
}

async function offer(world: World, agent: RunningAgent, letter: FlowLetter, message: Buffer, isStranger: boolean) {
  const { from: user, password } = letter
  const connection = await SmtpConnection.open({
    network: world.network,
    clock: world.clock,
    endpoint: agent.endpoint(letter.door)!,
    serverName: agent.plan.hostName,
    heloName: isStranger ? `mail.${STRANGER.domain}` : 'computer.invalid',
    tls: password === undefined ? 'opportunistic' : 'required',
    ...(password === undefined ? {} : { login: { user, password, cpu: world.cpu, random: world.random } }),
  })
  if (!(connection instanceof SmtpConnection)) return replyText(connection.reply)
  const { recipients } = await connection.send({
    envelope: {
      reversePath: reversePathOf(letter.from),
      recipients: [{ forwardPath: forwardPathOf(letter.to) }],
      body: '7BIT',
      smtputf8: false,
    },
    message,
  })
  await connection.quit()
  return replyText(recipients[0]!.reply)
}

function messageOf({ from, to, flow, recipient }: FlowLetter, messageId: string, nowMs: number): Buffer {
  const name = (address: string) => address.slice(0, address.lastIndexOf('@'))
  return Buffer.from(
    [
      `From: ${from}`,
      `To: ${to}`,
      `Subject: The minutes of our meeting (${flow + 1})`,
      `Date: ${formatDate(nowMs)}`,
      `Message-ID: <${messageId}>`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=us-ascii',
      '',
      `Dear ${name(recipient)},`,
      '',
      'here is what we decided on Tuesday. Please tell me when something is missing;',
      'I shall bring the plans for the new building to the next meeting.',
      '',
      'Kind regards,',
      name(from),
      '',
    ].join('\r\n'),
  )
}
