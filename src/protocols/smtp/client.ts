// The SMTP client: opens a connection to a server, keeps it for many messages, and says for every recipient what
// became of it. Keeps RFC 5321 §3 and §4.5.3.2 (timeouts), RFC 3207 (STARTTLS), RFC 4954 (AUTH); one transaction is in
// client-transaction.ts. Never throws for what the network or the other side does: every outcome is a value.

import type { Endpoint, Network, Stream, TlsInfo } from '../../world/network.ts'
import { NetworkError } from '../../world/network.ts'
import type { World } from '../../world/world.ts'
import { plainMessage, ScramClient } from '../sasl/client.ts'
import { ClientIo, type ClientTimeouts, type Extensions, isLost, type Lost } from './client-io.ts'
import { askRecipients, type SendResult, sendMessage } from './client-transaction.ts'
import type { Envelope } from './envelope.ts'
import { type Reply, reply, replyText } from './reply.ts'

export type { ClientTimeouts, Extensions } from './client-io.ts'
export type { SendResult } from './client-transaction.ts'

const DEFAULT_TIMEOUTS: ClientTimeouts = {
  greetingMs: 300_000,
  commandMs: 300_000,
  dataInitiationMs: 120_000,
  dataBlockMs: 180_000,
  dataTerminationMs: 600_000,
  handshakeMs: 60_000,
  quitMs: 5_000,
}

/**
 * 'none': plain. 'opportunistic': TLS if it can be had, with any certificate, else plain (RFC 7435).
 * 'required': TLS with any certificate. 'verified': TLS with a certificate that is valid for `serverName`.
 */
export type ClientTls = 'none' | 'opportunistic' | 'required' | 'verified'

export interface OpenOptions {
  readonly network: Network
  readonly clock: World['clock']
  readonly endpoint: Endpoint
  /** The name whose certificate is expected, sent as SNI. */
  readonly serverName: string
  readonly heloName: string
  /** A connection to the endpoint that is there already. Without it one is made. */
  readonly stream?: Stream
  readonly localAddress?: string
  readonly tls: ClientTls
  /** Trust anchors (PEM) instead of the system's. */
  readonly trusted?: readonly string[]
  readonly connectTimeoutMs?: number
  readonly timeouts?: Partial<ClientTimeouts>
  /**
   * Nothing waits longer than until then (monotonic clock), up to the final dot of a message. After the dot the message
   * may have arrived, and its answer is waited for.
   */
  readonly deadlineMs?: number
  /** The other side speaks LMTP (RFC 2033): LHLO, and a reply for each recipient after the message. */
  readonly lmtp?: boolean
  /** Log in with AUTH (SCRAM-SHA-256, else PLAIN), inside TLS only. */
  readonly login?: {
    readonly user: string
    readonly password: string
    readonly cpu: World['cpu']
    readonly random: World['random']
  }
}

/** No connection that could be used. */
export interface SmtpFailure {
  readonly stage: 'connect' | 'greeting' | 'hello' | 'tls' | 'auth'
  /** What the server said, or our words for it; 4yz when trying again may help. */
  readonly reply: Reply
  /** The server itself said this. */
  readonly said: boolean
  /** It offered STARTTLS. */
  readonly tlsOffered: boolean
}

export class SmtpConnection {
  readonly #io: ClientIo
  readonly #timeouts: ClientTimeouts
  readonly #extensions: Extensions
  readonly endpoint: Endpoint
  /** Opportunistic, and the handshake failed: why this connection is the second one, without TLS. */
  readonly tlsFailure: string | undefined
  readonly #isLmtp: boolean
  /** Its certificate, or what the domain says of it (DANE), shows that the server is who was asked for (RFC 8689 §4.2.1). */
  isProven: boolean
  #used = false

  /** Use `open`. */
  private constructor(
    {
      endpoint,
      tlsFailure,
      lmtp = false,
    }: { readonly endpoint: Endpoint; readonly tlsFailure: string | undefined; readonly lmtp?: boolean },
    io: ClientIo,
    extensions: Extensions,
    timeouts: ClientTimeouts,
  ) {
    this.#io = io
    this.isProven = io.stream.tls?.authorized === true
    this.endpoint = endpoint
    this.tlsFailure = tlsFailure
    this.#isLmtp = lmtp
    this.#extensions = extensions
    this.#timeouts = timeouts
  }

