// Text of bytes in a charset that a stranger named (RFC 2046 §4.1.2, the names of RFC 2978's registry).
// Never throws: an unknown or lying name falls back to UTF-8 where the bytes are valid UTF-8, else to windows-1252,
// which gives every byte a character. Names that are transfer codings inside our library are not charsets.

import { isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'

/** Names that mail uses and that mean another charset than they say, or that the library does not know by that name. */
const ALIASES: Record<string, string> = {
  ascii: 'us-ascii',
  'ansi-x3.4-1968': 'us-ascii',
  'iso-8859-1': 'windows-1252', // as every browser reads it: superset, the C1 controls are never meant
  latin1: 'windows-1252',
  'iso-8859-8-i': 'iso-8859-8',
  'iso-8859-8-e': 'iso-8859-8',
  'iso-8859-9': 'windows-1254',
  'ks-c-5601-1987': 'cp949',
  'ks_c_5601-1987': 'cp949',
  gb2312: 'gb18030',
  'x-gbk': 'gb18030',
  utf8: 'utf-8',
  'unicode-1-1-utf-7': 'utf-7',
  'unicode-1-1-utf-8': 'utf-8',
}

/** iconv-lite's own names that are no charsets: a message must not choose them. */
const NOT_CHARSETS = new Set(['base64', 'hex', 'binary', 'utf7imap', 'utf-7-imap', 'ucs2', 'ucs-2'])

function canonicalName(charset: string): string {
  const lower = charset
    .trim()
    .toLowerCase()
    .replace(/^["']+|["']+$/g, '')
    .replace(/\*.*$/s, '') // RFC 2231 §5: *language
  return ALIASES[lower] ?? lower
}

/** True if `decodeText` knows the charset by this name. */
export function knownCharset(charset: string): boolean {
  const name = canonicalName(charset)
  if (name === 'us-ascii' || name === 'utf-8') return true
  return name.length <= 40 && !NOT_CHARSETS.has(name) && (iconv.encodingExists(name) || decoderOf(name) !== undefined)
}

const decoders = new Map<string, TextDecoder | undefined>()

/** The platform's decoder, for what iconv-lite lacks (ISO-2022-JP). Only names it accepts are kept. */
function decoderOf(name: string): TextDecoder | undefined {
  const kept = decoders.get(name)
  if (kept) return kept
  try {
    const decoder = new TextDecoder(name)
    decoders.set(name, decoder)
    return decoder
  } catch {
    return undefined
  }
}

/** The text of `bytes` in `charset`; without a charset, or with an unknown one, the best guess. */
export function decodeText(bytes: Buffer, charset: string | undefined): string {
  const name = charset === undefined ? 'us-ascii' : canonicalName(charset)
  if (name === 'utf-8') return stripMark(bytes.toString('utf8'))
  if (name === 'us-ascii' || name.length > 40 || NOT_CHARSETS.has(name)) return guess(bytes)
  if (iconv.encodingExists(name)) return iconv.decode(bytes, name)
  return decoderOf(name)?.decode(bytes) ?? guess(bytes)
}

function guess(bytes: Buffer): string {
  return isUtf8(bytes) ? stripMark(bytes.toString('utf8')) : iconv.decode(bytes, 'windows-1252')
}

function stripMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text
}
