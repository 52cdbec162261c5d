// An authenticator in software, for tests (WebAuthn §6): makes P-256 keys, signs, counts. It does what it is told, also what
// an honest one would not.

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** CBOR (RFC 8949) of what attestation holds: maps, text, bytes, integers, lists. */
function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)])
  const pairs = value instanceof Map ? [...value] : Object.entries(value as object)
  return Buffer.concat([head(5, pairs.length), ...pairs.flat().map(cbor)])
}

function head(type: number, size: number): Buffer {
  if (size < 24) return Buffer.from([(type << 5) | size])
  return size < 256 ? Buffer.from([(type << 5) | 24, size]) : Buffer.from([(type << 5) | 25, size >> 8, size & 255])
}

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest()
const b64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64url')

/** What may be told to lie. */
export interface Lies {
  readonly origin?: string
  readonly site?: string
  readonly isVerified?: boolean
  readonly counter?: number
  readonly format?: string
  readonly statement?: object
  readonly userHandle?: string
  readonly type?: string
}

interface Options {
  readonly challenge: string
  readonly user?: { readonly id: string }
}

export class SoftwareAuthenticator {
  readonly #keys: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly id = sha256(this.#keys.publicKey.export({ type: 'spki', format: 'der' }))
  readonly #origin: string
  counter = 0
  userHandle = ''

  constructor(origin: string) {
    this.#origin = origin
  }

  #flags({ isVerified = true }: Lies, more = 0): number {
    return 0x01 | (isVerified ? 0x04 : 0) | more
  }

  #authData(
    { site = new URL(this.#origin).hostname, counter = this.counter }: Lies,
    flags: number,
    more: Buffer[] = [],
  ) {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter)
    return Buffer.concat([sha256(site), Buffer.from([flags]), count, ...more])
  }

  #clientData(type: string, challenge: string, { origin = this.#origin }: Lies): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }))
  }

  /** What `navigator.credentials.create` gives, as JSON. */
  create({ challenge, user }: Options, lies: Lies = {}): object {
    this.userHandle = user!.id
    const { x, y } = this.#keys.publicKey.export({ format: 'jwk' })
    const key = cbor(
      new Map<number, unknown>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, Buffer.from(x!, 'base64url')],
        [-3, Buffer.from(y!, 'base64url')],
      ]),
    )
    const attested = [Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, key]
    const attestation = {
      fmt: lies.format ?? 'none',
      attStmt: lies.statement ?? {},
      authData: this.#authData(lies, this.#flags(lies, 0x40), attested),
    }
    const clientDataJSON = b64(this.#clientData(lies.type ?? 'webauthn.create', challenge, lies))
    return this.#frame({ clientDataJSON, attestationObject: b64(cbor(attestation)), transports: ['internal'] })
  }

  /** What `navigator.credentials.get` gives, as JSON. */
  get({ challenge }: Options, lies: Lies = {}): object {
    if (lies.counter === undefined) this.counter++
    const clientData = this.#clientData(lies.type ?? 'webauthn.get', challenge, lies)
    const authData = this.#authData(lies, this.#flags(lies))
    const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), this.#keys.privateKey)
    return this.#frame({
      clientDataJSON: b64(clientData),
      authenticatorData: b64(authData),
      signature: b64(signature),
      userHandle: lies.userHandle ?? this.userHandle,
    })
  }

  #frame(response: object): object {
    const id = b64(this.id)
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response }
  }
}
