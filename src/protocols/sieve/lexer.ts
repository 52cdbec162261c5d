// Cuts a Sieve script into tokens (RFC 5228 §8.1): comments, quoted and multi-line strings, numbers, tags, identifiers.
// Linear; never throws. What is no token is reported once for each run of such characters, and is a token 'bad'.

import type { Finding, Place } from './syntax.ts'

export type TokenKind =
  | 'identifier'
  | 'tag'
  | 'number'
  | 'string'
  | 'bad'
  | 'end'
  | '['
  | ']'
  | '('
  | ')'
  | '{'
  | '}'
  | ','
  | ';'

export interface Token {
  readonly kind: TokenKind
  /** Of identifiers and tags the name in lower case, of strings the value. */
  readonly text: string
  readonly number: number
  readonly at: Place
}

const MAX_IDENTIFIER = 32
/** RFC 5228 §2.4.1 asks for at least 2^31-1. */
const MAX_NUMBER = 2n ** 64n - 1n
const QUANTIFIERS: Record<string, bigint> = { '': 1n, k: 1n << 10n, m: 1n << 20n, g: 1n << 30n }

const WHITE = /[ \t\r\n]+/y
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y
const NUMBER = /([0-9]+)([A-Za-z]?)/y
const TEXT_START = /text:[ \t]*(?:#[^\n]*)?\r?\n/iy
const BAD = /[^ \t\r\nA-Za-z0-9_:"#/[\](){},;]+/y

/** Text of a script's bytes: UTF-8; each byte that is none becomes a lone surrogate, so that it can be told later. */
export function scriptText(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (!text.includes('\ufffd')) return text.startsWith('\ufeff') ? text.slice(1) : text
  let out = ''
  let from = 0
  while (from < bytes.length) {
    const bad = firstBad(bytes, from)
    out += bytes.toString('utf8', from, bad)
    if (bad < bytes.length) out += String.fromCharCode(0xdc00 + bytes[bad]!)
    from = bad + 1
  }
  return out
}

/** Offset of the first byte from `from` on that belongs to no UTF-8 character. */
function firstBad(bytes: Buffer, from: number): number {
  let at = from
  while (at < bytes.length) {
    const byte = bytes[at]!
    const length =
      byte < 0x80 ? 1 : byte >= 0xc2 && byte < 0xe0 ? 2 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 0
    if (length === 0 || (byte >= 0x80 && byte < 0xc2)) return at
    for (let i = 1; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return at
    const second = bytes[at + 1]!
    // No surrogates, nothing overlong, nothing above U+10FFFF (RFC 3629 §4).
    if ((byte === 0xe0 && second < 0xa0) || (byte === 0xed && second > 0x9f)) return at
    if ((byte === 0xf0 && second < 0x90) || (byte === 0xf4 && second > 0x8f)) return at
    at += length
  }
  return at
}

/** The tokens of a script, one after the other. What is wrong is added to `findings`. */
export class Lexer {
  readonly #text: string
  readonly #findings: Finding[]
  #at = 0
  #line = 1
  #lineStart = 0
  #lineEnd: number

  constructor(text: string, findings: Finding[]) {
    this.#text = text
    this.#findings = findings
    this.#lineEnd = this.#endOfLine(0)
  }

  /** The next token; 'end' from the end of the script on. */
  next(): Token {
    this.#skip()
    const text = this.#text
    const place = this.#place(this.#at)
    if (this.#at >= text.length) return token('end', '', place)
    const character = text[this.#at]!
    if ('[](){},;'.includes(character)) {
      this.#at++
      return token(character as TokenKind, character, place)
    }
    if (character === '"') return this.#quoted(place)
    if (character === ':') {
      this.#at++
      const name = this.#match(IDENTIFIER)?.[0]
      if (name === undefined) return this.#bad(place, 'a ":" must be followed by the name of a tag')
      return this.#named('tag', name, place)
    }
    if (this.#match(TEXT_START) !== undefined) return this.#multiLine(place)
    const name = this.#match(IDENTIFIER)?.[0]
    if (name !== undefined) return this.#named('identifier', name, place)
    const number = this.#match(NUMBER)
    if (number !== undefined) return this.#number(number, place)
    const run = this.#match(BAD)?.[0] ?? text[this.#at++]!
    return this.#bad(
      place,
      `unexpected ${run.length === 1 ? 'character' : 'characters'} ${JSON.stringify(run.slice(0, 20))}`,
    )
  }

  #named(kind: 'tag' | 'identifier', name: string, place: Place): Token {
    if (name.length > MAX_IDENTIFIER) {
      this.#error(place, `the name '${name.slice(0, MAX_IDENTIFIER)}…' is longer than ${MAX_IDENTIFIER} characters`)
    }
    return token(kind, name.toLowerCase(), place)
  }

  #number([, digits, unit]: RegExpExecArray, place: Place): Token {
    const factor = QUANTIFIERS[unit!.toLowerCase()]
    if (factor === undefined) {
      return this.#bad(place, `a number ends with K, M or G, not with '${unit}'`)
    }
    const value = digits!.length > 25 ? MAX_NUMBER + 1n : BigInt(digits!) * factor
    if (value > MAX_NUMBER) this.#error(place, `the number ${digits!.slice(0, 25)}${unit} is too large`)
    return token('number', digits!, place, Number(value))
  }

  #quoted(place: Place): Token {
    const text = this.#text
    let value = ''
    let from = ++this.#at
    for (;;) {
      const character = text[this.#at]
      if (character === undefined) {
        // A backslash at the very end leads beyond it.
        this.#at = text.length
        return this.#bad(place, 'this string has no closing quotation mark')
      }
      if (character === '"') break
      if (character === '\\') {
        value += text.slice(from, this.#at)
        from = ++this.#at
      }
      this.#at++
    }
    value += text.slice(from, this.#at++)
    return token('string', withCrlf(value), place)
  }

  /** RFC 5228 §2.4.2: up to a line with a single dot; of two dots at the beginning of a line one is taken away. */
  #multiLine(place: Place): Token {
    const text = this.#text
    const end = /(?:^|\n)\.\r?(?:\n|$)/g
    end.lastIndex = this.#at - 1
    // The line end of `text:` may be the one before the dot.
    const found = end.exec(text)
    if (found === null) {
      this.#at = text.length
      return this.#bad(place, 'this text has no end: a line that holds a single dot')
    }
    const body = text.slice(this.#at, Math.max(this.#at, found.index + 1))
    this.#at = found.index + found[0].length
    return token('string', withCrlf(body).replace(/(^|\n)\.\./g, '$1.'), place)
  }

  #skip(): void {
    const text = this.#text
    for (;;) {
      this.#match(WHITE)
      if (text[this.#at] === '#') {
        const end = text.indexOf('\n', this.#at)
        this.#at = end < 0 ? text.length : end + 1
      } else if (text.startsWith('/*', this.#at)) {
        const end = text.indexOf('*/', this.#at + 2)
        if (end < 0) this.#error(this.#place(this.#at), 'this comment has no end')
        this.#at = end < 0 ? text.length : end + 2
      } else return
    }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at += found[0].length
    return found
  }

  #place(offset: number): Place {
    while (this.#lineEnd < Math.min(offset, this.#text.length)) {
      this.#line++
      this.#lineStart = this.#lineEnd + 1
      this.#lineEnd = this.#endOfLine(this.#lineStart)
    }
    return { line: this.#line, column: offset - this.#lineStart + 1 }
  }

  #endOfLine(from: number): number {
    const end = this.#text.indexOf('\n', from)
    return end < 0 ? this.#text.length : end
  }

  #bad(place: Place, message: string): Token {
    this.#error(place, message)
    return token('bad', '', place)
  }

  #error(place: Place, message: string): void {
    this.#findings.push({ level: 'error', message, ...place })
  }
}

const token = (kind: TokenKind, text: string, at: Place, number = 0): Token => ({ kind, text, number, at })

/** Every line end is CRLF, as it is on the wire (RFC 5228 §2.4.2). */
function withCrlf(text: string): string {
  return text.includes('\n') ? text.replace(/\r?\n/g, '\r\n') : text
}
