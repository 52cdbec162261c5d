// A ManageSieve server session (RFC 5804, with UNAUTHENTICATE of §2.14) as a Dialogue: scripts are checked when they come,
// with what is wrong at which place, and kept in the account's store.

import type { CommandResult } from '../../store/commands.ts'
import type { Account, ScriptQuota, SieveScript } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { TlsInfo } from '../../world/network.ts'
import type { Random } from '../../world/world.ts'
import {
  type Committed,
  commit,
  type Dialogue,
  delay,
  isRefusal,
  putBlobs,
  read,
  readBlobs,
  send,
  signedIn,
  startTls,
} from '../dialogue.ts'
import type { SaslAccounts } from '../sasl/accounts.ts'
import { offered } from '../sasl/offered.ts'
import { SaslServer } from '../sasl/server.ts'
import { exchange, type SaslOutcome } from '../sasl-dialogue.ts'
import { ACTION_LIMITS } from '../sieve/actions.ts'
import { CAPABILITY_NAMES, NOTIFY_METHODS } from '../sieve/capabilities.ts'
import { checkScript } from '../sieve/check.ts'
import { isScriptName } from '../sieve/control.ts'
import { findingText } from '../sieve/syntax.ts'
import { type Line, LineReader, type Word } from './reader.ts'

export interface ManageSieveOptions {
  readonly store: Store
  readonly accounts: SaslAccounts
  readonly random: Pick<Random, 'bytes'>
  readonly tlsAvailable: boolean
  /** Passwords may be said without TLS: on loopback, or when the operator says so. */
  readonly allowPlaintext: boolean
  readonly tls: TlsInfo | undefined
  /** Monotonic time in milliseconds. */
  readonly monotonic: () => number
  readonly limits: ManageSieveLimits
}

export interface ManageSieveLimits {
  /** RFC 5804 §1.2: at least 30 minutes once signed in. */
  readonly idleMs: number
  readonly signInMs: number
  /** Wrong passwords before we hang up, and how long the answer to one waits. */
  readonly failures: number
  readonly failureDelayMs: number
  readonly scriptBytes: number
  readonly quota: ScriptQuota
}

/** What a command says in the end: status, response code, words for people. */
interface Answer {
  readonly status: 'OK' | 'NO' | 'BYE'
  readonly code?: string
  readonly text: string
}

const ok = (text: string, code?: string): Answer => ({ status: 'OK', text, ...(code === undefined ? {} : { code }) })
const no = (text: string, code?: string): Answer => ({ status: 'NO', text, ...(code === undefined ? {} : { code }) })

interface CommandSpec {
  readonly when: 'always' | 'signed-out' | 'signed-in'
  /** Kinds of the arguments; the last ones may be left out beyond `least`. */
  readonly args: readonly ('string' | 'name' | 'number' | 'script')[]
  readonly least?: number
  readonly run: (session: ManageSieveSession, args: readonly Argument[]) => Dialogue<Answer> | Answer
}

type Argument = string | number | Buffer

export class ManageSieveSession {
  readonly #options: ManageSieveOptions
  readonly #reader: LineReader
  #tls: TlsInfo | undefined
  #account: Account | undefined
  #failures = 0
  #out: Buffer[] = []
  #closing = false
  /** By then the client must have signed in, however busy it looks until then. */
  #signInBy: number

  constructor(options: ManageSieveOptions) {
    this.#options = options
    this.#reader = new LineReader(options.limits.scriptBytes)
    this.#tls = options.tls
    this.#signInBy = options.monotonic() + options.limits.signInMs
  }

  /** The whole session. */
  *run(): Dialogue {
    this.#capabilities()
    this.#answer(ok('Borderpost ready'))
    while (!this.#closing) {
      const line = yield* this.#line()
      if (line === 'closed') return
      if (line === 'timeout') this.#bye('you were silent for too long')
      else if (line === 'too-long') this.#bye('this line is too long')
      else if (line !== 'changed') yield* this.#command(line)
    }
    yield* this.#flush()
  }

