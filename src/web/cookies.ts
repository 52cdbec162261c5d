// Who is asking: a signed cookie, or HTTP Basic (RFC 7617) for JMAP programs. The server keeps no sessions: a cookie
// says address and end, and is signed with a key and the account's credentials, so that a new password ends it.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { World } from '../world/world.ts'
import type { Backends } from './backends.ts'

const COOKIE = 'borderpost'
const LIFETIME_MS = 14 * 86_400_000
const MAX_REVOKED = 10_000
const BASIC_MS = 300_000
const MAX_BASIC = 1000

const credentialsOf = ({ store, account }: JmapBackend): string => store.account(account.id)?.credentials ?? ''

export class Cookies {
  readonly #world: World
  readonly #backends: Backends
  readonly #key: Buffer
  readonly #revoked = new Map<string, number>()

  constructor(world: World, backends: Backends, key: Buffer | undefined) {
    this.#world = world
    this.#backends = backends
    this.#key = key ?? world.random.bytes(32)
  }

  /** The value of the cookie that signs this person in. */
  issue(backend: JmapBackend): string {
    const ends = this.#world.clock.now() + LIFETIME_MS
    const nonce = this.#world.random.bytes(12).toString('base64url')
    const claim = Buffer.from(JSON.stringify([backend.account.address, ends, nonce])).toString('base64url')
    return `${claim}.${this.#sign(claim, backend)}`
  }

  /** Whose cookie it is, if it is valid now. */
  read(value: string): JmapBackend | undefined {
    const claim = this.#claim(value)
    if (!claim || claim.ends < this.#world.clock.now() || this.#revoked.has(claim.nonce)) return undefined
    const backend = this.#backends.accountFor(claim.address)
    if (!backend) return undefined
    const expected = Buffer.from(this.#sign(claim.text, backend))
    const given = Buffer.from(claim.signature)
    return expected.length === given.length && timingSafeEqual(expected, given) ? backend : undefined
  }

  /** Makes the cookie worthless before its end. Only for a cookie that `read` accepted. */
  revoke(value: string): void {
    const claim = this.#claim(value)
    if (!claim) return
    if (this.#revoked.size >= MAX_REVOKED) this.#revoked.delete(this.#revoked.keys().next().value!)
    this.#revoked.set(claim.nonce, claim.ends)
  }

  #claim(value: string): { text: string; signature: string; address: string; ends: number; nonce: string } | undefined {
    const [text, signature] = value.split('.')
    if (!text || !signature || value.length > 2000) return undefined
    try {
      const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
      if (!Array.isArray(parts)) return undefined
      const [address, ends, nonce] = parts
      if (typeof address !== 'string' || typeof ends !== 'number' || typeof nonce !== 'string') return undefined
      return { text, signature, address, ends, nonce }
    } catch {
      return undefined
    }
  }

  #sign(claim: string, backend: JmapBackend): string {
    return createHmac('sha256', this.#key)
      .update(`${claim}\n${credentialsOf(backend)}`)
      .digest('base64url')
  }
}

/** Basic credentials that were right a moment ago: a JMAP program sends them with every request. */
export class BasicMemory {
  readonly #world: World
  readonly #salt: Buffer
  readonly #known = new Map<string, { backend: JmapBackend; standing: string; untilMs: number }>()

  readonly #backends: Backends

  constructor(world: World, backends: Backends) {
    this.#world = world
    this.#backends = backends
    this.#salt = world.random.bytes(16)
  }

  get(authorization: string): JmapBackend | undefined {
    const entry = this.#known.get(this.#hash(authorization))
    if (!entry || entry.untilMs < this.#world.clock.monotonic()) return undefined
    return entry.standing === this.#standing(entry.backend) ? entry.backend : undefined
  }

  put(authorization: string, backend: JmapBackend): void {
    if (this.#known.size >= MAX_BASIC) this.#known.delete(this.#known.keys().next().value!)
    const untilMs = this.#world.clock.monotonic() + BASIC_MS
    this.#known.set(this.#hash(authorization), { backend, standing: this.#standing(backend), untilMs })
  }

  #standing(backend: JmapBackend): string {
    return this.#backends.standing?.(backend) ?? credentialsOf(backend)
  }

  #hash(authorization: string): string {
    return createHash('sha256').update(this.#salt).update(authorization).digest('base64')
  }
}

/** The value of our cookie in the request. */
export function cookieOf(request: Pick<FastifyRequest, 'headers'>): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (pair.slice(0, equals).trim() === COOKIE) return pair.slice(equals + 1).trim()
  }
  return undefined
}

/** Set-Cookie's value; an empty `value` deletes it. Strict and HttpOnly: no other site can use it, no script can read it. */
export function setCookie(value: string, isSecure: boolean): string {
  const age = value === '' ? 0 : LIFETIME_MS / 1000
  return `${COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}${isSecure ? '; Secure' : ''}`
}

/** Name and password of an Authorization header (RFC 7617). */
export function basicCredentials(authorization: string): { address: string; password: string } | undefined {
  const match = /^Basic +([A-Za-z0-9+/=_-]{1,1000})$/i.exec(authorization)
  const text = match ? Buffer.from(match[1]!, 'base64').toString('utf8') : ''
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { address: text.slice(0, colon), password: text.slice(colon + 1) }
}
