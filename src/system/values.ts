// How the values of a description's attributes are read: each reader gives the value, or says in words what it expected.

import { type DnsList, KNOWN_LISTS } from '../filter/dnsbl.ts'
import { type ListEntry, parseListEntry, parseNetwork } from '../filter/lists.ts'
import { parseDomain, parseSmtpPath } from '../message/address.ts'
import { isIp } from '../message/ip.ts'
import type { ClientTls } from '../protocols/smtp/client.ts'
import type { KnownRecipients, RetentionRule, SendAs, TlsRule } from '../roles/agent.ts'
import { isRedirectUri } from '../roles/oauth/clients.ts'
import type { HttpProgram } from '../roles/transmitter/http-program.ts'
import { dayOf, type WarmUp } from '../roles/transmitter/pools.ts'
import type { RouteRule } from '../roles/transmitter/smart-host.ts'
import type { KeyPlace } from '../store/encryption.ts'
import type { Endpoint, LocalSocket } from '../world/network.ts'

export type ReadResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string }
export type Reader<T> = (text: string) => ReadResult<T>

const ok = <T>(value: T): ReadResult<T> => ({ ok: true, value })
const expected = (what: string): ReadResult<never> => ({ ok: false, expected: what })
const orExpected = <T>(value: T | undefined, what: string): ReadResult<T> =>
  value === undefined ? expected(what) : ok(value)

export const text: Reader<string> = (word) => ok(word)

export const yesNo: Reader<boolean> = (word) =>
  word === 'yes' ? ok(true) : word === 'no' ? ok(false) : expected('yes or no')

export const domain: Reader<string> = (word) => orExpected<string>(parseDomain(word), 'a domain, such as example.org')

export const ip: Reader<string> = (word) => (isIp(word) ? ok(word) : expected('an IP address, such as 192.0.2.1'))

/** One address, as the network that holds nothing else: so that every way to write it is the same. */
export const station: Reader<Extract<ListEntry, { kind: 'network' }>> = (word) =>
  isIp(word) ? network(word) : expected('an IP address, such as 192.0.2.1')

export const network: Reader<Extract<ListEntry, { kind: 'network' }>> = (word) =>
  orExpected(parseNetwork(word), 'a network, such as 192.0.2.0/24')

export const keyFingerprint: Reader<string> = (word) => {
  const plain = word.replaceAll(':', '').toLowerCase()
  return /^[0-9a-f]{64}$/.test(plain) ? ok(plain) : expected('the SHA-256 of a key, as 64 hexadecimal digits')
}

export const sendAs: Reader<SendAs> = (word) => {
  const named = word.includes('@') ? address(word) : domain(word)
  if (!named.ok) return expected('an address, or a domain such as example.org')
  return ok(word.includes('@') ? { kind: 'address', address: named.value } : { kind: 'domain', domain: named.value })
}

export const listEntry: Reader<ListEntry> = (word) =>
  orExpected(parseListEntry(word), 'an address, a domain, a network, or dkim: and a domain')

export const address: Reader<string> = (word) => {
  const parsed = parseSmtpPath(`<${word}>`, 'forward', { utf8: true })
  return parsed.ok && parsed.path.type === 'mailbox' ? ok(word) : expected('an address, such as anna@example.org')
}

/** Whom a backup MX takes mail for. */
export const recipients: Reader<KnownRecipients> = (word) => {
  if (!word.includes('@')) {
    const file = fileName(word)
    return file.ok ? ok({ kind: 'file', name: file.value }) : expected("an address, or a file in the agent's folder")
  }
  const isAny = word.startsWith('@') && domain(word.slice(1)).ok
  if (!isAny && !address(word).ok) return expected('bob@example.org, or @example.org for anybody there')
  return ok({ kind: 'address', address: word.toLowerCase() })
}

