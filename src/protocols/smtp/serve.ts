// The driver of one SMTP server connection: moves bytes between a stream and the session, asks the policy what the
// session asks, keeps the deadlines (RFC 5321 §4.5.3.2.7) and the pauses, believes the PROXY header of known balancers.
// Never throws: a broken stream, a vanished client or a policy that throws end this connection and nothing else; a
// message that was not answered leaves nothing.

import { NetworkError, type Stream, type TlsIdentity } from '../../world/network.ts'
import type { World } from '../../world/world.ts'
import { Budget } from './content.ts'
import { DEFAULT_SERVER_OPTIONS, type SmtpServerOptions } from './options.ts'
import type { ConnectionControl, SessionFacts, SmtpServerPolicy } from './policy.ts'
import { type Proxied, readProxyHeader } from './proxied.ts'
import { REPLIES } from './reply.ts'
import { SmtpServerSession } from './server-session.ts'
import type { Effect, Phase, Question } from './session-types.ts'

export interface ServeOptions extends Partial<Omit<SmtpServerOptions, 'startTls' | 'hostName'>> {
  readonly hostName: string
  /** STARTTLS is offered when present. A function is asked at each handshake, so that certificates can be renewed. */
  readonly identity?: TlsIdentity | (() => TlsIdentity)
  /** Memory for messages under way; share one among all connections of the process. */
  readonly budget?: Budget
  /** A function is asked again while a connection waits, so that a busy server can lose patience with all of them. */
  readonly timeouts?: Partial<Timeouts> | (() => Partial<Timeouts>)
  /** Balancers whose PROXY header is believed, and then required. A header from anybody else is no SMTP: a fault. */
  readonly proxyFrom?: (address: string) => boolean
  /** How long to listen before the greeting: who speaks in it is an early talker. Once it has spoken nobody waits on. */
  readonly greetingPauseMs?: (session: SessionFacts) => number
  /** How long replies wait after new faults, told how many there were (a tarpit). */
  readonly faultPauseMs?: (faults: number) => number
  /** Told of a policy that threw: a bug or a broken machine. */
  readonly onFault?: (error: unknown) => void
  /** Resolves when the server shuts down: the connection gets 421 between two commands. */
  readonly shutdown?: Shutdown
}

/** A switch that connections look at between commands. */
interface Shutdown {
  readonly requested: boolean
}

/** Milliseconds. The whole message has its own limit, so that a drip of bytes cannot hold a place for ever. */
export interface Timeouts {
  readonly commandMs: number
  readonly dataBlockMs: number
  readonly wholeMessageMs: number
  readonly handshakeMs: number
}

const DEFAULT_TIMEOUTS: Timeouts = {
  commandMs: 300_000,
  dataBlockMs: 180_000,
  wholeMessageMs: 1_800_000,
  handshakeMs: 30_000,
}

const DEFAULT_BUDGET_BYTES = 256 * 1024 * 1024

/** Serves one connection to its end. The policy should belong to this connection if it keeps state. */
export async function serveSmtp(
  stream: Stream,
  policy: SmtpServerPolicy,
  options: ServeOptions,
  world: Pick<World, 'clock' | 'random'>,
): Promise<void> {
  const proxied = options.proxyFrom?.(stream.remote.address) ? await readProxyHeader(stream, world.clock) : {}
  if (proxied === undefined) return stream.destroy()
  await new Connection(stream, policy, options, world, proxied).run()
}

class Connection implements ConnectionControl {
  readonly #stream: Stream
  readonly #policy: SmtpServerPolicy
  readonly #options: ServeOptions
  readonly #world: Pick<World, 'clock' | 'random'>
  readonly #fixedTimeouts: Timeouts
  /** What came before the session began. */
  readonly #early: Buffer | undefined
  readonly #session: SmtpServerSession
  /** Replies not written yet: one write for a whole pipelined group (RFC 2920 §3.2). */
  #unsent = ''
  #closing = false
  /** Those for which the client has waited already. */
  #faultsPaused = 0
  /** Since when a command or message may have begun, monotonic; and what came of the message. */
  #since = 0
  #contentBytes = 0
  #isWaiting = false

