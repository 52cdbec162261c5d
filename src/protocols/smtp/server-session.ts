// The SMTP server session, without I/O: bytes and answers in, replies and questions out.
// Keeps RFC 5321 §3 and §4 (commands and their order), RFC 2920 (pipelining), RFC 1870 (SIZE), RFC 3030 (CHUNKING), RFC 4468 (BURL),
// RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 9422 (LIMITS), RFC 2034 (enhanced codes), draft-hall-prdr-00 (PRDR), RFC 2033 (LMTP). Knows no socket and no policy:
// what the role decides is asked with an `ask` effect, and the session reads no further until it is answered.

import type { TlsInfo } from '../../world/network.ts'
import type { PasswordVerdict, SaslMechanism, ScramLookup, TokenVerdict } from '../sasl/accounts.ts'
import { offered } from '../sasl/offered.ts'
import { AuthExchange, type AuthStep } from './auth-exchange.ts'
import { isReply, parseBdat, parseBurl, parseMail, parseRecipient, readText, splitCommand } from './command.ts'
import { extensionsOf } from './extensions.ts'
import { LineReader } from './line-reader.ts'
import type { SmtpServerOptions } from './options.ts'
import { type Answer, protocolOf, type RepliesByRecipient, replyForEach, type SessionFacts } from './policy.ts'
import { formatReply, isPositive, REPLIES, type Reply, reply } from './reply.ts'
import type { Effect, Phase, Question, SessionContext } from './session-types.ts'
import { Transaction } from './transaction.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** RFC 5321 §4.5.3.1.4 has 512; the extensions of MAIL and RCPT add to it. */
const MAX_COMMAND_BYTES = 2048
/** RFC 4954 §4. */
const MAX_AUTH_BYTES = 12_288
/** RFC 4468: pieces of one message that are fetched for it. Each may be of a large message. */
const MOST_URLS = 100
/** Faults are counted in fifths. */
const FAULT = 5
const NUISANCE = 1

const NOTHING = {
  ...{ dsn: false, prdr: false, requireTls: false, auth: false, hold: false, priority: false, binary: false },
  deliverByS: 0,
}

/** A browser that was made to speak to us. Nothing it says is for us, so nothing more is read. */
const FOREIGN_VERBS = new Set(['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT'])
/** What may be said before STARTTLS where TLS is required (RFC 3207 §4). BDAT is refused later: its chunk must be swallowed. */
const BEFORE_TLS = new Set(['EHLO', 'HELO', 'LHLO', 'NOOP', 'STARTTLS', 'QUIT', 'RSET', 'HELP', 'BDAT'])

export class SmtpServerSession {
  readonly facts: SessionFacts
  readonly #facts: Mutable<SessionFacts>
  readonly #options: SmtpServerOptions
  readonly #context: SessionContext
  readonly #input = new LineReader()
  #phase: Phase = 'asking'
  #question: Question | undefined = { kind: 'connected' }
  #extended = false
  #transaction: Transaction | undefined
  #chunkLeft = 0
  #chunkLast = false
  #auth: AuthExchange | undefined
  #errorPoints = 0
  #authFailures = 0
  #messages = 0
  #effects: Effect[] = []

  constructor(options: SmtpServerOptions, context: SessionContext) {
    this.#options = options
    this.#context = context
    const { peer, local, tls } = context
    this.#facts = { peer, local, helo: '', protocol: 'SMTP', tls, user: undefined, earlyTalker: false }
    this.facts = this.#facts
    this.#setProtocol()
  }

  get phase(): Phase {
    return this.#phase
  }

  /** The first effects: the question whether this peer is welcome. */
  start(): Effect[] {
    return [{ kind: 'ask', question: { kind: 'connected' } }]
  }

