// Strings of a script: encoded characters (RFC 5228 §2.4.2.4) are undone when the script is read, variables
// (RFC 5229 §3) become pieces that are filled in when it runs.

import { decodeUtf8Lenient } from './characters.ts'
import type { Piece, VariableName } from './language.ts'

const ENCODED = /\$\{(hex|unicode):([\s0-9a-f]*)\}/gi

/** The text with `${hex: …}` and `${unicode: …}` undone; an error for characters that there are not. */
export function decodeCharacters(text: string): { text: string } | { error: string } {
  if (!text.includes('${')) return { text }
  let error: string | undefined
  let sawHex = false
  const decoded = text.replace(ENCODED, (whole, kind: string, digits: string) => {
    const words = digits.trim() === '' ? [] : digits.trim().split(/\s+/)
    if (words.length === 0) return whole
    if (kind.toLowerCase() === 'hex') {
      if (!words.every((word) => word.length <= 2)) return whole
      sawHex = true
      return words.map((word) => byteAsCharacter(Number.parseInt(word, 16))).join('')
    }
    let out = ''
    for (const word of words) {
      const code = word.replace(/^0+/, '').length > 6 ? Number.POSITIVE_INFINITY : Number.parseInt(word, 16)
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        error ??= `there is no Unicode character ${word.slice(0, 20)}`
        return whole
      }
      out += String.fromCodePoint(code)
    }
    return out
  })
  if (error !== undefined) return { error }
  return { text: sawHex ? decodeUtf8Lenient(decoded) : decoded }
}

/** Bytes beyond ASCII stand for themselves until those beside them are known. */
const byteAsCharacter = (byte: number) => String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte)

const REFERENCE = /\$\{(?:([0-9]+)|([a-z_][a-z0-9_]*(?:\.(?:[a-z_][a-z0-9_]*|[0-9]+))*))\}/gi

/** More match values than these are never kept (RFC 5229 §3.2: at least 9). */
const MAX_MATCH_VALUE = 32

/** The pieces of a text, undefined where nothing is to be filled in; an error for what names nothing. */
export function piecesOf(
  text: string,
  required: ReadonlySet<string>,
): { pieces: Piece[] | undefined } | { error: string } {
  if (!text.includes('${')) return { pieces: undefined }
  const pieces: Piece[] = []
  let from = 0
  for (const found of text.matchAll(REFERENCE)) {
    const [whole, digits, name] = found
    const piece = digits === undefined ? variableOf(name!, required) : matchOf(digits)
    if ('error' in piece) return piece
    if (found.index > from) pieces.push(text.slice(from, found.index))
    pieces.push(piece)
    from = found.index + whole.length
  }
  if (pieces.length === 0) return { pieces: undefined }
  if (from < text.length) pieces.push(text.slice(from))
  return { pieces }
}

function matchOf(digits: string): Exclude<Piece, string> | { error: string } {
  const index = Number(digits)
  if (index > MAX_MATCH_VALUE) return { error: `match values go up to \${${MAX_MATCH_VALUE}}` }
  return { kind: 'match', index }
}

/** A name as it stands in `${…}`, `set` and others: with the namespaces of RFC 5229 §3. */
export function variableOf(written: string, required: ReadonlySet<string>): VariableName | { error: string } {
  const name = written.toLowerCase()
  const dot = name.indexOf('.')
  if (dot < 0) return { kind: 'variable', name }
  const space = name.slice(0, dot)
  const rest = name.slice(dot + 1)
  if (space === 'global' && required.has('include')) {
    return isVariableName(rest) ? { kind: 'global', name: rest } : { error: `'${written}' is no global variable` }
  }
  if (required.has(`namespace ${space}`)) return { kind: 'environment', name: rest }
  return { error: `there is no namespace '${written.slice(0, dot)}' for variables` }
}

const NAME = /^[a-z_][a-z0-9_]*$/i
const MAX_NAME = 64

export function isVariableName(name: string): boolean {
  return name.length <= MAX_NAME && NAME.test(name)
}