/** Where mail for an address goes on to. */
export const forward: Reader<{ from: string; to: string }> = (words) => {
  const [from, to, ...rest] = words.split(/\s*->\s*/)
  if (from === undefined || to === undefined || rest.length > 0 || !address(from).ok || !address(to).ok)
    return expected('"old@here.example -> new@there.example"')
  return ok({ from: from.toLowerCase(), to })
}

/** An address that stands for several. */
export const group: Reader<{ address: string; members: string[] }> = (words) => {
  const [name, list, ...rest] = words.split(/\s*:\s*/)
  const members = (list ?? '')
    .toLowerCase()
    .split(/[\s,;]+/)
    .filter((word) => word !== '')
  if (
    name === undefined ||
    rest.length > 0 ||
    members.length === 0 ||
    ![name, ...members].every((one) => address(one).ok)
  )
    return expected('"all@here.example: anna@here.example bob@here.example"')
  return ok({ address: name.toLowerCase(), members })
}

const UNIT_BYTES: Record<string, number> = { K: 1024, M: 1024 * 1024, G: 1024 * 1024 * 1024 }

/** Bytes. */
export const size: Reader<number> = (word) => {
  const match = /^(\d{1,9})([KMG])?$/i.exec(word)
  return match === null
    ? expected('a size, such as 50M')
    : ok(Number(match[1]) * (UNIT_BYTES[match[2]?.toUpperCase() ?? ''] ?? 1))
}

export const count: Reader<number> = (word) =>
  /^[1-9]\d{0,8}$/.test(word) ? ok(Number(word)) : expected('a number above 0')

const UNIT_S: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** A key retires for a week, and the next one must have been seen meanwhile. */
const LEAST_ROTATION_S = 14 * 86_400

/** Seconds. */
export const duration: Reader<number> = (word) => {
  const match = /^(\d{1,6})([smhd])$/.exec(word)
  return match === null ? expected('a time, such as 30s, 5m, 2h or 5d') : ok(Number(match[1]) * UNIT_S[match[2]!]!)
}

/** Milliseconds; null: never by itself. */
export const rotation: Reader<number | null> = (word) => {
  if (word === 'no') return ok(null)
  const time = duration(word)
  return time.ok && time.value >= LEAST_ROTATION_S ? ok(time.value * 1000) : expected('30d, 90d, … or no')
}

/** What stays for how long; 'keep': everything, for ever. */
export const retention: Reader<RetentionRule | 'keep'> = (words) => {
  if (words === 'keep') return ok('keep')
  const [, mailbox, after] = /^(\S.*?)\s+(\S+)$/.exec(words.trim()) ?? []
  const time = after === undefined || after === 'never' ? undefined : duration(after)
  if (mailbox === undefined || time?.ok === false)
    return expected('a mailbox and a time, such as "Junk 30d" or "Trash never", or keep')
  return ok({ mailbox: mailbox.toLowerCase(), afterS: time?.ok ? time.value : null })
}

/** Recipients elsewhere, an hour and a day. */
export const outgoing: Reader<{ readonly perHour: number; readonly perDay: number }> = (words) => {
  const [, perHour, perDay] = /^(\d{1,9})\/(\d{1,9})$/.exec(words.trim()) ?? []
  if (perHour === undefined || perDay === undefined || Number(perHour) === 0 || Number(perDay) === 0)
    return expected('recipients an hour and a day, such as "500/2000"')
  return ok({ perHour: Number(perHour), perDay: Number(perDay) })
}

/** A list of seconds. */
export const durations: Reader<number[]> = (words) => {
  const list = words
    .trim()
    .split(/[\s;]+/)
    .map(duration)
  return list.every((one) => one.ok) ? ok(list.map((one) => one.value)) : expected('times, such as "1m 5m 30m 2h"')
}

export const forwardMode: Reader<'true' | 'queue'> = (word) =>
  word === 'true' || word === 'queue' ? ok(word) : expected('true (ask the target at the Border) or queue')

