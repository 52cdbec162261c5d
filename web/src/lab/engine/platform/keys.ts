// Keys of node:crypto in a browser: RSA and Ed25519, from JWK, PEM and DER, P-256 from JWK alone, and what is signed with them.

import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { der, fromBigint, inside, integer, integerOf, readDer, TAG, toBigint } from './der.ts'
import { type RsaKey, rsaSign, rsaVerify } from './rsa.ts'

type Material =
  | ({ readonly kind: 'rsa' } & RsaKey)
  | { readonly kind: 'ed25519'; readonly point: Uint8Array; readonly seed: Uint8Array | undefined }
  | { readonly kind: 'ec'; readonly secret: Uint8Array }

type Format = 'pem' | 'der' | 'jwk'
type Form = 'pkcs1' | 'pkcs8' | 'spki'

const RSA_NAME = Buffer.from('06092a864886f70d010101', 'hex')
const ED25519_NAME = Buffer.from('06032b6570', 'hex')
const VERSION = integer(0n)
const LINE = /.{1,64}/g

export class KeyObject {
  readonly type: 'private' | 'public'
  readonly material: Material

  constructor(type: 'private' | 'public', material: Material) {
    this.type = type
    this.material = material
  }

  get asymmetricKeyType(): Material['kind'] {
    return this.material.kind
  }

  get asymmetricKeyDetails(): { modulusLength?: number; publicExponent?: bigint } {
    const { material } = this
    if (material.kind !== 'rsa') return {}
    return { modulusLength: material.n.toString(2).length, publicExponent: material.e }
  }

  export({ format, type }: { readonly format: Format; readonly type?: Form }): unknown {
    if (format === 'jwk') return this.#jwk()
    const bytes = this.type === 'public' ? spki(this.material) : pkcs8(this.material)
    if (type === 'pkcs1') throw new Error('Keys are not written as PKCS #1 here.')
    if (format === 'der') return bytes
    const what = this.type === 'public' ? 'PUBLIC KEY' : 'PRIVATE KEY'
    return `-----BEGIN ${what}-----\n${bytes.toString('base64').match(LINE)!.join('\n')}\n-----END ${what}-----\n`
  }

  equals(other: KeyObject): boolean {
    if (this.type !== other.type || this.material.kind !== other.material.kind) return false
    const [own, its] = [this, other].map(({ type, material }) =>
      JSON.stringify(type === 'public' ? publicPart(material) : privatePart(material)),
    )
    return own === its
  }

