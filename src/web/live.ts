// What the pages beside the mail need: the live picture, the trace of a message, whom a Recipient trusts.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { canonicalDomain } from '../message/address.ts'
import { readBlobId } from '../protocols/jmap/blob.ts'
import { parseId } from '../protocols/jmap/ids.ts'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { World } from '../world/world.ts'
import type { LiveSource, Tracer } from './backends.ts'
import type { EventStreams } from './event-stream.ts'
import type { Guard } from './sign-in.ts'

const PING_MS = 25_000
const MAX_TRUSTED = 100

/**
 * The live picture tells who writes to whom, whoever they are: in a demo to everybody, else to those who are signed in.
 */
export function addLive(
  app: FastifyInstance,
  guard: Guard,
  live: LiveSource,
  streams: EventStreams,
  isDemo: boolean,
): void {
  const open = (route: (request: FastifyRequest, reply: FastifyReply) => unknown) => (isDemo ? route : guard(route))
  app.get(
    '/api/system',
    open((_request, reply) =>
      reply.send({ svg: live.svg(), picture: live.picture(), queues: live.queues(), recent: live.recent() }),
    ),
  )
  app.get(
    '/api/live',
    open((request, reply) => {
      const stream = streams.open(reply, request.ip, PING_MS)
      stream?.onClose(live.watch((hop, queues) => stream.send('hop', JSON.stringify({ ...hop, queues }))))
    }),
  )
}

export function addTrace(app: FastifyInstance, guard: Guard, trace: Tracer): void {
  /** How a message of one's own came here: `?email=e12` or `?blob=b…`. */
  app.get(
    '/api/trace',
    guard(async (request, reply, backend) => {
      const { email, blob } = request.query as { email?: string; blob?: string }
      const source = email === undefined ? await readBlobId(backend, blob) : await sourceOf(backend, email)
      return source ? trace(source, backend) : reply.code(404).send({ error: 'No such message.' })
    }),
  )
}

async function sourceOf(backend: JmapBackend, emailId: string): Promise<Buffer | undefined> {
  const id = parseId('e', emailId)
  const email = id === undefined ? undefined : backend.store.email(backend.account.id, id)
  return email && backend.store.readBlob(email.blob)
}

/** The Forwarders that this Recipient trusts: what they say about a message's origin is believed, for this Recipient. */
export function addTrustedForwarders(app: FastifyInstance, guard: Guard, world: World): void {
  const list = ({ store, account }: JmapBackend) => ({
    forwarders: store
      .trustedForwarders(account.id)
      .map(({ domain, oldAddress, addedAtMs }) => ({ domain, oldAddress, addedAtMs })),
  })
  app.get(
    '/api/trusted-forwarders',
    guard((_request, _reply, backend) => list(backend)),
  )
  app.put(
    '/api/trusted-forwarders',
    guard(async (request, reply, backend) => {
      const { domain, oldAddress = '' } = (request.body ?? {}) as { domain?: unknown; oldAddress?: unknown }
      const canonical = typeof domain === 'string' && domain.length <= 253 ? canonicalDomain(domain.trim()) : undefined
      if (!canonical?.includes('.'))
        return reply.code(400).send({ error: 'That is no domain. Write it like old.example.' })
      if (typeof oldAddress !== 'string' || oldAddress.length > 320)
        return reply.code(400).send({ error: 'That is no address.' })
      if (backend.store.trustedForwarders(backend.account.id).length >= MAX_TRUSTED)
        return reply.code(400).send({ error: 'The list is full.' })
      const forwarder = {
        account: backend.account.id,
        domain: canonical,
        oldAddress: oldAddress.trim(),
        addedAtMs: world.clock.now(),
      }
      await backend.store.commit([{ kind: 'trust.put', forwarder }])
      return list(backend)
    }),
  )
  app.delete(
    '/api/trusted-forwarders',
    guard(async (request, _reply, backend) => {
      const { domain } = request.query as { domain?: string }
      await backend.store.commit([{ kind: 'trust.remove', account: backend.account.id, domain: String(domain ?? '') }])
      return list(backend)
    }),
  )
}
