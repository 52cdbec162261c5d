// SPF: may this address send mail for that domain? (RFC 7208, all of it: check_host(), its limits, explanations.)
// Records and macros are read in record.ts and macro.ts; this room asks DNS and decides. Expected outcomes are results;
// every check is bounded: 10 terms that ask DNS, 10 names per mx or ptr, 2 void lookups (§4.6.4).

import type { Dns, DnsAnswer } from '../../world/dns.ts'
import type { Clock } from '../../world/world.ts'
import { isAskable, isWithin, normalDomain } from '../domain.ts'
import { type IpBytes, parseIp, reverseName, samePrefix } from '../ip.ts'
import { type Step, step } from '../steps.ts'
import { expandMacros, type MacroContext, type MacroPart, parseMacroString } from './macro.ts'
import { type Directive, isSpfRecord, parseSpfRecord, type Qualifier, type SpfRecord } from './record.ts'

/** RFC 7208 §2.6. */
type SpfOutcome = 'pass' | 'fail' | 'softfail' | 'neutral' | 'none' | 'temperror' | 'permerror'

export interface SpfResult {
  readonly result: SpfOutcome
  /** The domain whose policy was asked. */
  readonly domain: string
  /** Which identity was checked. */
  readonly identity: 'mailfrom' | 'helo'
  /** The term that matched, as written, or the reason of an error. */
  readonly mechanism?: string
  /** What the domain itself says about a fail (§6.2). Text of a stranger: show it as such. */
  readonly explanation?: string
  /** It passed by a term that lets nearly everybody pass: `+all`, `ip4:0.0.0.0/1`. A pass by the RFC, and no proof. */
  readonly letsEverybody?: boolean
  readonly steps: readonly Step[]
}

/** Does it prove the domain: a pass, and not one that (nearly) every address would have had. */
export function provesDomain({ result, letsEverybody }: Pick<SpfResult, 'result' | 'letsEverybody'>): boolean {
  return result === 'pass' && letsEverybody !== true
}

export interface SpfQuestion {
  /** The client's address. */
  readonly ip: string
  /** The client's name in HELO or EHLO. */
  readonly helo: string
  /** MAIL FROM without brackets; empty for the null reverse-path, which makes HELO the identity (§2.4). */
  readonly sender: string
  /** The domain to check when it is not the sender's. */
  readonly domain?: string
  /** Our own name, for the `r` macro. */
  readonly receiver?: string
}

/** Networks of this size or larger are not one sender's: 16 million addresses of IPv4, and more than any provider of IPv6. */
const EVERYBODY_IPV4 = 8
const EVERYBODY_IPV6 = 16

const MAX_TERMS = 10
const MAX_NAMES = 10
const MAX_VOID = 2

const OUTCOMES: Record<Qualifier, SpfOutcome> = { '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' }

/** Ends an evaluation early: DNS gave no answer, or the record cannot be followed. Never leaves this file. */
class Stop extends Error {
  readonly result: 'temperror' | 'permerror'
  constructor(result: 'temperror' | 'permerror', reason: string) {
    super(reason)
    this.result = result
  }
}

interface Check {
  readonly dns: Dns
  readonly ip: IpBytes
  readonly sender: string
  readonly helo: string
  readonly receiver: string
  readonly timeS: number
  readonly steps: Step[]
  terms: number
  voids: number
  /** What matched last, on the way in: a term that lets everybody pass. */
  letsEverybody: boolean
  /** Asked once, however often `ptr` and `p` are used. */
  names: Promise<string[]> | undefined
}

/** check_host() (RFC 7208 §4). Never rejects. */
export async function checkHost(question: SpfQuestion, dns: Dns, clock: Clock): Promise<SpfResult> {
  const steps: Step[] = []
  const identity = question.sender === '' ? 'helo' : 'mailfrom'
  const helo = normalDomain(question.helo)
  const at = question.sender.lastIndexOf('@')
  const senderDomain = identity === 'helo' ? helo : normalDomain(question.sender.slice(at + 1))
  // §4.3: without a local part, "postmaster" stands in for it.
  const localPart = at > 0 && identity === 'mailfrom' ? question.sender.slice(0, at) : 'postmaster'
  const domain = question.domain === undefined ? senderDomain : normalDomain(question.domain)
  const ip = parseIp(question.ip)
  if (!ip) {
    steps.push(step('no client address', question.ip))
    return { result: 'none', domain, identity, steps }
  }
  const check: Check = {
    dns,
    ip,
    sender: `${localPart}@${senderDomain}`,
    helo: question.helo,
    receiver: question.receiver ?? 'unknown',
    timeS: Math.floor(clock.now() / 1000),
    steps,
    terms: 0,
    voids: 0,
    letsEverybody: false,
    names: undefined,
  }
  const verdict = await evaluateDomain(check, domain, true)
  const letsEverybody = verdict.result === 'pass' && check.letsEverybody
  if (letsEverybody) steps.push(step('proves nothing', `${verdict.mechanism} lets nearly every address pass`))
  return { ...verdict, domain, identity, steps, ...(letsEverybody ? { letsEverybody } : {}) }
}

