// A lenient reader of everybody's Received fields (RFC 5321 §4.4; ours are written by build-received.ts). It takes a line
// apart into clauses (from, by, via, with, id, for, tls) and comments, and then asks each comment what it could say; where two
// systems write the same and mean different things, what else they write tells. What it reads is a claim of who wrote the line.

import { type MailDate, parseDate } from './date.ts'
import { unfold } from './header.ts'
import { isIp, isPrivateIp } from './ip.ts'

/** What a Received field says. Everything but `raw` may be missing, and all of it may be a lie. */
export interface Received {
  /** On one line, with one space where white space was. */
  raw: string
  /** The address that connected. */
  ip?: string
  /** The name that the writer found for the address. */
  reverseName?: string
  helo?: string
  /** RFC 1413 ident, or the user that qmail names. */
  ident?: string
  by?: string
  /** The writer's own address, where it says it. */
  byIp?: string
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

const KEYWORDS = new Set(['from', 'by', 'via', 'with', 'id', 'for', 'tls'])
/** Of a field no more is read, and of that no more for its clauses. */
const MAX_FIELD = 64 * 1024
const MAX_LINE = 4000

interface Item {
  kind: 'word' | 'comment'
  text: string
}

/** Reads one Received field's value, folded or not. Never fails: an unknown form gives few values. */
export function parseReceived(value: string): Received {
  const raw = unfold(value.slice(0, MAX_FIELD)).replace(/\s+/g, ' ').trim()
  const result: Received = { raw, authenticated: false, isHandover: false }
  let items = itemsOf(raw.slice(0, MAX_LINE))
  const first = items[0]
  // `(from KRYPTIK [192.0.2.1]) by host …`
  if (first?.kind === 'comment' && /^from /i.test(first.text)) items = [...itemsOf(first.text), ...items.slice(1)]
  const clauses = clausesOf(items)
  result.date = dateOf(raw)
  result.by = wordOf(clauses, 'by')?.replace(/^\[(.*)\]$/, '$1')
  const writer = clauses.get('by')?.find((item) => item.kind === 'comment' && addressIn(item.text.split(/\s/).at(-1)!))
  if (writer) result.byIp = addressIn(writer.text.split(/\s/).at(-1)!)
  result.via = viaOf(clauses)
  result.with = withOf(clauses)
  result.id = wordOf(clauses, 'id')?.replace(/^<|>$/g, '')
  result.for = wordOf(clauses, 'for')?.replace(/^<|>$/g, '')
  readOrigin(clauses.get('from') ?? [], result)
  readTlsWords(clauses, result)
  for (const item of items) if (item.kind === 'comment') readRemark(item.text, result)
  readSignIn(result)
  result.envelopeFrom ??=
    /\s(?:envelope-from|from) <([^\s<>]{1,320})>/.exec(raw.slice(0, MAX_LINE))?.[1] ??
    /\(sender: <([^\s<>]{1,320})>\)/.exec(raw.slice(0, MAX_LINE))?.[1]
  const fetched =
    /^(?:pop3|imap|spamassassin|qmail-scanner)|-scanned$/i.test(result.with ?? '') || /\(fetchmail-/.test(raw)
  result.isHandover = clauses.has('from') && result.ip !== undefined && result.by !== undefined && !fetched
  return result
}

/** Words and comments at the top level. Where a comment has no end, comments are taken not to be nested. Linear. */
function itemsOf(text: string): Item[] {
  const items: Item[] = []
  let at = 0
  let isNested = true
  while (at < text.length) {
    const character = text[at]!
    if (character === '(') {
      let end = isNested ? endOfComment(text, at) : undefined
      if (end === undefined) {
        isNested = false
        end = text.indexOf(')', at) + 1 || text.length + 1
      }
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

function endOfComment(text: string, start: number): number | undefined {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0) return at + 1
  }
  return undefined
}

/** A quoted local part may hold anything (RFC 5321 §4.1.2). */
function endOfWord(text: string, start: number): number {
  let at = start
  while (at < text.length && !/[\s;,()]/.test(text[at]!)) {
    const isQuote = text[at] === '"' && (at === start || text[at - 1] === '<')
    const closing = isQuote ? text.indexOf('"', at + 1) : -1
    at = closing > 0 && text[closing + 1] === '@' ? closing + 1 : at + 1
  }
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

const wordsOf = (clauses: Map<string, Item[]>, name: string): string[] =>
  (clauses.get(name) ?? []).filter((item) => item.kind === 'word').map((item) => item.text)

/**
 * `with Microsoft SMTPSVC(5.0)`, `with Microsoft SMTP Server`, `with Internet Mail Service`, `with MailEnable ESMTPS`, `with
 * (… encrypted) SMTP`, `with AES128-SHA encrypted SMTP`, `with ESMTP/TLS/AES128-SHA`; `(via HTTP)` of web mail.
 */
function withOf(clauses: Map<string, Item[]>): string | undefined {
  const words = wordsOf(clauses, 'with')
  const product = /^(?:Microsoft SMTP Server|Microsoft \S+|Internet Mail Service)/.exec(words.slice(0, 3).join(' '))
  if (product) return product[0]
  if (words[0] === 'MailEnable') return words[1]
  if (words[1] === 'encrypted') return words[2]
  const remark = clauses.get('by')?.find((item) => item.kind === 'comment' && /^via \w+$/i.test(item.text))
  return words[0]?.replace(/\/TLS\/.*$/, '') ?? remark?.text.slice(4)
}

/** `via Frontend Transport` is one name. */
function viaOf(clauses: Map<string, Item[]>): string | undefined {
  const words = wordsOf(clauses, 'via')
  return words[1] === 'Transport' ? words.slice(0, 2).join(' ') : words[0]
}

/**
 * Behind the last semicolon that stands in no comment. Without one it is looked for at the end: `… id 1 Tue, 5 Mar 2024
 * 10:11:12 +0000`, `… id 1 2024-03-05 10:11:12.1 +0000 UTC`.
 */
function dateOf(raw: string): MailDate | undefined {
  const semicolon = withoutSemicolonsInside(raw.slice(-1000)).lastIndexOf(';')
  if (semicolon >= 0) return parseDate(raw.slice(-1000).slice(semicolon + 1))
  const end = raw.slice(-120)
  const tail =
    /(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s+)?\d{1,2}\s+\w{3}\s+\d{4}\s+\d{1,2}:\d\d.{0,30}$/.exec(end) ??
    /(?<!\d)\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d.{0,60}$/.exec(end)
  return tail ? parseDate(tail[0]) : undefined
}

/** As long as it was, so that places stay. Of unbalanced text the semicolons count as they stand. */
function withoutSemicolonsInside(text: string): string {
  let depth = 0
  let out = ''
  for (const character of text.split('')) {
    if (character === '(') depth++
    else if (character === ')' && depth > 0) depth--
    out += depth > 0 && character === ';' ? ' ' : character
  }
  return depth === 0 ? out : text
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
  // A phrase (`from mail pickup service`) and a user (`from anna@localhost`) are no host; a remark may stand before the host.
  const isHost = items[0]?.kind === 'word' || (words.length === 1 && words[0]!.includes('.'))
  const first = isHost && isOneName(words) ? words[0] : undefined
  let greeted: string | undefined
  let found: string | undefined
  let style: 'named' | 'bracketed' | 'plain' | 'verified' | undefined
  for (const comment of comments.map(withoutInner)) {
    const helo = /(?:^|\s)(?:helo|ehlo|lhlo)(?:[= ]+(\S*)|$)/i.exec(comment)
    if (helo) greeted ??= helo[1] ?? ''
    const ident = /(?:^|\s)ident=([^\s)]{1,100})/.exec(comment)?.[1]
    if (ident) result.ident ??= ident
    if (result.ip !== undefined || helo?.index === 0) continue
    const bracketed = /^(?:(\S+)@)?(\S*?)\s*\[([^\]]+)\]/.exec(comment)
    const ip = bracketed && addressIn(bracketed[3]!)
    const plain = /^(?:(\S+)@)?\[?([\da-f.:]+)\]?$/i.exec(comment)
    if (ip) {
      result.ip = ip
      if (bracketed[1]) result.ident = bracketed[1].replace(/^IDENT:/i, '')
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
      result.helo = greeted ?? first
      return
    }
    result.ip = firstIp
    result.helo =
      greeted ?? (comments.length === 0 && /^\[.*\]$/.test(first!) && isIp(literal(first!)) ? first : undefined)
  } else if (greeted !== undefined) {
    result.helo = greeted
    result.reverseName = found ?? name
  } else if (claimed !== undefined || (style === 'plain' && isViaBeforeBy(result.raw))) {
    result.helo = claimed
    result.reverseName = name
  } else if (style === 'named') {
    result.helo = first
    if (!/^(?:unknown|unverified)$/i.test(found!)) result.reverseName = found
  } else {
    // qmail writes `name (ip)`, CommuniGate `name ([ip] verified)`, Exim `name ([ip])` where greeting and name agree.
    result.helo = first
    if (style === 'plain' && name === undefined && !firstIp) result.helo = undefined
    const agree = style === 'verified' || (style === 'bracketed' && /\(Exim /.test(result.raw))
    // Others write `name (ip)` as well, and their name is the greeting.
    const isGreeting = /^Microsoft SMTP/.test(result.with ?? '') || GREETERS.test(result.raw)
    if (agree || (style === 'plain' && name?.includes('.') && !isGreeting)) result.reverseName = name
  }
}

/** Exchange is known by its `with`; Mercury, LSMTP; PowerMTA also by what it puts behind the date. */
const GREETERS = /\((?:PowerMTA|Mercury|LSMTP)|;[^;()]{10,60}\(envelope-from [^()]{0,320}\)$/

/** `name`, `name [address]`; not `mail pickup service`, not `anna@localhost`. */
function isOneName(words: readonly string[]): boolean {
  const [first, second] = words
  return first !== undefined && (second === undefined || addressIn(second) !== undefined || words.length > 4)
}

/** The address in an address literal (RFC 5321 §4.1.3). */
const literal = (text: string): string => text.replace(/^\[(?:ipv6:)?|\]$/gi, '')

/** A comment without the comments inside it. */
function withoutInner(comment: string): string {
  let depth = 0
  let out = ''
  for (const character of comment) {
    if (character === '(') depth++
    else if (character === ')') depth = Math.max(0, depth - 1)
    else if (depth === 0) out += character
  }
  return out.trim()
}

function isViaBeforeBy(raw: string): boolean {
  return /^from \S+\([^)]*\),?(?: claiming to be \S+)? via \w+ by /i.test(raw)
}

/** Cipher and protocol outside of comments: the clause `tls` of RFC 8314 §4.3, and what some put behind `with`. */
function readTlsWords(clauses: Map<string, Item[]>, result: Received): void {
  const words = wordsOf(clauses, 'with')
  const cipher =
    wordOf(clauses, 'tls') ?? (words[1] === 'encrypted' ? words[0] : /\/TLS\/(.+)$/.exec(words[0] ?? '')?.[1])
  if (cipher !== undefined) result.tls = { cipher }
}

/** The forms in which comments tell of TLS: first the protocol, then the cipher. */
const TLS_REMARKS: readonly RegExp[] = [
  /using (\S+) with cipher ([^\s);,]+)/i,
  /version=([^\s);,]+),? cipher=([^\s);,]+)/i,
  /^()cipher=([^\s);,]+)$/i,
  /^(TLS[\w.-]*|SSL[\w.]*):([\w-]+)(?::[\w:]{1,12})?$/i,
  /(?:TLS|SSL): ([\w./-]+), ?\d+ ?bits, ?([\w-]+)/i,
  /^(TLS ?v?\d(?:\.\d)?)()$/i,
  /^()([\w-]{5,}) encrypted$/i,
  /^(?:using )?(TLS|SSL)()(?: encrypted)?$/i,
]

