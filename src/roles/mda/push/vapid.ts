// Who pushes: a key of this agent, told to clients in the session object, and a signed word for each push service
// (RFC 8292, RFC 9749). The key comes from the agent's secret: it is the same after a restart, and kept nowhere else.

import { createECDH, createHmac, createPrivateKey, type KeyObject } from 'node:crypto'
import type { Cpu } from '../../../world/world.ts'

export interface VapidKey {
  readonly privateKey: KeyObject
  /** The point, uncompressed, base64url: `applicationServerKey`. */
  readonly publicKey: string
}

const LIFETIME_S = 12 * 3600

export function vapidKey(secret: Buffer): VapidKey {
  const d = createHmac('sha256', secret).update('web push').digest()
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(d)
  const point = ecdh.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url')) as [
    string,
    string,
  ]
  const jwk = { kty: 'EC', crv: 'P-256', x, y, d: d.toString('base64url') }
  return { privateKey: createPrivateKey({ key: jwk, format: 'jwk' }), publicKey: point.toString('base64url') }
}

/** The Authorization field for one push service (RFC 8292 §3). `contact`: an address of whoever runs this. */
export async function authorization(
  { privateKey, publicKey }: VapidKey,
  claims: { readonly origin: string; readonly contact: string; readonly nowMs: number },
  cpu: Pick<Cpu, 'sign'>,
): Promise<string> {
  const part = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url')
  const exp = Math.floor(claims.nowMs / 1000) + LIFETIME_S
  const signed = `${part({ typ: 'JWT', alg: 'ES256' })}.${part({ aud: claims.origin, exp, sub: `mailto:${claims.contact}` })}`
  const signature = fromDer(await cpu.sign('sha256', Buffer.from(signed), privateKey))
  return `vapid t=${signed}.${signature.toString('base64url')}, k=${publicKey}`
}

/** An ECDSA signature as JWS has it: both numbers in 32 bytes each (RFC 7518 §3.4), not as DER. */
function fromDer(der: Buffer): Buffer {
  const out = Buffer.alloc(64)
  let at = 2
  for (const end of [32, 64]) {
    const length = der[at + 1]!
    const number = der.subarray(at + 2, at + 2 + length)
    const digits = number.subarray(Math.max(0, number.length - 32))
    digits.copy(out, end - digits.length)
    at += 2 + length
  }
  return out
}
