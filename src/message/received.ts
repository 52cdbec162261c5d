// Received fields: ours (RFC 5321 §4.4, with-protocols of RFC 3848 and RFC 6531 §4.3), and a lenient reader of
// everybody's. The reader takes a line apart into clauses (from, by, via, with, id, for) and comments, and then asks each
// comment what it could say; it knows no list of servers. What it reads is a claim of who wrote the line.

import { type FieldText, structuredField } from './build.ts'
import { formatDate, type MailDate, parseDate } from './date.ts'
import { unfold } from './header.ts'
import { isIp } from './ip.ts'

/** What we know when we write our own line. */
export interface ReceivedFacts {
  /** The argument of EHLO, as given. */
  helo: string
  /** Absent where the address must not be shown: an Author's, at the MSA. */
  remoteIp?: string
  /** The name of the address, if it leads back to it (iprev pass); never an unconfirmed one. */
  remoteName?: string
  byHost: string
  /** See `withProtocol`. */
  protocol: string
  id: string
  /** The recipient, only when there is exactly one (RFC 5321 §7.6: others must not be told). */
  forAddress?: string
  tls?: { protocol: string; cipher: string }
  epochMs: number
  offsetMinutes?: number
}

/** Our field, ready to stand before a message. What strangers gave (EHLO) cannot break out of its place. */
export function buildReceived(facts: ReceivedFacts): FieldText {
  const name = facts.remoteName ? `${inert(facts.remoteName)} ` : ''
  const ip = facts.remoteIp?.includes(':') ? `IPv6:${facts.remoteIp}` : facts.remoteIp
  const address = ip === undefined ? '' : ` (${name}[${ip}])`
  const tls = facts.tls ? ` (using ${inert(facts.tls.protocol)} with cipher ${inert(facts.tls.cipher)})` : ''
  const recipient = facts.forAddress === undefined ? '' : ` for <${inert(facts.forAddress)}>`
  const value =
    `from ${inert(facts.helo) || 'unknown'}${address}${tls} by ${facts.byHost} ` +
    `with ${facts.protocol} id ${inert(facts.id)}${recipient}; ${formatDate(facts.epochMs, facts.offsetMinutes)}`
  return structuredField('Received', value)
}

function inert(text: string): string {
  return text.replace(/[^!-~\x80-\uffff]|[()<>;\\"]/g, '').slice(0, 255)
}

/** RFC 3848: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, LMTP…; RFC 6531 §4.3: UTF8SMTP…. */
export function withProtocol(session: {
  extended: boolean
  tls: boolean
  authenticated: boolean
  utf8?: boolean
  lmtp?: boolean
}): string {
  const suffix = `${session.tls ? 'S' : ''}${session.authenticated ? 'A' : ''}`
  if (session.utf8) return `UTF8${session.lmtp ? 'LMTP' : 'SMTP'}${suffix}`
  if (session.lmtp) return `LMTP${suffix}`
  return session.extended ? `ESMTP${suffix}` : 'SMTP'
}

/** What a Received field says. Everything but `raw` may be missing, and all of it may be a lie. */
export interface Received {
  raw: string
  /** The address that connected. */
  ip?: string
  /** The name that the writer found for the address. */
  reverseName?: string
  helo?: string
  /** RFC 1413 ident, or the user that qmail names. */
  ident?: string
  by?: string
  via?: string
  with?: string
  id?: string
  for?: string
  envelopeFrom?: string
  tls?: { protocol?: string; cipher?: string }
  authenticated: boolean
  date?: MailDate
  /** False if the line tells of no handover between two hosts: a fetch by POP or IMAP, a scanner, a local process. */
  isHandover: boolean
}

const KEYWORDS = new Set(['from', 'by', 'via', 'with', 'id', 'for'])
/** Of a field no more is read, and of that no more for its clauses. */
const MAX_FIELD = 64 * 1024
const MAX_LINE = 4000

interface Item {
  kind: 'word' | 'comment'
  text: string
}

/** Reads one Received field's value, folded or not. Never fails: an unknown form gives few values. */
export function parseReceived(value: string): Received {
  const raw = unfold(value.slice(0, MAX_FIELD))
  const result: Received = { raw, authenticated: false, isHandover: false }
  let items = itemsOf(raw.slice(0, MAX_LINE))
  const first = items[0]
  // `(from KRYPTIK [192.0.2.1]) by host …`
  if (first?.kind === 'comment' && /^from /i.test(first.text)) items = [...itemsOf(first.text), ...items.slice(1)]
  const clauses = clausesOf(items)
  result.date = dateOf(raw)
  result.by = clauses
    .get('by')
    ?.find((item) => item.kind === 'word')
    ?.text.replace(/^\[(.*)\]$/, '$1')
  result.via = wordOf(clauses, 'via')
  result.with = withOf(clauses)
  result.id = clauses
    .get('id')
    ?.find((item) => item.kind === 'word')
    ?.text.replace(/^<|>$/g, '')
  result.for = clauses
    .get('for')
    ?.find((item) => item.kind === 'word')
    ?.text.replace(/^<|>$/g, '')
  readOrigin(clauses.get('from') ?? [], result)
  for (const item of items) if (item.kind === 'comment') readRemark(item.text, result)
  if (/^(?:u?esmtps?a|utf8(?:smtp|lmtp)s?a|lmtps?a|asmtp|https?|mapi)$/i.test(result.with ?? ''))
    result.authenticated = true
  if (/^https?$/i.test(result.with ?? '')) result.helo = undefined // a browser greets nobody
  result.envelopeFrom ??= / from <([^\s<>]{1,320})>/.exec(raw)?.[1]
  const fetched =
    /^(?:pop3|imap|spamassassin|qmail-scanner)|-scanned$/i.test(result.with ?? '') || /\(fetchmail-/.test(raw)
  result.isHandover = clauses.has('from') && result.ip !== undefined && result.by !== undefined && !fetched
  return result
}

/** Words and comments at the top level; a comment without its end goes to the end. Linear. */
function itemsOf(text: string): Item[] {
  const items: Item[] = []
  let at = 0
  while (at < text.length) {
    const character = text[at]!
    if (character === '(') {
      const end = endOfComment(text, at)
      items.push({ kind: 'comment', text: text.slice(at + 1, end - 1).trim() })
      at = end
    } else if (/[\s;,)]/.test(character)) {
      at++
    } else {
      const end = endOfWord(text, at)
      items.push({ kind: 'word', text: text.slice(at, end) })
      at = end
    }
  }
  return items
}

function endOfComment(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0) return at + 1
  }
  return text.length + 1
}

