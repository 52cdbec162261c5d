// Authentication-Results: what we found, said in the words of RFC 8601 for the Recipient's programs and for the next
// seal; and the fields in our own name that strangers put there, which must go (RFC 8601 §5).

import {
  type AuthenticationMethod,
  authenticationResultsValue,
  buildAuthenticationResults,
  parseAuthenticationResults,
} from '../message/authentication-results.ts'
import { bytesToText, fieldsNamed, type Header, type HeaderField, rawValue } from '../message/header.ts'
import type { DkimResult } from './dkim/verify.ts'
import type { Dkim2Result } from './dkim2/verify.ts'
import { normalDomain } from './domain.ts'
import type { Identity } from './identity.ts'

/** The field, folded, with its line end. */
export function authenticationResults(identity: Identity, authservId: string): Buffer {
  return Buffer.from(buildAuthenticationResults({ authservId, methods: methodsOf(identity) }))
}

/** The value on one line, authserv-id first, as ARC-Authentication-Results carries it (RFC 8617 §4.1.1). */
export function resultsValue(identity: Identity, authservId: string): string {
  return authenticationResultsValue({ authservId, methods: methodsOf(identity) })
}

const MAX_VALUE = 320

function properties(...pairs: [name: string, value: string][]): { name: string; value: string }[] {
  return pairs.filter(([, value]) => value !== '').map(([name, value]) => ({ name, value: value.slice(0, MAX_VALUE) }))
}

function methodsOf(identity: Identity): AuthenticationMethod[] {
  const { spf, dkim, dkim2, dmarc, arc, iprev } = identity
  const hop = arc.result === 'pass' ? arc.hops.at(-1) : undefined
  const sender: [string, string] =
    spf.identity === 'helo' ? ['smtp.helo', identity.helo] : ['smtp.mailfrom', identity.reversePath]
  return [
    { method: 'spf', result: spf.result, properties: properties(sender) },
    ...(dkim.length > 0 ? dkim.map(dkimMethod) : [{ method: 'dkim', result: 'none', properties: [] }]),
    ...(dkim2 === undefined ? [] : [dkim2Method(dkim2)]),
    {
      method: 'dmarc',
      result: dmarc.result,
      comment: dmarc.record && `p=${dmarc.policy}`,
      properties: properties(['header.from', dmarc.domain]),
    },
    {
      method: 'arc',
      result: arc.result,
      comment: hop && `i=${hop.instance}`,
      properties: properties(['header.d', hop?.domain ?? '']),
    },
    { method: 'iprev', result: iprev.result, properties: properties(['policy.iprev', identity.ip]) },
  ]
}

function dkimMethod(signature: DkimResult): AuthenticationMethod {
  return {
    method: 'dkim',
    result: signature.result,
    comment: signature.reason,
    properties: properties(
      ['header.d', signature.domain],
      ['header.i', signature.identity],
      ['header.s', signature.selector],
      ['header.a', signature.algorithm],
      ['header.b', signature.signaturePrefix],
    ),
  }
}

/** The Originator and, as the draft numbers them, how many had the message in hands. */
function dkim2Method({ result, reason, hops }: Dkim2Result): AuthenticationMethod {
  const [originator] = hops
  return {
    method: 'dkim2',
    result,
    comment: reason ?? (hops.length > 0 ? `i=${hops.length}` : undefined),
    properties: properties(['header.d', originator?.domain ?? '']),
  }
}

/** Authentication-Results fields that name our authserv-id and that we did not write: all that stand in what arrives. */
export function stripForgedResults(header: Header, authservId: string): HeaderField[] {
  const own = normalDomain(authservId)
  return fieldsNamed(header, 'authentication-results').filter((field) => {
    const results = parseAuthenticationResults(bytesToText(rawValue(header, field)))
    return results !== undefined && normalDomain(results.authservId) === own
  })
}
