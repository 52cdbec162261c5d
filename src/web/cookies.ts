// Who is asking: a signed cookie, or HTTP Basic (RFC 7617) for JMAP programs. A cookie says address and end, and is signed
// with a key and the account's credentials, so that a new password ends it; the store keeps which browsers there are, so that
// their owner sees them and signs them out.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import { AHEAD_AT_MOST_MS } from '../roles/challenges.ts'
import type { World } from '../world/world.ts'
import type { Backends } from './backends.ts'

const COOKIE = 'borderpost'
const LIFETIME_MS = 14 * 86_400_000
const MAX_SESSIONS = 50
const MAX_PROGRAM = 300
const USE_NOTED_MS = 600_000
const BASIC_MS = 300_000
const MAX_BASIC = 1000

const credentialsOf = ({ store, account }: JmapBackend): string => store.account(account.id)?.credentials ?? ''

/** A browser in which somebody is signed in. */
export interface BrowserSession {
  readonly id: number
  readonly sinceMs: number
  readonly usedMs: number
  readonly from: string
  /** What it calls itself. */
  readonly program: string
  /** The passkey that opened it; absent: a password did. */
  readonly by?: number
  readonly isThis: boolean
}

/** As it is stored: without what would let anybody in. */
interface Kept extends Omit<BrowserSession, 'id' | 'isThis'> {
  readonly nonce: string
  /** Of which password: another has ended it. */
  readonly of: string
}

const digestOf = (text: string) => createHash('sha256').update(text).digest('base64url')

export class Cookies {
  readonly #world: World
  readonly #backends: Backends
  readonly #key: Buffer

  constructor(world: World, backends: Backends, key: Buffer | undefined) {
    this.#world = world
    this.#backends = backends
    this.#key = key ?? world.random.bytes(32)
  }

  /** The value of the cookie that signs this person in, in this browser. @throws DiskError */
  async issue(
    backend: JmapBackend,
    { from, program, by }: { from: string; program: string; by?: number },
  ): Promise<string> {
    const nowMs = this.#world.clock.now()
    const ends = nowMs + LIFETIME_MS
    const nonce = this.#world.random.bytes(12).toString('base64url')
    const { store, account } = backend
    // What has ended makes room, then what was used longest ago.
    const old = this.#kept(backend).sort((x, y) => y.usedMs - x.usedMs)
    const over = old.filter((one, at) => at >= MAX_SESSIONS - 1 || !this.#isAlive(backend, one))
    const kept: Kept = {
      nonce: digestOf(nonce),
      of: digestOf(credentialsOf(backend)),
      sinceMs: nowMs,
      usedMs: nowMs,
      from,
      program: program.slice(0, MAX_PROGRAM),
      ...(by !== undefined && { by }),
    }
    await store.commit([
      ...over.map(({ id }) => ({ kind: 'object.remove', account: account.id, of: 'web-session', id }) as const),
      { kind: 'object.put', account: account.id, of: 'web-session', value: JSON.stringify(kept), atMost: MAX_SESSIONS },
    ])
    const claim = Buffer.from(JSON.stringify([account.address, ends, nonce])).toString('base64url')
    return `${claim}.${this.#sign(claim, backend)}`
  }

  /** Whose cookie it is, if it is valid now. */
  read(value: string): JmapBackend | undefined {
    const claim = this.#claim(value)
    const nowMs = this.#world.clock.now()
    // One that would last longer than any does was given while the clock was ahead.
    if (!claim || claim.ends < nowMs || claim.ends > nowMs + LIFETIME_MS + AHEAD_AT_MOST_MS) return undefined
    const backend = this.#backends.accountFor(claim.address)
    if (!backend) return undefined
    const expected = Buffer.from(this.#sign(claim.text, backend))
    const given = Buffer.from(claim.signature)
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined
    const session = this.#sessionOf(backend, claim.nonce)
    if (session === undefined) return undefined
    this.#noteUse(backend, session)
    return backend
  }

  /** Makes the cookie worthless before its end. Only for a cookie that `read` accepted. @throws DiskError */
  async revoke(value: string): Promise<void> {
    const claim = this.#claim(value)
    const backend = claim && this.#backends.accountFor(claim.address)
    const session = backend && this.#sessionOf(backend, claim.nonce)
    if (session !== undefined) await this.end(backend!, session.id)
  }

  /** Where this person is signed in; `value`: the cookie that asks. */
  list(backend: JmapBackend, value: string | undefined): BrowserSession[] {
    const claim = value === undefined ? undefined : this.#claim(value)
    const own = claim === undefined ? undefined : digestOf(claim.nonce)
    return this.#kept(backend)
      .filter((one) => this.#isAlive(backend, one))
      .map(({ nonce, of: _, ...shown }) => ({ ...shown, isThis: nonce === own }))
  }

  /** Signs one browser out. False: it is already. @throws DiskError */
  async end({ store, account }: JmapBackend, id: number): Promise<boolean> {
    const [result] = await store.commit([{ kind: 'object.remove', account: account.id, of: 'web-session', id }])
    return result!.ok
  }

  #sessionOf(backend: JmapBackend, nonce: string) {
    const digest = digestOf(nonce)
    return this.#kept(backend).find((one) => one.nonce === digest)
  }

  #isAlive(backend: JmapBackend, { sinceMs, of }: Kept): boolean {
    const ageMs = this.#world.clock.now() - sinceMs
    return ageMs < LIFETIME_MS && ageMs >= -AHEAD_AT_MOST_MS && of === digestOf(credentialsOf(backend))
  }

  #kept({ store, account }: JmapBackend): (Kept & { readonly id: number })[] {
    return store.lists
      .objects(account.id, 'web-session')
      .map(({ id, value }) => ({ ...(JSON.parse(value) as Kept), id }))
  }

  /** Now and then; nobody waits for it, and a disk that refuses keeps nobody out. */
  #noteUse({ store, account }: JmapBackend, { id, ...kept }: Kept & { readonly id: number }): void {
    const usedMs = this.#world.clock.now()
    if (usedMs - kept.usedMs < USE_NOTED_MS) return
    const value = JSON.stringify({ ...kept, usedMs } satisfies Kept)
    store
      .commit([{ kind: 'object.put', account: account.id, of: 'web-session', id, value, atMost: MAX_SESSIONS }])
      .catch(() => {})
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
export const cookieOf = (request: Pick<FastifyRequest, 'headers'>): string | undefined => namedCookie(request, COOKIE)

export function namedCookie(request: Pick<FastifyRequest, 'headers'>, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
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

/**
 * Did one of our own pages make this request? SameSite=Strict keeps the cookie from other sites already; this keeps
 * other ports and subdomains of the same site out too.
 */
export function isOwnPage(request: Pick<FastifyRequest, 'headers' | 'method'>): boolean {
  const { origin } = request.headers
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && request.method === 'GET')) return false
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === request.headers.host
}
