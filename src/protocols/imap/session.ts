// An IMAP server session (RFC 9051, RFC 3501) as a Dialogue: reads commands, runs each by its row in COMMANDS, tells what changed,
// and gives the tagged answer. Knows states and their order; what a command does stands in the file of its group.

import type { MailboxId } from '../../store/nouns/mail.ts'
import type { Account, AccountId } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { TlsInfo } from '../../world/network.ts'
import type { Random } from '../../world/world.ts'
import { type Dialogue, read, send, signedOut, watch } from '../dialogue.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { ANSWERED, type Answer, bad, UID_REQUIRED } from './answer.ts'
import { capabilities } from './capability.ts'
import { COMMANDS, type CommandRow } from './commands.ts'
import { tellContexts } from './context.ts'
import { type Notifying, tellNotified } from './notify.ts'
import { type Cursor, parseCommand, tagOf } from './parser.ts'
import { CommandReader, type RawCommand, type ReaderEvent } from './reader.ts'
import { Output } from './response.ts'
import type { Manner, SelectedMailbox } from './selected.ts'

export interface ImapOptions {
  readonly store: Store
  readonly accounts: SaslAccounts
  readonly random: Pick<Random, 'bytes'>
  /** STARTTLS can be offered. */
  readonly tlsAvailable: boolean
  /** Passwords may be said without TLS: on loopback, or when the operator says so. */
  readonly allowPlaintext: boolean
  /** The stream is encrypted from the start (port 993). */
  readonly tls: TlsInfo | undefined
  /** What clients see between the parts of a mailbox name: '/', or '.' where they come from a house that showed that. */
  readonly delimiter: '/' | '.'
  /** Wall time, and monotonic time, in milliseconds. */
  readonly now: () => number
  readonly monotonic: () => number
  /** Where the same mail can be had over JMAP (RFC 9698). */
  readonly jmapUrl: string | undefined
  readonly limits: ImapLimits
}

export interface ImapLimits {
  /** Largest message that APPEND takes. */
  readonly messageBytes: number
  /** Messages that one command works on (RFC 9738). */
  readonly messagesPerCommand: number
  /** Annotations of one mailbox, and bytes of one (RFC 5464). */
  readonly annotations: number
  readonly annotationBytes: number
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
  messagesPerCommand: 1_000_000,
  annotations: 100,
  annotationBytes: 65_536,
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
/** Changes of so many messages are told before it is looked whether that is enough to send. */
const TOLD_AT_ONCE = 1_000
/** RFC 9585 §4: not more often than every ten seconds or so. */
const PROGRESS_MS = 10_000
/** BAD answers to somebody who has not signed in, before we hang up. */
const MISTAKES = 20

export class ImapSession {
  readonly options: ImapOptions
  readonly store: Store
  readonly reader: CommandReader
  readonly output = new Output()
  tls: TlsInfo | undefined
  account: Account | undefined
  selected: SelectedMailbox | undefined
  /** What ENABLE turned on (RFC 5161), in capitals. */
  readonly enabled = new Set<string>()
  /** What the client wants to hear of other mailboxes (RFC 5465). */
  notifying: Notifying | undefined
  isCompressed = false
  /** What the reader gave and was not taken. */
  #putBack: ReaderEvent | undefined
  #watched: AccountId[] = []
  /** When the last sign of life was sent: the command's beginning, or an INPROGRESS. */
  #aliveAt = 0
  failures = 0
  /** Set to end the session after the current answer. */
  closing = false
  /** By then the client must have signed in, however busy it looks until then. */
  #signInBy: number
  #mistakes = 0

