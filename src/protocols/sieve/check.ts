// Checks what the parser read against the vocabulary, and makes a Program of it (RFC 5228 §2.10.5: errors are found before
// a script ever runs). Of each command the first error is told, and its block is looked at all the same. A script with
// an error is none. Scripts that it includes are checked with it, at most so deep and so many (RFC 6609 §3.1).

import { type Arguments, readArguments } from './arguments.ts'
import { capabilitiesOf } from './capabilities.ts'
import type { Call, Program, Spec } from './language.ts'
import { constantText } from './language.ts'
import { scriptText } from './lexer.ts'
import { checkMatching } from './match.ts'
import { parseScript } from './parser.ts'
import type { Finding, Place, SyntaxNode } from './syntax.ts'
import { VOCABULARY, type Words, wordKey } from './vocabulary.ts'

export interface CheckOptions {
  /** Words beside those of the language, with the capabilities that they need. */
  readonly extra?: {
    readonly specs: readonly Spec[]
    readonly capabilities: readonly string[]
    /** Namespaces of variables that the environment gives. */
    readonly namespaces: readonly string[]
  }
  /** The text of a script to include, the same Buffer for the same script; without it includes are taken on trust: a check before the script is kept. */
  readonly script?: (location: 'personal' | 'global', name: string) => Buffer | undefined
  readonly limits?: Partial<CheckLimits>
}

export interface CheckLimits {
  readonly scriptBytes: number
  readonly includes: number
  readonly includeDepth: number
  readonly variables: number
  readonly headerBytes: number
  readonly loopDepth: number
  /** 0: no notifications here. */
  readonly notifications: number
}

const LIMITS: CheckLimits = {
  scriptBytes: 512 * 1024,
  includes: 255,
  includeDepth: 10,
  variables: 255,
  headerBytes: 2048,
  loopDepth: 4,
  notifications: 10,
}

export type Checked =
  | { readonly program: Program; readonly findings: readonly Finding[] }
  | { readonly program: undefined; readonly findings: readonly Finding[] }

/** What a compilation shares with the scripts that it includes. */
interface Compilation {
  readonly options: CheckOptions
  readonly limits: CheckLimits
  readonly findings: Finding[]
  /** Programs of the included scripts, by their source. */
  readonly known: Map<Buffer, Program>
  /** Sources of the scripts that are being checked, outermost first. */
  readonly under: Buffer[]
  includes: number
  regexWeight: number
}

const MAX_REGEX_WEIGHT = 50_000

/** Reads and checks a script. There is a program only where there is no error. */
export function checkScript(source: Buffer, options: CheckOptions = {}): Checked {
  const limits = { ...LIMITS, ...options.limits }
  const compilation: Compilation = {
    options,
    limits,
    findings: [],
    known: new Map(),
    under: [],
    includes: 0,
    regexWeight: 0,
  }
  compilation.under.push(source)
  const program = compile(source, undefined, compilation)
  return { program, findings: compilation.findings }
}

function compile(source: Buffer, name: string | undefined, compilation: Compilation): Program | undefined {
  const { findings, limits } = compilation
  const before = errorsIn(findings)
  const script = name === undefined ? {} : { script: name }
  if (source.length > limits.scriptBytes) {
    const message = `the script is larger than ${limits.scriptBytes} bytes`
    findings.push({ level: 'error', line: 1, column: 1, message, ...script })
    return undefined
  }
  const parsed = parseScript(scriptText(source))
  findings.push(...parsed.findings.map((one) => ({ ...one, ...script })))
  if (errorsIn(findings) > before) return undefined
  const checker = new Checker(compilation, name)
  const calls = checker.whole(parsed.commands)
  if (errorsIn(findings) > before) return undefined
  return { name, calls, required: checker.required }
}

const errorsIn = (findings: readonly Finding[]) => findings.filter(({ level }) => level === 'error').length

/** More findings help nobody. */
const MAX_FINDINGS = 100
class Enough extends Error {}

/** The error of this command was told: it is left out. */
class Rejected extends Error {}

const CHAIN = new Set(['elsif', 'else'])

const NOTHING: Program = { name: undefined, calls: [], required: new Set() }

