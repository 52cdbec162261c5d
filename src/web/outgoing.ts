// Why an Author's mail is slowed or held, and his word that it was he: `GET /api/outgoing` shows how things stand, `POST`
// with a code of the second factor confirms. Only for who signed in at the page.

import type { FastifyInstance } from 'fastify'
import { DiskError } from '../world/disk.ts'
import type { Backends } from './backends.ts'
import type { Guard } from './sign-in.ts'

const MAX_CODE = 100

export function addOutgoing(app: FastifyInstance, guard: Guard, backends: Backends): void {
  app.get(
    '/api/outgoing',
    guard(async (_request, reply, person) => {
      const desk = backends.outgoing?.(person)
      return desk ? desk.view() : reply.code(404).send({ error: 'Nothing is sent from here.' })
    }),
  )
  app.post(
    '/api/outgoing',
    guard(async (request, reply, person) => {
      const desk = backends.outgoing?.(person)
      const { code } = (request.body ?? {}) as { code?: unknown }
      if (request.headers.authorization !== undefined)
        return reply.code(403).send({ error: 'Only for who signed in at the page.' })
      if (desk === undefined || typeof code !== 'string' || code.length > MAX_CODE)
        return reply.code(404).send({ error: 'There is no such action.' })
      try {
        const complaint = await desk.confirm(code, request.ip)
        return complaint === undefined ? desk.view() : reply.code(400).send({ error: complaint })
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        return reply.code(503).send({ error: 'The disk refuses now. Try again later.' })
      }
    }),
  )
}
