// The parser of Sieve (RFC 5228 §8.2). Always gives what it could read, and findings beside it: after an error it goes on
// behind the next semicolon or block, so that a person sees all that is wrong at once. Depth and length are bounded.

import { Lexer, type Token, type TokenKind } from './lexer.ts'
import type { Argument, Finding, StringLiteral, SyntaxNode } from './syntax.ts'

/** Nested blocks, and nested tests in each of them (RFC 5228 §2.9: at least 15). */
const MAX_NESTING = 32
const MAX_ARGUMENTS = 32
/** More findings help nobody. */
const MAX_FINDINGS = 100

/** Reads a script. Nothing of it is known to make sense unless there is no finding. */
export function parseScript(text: string): { commands: SyntaxNode[]; findings: Finding[] } {
  const findings: Finding[] = []
  const parser = new Parser(text, findings)
  const commands = parser.script()
  findings.sort((a, b) => a.line - b.line || a.column - b.column)
  return { commands, findings: findings.slice(0, MAX_FINDINGS) }
}

/** Left behind by an error that was reported: the command cannot be used. */
class Lost extends Error {}

class Parser {
  readonly #lexer: Lexer
  readonly #findings: Finding[]
  #next: Token

  constructor(text: string, findings: Finding[]) {
    this.#lexer = new Lexer(text, findings)
    this.#findings = findings
    this.#next = this.#lexer.next()
  }

  script(): SyntaxNode[] {
    const commands = this.#commands(0)
    while (this.#peek().kind === '}' && this.#findings.length < MAX_FINDINGS) {
      this.#error('this "}" closes nothing')
      this.#advance()
      // Of no use, but read for what else is wrong.
      this.#commands(0)
    }
    return commands
  }

  #commands(depth: number): SyntaxNode[] {
    const commands: SyntaxNode[] = []
    for (;;) {
      const { kind } = this.#peek()
      if (kind === 'end' || kind === '}') return commands
      try {
        commands.push(this.#command(depth))
      } catch (error) {
        if (!(error instanceof Lost)) throw error
        if (this.#findings.length >= MAX_FINDINGS) return commands
        this.#recover()
      }
    }
  }

  #command(depth: number): SyntaxNode {
    const name = this.#peek()
    if (name.kind !== 'identifier') this.#fail(`expected a command, but found ${shown(name)}`)
    this.#advance()
    const node = this.#rest(name, 0)
    const next = this.#peek()
    if (next.kind === ';') {
      this.#advance()
      return { ...node, block: undefined }
    }
    if (next.kind !== '{')
      this.#fail(`expected ";" or a block after the ${name.text} command, but found ${shown(next)}`)
    if (depth + 1 >= MAX_NESTING) this.#fail(`more than ${MAX_NESTING} blocks are nested here`)
    this.#advance()
    const block = this.#commands(depth + 1)
    if (this.#peek().kind === '}') this.#advance()
    else this.#error(`the block of the ${name.text} command in line ${next.at.line} is not closed by "}"`)
    return { ...node, block }
  }

  /** Arguments and tests of a command or test. */
  #rest(name: Token, depth: number): SyntaxNode {
    if (depth > MAX_NESTING) this.#fail(`more than ${MAX_NESTING} tests are nested here`)
    const found: Argument[] = []
    for (let one = this.#argument(); one !== undefined; one = this.#argument()) {
      if (found.push(one) > MAX_ARGUMENTS) this.#fail(`${name.text} has more than ${MAX_ARGUMENTS} arguments`)
    }
    const tests: SyntaxNode[] = []
    const next = this.#peek()
    const isTestList = next.kind === '('
    if (next.kind === 'identifier') tests.push(this.#test(depth))
    else if (isTestList) this.#testList(tests, depth)
    return { name: name.text, at: name.at, arguments: found, tests, isTestList, block: undefined }
  }

  #test(depth: number): SyntaxNode {
    const name = this.#peek()
    if (name.kind !== 'identifier') this.#fail(`expected a test, but found ${shown(name)}`)
    this.#advance()
    return this.#rest(name, depth + 1)
  }

  #testList(tests: SyntaxNode[], depth: number): void {
    this.#advance()
    for (;;) {
      tests.push(this.#test(depth))
      const { kind } = this.#peek()
      if (kind !== ')' && kind !== ',') this.#fail(`expected "," or ")" after a test, but found ${shown(this.#peek())}`)
      this.#advance()
      if (kind === ')') return
    }
  }

  #argument(): Argument | undefined {
    const { kind, text, number, at } = this.#peek()
    if (kind === 'string') this.#advance()
    else if (kind === 'number') this.#advance()
    else if (kind === 'tag') this.#advance()
    else return kind === '[' ? this.#list() : undefined
    return kind === 'string'
      ? { kind, value: text, at }
      : kind === 'number'
        ? { kind, value: number, at }
        : { kind, name: text, at }
  }

  #list(): Argument {
    const { at } = this.#peek()
    this.#advance()
    const strings: StringLiteral[] = []
    for (;;) {
      const token = this.#peek()
      if (token.kind !== 'string') this.#fail(`expected a string in this list, but found ${shown(token)}`)
      strings.push({ kind: 'string', value: token.text, at: token.at })
      this.#advance()
      const { kind } = this.#peek()
      if (kind !== ']' && kind !== ',') this.#fail(`expected "," or "]" in this list, but found ${shown(this.#peek())}`)
      this.#advance()
      if (kind === ']') return { kind: 'list', strings, at }
    }
  }

  /** Goes on behind the command that could not be read: after its semicolon, or after its block. */
  #recover(): void {
    let blocks = 0
    for (; this.#peek().kind !== 'end' && this.#findings.length < MAX_FINDINGS; this.#advance()) {
      const { kind } = this.#peek()
      if (kind === '{') blocks++
      else if (kind === ';' && blocks === 0) break
      else if (kind === '}') {
        if (blocks === 0) return
        if (--blocks === 0) break
      }
    }
    if (this.#peek().kind !== 'end') this.#advance()
  }

  #peek(): Token {
    return this.#next
  }

  #advance(): void {
    this.#next = this.#lexer.next()
  }

  #error(message: string): void {
    this.#findings.push({ level: 'error', message, ...this.#peek().at })
  }

  #fail(message: string): never {
    this.#error(message)
    throw new Lost()
  }
}

const NAMES: Partial<Record<TokenKind, string>> = {
  end: 'the end of the script',
  bad: 'something that is no Sieve',
  string: 'a string',
  number: 'a number',
}

function shown({ kind, text }: Token): string {
  return NAMES[kind] ?? (kind === 'identifier' ? `'${text}'` : kind === 'tag' ? `':${text}'` : `"${kind}"`)
}
