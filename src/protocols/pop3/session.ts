// A POP3 server session (RFC 1939, CAPA RFC 2449, STLS RFC 2595, AUTH RFC 5034, UTF8 and LANG RFC 6856, RESP-CODES
// RFC 2449 and RFC 3206) as a Dialogue. The maildrop is the INBOX as it was at sign-in, one session's alone (locks.ts);
// what was deleted goes at QUIT, in one commit.

import type { Command } from '../../store/commands.ts'
import type { BlobRef } from '../../store/nouns/bodies.ts'
import type { Store } from '../../store/store.ts'
import type { TlsInfo } from '../../world/network.ts'
import type { Random } from '../../world/world.ts'
import {
  checkPassword,
  commit,
  type Dialogue,
  delay,
  isRefusal,
  read,
  readBlobs,
  send,
  signedIn,
  startTls,
} from '../dialogue.ts'
import { CommandReader } from '../imap/reader.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { offered } from '../sasl/offered.ts'
import { SaslServer } from '../sasl/server.ts'
import { exchange } from '../sasl-dialogue.ts'
import { type LockLimits, locksOf } from './locks.ts'
import { type Maildrop, type Message, openMaildrop, sizeOf, uidsOf } from './maildrop.ts'
import { DotStuffer, TopFinder } from './stuffing.ts'

export interface Pop3Options {
  readonly store: Store
  readonly accounts: SaslAccounts
  readonly random: Pick<Random, 'bytes'>
  readonly tlsAvailable: boolean
  /** Passwords may be said without TLS: on loopback, or when the operator says so. */
  readonly allowPlaintext: boolean
  readonly tls: TlsInfo | undefined
  /** Monotonic time in milliseconds. */
  readonly monotonic: () => number
  readonly limits: Pop3Limits
}

export interface Pop3Limits extends LockLimits {
  /** RFC 1939 §3: at least 10 minutes once signed in. */
  readonly idleMs: number
  readonly signInMs: number
  /** Wrong passwords before we hang up, and how long the answer to one waits. */
  readonly failures: number
  readonly failureDelayMs: number
}

export const DEFAULT_POP3_LIMITS: Pop3Limits = {
  idleMs: 10 * 60_000,
  signInMs: 60_000,
  failures: 5,
  failureDelayMs: 1_000,
  takeOverMs: 60_000,
  loginDelayMs: 0,
}

type Handler = (session: Pop3Session, argument: string) => Dialogue | undefined

const PIECE_BYTES = 262_144
const FLUSH_BYTES = 65_536

export class Pop3Session {
  readonly #options: Pop3Options
  readonly #reader = new CommandReader(() => 0)
  #tls: TlsInfo | undefined
  #user: string | undefined
  #maildrop: Maildrop | undefined
  #failures = 0
  #out = ''
  #closing = false
  /** By then the client must have signed in, however busy it looks until then. */
  readonly #signInBy: number

  constructor(options: Pop3Options) {
    this.#options = options
    this.#tls = options.tls
    this.#signInBy = options.monotonic() + options.limits.signInMs
  }

