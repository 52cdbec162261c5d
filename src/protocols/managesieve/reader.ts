// Cuts what a ManageSieve client sends into commands (RFC 5804 §4): atoms, numbers, quoted strings and literals. Bounded: a
// line, a literal, the words of one command. A literal that is too large is passed over, and the command says so.

export type Word =
  | { readonly kind: 'atom'; readonly text: string }
  | { readonly kind: 'string'; readonly bytes: Buffer }
  | { readonly kind: 'too-large' }

/** One command's words; `wrong` says why they are none. */
export interface Line {
  readonly words: readonly Word[]
  readonly wrong?: string
}

const MAX_LINE = 8192
const MAX_WORDS = 8
const MAX_QUOTED = 1024
const CR = 13
const LF = 10

export class LineReader {
  readonly #maxLiteral: number
  #buffer: Buffer = Buffer.alloc(0)
  #chunks: Uint8Array[] = []
  /** Bytes in the chunks. */
  #waiting = 0
  /** Bytes that must be there before it is worth looking again. */
  #needed = 0
  /** Bytes of a literal that are passed over. */
  #skip = 0
  #words: Word[] = []

  constructor(maxLiteral: number) {
    this.#maxLiteral = maxLiteral
  }

  push(chunk: Uint8Array): void {
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    if (skipped === chunk.length) return
    this.#chunks.push(chunk.subarray(skipped))
    this.#waiting += chunk.length - skipped
  }

  /** Joins what has come: of a literal only once it is whole, however small its pieces are. */
  #join(): void {
    if (this.#waiting === 0 || this.#buffer.length + this.#waiting < this.#needed) return
    this.#buffer = Buffer.concat([this.#buffer, ...this.#chunks])
    this.#chunks = []
    this.#waiting = 0
  }

  /** What was said before TLS does not count. */
  discard(): void {
    this.#buffer = Buffer.alloc(0)
    this.#chunks = []
    this.#waiting = 0
    this.#words = []
    this.#needed = 0
    this.#skip = 0
  }

  /**
   * The next command, undefined where it is not here yet, 'too-long' where it never ends. Between commands an empty line says
   * nothing; in an exchange it is an answer.
   */
  next(inExchange = false): Line | 'too-long' | undefined {
    this.#join()
    while (this.#skip === 0) {
      if (this.#buffer.length < this.#needed) return undefined
      if (!inExchange && this.#words.length === 0 && this.#buffer[0] === CR && this.#buffer[1] === LF) {
        this.#take(2)
        continue
      }
      const end = this.#buffer.indexOf('\r\n')
      if (end < 0) return this.#buffer.length > MAX_LINE ? 'too-long' : undefined
      if (end > MAX_LINE) return 'too-long'
      const done = this.#line(this.#buffer.toString('latin1', 0, end), end + 2)
      if (done !== undefined) return done
    }
    return undefined
  }

  /** One line of a command; undefined where a literal follows that is not here yet. */
  #line(text: string, length: number): Line | undefined {
    const parsed = wordsOf(text)
    if ('wrong' in parsed) return this.#end(length, parsed.wrong)
    const { words, literal } = parsed
    if (this.#words.length + words.length > MAX_WORDS) return this.#end(length, 'too many arguments')
    if (literal === undefined) {
      this.#words.push(...words)
      return this.#end(length)
    }
    if (literal > this.#maxLiteral) {
      this.#words.push(...words, { kind: 'too-large' })
      this.#skip = Math.max(0, literal - (this.#buffer.length - length))
      this.#take(Math.min(this.#buffer.length, length + literal))
      return this.#isComplete() ? this.#end(0) : undefined
    }
    this.#needed = length + literal
    if (this.#buffer.length < this.#needed) return undefined
    this.#words.push(...words, { kind: 'string', bytes: Buffer.from(this.#buffer.subarray(length, this.#needed)) })
    this.#take(this.#needed)
    return this.#isComplete() ? this.#end(0) : undefined
  }

  /** The script is the last argument: some clients leave out the line end behind it, and nothing else can follow. */
  #isComplete(): boolean {
    const [first] = this.#words
    const command = first?.kind === 'atom' ? first.text.toUpperCase() : ''
    return (
      (command === 'PUTSCRIPT' && this.#words.length === 3) || (command === 'CHECKSCRIPT' && this.#words.length === 2)
    )
  }

  #end(length: number, wrong?: string): Line {
    this.#take(length)
    const words = this.#words
    this.#words = []
    return wrong === undefined ? { words } : { words, wrong }
  }

  #take(length: number): void {
    this.#buffer = this.#buffer.subarray(length)
    this.#needed = 0
  }
}

const ATOM = /[^\s"(){}\0-\x1f\x7f]+/y
const QUOTED = /"((?:[^"\\\r\n\0]|\\["\\])*)"/y
const LITERAL = /\{([0-9]{1,10})\+?\}$/y

function wordsOf(text: string): { words: Word[]; literal?: number } | { wrong: string } {
  const words: Word[] = []
  let at = 0
  while (at < text.length) {
    if (text[at] === ' ') {
      at++
      continue
    }
    for (const pattern of [ATOM, QUOTED, LITERAL]) pattern.lastIndex = at
    const quoted = text[at] === '"' ? QUOTED.exec(text) : null
    const literal = text[at] === '{' ? LITERAL.exec(text) : null
    const atom = quoted === null && literal === null ? ATOM.exec(text) : null
    if (quoted !== null) {
      const bytes = Buffer.from(quoted[1]!.replace(/\\(.)/g, '$1'), 'latin1')
      if (bytes.length > MAX_QUOTED) return { wrong: `a quoted string holds at most ${MAX_QUOTED} bytes` }
      words.push({ kind: 'string', bytes })
      at = QUOTED.lastIndex
    } else if (literal !== null) return { words, literal: Number(literal[1]) }
    else if (atom !== null) {
      words.push({ kind: 'atom', text: atom[0] })
      at = ATOM.lastIndex
    } else if (text[at] === '"') return { wrong: 'a quoted string without its end' }
    else return { wrong: text[at] === '{' ? 'a literal is written {SIZE+}' : 'a character that no command has' }
  }
  return { words }
}
