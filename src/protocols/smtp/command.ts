// Command lines: text in, values or the reply that refuses them out.
// Keeps RFC 5321 §4.1.1 (syntax), §4.1.2 (ESMTP parameters), RFC 1870 (SIZE), RFC 6152 (BODY), RFC 6531 (SMTPUTF8),
// RFC 3461 §4 (RET, ENVID, NOTIFY, ORCPT, xtext), RFC 6533 §3 (utf-8 addresses), RFC 4954 §5 (AUTH=), RFC 3030 §2 (BDAT),
// RFC 4468 §3 (BURL), RFC 4865 §4 (HOLDFOR, HOLDUNTIL), RFC 6710 §4 (MT-PRIORITY), RFC 2852 §4 (BY).

import { type ForwardPath, parseSmtpPath, type ReversePath } from '../../message/smtp-path.ts'
import type { BodyKind, MailParameters, Notify, RecipientParameters } from './envelope.ts'
import { REPLIES, type Reply, reply } from './reply.ts'

/** Which parameters were offered with EHLO; the others are refused (RFC 5321 §4.1.1.11). */
export interface Offered {
  readonly dsn: boolean
  readonly requireTls: boolean
  readonly auth: boolean
  readonly prdr: boolean
  readonly hold: boolean
  readonly priority: boolean
  /** DELIVERBY, and the shortest time for mail that is to be returned then; 0: not offered. */
  readonly deliverByS: number
  readonly binary: boolean
}

export interface MailCommand {
  readonly reversePath: ReversePath
  readonly parameters: MailParameters
}
export interface RecipientCommand {
  readonly forwardPath: ForwardPath
  readonly parameters: RecipientParameters
}
export interface BdatCommand {
  readonly sizeBytes: number
  readonly last: boolean
}

export interface BurlCommand {
  readonly url: string
  readonly last: boolean
}

export function isReply(value: object): value is Reply {
  return 'code' in value
}

/** 'mail FROM:<>' → verb 'MAIL', rest 'FROM:<>'. */
export function splitCommand(line: string): { verb: string; rest: string } {
  const space = line.indexOf(' ')
  if (space < 0) return { verb: line.toUpperCase(), rest: '' }
  return { verb: line.slice(0, space).toUpperCase(), rest: line.slice(space + 1).trim() }
}

/** The argument of MAIL. */
export function parseMail(rest: string, offered: Offered): MailCommand | Reply {
  if (!/^from:/i.test(rest)) return reply(501, '5.5.4', 'syntax: MAIL FROM:<address>')
  const text = rest.slice(5)
  // SMTPUTF8 comes after the address that it allows (RFC 6531 §3.4), so the address is read as if it had been asked for.
  const result = parseSmtpPath(text, 'reverse', { utf8: true })
  if (!result.ok) return pathRefused(result)
  const found = { body: '7BIT' as BodyKind, smtputf8: false } as Mutable<MailParameters>
  const refused = readParameters(text.slice(result.length), MAIL_PARAMETERS, found, offered)
  if (refused !== undefined) return refused
  if (!found.smtputf8 && !isAscii(text.slice(0, result.length))) return needsUtf8()
  return { reversePath: result.path, parameters: found }
}

/** The argument of RCPT. */
export function parseRecipient(rest: string, offered: Offered, smtputf8: boolean): RecipientCommand | Reply {
  if (!/^to:/i.test(rest)) return reply(501, '5.5.4', 'syntax: RCPT TO:<address>')
  const text = rest.slice(3)
  const result = parseSmtpPath(text, 'forward', { utf8: smtputf8 })
  if (!result.ok) return pathRefused(result)
  const found: Mutable<RecipientParameters> = {}
  const refused = readParameters(text.slice(result.length), RECIPIENT_PARAMETERS, found, offered)
  return refused ?? { forwardPath: result.path, parameters: found }
}

/** The argument of BDAT; undefined when nobody can know how many bytes follow. */
export function parseBdat(rest: string): BdatCommand | undefined {
  const parts = /^(\d{1,15})(?: +(LAST))?$/i.exec(rest)
  return parts === null ? undefined : { sizeBytes: Number(parts[1]), last: parts[2] !== undefined }
}