  /** When the line that we wait for must be here: bytes that come one by one move nothing. */
  #lineBy(): number {
    const { limits, monotonic } = this.#options
    return this.#maildrop === undefined ? this.#signInBy : monotonic() + limits.idleMs
  }

  /** The connection is over, however it ended. */
  release(): void {
    this.#maildrop?.hold.release()
  }

  /** The whole session. */
  *run(): Dialogue {
    this.#say('+OK Borderpost ready')
    while (!this.#closing) {
      const line = yield* this.#line()
      if (line === 'closed') return
      if (line === 'timeout') this.#bye('-ERR you were silent for too long')
      else if (line === 'bad') this.#say('-ERR lines end in CRLF')
      else if (typeof line !== 'string') yield* this.#command(line.toString('latin1'))
    }
    yield* this.#flush()
  }

  #say(line: string): void {
    this.#out += `${line}\r\n`
  }

  #bye(line: string): void {
    this.#say(line)
    this.#closing = true
  }

  *#flush(): Dialogue {
    const text = this.#out
    this.#out = ''
    if (text !== '') yield* send(Buffer.from(text, 'latin1'))
  }

  *#line(): Dialogue<Buffer | 'bad' | 'closed' | 'timeout' | 'changed'> {
    let lineByMs: number | undefined
    for (;;) {
      const line = this.#reader.nextLine()
      if (line !== undefined) {
        this.#maildrop?.hold.heard(this.#options.monotonic())
        return line
      }
      // Answers to pipelined commands leave together (RFC 2449 §6.6).
      yield* this.#flush()
      lineByMs ??= this.#lineBy()
      const chunk = yield* read(Math.max(1, lineByMs - this.#options.monotonic()))
      if (chunk === null) return 'closed'
      if (typeof chunk === 'string') return chunk
      this.#reader.push(chunk)
    }
  }

  *#command(line: string): Dialogue {
    const match = /^([A-Za-z0-9]{3,8})(?: (.*))?$/s.exec(line)
    const name = match?.[1]?.toUpperCase() ?? ''
    if (this.#maildrop?.hold.isLost) {
      return this.#bye('-ERR [SYS/TEMP] you were silent and a newer session has the maildrop: nothing was deleted')
    }
    const handlers: Record<string, Handler> = this.#maildrop === undefined ? BEFORE_SIGN_IN : SIGNED_IN
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined
    if (handler === undefined) this.#say('-ERR command not known here')
    else {
      const argument = match![2] ?? ''
      const work = handler(this, name === 'PASS' ? argument : argument.trim())
      if (work) yield* work
    }
    if (this.#out.length >= FLUSH_BYTES) yield* this.#flush()
  }

  get #secured(): boolean {
    return this.#tls !== undefined
  }

  get #mayPassword(): boolean {
    return this.#secured || this.#options.allowPlaintext
  }

  capa(): void {
    const { accounts, tlsAvailable, limits } = this.#options
    const lines = ['+OK what I can', 'TOP', 'UIDL', 'PIPELINING', 'RESP-CODES', 'AUTH-RESP-CODE']
    // Names and passwords may be UTF-8, too (RFC 6856 §2.2). What is here stays until somebody deletes it.
    lines.push('UTF8 USER', 'LANG', 'EXPIRE NEVER')
    if (limits.loginDelayMs > 0) lines.push(`LOGIN-DELAY ${Math.ceil(limits.loginDelayMs / 1000)}`)
    if (this.#maildrop === undefined && tlsAvailable && !this.#secured) lines.push('STLS')
    if (this.#mayPassword) lines.push('USER', `SASL ${offered(accounts.mechanisms, this.#tls).join(' ')}`)
    for (const line of [...lines, 'IMPLEMENTATION Borderpost', '.']) this.#say(line)
  }

  ok(text: string): void {
    this.#say(`+OK ${text}`)
  }

  /** RFC 6856 §3: we speak English. */
  lang(argument: string): void {
    if (argument === '') for (const line of ['+OK languages', 'en English', '.']) this.#say(line)
    else if (/^(\*|i-default|en(-[a-z]+)?)$/i.test(argument)) this.#say('+OK en English it is')
    else this.#say('-ERR only English is spoken here')
  }

  *stls(): Dialogue {
    if (this.#secured || !this.#options.tlsAvailable) return this.#say('-ERR TLS is active already or not available')
    this.#say('+OK begin TLS now')
    // Nothing said before the handshake counts (CVE-2021-33515).
    yield* this.#flush()
    this.#reader.discard()
    this.#user = undefined
    this.#tls = yield* startTls()
    this.#closing = !this.#secured
  }

  user(name: string): void {
    if (!this.#mayPassword) this.#say('-ERR say STLS first')
    else if (name === '') this.#say('-ERR USER who?')
    else {
      this.#user = Buffer.from(name, 'latin1').toString('utf8')
      // Whether somebody has this name is not told (RFC 1939 §13).
      this.#say('+OK and the password?')
    }
  }

  *pass(password: string): Dialogue {
    const user = this.#user
    this.#user = undefined
    if (user === undefined) return this.#say('-ERR USER first')
    const verdict = yield* checkPassword(user, Buffer.from(password, 'latin1').toString('utf8'))
    if (verdict.state === 'ok') yield* this.#signIn(verdict.user)
    else yield* this.#failed(verdict.state)
  }

  *auth(argument: string): Dialogue {
    const { accounts, random } = this.#options
    const sasl = new SaslServer(random, accounts.mechanisms, this.#tls)
    const [name = '', initial, more] = argument.split(' ')
    const mechanism = sasl.named(name)
    if (!this.#mayPassword) return this.#say('-ERR say STLS first')
    // Before CAPA there was this way to ask.
    if (argument === '') {
      for (const line of ['+OK mechanisms', ...offered(accounts.mechanisms, this.#tls), '.']) this.#say(line)
      return
    }
    if (mechanism === undefined || more !== undefined) return this.#say('-ERR mechanism not offered')
    const outcome = yield* exchange(sasl, mechanism, initial, {
      say: (line) => this.#say(line),
      hear: () => this.#line(),
    })
    if (typeof outcome === 'object') yield* this.#signIn(outcome.user)
    else if (outcome === 'malformed') this.#say('-ERR given up, or not what the mechanism says')
    else if (outcome === 'gone') this.#closing = true
    else yield* this.#failed(outcome)
  }

  *#failed(reason: 'refused' | 'unavailable'): Dialogue {
    if (reason === 'unavailable') return this.#say('-ERR [SYS/TEMP] sign-in is not possible now, try again later')
    this.#failures++
    yield* delay(this.#options.limits.failureDelayMs)
    this.#say('-ERR [AUTH] name or password not right')
    if (this.#failures >= this.#options.limits.failures) this.#closing = true
  }

  *#signIn(user: string): Dialogue {
    const { store } = this.#options
    const account = store.accountByAddress(user)
    const inbox = account && store.mailboxByUse(account.id, 'inbox')
    if (account === undefined || inbox === undefined) return this.#say('-ERR [SYS/TEMP] the account is not here')
    yield* signedIn(account.id)
    const { monotonic, limits } = this.#options
    const hold = locksOf(store).take(account.id, monotonic(), limits)
    if (hold === 'in-use') return this.#say('-ERR [IN-USE] another session has the maildrop, try again soon')
    if (hold === 'too-soon') return this.#say('-ERR [LOGIN-DELAY] you were here a moment ago, try again later')
    this.#maildrop = openMaildrop(store, account.id, inbox, hold)
    this.#say(`+OK ${this.#maildrop.messages.length} messages`)
  }

  #left(): Message[] {
    return this.#maildrop!.messages.filter((message) => !message.deleted)
  }

  /** The message that the argument numbers; says -ERR when there is none. */
  #message(argument: string): Message | undefined {
    const number = /^\d{1,9}$/.test(argument) ? Number(argument) : 0
    const message = this.#maildrop!.messages[number - 1]
    if (message === undefined || message.deleted) {
      this.#say('-ERR no such message')
      return undefined
    }
    return message
  }

  stat(): void {
    const left = this.#left()
    this.#say(`+OK ${left.length} ${sizeOf(left)}`)
  }

  /** LIST and UIDL: one line for each message, or for the one that is asked for. */
  *listing(argument: string, describe: (message: Message, maildrop: Maildrop) => string): Dialogue {
    const maildrop = this.#maildrop!
    if (argument !== '') {
      const message = this.#message(argument)
      if (message) this.#say(`+OK ${Number(argument)} ${describe(message, maildrop)}`)
      return
    }
    this.#say(`+OK ${this.#left().length} messages`)
    for (const [index, message] of maildrop.messages.entries()) {
      if (!message.deleted) this.#say(`${index + 1} ${describe(message, maildrop)}`)
      if (this.#out.length >= FLUSH_BYTES) yield* this.#flush()
    }
    this.#say('.')
  }

  /** Where the message lies; says -ERR when it is gone. */
  #blobOf({ email }: Message): BlobRef | undefined {
    const { hold, account } = this.#maildrop!
    const blob = this.#options.store.email(account, email)?.blob
    if (hold.isLost || blob === undefined) this.#say('-ERR another program has deleted this message')
    return blob
  }

  *retr(argument: string): Dialogue {
    const message = this.#message(argument)
    const blob = message && this.#blobOf(message)
    if (blob === undefined) return
    const { hold } = this.#maildrop!
    const stuffer = new DotStuffer()
    const { sizeBytes } = blob
    for (let at = 0; at < Math.max(1, sizeBytes); at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, sizeBytes - at)
      const [piece] = yield* readBlobs([
        length === sizeBytes ? { ref: blob } : { ref: blob, range: { offset: at, length } },
      ])
      if (piece?.length !== length || hold.isLost) {
        if (at === 0) return this.#say('-ERR [SYS/PERM] the message could not be read')
        // The client waits for the end: only hanging up tells it that this is none.
        this.#closing = true
        return
      }
      if (at === 0) this.#say(`+OK ${sizeBytes} octets`)
      yield* this.#flush()
      yield* send(stuffer.feed(piece))
      hold.heard(this.#options.monotonic())
    }
    message!.retrieved = true
    this.#out += stuffer.end().toString('latin1')
  }

  *top(argument: string): Dialogue {
    const match = /^(\d+) (\d{1,9})$/.exec(argument)
    if (match === null) return this.#say('-ERR TOP message lines')
    const message = this.#message(match[1]!)
    const blob = message && this.#blobOf(message)
    if (blob === undefined) return
    const { sizeBytes } = blob
    const stuffer = new DotStuffer()
    const finder = new TopFinder(Number(match[2]))
    for (let at = 0; at < Math.max(1, sizeBytes) && !finder.isFound; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, sizeBytes - at)
      const [piece] = yield* readBlobs([{ ref: blob, range: { offset: at, length } }])
      if (piece?.length !== length) {
        if (at === 0) return this.#say('-ERR [SYS/PERM] the message could not be read')
        this.#closing = true
        return
      }
      if (at === 0) this.#say('+OK')
      yield* this.#flush()
      yield* send(stuffer.feed(finder.feed(piece)))
    }
    this.#out += stuffer.end().toString('latin1')
  }

  dele(argument: string): void {
    const message = this.#message(argument)
    if (message === undefined) return
    message.deleted = true
    this.#say('+OK will be deleted at QUIT')
  }

  rset(): void {
    for (const message of this.#maildrop!.messages) message.deleted = false
    this.#say('+OK nothing will be deleted')
  }

  /** RFC 1939 §6: only now anything changes, and all of it or nothing. */
  *quit(): Dialogue {
    const maildrop = this.#maildrop
    this.#closing = true
    if (maildrop === undefined) return this.#say('+OK bye')
    const { hold, account, mailbox } = maildrop
    if (!hold.beginUpdate()) return
    const deleted = uidsOf(maildrop.messages.filter((message) => message.deleted))
    const seen = uidsOf(maildrop.messages.filter((message) => message.retrieved && !message.deleted))
    const batch: Command[] = []
    if (seen.length > 0) {
      batch.push({ kind: 'flags.store', account, mailbox, uids: seen, mode: 'add', flags: ['\\Seen'] })
    }
    if (deleted.length > 0) {
      batch.push({ kind: 'placement.expunge', account, mailbox, uids: deleted, onlyDeleted: false })
    }
    const outcome = batch.length === 0 ? [] : yield* commit(...batch)
    // The next session may begin before this answer is read.
    hold.release()
    const failed = isRefusal(outcome) || outcome.some((result) => !result.ok)
    this.#say(failed && deleted.length > 0 ? '-ERR [SYS/TEMP] deleted messages were not removed' : '+OK bye')
  }
}

/** Runs at once and has nothing to wait for. */
const now =
  (act: (session: Pop3Session, argument: string) => void): Handler =>
  (session, argument) => {
    act(session, argument)
    return undefined
  }

const BEFORE_SIGN_IN: Record<string, Handler> = {
  CAPA: now((session) => session.capa()),
  STLS: (session) => session.stls(),
  USER: now((session, argument) => session.user(argument)),
  PASS: (session, argument) => session.pass(argument),
  AUTH: (session, argument) => session.auth(argument),
  // RFC 6856 §2: messages are sent as they are in either mode, and ours may hold UTF-8.
  UTF8: now((session) => session.ok('UTF-8 it is')),
  LANG: now((session, argument) => session.lang(argument)),
  NOOP: now((session) => session.ok('here')),
  QUIT: (session) => session.quit(),
}

const SIGNED_IN: Record<string, Handler> = {
  CAPA: now((session) => session.capa()),
  STAT: now((session) => session.stat()),
  LIST: (session, argument) => session.listing(argument, ({ sizeBytes }) => String(sizeBytes)),
  // Stable over sessions as long as the mailbox lives (RFC 1939 §7).
  UIDL: (session, argument) =>
    session.listing(argument, ({ uid, uidl }, { uidValidity }) => uidl ?? `${uidValidity}-${uid}`),
  RETR: (session, argument) => session.retr(argument),
  TOP: (session, argument) => session.top(argument),
  DELE: now((session, argument) => session.dele(argument)),
  RSET: now((session) => session.rset()),
  LANG: now((session, argument) => session.lang(argument)),
  NOOP: now((session) => session.ok('here')),
  QUIT: (session) => session.quit(),
}
