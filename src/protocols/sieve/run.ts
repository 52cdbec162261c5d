// Runs a checked script on one message: data in, actions out. It reads nothing but what it is given, and it ends: there are
// no loops but those over the parts of a message, and all work is charged against a bound that grows with the message.

import type { Part } from '../../message/mime.ts'
import type { Action, ActionLimits, Failure } from './actions.ts'
import { ACTION_LIMITS, withAction } from './actions.ts'
import { cutBytes } from './characters.ts'
import type { Call, Program, Text, Value, VariableName } from './language.ts'
import { Message } from './message.ts'
import { type Replacement, spliced } from './splice.ts'
import type { Place } from './syntax.ts'

/** A list that scripts may name (RFC 6134). */
export interface List {
  has(address: string): boolean
  /** Undefined where it can only be asked. */
  readonly members?: readonly string[]
}

/** What a script may ask about besides the message. All answers are there at once. */
export interface RunContext {
  /** '' is the null reverse-path. */
  readonly envelopeFrom: string
  readonly envelopeTo: string
  /** Who signed in to send it; undefined: nobody. */
  readonly envelopeAuth?: string | undefined
  readonly nowMs: number
  /** Of whoever reads, minutes east of UTC. */
  readonly offsetMinutes: number
  /** RFC 5183: name → value. */
  readonly environment: Readonly<Record<string, string>>
  /** Characters that part the user from the detail of a local part (RFC 5233 §3). */
  readonly delimiter: string
  readonly mailboxExists: (name: string) => boolean
  readonly mailboxIdExists: (id: string) => boolean
  readonly specialUseExists: (use: string, mailbox: string | undefined) => boolean
  /** Annotations; of the server where no mailbox is named. */
  readonly metadata: (mailbox: string | undefined, name: string) => string | undefined
  /** RFC 6134: undefined where there is no such list. */
  readonly list: (name: string) => List | undefined
  /** Was this seen within its period (RFC 7352); what must be remembered is in the outcome. */
  readonly isDuplicate: (key: string) => boolean
  /** 0 to 1 (RFC 5235): undefined where nothing was tested. */
  readonly spam: number | undefined
  readonly virus: number | undefined
}

export interface RunLimits extends ActionLimits {
  /** Characters looked at (about a nanosecond each), besides what is allowed for each byte of the message. */
  readonly work: number
  readonly workPerByte: number
  readonly variableBytes: number
  readonly headerBytes: number
  readonly loopDepth: number
  readonly messageBytes: number
  /** Fields that editheader leaves alone, lower case: they are traces, or keep mail from going round (RFC 5293 §6). */
  readonly keptFromAdding: ReadonlySet<string>
  readonly keptFromDeleting: ReadonlySet<string>
}

export const RUN_LIMITS: RunLimits = {
  ...ACTION_LIMITS,
  work: 200_000_000,
  workPerByte: 20,
  variableBytes: 65_536,
  headerBytes: 2048,
  loopDepth: 4,
  messageBytes: 64 * 1024 * 1024,
  keptFromAdding: new Set(['return-path']),
  keptFromDeleting: new Set(['received', 'auto-submitted', 'return-path']),
}

export interface Seen {
  readonly key: string
  readonly periodS: number
}

export interface Outcome {
  readonly actions: readonly Action[]
  /** What `duplicate` must know again (RFC 7352 §3), once the message is kept. */
  readonly seen: readonly Seen[]
  readonly failure: Failure | undefined
  /** What went wrong without ending the script. */
  readonly warnings: readonly Failure[]
}

/** Runs a script. An error of the script is in the outcome, which then keeps the message as it came. */
export function runScript(
  program: Program,
  message: Buffer,
  context: RunContext,
  limits: Partial<RunLimits> = {},
): Outcome {
  const run = new Run(Message.of(message), context, { ...RUN_LIMITS, ...limits })
  return run.whole(program)
}

const MAX_WARNINGS = 20

/** The script has ended. */
export class Stop extends Error {}
class Return extends Error {}
class Break extends Error {
  readonly loop: string | undefined
  constructor(loop: string | undefined) {
    super('break')
    this.loop = loop
  }
}

class Failed extends Error {
  readonly at: Place
  constructor(at: Place, message: string) {
    super(message)
    this.at = at
  }
}

/** Variables of one script; what it includes has its own (RFC 6609 §3.3). */
class Scope {
  readonly variables = new Map<string, string>()
  readonly globals = new Set<string>()
  matchValues: readonly string[] = []
  readonly program: Program
  constructor(program: Program) {
    this.program = program
  }
}

export class Run {
  readonly context: RunContext
  readonly limits: RunLimits
  message: Message
  actions: readonly Action[] = []
  /** Nothing has taken the place of the implicit keep. */
  keepsImplicitly = true
  /** The flags of imap4flags' own variable (RFC 5232 §2). */
  flags: readonly string[] = []
  readonly seen: Seen[] = []
  readonly warnings: Failure[] = []
  /** Scripts included `:once` already. */
  readonly done = new Set<Program>()
  /** Parts that the loops around are at, outermost first. */
  readonly parts: Part[] = []
  readonly #globals = new Map<string, string>()
  #looped: Message | undefined
  readonly #replacements: Replacement[] = []
  #scope!: Scope
  #work: number

  constructor(message: Message, context: RunContext, limits: RunLimits) {
    this.message = message
    this.context = context
    this.limits = limits
    this.#work = limits.work + limits.workPerByte * message.bytes.length
  }