export class Checker {
  /** Capabilities in force: required, or found by ihave. */
  readonly required = new Set<string>(['comparator-i;octet', 'comparator-i;ascii-casemap'])
  /** Names of the loops around what is being checked; undefined where they have none. */
  readonly loops: (string | undefined)[] = []
  /** Names that `global` declared here (RFC 6609 §3.4). */
  readonly globals = new Set<string>()
  readonly variables = new Set<string>()
  readonly limits: CheckLimits
  readonly #compilation: Compilation
  readonly #name: string | undefined
  readonly #words: Words
  #isHead = true
  #areMet = false
  #isTop = true

  constructor(compilation: Compilation, name: string | undefined) {
    this.#compilation = compilation
    this.limits = compilation.limits
    this.#name = name
    const extra = compilation.options.extra?.specs ?? []
    for (const space of compilation.options.extra?.namespaces ?? []) this.required.add(`namespace ${space}`)
    this.#words =
      extra.length === 0
        ? VOCABULARY
        : new Map([...VOCABULARY, ...extra.map((spec) => [wordKey(spec.kind, spec.name), spec] as const)])
  }

  whole(nodes: readonly SyntaxNode[]): Call[] {
    try {
      return this.#commands(nodes)
    } catch (error) {
      if (error instanceof Enough) return []
      throw error
    }
  }

  /** Tells an error, and goes on. */
  error(at: Place, message: string): void {
    const script = this.#name === undefined ? {} : { script: this.#name }
    const { findings } = this.#compilation
    findings.push({ level: 'error', message, line: at.line, column: at.column, ...script })
    if (findings.length >= MAX_FINDINGS) throw new Enough()
  }

  /** Tells an error of the command that is being checked, and leaves it out. */
  fail(at: Place, message: string): never {
    this.error(at, message)
    throw new Rejected(message)
  }

  has(capability: string): boolean {
    return this.required.has(capability)
  }

