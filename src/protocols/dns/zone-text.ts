// Zone files, read and printed (RFC 1035 §5): $ORIGIN and $TTL, '@', owners carried over, parentheses, quoted strings,
// comments, TTLs with units. $INCLUDE is refused: a text is whole in itself.

import { parseIpv4, parseIpv6 } from '../../message/ip.ts'
import type { CaaRecord } from '../../world/dns.ts'
import { canonicalName, isAskable } from './name.ts'
import type { Zone, ZoneRecord, ZoneType } from './zone.ts'

/** What is wrong with a line of a zone file. */
export interface ZoneMistake {
  /** From 1. */
  readonly line: number
  readonly message: string
}

interface Token {
  readonly text: string
  readonly isQuoted: boolean
}
/** A logical line: parentheses have joined its physical ones. */
interface Entry {
  readonly line: number
  /** Begins with white space: the owner is that of the record before. */
  readonly keepsOwner: boolean
  readonly tokens: Token[]
}
interface Context {
  readonly origin: string
  readonly ttlS: number
}

const defaultTtlS = 3600
const nameTypes = new Set(['CNAME', 'NS', 'PTR'])
const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** Reads a zone file. Lines with mistakes are left out and told. */
export function parseZone(text: string, origin: string): { zone: Zone; mistakes: ZoneMistake[] } {
  const records: ZoneRecord[] = []
  const mistakes: ZoneMistake[] = []
  let context: Context = { origin: canonicalName(origin), ttlS: defaultTtlS }
  let owner = context.origin
  for (const entry of readEntries(text, mistakes)) {
    const [first] = entry.tokens
    if (first?.text.startsWith('$') && !first.isQuoted) {
      const changed = applyDirective(entry, context)
      if (typeof changed === 'string') mistakes.push({ line: entry.line, message: changed })
      else context = changed
      continue
    }
    const tokens = entry.tokens.slice()
    if (!entry.keepsOwner) owner = absolute(tokens.shift()!.text, context.origin)
    const record = readRecordTokens(owner, tokens, context)
    if (typeof record === 'string') mistakes.push({ line: entry.line, message: record })
    else if (!isPlainName(owner)) mistakes.push({ line: entry.line, message: `'${owner}' is not a name.` })
    else if (!isAtOrBelow(owner, origin)) mistakes.push({ line: entry.line, message: `${owner} is not in this zone.` })
    else records.push(record)
  }
  return { zone: { origin: canonicalName(origin), records }, mistakes }
}

/** The zone as text that parseZone gives back. */
export function printZone(zone: Zone): string {
  const lines = [`$ORIGIN ${zone.origin}.`]
  for (const record of zone.records) {
    lines.push(`${withDot(record.name)} ${record.ttlS} IN ${record.type} ${printData(record)}`)
  }
  return `${lines.join('\n')}\n`
}

function applyDirective(entry: Entry, context: Context): Context | string {
  const [directive, value] = entry.tokens
  if (value === undefined) return `${directive!.text} needs a value.`
  switch (directive!.text.toUpperCase()) {
    case '$ORIGIN':
      return { ...context, origin: absolute(value.text, context.origin) }
    case '$TTL': {
      const ttlS = parseTtl(value.text)
      return ttlS === undefined ? `'${value.text}' is not a TTL.` : { ...context, ttlS }
    }
    default:
      return `${directive!.text} is not understood here.`
  }
}

function readRecordTokens(name: string, tokens: Token[], context: Context): ZoneRecord | string {
  let ttlS = context.ttlS
  // TTL and class come in either order (RFC 1035 §5.1).
  for (let seen = 0; seen < 2; seen++) {
    const next = tokens[0]?.text ?? ''
    const ttl = parseTtl(next)
    if (ttl !== undefined) ttlS = ttl
    else if (next.toUpperCase() !== 'IN') break
    tokens.shift()
  }
  const type = tokens.shift()?.text.toUpperCase() ?? ''
  if (!Object.hasOwn(readers, type))
    return type === '' ? 'The record has no type.' : `${type} records are not known here.`
  const data = readers[type as ZoneType](tokens, context.origin)
  // What names an authority in CAA is read by authorities alone.
  const holdsNames = typeof data === 'object' && type !== 'CAA'
  const names = Object.values(holdsNames ? data : {}).filter((value) => typeof value === 'string')
  if (typeof data === 'string' && nameTypes.has(type)) names.push(data)
  if (!names.every(isPlainName)) return `'${names.join(' ')}' is not a name.`
  return data === undefined ? `This is not the data of ${type}.` : ({ name, type, ttlS, data } as ZoneRecord)
}