/** What a Forwarder or a list changes of the message. */
export const changedParts: Reader<readonly ('subject' | 'footer')[]> = (words) => {
  const parts = words.split(/[\s,;]+/).filter((word) => word !== '')
  if (parts.length === 1 && parts[0] === 'no') return ok([])
  const known = parts.filter((word) => word === 'subject' || word === 'footer')
  return known.length === parts.length && parts.length > 0 ? ok(known) : expected('subject, footer, both, or no')
}

export const stsMode: Reader<'enforce' | 'testing' | 'none'> = (word) =>
  word === 'enforce' || word === 'testing' || word === 'none'
    ? ok(word)
    : expected('enforce, testing, or none (a policy that takes an earlier one back)')

export const dmarcPolicy: Reader<string> = (word) =>
  ['none', 'quarantine', 'reject'].includes(word) ? ok(word) : expected('none, quarantine or reject')

/** 'address:port', or the path of a socket file. */
export const socket: Reader<Endpoint | LocalSocket> = (word) => {
  if (word.startsWith('/')) return ok({ path: word })
  const [, address, port] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(word) ?? []
  return address !== undefined && isIp(address) && Number(port) > 0 && Number(port) < 65_536
    ? ok({ address, port: Number(port) })
    : expected('an address with a port, such as 127.0.0.1:3310, or the path of a socket')
}

/** Which domain's mail is handed over by LMTP, and where. */
export const lmtpTarget: Reader<{ domain: string; at: Endpoint }> = (words) => {
  const [from, to, ...rest] = words.split(/\s*->\s*/)
  const name = domain(from ?? '')
  const at = socket(to ?? '')
  if (rest.length > 0 || !name.ok || !at.ok || 'path' in at.value) return expected('"lists.example -> 127.0.0.1:24"')
  return ok({ domain: name.value, at: at.value })
}

const TLS_LEVELS: ReadonlySet<string> = new Set(['none', 'required', 'verified', 'dane'])

/** What is asked of the hosts of a domain ('*': of everybody's), and which they are. */
export const tlsRule: Reader<TlsRule> = (words) => {
  const [, who = '', level = '', names = ''] = /^(\*|[^\s:*]+):\s+([a-z]+)(?:\s+(.+))?$/.exec(words.trim()) ?? []
  const name = who === '*' ? who : parseDomain(who)?.toString()
  const hosts = names.split(/\s+/).filter((host) => host !== '')
  const areHosts = hosts.every((host) => parseDomain(host.replace(/^\*\./, '')) !== undefined)
  return name !== undefined && TLS_LEVELS.has(level) && areHosts && (hosts.length === 0 || level === 'verified')
    ? ok({ domain: name, level: level as TlsRule['level'], hosts: hosts.map((host) => host.toLowerCase()) })
    : expected('"example.org: required", verified (with the names of its hosts, if you know them), dane or none')
}

/** Which domain's mail a program takes by HTTP, and where: https, a port of this machine, or a socket file and a path. */
export const httpProgram: Reader<HttpProgram> = (words) => {
  const meant = '"app.example -> https://app.example/mail", http://127.0.0.1:8080/mail, or /run/app.sock:/mail'
  const [from, to = '', ...rest] = words.split(/\s*->\s*/)
  const name = domain(from ?? '')
  if (rest.length > 0 || !name.ok) return expected(meant)
  const about = { domain: name.value.toLowerCase(), host: 'localhost', port: 80, isPlain: true }
  const [, socketPath, path] = /^(\/[^\s:]+):(\/[\x21-\x7e]*)$/.exec(to) ?? []
  if (socketPath !== undefined && path !== undefined) return ok({ ...about, path, socket: socketPath })
  const url = URL.canParse(to) ? new URL(to) : undefined
  if (url === undefined || url.username !== '' || url.password !== '' || url.hash !== '') return expected(meant)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const isPlain = url.protocol === 'http:' && (host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host))
  if (url.protocol !== 'https:' && !isPlain) return expected(meant)
  const port = Number(url.port || (isPlain ? 80 : 443))
  return ok({ ...about, host, port, path: `${url.pathname}${url.search}`, isPlain, socket: undefined })
}

