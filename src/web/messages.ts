// What was sent and what became of it, for the programs of who sent it: lists, the story of one, and taking back what waits.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SendingDesk } from '../roles/msa/sending.ts'
import { Faults } from './letter-fields.ts'
import { sendProblem } from './problem.ts'
import type { ProgramRoute } from './program-door.ts'
import { invalid } from './sending.ts'

const MAX_PAGE = 200
const NO_MESSAGE = { status: 404, code: 'not-found', detail: 'No message of yours has this id, or no longer.' } as const

export function addMessages(
  scope: FastifyInstance,
  door: (route: ProgramRoute) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
  under = '/api',
): void {
  scope.get(`${under}/messages`, door(list))
  scope.get(`${under}/messages/:id`, door(story))
  scope.post(`${under}/messages/:id/cancel`, door(cancel))
}

async function list(desk: SendingDesk, request: FastifyRequest, reply: FastifyReply) {
  const query = request.query as Readonly<Record<string, unknown>>
  const faults = new Faults()
  const text = (name: string) => (query[name] === undefined ? undefined : faults.text(query[name], `#/${name}`, 320))
  const time = (name: string) => {
    const said = text(name)
    const ms = said === undefined ? undefined : Date.parse(said)
    return ms !== undefined && Number.isNaN(ms) ? faults.note(`#/${name}`, 'A time is needed (RFC 3339).') : ms
  }
  const count = (name: string, most: number) => {
    const said = text(name)
    if (said === undefined) return undefined
    const isGood = /^\d{1,16}$/.test(said) && Number(said) >= 1 && Number(said) <= most
    return isGood ? Number(said) : faults.note(`#/${name}`, `A number from 1 to ${most} is needed.`)
  }
  const [limit = 50, before] = [count('limit', MAX_PAGE), count('before', Number.MAX_SAFE_INTEGER)]
  const [tag, recipient, sinceMs, untilMs] = [text('tag'), text('recipient'), time('since'), time('until')]
  if (faults.list.length > 0) return sendProblem(reply, invalid(faults.list))
  const narrowed = {
    ...(before !== undefined && { before }),
    ...(tag !== undefined && { tag }),
    ...(recipient !== undefined && { recipient }),
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== undefined && { untilMs }),
  }
  return reply.send({ next: null, ...desk.messages({ limit, ...narrowed }) })
}

async function story(desk: SendingDesk, request: FastifyRequest, reply: FastifyReply) {
  const message = desk.message((request.params as { id: string }).id)
  return message === undefined ? sendProblem(reply, NO_MESSAGE) : reply.send(message)
}

async function cancel(desk: SendingDesk, request: FastifyRequest, reply: FastifyReply) {
  const { id } = request.params as { id: string }
  const done = await desk.cancel(id)
  if (done === 'unknown') return sendProblem(reply, NO_MESSAGE)
  if (done === 'too-late')
    return sendProblem(reply, {
      status: 409,
      code: 'too-late',
      detail: 'It has left, or is on its way: see its events.',
    })
  return reply.send(desk.message(id))
}
