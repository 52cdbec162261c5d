// The two header fields of DKIM2, Message-Instance and DKIM2-Signature (draft-ietf-dkim-dkim2-spec-06 §7, §8): read
// into what a verifier needs, strictly, with the draft's own words for what is wrong (§11.2).
// This folder follows the draft and nothing outside it knows its formats.

import { type Header, type HeaderField, rawValue } from '../../message/header.ts'
import { isMailDomain, normalDomain } from '../domain.ts'

export type HashAlgorithm = 'sha256' | 'sha512'
export type SignatureAlgorithm = 'rsa-sha256' | 'ed25519-sha256'

export interface MessageInstance {
  readonly m: number
  /** Known algorithms only; base64 as written. */
  readonly hashes: readonly { readonly algorithm: HashAlgorithm; readonly header: string; readonly body: string }[]
  /** The JSON of r=, decoded; undefined when there is none. */
  readonly recipe: string | undefined
  /** As it is signed: name in lower case, no white space, CRLF (§9.6). */
  readonly signedText: string
}

export interface SignatureSet {
  readonly selector: string
  /** Undefined: one that we do not know, passed over (§3.4). */
  readonly algorithm: SignatureAlgorithm | undefined
  readonly value: Buffer
}

export interface Dkim2Signature {
  readonly i: number
  readonly m: number
  readonly timestampS: number
  readonly domain: string
  /** Where the message went: the envelope, or the domain that signs next (§8.7). */
  readonly route:
    | { readonly reversePath: string; readonly recipients: readonly string[] }
    | { readonly nextDomain: string }
  readonly sets: readonly SignatureSet[]
  readonly flags: readonly string[]
  readonly nonce: string | undefined
  readonly signedText: string
  /** The same with empty signature values: what this signature itself covers. */
  readonly unsignedText: string
}

export interface Dkim2Fields {
  /** In order, without gaps: the first has m=1. */
  readonly instances: readonly MessageInstance[]
  /** In order, without gaps: the first has i=1. */
  readonly signatures: readonly Dkim2Signature[]
}

export type FieldsResult = Dkim2Fields | { readonly fault: string }

/** More hops than any honest message has; each costs a DNS question and a pass over the body. */
const MAX_HOPS = 30
const MAX_RECIPIENTS = 1000
const MAX_NONCE = 64
/** §8.9: one algorithm at most twice. */
const MAX_SAME_ALGORITHM = 2
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** All DKIM2 fields of a message. Both lists are empty when there are none. */
export function readFields(header: Header): FieldsResult {
  const instances = inOrder(header, 'message-instance', parseInstance, ({ m }) => m)
  if (!Array.isArray(instances)) return { fault: instances.fault }
  const signatures = inOrder(header, 'dkim2-signature', parseSignature, ({ i }) => i)
  if (!Array.isArray(signatures)) return { fault: signatures.fault }
  for (const [k, { i, m }] of signatures.entries()) {
    if (m > instances.length) return { fault: `Message-Instance m=${m} missing` }
    // A later signer saw all that an earlier one saw.
    if (m < (signatures[k - 1]?.m ?? 1)) return { fault: `DKIM2-Signature i=${i} syntax error` }
  }
  // §11.2: every instance must be signed.
  const signed = signatures.at(-1)?.m ?? 0
  if (instances.length > signed)
    return {
      fault: signed === 0 ? 'DKIM2-Signature i=1 missing' : `Message-Instance m=${instances.length} is not signed`,
    }
  return { instances, signatures }
}

/** Reads the fields of one name and puts them into the order of their numbers, which must be 1, 2, 3, … */
function inOrder<T>(
  header: Header,
  lowerName: string,
  parse: (field: string, number: string) => T | { fault: string },
  numberOf: (read: T) => number,
): T[] | { fault: string } {
  const fields = header.fields.filter((field) => field.lowerName === lowerName)
  const label = lowerName === 'message-instance' ? 'Message-Instance m=' : 'DKIM2-Signature i='
  if (fields.length > MAX_HOPS) return { fault: `${label}${fields.length} syntax error` }
  const read: T[] = []
  for (const field of fields) {
    const one = parse(compact(header, field), lowerName)
    if (typeof one === 'object' && one !== null && 'fault' in one) return { fault: String(one.fault) }
    const number = numberOf(one as T)
    if (read[number] !== undefined) return { fault: `${label}${number} syntax error` }
    read[number] = one as T
  }
  for (let number = 1; number <= fields.length; number++)
    if (read[number] === undefined) return { fault: `${label}${number} missing` }
  return read.slice(1)
}

/** The value without line ends and white space (§9.6); no tag of the draft has a meaning for them. */
function compact(header: Header, field: HeaderField): string {
  return rawValue(header, field)
    .toString('latin1')
    .replace(/[ \t\r\n]+/g, '')
}

/** Tags in any order, names in any case, each at most once. Undefined where the syntax is wrong. */
function tagsOf(text: string): Map<string, string> | undefined {
  const tags = new Map<string, string>()
  for (const part of text.split(';', 100)) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = part.slice(0, Math.max(equals, 0)).toLowerCase()
    if (!/^[a-z][a-z0-9_]*$/.test(name) || tags.has(name)) return undefined
    tags.set(name, part.slice(equals + 1))
  }
  return tags
}

function ordinal(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,3}$/.test(text) ? Number(text) : undefined
}