/** The argument of BURL (RFC 4468 §3.2). */
export function parseBurl(rest: string): BurlCommand | Reply {
  const parts = /^([\x21-\x7e]+)(?: +(LAST))?$/i.exec(rest)
  return parts === null ? REPLIES.syntax : { url: parts[1]!, last: parts[2] !== undefined }
}

/** Base64 as RFC 4648 §4 has it, nothing else; undefined when it is not. */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return Buffer.from(text, 'base64')
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
/** Stores the value in `into`, or says why not. `value` is undefined when there was no '='. */
type ParameterReader<T> = (value: string | undefined, into: Mutable<T>, offered: Offered) => Reply | undefined

/** RFC 3339 §5.6. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i

const MAIL_PARAMETERS: Record<string, ParameterReader<MailParameters>> = {
  SIZE: (value, into) => {
    if (!/^\d{1,20}$/.test(value ?? '')) return REPLIES.syntax
    into.sizeBytes = Number(value)
  },
  BODY: (value, into, offered) => {
    const body = value?.toUpperCase()
    if (body === 'BINARYMIME' && offered.binary) {
      into.binary = true
      into.body = '8BITMIME'
      return
    }
    if (body !== '7BIT' && body !== '8BITMIME') return REPLIES.unknownParameter
    into.body = body
  },
  SMTPUTF8: (value, into) => {
    if (value !== undefined) return REPLIES.syntax
    into.smtputf8 = true
  },
  RET: (value, into, offered) => {
    if (!offered.dsn) return REPLIES.unknownParameter
    const ret = value?.toUpperCase()
    if (ret !== 'FULL' && ret !== 'HDRS') return REPLIES.syntax
    into.ret = ret
  },
  ENVID: (value, into, offered) => {
    if (!offered.dsn) return REPLIES.unknownParameter
    // RFC 3461 §4.4: at most 100 characters encoded.
    const envid = value !== undefined && value.length <= 100 ? decodeXtext(value) : undefined
    if (envid === undefined) return REPLIES.syntax
    into.envid = envid
  },
  REQUIRETLS: (value, into, offered) => {
    if (!offered.requireTls) return REPLIES.unknownParameter
    if (value !== undefined) return REPLIES.syntax
    into.requireTls = true
  },
  // RFC 4865 §4.3: one of them, and once.
  HOLDFOR: (value, into, offered) => {
    if (!offered.hold) return REPLIES.unknownParameter
    if (into.hold !== undefined || !/^[1-9]\d{0,8}$/.test(value ?? '')) return REPLIES.syntax
    into.hold = { forS: Number(value) }
  },
  HOLDUNTIL: (value, into, offered) => {
    if (!offered.hold) return REPLIES.unknownParameter
    const untilMs = DATE_TIME.test(value ?? '') ? Date.parse(value!) : Number.NaN
    if (into.hold !== undefined || Number.isNaN(untilMs)) return REPLIES.syntax
    into.hold = { untilMs }
  },
  'MT-PRIORITY': (value, into, offered) => {
    if (!offered.priority) return REPLIES.unknownParameter
    if (!/^(?:-?[1-9]|0)$/.test(value ?? '')) return REPLIES.syntax
    into.priority = Number(value)
  },
  BY: (value, into, offered) => {
    if (offered.deliverByS === 0) return REPLIES.unknownParameter
    const [, by, mode, trace] = /^([-+]?\d{1,9});([RN])(T?)$/i.exec(value ?? '') ?? []
    if (by === undefined) return REPLIES.syntax
    const returns = mode!.toUpperCase() === 'R'
    // RFC 2852 §4: what is too late already cannot be returned in time.
    if (returns && Number(by) <= 0) return REPLIES.syntax
    // RFC 2852 §3: a 55z.
    if (returns && Number(by) < offered.deliverByS)
      return reply(555, '5.5.4', `mail that is to be returned when late needs at least ${offered.deliverByS} seconds`)
    into.deliverBy = { byS: Number(by), mode: returns ? 'return' : 'notify', ...(trace !== '' && { trace: true }) }
  },
  PRDR: (value, into, offered) => {
    if (!offered.prdr) return REPLIES.unknownParameter
    if (value !== undefined) return REPLIES.syntax
    into.prdr = true
  },
  AUTH: (value, into, offered) => {
    if (!offered.auth) return REPLIES.unknownParameter
    const auth = value === undefined ? undefined : decodeXtext(value)
    if (auth === undefined) return REPLIES.syntax
    into.auth = auth
  },
}

const RECIPIENT_PARAMETERS: Record<string, ParameterReader<RecipientParameters>> = {
  NOTIFY: (value, into, offered) => {
    if (!offered.dsn) return REPLIES.unknownParameter
    const wanted = (value ?? '').toUpperCase().split(',')
    const known = wanted.every((w) => w === 'SUCCESS' || w === 'FAILURE' || w === 'DELAY')
    if (wanted.length === 1 && wanted[0] === 'NEVER') into.notify = []
    else if (known) into.notify = [...new Set(wanted as Notify[])]
    else return REPLIES.syntax
  },
  ORCPT: (value, into, offered) => {
    if (!offered.dsn) return REPLIES.unknownParameter
    // RFC 3461 §4.2: addr-type ";" xtext, at most 500 characters encoded.
    const parts = /^([A-Za-z0-9-]{1,64});(.+)$/.exec(value ?? '')
    if (parts === null || value!.length > 500) return REPLIES.syntax
    // RFC 3461 §5.2.1: it goes on letter by letter.
    const type = parts[1]!
    const address = type.toLowerCase() === 'utf-8' ? decodeUtf8Address(parts[2]!) : decodeXtext(parts[2]!)
    if (address === undefined) return REPLIES.syntax
    into.orcpt = { type, address }
  },
}

function readParameters<T>(
  text: string,
  known: Record<string, ParameterReader<T>>,
  into: Mutable<T>,
  offered: Offered,
): Reply | undefined {
  if (text === '') return undefined
  if (text[0] !== ' ') return REPLIES.syntax
  const seen = new Set<string>()
  for (const parameter of text.split(' ')) {
    if (parameter === '') continue
    const equals = parameter.indexOf('=')
    const keyword = (equals < 0 ? parameter : parameter.slice(0, equals)).toUpperCase()
    const read = Object.hasOwn(known, keyword) ? known[keyword] : undefined
    if (read === undefined) return REPLIES.unknownParameter
    if (seen.has(keyword)) return REPLIES.syntax
    seen.add(keyword)
    const refused = read(equals < 0 ? undefined : parameter.slice(equals + 1), into, offered)
    if (refused !== undefined) return refused
  }
  return undefined
}

/** xtext (RFC 3461 §4): printable ASCII, '+41' for a byte. What decodes to a control character is refused: it would
 *  become a line of its own in a notification. */