const ROUTE =
  '"example.org -> smtp.example.net:587 tls=verified user=us secret=FILE connections=5 rate=100", or * for all'
const CLIENT_TLS: readonly string[] = ['none', 'opportunistic', 'required', 'verified'] satisfies ClientTls[]
const ROUTE_WORDS: readonly string[] = ['tls', 'user', 'secret', 'connections', 'rate', 'pool']

/** By which host mail for a domain goes, and how much of it at once. No password: a description is shown to people. */
export const route: Reader<RouteRule> = (words) => {
  const [, name = '', target, rest = ''] =
    /^([^\s=]+)(?:\s*->\s*([^\s=]+))?((?:\s+[a-z]+=\S+)*)$/.exec(words.trim()) ?? []
  const pairs = rest.split(/\s+/).filter((word) => word !== '')
  const said = new Map(pairs.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))
  const { tls, user, secret, connections, rate, pool } = Object.fromEntries(said) as Readonly<Record<string, string>>
  const to = target === undefined ? undefined : hostAndPort(target, user === undefined ? 25 : 587)
  const isFine =
    (name === '*' || domain(name).ok) &&
    (target === undefined ? said.size > 0 && tls === undefined && user === undefined : to !== undefined) &&
    [...said.keys()].every((key) => ROUTE_WORDS.includes(key)) &&
    [connections, rate].every((number) => number === undefined || count(number).ok) &&
    (tls === undefined || CLIENT_TLS.includes(tls)) &&
    (user === undefined) === (secret === undefined) &&
    (secret === undefined || fileName(secret).ok)
  if (!isFine) return expected(ROUTE)
  const login = user === undefined || secret === undefined ? undefined : { user, secretFile: secret }
  return ok({
    domain: name === '*' ? name : parseDomain(name)!.toString().toLowerCase(),
    to,
    tls: (tls as ClientTls | undefined) ?? (login === undefined ? 'opportunistic' : 'verified'),
    login,
    connections: connections === undefined ? undefined : Number(connections),
    perMinute: rate === undefined ? undefined : Number(rate),
    pool: pool?.toLowerCase(),
  })
}

export const poolName: Reader<string> = (word) =>
  /^[a-z0-9][a-z0-9-]{0,40}$/i.test(word) ? ok(word.toLowerCase()) : expected('the name of a pool')

const POOL = '"bulk: 192.0.2.10 192.0.2.11" (192.0.2.10=news.example.org where the name is not to be bulk1 and so on)'

/** Addresses that mail leaves from, each with what it is called, and its address on this machine, where that is another. */
export const pool: Reader<{
  readonly name: string
  readonly addresses: readonly { readonly ip: string; readonly host?: string; readonly local?: string }[]
}> = (words) => {
  const [, name, list = ''] = /^([a-z0-9][a-z0-9-]{0,40}):\s*(\S.*)$/i.exec(words.trim()) ?? []
  if (name === undefined) return expected(POOL)
  const addresses = list.split(/[\s;]+/).map((word) => {
    const [, address = '', host, local] = /^([^=@]+)(?:=([^=@]+))?(?:@([^=@]+))?$/.exec(word) ?? []
    const isFine = isIp(address) && (host === undefined || domain(host).ok) && (local === undefined || isIp(local))
    if (!isFine) return undefined
    return { ip: address, ...(host && { host: parseDomain(host)!.toString() }), ...(local && { local }) }
  })
  const known = addresses.filter((one) => one !== undefined)
  return known.length === addresses.length ? ok({ name: name.toLowerCase(), addresses: known }) : expected(POOL)
}

const WARM_UP = '"192.0.2.11", with from=2026-12-01, first=50, grow=1.5 or until=100000 behind it, if you like'
const WARM_UP_WORDS: readonly string[] = ['from', 'first', 'grow', 'until']