  *#command({ words, wrong }: Line): Dialogue {
    const [first, ...rest] = words
    const name = first?.kind === 'atom' ? first.text.toUpperCase() : ''
    const spec = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : undefined
    if (wrong !== undefined || spec === undefined) {
      this.#answer(no(wrong ?? 'there is no such command'))
      return
    }
    if (spec.when === 'signed-in' && this.#account === undefined) {
      this.#answer(no('sign in first: AUTHENTICATE'))
      return
    }
    if (spec.when === 'signed-out' && this.#account !== undefined) {
      this.#answer(no(`${name} is possible only before you have signed in`))
      return
    }
    const args = argumentsOf(spec, rest)
    if ('status' in args) {
      this.#answer(args)
      return
    }
    const answer = spec.run(this, args.values)
    this.#answer('next' in answer ? yield* answer : answer)
  }

  // what the commands do

  capability(): Answer {
    this.#capabilities()
    return ok('that is all')
  }

  logout(): Answer {
    this.#closing = true
    return ok('goodbye')
  }

  *startTls(): Dialogue<Answer> {
    if (this.#secured) return no('TLS is active already')
    if (!this.#options.tlsAvailable) return no('TLS is not available')
    this.#answer(ok('begin TLS now'))
    yield* this.#flush()
    // Nothing said before the handshake counts (RFC 5804 §2.2).
    this.#reader.discard()
    this.#tls = yield* startTls()
    if (!this.#secured) {
      this.#closing = true
      return no('no TLS')
    }
    // What we can is told anew, for nobody could vouch for what was said before.
    this.#capabilities()
    return ok('TLS is active')
  }

  *authenticate(mechanism: string, initial: string | undefined): Dialogue<Answer> {
    const { accounts, random, limits, store } = this.#options
    if (!this.#mayPassword) return no('say STARTTLS first', 'ENCRYPT-NEEDED')
    const sasl = new SaslServer(random, accounts.mechanisms, this.#tls)
    const known = sasl.named(mechanism)
    if (known === undefined) return no('this mechanism is not offered')
    const outcome: SaslOutcome = yield* exchange(sasl, known, initial === '' ? '=' : initial, {
      say: (line) => this.#put(`"${line.slice(2)}"\r\n`),
      hear: () => this.#response(),
    })
    if (outcome === 'gone') {
      this.#closing = true
      return no('no answer')
    }
    if (typeof outcome === 'object') {
      const account = store.accountByAddress(outcome.user)
      if (account === undefined) return no('this account is gone', 'TRYLATER')
      this.#account = account
      yield* signedIn(account.id)
      return ok('signed in')
    }
    if (outcome === 'unavailable') return no('signing in is not possible now', 'TRYLATER')
    if (outcome === 'malformed') return no('this is not what the mechanism says')
    this.#failures++
    yield* delay(limits.failureDelayMs)
    if (this.#failures < limits.failures) return no('name or password not right')
    this.#closing = true
    return { status: 'BYE', text: 'too many wrong passwords' }
  }

  unauthenticate(): Answer {
    if (this.#account === undefined) return no('nobody has signed in')
    this.#account = undefined
    this.#signInBy = this.#options.monotonic() + this.#options.limits.signInMs
    return ok('signed out')
  }

  listScripts(): Answer {
    for (const { name, isActive } of this.#scripts()) {
      this.#put(quotedOrLiteral(Buffer.from(name)))
      this.#put(isActive ? ' ACTIVE\r\n' : '\r\n')
    }
    return ok('that is all')
  }

  haveSpace(name: string, size: number): Answer {
    const { scriptBytes, quota } = this.#options.limits
    const scripts = this.#scripts()
    const others = scripts.filter((one) => one.name !== name)
    if (size > scriptBytes) return no(`a script may have ${scriptBytes} bytes`, 'QUOTA/MAXSIZE')
    if (others.length >= quota.scripts) return no(`you may have ${quota.scripts} scripts`, 'QUOTA/MAXSCRIPTS')
    const used = others.reduce((sum, { blob }) => sum + blob.sizeBytes, 0)
    return used + size > quota.bytes
      ? no(`your scripts may have ${quota.bytes} bytes in all`, 'QUOTA')
      : ok('there is room')
  }

  *putScript(name: string, script: Buffer): Dialogue<Answer> {
    const room = this.haveSpace(name, script.length)
    if (room.status === 'NO') return room
    const checked = this.checkScript(script)
    if (checked.status === 'NO') return checked
    const stored = yield* putBlobs([script])
    if (isRefusal(stored)) return diskRefused
    const atMost = this.#options.limits.quota
    return this.#done(yield* commit({ kind: 'script.put', account: this.#id, name, blob: stored[0]!, atMost }), checked)
  }

  checkScript(script: Buffer): Answer {
    const { findings, program } = checkScript(script)
    const text = findings.map(findingText).join('\r\n')
    if (program === undefined) return no(text)
    return findings.length === 0 ? ok('there is nothing wrong with it') : ok(text, 'WARNINGS')
  }

  *getScript(name: string): Dialogue<Answer> {
    const script = this.#named(name)
    if (script === undefined) return missing
    const [content] = yield* readBlobs([{ ref: script.blob }])
    if (content === undefined) return no('this script cannot be read now', 'TRYLATER')
    this.#put(`{${content.length}}\r\n`)
    this.#put(content)
    this.#put('\r\n')
    return ok('here it is')
  }

  *setActive(name: string): Dialogue<Answer> {
    const script = name === '' ? undefined : this.#named(name)
    if (name !== '' && script === undefined) return missing
    const done = ok(name === '' ? 'no script is active' : 'it is active')
    return this.#done(yield* commit({ kind: 'script.activate', account: this.#id, id: script?.id ?? null }), done)
  }

  *deleteScript(name: string): Dialogue<Answer> {
    const script = this.#named(name)
    if (script === undefined) return missing
    if (script.isActive) return no('the active script cannot be deleted', 'ACTIVE')
    return this.#done(yield* commit({ kind: 'script.remove', account: this.#id, id: script.id }), ok('deleted'))
  }

  *renameScript(from: string, to: string): Dialogue<Answer> {
    const script = this.#named(from)
    if (script === undefined) return missing
    return this.#done(
      yield* commit({ kind: 'script.rename', account: this.#id, id: script.id, name: to }),
      ok('renamed'),
    )
  }

  noop(tag: string | undefined): Answer {
    return tag === undefined ? ok('done') : ok('done', `TAG ${quotedOrLiteral(Buffer.from(tag)).toString()}`)
  }

  // helpers

  get #id(): number {
    return this.#account!.id
  }

  get #secured(): boolean {
    return this.#tls !== undefined
  }

  get #mayPassword(): boolean {
    return this.#secured || this.#options.allowPlaintext
  }

  #scripts(): readonly SieveScript[] {
    return this.#options.store.scripts(this.#id)
  }

  #named(name: string): SieveScript | undefined {
    return this.#scripts().find((script) => script.name === name)
  }

  #done(committed: Committed, answer: Answer): Answer {
    if (isRefusal(committed)) return diskRefused
    const refused = committed.find((result): result is Extract<CommandResult, { ok: false }> => !result.ok)
    return refused === undefined ? answer : no(refused.message, REFUSALS[refused.reason])
  }

  /** RFC 5804 §1.7. */
  #capabilities(): void {
    const { accounts, tlsAvailable } = this.#options
    const line = (name: string, value?: string) => this.#put(`"${name}"${value === undefined ? '' : ` "${value}"`}\r\n`)
    line('IMPLEMENTATION', 'Borderpost')
    line('SIEVE', CAPABILITY_NAMES.join(' '))
    line('SASL', this.#mayPassword ? offered(accounts.mechanisms, this.#tls).join(' ') : '')
    if (tlsAvailable && !this.#secured) line('STARTTLS')
    line('NOTIFY', NOTIFY_METHODS.join(' '))
    line('MAXREDIRECTS', String(ACTION_LIMITS.redirects))
    line('UNAUTHENTICATE')
    if (this.#account !== undefined) line('OWNER', this.#account.address)
    line('VERSION', '1.0')
  }

  /** A line of a SASL exchange: one string. */
  *#response(): Dialogue<Buffer | string> {
    const line = yield* this.#line(true)
    if (typeof line === 'string') return line === 'closed' || line === 'timeout' ? 'gone' : 'bad'
    const [word, ...others] = line.words
    return line.wrong === undefined && word?.kind === 'string' && others.length === 0 ? word.bytes : 'bad'
  }

  *#line(inExchange = false): Dialogue<Line | 'too-long' | 'closed' | 'timeout' | 'changed'> {
    const { limits, monotonic } = this.#options
    let lineByMs: number | undefined
    for (;;) {
      const line = this.#reader.next(inExchange)
      if (line !== undefined) return line
      // Answers to pipelined commands leave together.
      yield* this.#flush()
      lineByMs ??= this.#account === undefined ? this.#signInBy : monotonic() + limits.idleMs
      const chunk = yield* read(Math.max(1, lineByMs - monotonic()))
      if (chunk === null) return 'closed'
      if (typeof chunk === 'string') return chunk
      this.#reader.push(chunk)
    }
  }

  #answer({ status, code, text }: Answer): void {
    this.#put(`${status}${code === undefined ? '' : ` (${code})`} `)
    this.#put(quotedOrLiteral(Buffer.from(text)))
    this.#put('\r\n')
  }

  #bye(text: string): void {
    this.#answer({ status: 'BYE', text })
    this.#closing = true
  }

  #put(bytes: string | Buffer): void {
    this.#out.push(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
  }

  *#flush(): Dialogue {
    const out = this.#out
    this.#out = []
    if (out.length > 0) yield* send(...out)
  }
}

