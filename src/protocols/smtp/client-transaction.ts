// One message from MAIL to the reply after the final dot, as the client (RFC 5321 §3.3, RFC 2920 pipelining), with what
// the other side must offer for it: SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), DSN (RFC 3461 §5.2),
// REQUIRETLS (RFC 8689), DELIVERBY (RFC 2852), or by LMTP (RFC 2033). What it does not offer is refused here with the code
// a server would have used.

import { type ForwardPath, formatPath } from '../../message/smtp-path.ts'
import type { ClientTimeouts, Extensions } from './client.ts'
import { type ClientIo, isLost, type Lost } from './client-io.ts'
import { encodeXtext } from './command.ts'
import type { DeliverBy, Envelope, EnvelopeRecipient, Notify } from './envelope.ts'
import { isPermanent, type Reply, reply } from './reply.ts'
import { toWire, type WireContent } from './wire.ts'

interface RecipientOutcome {
  readonly forwardPath: ForwardPath
  readonly reply: Reply
  readonly state: 'accepted' | 'deferred' | 'refused'
}

export interface SendResult {
  /** In the order of the envelope. */
  readonly recipients: readonly RecipientOutcome[]
  /** The connection went after the final dot was sent: a deferred message may have arrived all the same. */
  readonly uncertain: boolean
  /** A kept connection turned out to be dead before MAIL was answered: try at once on a new one. */
  readonly stale: boolean
  /** The other side heeds by when it must be delivered; undefined: there it is delivered already (LMTP). */
  readonly deliverBy: boolean | undefined
  /** The other side takes over the DSN parameters; else 'relayed' notifications are ours to send (RFC 3461 §5.2.2). */
  readonly dsn: boolean
}

/** So many recipients' commands go before their replies are read: both directions fit any socket buffer. */
const PIPELINED_RECIPIENTS = 100

export async function sendMessage(
  io: ClientIo,
  mail: { readonly envelope: Envelope; readonly message: Buffer },
  extensions: Extensions,
  timeouts: ClientTimeouts,
  { isReused, isLmtp, isProven }: { readonly isReused: boolean; readonly isLmtp: boolean; readonly isProven: boolean },
): Promise<SendResult> {
  const content = toWire(mail.message)
  const missing =
    whatIsMissing(mail.envelope, content, extensions, isProven) ??
    (isLmtp ? undefined : late(mail.envelope, extensions))
  const transaction = new Transaction(io, mail.envelope, content, extensions, timeouts, { isLmtp, isProven })
  if (missing !== undefined) transaction.settleAll(missing)
  else await transaction.run()
  return transaction.result(isReused)
}

/** MAIL and RCPT without a message: what would be said to each recipient. */
export async function askRecipients(
  io: ClientIo,
  envelope: Envelope,
  extensions: Extensions,
  timeouts: ClientTimeouts,
): Promise<SendResult> {
  const transaction = new Transaction(io, envelope, toWire(Buffer.alloc(0)), extensions, timeouts, {
    isLmtp: false,
    isProven: false,
  })
  await transaction.ask()
  return transaction.result(false)
}

/** The reply that a server would give if it knew that it cannot take this message; undefined when it can. */
function whatIsMissing(
  envelope: Envelope,
  content: WireContent,
  extensions: Extensions,
  isProven: boolean,
): Reply | undefined {
  const limit = Number(extensions.get('SIZE') ?? 0)
  if (limit > 0 && content.sizeBytes > limit) {
    return reply(552, '5.3.4', `the message has ${content.sizeBytes} bytes, the server takes ${limit}`)
  }
  if (needsUtf8(envelope, content) && !extensions.has('SMTPUTF8')) {
    return reply(550, '5.6.7', 'the message needs SMTPUTF8, which the server does not offer')
  }
  // RFC 6152 §3: convert or return. Converting would break every signature, so it is returned.
  if (content.eightBit && !extensions.has('8BITMIME')) {
    return reply(554, '5.6.3', 'the message holds 8-bit text, and the server does not offer 8BITMIME')
  }
  // RFC 8689 §4.2.1: only to a server that is proven and that hands the promise on; §5: but a bounce is not lost for it.
  const isBounce = envelope.reversePath.type === 'null'
  if (envelope.requireTls && !isBounce && !(isProven && extensions.has('REQUIRETLS'))) {
    return reply(550, '5.7.30', 'REQUIRETLS support required')
  }
  return undefined
}

