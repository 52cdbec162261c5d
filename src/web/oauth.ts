// The issuer of tokens over HTTP (RFC 6749, RFC 7009, RFC 7591, RFC 8414, RFC 9728, OpenID Connect Discovery). The consent is
// asked on a page of ours, by somebody who signed in there a moment ago; a program's own password or token agrees to nothing.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { OAuthClient } from '../roles/oauth/clients.ts'
import type { Issuer, JsonAnswer } from '../roles/oauth/issuer.ts'
import { doorsOf, SCOPES } from '../roles/oauth/scopes.ts'
import { DiskError } from '../world/disk.ts'
import type { Clock } from '../world/world.ts'
import { baseOf } from './base.ts'
import type { Browsers, Guard } from './sign-in.ts'

const FORM = 'application/x-www-form-urlencoded'
const FORM_LIMIT = 16_384
const MAX_QUERY = 8000
const MAX_USER_CODE = 40
const DEVICE_FRESH_MS = 600_000

interface OAuthOptions {
  readonly issuer: Issuer
  readonly guard: Guard
  readonly browsers: Browsers
  readonly clock: Clock
  readonly isSecure: boolean
  /** The page that asks for consent is there. */
  readonly hasPages: boolean
}

export function addOAuth(app: FastifyInstance, options: OAuthOptions): void {
  const { issuer, guard, browsers, clock, isSecure, hasPages } = options
  const urlOf = (request: FastifyRequest) => baseOf(request, isSecure)

  const signedInAt = (person: JmapBackend, request: FastifyRequest) =>
    browsers.list(person, request).find(({ isThis }) => isThis)?.sinceMs ?? 0

  for (const path of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])
    app.get(path, (request) => issuer.metadata(urlOf(request)))
  // RFC 9728 §3: whoever was refused at JMAP learns here where tokens are given.
  for (const path of ['', '/jmap/session', '/.well-known/jmap'])
    app.get(`/.well-known/oauth-protected-resource${path}`, (request) => ({
      resource: `${urlOf(request)}${path}`,
      authorization_servers: [urlOf(request)],
      scopes_supported: SCOPES,
      bearer_methods_supported: ['header'],
    }))
  app.get('/oauth/keys', () => issuer.keys())

  app.get('/oauth/authorize', (request, reply) => {
    const read = issuer.read(queryOf(request), urlOf(request))
    reply.header('cache-control', 'no-store')
    if (read.kind === 'back') return reply.redirect(read.to, 302)
    if (read.kind === 'wrong') return reply.code(400).type('text/plain; charset=utf-8').send(`${read.text}\n`)
    return hasPages ? reply.sendFile('index.html') : reply.code(501).send({ error: 'The pages are not built.' })
  })

  /** What the page shows: no secret, so nobody need be signed in. */
  app.get('/api/authorization', (request, reply) => {
    const read = issuer.read(queryOf(request), urlOf(request))
    if (read.kind === 'back') return { to: read.to }
    if (read.kind === 'wrong') return reply.code(400).send({ error: read.text })
    const { client, redirectUri, scopes } = read.request
    const { protocol, host } = new URL(redirectUri)
    return asked(client, scopes, protocol === 'https:' ? host : null)
  })

  app.post(
    '/api/authorization',
    guard(async (request, reply, person) => {
      if (request.headers.authorization !== undefined)
        return reply.code(403).send({ error: 'Only for who signed in at the page.' })
      const { query, allow } = (request.body ?? {}) as Readonly<Record<string, unknown>>
      if (typeof query !== 'string' || query.length > MAX_QUERY)
        return reply.code(400).send({ error: 'What is asked?' })
      const url = urlOf(request)
      const read = issuer.read(new URLSearchParams(query), url)
      if (read.kind === 'back') return { to: read.to }
      if (read.kind === 'wrong') return reply.code(400).send({ error: read.text })
      if (allow !== true) return issuer.deny(read.request, url)
      const signedInAtMs = signedInAt(person, request)
      if (clock.now() - signedInAtMs > read.request.maxAgeMs) return signInAgain(reply)
      const answer = await issuer.allow(person.account, read.request, { url, signedInAtMs }).catch(diskRefused)
      return 'to' in answer ? answer : reply.code(409).send({ error: answer.complaint })
    }),
  )

  app.get('/oauth/device', (_request, reply) =>
    hasPages ? reply.sendFile('index.html') : reply.code(501).send({ error: 'The pages are not built.' }),
  )
  /** A person typed the code that a device shows; with `allow` he answers it. */
  app.post(
    '/api/device',
    guard(async (request, reply, person) => {
      if (request.headers.authorization !== undefined)
        return reply.code(403).send({ error: 'Only for who signed in at the page.' })
      const { userCode, allow } = (request.body ?? {}) as Readonly<Record<string, unknown>>
      const text = typeof userCode === 'string' ? userCode.slice(0, MAX_USER_CODE) : ''
      const attempt = issuer.deviceOf(person.account, text)
      if (attempt === 'too-many') return reply.code(429).send({ error: 'Too many tries. Wait ten minutes.' })
      if (attempt === undefined) return reply.code(404).send({ error: 'No device waits for this code.' })
      if (typeof allow !== 'boolean') return asked(attempt.client, attempt.scopes, null)
      const signedInAtMs = signedInAt(person, request)
      if (clock.now() - signedInAtMs > DEVICE_FRESH_MS) return signInAgain(reply)
      const refused = await issuer.answerDevice(person.account, attempt, { allow, signedInAtMs }).catch(diskRefused)
      return refused === undefined ? {} : reply.code(409).send({ error: refused.complaint })
    }),
  )

  app.post('/oauth/register', (request, reply) => send(reply, issuer.register(request.body, request.ip)))

  const userinfo = (request: FastifyRequest, reply: FastifyReply) => {
    const token = /^Bearer +([^ ]+) *$/i.exec(request.headers.authorization ?? '')?.[1]
    const found = token === undefined ? undefined : issuer.userinfo(token)
    reply.header('cache-control', 'no-store')
    if (found !== undefined) return found
    const why = token === undefined ? '' : ', error="invalid_token"'
    return reply
      .code(401)
      .header('www-authenticate', `Bearer realm="Borderpost"${why}`)
      .send({ error: 'invalid_token' })
  }
  app.get('/oauth/userinfo', userinfo)

  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(FORM, { parseAs: 'string', bodyLimit: FORM_LIMIT }, (_request, body, done) =>
      done(null, new URLSearchParams(body as string)),
    )
    const formed =
      (work: (form: URLSearchParams, request: FastifyRequest) => Promise<JsonAnswer>) =>
      async (request: FastifyRequest, reply: FastifyReply) => {
        const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
        const unavailable = { status: 503, body: { error: 'temporarily_unavailable' } }
        const answer = await work(form, request).catch((error: unknown) => {
          if (error instanceof DiskError) return unavailable
          throw error
        })
        return send(reply, answer)
      }
    scope.post(
      '/oauth/token',
      formed((form, request) => issuer.token(form, request.ip, urlOf(request))),
    )
    scope.post(
      '/oauth/device_authorization',
      formed(async (form, request) => issuer.device(form, request.ip, urlOf(request))),
    )
    scope.post(
      '/oauth/revoke',
      formed((form, request) => issuer.revoke(form, request.ip)),
    )
    scope.post('/oauth/userinfo', userinfo)
  })
}

const signInAgain = (reply: FastifyReply) =>
  reply.code(401).send({ needsSignIn: true, error: 'Sign in once more: what you allow outlasts this browser.' })

/** What the page shows of a program that asks. */
const asked = (client: OAuthClient, scopes: readonly string[], goesTo: string | null) => ({
  program: client.name,
  isRegistered: client.isRegistered,
  goesTo,
  doors: doorsOf(scopes),
  tells: scopes.filter((scope) => ['openid', 'email', 'profile'].includes(scope)),
})

/** RFC 6749 §5.1: what holds tokens is kept by nobody on the way. */
const send = (reply: FastifyReply, { status, body }: JsonAnswer) =>
  reply.code(status).header('cache-control', 'no-store').header('pragma', 'no-cache').send(body)

/** As it was written: Fastify's own reading forgets what came twice. */
function queryOf({ url }: FastifyRequest): URLSearchParams {
  const at = url.indexOf('?')
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1, at + 1 + MAX_QUERY))
}

function diskRefused(error: unknown): { complaint: string } {
  if (error instanceof DiskError) return { complaint: 'The disk refuses now. Try again later.' }
  throw error
}
