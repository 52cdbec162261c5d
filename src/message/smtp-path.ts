// Paths of MAIL and RCPT: RFC 5321 §4.1.2 (grammar), §4.5.3.1 (sizes), RFC 6531 §3.3 (SMTPUTF8).
// Strict where mail could go astray (quoting, literals), lenient where clients are known to be careless (a space before
// the path, no angle brackets). The reason of a refusal is written for the person who reads the bounce.

import { addressLiteral, type Domain, formatAddress, type Mailbox, parseDomain } from './mailbox.ts'

/** Where a message came from; `null` is `<>`, to which nothing may be returned. */
export type ReversePath = { type: 'null' } | { type: 'mailbox'; mailbox: Mailbox }
/** Where it goes; `postmaster` is `<Postmaster>` without a domain (RFC 5321 §4.5.1). */
export type ForwardPath = { type: 'mailbox'; mailbox: Mailbox } | { type: 'postmaster' }

export type PathResult<Path> =
  | {
      ok: true
      path: Path
      /** Characters of the text that the path took: its parameters follow there. */
      length: number
    }
  | { ok: false; reason: string; enhancedCode: '5.1.3' | '5.1.7' | '5.6.7' }

export interface PathOptions {
  /** SMTPUTF8 was asked for: characters beyond ASCII are allowed. */
  utf8?: boolean
}

const MAX_LOCAL_PART_BYTES = 255
const MAX_PATH_CHARACTERS = 1000
const ATOM = /[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\uffff]+/y
const QUOTED = /"(?:[ !#-[\]-~\x80-\uffff]|\\[ -~])*"/y
const DOMAIN = /[A-Za-z0-9._\-\x80-\uffff]+/y

/** Reads the path at the start of `text`: what stands after `MAIL FROM:` (reverse) or `RCPT TO:` (forward). */
export function parseSmtpPath(text: string, kind: 'reverse', options?: PathOptions): PathResult<ReversePath>
export function parseSmtpPath(text: string, kind: 'forward', options?: PathOptions): PathResult<ForwardPath>
export function parseSmtpPath(
  text: string,
  kind: 'reverse' | 'forward',
  options: PathOptions = {},
): PathResult<ReversePath | ForwardPath> {
  const enhancedCode = kind === 'reverse' ? '5.1.7' : '5.1.3'
  const refuse = (reason: string) => ({ ok: false, reason, enhancedCode }) as const
  let at = 0
  while (text[at] === ' ' || text[at] === '\t') at++
  const bracketed = text[at] === '<'
  if (bracketed) at++
  if (bracketed && text[at] === '>') {
    if (kind === 'forward') return refuse('the recipient is empty')
    return { ok: true, path: { type: 'null' }, length: at + 1 }
  }
  if (text.length > MAX_PATH_CHARACTERS && !text.slice(0, MAX_PATH_CHARACTERS).includes(bracketed ? '>' : ' ')) {
    return refuse('the address is too long')
  }
  at = skipSourceRoute(text, at)
  if (at < 0) return refuse('the source route has no ":" and mailbox after it')
  const local = readLocalPart(text, at)
  if (!local) return refuse('the part before "@" is not valid')
  at = local.end
  if (text[at] !== '@') {
    const closed = bracketed ? text[at] === '>' : text[at] === undefined || text[at] === ' '
    if (kind === 'forward' && closed && local.value.toLowerCase() === 'postmaster') {
      return { ok: true, path: { type: 'postmaster' }, length: bracketed ? at + 1 : at }
    }
    return refuse(closed ? 'the address has no "@" and domain' : 'the part before "@" is not valid')
  }
  if (Buffer.byteLength(local.value) > MAX_LOCAL_PART_BYTES) return refuse('the part before "@" is too long')
  const domain = readDomain(text, at + 1)
  if (!domain) return refuse('the part after "@" is not a domain')
  at = domain.end
  if (bracketed ? text[at] !== '>' : text[at] !== undefined && text[at] !== ' ') {
    return refuse(bracketed ? 'the address does not end with ">"' : 'the part after "@" is not a domain')
  }
  const length = bracketed ? at + 1 : at
  if (!options.utf8 && /[\x80-\uffff]/.test(text.slice(0, length))) {
    return { ok: false, reason: 'characters beyond ASCII need SMTPUTF8', enhancedCode: '5.6.7' }
  }
  return { ok: true, path: { type: 'mailbox', mailbox: { localPart: local.value, domain: domain.value } }, length }
}

/** `@one,@two:` is accepted and ignored (RFC 5321 §4.1.1.3, appendix C). -1 if it has no end. */
function skipSourceRoute(text: string, start: number): number {
  if (text[start] !== '@') return start
  let at = start
  while (text[at] === '@') {
    const domain = readDomain(text, at + 1)
    if (!domain) return -1
    at = domain.end
    if (text[at] === ':') return at + 1
    if (text[at] !== ',') return -1
    at++
  }
  return -1
}

function readLocalPart(text: string, start: number): { value: string; end: number } | undefined {
  if (text[start] === '"') {
    QUOTED.lastIndex = start
    const quoted = QUOTED.exec(text)?.[0]
    if (!quoted) return undefined
    return { value: quoted.slice(1, -1).replace(/\\(.)/g, '$1'), end: start + quoted.length }
  }
  let at = start
  for (;;) {
    ATOM.lastIndex = at
    if (!ATOM.test(text)) return undefined
    at = ATOM.lastIndex
    if (text[at] !== '.') return { value: text.slice(start, at), end: at }
    at++
  }
}

function readDomain(text: string, start: number): { value: Domain; end: number } | undefined {
  if (text[start] === '[') {
    const close = text.indexOf(']', start)
    const literal = close < 0 ? undefined : addressLiteral(text.slice(start + 1, close))
    return literal && { value: literal, end: close + 1 }
  }
  DOMAIN.lastIndex = start
  const name = DOMAIN.exec(text)?.[0]
  if (!name || name.endsWith('.')) return undefined
  const value = parseDomain(name)
  return value && { value, end: start + name.length }
}

/** The path with its angle brackets, as MAIL and RCPT and Return-Path write it. */
export function formatPath(path: ReversePath | ForwardPath): string {
  if (path.type === 'null') return '<>'
  return path.type === 'postmaster' ? '<Postmaster>' : `<${formatAddress(path.mailbox)}>`
}
