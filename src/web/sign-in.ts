// Signing in and out, and the guard before everything that belongs to a person.
// Guesses are counted where the accounts are, over all doors; a cookie counts only in requests that our own pages made.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { formatId } from '../protocols/jmap/ids.ts'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import { DiskError } from '../world/disk.ts'
import type { World } from '../world/world.ts'
import type { Backends } from './backends.ts'
import { baseOf } from './base.ts'
import {
  BasicMemory,
  type BrowserSession,
  basicCredentials,
  Cookies,
  cookieOf,
  isOwnPage,
  setCookie,
} from './cookies.ts'

const MAX_ADDRESS = 320
const MAX_PASSWORD = 1000
const MAX_CODE = 40

type Refused = 'wrong' | 'too-many' | 'unavailable' | 'needs-code' | 'wrong-code'

export type Guarded = (request: FastifyRequest, reply: FastifyReply, backend: JmapBackend) => unknown

/** Wraps a route that only a signed-in person may use. */
export type Guard = (route: Guarded) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** What a request says of who makes it. */
type Asking = Pick<FastifyRequest, 'headers' | 'method' | 'ip'>

/** Who makes this request, if he is signed in or shows a password with it. */
export type WhoAsks = (
  request: Asking,
) => Promise<JmapBackend | 'wrong' | 'too-many' | 'unavailable' | 'insufficient_scope' | undefined>

export interface SignInOptions {
  readonly world: World
  readonly backends: Backends
  readonly cookieKey?: Buffer
  readonly isSecure: boolean
}

/** The browsers in which a person is signed in. */
export interface Browsers {
  /** Signs this browser in: the value of Set-Cookie. */
  renew(person: JmapBackend, request: FastifyRequest): Promise<string>
  list(person: JmapBackend, request: FastifyRequest): BrowserSession[]
  end(person: JmapBackend, id: number): Promise<boolean>
  /** Signs out what this passkey signed in, but for the browser that asks. */
  endThoseBy(person: JmapBackend, passkey: number, request: FastifyRequest): Promise<void>
}