/** An address that nobody knows yet. */
export const warmUp: Reader<{ readonly ip: string; readonly warmUp: WarmUp }> = (words) => {
  const [address = '', ...pairs] = words.trim().split(/\s+/)
  const said = new Map(pairs.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))
  const {
    from,
    first = '50',
    grow = '1.5',
    until = '100000',
  } = Object.fromEntries(said) as Readonly<Record<string, string>>
  const fromMs = from === undefined ? undefined : Date.parse(`${from}T00:00:00Z`)
  const isFine =
    isIp(address) &&
    pairs.every((word) => WARM_UP_WORDS.includes(word.slice(0, Math.max(0, word.indexOf('='))))) &&
    (from === undefined || (/^\d{4}-\d\d-\d\d$/.test(from) && !Number.isNaN(fromMs))) &&
    count(first).ok &&
    count(until).ok &&
    /^\d(?:\.\d{1,3})?$/.test(grow) &&
    Number(grow) > 1
  if (!isFine) return expected(WARM_UP)
  const fromDay = fromMs === undefined ? undefined : dayOf(fromMs)
  return ok({ ip: address, warmUp: { fromDay, first: Number(first), grow: Number(grow), until: Number(until) } })
}

/** 'host', 'host:port', '192.0.2.1:25', '[2001:db8::1]:25'. */
function hostAndPort(word: string, usualPort: number): RouteRule['to'] {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(word) ?? []
  const isHost = bracketed === undefined ? plain !== undefined && (isIp(plain) || domain(plain).ok) : isIp(bracketed)
  const number = Number(port ?? usualPort)
  return isHost && number > 0 && number < 65_536
    ? { host: (bracketed ?? plain!).toLowerCase(), port: number }
    : undefined
}

/** Another issuer, and what we are called there. No secret: a description is shown to people. */
export const otherIssuer: Reader<{ issuer: string; client: string }> = (words) => {
  const [issuer = '', client, ...rest] = words.split(/\s+/)
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  const isPlain = url?.protocol === 'http:' && /^(?:localhost|127\.0\.0\.1)$/.test(url.hostname)
  const isIssuer =
    (url?.protocol === 'https:' || isPlain) && url!.search === '' && url!.hash === '' && url!.username === ''
  return isIssuer && client !== undefined && rest.length === 0
    ? ok({ issuer, client })
    : expected('"https://login.example.org client-id" (its secret, if there is one, in the file oidc-secret)')
}

/** A program that asks people for access (RFC 6749 §2), and where it may be answered. */
export const oauthClient: Reader<{ id: string; redirectUris: string[] }> = (words) => {
  const [, id, list = ''] = /^([A-Za-z0-9._-]{1,60})\s*:\s+(.+)$/.exec(words) ?? []
  const redirectUris = list.split(/\s+/)
  return id !== undefined && redirectUris.every(isRedirectUri)
    ? ok({ id, redirectUris })
    : expected('"mail-program: http://127.0.0.1/ org.example.mail:/done" (https, loopback, or a scheme with a dot)')
}

/** What a list that is not known by name says of what it lists. */
const ANY_ANSWER = [{ answer: '127.*.*.*', meaning: 'is listed' }]

const LIST_KINDS: Readonly<Record<string, Pick<DnsList, 'of' | 'says'>>> = {
  'bad-addresses': { of: 'address', says: 'bad' },
  'good-addresses': { of: 'address', says: 'good' },
  'bad-domains': { of: 'domain', says: 'bad' },
}

/** The zone of a known list, or 'bad-addresses:zone', 'good-addresses:zone', 'bad-domains:zone'. */
export const dnsList: Reader<DnsList> = (word) => {
  const known = KNOWN_LISTS.find(({ zone }) => zone === word.toLowerCase())
  if (known !== undefined) return ok(known)
  const [kind, zone, ...rest] = word.split(':')
  const what = Object.hasOwn(LIST_KINDS, kind!) ? LIST_KINDS[kind!] : undefined
  const name = parseDomain(zone ?? '')
  if (what !== undefined && name !== undefined && rest.length === 0)
    return ok({ ...what, zone: name.toString(), codes: ANY_ANSWER })
  const names = KNOWN_LISTS.map(({ zone: one }) => one).join(', ')
  return expected(`${names}, or another zone with its kind, such as bad-addresses:bl.example.org`)
}

