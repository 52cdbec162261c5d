// Tokens instead of passwords, as SASL carries them: OAUTHBEARER (RFC 7628) and the older XOAUTH2 that several large
// providers speak. What a client says, and what it is told when its token is not good.

import type { TokenFault } from './accounts.ts'

export type BearerMechanism = 'OAUTHBEARER' | 'XOAUTH2'

/** `user`: whom the client wants to be; undefined: whoever the token is of. `token` is '' when the client only asks where to get one. */
export interface BearerRequest {
  readonly user: string | undefined
  readonly token: string
}

/** RFC 7628 §3.1: gs2-header, then key=value pairs, each ended by %x01, and one more %x01. */
const OAUTHBEARER = /^[ny],(?:a=([^,]*))?,\x01((?:[A-Za-z]+=[\x20-\x7e\t\r\n]*\x01)*)\x01$/
const XOAUTH2 = /^user=([^\x01]+)\x01auth=([^\x01]*)\x01\x01$/
/** RFC 6750 §2.1. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

/** undefined: not what the mechanism says. */
export function readBearer(mechanism: BearerMechanism, text: string): BearerRequest | undefined {
  const parts = (mechanism === 'OAUTHBEARER' ? OAUTHBEARER : XOAUTH2).exec(text)
  if (parts === null) return undefined
  const auth = mechanism === 'XOAUTH2' ? parts[2]! : authOf(parts[2]!)
  const user = mechanism === 'XOAUTH2' ? parts[1] : decodeName(parts[1] ?? '')
  if (auth === undefined || user === undefined) return undefined
  const token = auth === '' ? '' : BEARER.exec(auth)?.[1]
  return token === undefined ? undefined : { user: user === '' ? undefined : user, token }
}

/** The challenge that tells the client why (RFC 7628 §3.2.2); it answers, and then the exchange fails. */
export function faultText(mechanism: BearerMechanism, fault: TokenFault): string {
  return mechanism === 'OAUTHBEARER'
    ? JSON.stringify({ status: fault.status, scope: fault.scope, 'openid-configuration': fault.configuration })
    : JSON.stringify({ status: '401', schemes: 'bearer', scope: fault.scope })
}

/** Each key at most once (RFC 7628 §3.1); unknown ones do not matter. */
function authOf(pairs: string): string | undefined {
  const values = pairs.split('\x01').flatMap((pair) => (/^auth=/i.test(pair) ? [pair.slice('auth='.length)] : []))
  return values.length > 1 ? undefined : (values[0] ?? '')
}

/** saslname (RFC 5801 §4): '=2C' is a comma, '=3D' is '='; any other '=' is an error. */
export function decodeName(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name) || name.includes('\0')) return undefined
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
