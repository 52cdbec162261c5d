// An IMAP server session (RFC 3501) as a Dialogue: reads commands, runs each by its row in COMMANDS, tells what changed,
// and gives the tagged answer. Knows states and their order; what a command does stands in the file of its group.

import type { Store } from '../../store/store.ts'
import type { Account } from '../../store/types.ts'
import type { Random } from '../../world/world.ts'
import { type Dialogue, read, send } from '../dialogue.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { ANSWERED, type Answer, bad } from './answer.ts'
import { capabilities } from './capability.ts'
import { COMMANDS } from './commands.ts'
import { type Cursor, parseCommand, tagOf } from './parser.ts'
import { CommandReader, type RawCommand } from './reader.ts'
import { Output } from './response.ts'
import type { SelectedMailbox } from './selected.ts'

export interface ImapOptions {
  readonly store: Store
  readonly accounts: SaslAccounts
  readonly random: Pick<Random, 'bytes'>
  /** STARTTLS can be offered. */
  readonly tlsAvailable: boolean
  /** Passwords may be said without TLS: on loopback, or when the operator says so. */
  readonly allowPlaintext: boolean
  /** The stream is encrypted from the start (port 993). */
  readonly secured: boolean
  /** What clients see between the parts of a mailbox name: '/', or '.' where they come from a house that showed that. */
  readonly delimiter: '/' | '.'
  /** Wall time, and monotonic time, in milliseconds. */
  readonly now: () => number
  readonly monotonic: () => number
  readonly limits: ImapLimits
}

export interface ImapLimits {
  /** Largest message that APPEND takes. */
  readonly messageBytes: number
  /** Literals of one command together, before sign-in and after. */
  readonly literalBytesBeforeSignIn: number
  readonly literalBytes: number
  /** RFC 3501 §5.4: at least 30 minutes once signed in. */
  readonly idleMs: number
  readonly signInMs: number
  /** Wrong passwords before we hang up. */
  readonly failures: number
  /** The answer to a wrong password waits so long. */
  readonly failureDelayMs: number
}

export const DEFAULT_IMAP_LIMITS: ImapLimits = {
  messageBytes: 50 * 1024 * 1024,
  literalBytesBeforeSignIn: 8192,
  literalBytes: 1024 * 1024,
  idleMs: 30 * 60_000,
  signInMs: 60_000,
  failures: 5,
  failureDelayMs: 1_000,
}

/** The command under way. */
export interface CommandContext {
  readonly tag: string
  readonly args: Cursor
  /** Behind UID: numbers are UIDs. */
  readonly uid: boolean
}

export type CommandHandler = (session: ImapSession, command: CommandContext) => Dialogue<Answer> | Answer

const FLUSH_BYTES = 65_536
/** BAD answers to somebody who has not signed in, before we hang up. */
const MISTAKES = 20

export class ImapSession {
  readonly options: ImapOptions
  readonly store: Store
  readonly reader: CommandReader
  readonly output = new Output()
  secured: boolean
  account: Account | undefined
  selected: SelectedMailbox | undefined
  /** RFC 5161, RFC 7162: 'CONDSTORE', 'UTF8=ACCEPT'. */
  readonly enabled = new Set<string>()
  failures = 0
  /** Set to end the session after the current answer. */
  closing = false
  /** By then the client must have signed in, however busy it looks until then. */
  readonly #signInBy: number
  #mistakes = 0