const missing = no('there is no script of this name', 'NONEXISTENT')
const diskRefused = no('our disk refuses, try again later', 'TRYLATER')

const REFUSALS: Record<Extract<CommandResult, { ok: false }>['reason'], string | undefined> = {
  'over-quota': 'QUOTA',
  'no-account': 'TRYLATER',
  'no-mailbox': undefined,
  'no-email': undefined,
  exists: 'ALREADYEXISTS',
  forbidden: 'ACTIVE',
  conflict: 'NONEXISTENT',
}

/** A quoted string where it can be one, else a literal (RFC 5804 §4). */
function quotedOrLiteral(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1')
  if (text.length <= 1024 && !/[\r\n\0]/.test(text)) return Buffer.from(`"${text.replace(/["\\]/g, '\\$&')}"`, 'latin1')
  return Buffer.concat([Buffer.from(`{${bytes.length}}\r\n`), bytes])
}

function argumentsOf(
  { args, least = args.length }: CommandSpec,
  words: readonly Word[],
): { values: Argument[] } | Answer {
  if (words.length < least) return no('an argument is missing')
  if (words.length > args.length) return no('too many arguments')
  const values: Argument[] = []
  for (const [i, word] of words.entries()) {
    const value = argumentOf(args[i]!, word)
    if (typeof value === 'object' && 'status' in value) return value
    values.push(value)
  }
  return { values }
}