  /** Puts what `require` or a successful ihave names into force; false if it is unknown. */
  enable(name: string): boolean {
    const brought = capabilitiesOf(name, this.#compilation.options.extra?.capabilities)
    for (const one of brought ?? []) this.required.add(one)
    return brought !== undefined
  }

  isKnown(name: string): boolean {
    return capabilitiesOf(name, this.#compilation.options.extra?.capabilities) !== undefined
  }

  /** All regular expressions of a script together are bounded: each is compiled. */
  addRegex(at: Place, weight: number): void {
    this.#compilation.regexWeight += weight
    if (this.#compilation.regexWeight > MAX_REGEX_WEIGHT)
      this.fail(at, 'the regular expressions of this script are too large in all')
  }

  /** A variable is named where it is set. */
  declare(at: Place, name: string): void {
    const before = this.variables.size
    this.variables.add(name)
    // Told once: the others are no better.
    if (this.variables.size > before && before === this.limits.variables)
      this.fail(at, `more than ${this.limits.variables} variables`)
  }

  /** The script to include; undefined where nothing is known of it. */
  include(
    at: Place,
    location: 'personal' | 'global',
    name: string,
    { once, optional }: { once: boolean; optional: boolean },
  ): Program | undefined {
    const { options, known, under, findings } = this.#compilation
    if (options.script === undefined) return undefined
    const source = options.script(location, name)
    // Once is enough: it is under way (RFC 6609 §3.1).
    if (source !== undefined && under.includes(source) && once) return NOTHING
    if (source !== undefined && under.includes(source)) this.fail(at, `the script '${name}' includes itself`)
    if (++this.#compilation.includes > this.limits.includes)
      this.fail(at, `more than ${this.limits.includes} scripts are included`)
    if (under.length > this.limits.includeDepth)
      this.fail(at, `included scripts are nested more than ${this.limits.includeDepth} deep`)
    if (source === undefined) {
      if (optional) return undefined
      return this.fail(at, `there is no ${location} script named '${name}' to include`)
    }
    const compiled = known.get(source)
    if (compiled !== undefined) return compiled
    under.push(source)
    const program = compile(source, name, this.#compilation)
    under.pop()
    if (program === undefined)
      this.fail(at, `the included script '${name}' has ${errorsIn(findings) === 1 ? 'an error' : 'errors'}`)
    known.set(source, program)
    return program
  }

  #commands(nodes: readonly SyntaxNode[]): Call[] {
    const calls: Call[] = []
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i]!
      if (node.name === 'require') this.#require(node)
      else if (node.name === 'if') {
        const last = endOfChain(nodes, i)
        calls.push(...this.#chain(nodes.slice(i, last)))
        i = last - 1
      } else if (CHAIN.has(node.name)) {
        this.error(node.at, `the ${node.name} command must follow an if or elsif command`)
        i = endOfChain(nodes, i) - 1
      } else {
        const call = this.#command(node)
        if (call !== undefined) calls.push(call)
      }
      if (node.name !== 'require') this.#isHead = false
      if (!this.#isHead) this.#dependencies(node.at)
    }
    return calls
  }

  /** RFC 5703 §7: text is taken out of the part that a loop is at, into a variable. */
  #dependencies(at: Place): void {
    if (this.#areMet || !this.has('extracttext')) return
    this.#areMet = true
    for (const name of ['variables', 'foreverypart'])
      if (!this.has(name)) this.error(at, `"extracttext" needs "${name}" to be required, too`)
  }

  /** `if`, `elsif`, … `else` as one: each in the `otherwise` of the one before. */
  #chain(nodes: readonly SyntaxNode[]): Call[] {
    const [node, ...rest] = nodes
    if (node === undefined) return []
    if (node.name !== 'else') this.#isHead = false
    const call = this.#command(node)
    if (node.name === 'else') {
      if (rest.length > 0) this.error(rest[0]!.at, `the ${rest[0]!.name} command must follow an if or elsif command`)
      return call === undefined ? [] : [...call.block]
    }
    const known = call === undefined ? undefined : knownAnswer(call.tests[0]!)
    // What ihave rules out is not even looked at (RFC 5463 §4).
    if (known === true) return [...call!.block]
    const otherwise = this.#chain(rest)
    if (known === false) return otherwise
    return call === undefined ? [] : [{ ...call, otherwise }]
  }

  #require(node: SyntaxNode): void {
    try {
      if (!this.#isTop) this.fail(node.at, 'require can stand at the top of a script only, not in a block')
      if (!this.#isHead) this.fail(node.at, 'require must come before all other commands')
      const { args } = readArguments(node, this.#words.get(wordKey('command', 'require'))!, this)
      if (node.tests.length > 0) this.fail(node.at, 'the require command accepts no sub-tests, but tests are specified')
      if (node.block !== undefined) this.fail(node.at, 'the require command accepts no block')
      const [names] = args
      for (const { source, at } of names?.kind === 'texts' ? names.texts : [])
        if (!this.enable(source)) this.error(at, `require: unknown capability '${source}'`)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
    }
  }

  /** Undefined where an error was told. */
  #command(node: SyntaxNode): Call | undefined {
    const spec = this.#words.get(wordKey('command', node.name))
    try {
      if (spec === undefined && this.#words.has(wordKey('test', node.name)))
        this.fail(
          node.at,
          `attempt to use test '${node.name}' as a command: it stands after if, elsif or in another test`,
        )
      return this.#node(node, this.#usable(node, spec, 'command'))
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      const hasBlock = spec?.block === true
      // Blocks may hold errors of their own.
      if (hasBlock && node.block !== undefined) this.#block(node, spec)
      return undefined
    }
  }

  #usable(node: SyntaxNode, spec: Spec | undefined, kind: Spec['kind']): Spec {
    if (spec === undefined) this.fail(node.at, `unknown ${kind} '${node.name}'`)
    if (spec.needs !== undefined && !spec.needs.some((name) => this.has(name)))
      this.fail(node.at, `unknown ${kind} '${node.name}': it needs require "${spec.needs[0]}"`)
    return spec
  }

  #node(node: SyntaxNode, spec: Spec): Call {
    const what = `the ${spec.name} ${spec.kind}`
    const { tags, args } = this.#form(node, spec, what)
    const call: Call = { spec, at: node.at, tags, args, tests: [], block: [], otherwise: [] }
    if (spec.args?.some(({ label }) => label === 'key list') || tags.has('comparator')) checkMatching(call, this)
    const found = spec.check?.(call, this)
    const tests = this.#tests(node, spec)
    const isRuledOut = spec.kind === 'command' && tests.length === 1 && knownAnswer(tests[0]!) === false
    const block = node.block === undefined || isRuledOut ? [] : this.#block(node, spec, call)
    return { ...call, ...found, tests, block }
  }

  /** The arguments. An error in them hides neither a wrong block nor tests that are none. */
  #form(node: SyntaxNode, spec: Spec, what: string): Arguments {
    const found = this.#tried(() => readArguments(node, spec, this))
    const isSound = found !== undefined && this.#tried(() => this.#subTests(node, spec, what)) !== undefined
    const needsBlock = spec.block === true
    const hasWrongBlock = spec.kind === 'command' && needsBlock !== (node.block !== undefined)
    if (hasWrongBlock)
      this.error(node.at, needsBlock ? `${what} needs a block, but has none` : `${what} accepts no block`)
    if (found === undefined || (isSound && hasWrongBlock))
      for (const one of node.tests) {
        if (spec.tags?.[one.name] !== undefined)
          this.error(one.at, `missing colon before the '${one.name}' tag of ${what}`)
        else this.#tried(() => this.#test(one))
      }
    if (!isSound || hasWrongBlock) throw new Rejected()
    return found
  }

  /** What `check` gives; undefined where it told an error. */
  #tried<T>(check: () => T): T | undefined {
    try {
      return check()
    } catch (error) {
      if (error instanceof Rejected) return undefined
      throw error
    }
  }

  #subTests(node: SyntaxNode, spec: Spec, what: string): true {
    const [first] = node.tests
    if (spec.tests === undefined) {
      if (first === undefined) return true
      const isTest = this.#words.has(wordKey('test', first.name))
      if (spec.kind === 'command' && !isTest)
        this.fail(node.at, `missing semicolon or block after the ${spec.name} command`)
      this.fail(first.at, `${what} accepts no sub-tests, but tests are specified`)
    }
    if (first === undefined) this.fail(node.at, `${what} needs a test, but none is specified`)
    if (spec.tests === 'one' && node.isTestList)
      this.fail(first.at, `${what} takes a single test, and no list in brackets`)
    if (spec.tests === 'list' && !node.isTestList) this.fail(first.at, `${what} takes a list of tests in brackets`)
    return true
  }