interface Verdict {
  result: SpfOutcome
  mechanism?: string
  explanation?: string
}

/** One level of check_host(). `explain` is false below an include, whose exp= does not count (§6.2). */
async function evaluateDomain(check: Check, domain: string, explain: boolean): Promise<Verdict> {
  try {
    const record = await findRecord(check, domain)
    return record ? await evaluateRecord(check, domain, record, explain) : { result: 'none' }
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    check.steps.push(step(error.result, error.message))
    return { result: error.result, mechanism: error.message }
  }
}

async function findRecord(check: Check, domain: string): Promise<SpfRecord | undefined> {
  if (!isAskable(domain) || !domain.includes('.') || domain.startsWith('[')) {
    check.steps.push(step('not a fully qualified domain name', domain)) // §4.3
    return undefined
  }
  const answer = await check.dns.resolve(domain, 'TXT')
  if (answer.status === 'no-answer') throw new Stop('temperror', `TXT ${domain}: ${answer.reason}`) // §4.4
  const records = answer.status === 'records' ? answer.records.filter(isSpfRecord) : []
  if (records.length === 0) {
    check.steps.push(step('no SPF record', domain))
    return undefined
  }
  if (records.length > 1) throw new Stop('permerror', `${records.length} SPF records at ${domain}`) // §4.5
  check.steps.push(step('SPF record', `${domain}: ${records[0]}`))
  const record = parseSpfRecord(records[0]!)
  if ('error' in record) throw new Stop('permerror', record.error)
  return record
}

async function evaluateRecord(check: Check, domain: string, record: SpfRecord, explain: boolean): Promise<Verdict> {
  for (const directive of record.directives) {
    if (!(await matches(check, domain, directive))) continue
    // An include is as wide as what matched within it.
    if (directive.name !== 'include') check.letsEverybody = isForEverybody(check.ip, directive)
    const result = OUTCOMES[directive.qualifier]
    check.steps.push(step('matched', `${directive.text} at ${domain}: ${result}`))
    const explanation =
      result === 'fail' && explain && record.exp ? await explanationOf(check, domain, record.exp) : undefined
    return { result, mechanism: directive.text, explanation }
  }
  if (!record.redirect) {
    check.steps.push(step('nothing matched', domain))
    return { result: 'neutral' } // §4.7
  }
  countTerm(check)
  const target = await targetName(check, domain, record.redirect)
  check.steps.push(step('redirect', target))
  const verdict = await evaluateDomain(check, target, explain)
  // §6.1: a redirect to a domain without a record is an error of this one.
  return verdict.result === 'none' ? { result: 'permerror', mechanism: `redirect=${target}` } : verdict
}

/** §4.6.4: the eleventh term that asks DNS ends the check. */
function countTerm(check: Check): void {
  if (++check.terms > MAX_TERMS) throw new Stop('permerror', `more than ${MAX_TERMS} terms that ask DNS`)
}

function countVoid(check: Check): void {
  if (++check.voids > MAX_VOID) throw new Stop('permerror', `more than ${MAX_VOID} lookups without an answer`)
}

/** The name a domain-spec stands for now: over 253 characters, labels are cut from the left (§7.3). */
async function targetName(check: Check, domain: string, spec: readonly MacroPart[] | undefined): Promise<string> {
  if (!spec) return domain
  let name = normalDomain(await expandMacros(spec, contextOf(check, domain)))
  while (name.length > 253) {
    const dot = name.indexOf('.')
    if (dot < 0) return ''
    name = name.slice(dot + 1)
  }
  return name
}

function contextOf(check: Check, domain: string): MacroContext {
  return {
    sender: check.sender,
    domain,
    ip: check.ip,
    helo: check.helo,
    receiver: check.receiver,
    timeS: check.timeS,
    validatedName: async () => {
      const names = await validatedNames(check)
      // §7.3: the domain itself, else a name below it, else any.
      return (
        names.find((name) => name === domain) ?? names.find((name) => isWithin(name, domain)) ?? names[0] ?? 'unknown'
      )
    },
  }
}