/** RFC 2852 §4.1: what must come back when it is late goes only where that is heeded. By LMTP it is delivered now. */
function late({ deliverBy }: Envelope, extensions: Extensions): Reply | undefined {
  if (deliverBy?.mode !== 'return') return undefined
  const least = extensions.get('DELIVERBY')
  if (least === undefined)
    return reply(550, '5.3.3', 'it must come back when it is late, and the server does not heed that (no DELIVERBY)')
  // RFC 2852 §2: the first of several options, which may be left out.
  const [leastS] = /^\d{1,9}(?=,|$)/.exec(least)?.map(Number) ?? [0]
  if (deliverBy.byS >= leastS!) return undefined
  return reply(550, '5.4.7', `${deliverBy.byS} seconds are left, and the server wants at least ${leastS}`)
}

function needsUtf8(envelope: Envelope, content: WireContent): boolean {
  // A header with raw 8-bit bytes from a time before SMTPUTF8 goes as 8BITMIME unless the sender declared UTF-8.
  if (envelope.smtputf8 && content.eightBitHeader) return true
  const paths = [envelope.reversePath, ...envelope.recipients.map((r) => r.forwardPath)]
  return paths.some((path) => !/^[\x00-\x7f]*$/.test(formatPath(path)))
}

class Transaction {
  readonly #io: ClientIo
  readonly #envelope: Envelope
  readonly #content: WireContent
  readonly #extensions: Extensions
  readonly #timeouts: ClientTimeouts
  readonly #isLmtp: boolean
  readonly #isProven: boolean
  readonly #replies: (Reply | undefined)[]
  readonly #accepted = new Map<number, Reply>()
  #mailAnswered = false
  #uncertain = false

  constructor(
    io: ClientIo,
    envelope: Envelope,
    content: WireContent,
    extensions: Extensions,
    timeouts: ClientTimeouts,
    { isLmtp, isProven }: { readonly isLmtp: boolean; readonly isProven: boolean },
  ) {
    this.#io = io
    this.#isLmtp = isLmtp
    this.#isProven = isProven
    this.#envelope = envelope
    this.#content = content
    this.#extensions = extensions
    this.#timeouts = timeouts
    this.#replies = envelope.recipients.map(() => undefined)
  }