/** Adds `/api/sign-in`, `/api/sign-out`, `/api/me`, and gives back the guard for other routes. */
export function addSignIn(
  app: FastifyInstance,
  { world, backends, cookieKey, isSecure }: SignInOptions,
): { guard: Guard; whoAsks: WhoAsks; browsers: Browsers } {
  const cookies = new Cookies(world, backends, cookieKey)
  const basic = new BasicMemory(world, backends)
  const renew = async (person: JmapBackend, request: FastifyRequest, by?: number) => {
    const program = request.headers['user-agent'] ?? ''
    return setCookie(
      await cookies.issue(person, { from: request.ip, program, ...(by !== undefined && { by }) }),
      isSecure,
    )
  }

  async function check(
    address: string,
    password: string,
    host: string,
    entrance: 'web' | 'jmap',
    { code, key }: { code?: string; key?: { host: string; response: unknown } } = {},
  ): Promise<JmapBackend | Refused> {
    if (address.length > MAX_ADDRESS || password.length > MAX_PASSWORD || (code?.length ?? 0) > MAX_CODE) return 'wrong'
    return (await backends.authenticate(address, password, host, entrance, code, key)) ?? 'wrong'
  }

  const whoAsks: WhoAsks = async (request) => {
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const token = /^Bearer +([A-Za-z0-9._~+/=-]{1,8000}) *$/i.exec(authorization)?.[1]
      if (token !== undefined) return (await backends.bearer?.(token, request.ip)) ?? 'wrong'
      const remembered = basic.get(authorization)
      if (remembered) return remembered
      const given = basicCredentials(authorization)
      const found = given ? await check(given.address, given.password, request.ip, 'jmap') : 'wrong'
      if (typeof found === 'object') basic.put(authorization, found)
      return typeof found === 'object' || found === 'too-many' || found === 'unavailable' ? found : 'wrong'
    }
    const cookie = cookieOf(request)
    return cookie !== undefined && isOwnPage(request) ? cookies.read(cookie) : undefined
  }

  app.post('/api/sign-in', async (request, reply) => {
    const { address, password, code, passkey } = (request.body ?? {}) as Readonly<Record<string, unknown>>
    if (!isOwnPage(request)) return reply.code(403).send({ error: 'Sign in from the page itself.' })
    if (typeof address !== 'string' || typeof password !== 'string')
      return reply.code(400).send({ error: 'Address and password are needed.' })
    const found = await check(address.trim(), password, request.ip, 'web', {
      ...(typeof code === 'string' && { code: code.trim() }),
      ...(passkey !== undefined && { key: { host: request.host, response: passkey } }),
    })
    // What to sign is told only after the right password: it says which passkeys there are.
    const ask = () => backends.passkeys?.(request.host)?.askAfterPassword(address.trim())
    if (found === 'too-many')
      return reply
        .code(429)
        .header('retry-after', '60')
        .send({ error: 'Too many tries. Wait a minute, then try again.' })
    if (found === 'unavailable') return unavailable(reply)
    if (found === 'needs-code')
      return reply
        .code(401)
        .send({ needsCode: true, passkey: await ask(), error: 'Now the code that your telephone shows.' })
    if (found === 'wrong-code')
      return reply
        .code(401)
        .send({ needsCode: true, passkey: await ask(), error: 'The code is not right, or was used before.' })
    if (found === 'wrong') return reply.code(401).send({ error: 'Address or password is not right.' })
    return reply.header('set-cookie', await renew(found, request)).send(describe(found))
  })

  addPasskeySignIn(app, backends, async (person, id, request, reply) =>
    reply.header('set-cookie', await renew(person, request, id)).send(describe(person)),
  )

  app.post('/api/sign-out', async (request, reply) => {
    const cookie = cookieOf(request)
    if (cookie !== undefined && isOwnPage(request) && cookies.read(cookie)) await cookies.revoke(cookie)
    return reply.header('set-cookie', setCookie('', isSecure)).code(204).send()
  })

  const resource = (request: FastifyRequest) => `${baseOf(request, isSecure)}/.well-known/oauth-protected-resource`
  const guard: Guard = (route) => async (request, reply) => {
    const found = await whoAsks(request)
    if (typeof found === 'object') return route(request, reply, found)
    if (found === 'too-many') return reply.code(429).header('retry-after', '60').send({ error: 'Too many tries.' })
    if (found === 'unavailable') return unavailable(reply)
    if (/^Bearer /i.test(request.headers.authorization ?? '')) {
      const isGood = found === 'insufficient_scope'
      const why = isGood ? 'error="insufficient_scope", scope="jmap"' : 'error="invalid_token"'
      return reply
        .code(isGood ? 403 : 401)
        .header('www-authenticate', `Bearer realm="Borderpost", ${why}`)
        .send({
          error: isGood ? 'This access token is for other things.' : 'The access token is not good, or no longer.',
        })
    }
    // A page that lost its cookie shows its own form; only programs are asked for Basic, or a browser would pop up.
    if (request.headers.authorization !== undefined || request.headers['sec-fetch-mode'] === undefined)
      reply.header('www-authenticate', [
        'Basic realm="Borderpost", charset="UTF-8"',
        ...(backends.issuer === undefined
          ? []
          : [`Bearer realm="Borderpost", resource_metadata="${resource(request)}"`]),
      ])
    return reply.code(401).send({ error: 'Sign in first.' })
  }

  app.get(
    '/api/me',
    guard((_request, _reply, backend) => describe(backend)),
  )
  const browsers: Browsers = {
    renew,
    list: (person, request) => cookies.list(person, cookieOf(request)),
    end: (person, id) => cookies.end(person, id),
    async endThoseBy(person, passkey, request) {
      const meant = cookies.list(person, cookieOf(request)).filter(({ by, isThis }) => by === passkey && !isThis)
      for (const { id } of meant) await cookies.end(person, id)
    },
  }
  return { guard, whoAsks, browsers }
}

const unavailable = (reply: FastifyReply) =>
  reply
    .code(503)
    .header('retry-after', '60')
    .send({ error: 'Passwords cannot be checked now. It is not yours: try again in a minute.' })

/** Signing in with a passkey alone: what to sign, then the signature. */
function addPasskeySignIn(
  app: FastifyInstance,
  backends: Backends,
  enter: (person: JmapBackend, passkey: number, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
): void {
  app.post('/api/passkey', async (request, reply) => {
    const door = isOwnPage(request) ? backends.passkeys?.(request.host) : undefined
    if (door === undefined) return reply.code(404).send({ error: 'Passkeys are not taken at this page.' })
    const { response } = (request.body ?? {}) as Readonly<Record<string, unknown>>
    if (response === undefined) return door.ask()
    try {
      const found = await door.signIn(response, request.ip)
      return found === undefined
        ? reply.code(401).send({ error: 'This passkey is not known here. Sign in with your password.' })
        : await enter(found.person, found.id, request, reply)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      return reply.code(503).send({ error: 'The disk refuses now. Try again later.' })
    }
  })
}

export const describe = ({ account }: JmapBackend) => ({
  address: account.address,
  displayName: account.displayName,
  accountId: formatId('a', account.id),
})