function endOfWord(text: string, start: number): number {
  let at = start
  while (at < text.length && !/[\s;,()]/.test(text[at]!)) at++
  return at
}

/** The items after each keyword, up to the next. The first of a name counts. */
function clausesOf(items: Item[]): Map<string, Item[]> {
  const clauses = new Map<string, Item[]>()
  let current: Item[] | undefined
  for (const [index, item] of items.entries()) {
    const word = item.kind === 'word' ? item.text.toLowerCase() : ''
    // `by by1fd.example`: a host may be named like a keyword, but a keyword follows no keyword's empty clause.
    if (KEYWORDS.has(word) && !clauses.has(word) && (current === undefined || current.length > 0 || index === 1)) {
      current = []
      clauses.set(word, current)
    } else current?.push(item)
  }
  return clauses
}

function wordOf(clauses: Map<string, Item[]>, name: string): string | undefined {
  return clauses.get(name)?.find((item) => item.kind === 'word')?.text
}

/** `with Microsoft SMTPSVC(5.0)` and `with (… encrypted) SMTP`; `(via HTTP)` of web mail. */
function withOf(clauses: Map<string, Item[]>): string | undefined {
  const words = (clauses.get('with') ?? []).filter((item) => item.kind === 'word').map((item) => item.text)
  if (words[0] === 'Microsoft') return words.slice(0, 2).join(' ')
  const remark = clauses.get('by')?.find((item) => item.kind === 'comment' && /^via \w+$/i.test(item.text))
  return words[0] ?? remark?.text.slice(4)
}

function dateOf(raw: string): MailDate | undefined {
  const semicolon = raw.lastIndexOf(';')
  if (semicolon >= 0) return parseDate(raw.slice(semicolon + 1))
  const tail = /(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+)?\d{1,2}\s+\w{3}\s+\d{4}\s+\d{1,2}:\d\d.{0,30}$/.exec(
    raw.slice(-120),
  )
  return tail ? parseDate(tail[0]) : undefined
}

const IPV4_IN = /(?<![\d.])(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?:[.:]\d{1,5})?(?![\d.])/

/** The address in `[…]`, `IPv6:…`, `::ffff:…`, with a port or not; undefined if the text is none. */
function addressIn(text: string): string | undefined {
  const bare = text
    .trim()
    .replace(/^\[|\](?::\d+)?$/g, '')
    .replace(/^ipv6:/i, '')
  const mapped = bare.replace(/^::ffff:(?=\d+\.)/i, '')
  if (isIp(mapped)) return mapped.toLowerCase()
  const withPort = IPV4_IN.exec(mapped)
  return withPort && withPort[0].length === mapped.length && isIp(withPort[1]!) ? withPort[1] : undefined
}

