// What an Author's programs do by HTTP: hand in messages, each request once, and follow what becomes of them. The same
// pipeline as SMTP and JMAP takes them (submission.ts).

import { createHash } from 'node:crypto'
import { isPositive, type Reply } from '../../protocols/smtp/reply.ts'
import type { SentMessage } from '../../store/nouns/outgoing.ts'
import type { Account } from '../../store/nouns/people.ts'
import type { Agent } from '../agent.ts'
import { eventCommand } from '../tracking.ts'
import { WebhookDesk } from '../webhooks/desk.ts'
import { standings, statusOf, toldOf } from './story.ts'
import { submitText, type TextMail } from './submission.ts'

/** A request that its program may make again: the key that it gave, and what it asked for. In hex. */
export interface Request {
  readonly key: string
  readonly digest: string
}

/** What a program hears of a message that was taken. */
export interface Answer {
  readonly id: string
  readonly messageId: string
  readonly status: 'queued' | 'held'
  readonly recipients: number
  readonly holdUntil?: string
}

/** `again`: it was taken before, and this is what was said then. */
export type Sent =
  | { readonly state: 'taken'; readonly answer: Answer; readonly again: boolean }
  | { readonly state: 'refused'; readonly reply: Reply; readonly place?: number }
  | { readonly state: 'another' }

export interface SentQuery {
  /** Before this one, by its place in the list. */
  readonly before?: number
  readonly limit: number
  readonly tag?: string
  readonly recipient?: string
  readonly sinceMs?: number
  readonly untilMs?: number
}

const MAX_EVENTS = 5000
/** Messages looked at for one page: the next one goes on there. */
const LOOKED_AT = 5000
const AT_ONCE = 500
/** Recipients that a list names. */
const SHOWN = 10

export const requestOf = (key: string, asked: readonly (string | Uint8Array)[]): Request => {
  const digest = createHash('sha256')
  for (const piece of asked) digest.update(piece).update('\0')
  return { key: hexOf(key), digest: digest.digest('hex') }
}

/** One of several that a request asks for. */
export const partOf = ({ key, digest }: Request, at: number): Request => ({ key: hexOf(`${key} ${at}`), digest })

const hexOf = (text: string) => createHash('sha256').update(text).digest('hex')

export class SendingDesk {
  readonly #agent: Agent
  readonly #author: Account

  constructor(agent: Agent, author: Account) {
    this.#agent = agent
    this.#author = author
  }

  get author(): Account {
    return this.#author
  }

