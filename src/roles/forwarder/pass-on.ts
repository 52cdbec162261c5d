// What becomes of mail that is forwarded. Border-true: it lies in our queue first, not yet due, and is remembered as
// arrived; then its target is asked while the sender waits, and the target's answer is the answer. A target that is slow
// or down gets it from the queue. Whoever of the three vanishes, and when: the message is in the queue, or at the target,
// or its sender was told no and we keep nothing. What the queue sends again is the same to the byte.

import { type Reply, reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Command } from '../../store/commands.ts'
import { DiskError } from '../../world/disk.ts'
import type { Agent } from '../agent.ts'
import { domainOf } from '../routing.ts'
import { commitAll, eventCommand, type Happening } from '../tracking.ts'
import { type Forwarding, forwardedEvent, type Outgoing, prepareForward, queueForward } from './forward.ts'
import { healthCommands } from './health.ts'
import { PATIENCE_MS, type TargetAnswer, type Targets } from './target.ts'

interface Asked {
  readonly forwarding: Forwarding
  readonly outgoing: Outgoing
  /** Its entry in the queue, if it lies there already. */
  readonly id: number | undefined
  readonly answer: TargetAnswer
}

const MAX_SAID = 300
/** What the queue says of an entry whose target is being asked. */
const ASKED = 'its target is asked while its sender waits'
const AT_ONCE = 1000

/** The commands that put one message into the queue for each forwarding, due at once. @throws DiskError */
export async function queueAll(agent: Agent, forwardings: readonly Forwarding[]): Promise<Command[]> {
  const commands = forwardings.map(async (forwarding) => {
    const outgoing = await prepareForward(agent, forwarding)
    return [
      ...(await queueForward(agent, forwarding, outgoing)),
      eventCommand(agent, forwardedEvent(forwarding, outgoing)),
    ]
  })
  return (await Promise.all(commands)).flat()
}

/**
 * Passes one message on to its targets while its sender waits: the reply to him, with everything durable that it
 * promises. `arrival`: the command that remembers the transaction, where it can be known again when it is repeated.
 * @throws DiskError when nothing of it was kept and no target has it
 */
export async function passOn(
  agent: Agent,
  targets: Targets,
  forwardings: readonly Forwarding[],
  arrival: Extract<Command, { kind: 'arrival.add' }> | undefined,
): Promise<Reply> {
  const outgoings = await Promise.all(forwardings.map((forwarding) => prepareForward(agent, forwarding)))
  const ids = arrival === undefined ? [] : await intend(agent, forwardings, outgoings, arrival)
  const asked = await Promise.all(
    forwardings.map(async (forwarding, i): Promise<Asked> => {
      const outgoing = outgoings[i]!
      return { forwarding, outgoing, id: ids[i], answer: await targets.offer(outgoing) }
    }),
  )
  const isRefused = asked.every(({ answer }) => answer.kind === 'refused' || answer.kind === 'later')
  try {
    const health = await Promise.all(asked.map((one) => healthOf(agent, one)))
    const ends = isRefused
      ? asked.map((one) => drop(agent, one))
      : await Promise.all(asked.map((o) => settle(agent, o)))
    const forget: Command[] = isRefused && arrival !== undefined ? [{ ...arrival, kind: 'arrival.remove' }] : []
    await commitAll(agent, [...ends.flat(), ...health.flat(), ...forget])
  } catch (error) {
    const isSafe = arrival !== undefined || isRefused
    if (!(error instanceof DiskError) || !isSafe) throw error
    agent.log('error', 'what a target said cannot be kept now', { reason: error.message })
    // It still lies in the queue and will leave from there: that is a promise.
    if (arrival !== undefined) return accepted(forwardings, '')
  }
  if (!isRefused) return accepted(forwardings, asked.map(({ answer }) => saidBy(answer)).join(''))
  // Another time may be another answer for all of them: then nobody must be told no for good.
  return replyOf(asked.find(({ answer }) => answer.kind === 'later') ?? asked[0]!)
}

const accepted = ([first]: readonly Forwarding[], said: string) =>
  reply(250, '2.0.0', `accepted as ${first!.trace}${said.slice(0, MAX_SAID)}`)

const saidBy = (answer: TargetAnswer) => (answer.kind === 'taken' ? `; ${answer.by} took it` : '')

