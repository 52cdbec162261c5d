// Where is my mail: `GET /api/where?q=…`, for what the signed-in person sent and got, and for nobody else's.

import type { FastifyInstance } from 'fastify'
import { lineOf, sentenceOf } from '../roles/where/sentence.ts'
import type { Backends } from './backends.ts'
import type { Guard } from './sign-in.ts'

export function addWhere(app: FastifyInstance, guard: Guard, backends: Backends): void {
  app.get(
    '/api/where',
    guard((request, reply, backend) => {
      const { q } = request.query as { q?: unknown }
      if (typeof q !== 'string' || q.trim() === '' || q.length > 500)
        return reply
          .code(400)
          .send({ error: 'Say what you look for: q=, an address, a Message-ID or words of the subject.' })
      const stories = backends.where?.(backend, q)
      if (stories === undefined) return reply.code(404).send({ error: 'Nothing is kept here of what becomes of mail.' })
      return {
        stories: stories.map((story) => ({
          sentence: sentenceOf(story),
          messageId: story.messageId,
          subject: story.subject,
          /** Recipients that the asking person's mail is not taken for now, and whom he may take off his list. */
          stopped: backends.suppressed?.(backend)?.stopped(story.events.map(({ forwardPath }) => forwardPath)) ?? [],
          lines: story.events.map((event) => ({
            atMs: event.atMs,
            role: event.role,
            kind: event.kind,
            text: lineOf(event),
          })),
        })),
      }
    }),
  )
}