async function matches(check: Check, domain: string, directive: Directive): Promise<boolean> {
  const { name } = directive
  if (name === 'all') return true
  if (name === 'ip4' || name === 'ip6') return samePrefix(check.ip, directive.network!, directive.prefix4)
  countTerm(check)
  const target = await targetName(check, domain, directive.domain)
  if (name === 'include') return includes(check, target)
  if (!isAskable(target)) {
    // §4.8: an expanded name that DNS cannot hold matches nothing.
    check.steps.push(step('name cannot exist', `${directive.text}: ${target}`))
    return false
  }
  if (name === 'ptr') {
    const names = await validatedNames(check)
    return names.some((validated) => isWithin(validated, target)) // §5.5
  }
  if (name === 'exists') {
    // §5.7: always an A lookup, whatever the client's family.
    return recordsOf(check, await check.dns.resolve(target, 'A'), target).length > 0
  }
  if (name === 'a') return addressMatches(check, target, directive, true)
  const exchanges = recordsOf(check, await check.dns.resolve(target, 'MX'), target)
  if (exchanges.length > MAX_NAMES) throw new Stop('permerror', `more than ${MAX_NAMES} MX names at ${target}`) // §4.6.4
  for (const { exchange } of exchanges) {
    if (exchange !== '' && (await addressMatches(check, exchange, directive, false))) return true
  }
  return false
}

function isForEverybody(ip: IpBytes, { name, prefix4, prefix6 }: Directive): boolean {
  if (name === 'all') return true
  return ip.length === 4 ? prefix4 <= EVERYBODY_IPV4 : prefix6 <= EVERYBODY_IPV6
}

/** Records of an answer; none is a void lookup, no answer ends the check (§5). */
function recordsOf<T>(check: Check, answer: DnsAnswer<T>, name: string, countsAsVoid = true): readonly T[] {
  if (answer.status === 'no-answer') throw new Stop('temperror', `${name}: ${answer.reason}`)
  if (answer.status === 'records') return answer.records
  if (countsAsVoid) countVoid(check)
  return []
}

async function addressMatches(check: Check, name: string, directive: Directive, isTerm: boolean): Promise<boolean> {
  if (!isAskable(name)) return false
  const answer = await check.dns.resolve(name, check.ip.length === 4 ? 'A' : 'AAAA')
  const prefix = check.ip.length === 4 ? directive.prefix4 : directive.prefix6
  return recordsOf(check, answer, name, isTerm).some((address) => {
    const bytes = parseIp(address)
    return bytes !== undefined && samePrefix(check.ip, bytes, prefix)
  })
}

/** §5.2: only a pass of the included policy matches; its errors are ours. */
async function includes(check: Check, target: string): Promise<boolean> {
  check.steps.push(step('include', target))
  const { result, mechanism } = await evaluateDomain(check, target, false)
  if (result === 'none') throw new Stop('permerror', `include:${target} has no SPF record`)
  if (result === 'temperror' || result === 'permerror') throw new Stop(result, mechanism ?? `include:${target}`)
  return result === 'pass'
}

/** §5.5: names of the client that lead back to its address, at most ten; errors only make a name not count. */
function validatedNames(check: Check): Promise<string[]> {
  check.names ??= askValidatedNames(check)
  return check.names
}

async function askValidatedNames(check: Check): Promise<string[]> {
  const answer = await check.dns.resolve(reverseName(check.ip), 'PTR')
  if (answer.status !== 'records') return []
  const names: string[] = []
  for (const pointer of answer.records.slice(0, MAX_NAMES)) {
    const name = normalDomain(pointer)
    if (!isAskable(name)) continue
    const addresses = await check.dns.resolve(name, check.ip.length === 4 ? 'A' : 'AAAA')
    if (addresses.status !== 'records') continue
    const confirmed = addresses.records.some((address) => {
      const bytes = parseIp(address)
      return bytes !== undefined && samePrefix(check.ip, bytes, bytes.length * 8)
    })
    if (confirmed) names.push(name)
  }
  return names
}

/** §6.2: one TXT record, US-ASCII, macros expanded; anything wrong means no explanation. */
async function explanationOf(check: Check, domain: string, exp: readonly MacroPart[]): Promise<string | undefined> {
  const name = await targetName(check, domain, exp)
  if (!isAskable(name)) return undefined
  const answer = await check.dns.resolve(name, 'TXT')
  if (answer.status !== 'records' || answer.records.length !== 1) return undefined
  const parts = parseMacroString(answer.records[0]!, true)
  return (parts && (await expandMacros(parts, contextOf(check, domain)))) || undefined
}
