// Keeping an account safe, as its owner does it in the settings: `GET /api/security` shows how things stand, `POST` with an
// action changes it and shows them anew. Only for who signed in at the page: a program's password must not make others.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { SecurityAnswer, SecurityDesk } from '../roles/security-desk.ts'
import { DiskError } from '../world/disk.ts'
import type { Backends } from './backends.ts'
import type { Browsers, Guard } from './sign-in.ts'

type Wish = Readonly<Record<string, unknown>>
type Action = (desk: SecurityDesk, wish: Wish, from: string) => Promise<SecurityAnswer>

const MAX_TEXT = 1000
const MAX_CERTIFICATE = 20_000
const textOf = (wish: Wish, key: string, most = MAX_TEXT) => {
  const value = wish[key]
  return typeof value === 'string' && value.length <= most ? value : ''
}
const listOf = (wish: Wish, key: string) =>
  Array.isArray(wish[key]) ? (wish[key] as unknown[]).filter((one) => typeof one === 'string') : []
const idOf = (wish: Wish) => (typeof wish.id === 'number' ? wish.id : -1)

const ACTIONS: Readonly<Record<string, Action>> = {
  make: (desk, wish, from) => desk.make(textOf(wish, 'name'), listOf(wish, 'doors'), textOf(wish, 'password'), from),
  revoke: (desk, wish) => desk.revoke(idOf(wish)),
  'revoke-grant': (desk, wish) => desk.revokeGrant(idOf(wish)),
  'add-certificate': (desk, wish, from) =>
    desk.addCertificate(
      {
        name: textOf(wish, 'name'),
        doors: listOf(wish, 'doors'),
        certificate: textOf(wish, 'certificate', MAX_CERTIFICATE),
        password: textOf(wish, 'password'),
      },
      from,
    ),
  'remove-certificate': (desk, wish) => desk.removeCertificate(idOf(wish)),
  unlink: (desk, wish) => desk.unlink(idOf(wish)),
  enrol: (desk, wish, from) => desk.enrol(textOf(wish, 'password'), from),
  confirm: (desk, wish) => desk.confirm(textOf(wish, 'code')),
  'turn-off': (desk, wish, from) => desk.turnOff(textOf(wish, 'password'), textOf(wish, 'code'), from),
  'end-connection': (desk, wish) => desk.endConnection(idOf(wish)),
  'passkey-begin': (desk, wish, from) => desk.beginPasskey(textOf(wish, 'password'), from),
  'passkey-add': (desk, wish) => desk.addPasskey(textOf(wish, 'name'), wish.response),
  'passkey-rename': (desk, wish) => desk.renamePasskey(idOf(wish), textOf(wish, 'name')),
  'passkey-revoke': (desk, wish) => desk.revokePasskey(idOf(wish)),
  'change-password': (desk, wish, from) => desk.changePassword(textOf(wish, 'password'), textOf(wish, 'next'), from),
}

export function addSecurity(app: FastifyInstance, guard: Guard, backends: Backends, browsers: Browsers): void {
  type Work = (desk: SecurityDesk, person: JmapBackend, request: FastifyRequest, reply: FastifyReply) => unknown
  const atPage = (work: Work) =>
    guard((request, reply, person) => {
      if (request.headers.authorization !== undefined)
        return reply.code(403).send({ error: 'Only for who signed in at the page.' })
      const desk = backends.security?.(person, request.host)
      return desk === undefined
        ? reply.code(404).send({ error: 'Nothing can be set here.' })
        : work(desk, person, request, reply)
    })
  app.get(
    '/api/security',
    atPage((desk, person, request) => ({ ...desk.view(), browsers: browsers.list(person, request) })),
  )
  app.post(
    '/api/security',
    atPage(async (desk, person, request, reply) => {
      const wish = (request.body ?? {}) as Wish
      const name = String(wish.action)
      try {
        if (name === 'end-browser') await browsers.end(person, idOf(wish))
        else if (!Object.hasOwn(ACTIONS, name)) return reply.code(404).send({ error: 'There is no such action.' })
        const answer = await ACTIONS[name]?.(desk, wish, request.ip)
        if (answer !== undefined && 'complaint' in answer) return reply.code(400).send({ error: answer.complaint })
        if (name === 'passkey-revoke') await browsers.endThoseBy(person, idOf(wish), request)
        // A new password has ended every browser, this one too.
        if (name === 'change-password') reply.header('set-cookie', await browsers.renew(person, request))
        return { ...desk.view(), browsers: browsers.list(person, request), ...answer }
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        return reply.code(503).send({ error: 'The disk refuses now. Try again later.' })
      }
    }),
  )
}