type Reader<Type extends ZoneType> = (
  tokens: readonly Token[],
  origin: string,
) => Extract<ZoneRecord, { type: Type }>['data'] | undefined

const readName = (tokens: readonly Token[], origin: string): string | undefined =>
  tokens.length === 1 ? absolute(tokens[0]!.text, origin) : undefined
const readAddress = (tokens: readonly Token[]): string | undefined =>
  tokens.length === 1 ? tokens[0]!.text : undefined

const readers: { readonly [Type in ZoneType]: Reader<Type> } = {
  A: (tokens) => {
    const address = readAddress(tokens)
    return address !== undefined && parseIpv4(address) !== undefined ? address : undefined
  },
  AAAA: (tokens) => {
    const address = readAddress(tokens)
    return address !== undefined && parseIpv6(address) !== undefined ? address : undefined
  },
  CAA: ([flags, tag, value]) => {
    const bits = readNumber(flags)
    if (bits === undefined || bits > 255 || tag === undefined || value === undefined) return undefined
    return /^[a-z0-9]+$/i.test(tag.text)
      ? { isCritical: bits >= 128, tag: tag.text.toLowerCase(), value: value.text }
      : undefined
  },
  CNAME: readName,
  NS: readName,
  PTR: readName,
  MX: ([preference, exchange], origin) => {
    const number = readNumber(preference)
    if (number === undefined || exchange === undefined) return undefined
    return { preference: number, exchange: absolute(exchange.text, origin) }
  },
  SRV: ([priority, weight, port, target], origin) => {
    const numbers = [priority, weight, port].map(readNumber)
    if (numbers.includes(undefined) || target === undefined) return undefined
    const [p, w, n] = numbers as number[]
    return { priority: p!, weight: w!, port: n!, target: absolute(target.text, origin) }
  },
  TLSA: ([usage, selector, matchingType, ...hex]) => {
    const numbers = [usage, selector, matchingType].map(readNumber)
    const digits = hex.map((token) => token.text).join('')
    if (numbers.includes(undefined) || !/^([0-9a-f]{2})+$/i.test(digits)) return undefined
    const [u, s, m] = numbers as number[]
    return { usage: u!, selector: s!, matchingType: m!, certificate: Buffer.from(digits, 'hex') }
  },
  TXT: (tokens) =>
    tokens.length === 0 ? undefined : tokens.map(({ text }) => text.replace(/[^\0-\xff]/gu, utf8Bytes)).join(''),
  SOA: ([primary, responsible, ...numbers], origin) => {
    const [serial, refreshS, retryS, expireS, minimumS] = numbers.map((token) => parseTtl(token.text))
    if (primary === undefined || responsible === undefined || numbers.length !== 5) return undefined
    if (serial === undefined || refreshS === undefined || retryS === undefined) return undefined
    if (expireS === undefined || minimumS === undefined) return undefined
    return {
      primary: absolute(primary.text, origin),
      responsible: absolute(responsible.text, origin),
      serial,
      refreshS,
      retryS,
      expireS,
      minimumS,
    }
  },
}

function readNumber(token: Token | undefined): number | undefined {
  return token !== undefined && /^\d{1,5}$/.test(token.text) && Number(token.text) <= 65_535
    ? Number(token.text)
    : undefined
}

function printData(record: ZoneRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.data
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return withDot(record.data)
    case 'MX':
      return `${record.data.preference} ${withDot(record.data.exchange)}`
    case 'SRV':
      return `${record.data.priority} ${record.data.weight} ${record.data.port} ${withDot(record.data.target)}`
    case 'CAA':
      return caaText(record.data)
    case 'TLSA':
      return `${record.data.usage} ${record.data.selector} ${record.data.matchingType} ${record.data.certificate.toString('hex')}`
    case 'TXT':
      return (record.data.match(/[\s\S]{1,255}/g) ?? ['']).map(quote).join(' ')
    case 'SOA': {
      const { primary, responsible, serial, refreshS, retryS, expireS, minimumS } = record.data
      return `${withDot(primary)} ${withDot(responsible)} ${serial} ${refreshS} ${retryS} ${expireS} ${minimumS}`
    }
  }
}