  whole(program: Program): Outcome {
    const original = this.message
    try {
      this.script(program)
      if (this.keepsImplicitly) this.#add({ kind: 'keep', ...this.inbox(this.flags), message: this.message })
      return { actions: this.actions, seen: this.seen, failure: undefined, warnings: this.warnings }
    } catch (error) {
      if (!(error instanceof Failed)) throw error
      const failure = { ...error.at, message: error.message, script: this.#scope.program.name }
      return {
        actions: [{ kind: 'keep', ...this.inbox([]), message: original }],
        seen: [],
        failure,
        warnings: this.warnings,
      }
    }
  }

  /** Runs the script to its end, or until it stops. */
  script(program: Program): void {
    this.#scope = new Scope(program)
    try {
      this.calls(program.calls)
    } catch (error) {
      if (!(error instanceof Stop) && !(error instanceof Return)) throw error
    }
  }

  /** Runs an included script with variables of its own. */
  included(program: Program): void {
    const outer = this.#scope
    this.#scope = new Scope(program)
    try {
      this.calls(program.calls)
    } catch (error) {
      if (!(error instanceof Return)) {
        // A failure is told of the script in which it happened.
        if (error instanceof Failed) throw error
        this.#scope = outer
        throw error
      }
    }
    this.#scope = outer
  }

  calls(calls: readonly Call[]): void {
    for (const call of calls) {
      this.charge(10)
      call.spec.run?.(this, call)
    }
  }

  test(call: Call): boolean {
    this.charge(10)
    return call.spec.run?.(this, call) === true
  }

  /** Once round a loop; false when it was left. */
  round(block: readonly Call[], name: string | undefined): boolean {
    try {
      this.calls(block)
      return true
    } catch (error) {
      if (error instanceof Break && (error.loop === undefined || error.loop === name)) return false
      throw error
    }
  }

  stop(): never {
    throw new Stop('stop')
  }

  return(): never {
    throw new Return('return')
  }

  break(loop: string | undefined): never {
    throw new Break(loop)
  }

  fail(at: Place, message: string): never {
    throw new Failed(at, message)
  }

  /** Tells what is wrong, and goes on. */
  warn(at: Place, message: string): void {
    if (this.warnings.length < MAX_WARNINGS) this.warnings.push({ ...at, message, script: this.#scope.program.name })
  }

  /** So many characters are looked at. */
  charge(work: number): void {
    this.#work -= work
    if (this.#work < 0) this.fail({ line: 1, column: 1 }, 'the script takes too much time with this message')
  }

  add(at: Place, action: Action): void {
    const error = this.#add(action)
    if (error !== undefined) this.fail(at, error)
  }

  #add(action: Action): string | undefined {
    const added = withAction(this.actions, action, this.limits)
    if ('error' in added) return added.error
    this.actions = added.actions
    return undefined
  }

  inbox(flags: readonly string[]) {
    return { mailbox: 'INBOX', create: false, flags }
  }

  // strings and variables

  /** The string that an argument is now; '' where it is not given. */
  text(value: Value | true | undefined): string {
    return this.texts(value)[0] ?? ''
  }

  texts(value: Value | true | undefined): string[] {
    return value === undefined || value === true || value.kind !== 'texts'
      ? []
      : value.texts.map((text) => this.fill(text))
  }

  optionalText(value: Value | true | undefined): string | undefined {
    return value === undefined ? undefined : this.text(value)
  }

  number(value: Value | true | undefined): number | undefined {
    return value === undefined || value === true || value.kind !== 'number' ? undefined : value.number
  }

  fill({ source, pieces }: Text): string {
    if (pieces === undefined) return source
    let out = ''
    for (const piece of pieces) {
      if (typeof piece === 'string') out += piece
      else if (piece.kind === 'match') out += this.#scope.matchValues[piece.index] ?? ''
      else if (piece.kind === 'environment') out += this.context.environment[piece.name] ?? ''
      else out += this.#variables(piece).get(piece.name) ?? ''
      if (out.length > 4 * this.limits.variableBytes) this.fail({ line: 1, column: 1 }, 'a string has become too long')
    }
    this.charge(out.length)
    return out
  }

  set(piece: VariableName, value: string): void {
    this.charge(value.length)
    this.#variables(piece).set(piece.name, cutBytes(value, this.limits.variableBytes))
  }

  declareGlobal(name: string): void {
    this.#scope.globals.add(name)
  }

  get matchValues(): readonly string[] {
    return this.#scope.matchValues
  }

  setMatchValues(values: readonly string[]): void {
    if (this.#scope.program.required.has('variables')) this.#scope.matchValues = values.slice(0, 33)
  }

  #variables({ kind, name }: VariableName): Map<string, string> {
    return kind === 'global' || this.#scope.globals.has(name) ? this.#globals : this.#scope.variables
  }

  /** The part that the innermost loop is at. */
  get part(): Part | undefined {
    return this.parts.at(-1)
  }

  /** What the rest of the script sees; it may not grow without end. */
  change(at: Place, message: Message): void {
    this.message = message
    const { bytes } = message
    this.charge(bytes.length)
    if (bytes.length > this.limits.messageBytes) this.fail(at, 'the message has become too large')
  }

  // loops over parts: those of the message as it was when the outermost loop began

  /** Before a loop begins. */
  enterLoop(): void {
    if (this.parts.length > 0) return
    this.#looped = this.message
    this.#replacements.length = 0
  }

  /** Is this the whole message. */
  isLoopRoot(part: Part): boolean {
    return part === this.#looped?.root || part === this.message.root
  }

  replacePart(at: Place, part: Part, entity: Buffer): void {
    const looped = this.#looped!
    const offset = looped.root.header.fieldsEnd
    this.#replacements.push({ start: part.headerStart - offset, end: part.bodyEnd - offset, entity })
    const body = looped.bytes.subarray(offset)
    this.change(at, this.message.withBody(spliced(body, this.#replacements)))
  }
}