/** What comments anywhere in the line tell: TLS, authentication, the envelope. */
function readRemark(comment: string, result: Received): void {
  for (const pattern of TLS_REMARKS) {
    const found = pattern.exec(comment)
    if (!found) continue
    const [, protocol, cipher] = found
    result.tls = { ...result.tls, ...(protocol && { protocol }), ...(cipher && { cipher }) }
    break
  }
  if (/^authenticated|authenticated (?:sender|user|as|bits)|^AUTH: |^account \S|smtp-auth/i.test(comment)) {
    result.authenticated = true
  }
  const envelope = /envelope-(?:from|sender)\s+<?([^\s>,)]*)/i.exec(comment)
  if (envelope?.[1]) result.envelopeFrom = envelope[1]
}

/** Did an Author sign in, by the protocol? LMTPA is none of his: it is how an MDA is handed mail. */
function readSignIn(result: Received): void {
  const { with: protocol = '', via = '' } = result
  const isWeb = /^https?$/i.test(protocol) || /^https?$/i.test(via)
  // A host that hands on within its own domain (Outlook.com's do it by HTTPS) is no browser.
  if (isWeb && isWithinDomain(result)) {
    result.helo ??= result.reverseName
    result.reverseName = undefined
    return
  }
  if (isWeb) result.helo = undefined // a browser greets nobody
  if (isWeb || /^(?:u?esmtps?a|utf8smtps?a|asmtp|mapi)$/i.test(protocol)) result.authenticated = true
}

/** Who handed over says that he has a name beside the writer's, and is neither of a private network nor a customer's machine. */
function isWithinDomain({ helo, reverseName, by, ip }: Received): boolean {
  const tail = (name: string | undefined) => /[^.]+\.[^.]+$/.exec(name?.toLowerCase() ?? '')?.[0]
  const name = reverseName ?? helo
  const isMachine = ip !== undefined && (!isPrivateIp(ip) || isLoopback(ip)) && !isAccessLine(name ?? '')
  return isMachine && tail(name) !== undefined && tail(name) === tail(by)
}

const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.')

const ACCESS_LINE =
  /(?:^|[.-])(?:dyn(?:amic)?|dhcp|ppp|pppoe|dial(?:up|in)?|[ax]?dsl|cable|pool|cust(?:omer)?|client|dip|broadband|user|res|wifi|mobile)[0-9.-]|(?:\d{1,3}[.-]){3}\d{1,3}|[a-z-]\d{9,12}\./i

/** Does the host have a name that providers give to the machines of their customers: no relay stands there. */
export function isAccessLine(host: string): boolean {
  return ACCESS_LINE.test(host)
}