function argumentOf(kind: CommandSpec['args'][number], word: Word): Argument | Answer {
  if (word.kind === 'too-large') return no('this is too large', 'QUOTA/MAXSIZE')
  if (kind === 'number') {
    const digits = word.kind === 'atom' ? /^[0-9]{1,10}$/.exec(word.text) : null
    return digits === null ? no('a number is needed') : Number(digits[0])
  }
  if (kind === 'script') return word.kind === 'string' ? word.bytes : no('the script must be a string: {SIZE+}')
  const text = word.kind === 'atom' ? word.text : word.bytes.toString('utf8').normalize('NFC')
  if (kind === 'name' && !isScriptName(text) && text !== '') return no('this cannot be the name of a script')
  return text
}

const COMMANDS: Readonly<Record<string, CommandSpec>> = {
  CAPABILITY: { when: 'always', args: [], run: (session) => session.capability() },
  LOGOUT: { when: 'always', args: [], run: (session) => session.logout() },
  NOOP: {
    when: 'always',
    args: ['string'],
    least: 0,
    run: (session, [tag]) => session.noop(tag as string | undefined),
  },
  STARTTLS: { when: 'signed-out', args: [], run: (session) => session.startTls() },
  AUTHENTICATE: {
    when: 'signed-out',
    args: ['string', 'string'],
    least: 1,
    run: (session, [mechanism, initial]) => session.authenticate(mechanism as string, initial as string | undefined),
  },
  UNAUTHENTICATE: { when: 'always', args: [], run: (session) => session.unauthenticate() },
  HAVESPACE: {
    when: 'signed-in',
    args: ['name', 'number'],
    run: (session, [name, size]) => session.haveSpace(name as string, size as number),
  },
  PUTSCRIPT: {
    when: 'signed-in',
    args: ['name', 'script'],
    run: (session, [name, script]) =>
      name === '' ? no('a script needs a name') : session.putScript(name as string, script as Buffer),
  },
  LISTSCRIPTS: { when: 'signed-in', args: [], run: (session) => session.listScripts() },
  SETACTIVE: { when: 'signed-in', args: ['name'], run: (session, [name]) => session.setActive(name as string) },
  GETSCRIPT: { when: 'signed-in', args: ['name'], run: (session, [name]) => session.getScript(name as string) },
  DELETESCRIPT: { when: 'signed-in', args: ['name'], run: (session, [name]) => session.deleteScript(name as string) },
  RENAMESCRIPT: {
    when: 'signed-in',
    args: ['name', 'name'],
    run: (session, [from, to]) =>
      to === '' ? no('a script needs a name') : session.renameScript(from as string, to as string),
  },
  CHECKSCRIPT: {
    when: 'signed-in',
    args: ['script'],
    run: (session, [script]) => session.checkScript(script as Buffer),
  },
}
