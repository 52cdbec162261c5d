// The demo's mail: an Author writes by SMTP as any client would, and the hops are followed through every role by the
// message's Message-ID. What is reported is what the agents themselves recorded.

import { SmtpConnection } from '../protocols/smtp/client.ts'
import { isPositive, replyText } from '../protocols/smtp/reply.ts'
import { forwardPathOf, reversePathOf } from '../roles/routing.ts'
import type { World } from '../world/world.ts'
import type { RunningAgent } from './agent.ts'
import type { Live, LiveHop } from './live.ts'
import type { PersonPlan } from './plan.ts'

export interface Letter {
  readonly from: PersonPlan
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface FollowedLetter {
  readonly letter: Letter
  readonly messageId: string
  readonly hops: readonly LiveHop[]
  /** From the first acceptance to the mailbox; undefined when it has not arrived in the time given. */
  readonly tookMs: number | undefined
}

/** Sends one letter through the Author's MSA, over STARTTLS with a password. @throws Error saying what the MSA said */
export async function sendLetter(agent: RunningAgent, world: World, letter: Letter, messageId: string): Promise<void> {
  const endpoint = agent.endpoint('submission')
  if (endpoint === undefined) throw new Error(`${agent.plan.id} plays no MSA`)
  const connection = await SmtpConnection.open({
    network: world.network,
    clock: world.clock,
    endpoint,
    serverName: agent.plan.hostName,
    heloName: 'authors-computer.invalid',
    tls: 'required',
    login: { user: letter.from.address, password: letter.from.password ?? '', cpu: world.cpu, random: world.random },
  })
  if (!(connection instanceof SmtpConnection))
    throw new Error(`the MSA of ${agent.plan.domain} said: ${replyText(connection.reply)}`)
  const message = Buffer.from(
    [
      `From: ${letter.from.displayName} <${letter.from.address}>`,
      `To: ${letter.to}`,
      `Subject: ${letter.subject}`,
      `Message-ID: <${messageId}>`,
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      '',
      ...letter.text.split('\n'),
      '',
    ].join('\r\n'),
  )
  const result = await connection.send({
    envelope: {
      reversePath: reversePathOf(letter.from.address),
      recipients: [{ forwardPath: forwardPathOf(letter.to) }],
      body: '7BIT',
      smtputf8: false,
    },
    message,
  })
  await connection.quit()
  const [outcome] = result.recipients
  if (outcome === undefined || !isPositive(outcome.reply))
    throw new Error(
      `the MSA of ${agent.plan.domain} said: ${outcome === undefined ? 'nothing' : replyText(outcome.reply)}`,
    )
}

/** Waits until the letter is in a mailbox or was given up, or `timeoutMs` has passed. */
export function follow(
  live: Live,
  letter: Letter,
  messageId: string,
  world: World,
  timeoutMs: number,
): Promise<FollowedLetter> {
  return new Promise((resolve) => {
    const hops = live.recent().filter((hop) => hop.messageId === messageId)
    const traces = new Set(hops.map((hop) => hop.trace))
    const finish = (tookMs: number | undefined) => {
      unwatch()
      timer.cancel()
      resolve({ letter, messageId, hops, tookMs })
    }
    const startMs = world.clock.monotonic()
    const arrived = () => hops.some((hop) => hop.kind === 'delivered')
    const unwatch = live.watch((hop) => {
      if (hop.messageId !== messageId && !traces.has(hop.trace)) return
      traces.add(hop.trace)
      hops.push(hop)
      if (hop.kind === 'bounced') finish(undefined)
      // The sending side records "transmitted" just after the receiving side has recorded "delivered".
      if (
        arrived() &&
        hops.filter((one) => one.kind === 'transmitted').length >=
          hops.filter((one) => one.kind === 'accepted' || one.kind === 'forwarded').length
      )
        finish(world.clock.monotonic() - startMs)
    })
    const timer = world.clock.after(timeoutMs, () => finish(undefined))
  })
}
