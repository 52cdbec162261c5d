// Bringing and taking mail, as its owner does it in the settings: `GET /api/moving` shows how things stand, `POST` with an
// action changes it, `PUT /api/moving/upload` adds a piece of a file, `GET /api/moving/mail.zip` is all mail as an archive.
// Only for who signed in at the page: a program's password is not for all of it at once.

import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { MovingDesk } from '../moving/desk.ts'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import { DiskError } from '../world/disk.ts'
import type { Backends } from './backends.ts'
import type { Guard } from './sign-in.ts'

type Wish = Readonly<Record<string, unknown>>
type Person = JmapBackend['account']

/** A piece of an upload. */
const PIECE_BYTES = 8 * 1024 * 1024
const MAX_TEXT = 1000
const textOf = (wish: Wish, key: string) => {
  const value = wish[key]
  return typeof value === 'string' && value.length <= MAX_TEXT ? value : ''
}

const ACTIONS: Readonly<Record<string, (desk: MovingDesk, person: Person, wish: Wish) => Promise<string | undefined>>> =
  {
    upload: (desk, person, wish) =>
      desk.beginUpload(person, textOf(wish, 'name').slice(0, 255), Number(wish.sizeBytes)),
    bring: (desk, person) => desk.bring(person),
    copy: (desk, person, wish) => {
      const [host, user, password] = ['host', 'user', 'password'].map((key) => textOf(wish, key))
      return desk.copy(person, { host: host!, user: user!, password: password! })
    },
    async cancel(desk, person) {
      desk.cancel(person)
      return undefined
    },
    forget: (desk, person) => desk.forget(person),
  }

export function addMoving(app: FastifyInstance, guard: Guard, backends: Backends): void {
  type Work = (desk: MovingDesk, person: Person, request: FastifyRequest, reply: FastifyReply) => unknown
  const atPage = (work: Work) =>
    guard(async (request, reply, person) => {
      if (request.headers.authorization !== undefined)
        return reply.code(403).send({ error: 'Only for who signed in at the page.' })
      const desk = backends.moving?.(person)
      if (desk === undefined) return reply.code(404).send({ error: 'Mail cannot be moved here.' })
      try {
        return await work(desk, person.account, request, reply)
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        return reply.code(503).send({ error: 'The disk refuses now. Try again later.' })
      }
    })
  app.get(
    '/api/moving',
    atPage((desk, person) => desk.view(person)),
  )
  app.post(
    '/api/moving',
    atPage(async (desk, person, request, reply) => {
      const wish = (request.body ?? {}) as Wish
      const name = String(wish.action)
      if (!Object.hasOwn(ACTIONS, name)) return reply.code(404).send({ error: 'There is no such action.' })
      const complaint = await ACTIONS[name]!(desk, person, wish)
      return complaint === undefined ? desk.view(person) : reply.code(400).send({ error: complaint })
    }),
  )
  app.get(
    '/api/moving/mail.zip',
    atPage((desk, person, request, reply) => {
      const { format } = request.query as { format?: string }
      if (format !== 'mbox' && format !== 'maildir')
        return reply.code(400).send({ error: 'A format is mbox or maildir.' })
      if (desk.isTaking(person)) return reply.code(409).send({ error: 'You are taking your mail already.' })
      const pipe = new PassThrough()
      const append = async (bytes: Uint8Array) => {
        if (pipe.destroyed) throw new Error('Nobody listens any more.')
        if (!pipe.write(bytes)) await Promise.race([once(pipe, 'drain'), once(pipe, 'close')])
      }
      // What broke off is no archive: the browser sees that it is not whole.
      desk.take(person, format, { append }).then(
        () => pipe.end(),
        (error: Error) => pipe.destroy(error),
      )
      return reply
        .header('content-disposition', `attachment; filename="mail-${format}.zip"`)
        .type('application/zip')
        .send(pipe)
    }),
  )
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.put(
      '/api/moving/upload',
      { bodyLimit: PIECE_BYTES },
      atPage(async (desk, person, request, reply) => {
        const { offset } = request.query as { offset?: string }
        const bytes = request.body instanceof Buffer ? request.body : Buffer.alloc(0)
        const upload = await desk.addToUpload(person, Number(offset), bytes)
        return upload ?? reply.code(409).send({ error: 'No file is being uploaded.' })
      }),
    )
  })
}