  /** What his programs are told by themselves. */
  get webhooks(): WebhookDesk {
    return new WebhookDesk(this.#agent, this.#author)
  }

  get maxMessageBytes(): number {
    return this.#agent.settings.maxMessageBytes
  }

  /** Passwords are taken at this MSA's doors. */
  get takesPasswords(): boolean {
    return this.#agent.settings.msa.password
  }

  /** Hands it in. With `request`, once: the answer is on record in the commit that takes the message. */
  async send(mail: TextMail, request?: Request): Promise<Sent> {
    const known = request && this.before(request)
    if (known === 'another') return { state: 'another' }
    if (known !== undefined && known !== '') return { state: 'taken', answer: JSON.parse(known), again: true }
    const { holdUntilMs, forwardPaths } = mail
    const answerOf = ({ trace: id, messageId }: { trace: string; messageId: string }): Answer => ({
      ...{ id, messageId, status: holdUntilMs === undefined ? 'queued' : 'held', recipients: forwardPaths.length },
      ...(holdUntilMs !== undefined && { holdUntil: new Date(holdUntilMs).toISOString() }),
    })
    const once =
      request &&
      ((message: { trace: string; messageId: string }) => this.#once(request, JSON.stringify(answerOf(message))))
    const taken = await submitText(this.#agent, this.#author, { ...mail, once, writer: 'many' })
    // Another made the same request meanwhile, and was first.
    if (taken.again === 'conflict') return { state: 'another' }
    if (taken.again === 'exists') return { state: 'taken', answer: JSON.parse(this.before(request!)!), again: true }
    const { reply, trace, messageId = '', place } = taken
    if (!isPositive(reply) || trace === undefined)
      return { state: 'refused', reply, ...(place !== undefined && { place }) }
    return { state: 'taken', answer: answerOf({ trace, messageId }), again: false }
  }

  /** What was said to this request; '' while it is done, undefined where it is new. */
  before({ key, digest }: Request): string | 'another' | undefined {
    const { store, world } = this.#agent
    const known = store.sent.once(this.#author.id, key, world.clock.now())
    return known === undefined || known.digest === digest ? known?.answer : 'another'
  }

  /** Notes that a request of several parts is begun, or done with this answer; then what was said. @throws DiskError */
  async note(request: Request, answer: string): Promise<string | 'another'> {
    const [result] = await this.#agent.store.commit([this.#once(request, answer)])
    return result!.ok ? answer : (this.before(request) ?? answer)
  }

  #once({ key, digest }: Request, answer: string) {
    const nowMs = this.#agent.world.clock.now()
    return { kind: 'once.put', account: this.#author.id, key, digest, answer, nowMs } as const
  }

  /** What became of one message; undefined: it is none of his. */
  message(id: string) {
    const sent = this.#agent.store.sent.message(this.#author.id, id)
    return sent && { ...this.#whole(sent), ...this.#fates(sent) }
  }

  /** The newest first; `next`: where the next page begins, if there may be one. */
  messages({ before = Number.MAX_SAFE_INTEGER, limit, tag, recipient, sinceMs = 0, untilMs = Infinity }: SentQuery) {
    const isWanted = ({ tags, forwardPaths, atMs }: SentMessage) =>
      (tag === undefined || tags?.includes(tag) === true) &&
      (recipient === undefined || forwardPaths.some((path) => path.toLowerCase() === recipient.toLowerCase())) &&
      atMs >= sinceMs &&
      atMs < untilMs
    const isNarrow = tag !== undefined || recipient !== undefined || sinceMs > 0 || untilMs < Infinity
    const atOnce = isNarrow ? AT_ONCE : limit + 1
    const found = []
    let last = before
    for (let looked = 0; looked < LOOKED_AT; looked += atOnce) {
      const page = this.#agent.store.sent.before(this.#author.id, last, atOnce)
      for (const sent of page) {
        if (found.length === limit) return { messages: found, next: String(last) }
        last = sent.id
        if (isWanted(sent)) found.push(this.#whole(sent))
      }
      if (page.length < atOnce) return { messages: found }
    }
    return { messages: found, next: String(last) }
  }

  /** Takes back what has not left. @throws DiskError */
  async cancel(id: string): Promise<'cancelled' | 'unknown' | 'too-late'> {
    const { store, world } = this.#agent
    const sent = store.sent.message(this.#author.id, id)
    if (sent === undefined) return 'unknown'
    const { trace, messageId, reversePath } = sent
    const text = `Taken back by ${this.#author.address} before it left.`
    const [result] = await store.commit([
      { kind: 'sent.cancel', account: this.#author.id, trace, nowMs: world.clock.now() },
      eventCommand(this.#agent, {
        ...{ trace, messageId, reversePath, forwardPath: '', role: 'MSA', kind: 'cancelled', text },
      }),
    ])
    return result!.ok ? 'cancelled' : 'too-late'
  }

  /** Of each recipient, and event by event. */
  #fates(sent: SentMessage) {
    const events = this.#agent.store
      .events({ trace: sent.trace, limit: MAX_EVENTS })
      .flatMap((event) => toldOf(sent, event) ?? [])
    return { recipients: standings(sent, events), events }
  }

  #whole({ trace: id, messageId, subject, reversePath, forwardPaths, ...sent }: SentMessage) {
    const { recipients } = this.#fates({ trace: id, messageId, subject, reversePath, forwardPaths, ...sent })
    const status = statusOf(recipients)
    const waits = sent.holdUntilMs !== undefined && sent.holdUntilMs > this.#agent.world.clock.now()
    return {
      ...{ id, messageId, subject, from: reversePath, to: forwardPaths.slice(0, SHOWN) },
      status: waits && status === 'accepted' ? 'held' : status,
      recipientCount: sent.recipients,
      createdAt: new Date(sent.atMs).toISOString(),
      via: sent.protocol,
      sizeBytes: sent.sizeBytes,
      tags: sent.tags ?? [],
      metadata: sent.metadata ?? {},
      ...(sent.holdUntilMs !== undefined && { holdUntil: new Date(sent.holdUntilMs).toISOString() }),
    }
  }
}
