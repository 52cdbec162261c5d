// Keeping an account safe, as its owner does it in the settings: `GET /api/security` shows how things stand, `POST` with an
// action changes it and shows them anew. Only for who signed in at the page: a program's password must not make others.

import type { FastifyInstance } from 'fastify'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { SecurityAnswer, SecurityDesk } from '../roles/security-desk.ts'
import { DiskError } from '../world/disk.ts'
import type { Backends } from './backends.ts'
import type { Guard } from './sign-in.ts'

type Wish = Readonly<Record<string, unknown>>
type Action = (desk: SecurityDesk, wish: Wish, from: string) => Promise<SecurityAnswer>

const MAX_TEXT = 1000
const textOf = (wish: Wish, key: string) => {
  const value = wish[key]
  return typeof value === 'string' && value.length <= MAX_TEXT ? value : ''
}
const listOf = (wish: Wish, key: string) =>
  Array.isArray(wish[key]) ? (wish[key] as unknown[]).filter((one) => typeof one === 'string') : []
const idOf = (wish: Wish) => (typeof wish.id === 'number' ? wish.id : -1)

const ACTIONS: Readonly<Record<string, Action>> = {
  make: (desk, wish, from) => desk.make(textOf(wish, 'name'), listOf(wish, 'doors'), textOf(wish, 'password'), from),
  revoke: (desk, wish) => desk.revoke(idOf(wish)),
  enrol: (desk, wish, from) => desk.enrol(textOf(wish, 'password'), from),
  confirm: (desk, wish) => desk.confirm(textOf(wish, 'code')),
  'turn-off': (desk, wish, from) => desk.turnOff(textOf(wish, 'password'), textOf(wish, 'code'), from),
  'change-password': (desk, wish, from) => desk.changePassword(textOf(wish, 'password'), textOf(wish, 'next'), from),
}

/** `renew`: the cookie of who asks, when a new password has ended the old ones. */
export function addSecurity(
  app: FastifyInstance,
  guard: Guard,
  backends: Backends,
  renew: (person: JmapBackend) => string,
): void {
  const atPage: (
    work: (desk: SecurityDesk, wish: Wish, from: string) => Promise<[number, object]>,
  ) => ReturnType<Guard> = (work) =>
    guard(async (request, reply, backend) => {
      if (request.headers.authorization !== undefined)
        return reply.code(403).send({ error: 'Only for who signed in at the page.' })
      const desk = backends.security?.(backend)
      if (desk === undefined) return reply.code(404).send({ error: 'Nothing can be set here.' })
      const [status, answer] = await work(desk, (request.body ?? {}) as Wish, request.ip)
      if (status === 200 && request.method === 'POST') reply.header('set-cookie', renew(backend))
      return reply.code(status).send(answer)
    })
  app.get(
    '/api/security',
    atPage(async (desk) => [200, desk.view()]),
  )
  app.post(
    '/api/security',
    atPage(async (desk, wish, from) => {
      const name = String(wish.action)
      const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined
      if (action === undefined) return [404, { error: 'There is no such action.' }]
      try {
        const answer = await action(desk, wish, from)
        if (answer !== undefined && 'complaint' in answer) return [400, { error: answer.complaint }]
        return [200, { ...desk.view(), ...answer }]
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        return [503, { error: 'The disk refuses now. Try again later.' }]
      }
    }),
  )
}