  constructor(
    stream: Stream,
    policy: SmtpServerPolicy,
    options: ServeOptions,
    world: Pick<World, 'clock' | 'random'>,
    proxied: Proxied,
  ) {
    this.#stream = stream
    this.#policy = policy
    this.#options = options
    this.#world = world
    const fixed = typeof options.timeouts === 'function' ? {} : options.timeouts
    this.#fixedTimeouts = { ...DEFAULT_TIMEOUTS, ...fixed }
    this.#early = proxied.rest
    this.#session = new SmtpServerSession(
      { ...DEFAULT_SERVER_OPTIONS, ...options, startTls: options.identity !== undefined },
      {
        peer: proxied.peer ?? stream.remote,
        local: proxied.local ?? stream.local,
        tls: stream.tls,
        mechanisms: policy.accounts?.mechanisms ?? [],
        budget: options.budget ?? new Budget(DEFAULT_BUDGET_BYTES),
        random: world.random,
        now: () => world.clock.now(),
      },
    )
  }

  async run(): Promise<void> {
    try {
      const effects = this.#session.start()
      if (this.#early !== undefined && this.#early.length > 0) this.#session.receive(this.#early)
      await this.#perform(effects)
      if (!(await this.#listenBeforeGreeting())) return
      await this.#loop()
    } catch (error) {
      if (!(error instanceof NetworkError)) this.#options.onFault?.(error)
    } finally {
      this.#session.abort()
      this.#stream.destroy()
      try {
        this.#policy.disconnected?.(this.#session.facts)
      } catch (error) {
        this.#options.onFault?.(error)
      }
    }
  }

  /** It is welcome, but what it says before it hears so is too early (RFC 5321 §3.1). False: the client is gone. */
  async #listenBeforeGreeting(): Promise<boolean> {
    const { facts } = this.#session
    const pauseMs = facts.earlyTalker || this.#closing ? 0 : (this.#options.greetingPauseMs?.(facts) ?? 0)
    if (pauseMs <= 0) return true
    this.#restart()
    const bytes = await this.#waiting(this.#readWithin(pauseMs))
    if (bytes === null) return false
    if (bytes !== 'timeout') await this.#perform(this.#session.receiveEarly(bytes))
    return true
  }

  async #loop(): Promise<void> {
    let phase: Phase = this.#session.phase
    this.#restart()
    while (!this.#closing) {
      await this.#flush()
      const bytes = await this.#read()
      if (bytes === 'timeout') {
        await this.#perform(this.#session.abort(REPLIES.timeout))
        break
      }
      // The peer is gone. What it had not finished is dropped (RFC 5321 §4.1.1.10).
      if (bytes === null) return
      if (isContent(phase)) this.#contentBytes += bytes.length
      const effects = this.#session.receive(bytes)
      // A command or the whole message has its time from when it may begin; each answer starts it anew.
      const progress = effects.length > 0 || this.#session.phase !== phase
      await this.#perform(effects)
      phase = this.#session.phase
      if (progress) this.#restart()
      if (this.#options.shutdown?.requested && phase === 'command' && !this.#closing) {
        await this.#perform(this.#session.abort(REPLIES.shuttingDown))
      }
    }
    await this.#flush()
    await this.#linger()
  }

  get #timeouts(): Timeouts {
    const { timeouts } = this.#options
    return typeof timeouts === 'function' ? { ...DEFAULT_TIMEOUTS, ...timeouts() } : this.#fixedTimeouts
  }

  #restart(): void {
    this.#since = this.#world.clock.monotonic()
    this.#contentBytes = 0
  }

  get messages(): number {
    return this.#session.messages
  }

  get waitedMs(): number {
    if (!this.#isWaiting) return 0
    return Math.max(0, this.#world.clock.monotonic() - this.#since - this.#contentBytes)
  }

  drop(): void {
    if (!this.#isWaiting || this.#closing) return
    this.#closing = true
    let last = ''
    for (const effect of this.#session.abort(REPLIES.gaveWay)) if (effect.kind === 'send') last += effect.text
    // It must be gone now: the words are sent if the socket takes them at once.
    this.#stream.write(Buffer.from(last)).catch(() => {})
    this.#stream.destroy()
  }

  /** The next bytes of a command or message. */
  async #read(): Promise<Uint8Array | null | 'timeout'> {
    const { clock } = this.#world
    const content = isContent(this.#session.phase)
    const silentSince = clock.monotonic()
    const isAdaptive = typeof this.#options.timeouts === 'function'
    for (;;) {
      const { commandMs, wholeMessageMs, dataBlockMs } = this.#timeouts
      const end = content ? Math.min(this.#since + wholeMessageMs, silentSince + dataBlockMs) : this.#since + commandMs
      const left = Math.max(1, end - clock.monotonic())
      const bytes = await this.#waiting(this.#readWithin(isAdaptive ? Math.min(left, PATIENCE_MS) : left))
      if (bytes !== 'timeout' || clock.monotonic() >= end) return bytes
    }
  }

  /** Meanwhile the connection may be told to go. */
  async #waiting<T>(work: Promise<T>): Promise<T> {
    this.#isWaiting = true
    try {
      return await work
    } finally {
      this.#isWaiting = false
    }
  }

  async #readWithin(waitMs: number): Promise<Uint8Array | null | 'timeout'> {
    try {
      return await this.#stream.read(waitMs)
    } catch (error) {
      if (error instanceof NetworkError && error.code === 'timeout') return 'timeout'
      throw error
    }
  }

  /** Does what the session wants until it wants bytes again. */
  async #perform(effects: readonly Effect[]): Promise<void> {
    let next: readonly Effect[] | undefined = effects
    while (next !== undefined) {
      let more: readonly Effect[] | undefined
      for (const effect of next) {
        if (effect.kind === 'send') this.#unsent += effect.text
        else if (effect.kind === 'ask') more = await this.#ask(effect.question)
        else if (effect.kind === 'auth-failed') this.#policy.authenticationFailed?.(effect.user, this.#session.facts)
        else if (effect.kind === 'start-tls') await this.#startTls()
        else this.#closing = true
      }
      next = more
    }
  }

  async #ask(question: Question): Promise<Effect[]> {
    const session = this.#session
    const policy = this.#policy
    const from = session.facts.peer.address
    try {
      if (question.kind === 'password') {
        return session.passwordChecked(await policy.accounts!.checkPassword(question.user, question.password, from))
      }
      if (question.kind === 'credentials') {
        return session.credentialsFound(await policy.accounts!.scramCredentials(question.user, from))
      }
      if (question.kind === 'token') {
        return session.tokenChecked(await policy.accounts!.checkToken!(question.user, question.token, from))
      }
      if (question.kind === 'certificate') {
        const { certificate, user } = question
        return session.passwordChecked(
          policy.accounts!.certificateHolder?.(certificate, user, from) ?? { state: 'refused' },
        )
      }
      if (question.kind === 'url')
        return session.urlResolved(await policy.partOf!(question.url, question.reversePath, session.facts))
      if (question.kind === 'authenticated') policy.accounts?.signedIn?.(question.user, from)
      const answer = askPolicy(policy, question, session, this)
      return session.decide(answer instanceof Promise ? await answer : answer)
    } catch (error) {
      this.#options.onFault?.(error)
      if (question.kind === 'password' || question.kind === 'certificate')
        return session.passwordChecked({ state: 'unavailable' })
      if (question.kind === 'credentials') return session.credentialsFound({ state: 'unavailable' })
      if (question.kind === 'token') return session.tokenChecked({ state: 'unavailable' })
      if (question.kind === 'url') return session.urlResolved(REPLIES.localError)
      return session.decide(REPLIES.localError)
    }
  }

  async #startTls(): Promise<void> {
    await this.#flush()
    const identity = this.#options.identity!
    // The handshake has its own time: a client that stalls in it is dropped with the stream.
    const timer = this.#world.clock.after(this.#timeouts.handshakeMs, () => this.#stream.destroy())
    try {
      const info = await this.#stream.startTls({
        role: 'server',
        identity: typeof identity === 'function' ? identity() : identity,
      })
      this.#session.tlsStarted(info)
    } finally {
      timer.cancel()
    }
  }

  async #flush(): Promise<void> {
    if (this.#unsent === '') return
    await this.#pauseForFaults()
    const bytes = Buffer.from(this.#unsent)
    this.#unsent = ''
    // A peer that sends but never reads must not hold its place.
    const timer = this.#world.clock.after(this.#timeouts.commandMs, () => this.#stream.destroy())
    try {
      await this.#stream.write(bytes)
    } finally {
      timer.cancel()
    }
  }

  async #pauseForFaults(): Promise<void> {
    const { faultPauseMs } = this.#options
    const { faults } = this.#session
    const isNew = faults > this.#faultsPaused
    this.#faultsPaused = faults
    if (faultPauseMs === undefined || !isNew) return
    const pauseMs = faultPauseMs(faults)
    if (pauseMs > 0) await this.#waiting(this.#world.clock.sleep(pauseMs))
  }

  /** Lets the last reply arrive: closes our side, then reads and forgets a little of what still comes. */
  async #linger(): Promise<void> {
    this.#stream.end()
    const until = this.#world.clock.monotonic() + LINGER_MS
    let left = LINGER_BYTES
    while (left > 0) {
      const ms = until - this.#world.clock.monotonic()
      const bytes = ms > 0 ? await this.#stream.read(ms) : null
      if (bytes === null) return
      left -= bytes.length
    }
  }
}

/** How often an adaptive deadline is looked at. */
const PATIENCE_MS = 5000

/** A socket closed with unread bytes is reset, and the reset overtakes the last reply. */
const LINGER_MS = 2000
const LINGER_BYTES = 1_000_000

const isContent = (phase: Phase) => phase === 'data' || phase === 'bdat'

type PolicyQuestion = Exclude<Question, { kind: 'password' | 'credentials' | 'certificate' | 'token' | 'url' }>

function askPolicy(
  policy: SmtpServerPolicy,
  question: PolicyQuestion,
  { facts }: SmtpServerSession,
  connection: ConnectionControl,
) {
  switch (question.kind) {
    case 'connected':
      return policy.connected?.(facts, connection)
    case 'hello':
      return policy.hello?.(question.name, question.extended, facts)
    case 'authenticated':
      return policy.authenticated?.(question.user, facts)
    case 'mail':
      return policy.mail(question.reversePath, question.parameters, facts)
    case 'recipient':
      return policy.recipient(question.forwardPath, question.parameters, facts)
    case 'message':
      return policy.message(question.message)
  }
}