function decodeXtext(text: string): string | undefined {
  if (!/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})+$/.test(text)) return undefined
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return /^[\x20-\x7e]+$/.test(decoded) ? decoded : undefined
}

/** utf-8-addr-xtext and utf-8-addr-unitext (RFC 6533 §3): '\x{00E9}' for a character, or the character itself. */
function decodeUtf8Address(text: string): string | undefined {
  const decoded = text.replace(/\\x\{([0-9A-F]{2,6})\}/g, (_, hex: string) => {
    const point = Number.parseInt(hex, 16)
    return point <= 0x10ffff ? String.fromCodePoint(point) : '\0'
  })
  return decoded.isWellFormed() && /^[^\p{Cc}\u2028\u2029\\]+$/u.test(decoded) ? decoded : undefined
}

/** Writes a value as xtext (RFC 3461 §4). The value is printable ASCII. */
export function encodeXtext(text: string): string {
  return text.replace(/[^!-*,-<>-~]/g, (c) => `+${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

function pathRefused(result: { reason: string; enhancedCode: string }): Reply {
  // RFC 6531 §3.5: 553 5.6.7 for an address that needs SMTPUTF8. Otherwise 501: the syntax is at fault, not the mailbox.
  return reply(result.enhancedCode === '5.6.7' ? 553 : 501, result.enhancedCode, result.reason)
}

function needsUtf8(): Reply {
  return reply(553, '5.6.7', 'characters beyond ASCII need SMTPUTF8')
}

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text)

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The line as text; undefined when it holds control characters or bytes that are no UTF-8 (RFC 6531 §3.3). */
export function readText(line: Buffer): string | undefined {
  const ascii = line.toString('latin1')
  if (/^[\x20-\x7e]*$/.test(ascii)) return ascii
  if (/[\x00-\x1f\x7f]/.test(ascii)) return undefined
  try {
    return UTF8.decode(line)
  } catch {
    return undefined
  }
}
