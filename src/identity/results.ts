// Authentication-Results: what we found, written for the Recipient's programs and for the next seal (RFC 8601), and the
// fields in our own name that strangers put there, which must go (RFC 8601 §5).

import { fieldsNamed, type Header, type HeaderField, rawValue } from '../message/header.ts'
import type { DkimResult } from './dkim/verify.ts'
import { normalDomain } from './domain.ts'
import type { Identity } from './identity.ts'

/** The field, folded, with its line end. */
export function authenticationResults(identity: Identity, authservId: string): Buffer {
  return Buffer.from(`Authentication-Results: ${[authservId, ...resultList(identity)].join(';\r\n ')}\r\n`)
}

/** The value on one line, authserv-id first, as ARC-Authentication-Results carries it (RFC 8617 §4.1.1). */
export function resultsValue(identity: Identity, authservId: string): string {
  return [authservId, ...resultList(identity)].join('; ')
}

function resultList(identity: Identity): string[] {
  const { spf, dkim, dmarc, arc, iprev } = identity
  const sender =
    spf.identity === 'helo' ? property('smtp.helo', identity.helo) : property('smtp.mailfrom', identity.reversePath)
  const hop = arc.hops.at(-1)
  return [
    `spf=${spf.result} ${sender}`,
    ...(dkim.length > 0 ? dkim.map(dkimResult) : ['dkim=none']),
    `dmarc=${dmarc.result}${dmarc.record ? ` (p=${dmarc.policy})` : ''}${dmarc.domain ? ` ${property('header.from', dmarc.domain)}` : ''}`,
    `arc=${arc.result}${hop && arc.result === 'pass' ? ` (i=${hop.instance})` : ''}`,
    `iprev=${iprev.result} ${property('policy.iprev', identity.ip)}`,
  ]
}

function dkimResult(signature: DkimResult): string {
  const parts = [`dkim=${signature.result}`]
  if (signature.reason) parts.push(`(${signature.reason})`)
  if (signature.domain) parts.push(property('header.d', signature.domain))
  if (signature.identity) parts.push(property('header.i', signature.identity))
  if (signature.selector) parts.push(property('header.s', signature.selector))
  if (signature.algorithm) parts.push(property('header.a', signature.algorithm))
  if (signature.signaturePrefix) parts.push(property('header.b', signature.signaturePrefix))
  return parts.join(' ')
}

const MAX_VALUE = 320
const PLAIN = /^(?:[\w.!#$%&'*+/=?^`{|}~-]*@)?[\w.-]+$/

/** `ptype.property=value` (§2.2 pvalue); what is no plain address, name or token is quoted, nothing can end the line. */
function property(name: string, value: string): string {
  const clean = value.slice(0, MAX_VALUE).replace(/[\x00-\x1f\x7f]/g, '?')
  return `${name}=${PLAIN.test(clean) ? clean : `"${clean.replace(/["\\]/g, '\\$&')}"`}`
}

/** Authentication-Results fields that name our authserv-id and that we did not write: all that stand in what arrives. */
export function stripForgedResults(header: Header, authservId: string): HeaderField[] {
  const own = normalDomain(authservId)
  return fieldsNamed(header, 'authentication-results').filter((field) => {
    const text = rawValue(header, field).toString('latin1')
    return normalDomain(authservIdOf(text)) === own
  })
}

/** The first word of the value: comments, folding and quotes taken away (§2.2 authserv-id). */
export function authservIdOf(value: string): string {
  let word = ''
  let depth = 0
  let quoted = false
  for (let i = 0; i < value.length; i++) {
    const character = value[i]!
    if (character === '\\' && (quoted || depth > 0)) {
      i++
      if (quoted) word += value[i] ?? ''
    } else if (quoted) {
      if (character === '"') quoted = false
      else word += character
    } else if (character === '(') depth++
    else if (character === ')' && depth > 0) depth--
    else if (depth > 0) continue
    else if (character === '"') quoted = true
    else if (character === ';') break
    else if (/\s/.test(character)) {
      if (word !== '') break
    } else word += character
  }
  return word
}

/** The result of each method in a value, first one first: `[['spf', 'pass'], …]`; properties and comments left out. */
export function methodResults(value: string): [method: string, result: string][] {
  const plain = withoutComments(value.replace(/"(?:[^"\\]|\\.)*"/g, '""'))
  const found: [string, string][] = []
  for (const part of plain.split(';').slice(1, 100)) {
    const match = /^\s*([a-z][a-z0-9-]*)\s*(?:\/\s*\d+\s*)?=\s*([a-z]+)/i.exec(part)
    if (match) found.push([match[1]!.toLowerCase(), match[2]!.toLowerCase()])
  }
  return found
}

function withoutComments(text: string): string {
  let plain = ''
  let depth = 0
  for (const character of text) {
    if (character === '(') depth++
    else if (character === ')' && depth > 0) depth--
    else if (depth === 0) plain += character
  }
  return plain
}
