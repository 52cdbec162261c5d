// Tells the sender of a message that a Recipient here moved it to Junk, if the sender asked for that (RFC 9477) and our
// description agrees (complaints=yes). Nothing of the message goes back but the names that its sender gave it: the
// Recipient, what is written in it, and the way it took are nobody's business.

import { complaintsTo } from '../../identity/reports/cfbl.ts'
import { buildFeedback, type Feedback } from '../../identity/reports/feedback.ts'
import { formatAddress } from '../../message/address.ts'
import { structuredField } from '../../message/build.ts'
import { firstValue, type Header, parseHeader } from '../../message/header.ts'
import type { Command } from '../../store/commands.ts'
import type { Email } from '../../store/nouns/mail.ts'
import type { ComplaintDue } from '../../store/read/reports.ts'
import { type Agent, newTrace } from '../agent.ts'
import { commitAll } from '../tracking.ts'
import { frameOf } from './due.ts'
import { carry } from './send.ts'

/** Whoever moved it by mistake has so long to take it out again. */
const SECOND_THOUGHT_MS = 600_000
const AT_ONCE = 100
/** Without an answer from DNS. */
const AGAIN_MS = 3_600_000
const ATTEMPTS = 24

/** The complaints of one agent on their way. */
export class Complaints {
  readonly #agent: Agent
  /** When each is looked at next, and how often it was. */
  readonly #planned = new Map<number, { atMs: number; attempts: number }>()

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** Sends what is ripe; how long until there is more to do, undefined when nothing waits. @throws DiskError */
  async work(isStopped: () => boolean): Promise<number | undefined> {
    const { store, world } = this.#agent
    const waiting = store.reports.complaintsDue(AT_ONCE)
    let nextMs: number | undefined
    for (const complaint of waiting) {
      if (isStopped()) return undefined
      const nowMs = world.clock.monotonic()
      const plan = this.#planned.get(complaint.id) ?? { atMs: nowMs + SECOND_THOUGHT_MS, attempts: 0 }
      this.#planned.set(complaint.id, plan)
      if (plan.atMs <= nowMs) {
        const commands = await this.#commandsFor(complaint, ++plan.attempts >= ATTEMPTS)
        if (commands !== undefined) {
          await commitAll(this.#agent, [...commands, { kind: 'complaint.done', id: complaint.id }])
          this.#planned.delete(complaint.id)
          continue
        }
        plan.atMs = nowMs + AGAIN_MS
      }
      nextMs = Math.min(nextMs ?? Number.POSITIVE_INFINITY, plan.atMs - nowMs)
    }
    return nextMs
  }

  /** Undefined: asked again later. */
  async #commandsFor({ account, email: id }: ComplaintDue, isLast: boolean): Promise<Command[] | undefined> {
    const { store, world, roles, settings } = this.#agent
    // RFC 9477 §3.2: who complains must sign.
    if (!settings.transmitter.signs || !(roles.has('Transmitter') || roles.has('Forwarder'))) return []
    const email = store.email(account, id)
    // What did not come across the Border was sent by nobody else; what was taken out of Junk was a mistake.
    if (email === undefined || email.verdict === null || !this.#isInJunk(account, id)) return []
    const source = await store.readBlob(email.blob)
    if (source === undefined) return []
    const header = parseHeader(source)
    const asked = await complaintsTo(header, world)
    if (asked.kind === 'no-answer' && !isLast) return undefined
    if (asked.kind !== 'asked') return []
    const trace = newTrace(this.#agent.world)
    const address = formatAddress(asked.mailbox)
    const { from, messageId, nowMs, boundary } = frameOf(this.#agent, trace, 'abuse')
    const message = buildFeedback(this.#feedback(email, asked.author), {
      from,
      to: [asked.mailbox],
      subject: `Complaint about mail from ${asked.author}`,
      messageId,
      nowMs,
      text: `A Recipient at ${this.#agent.domain} moved a message from ${asked.author} to Junk.\nIts Message-ID is below; nothing else of it is shown.\n`,
      original: namesOf(header, asked.feedbackId),
      headerOnly: true,
      boundary,
    })
    return carry(this.#agent, { trace, message, addresses: [address], about: `A complaint about ${asked.author}` })
  }

  #isInJunk(account: number, email: number): boolean {
    const { store } = this.#agent
    const junk = store.mailboxByUse(account, 'junk')?.id
    return store
      .placementsOf(account, email)
      .some(({ mailbox, flags }) => mailbox === junk || flags.some((flag) => flag.toLowerCase() === '$junk'))
  }

  #feedback({ receivedAtMs }: Email, author: string): Feedback {
    return {
      feedbackType: 'abuse',
      userAgent: 'Borderpost',
      version: 1,
      originalRcptTo: [],
      arrivalMs: receivedAtMs,
      reportingMta: this.#agent.hostName,
      incidents: 1,
      authenticationResults: [],
      reportedDomains: [author],
      reportedUris: [],
      identityAlignment: [],
    }
  }
}

/** The header that goes back (RFC 9477 §5): what its sender knows it by. */
function namesOf(header: Header, feedbackId: string): Buffer {
  const messageId = (firstValue(header, 'message-id') ?? '').slice(0, 500)
  const fields = [
    ...(messageId === '' ? [] : [structuredField('Message-ID', messageId)]),
    ...(feedbackId === '' ? [] : [structuredField('CFBL-Feedback-ID', feedbackId)]),
  ]
  return Buffer.from(`${fields.join('')}\r\n`)
}