  constructor(options: ImapOptions) {
    this.options = options
    this.store = options.store
    this.secured = options.secured
    this.#signInBy = options.monotonic() + options.limits.signInMs
    this.reader = new CommandReader((line) => this.#literalLimit(line))
  }

  get mayPassword(): boolean {
    return this.secured || this.options.allowPlaintext
  }

  /** The whole session. */
  *run(): Dialogue {
    this.output.line(`* OK [CAPABILITY ${capabilities(this)}] Borderpost ready`)
    while (!this.closing) {
      yield* this.flush()
      const command = yield* this.#nextCommand()
      if (command !== undefined) yield* this.#execute(command)
    }
    yield* this.flush()
  }

  /** Sends what was collected. */
  *flush(): Dialogue {
    if (this.output.sizeBytes > 0) yield* send(...this.output.take())
  }

  /** Sends when enough was collected: between the messages of a long answer. */
  *flushWhenFull(): Dialogue {
    if (this.output.sizeBytes >= FLUSH_BYTES) yield* this.flush()
  }

  /** The next line that is not a command, without CRLF, or what happened instead. */
  *readLine(orChange = false): Dialogue<Buffer | 'bad' | 'closed' | 'timeout' | 'changed'> {
    yield* this.flush()
    for (;;) {
      const line = this.reader.nextLine()
      if (line !== undefined) return line
      const chunk = yield* read(this.timeoutMs, orChange)
      if (chunk === null) return 'closed'
      if (typeof chunk === 'string') return chunk
      this.reader.push(chunk)
    }
  }

  /** RFC 7162 §3.1: a command that speaks of MODSEQs turns CONDSTORE on, and the client learns where it stands. */
  enableCondstore(): void {
    if (this.enabled.has('CONDSTORE')) return
    this.enabled.add('CONDSTORE')
    const mailbox = this.selected && this.store.mailbox(this.selected.account, this.selected.id)
    if (mailbox) this.output.line(`* OK [HIGHESTMODSEQ ${Math.max(1, mailbox.highestModseq)}] CONDSTORE is on`)
  }

  /** Says BYE and ends the session. */
  bye(text: string): void {
    this.output.line(`* BYE ${text}`)
    this.closing = true
  }

  /** How long the client may be silent now. */
  get timeoutMs(): number {
    if (this.account !== undefined) return this.options.limits.idleMs
    return Math.max(1, this.#signInBy - this.options.monotonic())
  }

  #literalLimit(line: Buffer): number {
    const { limits } = this.options
    if (this.account === undefined) return limits.literalBytesBeforeSignIn
    const isAppend = /^[^ ]+ +append /i.test(line.toString('latin1', 0, 200))
    return isAppend ? limits.messageBytes + limits.literalBytes : limits.literalBytes
  }

  *#nextCommand(): Dialogue<RawCommand | undefined> {
    for (;;) {
      const event = this.reader.next()
      if (event === undefined) {
        yield* this.flush()
        const chunk = yield* read(this.timeoutMs)
        if (chunk === null) this.closing = true
        else if (typeof chunk === 'string') this.bye('you were silent for too long')
        else this.reader.push(chunk)
        if (this.closing) return undefined
      } else if (event.kind === 'continue') {
        this.output.line('+ go on')
      } else if (event.kind === 'command') {
        return event.command
      } else if (event.kind === 'fatal') {
        this.bye(event.text)
        return undefined
      } else {
        this.output.line(refusal(event.line, event.reason))
        return undefined
      }
    }
  }

  *#execute(raw: RawCommand): Dialogue {
    const parsed = parseCommand(raw)
    if ('error' in parsed) {
      this.#answer(parsed.tag ?? '*', bad(parsed.error))
      return
    }
    const { tag, args } = parsed
    let name = parsed.name
    let uid = false
    if (name === 'UID' && this.selected !== undefined) {
      args.space()
      name = args.keyword()
      uid = true
    }
    const row = COMMANDS.get(name)
    if (row === undefined || (uid && row.uid !== true)) {
      this.#answer(tag, bad('command not known'))
      return
    }
    const outcome = this.#allowed(row.state) ?? row.run(this, { tag, args, uid })
    const answer = 'status' in outcome ? outcome : yield* outcome
    if (answer === ANSWERED) return
    // What changed is told before the tagged answer, so that the client knows it when the command is over.
    this.tell(row.expungesTold !== false || uid, uid)
    this.#answer(tag, answer)
  }

  #answer(tag: string, { status, code, text }: Answer): void {
    this.output.line(`${tag} ${status} ${code === undefined ? '' : `[${code}] `}${text}`)
    if (status !== 'BAD' || this.account !== undefined) return
    this.#mistakes++
    if (this.#mistakes >= MISTAKES && !this.closing) this.bye('too many mistakes')
  }

  /** Untagged answers about the selected mailbox. */
  tell(expunges: boolean, withUid: boolean): void {
    this.selected?.tell(this.output, { expunges, withUid, withModseq: this.enabled.has('CONDSTORE') })
  }

  #allowed(state: 'any' | 'not-signed-in' | 'signed-in' | 'selected'): Answer | undefined {
    if (state === 'not-signed-in' && this.account !== undefined) return bad('already signed in')
    if ((state === 'signed-in' || state === 'selected') && this.account === undefined) return bad('sign in first')
    if (state === 'selected' && this.selected === undefined) return bad('select a mailbox first')
    return undefined
  }
}

function refusal(line: Buffer, reason: 'too-big' | 'too-long' | 'bare-line-feed'): string {
  const tag = tagOf(line) ?? '*'
  if (reason === 'too-big') return `${tag} NO [TOOBIG] literal too big`
  if (reason === 'too-long') return `${tag} BAD [TOOBIG] command line too long`
  return `${tag} BAD commands end in CRLF; a bare LF is not allowed`
}