  /** The same reply for every recipient that has none yet. */
  settleAll(answer: Reply): void {
    for (let i = 0; i < this.#replies.length; i++) this.#replies[i] ??= answer
  }

  result(reused: boolean): SendResult {
    return {
      recipients: this.#envelope.recipients.map(({ forwardPath }, i) => {
        const answer = this.#replies[i]!
        return { forwardPath, reply: answer, state: stateOf(answer) }
      }),
      uncertain: this.#uncertain,
      stale: reused && this.#io.closed && !this.#mailAnswered,
      deliverBy: this.#isLmtp ? undefined : this.#extensions.has('DELIVERBY'),
      dsn: this.#extensions.has('DSN'),
    }
  }

  async run(): Promise<void> {
    if (this.#replies.length === 0) return
    const lost = this.#extensions.has('PIPELINING') ? await this.#pipelined() : await this.#stepwise()
    if (lost !== undefined) this.settleAll(reply(421, '4.4.2', `connection lost: ${lost.lost}`))
  }

  /** Up to DATA, and no further. */
  async ask(): Promise<void> {
    const lost = (await this.#envelopeCommands()) ?? (await this.#reset())
    if (lost !== undefined) this.settleAll(reply(421, '4.4.2', `connection lost: ${lost.lost}`))
    else for (const [i, answer] of this.#accepted) this.#replies[i] ??= answer
  }

  async #stepwise(): Promise<Lost | undefined> {
    const lost = await this.#envelopeCommands()
    if (lost !== undefined) return lost
    if (this.#accepted.size === 0) return this.#reset()
    const data = await this.#io.exchange('DATA', this.#timeouts.dataInitiationMs)
    return isLost(data) ? data : this.#data(data)
  }

  async #envelopeCommands(): Promise<Lost | undefined> {
    const { commandMs } = this.#timeouts
    const mail = await this.#io.exchange(this.#mailLine(), commandMs)
    if (isLost(mail)) return mail
    if (!this.#mailReply(mail)) return undefined
    for (const [i, recipient] of this.#envelope.recipients.entries()) {
      const answer = await this.#io.exchange(this.#recipientLine(recipient), commandMs)
      if (isLost(answer)) return answer
      this.#recipientReply(i, answer)
    }
    return undefined
  }

  /** MAIL, RCPT… and DATA go in one write (RFC 2920 §3.1), with many recipients in several. */
  async #pipelined(): Promise<Lost | undefined> {
    const { commandMs, dataInitiationMs } = this.#timeouts
    const { recipients } = this.#envelope
    let lines = [this.#mailLine()]
    for (let first = 0; first < recipients.length; first += PIPELINED_RECIPIENTS) {
      const group = recipients.slice(first, first + PIPELINED_RECIPIENTS)
      lines.push(...group.map((recipient) => this.#recipientLine(recipient)))
      if (first + group.length === recipients.length) lines.push('DATA')
      const unwritten = await this.#io.write([Buffer.from(`${lines.join('\r\n')}\r\n`)], commandMs)
      if (unwritten !== undefined) return unwritten
      if (first === 0) {
        const mail = await this.#io.read(commandMs)
        if (isLost(mail)) return mail
        this.#mailReply(mail)
      }
      for (const i of group.keys()) {
        const answer = await this.#io.read(commandMs)
        if (isLost(answer)) return answer
        this.#recipientReply(first + i, answer)
      }
      lines = []
    }
    const data = await this.#io.read(dataInitiationMs)
    return isLost(data) ? data : this.#data(data)
  }

  async #data(answer: Reply): Promise<Lost | undefined> {
    const { dataBlockMs, dataTerminationMs } = this.#timeouts
    if (answer.code !== 354) {
      if (answer.code < 400) return this.#nonsense(answer)
      this.settleAll(answer)
      return this.#reset()
    }
    // What came together with it cannot be the verdict on a message that has not been sent.
    if (this.#io.unasked) return this.#lose('the server answered before it had the message')
    // RFC 2920 §3.1: 354 although nobody was accepted; an empty message gets the dialogue back in step.
    const empty = this.#accepted.size === 0
    const unwritten = await this.#io.write(empty ? [Buffer.from('.\r\n')] : this.#content.pieces, dataBlockMs)
    if (unwritten !== undefined) return unwritten
    this.#io.deadlineMs = Number.POSITIVE_INFINITY
    if (this.#isLmtp) return this.#verdictsByRecipient()
    const verdict = await this.#io.read(dataTerminationMs)
    if (isLost(verdict)) {
      // RFC 5321 §4.5.3.2.6: it may have been delivered. A second copy is better than none.
      this.#uncertain = !empty
      return verdict
    }
    if (!empty && verdict.code >= 300 && verdict.code < 400) return this.#nonsense(verdict)
    if (!empty) for (const i of this.#accepted.keys()) this.#replies[i] = verdict
    return undefined
  }

  /** LMTP: a reply for each recipient that was accepted, in their order (RFC 2033 §4.2). */
  async #verdictsByRecipient(): Promise<Lost | undefined> {
    for (const i of this.#accepted.keys()) {
      const verdict = await this.#io.read(this.#timeouts.dataTerminationMs)
      if (isLost(verdict)) {
        this.#uncertain = true
        return verdict
      }
      if (verdict.code >= 300 && verdict.code < 400) return this.#nonsense(verdict)
      this.#replies[i] = verdict
    }
    return undefined
  }

  /** A reply that cannot follow: the two sides no longer talk about the same thing. */
  #nonsense(answer: Reply): Lost {
    return this.#lose(`the server answered ${answer.code}, which makes no sense here`)
  }

  #lose(lost: string): Lost {
    this.#io.close()
    return { lost }
  }

  /** After a transaction that came to nothing. */
  async #reset(): Promise<Lost | undefined> {
    if (!this.#io.closed) await this.#io.exchange('RSET', this.#timeouts.commandMs)
    return undefined
  }

  /** False when there is no transaction. */
  #mailReply(answer: Reply): boolean {
    this.#mailAnswered = answer.code !== 421
    if (answer.code < 300) return true
    this.settleAll(answer.code < 400 ? NONSENSE : answer)
    return false
  }

  #recipientReply(i: number, answer: Reply): void {
    if (this.#replies[i] !== undefined) return
    if (answer.code < 300) this.#accepted.set(i, answer)
    else if (answer.code < 400) this.#replies[i] = NONSENSE
    // RFC 5321 §4.5.3.1.10: 552 here is an old way to say 452, too many recipients.
    else this.#replies[i] = answer.code === 552 ? { ...answer, code: 452, enhanced: '4.5.3' } : answer
  }

  #mailLine(): string {
    const { reversePath, ret, envid, requireTls, priority, deliverBy } = this.#envelope
    const offers = (keyword: string) => this.#extensions.has(keyword)
    const words = [`MAIL FROM:${formatPath(reversePath)}`]
    if (offers('SIZE')) words.push(`SIZE=${this.#content.sizeBytes}`)
    if (this.#content.eightBit && offers('8BITMIME')) words.push('BODY=8BITMIME')
    if (needsUtf8(this.#envelope, this.#content)) words.push('SMTPUTF8')
    if (offers('DSN') && ret !== undefined) words.push(`RET=${ret}`)
    if (offers('DSN') && envid !== undefined) words.push(`ENVID=${encodeXtext(envid)}`)
    if (requireTls && this.#isProven && offers('REQUIRETLS')) words.push('REQUIRETLS')
    if (offers('MT-PRIORITY') && priority !== undefined) words.push(`MT-PRIORITY=${priority}`)
    if (offers('DELIVERBY') && deliverBy !== undefined) words.push(`BY=${byText(deliverBy)}`)
    return oneLine(words)
  }

  /** RFC 2852 §4.1.4.2: who does not heed the time can at least say that it is late. */
  #mustTellDelay(): boolean {
    return this.#envelope.deliverBy?.mode === 'notify' && !this.#isLmtp && !this.#extensions.has('DELIVERBY')
  }

  #recipientLine({ forwardPath, notify, orcpt }: EnvelopeRecipient): string {
    const words = [`RCPT TO:${formatPath(forwardPath)}`]
    if (this.#extensions.has('DSN')) {
      const wanted = this.#mustTellDelay() && notify?.length !== 0 ? withDelay(notify) : notify
      if (wanted !== undefined) words.push(`NOTIFY=${wanted.length === 0 ? 'NEVER' : wanted.join(',')}`)
      // A utf-8 address that is not ASCII has its own encoding, which only an SMTPUTF8 server knows (RFC 6533 §3).
      if (orcpt !== undefined && /^[\x20-\x7e]*$/.test(orcpt.address)) {
        words.push(`ORCPT=${orcpt.type};${encodeXtext(orcpt.address)}`)
      }
    }
    return oneLine(words)
  }
}

const withDelay = (notify: readonly Notify[] = ['FAILURE']): readonly Notify[] => [
  ...new Set([...notify, 'DELAY' as const]),
]

const MOST_SECONDS = 999_999_999

function byText({ byS, mode, trace }: DeliverBy): string {
  const seconds = Math.max(-MOST_SECONDS, Math.min(MOST_SECONDS, byS))
  return `${seconds};${mode === 'return' ? 'R' : 'N'}${trace ? 'T' : ''}`
}

const NONSENSE = reply(451, '4.5.0', 'the server answered with a code that makes no sense here')

function stateOf(answer: Reply): RecipientOutcome['state'] {
  if (answer.code < 300) return 'accepted'
  return isPermanent(answer) ? 'refused' : 'deferred'
}

/** Paths come from our parsers and parameters are checked; a control character here is a bug that would smuggle. */
function oneLine(words: readonly string[]): string {
  const line = words.join(' ')
  if (/[\x00-\x1f\x7f]/.test(line)) throw new Error('control character in an SMTP command')
  return line
}
