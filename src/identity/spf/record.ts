// An SPF record: its text read into directives and modifiers (RFC 7208 §4.5, §4.6, §5, §6, §12). An error anywhere is
// an error of the whole record, found before anything is evaluated (§4.6).

import { parseIpv4, parseIpv6 } from '../../message/ip.ts'
import type { IpBytes } from '../ip.ts'
import { readOnce } from '../texts.ts'
import { type MacroPart, parseDomainSpec, parseMacroString } from './macro.ts'

export type Qualifier = '+' | '-' | '~' | '?'
type MechanismName = 'all' | 'include' | 'a' | 'mx' | 'ptr' | 'ip4' | 'ip6' | 'exists'

export interface Directive {
  qualifier: Qualifier
  name: MechanismName
  /** As written, for the steps. */
  text: string
  /** The domain-spec; undefined means the current domain (or that the mechanism takes none). */
  domain: MacroPart[] | undefined
  /** ip4 and ip6 only. */
  network: IpBytes | undefined
  prefix4: number
  prefix6: number
}

export interface SpfRecord {
  directives: Directive[]
  redirect: MacroPart[] | undefined
  exp: MacroPart[] | undefined
}

/** §4.5: is this TXT string a version 1 record? */
export function isSpfRecord(text: string): boolean {
  return /^v=spf1(?: |$)/i.test(text)
}

const MECHANISM = /^([-+?~]?)([a-z][a-z0-9]*)(?=[:/]|$)(.*)$/i
const MODIFIER = /^([a-z][a-z0-9_.-]*)=(.*)$/i
const DUAL_CIDR = /^(.*?)(?:\/(0|[1-9]\d?))?(?:\/\/(0|[1-9]\d{0,2}))?$/
const MECHANISM_NAMES = new Set<string>(['all', 'include', 'a', 'mx', 'ptr', 'ip4', 'ip6', 'exists'])

/** Reads a record for which isSpfRecord holds. @returns the record, or what is wrong with it, quoting the term */
export const parseSpfRecord = readOnce(parse, { mostTexts: 12_288, longest: 512 })

function parse(text: string): SpfRecord | { error: string } {
  // §3.1 and §12: the record is US-ASCII; terms are separated by spaces and nothing else.
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) return { error: 'a character that is not printable ASCII' }
  }
  const record: SpfRecord = { directives: [], redirect: undefined, exp: undefined }
  for (const term of text.slice(6).split(' ')) {
    if (term === '') continue
    const modifier = MODIFIER.exec(term)
    const fault = modifier ? addModifier(record, modifier[1]!.toLowerCase(), modifier[2]!) : addDirective(record, term)
    if (fault) return { error: `${fault}: ${term}` }
  }
  return record
}

function addModifier(record: SpfRecord, name: string, value: string): string | undefined {
  if (name !== 'redirect' && name !== 'exp') {
    // §6: unknown modifiers are ignored, but their syntax counts: a macro-string of any letters, those of explanations too.
    return parseMacroString(value, true) ? undefined : 'modifier with a syntax error'
  }
  if (record[name]) return `${name} appears twice` // §6
  record[name] = parseDomainSpec(value)
  return record[name] ? undefined : `${name} without a valid domain`
}

function addDirective(record: SpfRecord, term: string): string | undefined {
  const match = MECHANISM.exec(term)
  const name = match?.[2]?.toLowerCase()
  if (!match || !MECHANISM_NAMES.has(name!)) return 'unknown mechanism'
  const directive: Directive = {
    qualifier: (match[1] || '+') as Qualifier,
    name: name as MechanismName,
    text: term,
    domain: undefined,
    network: undefined,
    prefix4: 32,
    prefix6: 128,
  }
  record.directives.push(directive)
  return ARGUMENT_READERS[directive.name](directive, match[3]!)
}

type ArgumentReader = (directive: Directive, argument: string) => string | undefined

const ARGUMENT_READERS: Record<MechanismName, ArgumentReader> = {
  all: (_, argument) => (argument === '' ? undefined : 'all takes no argument'),
  include: readDomain,
  exists: readDomain,
  ptr: (directive, argument) => (argument === '' ? undefined : readDomain(directive, argument)),
  a: readDomainAndPrefixes,
  mx: readDomainAndPrefixes,
  ip4: (directive, argument) => readNetwork(directive, argument, parseIpv4, 32),
  ip6: (directive, argument) => readNetwork(directive, argument, parseIpv6, 128),
}

function readDomain(directive: Directive, argument: string): string | undefined {
  if (!argument.startsWith(':')) return 'a domain is missing'
  directive.domain = parseDomainSpec(argument.slice(1))
  return directive.domain ? undefined : 'not a valid domain'
}

function readDomainAndPrefixes(directive: Directive, argument: string): string | undefined {
  const match = DUAL_CIDR.exec(argument)!
  directive.prefix4 = match[2] === undefined ? 32 : Number(match[2])
  directive.prefix6 = match[3] === undefined ? 128 : Number(match[3])
  if (directive.prefix4 > 32 || directive.prefix6 > 128) return 'prefix too long'
  return match[1] === '' ? undefined : readDomain(directive, match[1]!)
}

function readNetwork(
  directive: Directive,
  argument: string,
  parse: (text: string) => IpBytes | undefined,
  bits: number,
): string | undefined {
  const match = /^:([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(argument)
  directive.network = match ? parse(match[1]!) : undefined
  if (!directive.network) return 'not a valid network'
  const prefix = match?.[2] === undefined ? bits : Number(match[2])
  directive.prefix4 = directive.prefix6 = prefix
  return prefix > bits ? 'prefix too long' : undefined
}