function parseInstance(text: string): MessageInstance | { fault: string } {
  const tags = tagsOf(text)
  const m = ordinal(tags?.get('m'))
  const wrong = (what: string) => ({ fault: `Message-Instance m=${m ?? '?'} ${what}` })
  if (!tags || m === undefined) return wrong(tags?.has('m') === false ? 'tag=m missing' : 'syntax error')
  const list = tags.get('h')
  if (list === undefined) return wrong('tag=h missing')
  const hashes: MessageInstance['hashes'][number][] = []
  const seen = new Set<string>()
  for (const set of list.split(',', 20)) {
    const [algorithm = '', header = '', body = '', ...more] = set.split(':')
    if (more.length > 0 || !algorithm || !header || !body || !BASE64.test(header) || !BASE64.test(body))
      return wrong('syntax error')
    if (seen.has(algorithm)) return wrong('has a duplicate hash algorithm')
    seen.add(algorithm)
    if (algorithm === 'sha256' || algorithm === 'sha512') hashes.push({ algorithm, header, body })
  }
  const recipe = tags.get('r')
  if (recipe !== undefined && !BASE64.test(recipe)) return wrong('syntax error')
  return {
    m,
    hashes,
    recipe: recipe === undefined ? undefined : Buffer.from(recipe, 'base64').toString('utf8'),
    signedText: `message-instance:${text}\r\n`,
  }
}

function parseSignature(text: string): Dkim2Signature | { fault: string } {
  const tags = tagsOf(text)
  const i = ordinal(tags?.get('i'))
  const wrong = (what: string) => ({ fault: `DKIM2-Signature i=${i ?? '?'} ${what}` })
  if (!tags || i === undefined) return wrong(tags?.has('i') === false ? 'tag=i missing' : 'syntax error')
  for (const name of ['m', 't', 'd', 's']) if (!tags.has(name)) return wrong(`tag=${name} missing`)
  const m = ordinal(tags.get('m'))
  const time = tags.get('t')!
  const domain = normalDomain(tags.get('d')!)
  const nonce = tags.get('n')
  if (m === undefined || !/^\d{1,15}$/.test(time) || !isMailDomain(domain)) return wrong('syntax error')
  if (nonce !== undefined && (nonce.length > MAX_NONCE || /[^!-~]/.test(nonce))) return wrong('syntax error')
  const route = routeOf(tags)
  if ('fault' in route) return wrong(route.fault)
  const sets = setsOf(tags.get('s')!)
  if ('fault' in sets) return wrong(sets.fault)
  return {
    i,
    m,
    timestampS: Number(time),
    domain,
    route,
    sets: sets.sets,
    flags: (tags.get('f') ?? '').split(',', 50).filter((flag) => flag !== ''),
    nonce,
    signedText: `dkim2-signature:${text}\r\n`,
    unsignedText: `dkim2-signature:${withoutValues(text)}\r\n`,
  }
}

/** §8: either nd=, or both mf= and rt=. */
function routeOf(tags: ReadonlyMap<string, string>): Dkim2Signature['route'] | { fault: string } {
  const [from, to, next] = [tags.get('mf'), tags.get('rt'), tags.get('nd')]
  if (next !== undefined) {
    if (from !== undefined || to !== undefined)
      return { fault: `tag=${from === undefined ? 'rt' : 'mf'} was unexpected` }
    const nextDomain = normalDomain(next)
    return isMailDomain(nextDomain) ? { nextDomain } : { fault: 'syntax error' }
  }
  if (from === undefined || to === undefined) return { fault: `tag=${from === undefined ? 'mf' : 'rt'} missing` }
  const [reversePath, ...recipients] = [from, ...to.split(',', MAX_RECIPIENTS + 1)].map(pathOf)
  if (
    reversePath === undefined ||
    recipients.length > MAX_RECIPIENTS ||
    recipients.includes(undefined) ||
    recipients.includes('')
  )
    return { fault: 'syntax error' }
  return { reversePath, recipients: recipients as string[] }
}

/** §8.5: base64 of a path with its angle brackets; without them here, its domain in lower case. */
function pathOf(base64: string): string | undefined {
  if (!BASE64.test(base64)) return undefined
  const text = Buffer.from(base64, 'base64').toString('utf8')
  return /^<[^<>\0-\x1f]*>$/.test(text) ? comparablePath(text.slice(1, -1)) : undefined
}

/** §11.4: domains are compared in lower case, local parts as they are. */
export function comparablePath(address: string): string {
  const at = address.lastIndexOf('@')
  return at < 0 ? address : `${address.slice(0, at)}@${normalDomain(address.slice(at + 1))}`
}

function setsOf(list: string): { sets: SignatureSet[] } | { fault: string } {
  const sets: SignatureSet[] = []
  for (const text of list.split(',', 20)) {
    const [selector = '', name = '', value = '', ...more] = text.split(':')
    if (more.length > 0 || !/^[\w.-]{1,253}$/.test(selector) || name === '' || value === '' || !BASE64.test(value))
      return { fault: 'syntax error' }
    if (sets.some((set) => set.selector === selector.toLowerCase())) return { fault: 'has a duplicate selector' }
    const algorithm = name === 'rsa-sha256' || name === 'ed25519-sha256' ? name : undefined
    if (algorithm && sets.filter((set) => set.algorithm === algorithm).length >= MAX_SAME_ALGORITHM)
      return { fault: 'has more selectors than allowed' }
    sets.push({ selector: selector.toLowerCase(), algorithm, value: Buffer.from(value, 'base64') })
  }
  return { sets }
}

/** §9.6: `s=sel:alg:value,…` becomes `s=sel:alg:,…`. */
function withoutValues(text: string): string {
  return text
    .split(';')
    .map((part) =>
      /^s=/i.test(part)
        ? part
            .split(',')
            .map((set) => set.slice(0, set.lastIndexOf(':') + 1))
            .join(',')
        : part,
    )
    .join(';')
}
