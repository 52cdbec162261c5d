// One job over one connection: the stored message is read, signed where it must be, sent, and what was said to each
// recipient is the outcome. Bodies of all connections together take a bounded part of the memory.

import { reply } from '../../protocols/smtp/reply.ts'
import { DiskError } from '../../world/disk.ts'
import type { Agent } from '../agent.ts'
import type { Connected } from './connect.ts'
import { type HttpProgram, postTo } from './http-program.ts'
import { envelopeOf, type Job } from './jobs.ts'
import type { Outcome } from './outcome.ts'
import { dkim2Fields } from './signing.ts'
import { policyDetail } from './tls-attempt.ts'

/** Bodies in memory at once, all connections together; a larger one goes alone. */
const BODY_BYTES = 256 * 1024 * 1024
/** A disk may work again; a body that could not be read so often, over hours, is damaged. */
const UNREADABLE_ATTEMPTS = 8

/** RFC 2852 §4.1.3. */
const TOO_LATE = reply(550, '5.4.7', 'the time in which it was to be delivered is over')

type Verdict = Pick<Outcome, 'state' | 'reply' | 'by'>

export class Delivery {
  readonly #agent: Agent
  #bodyBytes = 0
  readonly #waitForRoom = new Set<() => void>()

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** 'stale': the other side had closed a connection that was kept, and nothing was said. */
  async deliver({ smtp, destination, attempt }: Connected, job: Job): Promise<Outcome[] | 'stale'> {
    const by = destination.exchange
    const { sizeBytes } = job.entries[0]!.blob
    while (this.#bodyBytes > 0 && this.#bodyBytes + sizeBytes > BODY_BYTES)
      await new Promise<void>((resolve) => this.#waitForRoom.add(resolve))
    this.#bodyBytes += sizeBytes
    try {
      const envelope = envelopeOf(job.entries, this.#agent.world.clock.now())
      if (envelope.deliverBy?.mode === 'return' && envelope.deliverBy.byS <= 0)
        return outcomesOf([job], { state: 'refused', reply: TOO_LATE, by: '' })
      const message = await this.#bodyOf(job)
      if (!Buffer.isBuffer(message)) return outcomesOf([job], message)
      const result = await smtp.send({
        envelope,
        message: await this.#withDkim2(job, message),
      })
      if (result.stale) return 'stale'
      const tls = smtp.tls === undefined ? 'none' : smtp.tls.protocol
      const detail = { host: by, address: destination.address, tls, ...policyDetail(attempt) }
      return job.entries.map((entry, i) => ({
        entry,
        by,
        detail,
        dsn: result.dsn,
        deliverBy: result.deliverBy,
        ...result.recipients[i]!,
      }))
    } catch (error) {
      // A bug of ours: trying again would only repeat it.
      this.#agent.log('error', `delivery to ${job.entries[0]!.domain} broke, its mail is held`, {
        error: String(error),
      })
      return outcomesOf([job], { state: 'held', reply: reply(451, '4.3.0', String(error)), by: '' })
    } finally {
      this.#bodyBytes -= sizeBytes
      for (const wake of this.#waitForRoom) wake()
      this.#waitForRoom.clear()
    }
  }

  /** The same by HTTP. `isSilent`: the program is away. */
  async post(program: HttpProgram, job: Job): Promise<{ outcomes: Outcome[]; isSilent: boolean }> {
    const by = program.socket ?? program.host
    try {
      const message = await this.#bodyOf(job)
      if (!Buffer.isBuffer(message)) return { outcomes: outcomesOf([job], message), isSilent: false }
      const { isSilent, ...verdict } = await postTo(this.#agent, program, job.entries, message)
      return { outcomes: outcomesOf([job], { ...verdict, by }), isSilent }
    } catch (error) {
      this.#agent.log('error', `delivery to ${job.entries[0]!.domain} broke, its mail is held`, {
        error: String(error),
      })
      const held = { state: 'held', reply: reply(451, '4.3.0', String(error)), by: '' } as const
      return { outcomes: outcomesOf([job], held), isSilent: false }
    }
  }

  /** What was forwarded is signed before it lies in the queue: its target may be asked at once, too. */
  async #withDkim2({ entries }: Job, message: Buffer): Promise<Buffer> {
    const { origin, reversePath, acceptedAtMs: atMs } = entries[0]!
    if (origin === 'forwarder') return message
    const recipients = entries.map(({ forwardPath }) => forwardPath)
    const fields = await dkim2Fields(this.#agent, message, { reversePath, recipients, atMs })
    return fields.length === 0 ? message : Buffer.concat([...fields, message])
  }

  /** The stored message; or what becomes of its recipients because it cannot be read. */
  async #bodyOf(job: Job): Promise<Buffer | Verdict> {
    const { blob, trace, attempts } = job.entries[0]!
    const why = reply(451, '4.3.0', 'our stored copy of the message cannot be read')
    try {
      return (await this.#agent.store.readBlob(blob)) ?? { state: 'held', reply: why, by: '' }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#agent.log('error', 'a message in the queue cannot be read', { trace, reason: error.message })
      return { state: attempts + 1 >= UNREADABLE_ATTEMPTS ? 'held' : 'deferred', reply: why, by: '' }
    }
  }
}

/** The same outcome for all recipients of some jobs. */
export function outcomesOf(jobs: readonly Job[], { state, reply, by }: Verdict): Outcome[] {
  return jobs.flatMap(({ entries }) => entries.map((entry) => ({ entry, state, reply, by, detail: {} })))
}