  #jwk(): Record<string, string> {
    const { material } = this
    if (material.kind === 'ec') return notWritten()
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
    const isPrivate = this.type === 'private'
    if (material.kind === 'ed25519')
      return {
        kty: 'OKP',
        crv: 'Ed25519',
        x: text(material.point),
        ...(isPrivate && { d: text(material.seed!) }),
      }
    const secret = isPrivate ? material.secret!.map((value, i) => [SECRET[i]!, text(fromBigint(value))]) : []
    return {
      kty: 'RSA',
      n: text(fromBigint(material.n)),
      e: text(fromBigint(material.e)),
      ...Object.fromEntries(secret),
    }
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

function publicPart(material: Material): readonly string[] {
  if (material.kind === 'rsa') return [String(material.n), String(material.e)]
  return [hex(material.kind === 'ec' ? p256.getPublicKey(material.secret) : material.point)]
}

function privatePart(material: Material): readonly string[] {
  if (material.kind === 'rsa') return [...publicPart(material), String(material.secret?.[0])]
  return [hex(material.kind === 'ec' ? material.secret : material.seed!)]
}

/** In the order of RSAPrivateKey (RFC 8017 §A.1.2). */
const SECRET = ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const

type KeyInput =
  | string
  | Uint8Array
  | { readonly key: unknown; readonly format?: Format; readonly type?: Form }
  | KeyObject

/** @throws Error when it is none */
export function createPrivateKey(input: KeyInput): KeyObject {
  const { bytes, form, jwk } = partsOf(input)
  if (jwk !== undefined) return new KeyObject('private', fromJwk(jwk))
  return new KeyObject('private', form === 'pkcs1' ? rsaSecret(bytes) : fromPkcs8(bytes))
}

/** @throws Error when it is none */
export function createPublicKey(input: KeyInput): KeyObject {
  if (input instanceof KeyObject) return new KeyObject('public', input.material)
  const { bytes, form, jwk } = partsOf(input)
  if (jwk !== undefined) return new KeyObject('public', fromJwk(jwk))
  if (form === 'pkcs8') return new KeyObject('public', fromPkcs8(bytes))
  return new KeyObject('public', form === 'pkcs1' ? rsaPublic(bytes) : fromSpki(bytes))
}

const PEM = /-----BEGIN ((?:RSA )?(?:PRIVATE|PUBLIC)) KEY-----([A-Za-z0-9+/=\s]*)-----END \1 KEY-----/
const FORMS: Readonly<Record<string, Form>> = {
  PRIVATE: 'pkcs8',
  PUBLIC: 'spki',
  'RSA PRIVATE': 'pkcs1',
  'RSA PUBLIC': 'pkcs1',
}

function partsOf(input: KeyInput): { bytes: Uint8Array; form: Form; jwk?: Record<string, string> } {
  const { key, format = 'pem', type } = typeof input === 'object' && 'key' in input ? input : { key: input }
  const bytes = new Uint8Array()
  if (format === 'jwk') return { bytes, form: 'spki', jwk: key as Record<string, string> }
  if (format === 'der') return { bytes: key as Uint8Array, form: type ?? 'spki' }
  const [, kind, text] = PEM.exec(String(key)) ?? []
  if (kind === undefined) throw new Error('This is no key in PEM.')
  return { bytes: Buffer.from(text!, 'base64'), form: FORMS[kind]! }
}

function fromJwk(jwk: Record<string, string>): Material {
  const bytes = (name: string) => Buffer.from(jwk[name] ?? '', 'base64url')
  if (jwk.kty === 'RSA') {
    const secret = jwk.d === undefined ? undefined : SECRET.map((name) => toBigint(bytes(name)))
    return { kind: 'rsa', n: toBigint(bytes('n')), e: toBigint(bytes('e')), secret }
  }
  if (jwk.kty === 'EC' && jwk.crv === 'P-256' && jwk.d !== undefined) return { kind: 'ec', secret: bytes('d') }
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519') throw new Error('Of keys only RSA and Ed25519 are here.')
  return jwk.d === undefined ? edPublic(bytes('x')) : edSecret(bytes('d'))
}

const edPublic = (point: Uint8Array): Material => {
  // @throws when no such point is on the curve
  ed25519.Point.fromBytes(point)
  return { kind: 'ed25519', point, seed: undefined }
}
const edSecret = (seed: Uint8Array): Material => ({ kind: 'ed25519', point: ed25519.getPublicKey(seed), seed })

function rsaPublic(bytes: Uint8Array): Material {
  const [n, e] = readDer(inside(bytes, TAG.sequence)).map(integerOf)
  if (n === undefined || e === undefined) throw new Error('This is no RSA key.')
  return { kind: 'rsa', n, e, secret: undefined }
}

function rsaSecret(bytes: Uint8Array): Material {
  const [, n, e, ...secret] = readDer(inside(bytes, TAG.sequence)).map(integerOf)
  if (n === undefined || e === undefined || secret.length !== SECRET.length) throw new Error('This is no RSA key.')
  return { kind: 'rsa', n, e, secret }
}

function algorithmIn(content: Uint8Array): 'rsa' | 'ed25519' {
  const name = Buffer.from(content)
  if (name.subarray(0, RSA_NAME.length).equals(RSA_NAME)) return 'rsa'
  if (name.equals(ED25519_NAME)) return 'ed25519'
  throw new Error('Of keys only RSA and Ed25519 are here.')
}

function fromPkcs8(bytes: Uint8Array): Material {
  const [version, algorithm, key] = readDer(inside(bytes, TAG.sequence))
  if (version?.tag !== TAG.integer || algorithm?.tag !== TAG.sequence || key?.tag !== TAG.octets)
    throw new Error('This is no key of PKCS #8.')
  return algorithmIn(algorithm.content) === 'rsa' ? rsaSecret(key.content) : edSecret(inside(key.content, TAG.octets))
}

function fromSpki(bytes: Uint8Array): Material {
  const [algorithm, key] = readDer(inside(bytes, TAG.sequence))
  if (algorithm?.tag !== TAG.sequence || key?.tag !== TAG.bits || key.content[0] !== 0)
    throw new Error('This is no public key.')
  const inner = key.content.subarray(1)
  return algorithmIn(algorithm.content) === 'rsa' ? rsaPublic(inner) : edPublic(inner)
}

function notWritten(): never {
  throw new Error('Keys of P-256 are not written here.')
}

function pkcs8(material: Material): Buffer {
  if (material.kind === 'ec') return notWritten()
  if (material.kind === 'ed25519') {
    const key = der(TAG.octets, der(TAG.octets, material.seed!))
    return der(TAG.sequence, VERSION, der(TAG.sequence, ED25519_NAME), key)
  }
  const numbers = [material.n, material.e, ...material.secret!].map(integer)
  const algorithm = der(TAG.sequence, RSA_NAME, der(TAG.nothing))
  return der(TAG.sequence, VERSION, algorithm, der(TAG.octets, der(TAG.sequence, VERSION, ...numbers)))
}

function spki(material: Material): Buffer {
  if (material.kind === 'ec') return notWritten()
  const bits = (bytes: Uint8Array) => der(TAG.bits, Buffer.from([0]), bytes)
  if (material.kind === 'ed25519') return der(TAG.sequence, der(TAG.sequence, ED25519_NAME), bits(material.point))
  const key = der(TAG.sequence, integer(material.n), integer(material.e))
  return der(TAG.sequence, der(TAG.sequence, RSA_NAME, der(TAG.nothing)), bits(key))
}

/** RSASSA-PKCS1-v1_5 or ECDSA with SHA-256, or Ed25519. */
export function sign(_algorithm: 'sha256' | null, data: Uint8Array, { material }: KeyObject): Buffer {
  if (material.kind === 'ec') return Buffer.from(p256.sign(data, material.secret, { format: 'der' }))
  if (material.kind === 'ed25519') return Buffer.from(ed25519.sign(data, material.seed!))
  return rsaSign(material, data)
}

export function verify(
  _algorithm: 'sha256' | null,
  data: Uint8Array,
  { material }: KeyObject,
  signature: Uint8Array,
): boolean {
  if (material.kind === 'ec') return p256.verify(signature, data, p256.getPublicKey(material.secret), { format: 'der' })
  if (material.kind === 'ed25519')
    return signature.length === 64 && ed25519.verify(signature, data, material.point, { zip215: false })
  return rsaVerify(material, data, signature)
}
