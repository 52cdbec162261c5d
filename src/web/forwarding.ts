// Forwarding as a Recipient arranges it: `GET /api/forwarding` shows how things stand, `POST` with an action changes it
// and shows them anew. What cannot be done is said in one sentence.

import type { FastifyInstance } from 'fastify'
import type { Complaint, ForwardingDesk } from '../roles/forwarder/desk.ts'
import { DiskError } from '../world/disk.ts'
import type { Backends } from './backends.ts'
import type { Guard } from './sign-in.ts'

type Wish = Readonly<Record<string, unknown>>

const MAX_TEXT = 50_000
const textOf = (wish: Wish, key: string) => {
  const value = wish[key]
  return typeof value === 'string' && value.length <= MAX_TEXT ? value.trim() : ''
}

const ACTIONS: Readonly<Record<string, (desk: ForwardingDesk, wish: Wish) => Promise<Complaint>>> = {
  ask: (desk, wish) => desk.ask({ from: textOf(wish, 'from'), to: textOf(wish, 'to'), keep: wish.keep === true }),
  confirm: (desk, wish) => desk.confirm(textOf(wish, 'from'), textOf(wish, 'code')),
  tell: (desk, wish) => desk.tell(textOf(wish, 'from'), textOf(wish, 'text')),
  remove: (desk, wish) => desk.remove(textOf(wish, 'from')),
  resume: (desk, wish) => desk.resume(textOf(wish, 'from')),
  accept: (desk, wish) => desk.accept(typeof wish.email === 'number' ? wish.email : -1),
  dismiss: (desk, wish) => desk.dismiss(textOf(wish, 'domain').slice(0, 253)),
}

export function addForwarding(app: FastifyInstance, guard: Guard, backends: Backends): void {
  app.get(
    '/api/forwarding',
    guard(async (_request, reply, backend) => {
      const desk = backends.forwarding?.(backend)
      return desk ? desk.view() : reply.code(404).send({ error: 'Nothing is forwarded here.' })
    }),
  )
  app.post(
    '/api/forwarding',
    guard(async (request, reply, backend) => {
      const desk = backends.forwarding?.(backend)
      const wish = (request.body ?? {}) as Wish
      const action = Object.hasOwn(ACTIONS, String(wish.action)) ? ACTIONS[String(wish.action)] : undefined
      if (desk === undefined || action === undefined) return reply.code(404).send({ error: 'There is no such action.' })
      try {
        const complaint = await action(desk, wish)
        return complaint === undefined ? desk.view() : reply.code(400).send({ error: complaint })
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        return reply.code(503).send({ error: 'The disk refuses now. Try again later.' })
      }
    }),
  )
}