/** The canonical presentation (RFC 8659 §4.1.1). */
export const caaText = ({ isCritical, tag, value }: CaaRecord): string =>
  `${isCritical ? 128 : 0} ${tag} ${quote(value)}`

function quote(value: string): string {
  const escaped = value.replace(/[^ !#-[\]-~]/g, (char) => {
    return char === '"' || char === '\\' ? `\\${char}` : `\\${String(char.charCodeAt(0)).padStart(3, '0')}`
  })
  return `"${escaped}"`
}

/** Tokens of each logical line. Linear in the text. */
function readEntries(text: string, mistakes: ZoneMistake[]): Entry[] {
  const entries: Entry[] = []
  let line = 1
  let depth = 0
  let entry: Entry | undefined
  let isLineStart = true
  let at = 0
  while (at < text.length) {
    const char = text[at]!
    if (char === '\n') {
      line++
      isLineStart = depth === 0
      if (depth === 0) entry = undefined
      at++
    } else if (char === ' ' || char === '\t' || char === '\r') {
      if (isLineStart && char !== '\r') entry = { line, keepsOwner: true, tokens: [] }
      isLineStart = false
      at++
    } else if (char === ';') {
      const end = text.indexOf('\n', at)
      at = end < 0 ? text.length : end
    } else if (char === '(' || char === ')') {
      depth = Math.max(0, depth + (char === '(' ? 1 : -1))
      at++
    } else {
      entry ??= { line, keepsOwner: false, tokens: [] }
      isLineStart = false
      const { token, end } = readToken(text, at)
      if (token === undefined) mistakes.push({ line, message: 'A quoted string does not end.' })
      else if (entry.tokens.push(token) === 1) entries.push(entry)
      at = end
    }
  }
  if (depth > 0) mistakes.push({ line, message: 'A parenthesis is not closed.' })
  return entries
}

function readToken(text: string, start: number): { token: Token | undefined; end: number } {
  const isQuoted = text[start] === '"'
  let at = isQuoted ? start + 1 : start
  let value = ''
  while (at < text.length) {
    const char = text[at]!
    if (isQuoted ? char === '"' : /[ \t\r\n;()"]/.test(char)) break
    if (isQuoted && char === '\n') return { token: undefined, end: at }
    if (char === '\\' && at + 1 < text.length) {
      // \DDD is decimal (RFC 1035 §5.1).
      const decimal = /^\d{3}/.exec(text.slice(at + 1, at + 4))
      value += decimal === null ? text[at + 1] : String.fromCharCode(Number(decimal[0]) & 0xff)
      at += decimal === null ? 2 : 4
    } else {
      // What is quoted is bytes: a character beyond ASCII is those of its UTF-8.
      const character = String.fromCodePoint(text.codePointAt(at)!)
      value += isQuoted ? utf8Bytes(character) : character
      at += character.length
    }
  }
  if (isQuoted && at >= text.length) return { token: undefined, end: at }
  return { token: { text: value, isQuoted }, end: isQuoted ? at + 1 : at }
}

/** A character for each byte. */
function utf8Bytes(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** '3600', '1h', '1h30m'. */
function parseTtl(text: string): number | undefined {
  if (!/^(?:\d{1,10}[smhdw]?){1,5}$/i.test(text)) return undefined
  let seconds = 0
  for (const [, digits, unit] of text.matchAll(/(\d+)([smhdw]?)/gi)) {
    seconds += Number(digits) * unitSeconds[unit === '' ? 's' : unit!.toLowerCase()]!
  }
  return seconds <= 0xffffffff ? seconds : undefined
}

function absolute(name: string, origin: string): string {
  if (name === '@') return origin
  if (name.endsWith('.')) return canonicalName(name)
  return origin === '' ? canonicalName(name) : `${canonicalName(name)}.${origin}`
}

/** The root, or a name that needs no escapes. */
function isPlainName(name: string): boolean {
  return name === '' || (isAskable(name) && !/[\0- "();\\@$\x7f]/.test(name))
}

function withDot(name: string): string {
  return `${name}.`
}

function isAtOrBelow(name: string, origin: string): boolean {
  const top = canonicalName(origin)
  return top === '' || name === top || name.endsWith(`.${top}`)
}
