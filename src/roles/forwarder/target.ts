// Border-true forwarding: the target is asked while the sender still waits, so that its answer can be the answer, and
// nobody must later choose between losing mail and bounce spam. Up to the final dot there is a time limit: whoever is slow
// or down then gets the message from the queue. After the dot the message may have arrived, so its answer is waited for;
// if that is lost, the queue sends the same bytes again (RFC 5321 §4.5.3.2.6: a second copy is better than none).

import { type Reply, replyText } from '../../protocols/smtp/reply.ts'
import type { Agent } from '../agent.ts'
import { domainOf } from '../routing.ts'
import { connectTo } from '../transmitter/connect.ts'
import { envelopeOf } from '../transmitter/jobs.ts'
import { policyDetail } from '../transmitter/tls-attempt.ts'
import type { Outgoing } from './forward.ts'

export type TargetAnswer =
  /** The target itself said so. */
  | {
      readonly kind: 'taken' | 'refused' | 'later'
      readonly reply: Reply
      /** The host; '' when DNS already says that there is none. */
      readonly by: string
      readonly detail: Record<string, unknown>
    }
  /** Nobody said anything: slow, down, or gone before its answer. */
  | { readonly kind: 'silent'; readonly reason: string }

/** Less than the ten minutes that a sender waits for us (RFC 5321 §4.5.3.2.6). */
const ANSWER_MS = 240_000
/** Beyond the time limit, no offer takes longer. */
export const PATIENCE_MS = ANSWER_MS + 60_000
/** Senders that may wait for a target at once; more go by the queue. */
const WAITING = 100
/** A target that was silent is left to the queue for a while: not every sender must wait to find that out. */
const SILENT_MS = 60_000
const REMEMBERED = 1000

export class Targets {
  readonly #agent: Agent
  readonly #silentUntilMs = new Map<string, number>()
  #waiting = 0

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** Offers the message to its target, now. Never rejects for what the target does. */
  async offer(outgoing: Outgoing): Promise<TargetAnswer> {
    const { clock } = this.#agent.world
    const domain = domainOf(outgoing.forwardPath)
    if ((this.#silentUntilMs.get(domain) ?? 0) > clock.monotonic())
      return { kind: 'silent', reason: `${domain} did not answer lately` }
    if (this.#waiting >= WAITING) return { kind: 'silent', reason: 'too many senders wait already' }
    this.#waiting++
    try {
      const answer = await this.#ask(domain, outgoing)
      this.#silentUntilMs.delete(domain)
      if (answer.kind === 'silent') this.#remember(domain)
      return answer
    } finally {
      this.#waiting--
    }
  }

  async #ask(domain: string, outgoing: Outgoing): Promise<TargetAnswer> {
    const { world, settings } = this.#agent
    const deadlineMs = world.clock.monotonic() + settings.forwarder.waitS * 1000
    const heedsPolicy = outgoing.parameters.ignoresTlsPolicy !== true
    const haste = { deadlineMs, dataTerminationMs: ANSWER_MS }
    const opened = await connectTo(this.#agent, domain, { haste, heedsPolicy })
    if (opened.kind === 'failed') {
      const { state, reply, by } = opened
      return state === 'refused'
        ? { kind: 'refused', reply, by, detail: {} }
        : { kind: 'silent', reason: replyText(reply) }
    }
    const { smtp, destination, attempt } = opened
    const by = destination.exchange
    const { recipients } = await smtp.send({
      envelope: envelopeOf([outgoing], world.clock.now()),
      message: outgoing.message,
    })
    const { state, reply } = recipients[0]!
    // Goodbye may take its time; the sender has waited enough.
    void smtp.quit()
    // 421: it closes the connection, or it is gone and these are our own words for that.
    if (reply.code === 421) return { kind: 'silent', reason: replyText(reply) }
    const detail = {
      host: by,
      address: destination.address,
      tls: smtp.tls?.protocol ?? 'none',
      ...policyDetail(attempt),
    }
    const kind = state === 'accepted' ? 'taken' : state === 'refused' ? 'refused' : 'later'
    return { kind, reply, by, detail }
  }

  #remember(domain: string): void {
    if (this.#silentUntilMs.size >= REMEMBERED) this.#silentUntilMs.delete(this.#silentUntilMs.keys().next().value!)
    this.#silentUntilMs.set(domain, this.#agent.world.clock.monotonic() + SILENT_MS)
  }
}
