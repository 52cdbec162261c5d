// CPU-heavy work in the simulated world: real results, at once. For simulations of many agents there is a second one that
// leaves out what is slow on purpose, or was done before in the same world.

import { createHmac, createPublicKey, type KeyObject, pbkdf2Sync, sign, verify } from 'node:crypto'
import { hashRawSync } from '@node-rs/argon2'
import type { Cpu } from '../world.ts'
import { compressed, decompressed } from '../zstd.ts'

/** RSA PKCS#1 and Ed25519 signatures are deterministic. */
export const simulatedCpu: Cpu = {
  async sign(algorithm, data, privateKey) {
    return sign(algorithm, data, privateKey)
  },
  async verify(algorithm, data, publicKey, signature) {
    try {
      return verify(algorithm, data, publicKey, signature)
    } catch {
      return false
    }
  },
  async pbkdf2(password, salt, iterations) {
    return pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  },
  async argon2id(password, salt, { memoryKiB, passes }) {
    return hashRawSync(password, { salt, memoryCost: memoryKiB, timeCost: passes, parallelism: 1, outputLen: 32 })
  },
  async compress(bytes) {
    return compressed(bytes)
  },
  async decompress(bytes, mostBytes) {
    return decompressed(bytes, mostBytes)
  },
}

/** Signatures that are known to be right; of those before them as many again. */
const SIGNATURES_KNOWN = 20_000

/** As text: a small Buffer that is kept keeps the whole slab (64 KB) that Node cut it from. */
interface Known {
  readonly data: string
  /** The public key, as it is written. */
  readonly by: string
}

/**
 * Passwords are stretched by one HMAC: in a simulation nobody guesses. An Ed25519 signature that was made in this world is
 * compared with what was signed by which key, and not computed again. Whatever is proven or not proven stays so.
 */
export function quickCpu(): Cpu {
  const written = new WeakMap<KeyObject, string>()
  let known = new Map<string, Known>()
  let before = known
  const textOf = (key: KeyObject, publicOf: (key: KeyObject) => KeyObject): string => {
    const text = written.get(key) ?? publicOf(key).export({ format: 'der', type: 'spki' }).toString('latin1')
    written.set(key, text)
    return text
  }
  const stretched = (...parts: readonly (string | Uint8Array)[]): Buffer => {
    const mac = createHmac('sha256', parts[0]!)
    for (const part of parts.slice(1)) mac.update(part)
    return mac.digest()
  }
  return {
    ...simulatedCpu,
    async sign(algorithm, data, privateKey) {
      const signature = sign(algorithm, data, privateKey)
      if (algorithm !== null) return signature
      if (known.size >= SIGNATURES_KNOWN) {
        before = known
        known = new Map()
      }
      known.set(textIn(signature), { data: textIn(data), by: textOf(privateKey, createPublicKey) })
      return signature
    },
    async verify(algorithm, data, publicKey, signature) {
      const text = textIn(signature)
      const made = algorithm === null ? (known.get(text) ?? before.get(text)) : undefined
      if (made?.data === textIn(data) && made.by === textOf(publicKey, (key) => key)) return true
      return simulatedCpu.verify(algorithm, data, publicKey, signature)
    },
    pbkdf2: async (password, salt, iterations) => stretched(salt, password, `pbkdf2 ${iterations}`),
    argon2id: async (password, salt, cost) => stretched(salt, password, `argon2id ${JSON.stringify(cost)}`),
  }
}

const textIn = ({ buffer, byteOffset, length }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, length).toString('latin1')
