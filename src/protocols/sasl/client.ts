// SASL, the client's side, for a Transmitter that must log in at the next host: PLAIN (RFC 4616), SCRAM-SHA-256 and
// -PLUS (RFC 5802, RFC 7677), bound to the TLS session (RFC 9266).

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ChannelBinding } from '../../world/network.ts'
import type { World } from '../../world/world.ts'
import { keysOf, MAX_ITERATIONS, preparePassword } from './credentials.ts'

/** The one message of PLAIN. */
export function plainMessage(user: string, password: string): Buffer {
  return Buffer.from(`\0${user}\0${password}`)
}

/** Three calls in order: first(), answer(), verify(). */
export class ScramClient {
  readonly #password: string
  readonly #nonce: string
  readonly #firstBare: string
  readonly #header: string
  readonly #bound: Buffer
  #serverSignature: Buffer | undefined

  /**
   * `nonce`: printable ASCII without a comma, unpredictable, e.g. 18 random bytes in base64. `binding`: for -PLUS;
   * 'not-offered' where we could bind and the server did not offer it, so that it sees if somebody took the offer away.
   */
  constructor(user: string, password: string, nonce: string, binding?: ChannelBinding | 'not-offered') {
    this.#header = binding === undefined ? 'n,,' : binding === 'not-offered' ? 'y,,' : `p=${binding.type},,`
    this.#bound = Buffer.concat([
      Buffer.from(this.#header),
      typeof binding === 'object' ? binding.data : Buffer.alloc(0),
    ])
    this.#password = password
    this.#nonce = nonce
    this.#firstBare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  }

  /** client-first-message. */
  first(): Buffer {
    return Buffer.from(this.#header + this.#firstBare)
  }

  /** client-final-message for the server's first; undefined when that one is not acceptable. */
  async answer(serverFirst: Uint8Array, world: Pick<World, 'cpu'>): Promise<Buffer | undefined> {
    const text = Buffer.from(serverFirst).toString('utf8')
    const parts = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})(?:,.*)?$/s.exec(text)
    const password = preparePassword(this.#password)
    if (parts === null || password === undefined) return undefined
    const [, nonce, salt, count] = parts
    const iterations = Number(count)
    // The server's nonce must begin with ours (RFC 5802 §5.1), or the answer could be replayed.
    if (!nonce!.startsWith(this.#nonce) || nonce!.length === this.#nonce.length) return undefined
    if (iterations < 1 || iterations > MAX_ITERATIONS) return undefined
    const saltedPassword = await world.cpu.pbkdf2(password, Buffer.from(salt!, 'base64'), iterations)
    const { clientKey, storedKey, serverKey } = keysOf(saltedPassword)
    const withoutProof = `c=${this.#bound.toString('base64')},r=${nonce}`
    const authMessage = `${this.#firstBare},${text},${withoutProof}`
    const signature = createHmac('sha256', storedKey).update(authMessage).digest()
    for (let i = 0; i < 32; i++) clientKey[i]! ^= signature[i]!
    this.#serverSignature = createHmac('sha256', serverKey).update(authMessage).digest()
    return Buffer.from(`${withoutProof},p=${clientKey.toString('base64')}`)
  }

  /** Does the server know the password too (RFC 5802 §3, ServerSignature). */
  verify(serverFinal: Uint8Array): boolean {
    const parts = /^v=([A-Za-z0-9+/]{43}=)(?:,.*)?$/s.exec(Buffer.from(serverFinal).toString('utf8'))
    if (parts === null || this.#serverSignature === undefined) return false
    return timingSafeEqual(Buffer.from(parts[1]!, 'base64'), this.#serverSignature)
  }
}