/** Where pages are: no path, since they are at the top. */
export const webAddress: Reader<string> = (word) =>
  /^https:\/\/[^/@?#\s]+\/?$/.test(word) && URL.canParse(word)
    ? ok(new URL(word).origin)
    : expected('https://mail.example.org')

/** An LDAP server. Passwords are said to it, so both ways have TLS: from the start, or by STARTTLS. */
export const ldapServer: Reader<{ host: string; port: number; security: 'tls' | 'starttls' }> = (word) => {
  const meant = 'ldaps://ldap.example.org, or ldap://ldap.example.org (with STARTTLS)'
  const [, scheme, bracketed, name, port] =
    /^(ldaps?):\/\/(?:\[([0-9a-f:]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?\/?$/i.exec(word) ?? []
  const host = bracketed ?? name
  if (scheme === undefined || host === undefined || Number(port ?? 1) > 65_535) return expected(meant)
  const security = scheme.toLowerCase() === 'ldaps' ? 'tls' : 'starttls'
  return ok({ host: host.toLowerCase(), port: Number(port ?? (security === 'tls' ? 636 : 389)), security })
}

/** RFC 4515, with a place for who is looked for. */
export const ldapFilter: Reader<string> = (word) => {
  const depth = [...word].reduce((open, c) => (open < 0 ? open : open + (c === '(' ? 1 : c === ')' ? -1 : 0)), 0)
  return depth === 0 && /^\(.+\)$/s.test(word) && /\{(?:address|name)\}/.test(word)
    ? ok(word)
    : expected('a filter with {address} or {name} in it, such as "(uid={name})"')
}

/** Names of attributes, and not of what a password is made of. */
export const ldapAttributes: Reader<string[]> = (words) => {
  const names = words.split(/[\s;]+/).filter((word) => word !== '')
  return names.length > 0 && names.every((name) => /^[a-z][a-z0-9-]{0,60}$/i.test(name) && !/password/i.test(name))
    ? ok(names)
    : expected('names of attributes, such as "mailAlternateAddress"')
}

/** A file in the agent's own folder. */
export const fileName: Reader<string> = (word) =>
  /^[A-Za-z0-9_][A-Za-z0-9._-]{0,100}$/.test(word) ? ok(word) : expected("the name of a file in the agent's folder")

/** Where PostgreSQL is. No password: a description is shown to people. */
export const sharedStore: Reader<string> = (word) => {
  const meant = 'postgres://user@host/database (its password in PGPASSWORD or ~/.pgpass)'
  if (!/^postgres(?:ql)?:\/\//.test(word)) return expected(meant)
  return /^[a-z]+:\/\/[^@/]*:[^@/]*@/.test(word) || /[?&]password=/.test(word) ? expected(meant) : ok(word)
}

export const directory: Reader<string> = (word) =>
  /^https:\/\/[^/@?#\s]+\/[^@\s]*$/.test(word) ? ok(word) : expected('an address of the web, https://host/path')

/** A bucket of an S3 service, path style. Its keys are in the environment. */
export const bucket: Reader<string> = (word) =>
  /^https?:\/\/[^/@?#\s]+\/[^@?#\s]+$/.test(word)
    ? ok(word)
    : expected('https://host/bucket (its keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)')

/** Where the key of an encrypted store is; null: it is not encrypted. */
export const keyPlace: Reader<KeyPlace | null> = (word) => {
  if (word === 'yes') return ok('folder')
  if (word === 'no') return ok(null)
  if (/^\/[^\0]+$/.test(word) || /^env:[A-Z_][A-Z0-9_]*$/.test(word)) return ok(word)
  return expected('yes (the key is in the agent’s folder), the path of a file, env:NAME, or no')
}