  constructor(options: ImapOptions) {
    this.options = options
    this.store = options.store
    this.tls = options.tls
    this.#signInBy = options.monotonic() + options.limits.signInMs
    this.reader = new CommandReader((line) => this.#literalLimit(line))
  }

  get secured(): boolean {
    return this.tls !== undefined
  }

  get mayPassword(): boolean {
    return this.secured || this.options.allowPlaintext
  }

  /** The client speaks IMAP4rev2 (RFC 9051 §6.3.1). */
  get isRev2(): boolean {
    return this.enabled.has('IMAP4REV2')
  }

  /** Mailbox names and quoted strings are UTF-8. */
  get saysUtf8(): boolean {
    return this.isRev2 || this.enabled.has('UTF8=ACCEPT')
  }

  /** CONDSTORE is on (RFC 7162 §3.1). */
  get tellsModseq(): boolean {
    return this.enabled.has('CONDSTORE')
  }

  get manner(): Manner {
    return {
      vanished: this.enabled.has('QRESYNC'),
      uidOnly: this.enabled.has('UIDONLY'),
      modseq: this.tellsModseq,
      recent: !this.isRev2,
    }
  }

  /** RFC 8474 §4: one name for one mailbox, whoever looks at it. */
  mailboxId(account: AccountId, mailbox: MailboxId): string {
    return account === this.account?.id ? `F${mailbox}` : `F${account}-${mailbox}`
  }

  /** Changes of this account wake IDLE and NOTIFY. */
  *watch(account: AccountId): Dialogue {
    if (this.#watched.includes(account)) return
    this.#watched.push(account)
    yield* watch(this.#watched)
  }

  /** RFC 8437: as if nobody had signed in. */
  *forgetPerson(): Dialogue {
    this.account = undefined
    this.selected = undefined
    this.notifying = undefined
    this.enabled.clear()
    this.#watched = []
    this.#signInBy = this.options.monotonic() + this.options.limits.signInMs
    yield* watch([])
    yield* signedOut()
  }

  /** RFC 9585: in a command that takes long, the client hears from time to time how far it is. */
  *progress(tag: string, done: number, total: number): Dialogue {
    const now = this.options.monotonic()
    if (now - this.#aliveAt < PROGRESS_MS) return
    this.#aliveAt = now
    this.output.line(`* OK [INPROGRESS ("${tag.replace(/["\\]/g, '\\$&')}" ${done} ${total})] still at it`)
    yield* this.flush()
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
    if (this.tellsModseq) return
    this.enabled.add('CONDSTORE')
    const mailbox = this.selected?.mailbox
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
    const isAppend = /^[^ ]+ +(append|(uid +)?replace) /i.test(line.toString('latin1', 0, 200))
    return isAppend ? limits.messageBytes + limits.literalBytes : limits.literalBytes
  }

  /** The next command, where it is here already and has that name: it will be carried out with the one before it. */
  *takeArrived(name: string): Dialogue<{ readonly tag: string; readonly args: Cursor } | undefined> {
    if (this.#putBack !== undefined) return undefined
    for (;;) {
      const event = this.reader.next()
      if (event?.kind === 'command') {
        const parsed = parseCommand(event.command)
        if (!('error' in parsed) && parsed.name === name) return parsed
      }
      this.#putBack = event
      if (event !== undefined) return undefined
      const chunk = yield* read(0)
      if (chunk === null) this.closing = true
      if (chunk === null || typeof chunk === 'string') return undefined
      this.reader.push(chunk)
    }
  }

  *#nextCommand(): Dialogue<RawCommand | undefined> {
    for (;;) {
      const event = this.#putBack ?? this.reader.next()
      this.#putBack = undefined
      if (event === undefined) {
        yield* this.flush()
        const chunk = yield* read(this.timeoutMs, this.notifying !== undefined)
        if (chunk === null) this.closing = true
        else if (chunk === 'changed') yield* this.tell(this.notifying?.expungesAtOnce === true, true)
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
      this.answer(parsed.tag ?? '*', bad(parsed.error))
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
      this.answer(tag, bad('command not known'))
      return
    }
    this.#aliveAt = this.options.monotonic()
    const outcome = this.#allowed(row, uid) ?? row.run(this, { tag, args, uid })
    const answer = 'status' in outcome ? outcome : yield* outcome
    if (answer === ANSWERED) return
    // What changed is told before the tagged answer, so that the client knows it when the command is over.
    yield* this.tell(row.expungesTold !== false || uid, uid)
    this.answer(tag, answer)
  }

  answer(tag: string, { status, code, text }: Answer): void {
    this.output.line(`${tag} ${status} ${code === undefined ? '' : `[${code}] `}${text}`)
    if (status !== 'BAD' || this.account !== undefined) return
    this.#mistakes++
    if (this.#mistakes >= MISTAKES && !this.closing) this.bye('too many mistakes')
  }

  /** Untagged answers about the selected mailbox, and the others that the client wants to hear of. */
  *tell(expunges: boolean, withUid: boolean): Dialogue {
    const { selected, output, manner } = this
    if (selected !== undefined) {
      const changes = selected.changes(expunges || manner.uidOnly)
      // RFC 5267 §4.3: positions and numbers of what leaves a search are those before the EXPUNGE.
      if (selected.contexts.size > 0) yield* tellContexts(this, selected, changes, 'gone')
      selected.tellFresh(output, changes.fresh, manner)
      selected.tellExpunged(output, changes.expunged, manner)
      selected.tellKeywords(
        output,
        [...changes.fresh, ...changes.flags].map(({ flags }) => flags),
      )
      for (let at = 0; at < changes.flags.length; at += TOLD_AT_ONCE) {
        selected.tellFlags(output, changes.flags.slice(at, at + TOLD_AT_ONCE), manner, withUid)
        yield* this.flushWhenFull()
      }
      selected.flagsAreTold()
      if (selected.contexts.size > 0) yield* tellContexts(this, selected, changes, 'come')
      if (this.notifying) yield* this.notifying.tellFresh(this, selected, changes.fresh)
    }
    if (this.notifying) yield* tellNotified(this, this.notifying)
  }

  #allowed({ state, uid: isAlsoUid, numbers }: CommandRow, uid: boolean): Answer | undefined {
    if (isAlsoUid && !uid && numbers !== false && this.enabled.has('UIDONLY')) return UID_REQUIRED
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