  /** Bytes from the peer. While a question is open they are only kept: do not read on then. */
  receive(chunk: Uint8Array): Effect[] {
    if (this.#phase === 'closed' || this.#phase === 'tls') return []
    if (this.#question?.kind === 'connected') this.#facts.earlyTalker = true
    this.#input.push(chunk)
    return this.#run()
  }

  /** Bytes that came before the greeting was sent. */
  receiveEarly(chunk: Uint8Array): Effect[] {
    this.#facts.earlyTalker = true
    return this.receive(chunk)
  }

  /** The role's answer to the open question. */
  decide(answer: Answer | RepliesByRecipient): Effect[] {
    const question = this.#question
    if (question === undefined || this.#phase === 'closed') return []
    this.#question = undefined
    this.#phase = 'command'
    if (answer !== undefined && 'each' in answer) this.#answeredByRecipient(question, answer)
    else this.#answered(question, answer)
    return this.#run()
  }

  /** Messages accepted so far. */
  get messages(): number {
    return this.#messages
  }

  /** What the client did wrong so far, in faults; a refused recipient or an idle command counts a fifth. */
  get faults(): number {
    return this.#errorPoints / FAULT
  }

  passwordChecked(verdict: PasswordVerdict): Effect[] {
    if (this.#question?.kind !== 'password' && this.#question?.kind !== 'certificate') return []
    this.#question = undefined
    this.#authStep(this.#auth!.passwordChecked(verdict))
    return this.#run()
  }

  credentialsFound(lookup: ScramLookup): Effect[] {
    if (this.#question?.kind !== 'credentials') return []
    this.#question = undefined
    this.#authStep(this.#auth!.credentialsFound(lookup))
    return this.#run()
  }

  tokenChecked(verdict: TokenVerdict): Effect[] {
    if (this.#question?.kind !== 'token') return []
    this.#question = undefined
    this.#authStep(this.#auth!.tokenChecked(verdict))
    return this.#run()
  }

  /** What the URL of BURL leads to, or why to nothing. */
  urlResolved(found: Buffer | Reply): Effect[] {
    if (this.#question?.kind !== 'url') return []
    this.#question = undefined
    const transaction = this.#transaction!
    if (Buffer.isBuffer(found)) transaction.content!.chunk(found)
    else transaction.missing = found
    this.#chunkEnds()
    return this.#run()
  }

  /** The handshake is done: the session begins anew, but for the greeting (RFC 3207 §4.2). */
  tlsStarted(tls: TlsInfo): void {
    this.#input.clear()
    this.#facts.tls = tls
    this.#facts.helo = ''
    this.#extended = false
    this.#setProtocol()
    this.#phase = 'command'
  }

  /** The driver ends the session: a last reply such as 421, or none. */
  abort(last?: Reply): Effect[] {
    if (this.#phase === 'closed') return []
    if (last !== undefined) this.#send(last)
    this.#close()
    return this.#flush()
  }

  #run(): Effect[] {
    let before = -1
    // Each turn takes one line or what there is of content, and ends when nothing more can be taken.
    while (this.#input.pending > 0 && this.#input.pending !== before) {
      before = this.#input.pending
      switch (this.#phase) {
        case 'command':
          this.#line(this.#input.next(this.#maxCommandBytes()), (line) => this.#command(line))
          break
        case 'auth':
          this.#line(this.#input.next(MAX_AUTH_BYTES), (line) => this.#authStep(this.#auth!.line(line)))
          break
        case 'data':
          this.#data()
          break
        case 'bdat':
          this.#chunk()
          break
        default:
          return this.#flush()
      }
    }
    return this.#flush()
  }

  /** With its initial response AUTH may be longer than anything else (RFC 4954 §4.3). */
  #maxCommandBytes(): number {
    return this.#authAllowed() && this.#input.begins('AUTH ') ? MAX_AUTH_BYTES : MAX_COMMAND_BYTES
  }

  #flush(): Effect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  // ---- lines and commands

  #line(line: Buffer | 'too-long' | 'bare-line-end' | undefined, use: (line: string) => void) {
    if (line === undefined) return
    if (typeof line === 'string') {
      if (this.#phase === 'auth') this.#endAuth()
      return this.#fault(line === 'too-long' ? REPLIES.lineTooLong : REPLIES.bareLineEnd)
    }
    const text = readText(line)
    if (text !== undefined) return use(text)
    if (this.#phase === 'auth') this.#endAuth()
    this.#fault(REPLIES.badCharacters)
  }

  #command(line: string) {
    const { verb, rest } = splitCommand(line)
    if (FOREIGN_VERBS.has(verb)) return this.#hangUp(reply(421, '4.7.0', 'this is SMTP'))
    const handler = Object.hasOwn(SmtpServerSession.#commands, verb) ? SmtpServerSession.#commands[verb] : undefined
    if (handler === undefined) return this.#fault(REPLIES.unknownCommand)
    const tlsMissing = this.#options.tlsRequired && this.#facts.tls === undefined
    if (tlsMissing && !BEFORE_TLS.has(verb)) return this.#fault(REPLIES.tlsRequired)
    handler(this, rest)
  }

  static readonly #commands: Record<string, (session: SmtpServerSession, rest: string) => void> = {
    // RFC 2033 §4.1: who speaks LMTP says LHLO, and never one of the others.
    EHLO: (s, rest) => (s.#options.lmtp ? s.#fault(REPLIES.unknownCommand) : s.#hello(rest, true)),
    HELO: (s, rest) => (s.#options.lmtp ? s.#fault(REPLIES.unknownCommand) : s.#hello(rest, false)),
    LHLO: (s, rest) => (s.#options.lmtp ? s.#hello(rest, true) : s.#fault(REPLIES.unknownCommand)),
    MAIL: (s, rest) => s.#mail(rest),
    RCPT: (s, rest) => s.#recipient(rest),
    DATA: (s, rest) => s.#beginData(rest),
    BDAT: (s, rest) => s.#beginChunk(rest),
    BURL: (s, rest) => (s.#options.burl ? s.#beginUrl(rest) : s.#fault(REPLIES.unknownCommand)),
    STARTTLS: (s, rest) => s.#startTls(rest),
    AUTH: (s, rest) => s.#beginAuth(rest),
    RSET: (s, rest) => {
      if (rest !== '') return s.#fault(REPLIES.syntax)
      s.#dropTransaction()
      s.#nuisance(REPLIES.reset)
    },
    NOOP: (s) => s.#nuisance(REPLIES.ok),
    HELP: (s) => s.#nuisance(REPLIES.help),
    // RFC 5321 §3.5.3, §7.3: who exists here is told to nobody who only asks.
    VRFY: (s, rest) => (rest === '' ? s.#fault(REPLIES.syntax) : s.#nuisance(REPLIES.vrfy)),
    EXPN: (s) => s.#fault(REPLIES.notImplemented),
    QUIT: (s) => s.#hangUp(REPLIES.bye),
  }

  #hello(name: string, extended: boolean) {
    if (!/^[\x21-\x7e]{1,255}$/.test(name)) return this.#fault(REPLIES.helloNeedsName)
    if (this.#input.pending > 0) this.#facts.earlyTalker = true
    this.#ask({ kind: 'hello', name, extended })
  }

  #greet(name: string, extended: boolean) {
    // RFC 5321 §4.1.4: EHLO and HELO reset like RSET.
    this.#dropTransaction()
    this.#facts.helo = name
    this.#extended = extended
    this.#setProtocol()
    const lines = [`${this.#options.hostName} greets ${name}`]
    this.#send({ code: 250, lines: extended ? lines.concat(this.#extensions()) : lines })
  }

  #extensions(): string[] {
    const mechanisms = this.#authAllowed() && this.#facts.user === undefined ? this.#mechanisms() : []
    return extensionsOf(this.#options, this.#facts.tls !== undefined, mechanisms, this.#context.now())
  }

  // ---- the transaction

  #mail(rest: string) {
    if (this.#facts.helo === '') return this.#fault(REPLIES.helloFirst)
    if (this.#transaction !== undefined) return this.#fault(REPLIES.nestedMail)
    if (this.#options.authRequired && this.#facts.user === undefined) return this.#fault(REPLIES.authRequired)
    if (this.#messages >= this.#options.maxMessages) return this.#hangUp(REPLIES.tooManyMessages)
    const { dsn, prdr, requireTls, holdAtMostS, priority, binary, deliverByS } = this.#options
    const auth = this.#context.mechanisms.length > 0
    const hold = holdAtMostS > 0
    const overTls = requireTls && this.#facts.tls !== undefined
    const command = parseMail(rest, { dsn, prdr, requireTls: overTls, auth, hold, priority, binary, deliverByS })
    if (isReply(command)) return this.#fault(command)
    if ((command.parameters.sizeBytes ?? 0) > this.#options.maxMessageBytes) return this.#nuisance(REPLIES.tooBig)
    this.#ask({ kind: 'mail', ...command })
  }

  #recipient(rest: string) {
    const transaction = this.#transaction
    if (transaction === undefined) return this.#fault(REPLIES.mailFirst)
    if (transaction.content !== undefined) return this.#fault(REPLIES.inBdat)
    if (transaction.recipients.length >= this.#options.maxRecipients) return this.#nuisance(REPLIES.tooManyRecipients)
    const offered = { ...NOTHING, dsn: this.#options.dsn }
    const command = parseRecipient(rest, offered, transaction.parameters.smtputf8)
    if (isReply(command)) return this.#fault(command)
    this.#ask({ kind: 'recipient', ...command })
  }

  #beginData(rest: string) {
    const transaction = this.#transaction
    if (rest !== '') return this.#fault(REPLIES.syntax)
    if (transaction === undefined) return this.#fault(REPLIES.mailFirst)
    if (transaction.content !== undefined) return this.#fault(REPLIES.inBdat)
    if (transaction.parameters.binary) return this.#fault(REPLIES.binaryByData)
    // RFC 2033 §4.2: 503, so that nobody waits for replies that have no recipients.
    const nobody = this.#options.lmtp ? REPLIES.recipientFirst : REPLIES.noValidRecipients
    if (transaction.recipients.length === 0) return this.#nuisance(nobody)
    transaction.collect(this.#options.maxMessageBytes, this.#context.budget)
    this.#send(REPLIES.startData)
    this.#phase = 'data'
  }

  #data() {
    const bytes = this.#input.takeAll()
    const end = this.#transaction!.content!.data(bytes, 0)
    if (end < 0) return
    if (end < bytes.length) this.#input.push(bytes.subarray(end))
    this.#messageEnds()
  }

  #beginChunk(rest: string) {
    const chunk = parseBdat(rest)
    // Who cannot know where the next command begins must not guess (RFC 3030 §2; smuggling behind a chunk).
    if (chunk === undefined) return this.#hangUp(REPLIES.syntax)
    if (chunk.sizeBytes > 2 * this.#options.maxMessageBytes) return this.#hangUp(REPLIES.tooBig)
    this.#chunkLeft = chunk.sizeBytes
    this.#chunkLast = chunk.last
    this.#phase = 'bdat'
    const transaction = this.#transaction
    if (transaction !== undefined && transaction.recipients.length > 0)
      transaction.collect(this.#options.maxMessageBytes, this.#context.budget)
    if (this.#chunkLeft === 0) this.#chunkEnds()
  }

  /** A piece of the message that lies at our own IMAP server (RFC 4468), before, behind or between chunks. */
  #beginUrl(rest: string) {
    const command = parseBurl(rest)
    if (isReply(command)) return this.#fault(command)
    const transaction = this.#transaction
    this.#chunkLast = command.last
    if (transaction === undefined || transaction.recipients.length === 0) return this.#chunkEnds()
    transaction.collect(this.#options.maxMessageBytes, this.#context.budget)
    if (++transaction.urls > MOST_URLS) transaction.missing ??= REPLIES.tooManyUrls
    if (transaction.refusal !== undefined) return this.#chunkEnds()
    this.#ask({ kind: 'url', url: command.url, reversePath: transaction.reversePath })
  }

  /** A chunk that is refused must be swallowed all the same (RFC 3030 §2). */
  #chunk() {
    const bytes = this.#input.take(this.#chunkLeft)
    this.#chunkLeft -= bytes.length
    this.#transaction?.content?.chunk(bytes)
    if (this.#chunkLeft === 0) this.#chunkEnds()
  }

  #chunkEnds() {
    this.#phase = 'command'
    const transaction = this.#transaction
    if (transaction === undefined) return this.#fault(REPLIES.mailFirst)
    if (transaction.content === undefined) return this.#nuisance(REPLIES.noValidRecipients)
    if (this.#chunkLast) return this.#messageEnds()
    const refusal = transaction.refusal
    if (refusal !== undefined) return this.#fault(refusal)
    this.#send(reply(250, '2.0.0', `${transaction.content.sizeBytes} octets so far`))
  }

  #messageEnds() {
    const transaction = this.#transaction!
    const source = transaction.content!.finish()
    const refusal = transaction.refusal
    if (refusal !== undefined) {
      this.#phase = 'command'
      this.#dropTransaction()
      if (this.#options.lmtp) for (const _one of transaction.recipients.slice(1)) this.#send(refusal)
      return this.#fault(refusal)
    }
    const prdr = transaction.parameters.prdr === true || this.#options.lmtp
    this.#ask({ kind: 'message', message: { envelope: transaction.envelope(), source, session: this.facts, prdr } })
  }

  #dropTransaction() {
    this.#transaction?.content?.release()
    this.#transaction = undefined
    this.#setProtocol()
  }

  // ---- STARTTLS and AUTH

  #startTls(rest: string) {
    if (rest !== '') return this.#fault(REPLIES.syntax)
    if (this.#facts.tls !== undefined) return this.#fault(REPLIES.tlsTwice)
    if (!this.#options.startTls) return this.#fault(REPLIES.notImplemented)
    if (this.#facts.user !== undefined) return this.#fault(REPLIES.tlsAfterAuth)
    this.#dropTransaction()
    // RFC 3207 §4.2: what was sent behind STARTTLS in plain text is not part of the conversation.
    this.#input.clear()
    this.#send(REPLIES.readyForTls)
    this.#effects.push({ kind: 'start-tls' })
    this.#phase = 'tls'
  }

  #mechanisms(): readonly SaslMechanism[] {
    return offered(this.#context.mechanisms, this.#facts.tls)
  }

  #authAllowed(): boolean {
    const encrypted = this.#facts.tls !== undefined || this.#options.authWithoutTls
    return this.#context.mechanisms.length > 0 && encrypted
  }

  #beginAuth(rest: string) {
    if (this.#context.mechanisms.length === 0) return this.#fault(REPLIES.notImplemented)
    if (!this.#extended) return this.#fault(REPLIES.helloFirst)
    if (this.#facts.user !== undefined) return this.#fault(REPLIES.authTwice)
    if (this.#transaction !== undefined) return this.#fault(REPLIES.authInMail)
    if (!this.#authAllowed()) return this.#fault(REPLIES.encryptionNeeded)
    this.#auth = new AuthExchange(this.#context.mechanisms, this.#context.random, this.#facts.tls)
    this.#authStep(this.#auth.begin(rest))
  }

  #authStep(step: AuthStep) {
    if (step.kind === 'ask') return this.#ask(step.question)
    if (step.kind === 'challenge') {
      this.#phase = 'auth'
      return this.#sendText(step.text)
    }
    this.#endAuth()
    if (!step.attempt) return this.#fault(step.reply)
    this.#effects.push({ kind: 'auth-failed', user: step.user })
    if (++this.#authFailures >= this.#options.maxAuthFailures) return this.#hangUp(REPLIES.tooManyErrors)
    this.#fault(step.reply)
  }

  #endAuth() {
    this.#auth = undefined
    this.#phase = 'command'
  }

  // ---- questions and answers

  #ask(question: Question) {
    this.#question = question
    this.#phase = 'asking'
    this.#effects.push({ kind: 'ask', question })
  }

  #answered(question: Question, answer: Answer) {
    if (question.kind === 'message' && this.#options.lmtp) return this.#answeredEach(question, answer)
    if (question.kind === 'message') this.#dropTransaction()
    if (question.kind === 'authenticated') this.#endAuth()
    // Silence is no promise: only the role's own 250 accepts a message (RFC 5321 §6.1).
    const given = answer ?? (question.kind === 'message' ? REPLIES.localError : undefined)
    if (given !== undefined && (!isPositive(given) || given.code < 200)) return this.#refused(question, given)
    switch (question.kind) {
      case 'connected':
        return this.#send(
          given ?? reply(220, '', `${this.#options.hostName} ${this.#options.lmtp ? 'LMTP' : 'ESMTP'} Borderpost`),
        )
      case 'hello':
        return this.#greet(question.name, question.extended)
      case 'authenticated':
        this.#facts.user = question.user
        this.#setProtocol()
        return this.#send(given ?? REPLIES.authenticated)
      case 'mail':
        this.#transaction = new Transaction(question.reversePath, question.parameters)
        this.#setProtocol()
        return this.#send(given ?? REPLIES.mailOk)
      case 'recipient':
        this.#transaction!.recipients.push({ forwardPath: question.forwardPath, ...question.parameters })
        return this.#send(given ?? REPLIES.recipientOk)
      case 'message':
        this.#messages++
        this.#errorPoints = 0
        return this.#send(given!)
    }
  }

  /** PRDR: 353, a reply for each recipient in their order, then the one for the message (draft-hall-prdr-00 §5). */
  #answeredByRecipient(question: Question, { each, final }: RepliesByRecipient) {
    if (question.kind === 'message' && this.#options.lmtp) return this.#answeredEach(question, { each, final })
    const isAsked = question.kind === 'message' && question.message.prdr
    // A client that did not ask would take the last reply for all: nobody may be told two things.
    if (!isAsked || each.length !== question.message.envelope.recipients.length)
      return this.#answered(question, REPLIES.localError)
    this.#send(REPLIES.prdrBegins)
    for (const one of each) this.#send(one)
    this.#answered(question, final)
  }

  /** LMTP: one reply for each recipient in their order, and none for the message (RFC 2033 §4.2). */
  #answeredEach({ message }: Extract<Question, { kind: 'message' }>, answer: Answer | RepliesByRecipient) {
    this.#dropTransaction()
    const given = replyForEach(answer, message.envelope.recipients.length)
    if (given.some(isPositive)) {
      this.#messages++
      this.#errorPoints = 0
    }
    for (const reply of given) this.#send(reply)
  }

  #refused(question: Question, answer: Reply) {
    if (question.kind === 'connected' || answer.code === 421) return this.#hangUp(answer)
    if (question.kind !== 'authenticated') return this.#nuisance(answer)
    this.#effects.push({ kind: 'auth-failed', user: question.user })
    this.#fault(answer)
  }

  // ---- replies

  #send(answer: Reply) {
    this.#sendText(formatReply(answer))
  }

  #sendText(text: string) {
    this.#effects.push({ kind: 'send', text })
  }

  #fault(answer: Reply) {
    this.#charge(FAULT, answer)
  }

  #nuisance(answer: Reply) {
    this.#charge(NUISANCE, answer)
  }

  #charge(points: number, answer: Reply) {
    this.#send(answer)
    this.#errorPoints += points
    if (this.#errorPoints > this.#options.maxErrors * FAULT) this.#hangUp(REPLIES.tooManyErrors)
  }

  #hangUp(last: Reply) {
    this.#send(last)
    this.#close()
  }

  #close() {
    this.#dropTransaction()
    this.#input.clear()
    this.#question = undefined
    this.#phase = 'closed'
    this.#effects.push({ kind: 'close' })
  }

  #setProtocol() {
    const isUtf8 = this.#transaction?.parameters.smtputf8 === true
    this.#facts.protocol = protocolOf(
      this.#facts,
      this.#options.lmtp ? 'LMTP' : this.#extended ? 'ESMTP' : 'SMTP',
      isUtf8,
    )
  }
}