  /** Connects, says EHLO, starts TLS and logs in as asked. */
  static async open(options: OpenOptions): Promise<SmtpConnection | SmtpFailure> {
    const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts }
    const opening = await new Opening(options, timeouts, options.tls).run(options.stream)
    // A handshake that failed leaves no connection to go on with in plain text: connect anew, without TLS (RFC 7435).
    const isLeftPlain = opening.kind === 'handshake-failed' && options.tls === 'opportunistic'
    const second = isLeftPlain ? await new Opening(options, timeouts, 'none').run() : opening
    if (second.kind !== 'open') return second.failure
    const tlsFailure = isLeftPlain ? replyText(opening.failure.reply) : undefined
    const { endpoint, lmtp = false } = options
    return new SmtpConnection({ endpoint, tlsFailure, lmtp }, second.io, second.extensions, timeouts)
  }

  get tls(): TlsInfo | undefined {
    return this.#io.stream.tls
  }

  /** Our side's address. */
  get localAddress(): string {
    return this.#io.stream.local.address
  }

  get extensions(): Extensions {
    return this.#extensions
  }

  /** True when nothing more can be sent over this connection. */
  get closed(): boolean {
    return this.#io.closed
  }

  /** Sends one message. Recipients of the result stand in the order of the envelope. */
  async send(mail: { readonly envelope: Envelope; readonly message: Buffer }): Promise<SendResult> {
    const state = { isReused: this.#used, isLmtp: this.#isLmtp, isProven: this.isProven }
    const result = await sendMessage(this.#io, mail, this.#extensions, this.#timeouts, state)
    this.#used = true
    return result
  }

  /** Asks whether each recipient's mail would be taken, and sends none. */
  async ask(envelope: Envelope): Promise<SendResult> {
    this.#used = true
    return askRecipients(this.#io, envelope, this.#extensions, this.#timeouts)
  }

  /** RSET: is the other side still there. */
  async reset(): Promise<boolean> {
    const answer = await this.#io.exchange('RSET', this.#timeouts.commandMs)
    return !isLost(answer) && answer.code < 400
  }

  /** Says goodbye and closes; waits for the answer only briefly (RFC 5321 §4.1.1.10). */
  async quit(): Promise<void> {
    if (!this.#io.closed) await this.#io.exchange('QUIT', this.#timeouts.quitMs)
    this.#io.close()
  }
}

type Opened =
  | { readonly kind: 'open'; readonly io: ClientIo; readonly extensions: Extensions }
  | { readonly kind: 'failed' | 'handshake-failed'; readonly failure: SmtpFailure }

/** One attempt to get a connection into the state in which MAIL may be said. */
class Opening {
  readonly #options: OpenOptions
  readonly #timeouts: ClientTimeouts
  readonly #tls: ClientTls
  #io!: ClientIo
  #tlsOffered = false

  constructor(options: OpenOptions, timeouts: ClientTimeouts, tls: ClientTls) {
    this.#options = options
    this.#timeouts = timeouts
    this.#tls = tls
  }

  async run(connected?: Stream): Promise<Opened> {
    const { network, endpoint, localAddress, connectTimeoutMs = 60_000, clock } = this.#options
    try {
      const stream = connected ?? (await network.connect(endpoint, { timeoutMs: connectTimeoutMs, localAddress }))
      this.#io = new ClientIo(stream, clock)
      this.#io.deadlineMs = this.#options.deadlineMs ?? Number.POSITIVE_INFINITY
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error
      return { kind: 'failed', failure: noConnection(endpoint, error) }
    }
    const greeting = await this.#io.read(this.#timeouts.greetingMs)
    if (isLost(greeting) || greeting.code !== 220) return this.#unexpected('greeting', greeting)
    let extensions = await this.#hello()
    if (!(extensions instanceof Map)) return extensions
    if (this.#tls !== 'none') {
      const failure = await this.#startTls(extensions)
      if (failure !== undefined) return failure
      // RFC 3207 §4.2: what was said before TLS is forgotten, so EHLO again.
      if (this.#io.stream.tls !== undefined) extensions = await this.#hello()
      if (!(extensions instanceof Map)) return extensions
    }
    if (this.#options.login !== undefined) {
      const failure = await this.#logIn(extensions)
      if (failure !== undefined) return failure
    }
    return { kind: 'open', io: this.#io, extensions }
  }

  async #hello(): Promise<Map<string, string> | Opened> {
    const { heloName, lmtp = false } = this.#options
    const answer = await this.#io.exchange(`${lmtp ? 'LHLO' : 'EHLO'} ${heloName}`, this.#timeouts.commandMs)
    if (!isLost(answer) && answer.code === 250) return extensionsOf(answer)
    if (isLost(answer) || answer.code < 500 || lmtp) return this.#unexpected('hello', answer)
    // RFC 5321 §3.2: an old server does not know EHLO.
    const old = await this.#io.exchange(`HELO ${heloName}`, this.#timeouts.commandMs)
    return !isLost(old) && old.code === 250 ? new Map() : this.#unexpected('hello', old)
  }

  async #startTls(extensions: Extensions): Promise<Opened | undefined> {
    const { serverName, trusted } = this.#options
    const opportunistic = this.#tls === 'opportunistic'
    this.#tlsOffered = extensions.has('STARTTLS')
    if (!this.#tlsOffered) {
      return opportunistic ? undefined : this.#failed('tls', reply(451, '4.7.5', 'the server does not offer TLS'))
    }
    const ready = await this.#io.exchange('STARTTLS', this.#timeouts.commandMs)
    if (isLost(ready)) return this.#failed('tls', lostReply(ready), 'handshake-failed')
    if (ready.code !== 220) {
      return opportunistic && ready.code >= 400 && !this.#io.closed ? undefined : this.#unexpected('tls', ready)
    }
    if (this.#io.unasked) {
      return this.#failed('tls', reply(451, '4.7.5', 'somebody put plain text behind the reply to STARTTLS'))
    }
    const side = { role: 'client', serverName, trusted, mustAuthenticate: this.#tls === 'verified' } as const
    const lost = await this.#io.startTls(side, this.#timeouts.handshakeMs)
    if (lost === undefined) return undefined
    return this.#failed('tls', reply(451, '4.7.5', `TLS failed: ${lost.lost}`), 'handshake-failed')
  }

  async #logIn(extensions: Extensions): Promise<Opened | undefined> {
    const { user, password, cpu, random } = this.#options.login!
    const offered = (extensions.get('AUTH') ?? '').toUpperCase().split(' ')
    if (this.#io.stream.tls === undefined) {
      return this.#failed('auth', reply(451, '4.7.11', 'the password is not sent without TLS'))
    }
    const say = (line: string) => this.#io.exchange(line, this.#timeouts.commandMs)
    // RFC 5802 §6: bound if the server can, and if it says it cannot, it hears that we could.
    const binding = this.#io.stream.tls.bindings?.find(({ type }) => type === 'tls-exporter')
    const isBound = binding !== undefined && offered.includes('SCRAM-SHA-256-PLUS')
    if (isBound || offered.includes('SCRAM-SHA-256')) {
      const nonce = random.bytes(18).toString('base64')
      const scram = new ScramClient(user, password, nonce, isBound ? binding : binding && 'not-offered')
      const first = await say(`AUTH SCRAM-SHA-256${isBound ? '-PLUS' : ''} ${scram.first().toString('base64')}`)
      if (isLost(first) || first.code !== 334) return this.#unexpected('auth', first)
      const answer = await scram.answer(challengeOf(first), { cpu })
      const final = await say(answer === undefined ? '*' : answer.toString('base64'))
      if (isLost(final) || final.code !== 334) return this.#unexpected('auth', final)
      if (!scram.verify(challengeOf(final))) {
        return this.#failed('auth', reply(451, '4.7.8', 'the server does not know the password'))
      }
      const done = await say('')
      return !isLost(done) && done.code === 235 ? undefined : this.#unexpected('auth', done)
    }
    if (!offered.includes('PLAIN')) return this.#failed('auth', reply(451, '4.7.4', 'no common way to log in'))
    const done = await say(`AUTH PLAIN ${plainMessage(user, password).toString('base64')}`)
    return !isLost(done) && done.code === 235 ? undefined : this.#unexpected('auth', done)
  }

  /** The server said something else than what goes on, or nothing. */
  #unexpected(stage: SmtpFailure['stage'], answer: Reply | Lost): Opened {
    if (isLost(answer)) return this.#failed(stage, lostReply(answer))
    if (answer.code >= 400) return this.#failed(stage, answer, 'failed', true)
    return this.#failed(stage, reply(451, '4.5.0', `the server answered ${answer.code}, which makes no sense here`))
  }

  #failed(
    stage: SmtpFailure['stage'],
    why: Reply,
    kind: 'failed' | 'handshake-failed' = 'failed',
    said = false,
  ): Opened {
    this.#io?.close()
    return { kind, failure: { stage, reply: why, said, tlsOffered: this.#tlsOffered } }
  }
}

/** Nobody answered there. */
export function noConnection({ address }: Endpoint, { message }: NetworkError): SmtpFailure {
  const why = reply(421, '4.4.1', `no connection to ${address}: ${message}`)
  return { stage: 'connect', reply: why, said: false, tlsOffered: false }
}

/** Our words for a connection that went away. */
function lostReply(lost: Lost): Reply {
  return reply(421, '4.4.2', lost.lost)
}

function challengeOf(answer: Reply): Buffer {
  return Buffer.from(answer.lines[0]!, 'base64')
}

function extensionsOf(answer: Reply): Map<string, string> {
  const extensions = new Map<string, string>()
  for (const line of answer.lines.slice(1)) {
    // 'AUTH=PLAIN' is how some old servers write it.
    const parts = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =]+(.*))?$/.exec(line.trim())
    if (parts !== null) extensions.set(parts[1]!.toUpperCase(), parts[2]?.trim() ?? '')
  }
  return extensions
}
