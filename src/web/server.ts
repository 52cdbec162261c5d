// The web server: JMAP, sign-in, the live picture, traces, and the pages themselves (built from /web).
// One function makes it; it listens nowhere by itself (see src/world/real/http.ts). Every answer forbids what pages
// do not need: foreign scripts, frames, guessing of types, referrers.

import fastifyStatic from '@fastify/static'
import fastify, { type FastifyInstance, type FastifyServerFactory } from 'fastify'
import type { World } from '../world/world.ts'
import type { Backends, LiveSource, Tracer } from './backends.ts'
import { EventStreams } from './event-stream.ts'
import { addForwarding } from './forwarding.ts'
import { addJmap } from './jmap.ts'
import { addLive, addTrace, addTrustedForwarders } from './live.ts'
import { addMoving } from './moving.ts'
import { addOAuth } from './oauth.ts'
import { addOtherSignIn } from './other-sign-in.ts'
import { addOutgoing } from './outgoing.ts'
import { addOwnWebhooks } from './own-webhooks.ts'
import { addReports } from './reports.ts'
import { addSecurity } from './security.ts'
import { addSending } from './sending.ts'
import { addSetUp, type DoorsOf } from './set-up.ts'
import { addSignIn, describe } from './sign-in.ts'
import { goOn } from './spool.ts'
import { addSuppressed } from './suppressed.ts'
import { addWebSocket } from './websocket.ts'
import { addWhere } from './where.ts'

export interface WebOptions {
  readonly world: World
  readonly backends: Backends
  /** From the world: makes the HTTP server that Fastify answers for. */
  readonly serverFactory: FastifyServerFactory
  /** Absolute path of the built pages (web/dist); without it only the interfaces answer. */
  readonly pagesFolder?: string
  readonly live?: LiveSource
  readonly trace?: Tracer
  /** The text of the MTA-STS policy that is served under this host name (RFC 8461 §3.3). */
  readonly stsPolicy?: (hostName: string) => string | undefined
  /** Where mail programs of a domain's people find their doors. */
  readonly doors?: DoorsOf
  /** Shown at the sign-in form of a demo: people anyone may be. Never for a real system. */
  readonly demoPeople?: readonly { readonly name: string; readonly address: string; readonly password: string }[]
  /** Signs the cookies; kept, people stay signed in over a restart. */
  readonly cookieKey?: Buffer
  /** True when the pages are reached by https. */
  readonly isSecure?: boolean
  /** Told of faults of ours, for the log. */
  readonly onError?: (error: Error, where: string) => void
}

// srcdoc frames inherit this policy and HTML mail styles itself inline, so inline styles are allowed; scripts never.
const PAGE_POLICY = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': PAGE_POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
} as const

const BODY_LIMIT = 64 * 1024
const PAGES = ['/', '/mail', '/live', '/reports']
/** Public resolvers that the page of the trace asks for keys, when somebody presses the button that names them. */
const KEY_RESOLVERS = 'https://cloudflare-dns.com https://dns.google'

/** The server, ready to listen: `await web.listen({ host, port })`; `await web.close()` ends open event streams too. */
export function createWeb(options: WebOptions): FastifyInstance {
  const { world } = options
  const app = fastify({
    serverFactory: options.serverFactory,
    bodyLimit: BODY_LIMIT,
    logger: false,
    forceCloseConnections: true,
  })
  const streams = new EventStreams(world.clock)
  app.addHook('preClose', async () => streams.closeAll())
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store')
  })
  app.addHook('preParsing', async (request, reply) => {
    if (!request.routeOptions.config.goesOnItself) goOn(request, reply)
  })
  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) options.onError?.(error, `${request.method} ${request.routeOptions.url ?? '?'}`)
    return reply.code(status).send({ error: status >= 500 ? 'Something went wrong here.' : error.message })
  })

  const { guard, whoAsks, browsers } = addSignIn(app, {
    world,
    backends: options.backends,
    cookieKey: options.cookieKey,
    isSecure: options.isSecure ?? false,
  })
  const failed = (error: unknown, where: string) => options.onError?.(error as Error, where)
  addJmap(app, guard, streams, world, options.isSecure ?? false, failed)
  addWebSocket(app, whoAsks, world.clock, failed)
  addTrustedForwarders(app, guard, world)
  addForwarding(app, guard, options.backends)
  addOutgoing(app, guard, options.backends)
  addSecurity(app, guard, options.backends, browsers)
  addOtherSignIn(app, {
    world,
    backends: options.backends,
    guard,
    key: options.cookieKey ?? world.random.bytes(32),
    isSecure: options.isSecure ?? false,
    signIn: browsers.renew,
    describe,
  })
  const { issuer } = options.backends
  if (issuer !== undefined)
    addOAuth(app, {
      issuer,
      guard,
      browsers,
      clock: world.clock,
      isSecure: options.isSecure ?? false,
      hasPages: options.pagesFolder !== undefined,
    })
  addMoving(app, guard, options.backends)
  addSending(app, world, options.backends, options.isSecure ?? false)
  if (options.stsPolicy) addStsPolicy(app, options.stsPolicy)
  if (options.doors) addSetUp(app, guard, options.doors)
  addReports(app, guard, options.backends, world)
  addWhere(app, guard, options.backends)
  addSuppressed(app, guard, options.backends)
  addOwnWebhooks(app, guard, options.backends)
  if (options.trace) addTrace(app, guard, options.trace)
  const isDemo = (options.demoPeople?.length ?? 0) > 0
  if (options.live) addLive(app, guard, options.live, streams, isDemo)
  app.get('/api/welcome', (request) => ({
    people: options.demoPeople ?? [],
    hasLive: options.live !== undefined,
    hasTrace: options.trace !== undefined,
    otherIssuers: options.backends.otherIssuers?.list ?? [],
    hasPasskeys: options.backends.passkeys?.(request.host) !== undefined,
  }))
  if (options.pagesFolder !== undefined) addPages(app, options.pagesFolder)
  return app
}

/** RFC 8461 §3.2: text/plain, at this path and this host name only. */
function addStsPolicy(app: FastifyInstance, policyOf: NonNullable<WebOptions['stsPolicy']>): void {
  app.get('/.well-known/mta-sts.txt', (request, reply) => {
    const text = policyOf(request.hostname.toLowerCase())
    return text === undefined
      ? reply.code(404).type('text/plain').send('no policy here\n')
      : reply.type('text/plain; charset=utf-8').send(text)
  })
}

function addPages(app: FastifyInstance, folder: string): void {
  app.register(fastifyStatic, {
    root: folder,
    index: false,
    setHeaders: (reply, path) => {
      // Names in assets/ hold a hash of their content.
      const cache = path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
      reply.header('cache-control', cache)
    },
  })
  for (const page of PAGES) app.get(page, (_request, reply) => reply.sendFile('index.html'))
  // Pages of their own, which name their files relative to themselves.
  for (const path of ['/lab', '/lab/']) app.get(path, (_request, reply) => reply.sendFile('lab/index.html'))
  const mayAskForKeys = PAGE_POLICY.replace("connect-src 'self'", `connect-src 'self' ${KEY_RESOLVERS}`)
  for (const path of ['/trace', '/trace/'])
    app.get(path, (_request, reply) =>
      reply.header('content-security-policy', mayAskForKeys).sendFile('trace/index.html'),
    )
}
