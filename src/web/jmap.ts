// JMAP over HTTP: session, API, upload, download, event source.
// Keeps RFC 8620 §2.2 (discovery), §3.1 (API request), §6 (binary data), §7.3 (event source).

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Concurrency } from '../filter/rate.ts'
import { readBlobId, uploadBlob } from '../protocols/jmap/blob.ts'
import { formatId } from '../protocols/jmap/ids.ts'
import { handleRequest } from '../protocols/jmap/request.ts'
import { sessionObject, stateChange } from '../protocols/jmap/session.ts'
import { sharedBackend } from '../protocols/jmap/shared.ts'
import { type JmapBackend, LIMITS } from '../protocols/jmap/types.ts'
import { Unattended } from '../roles/unattended.ts'
import type { Timer, World } from '../world/world.ts'
import { baseOf } from './base.ts'
import type { EventStreams, Failed } from './event-stream.ts'
import type { Guard, Guarded } from './sign-in.ts'

const PROBLEM = 'application/problem+json'
const MIN_PING_S = 5
const MAX_PING_S = 300
const GATHER_MS = 20

export function addJmap(
  app: FastifyInstance,
  guard: Guard,
  streams: EventStreams,
  world: World,
  isSecure: boolean,
  failed: Failed,
): void {
  const uploading = new Concurrency(LIMITS.maxConcurrentUpload, 32)
  const requesting = new Concurrency(LIMITS.maxConcurrentRequests, 256)

  app.get('/.well-known/jmap', guard(session))
  app.get('/jmap/session', guard(session))
  app.get('/jmap/download/:account/:blob/:name', guard(download))
  app.get('/jmap/eventsource', guard(eventSource))

  // Bodies stay bytes here: JSON is read by the JMAP code itself, uploads are not read at all.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.post(
      '/jmap/api',
      { bodyLimit: LIMITS.maxSizeRequest },
      guard(limited(requesting, 'maxConcurrentRequests', api)),
    )
    scope.post(
      '/jmap/upload/:account',
      { bodyLimit: LIMITS.maxSizeUpload },
      guard(limited(uploading, 'maxConcurrentUpload', upload)),
    )
  })

  /** The URLs are absolute, as RFC 8620 §2 wants them: where the client found us, it finds the rest. */
  function session(request: FastifyRequest, reply: FastifyReply, backend: JmapBackend) {
    return reply.header('cache-control', 'no-cache, no-store').send(sessionObject(backend, baseOf(request, isSecure)))
  }

  async function api(request: FastifyRequest, reply: FastifyReply, backend: JmapBackend) {
    // A form of another site can send text/plain, but not this (RFC 8620 §3.1).
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
      return problem(reply, 400, 'notJSON', 'the content type must be application/json')
    const result = await handleRequest(backend, request.body as Buffer)
    if ('problem' in result) return reply.code(result.status).type(PROBLEM).send(JSON.stringify(result.problem))
    return reply.type('application/json').send(JSON.stringify(result.response))
  }

  async function upload(request: FastifyRequest, reply: FastifyReply, backend: JmapBackend) {
    const { account } = request.params as { account: string }
    // What is for an account of another waits in one's own.
    const isKnown = isAccount(request, backend) || sharedBackend(backend, account) !== undefined
    if (!isKnown) return problem(reply, 404, 'notFound', 'no such account')
    const content = request.body instanceof Buffer ? request.body : Buffer.alloc(0)
    const blob = await uploadBlob(backend, content)
    const type = request.headers['content-type'] ?? 'application/octet-stream'
    return reply.code(201).send({ accountId: account, blobId: blob.id, type, size: blob.sizeBytes })
  }

  async function download(request: FastifyRequest, reply: FastifyReply, backend: JmapBackend) {
    const { blob, name } = request.params as { blob: string; name: string }
    const owner = isAccount(request, backend)
      ? backend
      : sharedBackend(backend, (request.params as { account: string }).account)
    const content = owner && (await readBlobId(owner, blob))
    if (!content) return problem(reply, 404, 'notFound', 'no such blob')
    const { type } = request.query as { type?: string }
    const isType =
      typeof type === 'string' && /^[\w!#$&^.+-]{1,100}\/[\w!#$&^.+-]{1,100}(; *charset=[\w.:-]{1,40})?$/.test(type)
    reply
      // What a stranger sent never becomes a page of ours: it is saved, not shown, and if shown, without any right.
      .header('content-disposition', `attachment; filename*=UTF-8''${encodeName(name)}`)
      .header('content-security-policy', "sandbox; default-src 'none'")
      .header('cache-control', 'private, immutable, max-age=31536000')
      .header('accept-ranges', 'bytes')
      // A blob never changes under its name.
      .header('etag', `"${blob}"`)
      .type(isType ? type : 'application/octet-stream')
    if (request.headers['if-none-match'] === `"${blob}"`) return reply.code(304).send()
    const range = rangeOf(request, content.length, `"${blob}"`)
    if (range === undefined) return reply.send(content)
    if (range === 'unsatisfiable')
      return reply.code(416).header('content-range', `bytes */${content.length}`).type('text/plain').send()
    const [first, last] = range
    return reply
      .code(206)
      .header('content-range', `bytes ${first}-${last}/${content.length}`)
      .send(content.subarray(first, last + 1))
  }

  function eventSource(request: FastifyRequest, reply: FastifyReply, backend: JmapBackend) {
    const query = request.query as { types?: string; closeafter?: string; ping?: string }
    const asked = Number(query.ping ?? 0)
    const pingS = asked > 0 ? Math.min(MAX_PING_S, Math.max(MIN_PING_S, asked)) : 0
    const stream = streams.open(reply, backend.account.address, pingS * 1000)
    if (!stream) return
    const types = !query.types || query.types === '*' ? undefined : query.types.split(',')
    let last = String(request.headers['last-event-id'] ?? '')
    const tell = (): void => {
      const id = String(backend.store.modseq(backend.account.id))
      if (id === last) return
      const change = JSON.stringify(stateChange(backend, types))
      last = id
      stream.send('state', change, id)
      if (query.closeafter === 'state') stream.close()
    }
    const telling = new Unattended(world.clock, tell, (error) => failed(error, 'GET /jmap/eventsource'))
    if (last !== '') telling.begin()
    let soon: Timer | undefined
    // Changes that come together are told together.
    const unwatch = backend.store.watch(backend.account.id, () => {
      soon ??= world.clock.after(GATHER_MS, () => {
        soon = undefined
        telling.begin()
      })
    })
    stream.onClose(() => {
      unwatch()
      soon?.cancel()
      telling.stop()
    })
  }
}

