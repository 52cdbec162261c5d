// The simulated world's keys: RSA primes drawn from the seed, so that the same seed signs the same bytes. TLS is modelled
// there, so its certificate is only a name.

import { checkPrimeSync, createPrivateKey, type KeyObject } from 'node:crypto'
import type { Keymaker, Random } from '../world.ts'

/** The least that verifiers accept (RFC 8301 §3.2), and quick to make. Never used outside a simulation. */
const MODULUS_BITS = 1024
const EXPONENT = 65537n

export function simulatedKeymaker(random: Random): Keymaker {
  return {
    rsa: async () => rsaKey(random),
    tlsIdentity: async (names) => ({
      certificatePem: `simulated certificate of ${names.join(', ')}`,
      privateKeyPem: 'simulated',
    }),
  }
}

/** Different keys of a simulation of many agents: beyond them, agents have the same. */
const DIFFERENT_KEYS = 256

/** For many agents: RSA keys of a store of them, each made once. `randomOf`: chance for each purpose. */
export function sharedKeymaker(randomOf: (purpose: string) => Random): Keymaker {
  const made: KeyObject[] = []
  let asked = 0
  return {
    ...simulatedKeymaker(randomOf('keys')),
    async rsa() {
      const n = asked++ % DIFFERENT_KEYS
      return (made[n] ??= rsaKey(randomOf(`key ${n}`)))
    },
  }
}

function rsaKey(random: Random): KeyObject {
  const p = prime(random)
  let q = prime(random)
  while (q === p) q = prime(random)
  const phi = (p - 1n) * (q - 1n)
  const d = inverse(EXPONENT, phi)
  const numbers = { n: p * q, e: EXPONENT, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) }
  const jwk = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, base64url(value)]))
  return createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' })
}

/** A prime of half the modulus with its two highest bits set (the product then has full length), p ≢ 1 mod e. */
function prime(random: Random): bigint {
  for (;;) {
    const bytes = random.bytes(MODULUS_BITS / 16)
    bytes[0]! |= 0xc0
    bytes[bytes.length - 1]! |= 1
    const candidate = BigInt(`0x${bytes.toString('hex')}`)
    if ((candidate - 1n) % EXPONENT !== 0n && checkPrimeSync(candidate)) return candidate
  }
}

/** a⁻¹ mod m, by Euclid's extended algorithm. */
function inverse(a: bigint, m: bigint): bigint {
  let [r0, r1, s0, s1] = [a % m, m, 1n, 0n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1]
  }
  return ((s0 % m) + m) % m
}

function base64url(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url')
}
