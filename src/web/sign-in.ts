// Signing in and out, and the guard before everything that belongs to a person.
// Guesses are counted where the accounts are, over all doors; a cookie counts only in requests that our own pages made.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { formatId } from '../protocols/jmap/ids.ts'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { World } from '../world/world.ts'
import type { Backends } from './backends.ts'
import { BasicMemory, type BrowserSession, basicCredentials, Cookies, cookieOf, setCookie } from './cookies.ts'

const MAX_ADDRESS = 320
const MAX_PASSWORD = 1000
const MAX_CODE = 40

type Refused = 'wrong' | 'too-many' | 'needs-code' | 'wrong-code'

export type Guarded = (request: FastifyRequest, reply: FastifyReply, backend: JmapBackend) => unknown

/** Wraps a route that only a signed-in person may use. */
export type Guard = (route: Guarded) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** What a request says of who makes it. */
type Asking = Pick<FastifyRequest, 'headers' | 'method' | 'ip'>

/** Who makes this request, if he is signed in or shows a password with it. */
export type WhoAsks = (request: Asking) => Promise<JmapBackend | 'wrong' | 'too-many' | undefined>

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
}

/** Adds `/api/sign-in`, `/api/sign-out`, `/api/me`, and gives back the guard for other routes. */
export function addSignIn(
  app: FastifyInstance,
  { world, backends, cookieKey, isSecure }: SignInOptions,
): { guard: Guard; whoAsks: WhoAsks; browsers: Browsers } {
  const cookies = new Cookies(world, backends, cookieKey)
  const basic = new BasicMemory(world, backends)
  const renew = async (person: JmapBackend, request: FastifyRequest) => {
    const program = request.headers['user-agent'] ?? ''
    return setCookie(await cookies.issue(person, { from: request.ip, program }), isSecure)
  }

  async function check(
    address: string,
    password: string,
    host: string,
    entrance: 'web' | 'jmap',
    code?: string,
  ): Promise<JmapBackend | Refused> {
    if (address.length > MAX_ADDRESS || password.length > MAX_PASSWORD || (code?.length ?? 0) > MAX_CODE) return 'wrong'
    return (await backends.authenticate(address, password, host, entrance, code)) ?? 'wrong'
  }

  const whoAsks: WhoAsks = async (request) => {
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const remembered = basic.get(authorization)
      if (remembered) return remembered
      const given = basicCredentials(authorization)
      const found = given ? await check(given.address, given.password, request.ip, 'jmap') : 'wrong'
      if (typeof found === 'object') basic.put(authorization, found)
      return typeof found === 'object' || found === 'too-many' ? found : 'wrong'
    }
    const cookie = cookieOf(request)
    return cookie !== undefined && isOwnPage(request) ? cookies.read(cookie) : undefined
  }

  app.post('/api/sign-in', async (request, reply) => {
    const { address, password, code } = (request.body ?? {}) as Readonly<Record<string, unknown>>
    if (!isOwnPage(request)) return reply.code(403).send({ error: 'Sign in from the page itself.' })
    if (typeof address !== 'string' || typeof password !== 'string')
      return reply.code(400).send({ error: 'Address and password are needed.' })
    const found = await check(
      address.trim(),
      password,
      request.ip,
      'web',
      typeof code === 'string' ? code.trim() : undefined,
    )
    if (found === 'too-many')
      return reply
        .code(429)
        .header('retry-after', '60')
        .send({ error: 'Too many tries. Wait a minute, then try again.' })
    if (found === 'needs-code')
      return reply.code(401).send({ needsCode: true, error: 'Now the code that your telephone shows.' })
    if (found === 'wrong-code')
      return reply.code(401).send({ needsCode: true, error: 'The code is not right, or was used before.' })
    if (found === 'wrong') return reply.code(401).send({ error: 'Address or password is not right.' })
    return reply.header('set-cookie', await renew(found, request)).send(describe(found))
  })

  app.post('/api/sign-out', async (request, reply) => {
    const cookie = cookieOf(request)
    if (cookie !== undefined && isOwnPage(request) && cookies.read(cookie)) await cookies.revoke(cookie)
    return reply.header('set-cookie', setCookie('', isSecure)).code(204).send()
  })

  const guard: Guard = (route) => async (request, reply) => {
    const found = await whoAsks(request)
    if (typeof found === 'object') return route(request, reply, found)
    if (found === 'too-many') return reply.code(429).header('retry-after', '60').send({ error: 'Too many tries.' })
    // A page that lost its cookie shows its own form; only programs are asked for Basic, or a browser would pop up.
    if (request.headers.authorization !== undefined || request.headers['sec-fetch-mode'] === undefined)
      reply.header('www-authenticate', 'Basic realm="Borderpost", charset="UTF-8"')
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
  }
  return { guard, whoAsks, browsers }
}

const describe = ({ account }: JmapBackend) => ({
  address: account.address,
  displayName: account.displayName,
  accountId: formatId('a', account.id),
})

/**
 * Did one of our own pages make this request? SameSite=Strict keeps the cookie from other sites already; this keeps
 * other ports and subdomains of the same site out too.
 */
function isOwnPage(request: Asking): boolean {
  const { origin } = request.headers
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && request.method === 'GET')) return false
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === request.headers.host
}