/** The one range that is asked for (RFC 9110 §14.2), inclusive; undefined: the whole, as for what cannot be read. */
function rangeOf(
  { headers }: FastifyRequest,
  length: number,
  etag: string,
): readonly [number, number] | 'unsatisfiable' | undefined {
  const condition = headers['if-range']
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.range ?? '')
  if (match === null || match[0] === 'bytes=-' || (condition !== undefined && condition !== etag)) return undefined
  const [, from, to] = match
  const first = from === '' ? Math.max(0, length - Number(to)) : Number(from)
  const last = from === '' || to === '' ? length - 1 : Math.min(Number(to), length - 1)
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined
  return first >= length || last < first ? 'unsatisfiable' : [first, last]
}

const isAccount = (request: FastifyRequest, backend: JmapBackend): boolean =>
  (request.params as { account: string }).account === formatId('a', backend.account.id)

/** Runs the route if this person has not too many of its kind under way (RFC 8620 §3.6.1, `limit`). */
function limited(limit: Concurrency, name: string, route: Guarded): Guarded {
  return async (request, reply, backend) => {
    const key = backend.account.address
    if (limit.enter(key) !== 'ok') return problem(reply, 400, 'limit', 'too many at once', name)
    try {
      return await route(request, reply, backend)
    } finally {
      limit.leave(key)
    }
  }
}

function problem(reply: FastifyReply, status: number, type: string, detail: string, limit?: string) {
  const body = { type: `urn:ietf:params:jmap:error:${type}`, status, detail, limit }
  return reply.code(status).type(PROBLEM).send(JSON.stringify(body))
}

/** RFC 8187 §3.2.1: what is not attr-char is percent-encoded. */
const encodeName = (name: string): string =>
  encodeURIComponent(name.slice(0, 200).toWellFormed()).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
