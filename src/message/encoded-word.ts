// Encoded words: text beyond ASCII in header fields (RFC 2047, with the language suffix of RFC 2231 §5).
// Decoding is lenient (spaces inside a word, characters split between words, base64 without padding), linear, and
// never gives back a line end or NUL: what was decoded may be shown or written to a header again.

import { decodeText } from './charset.ts'

const MAX_WORD = 62

interface EncodedWord {
  charset: string
  bytes: Buffer
  end: number
}

/** Text with its encoded words decoded; white space between two adjacent ones is dropped (RFC 2047 §6.2). */
export function decodeEncodedWords(text: string): string {
  let at = text.indexOf('=?')
  if (at < 0) return text
  let result = ''
  let plainFrom = 0
  let pending: { charset: string; parts: Buffer[] } | undefined
  const flush = (): void => {
    if (pending) result += withoutControls(decodeText(Buffer.concat(pending.parts), pending.charset))
    pending = undefined
  }
  while (at >= 0) {
    const word = wordAt(text, at)
    if (word === 'no-more') break
    if (word === undefined) {
      at = text.indexOf('=?', at + 2)
      continue
    }
    const between = text.slice(plainFrom, at)
    if (pending && (between === '' || /^[ \t\r\n]+$/.test(between))) {
      // Senders split a character between words: bytes of one charset are joined before they are decoded.
      if (pending.charset === word.charset) pending.parts.push(word.bytes)
      else {
        flush()
        pending = { charset: word.charset, parts: [word.bytes] }
      }
    } else {
      flush()
      result += between
      pending = { charset: word.charset, parts: [word.bytes] }
    }
    plainFrom = word.end
    at = text.indexOf('=?', plainFrom)
  }
  flush()
  return result + text.slice(plainFrom)
}

/** The word that starts at `at`; 'no-more' when the text holds no `?=` any more, so that the search stays linear. */
function wordAt(text: string, at: number): EncodedWord | 'no-more' | undefined {
  const charsetEnd = text.indexOf('?', at + 2)
  if (charsetEnd < 0) return 'no-more'
  if (charsetEnd === at + 2 || charsetEnd - at > 60 || text[charsetEnd + 2] !== '?') return undefined
  const charset = text.slice(at + 2, charsetEnd).toLowerCase()
  const encoding = text[charsetEnd + 1]!.toLowerCase()
  if ((encoding !== 'q' && encoding !== 'b') || /[\s"<>@]/.test(charset)) return undefined
  const end = text.indexOf('?=', charsetEnd + 3)
  if (end < 0) return 'no-more'
  const encoded = text.slice(charsetEnd + 3, end)
  const bytes = encoding === 'b' ? Buffer.from(encoded, 'base64') : decodeQ(encoded)
  return { charset, bytes, end: end + 2 }
}

/** RFC 2047 §4.2: `_` is a space, `=XX` a byte; anything else stands for itself. */
function decodeQ(encoded: string): Buffer {
  const source = Buffer.from(encoded, 'utf8')
  let length = 0
  for (let i = 0; i < source.length; i++) {
    let byte = source[i]!
    if (byte === 95) byte = 32
    else if (byte === 61) {
      const value = Number.parseInt(source.toString('latin1', i + 1, i + 3), 16)
      if (/^[0-9a-f]{2}$/i.test(source.toString('latin1', i + 1, i + 3))) {
        byte = value
        i += 2
      }
    }
    source[length++] = byte
  }
  return source.subarray(0, length)
}

function withoutControls(text: string): string {
  return text.replace(/[\0-\x08\n-\x1f\x7f]+/g, ' ')
}

/** True if the text must be encoded to stand in a header: not printable ASCII, or it looks like an encoded word. */
export function needsEncoding(text: string): boolean {
  return /[^\t -~]/.test(text) || text.includes('=?')
}

/**
 * Text as encoded words in UTF-8, short enough to follow a field's name (RFC 2047 §2: a line of at most 76 characters),
 * with whole characters only, joined by single spaces at which the caller may fold. `Q` only with the characters allowed in a phrase (§5 (3)).
 */
export function encodeWords(text: string): string {
  const bytes = Buffer.from(text)
  let plain = 0
  for (const byte of bytes) if (isPhraseSafe(byte) || byte === 32) plain++
  const useQ = bytes.length + 2 * (bytes.length - plain) <= Math.ceil(bytes.length / 3) * 4
  const capacity = MAX_WORD - '=?utf-8?q??='.length
  const words: string[] = []
  let chunk = ''
  let size = 0
  const close = (): void => {
    words.push(useQ ? `=?utf-8?q?${chunk}?=` : `=?utf-8?b?${Buffer.from(chunk).toString('base64')}?=`)
    chunk = ''
    size = 0
  }
  for (const character of text.toWellFormed()) {
    const encoded = useQ ? encodeQ(character) : character
    const more = useQ ? encoded.length : Buffer.byteLength(character)
    const full = useQ ? size + more > capacity : Math.ceil((size + more) / 3) * 4 > capacity
    if (full) close()
    chunk += encoded
    size += more
  }
  if (chunk !== '' || words.length === 0) close()
  return words.join(' ')
}

function isPhraseSafe(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 45
}

function encodeQ(character: string): string {
  if (character === ' ') return '_'
  let encoded = ''
  for (const byte of Buffer.from(character)) {
    encoded += isPhraseSafe(byte) ? String.fromCharCode(byte) : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