/** Puts it into the queue, due when no answer can be waited for any longer. @throws DiskError */
async function intend(
  agent: Agent,
  forwardings: readonly Forwarding[],
  outgoings: readonly Outgoing[],
  arrival: Command,
): Promise<number[]> {
  const dueMs = agent.world.clock.now() + agent.settings.forwarder.waitS * 1000 + PATIENCE_MS
  const queued = outgoings.map((outgoing, i) => queueForward(agent, forwardings[i]!, outgoing, { dueMs, why: ASKED }))
  const commands = (await Promise.all(queued)).flat()
  const results = await commitAll(agent, [...commands, arrival])
  return commands.map((_command, i) => (results[i] as { id: number }).id)
}

/** After a start nobody waits any more: what was left while its target was asked is due now. @throws DiskError */
export async function releaseAsked(agent: Agent): Promise<void> {
  const nextAttemptAtMs = agent.world.clock.now()
  for (let last = 0, more = true; more; ) {
    const page = agent.store.queue.asked(last, AT_ONCE)
    last = page.at(-1)?.id ?? last
    more = page.length === AT_ONCE
    const left = page.filter(({ lastReply }) => lastReply === ASKED)
    const commands = left.map(({ id }): Command => {
      return { kind: 'queue.reschedule', id, nextAttemptAtMs, lastReply: '', countAttempt: false }
    })
    if (commands.length > 0) await agent.store.commit(commands)
  }
}

/** Nobody has it and nobody will: its sender hears so. */
function drop(agent: Agent, one: Asked): Command[] {
  const { forwarding, outgoing, id, answer } = one
  const { trace, messageId, from, to, detail } = forwarding
  const said = saying(answer)
  const by = answer.kind === 'silent' ? '' : answer.by
  const event: Happening = {
    trace,
    messageId,
    role: 'Forwarder',
    kind: answer.kind === 'later' ? 'deferred' : 'refused',
    reversePath: outgoing.reversePath,
    forwardPath: to,
    text: `${by || domainOf(to)} does not take what is forwarded from ${from} to ${to}, and its sender was told: ${said}`,
    detail: { ...detail, from, to, reply: said },
  }
  return [...removal(id), eventCommand(agent, event)]
}

/** Somebody of several took it, or was silent: 250 it is, and the queue sees to the others. @throws DiskError */
async function settle(agent: Agent, { forwarding, outgoing, id, answer }: Asked): Promise<Command[]> {
  const forwarded = eventCommand(agent, forwardedEvent(forwarding, outgoing))
  if (answer.kind === 'taken') {
    const { trace, messageId, to } = forwarding
    const said = replyText(answer.reply)
    const transmitted = eventCommand(agent, {
      trace,
      messageId,
      role: 'Transmitter',
      kind: 'transmitted',
      reversePath: outgoing.reversePath,
      forwardPath: to,
      text: `Taken by ${answer.by} while its sender waited: ${said}`,
      detail: { ...answer.detail, reply: said, attempts: 1, origin: 'forwarder' },
    })
    return [...removal(id), forwarded, transmitted]
  }
  if (id === undefined) return [...(await queueForward(agent, forwarding, outgoing)), forwarded]
  const nowMs = agent.world.clock.now()
  const lastReply = saying(answer)
  return [{ kind: 'queue.reschedule', id, nextAttemptAtMs: nowMs, lastReply, countAttempt: false }, forwarded]
}

const removal = (id: number | undefined): Command[] => (id === undefined ? [] : [{ kind: 'queue.remove', id }])

const saying = (answer: TargetAnswer) => (answer.kind === 'silent' ? answer.reason : replyText(answer.reply))

function healthOf(agent: Agent, { forwarding: { from, to }, answer }: Asked): Promise<Command[]> {
  if (answer.kind === 'silent' || answer.kind === 'later') return Promise.resolve([])
  return healthCommands(agent, { from, to, isTaken: answer.kind === 'taken', said: replyText(answer.reply) })
}

/** The target's answer, in our voice. */
function replyOf({ forwarding, answer }: Asked): Reply {
  if (answer.kind === 'silent') throw new Error('silence is no answer')
  const { code, enhanced, lines } = answer.reply
  const who = answer.by === '' ? domainOf(forwarding.to) : answer.by
  const text = lines.join(' ').slice(0, MAX_SAID)
  return reply(code, enhanced ?? (code < 500 ? '4.0.0' : '5.0.0'), `${text} (says ${who}, where it is forwarded to)`)
}
