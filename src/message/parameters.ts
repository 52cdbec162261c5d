// Fields of the form `value; name=value; …`: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183 §2), with
// continuations, charsets and languages of RFC 2231, and the encoded words that senders put there against RFC 2047 §5.
// Lenient: unquoted spaces, missing semicolons, comments. Of two parameters with one name the first counts.

import { decodeText } from './charset.ts'
import { decodeEncodedWords } from './encoded-word.ts'

export interface ParameterizedValue {
  /** What stands before the first semicolon, without comments: `text/plain`, `attachment`. As written. */
  value: string
  /** By lower-case name, decoded. Has no prototype: any name may be looked up. */
  parameters: Record<string, string>
  /** The parameters contradict themselves or the grammar: readers may differ about them. */
  ambiguous: boolean
}

const MAX_PARAMETERS = 200
/** Of a field not more is read; the rest counts as a contradiction. */
const MAX_LENGTH = 64 * 1024
const TOKEN = /[^\s()<>@,;:\\"/[\]?=]+/y
const NEXT_PARAMETER = /\s+[A-Za-z0-9_*-]+\s*=/y

/** Reads the (unfolded) value of such a field. */
export function parseParameterized(text: string): ParameterizedValue {
  const scanner = new Scanner(text.slice(0, MAX_LENGTH))
  const value = scanner.plainUntilSemicolon()
  const raw: [string, string][] = []
  let ambiguous = text.length > MAX_LENGTH
  while (!scanner.atEnd() && raw.length < MAX_PARAMETERS) {
    const parameter = scanner.parameter()
    if (!parameter) continue
    raw.push(parameter)
    if (scanner.careless) ambiguous = true
  }
  const { parameters, repeated } = join(raw)
  return { value, parameters, ambiguous: ambiguous || repeated }
}

class Scanner {
  careless = false
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  /** Text up to the next semicolon, comments left out, trimmed; passes the semicolon. */
  plainUntilSemicolon(): string {
    let value = ''
    while (!this.atEnd() && this.#text[this.#at] !== ';') {
      if (this.#text[this.#at] === '(') this.#skipComment()
      else value += this.#text[this.#at++]
    }
    this.#at++
    return value.trim()
  }

  /** One `name=value`; undefined where there is none (but something was passed over). */
  parameter(): [string, string] | undefined {
    this.careless = false
    this.#skipSpace()
    TOKEN.lastIndex = this.#at
    const name = TOKEN.exec(this.#text)?.[0]
    if (name) this.#at += name.length
    this.#skipSpace()
    if (!name || this.#text[this.#at] !== '=') {
      if (this.#text[this.#at] === ';' || name) {
        if (this.#text[this.#at] === ';') this.#at++
      } else this.#at++
      return undefined
    }
    this.#at++
    this.#skipSpace()
    const isFileName = /^(file)?name/i.test(name)
    const value = this.#text[this.#at] === '"' ? this.#quoted(isFileName) : this.#unquoted(isFileName)
    this.#skipSpace()
    if (this.#text[this.#at] === ';') this.#at++
    else if (!this.atEnd()) this.careless = true
    return [name.toLowerCase(), value]
  }

  #skipSpace(): void {
    for (;;) {
      const character = this.#text[this.#at]
      if (character === ' ' || character === '\t' || character === '\r' || character === '\n') this.#at++
      else if (character === '(') this.#skipComment()
      else return
    }
  }

  #skipComment(): void {
    let depth = 0
    while (this.#at < this.#text.length) {
      const character = this.#text[this.#at++]
      if (character === '\\') this.#at++
      else if (character === '(') depth++
      else if (character === ')' && --depth === 0) return
    }
  }

  #quoted(isFileName: boolean): string {
    let value = ''
    this.#at++
    while (!this.atEnd()) {
      const character = this.#text[this.#at++]!
      if (character === '"') return value
      if (character === '\\' && !this.atEnd()) {
        // A Windows path written without doubling: `"C:\temp\x.pdf"` keeps its backslashes.
        const quoted = this.#text[this.#at++]!
        value += isFileName && /\w/.test(quoted) ? `\\${quoted}` : quoted
      } else value += character
    }
    this.careless = true
    return value
  }

  /**
   * Up to a semicolon, or to the next `name=` if the semicolon was forgotten. Spaces inside are kept; comments and
   * backslashes are what they are in the grammar, but in file names (`report (1).pdf`) they are characters.
   */
  #unquoted(isFileName: boolean): string {
    let value = ''
    while (!this.atEnd()) {
      const character = this.#text[this.#at]!
      if (character === ';') break
      if (character === ' ' || character === '\t') {
        NEXT_PARAMETER.lastIndex = this.#at
        if (NEXT_PARAMETER.test(this.#text)) break
        let end = this.#at
        while (this.#text[end] === ' ' || this.#text[end] === '\t') end++
        value += this.#text.slice(this.#at, end)
        this.#at = end
      } else if (character === '(' && !isFileName) this.#skipComment()
      else if (character === '\\' && !isFileName) {
        value += this.#text[this.#at + 1] ?? ''
        this.#at += 2
      } else {
        value += character
        this.#at++
      }
    }
    const trimmed = value.trim()
    if (/[\s"]/.test(trimmed)) this.careless = true
    return trimmed
  }
}

interface Section {
  number: number
  extended: boolean
  text: string
}

/** Joins the sections of RFC 2231 §3 and decodes §4; plain parameters get their encoded words decoded. */
function join(raw: [string, string][]): { parameters: Record<string, string>; repeated: boolean } {
  const parameters: Record<string, string> = Object.create(null)
  const sections = new Map<string, Section[]>()
  let repeated = false
  for (const [written, text] of raw) {
    const continued = /^([^*]+)(?:\*(\d{1,4}))?(\*)?$/.exec(written)
    const name = continued?.[1] ?? written
    if (continued && (continued[2] !== undefined || continued[3])) {
      const list = sections.get(name) ?? []
      list.push({ number: Number(continued[2] ?? 0), extended: continued[3] !== undefined, text })
      sections.set(name, list)
    } else if (parameters[name] !== undefined) repeated = true
    else parameters[name] = decodeEncodedWords(text)
  }
  for (const [name, list] of sections) {
    if (parameters[name] !== undefined) repeated = true
    parameters[name] = joinSections(list) // RFC 6266 §4.3 and practice: the extended form is the better one
  }
  return { parameters, repeated }
}

function joinSections(sections: Section[]): string {
  sections.sort((a, b) => a.number - b.number)
  let charset: string | undefined
  const pieces: Buffer[] = []
  for (const [index, section] of sections.entries()) {
    let { text } = section
    if (index === 0 && section.extended) {
      const tagged = /^([^']*)'[^']*'(.*)$/s.exec(text)
      if (tagged) {
        charset = tagged[1] || undefined
        text = tagged[2]!
      }
    }
    pieces.push(section.extended ? percentDecode(text) : Buffer.from(text))
  }
  const joined = decodeText(Buffer.concat(pieces), charset)
  return charset === undefined ? decodeEncodedWords(joined) : joined
}

function percentDecode(text: string): Buffer {
  return Buffer.concat(
    text
      .split(/(%[0-9A-Fa-f]{2})/)
      .map((piece, index) => (index % 2 === 1 ? Buffer.from(piece.slice(1), 'hex') : Buffer.from(piece))),
  )
}

/** `name=value` for a header field, as a token, quoted, or RFC 2231 §4 for what is beyond ASCII. */
export function formatParameter(name: string, value: string): string {
  const clean = value.toWellFormed().replace(/[\0-\x1f\x7f]+/g, ' ')
  // What looks like an encoded word would be decoded by readers that are lenient.
  if (/[^ -~]|=\?/.test(clean)) {
    const bytes = [...Buffer.from(clean)]
    const encoded = bytes.map((byte) => {
      const character = String.fromCharCode(byte)
      return /[A-Za-z0-9._-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    return `${name}*=utf-8''${encoded.join('')}`
  }
  return /^[A-Za-z0-9!#$&+\-.^_`{|}~]+$/.test(clean)
    ? `${name}=${clean}`
    : `${name}="${clean.replace(/["\\]/g, '\\$&')}"`
}
