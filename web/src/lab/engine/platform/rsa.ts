// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2). Verifying is the library's; signing, which it does four times slower, goes
// by the remainder theorem (§5.1.2) here: each letter of a simulated world is signed.

import { sha256 } from '@noble/hashes/sha2.js'
import { PKCS1_SHA256 } from 'micro-rsa-dsa-dh/rsa.js'
import { fromBigint, toBigint } from './der.ts'

export interface RsaKey {
  readonly n: bigint
  readonly e: bigint
  /** d, p, q, dp, dq, qi. */
  readonly secret: readonly bigint[] | undefined
}

/** Of DigestInfo for SHA-256 (§9.2, note 1). */
const DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex')

export const rsaVerify = ({ n, e }: RsaKey, data: Uint8Array, signature: Uint8Array): boolean =>
  PKCS1_SHA256.verify({ n, e }, data, signature)

/** @throws Error when the key is too short for it */
export function rsaSign({ n, secret }: RsaKey, data: Uint8Array): Buffer {
  const length = Math.ceil(n.toString(16).length / 2)
  const told = Buffer.concat([DIGEST_INFO, sha256(data)])
  const fill = length - told.length - 3
  if (fill < 8) throw new Error('The RSA key is too short for a signature.')
  const encoded = Buffer.concat([Buffer.of(0, 1), Buffer.alloc(fill, 0xff), Buffer.of(0), told])
  const [, p, q, dp, dq, qi] = secret! as [bigint, bigint, bigint, bigint, bigint, bigint]
  const message = toBigint(encoded)
  const [one, two] = [power(message % p, dp, p), power(message % q, dq, q)]
  const signed = fromBigint(two + q * (((((one - two) % p) + p) * qi) % p))
  return Buffer.concat([Buffer.alloc(length - signed.length), signed])
}

/** By four bits of the exponent at a time. */
function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const powers = [1n]
  for (let i = 1; i < 16; i++) powers.push((powers[i - 1]! * base) % modulus)
  let result = 1n
  for (const digit of exponent.toString(16)) {
    for (let i = 0; i < 4; i++) result = (result * result) % modulus
    if (digit !== '0') result = (result * powers[Number.parseInt(digit, 16)]!) % modulus
  }
  return result
}