/** Who connected: the words and comments of the from clause, in the forms of all the servers we have seen. */
function readOrigin(items: Item[], result: Received): void {
  const words = items.filter((item) => item.kind === 'word').map((item) => item.text)
  const comments = items.filter((item) => item.kind === 'comment').map((item) => item.text)
  const first = items[0]?.kind === 'word' ? items[0].text : undefined
  let greeted: string | undefined
  let found: string | undefined
  let style: 'named' | 'bracketed' | 'plain' | 'verified' | undefined
  for (const comment of comments) {
    const helo = /(?:^|\s)(?:helo|ehlo)(?:[= ]+(\S*)|$)/i.exec(comment)
    if (helo) greeted ??= helo[1] ?? ''
    if (result.ip !== undefined || helo?.index === 0) continue
    const bracketed = /^(?:(\S+)@)?(\S*?)\s*\[([^\]]+)\]/.exec(comment)
    const ip = bracketed && addressIn(bracketed[3]!)
    const plain = /^(?:(\S+)@)?\[?([\da-f.:]+)\]?$/i.exec(comment)
    if (ip) {
      result.ip = ip
      if (bracketed[1]) result.ident = bracketed[1]
      const name = bracketed[2]!.replace(/\.$/, '')
      style = name === '' ? (/\] verified/.test(comment) ? 'verified' : 'bracketed') : 'named'
      if (style === 'named') found = bracketed[2]!.includes('@') ? name.slice(name.lastIndexOf('@') + 1) : name
    } else if (plain && addressIn(plain[2]!)) {
      result.ip = addressIn(plain[2]!)
      if (plain[1]) result.ident = plain[1]
      style = /^[^:]*:\d+$/.test(plain[2]!) ? 'bracketed' : 'plain'
    }
  }
  const claimed = /claiming to be "([^"]*)"/.exec(result.raw)?.[1]
  const bracketedWord = words.slice(1).find((word) => word.startsWith('[') && addressIn(word))
  const firstIp = first === undefined ? undefined : addressIn(first)
  const name = first === undefined || firstIp || first.toLowerCase() === 'unknown' ? undefined : first
  if (result.ip === undefined && bracketedWord) {
    // `name (HELO x) [ip]`, `name (x) [ip.port]`, `name [ip]`
    result.ip = addressIn(bracketedWord)
    result.helo = greeted ?? comments.find((comment) => /^[\w.-]+\.[\w-]+$/.test(comment))
    if (result.helo !== undefined) result.reverseName = name
    else result.helo = name
  } else if (result.ip === undefined) {
    if (!firstIp) {
      result.helo = first
      return
    }
    result.ip = firstIp
    result.helo = greeted ?? (comments.length === 0 && first!.startsWith('[') ? first : undefined)
  } else if (greeted !== undefined) {
    result.helo = greeted
    result.reverseName = found ?? name
  } else if (claimed !== undefined || (style === 'plain' && isViaBeforeBy(result.raw))) {
    result.helo = claimed
    result.reverseName = name
  } else if (style === 'named') {
    result.helo = first
    if (found!.toLowerCase() !== 'unknown') result.reverseName = found
  } else {
    // qmail writes `name (ip)`, CommuniGate `name ([ip] verified)`, Exim `name ([ip])` where greeting and name agree.
    result.helo = first
    const agree = style === 'verified' || (style === 'bracketed' && /\(Exim /.test(result.raw))
    // Exchange writes `name (ip)` as well, and its name is the greeting.
    const isGreeting = /^Microsoft SMTP/.test(result.with ?? '')
    if (agree || (style === 'plain' && name?.includes('.') && !isGreeting)) result.reverseName = name
  }
}

function isViaBeforeBy(raw: string): boolean {
  return /^from \S+\([^)]*\),?(?: claiming to be \S+)? via \w+ by /i.test(raw)
}

/** What comments anywhere in the line tell: TLS, authentication, the envelope. */
function readRemark(comment: string, result: Received): void {
  const postfix = /using (\S+) with cipher (\S+)/i.exec(comment)
  const google = /version=(\S+) cipher=(\S+)/i.exec(comment)
  const exim = /^(TLS[\w.-]*|SSL[\w.]*):([\w-]+)(?::\d+)?$/i.exec(comment)
  const qmail = /^([\w-]+) encrypted$/i.exec(comment)
  const tls = postfix ?? google ?? exim
  if (tls) result.tls = { protocol: tls[1], cipher: tls[2]!.replace(/[);,]+$/, '') }
  else if (qmail) result.tls = { cipher: qmail[1] }
  if (/^authenticated|authenticated (?:sender|user|as|bits)|^AUTH: |^account \S|smtp-auth/i.test(comment)) {
    result.authenticated = true
  }
  const envelope = /envelope-(?:from|sender)\s+<?([^\s>,)]*)/i.exec(comment)
  if (envelope?.[1]) result.envelopeFrom = envelope[1]
}

const ACCESS_LINE =
  /(?:^|[.-])(?:dyn(?:amic)?|dhcp|ppp|pppoe|dial(?:up|in)?|[ax]?dsl|cable|pool|cust(?:omer)?|client|dip|broadband|user|res|wifi|mobile)[0-9.-]|(?:\d{1,3}[.-]){3}\d{1,3}|[a-z-]\d{9,12}\./i

/** Does the host have a name that providers give to the machines of their customers: no relay stands there. */
export function isAccessLine(host: string): boolean {
  return ACCESS_LINE.test(host)
}
