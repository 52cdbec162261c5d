// Sealing: what a disk keeps is unreadable without the key, and cannot be changed unnoticed (AES-256-GCM, NIST SP 800-38D).
// Every record has a key and nonce of its own, derived from the store's key and 16 random bytes, so that no number of records
// wears a key out. Its context (what it is, and where) is authenticated: no record passes for another. The key is named in
// it, so that keys can be changed one after the other.

import { createCipheriv, createDecipheriv, createHmac, hash, randomBytes } from 'node:crypto'
import { DiskError } from './disk.ts'

/** No text of ours begins with it: what is sealed is told apart from what is not. */
const MARK = 1
const ID_BYTES = 4
const SALT_BYTES = 16
const TAG_BYTES = 16
const HEAD_BYTES = 1 + ID_BYTES + SALT_BYTES
const SEAL_BYTES = HEAD_BYTES + TAG_BYTES
export const KEY_BYTES = 32

export class Seal {
  /** The first seals; all open. For a thread that makes its own of them. */
  readonly keys: readonly Uint8Array[]
  readonly #byId = new Map<string, Uint8Array>()

  constructor(keys: readonly Uint8Array[]) {
    this.keys = keys
    for (const key of keys) this.#byId.set(keyId(key), key)
  }

  /** Names the key that seals. */
  get id(): string {
    return keyId(this.keys[0]!)
  }

  seal(bytes: Uint8Array, context: string): Buffer {
    const salt = randomBytes(SALT_BYTES)
    const { key, nonce } = derived(this.keys[0]!, salt)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
    const head = Buffer.concat([Buffer.of(MARK), Buffer.from(this.id, 'hex'), salt])
    return Buffer.concat([head, cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
  }

  /** @throws DiskError when it is not what was sealed, or by a key that is not here */
  open(sealed: Uint8Array, context: string): Buffer {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length)
    if (!isSealed(bytes)) throw new DiskError('failed', `${context} is not sealed, in a store that is encrypted.`)
    const id = bytes.toString('hex', 1, 1 + ID_BYTES)
    const known = this.#byId.get(id)
    if (known === undefined) {
      const ours = [...this.#byId.keys()].join(', ')
      throw new DiskError('failed', `${context} is encrypted with the key ${id}, and here is only ${ours}.`)
    }
    const { key, nonce } = derived(known, bytes.subarray(1 + ID_BYTES, HEAD_BYTES))
    const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(bytes.subarray(HEAD_BYTES, bytes.length - TAG_BYTES)), decipher.final()])
    } catch {
      throw new DiskError('failed', `${context} is damaged: it is not what was sealed.`)
    }
  }

  /** Likewise, but undefined when it cannot be opened. */
  tryOpen(sealed: Uint8Array, context: string): Buffer | undefined {
    try {
      return this.open(sealed, context)
    } catch {
      return undefined
    }
  }
}

/** Could it be sealed? */
export function isSealed(bytes: Uint8Array): boolean {
  return bytes.length >= SEAL_BYTES && bytes[0] === MARK
}

/** Names a key without telling it: 8 hex digits. */
export function keyId(key: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from('borderpost key '), key])).slice(0, 2 * ID_BYTES)
}

function derived(key: Uint8Array, salt: Uint8Array): { key: Buffer; nonce: Buffer } {
  const bytes = createHmac('sha512', key).update(salt).digest()
  return { key: bytes.subarray(0, 32), nonce: bytes.subarray(32, 44) }
}
