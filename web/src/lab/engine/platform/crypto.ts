// node:crypto in a browser, as far as the roles of a simulated world use it: synchronous, as Node's. Web Crypto is not.

import { ecb, gcm } from '@noble/ciphers/aes.js'
import { p256 } from '@noble/curves/nist.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { md5, sha1 } from '@noble/hashes/legacy.js'
import { pbkdf2 } from '@noble/hashes/pbkdf2.js'
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js'

export { createPrivateKey, createPublicKey, KeyObject, sign, verify } from './keys.ts'
export { checkPrimeSync } from './primes.ts'

const ALGORITHMS = { md5, sha1, sha224, sha256, sha384, sha512 }

interface Digest {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
}

function algorithm(name: string) {
  const found = ALGORITHMS[name.toLowerCase().replace('-', '') as keyof typeof ALGORITHMS]
  if (found === undefined) throw new Error(`The digest ${name} is not here.`)
  return found
}

const bytesOf = (data: string | Uint8Array, encoding?: BufferEncoding) =>
  typeof data === 'string' ? Buffer.from(data, encoding) : data

const asked = (bytes: Uint8Array, encoding: BufferEncoding | 'buffer' | undefined) => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return encoding === undefined || encoding === 'buffer' ? buffer : buffer.toString(encoding)
}

export class Hash {
  readonly #digest: Digest & { clone?: () => Digest }

  constructor(digest: Digest) {
    this.#digest = digest
  }

  update(data: string | Uint8Array, encoding?: BufferEncoding): this {
    this.#digest.update(bytesOf(data, encoding))
    return this
  }

  digest(encoding?: BufferEncoding): Buffer | string {
    return asked(this.#digest.digest(), encoding)
  }

  copy(): Hash {
    return new Hash(this.#digest.clone!())
  }
}

export const createHash = (name: string) => new Hash(algorithm(name).create())
export const createHmac = (name: string, key: string | Uint8Array) =>
  new Hash(hmac.create(algorithm(name), bytesOf(key)))

export const hash = (name: string, data: string | Uint8Array, encoding: BufferEncoding | 'buffer' = 'hex') =>
  asked(algorithm(name)(bytesOf(data)), encoding)

export const pbkdf2Sync = (
  password: string | Uint8Array,
  salt: string | Uint8Array,
  iterations: number,
  length: number,
  digest: string,
) => Buffer.from(pbkdf2(algorithm(digest), bytesOf(password), bytesOf(salt), { c: iterations, dkLen: length }))

export function hkdfSync(digest: string, key: Uint8Array, salt: Uint8Array, info: string | Uint8Array, length: number) {
  const bytes = hkdf(algorithm(digest), key, salt, bytesOf(info), length)
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)
}

/** @throws RangeError when they are of different length, as Node's */
export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) throw new RangeError('Input buffers must have the same byte length')
  let difference = 0
  for (const [i, byte] of a.entries()) difference |= byte ^ b[i]!
  return difference === 0
}

export const randomBytes = (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length)))

const TAG_BYTES = 16

/** AES in one go: what is given is kept until the end. */
class Cipher {
  readonly #work: (bytes: Uint8Array, tag: Uint8Array, known: Uint8Array | undefined) => Uint8Array
  readonly #chunks: Uint8Array[] = []
  #known: Uint8Array | undefined
  #tag = new Uint8Array()

  constructor(work: (bytes: Uint8Array, tag: Uint8Array, known: Uint8Array | undefined) => Uint8Array) {
    this.#work = work
  }

  setAAD(bytes: Uint8Array): this {
    this.#known = bytes
    return this
  }

  setAuthTag(tag: Uint8Array): this {
    this.#tag = new Uint8Array(tag)
    return this
  }

  getAuthTag(): Buffer {
    return Buffer.from(this.#tag)
  }

  setAutoPadding(): this {
    return this
  }

  update(data: string | Uint8Array, encoding?: BufferEncoding): Buffer {
    this.#chunks.push(bytesOf(data, encoding))
    return Buffer.alloc(0)
  }

  final(): Buffer {
    const done = this.#work(Buffer.concat(this.#chunks), this.#tag, this.#known)
    return Buffer.from(done)
  }
}

export function createCipheriv(name: string, key: Uint8Array, nonce: Uint8Array | null): Cipher {
  const cipher: Cipher = new Cipher((bytes, _tag, known) => {
    if (name.endsWith('-gcm')) {
      const sealed = gcm(key, nonce!, known).encrypt(bytes)
      cipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
      return sealed.subarray(0, sealed.length - TAG_BYTES)
    }
    return block(name, key).encrypt(bytes)
  })
  return cipher
}

export function createDecipheriv(name: string, key: Uint8Array, nonce: Uint8Array | null): Cipher {
  return new Cipher((bytes, tag, known) =>
    name.endsWith('-gcm')
      ? gcm(key, nonce!, known).decrypt(Buffer.concat([bytes, tag]))
      : block(name, key).decrypt(bytes),
  )
}

function block(name: string, key: Uint8Array) {
  if (name.endsWith('-ecb')) return ecb(key, { disablePadding: true })
  throw new Error(`The cipher ${name} is not here.`)
}

/** TLS is modelled in a simulated world, and nobody there has a certificate: every text is an unreadable one. */
export class X509Certificate {
  constructor() {
    throw new Error('Certificates are not read in the lab that runs in a browser.')
  }
}

class Ecdh {
  #secret = new Uint8Array()

  setPrivateKey(secret: Uint8Array): void {
    this.#secret = new Uint8Array(secret)
  }

  getPublicKey(): Buffer {
    return Buffer.from(p256.getPublicKey(this.#secret, false))
  }

  /** @throws Error when it is no point of the curve */
  computeSecret(other: Uint8Array): Buffer {
    return Buffer.from(p256.getSharedSecret(this.#secret, other).subarray(1))
  }
}

/** Of P-256 (prime256v1), the only curve that push services know. */
export const createECDH = (_curve: 'prime256v1') => new Ecdh()