  #test(node: SyntaxNode): Call {
    const known = this.#words.get(wordKey('test', node.name))
    if (known === undefined && this.#words.has(wordKey('command', node.name)))
      this.fail(node.at, `attempt to use command '${node.name}' as a test: it is a command of its own`)
    return this.#node(node, this.#usable(node, known, 'test'))
  }

  #tests(node: SyntaxNode, { name, tests }: Spec): Call[] {
    if (tests === undefined) return []
    const calls: Call[] = []
    let isWrong = false
    for (const one of node.tests) {
      const call = this.#tried(() => this.#test(one))
      if (call === undefined) {
        isWrong = true
        continue
      }
      calls.push(call)
      const answer = knownAnswer(call)
      if ((name === 'allof' && answer === false) || (name === 'anyof' && answer === true)) break
    }
    if (isWrong) throw new Rejected()
    return calls
  }

  #block(node: SyntaxNode, spec: Spec, call?: Call): Call[] {
    const wasTop = this.#isTop
    this.#isTop = false
    const isLoop = spec.name === 'foreverypart'
    if (isLoop) this.loops.push(constantText(call?.tags.get('name')))
    const calls = this.#commands(node.block!)
    if (isLoop) this.loops.pop()
    this.#isTop = wasTop
    return calls
  }
}

/** Index after the last `elsif` or `else` that belongs to the command at `start`. */
function endOfChain(nodes: readonly SyntaxNode[], start: number): number {
  let end = start + 1
  while (end < nodes.length && CHAIN.has(nodes[end]!.name)) end++
  return end
}

/** What a test answers whatever the message is, because ihave answers it already. */
function knownAnswer({ spec, tests, answer }: Call): boolean | undefined {
  if (answer !== undefined) return answer
  const answers = tests.map(knownAnswer)
  if (spec.name === 'not') return answers[0] === undefined ? undefined : !answers[0]
  if (spec.name === 'allof')
    return answers.includes(false) ? false : answers.every((one) => one === true) ? true : undefined
  if (spec.name === 'anyof')
    return answers.includes(true) ? true : answers.every((one) => one === false) ? false : undefined
  return undefined
}
