// Addresses that somebody's mail did not reach: `GET /api/suppressed` lists them, `POST {"address": …}` takes one off, so that
// it can be written to again.

import type { FastifyInstance } from 'fastify'
import { DiskError } from '../world/disk.ts'
import type { Backends } from './backends.ts'
import type { Guard } from './sign-in.ts'

const MAX_ADDRESS = 500

export function addSuppressed(app: FastifyInstance, guard: Guard, backends: Backends): void {
  app.get(
    '/api/suppressed',
    guard((_request, reply, person) => {
      const desk = backends.suppressed?.(person)
      return desk ? { addresses: desk.list() } : reply.code(404).send({ error: 'Nothing is sent from here.' })
    }),
  )
  app.post(
    '/api/suppressed',
    guard(async (request, reply, person) => {
      const desk = backends.suppressed?.(person)
      const { address } = (request.body ?? {}) as { address?: unknown }
      if (desk === undefined) return reply.code(404).send({ error: 'Nothing is sent from here.' })
      if (typeof address !== 'string' || address.length > MAX_ADDRESS)
        return reply.code(400).send({ error: 'Say which address: {"address": "…"}.' })
      try {
        const complaint = await desk.takeOff(address)
        return complaint === undefined ? { addresses: desk.list() } : reply.code(404).send({ error: complaint })
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        return reply.code(503).send({ error: 'The disk refuses now. Try again later.' })
      }
    }),
  )
}
