// SPF macro strings: read once into parts (RFC 7208 §7.1), expanded for each check (§7.2 to §7.4).
// Syntax is checked before expansion and never after it: a strange HELO is no error of the record.

import { dottedIp, formatIp, type IpBytes } from '../ip.ts'

export type MacroPart = string | Macro

interface Macro {
  /** Lower case. */
  letter: string
  /** Written in upper case: the value is URL-escaped (§7.3). */
  escaped: boolean
  /** Right-most parts that are kept; 0 means all. */
  keep: number
  reversed: boolean
  /** Characters that split the value; '.' when the record names none. */
  delimiters: string
}

/** What macros stand for. `validatedName` is asked only if a `p` macro is used. */
export interface MacroContext {
  /** local-part@domain; the local part is 'postmaster' when there was none. */
  sender: string
  domain: string
  ip: IpBytes
  helo: string
  receiver: string
  timeS: number
  validatedName(): Promise<string>
}

const PERCENT_LITERALS: Record<string, string> = { '%': '%', _: ' ', '-': '%20' }
const MACRO = /%\{([slodiphvcrt])(\d*)(r?)([.\-+,/_=]*)\}/iy

/**
 * Reads a macro-string. In explanations (`c`, `r`, `t` and spaces allowed) pass `explanation`.
 * @returns undefined where the syntax is wrong
 */
export function parseMacroString(text: string, explanation = false): MacroPart[] | undefined {
  const parts: MacroPart[] = []
  let literal = ''
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code > 0x7e || (code === 0x20 && !explanation)) return undefined
    if (code !== 0x25) {
      literal += text[at++]
      continue
    }
    const plain = PERCENT_LITERALS[text[at + 1] ?? '']
    if (plain !== undefined) {
      literal += plain
      at += 2
      continue
    }
    MACRO.lastIndex = at
    const match = MACRO.exec(text)
    if (!match) return undefined
    const [whole, letter, digits, reverse, delimiters] = match as unknown as [string, string, string, string, string]
    const lower = letter.toLowerCase()
    if (!explanation && 'crt'.includes(lower)) return undefined // §7.2: only in explanations
    const keep = digits === '' ? 0 : Number(digits)
    if (digits !== '' && keep === 0) return undefined // §7.3: DIGIT must be nonzero
    if (literal) parts.push(literal)
    literal = ''
    parts.push({
      letter: lower,
      escaped: letter !== lower,
      keep: Math.min(keep, 255),
      reversed: reverse !== '',
      delimiters: delimiters || '.',
    })
    at += whole.length
  }
  if (literal) parts.push(literal)
  return parts
}

const TOP_LABEL = /\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?$/i

/** A domain-spec: a macro-string that ends in a macro or in a top label (§7.1 domain-end). */
export function parseDomainSpec(text: string): MacroPart[] | undefined {
  const parts = parseMacroString(text)
  const last = parts?.at(-1)
  if (last === undefined) return undefined
  // '%%', '%_' and '%-' are macro-expands too, and a domain-spec may end in one.
  return typeof last !== 'string' || TOP_LABEL.test(text) || /%[%_-]$/.test(text) ? parts : undefined
}

/** Expands the parts. Never rejects. */
export async function expandMacros(parts: readonly MacroPart[], context: MacroContext): Promise<string> {
  let text = ''
  for (const part of parts) {
    text += typeof part === 'string' ? part : transform(part, await macroValue(part.letter, context))
  }
  return text
}

async function macroValue(letter: string, context: MacroContext): Promise<string> {
  const at = context.sender.lastIndexOf('@')
  switch (letter) {
    case 's':
      return context.sender
    case 'l':
      return context.sender.slice(0, at)
    case 'o':
      return context.sender.slice(at + 1)
    case 'd':
      return context.domain
    case 'i':
      return dottedIp(context.ip)
    case 'v':
      return context.ip.length === 4 ? 'in-addr' : 'ip6'
    case 'h':
      return context.helo
    case 'p':
      return context.validatedName()
    case 'c':
      return formatIp(context.ip)
    case 'r':
      return context.receiver
    default:
      return String(context.timeS)
  }
}

function transform(macro: Macro, value: string): string {
  let text = value
  if (macro.keep || macro.reversed || macro.delimiters !== '.') {
    let labels = [...split(value, macro.delimiters)]
    if (macro.reversed) labels.reverse()
    if (macro.keep) labels = labels.slice(-macro.keep)
    text = labels.join('.')
  }
  // §7.3: upper-case macros are escaped; encodeURIComponent leaves five characters that RFC 3986 reserves.
  return macro.escaped ? escapeUrl(text) : text
}

function split(value: string, delimiters: string): string[] {
  const labels: string[] = []
  let label = ''
  for (const character of value) {
    if (delimiters.includes(character)) {
      labels.push(label)
      label = ''
    } else label += character
  }
  labels.push(label)
  return labels
}

function escapeUrl(text: string): string {
  let escaped = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte)
    escaped += /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}
