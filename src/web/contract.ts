// A company whose mail is carried looks after it by HTTP, known as at the submission door: by the name and password of its
// contract (Basic), by its client certificate, or by its network. What was agreed and counted, its messages and their stories,
// whom it does not write to any more, and its webhooks. docs/sending.md.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Concurrency } from '../filter/rate.ts'
import type { ContractBook } from '../roles/transmitter/contract-book.ts'
import { DiskError } from '../world/disk.ts'
import type { Backends } from './backends.ts'
import { basicCredentials } from './cookies.ts'
import { Faults } from './letter-fields.ts'
import { addMessages } from './messages.ts'
import { type Problem, sendProblem } from './problem.ts'
import { isLoopback, type ProgramRoute, TOO_MANY_TRIES } from './program-door.ts'
import { invalid, type WithJson } from './sending.ts'
import { addWebhooks } from './webhooks.ts'

const AT_ONCE = 4
const AT_ONCE_IN_ALL = 64
const MAX_PAGE = 1000
const UNDER = '/api/contract'

type Route = (book: ContractBook, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

const SIGN_IN: Problem = {
  status: 401,
  code: 'sign-in',
  detail:
    'The name and password of a contract are needed (Basic), its client certificate, or an address of its network.',
}
const NOT_LISTED: Problem = {
  status: 404,
  code: 'not-found',
  detail: 'This address is not on the list of the contract.',
}

/**
 * Who is known without saying so. A page that somebody opens within that network, or in a browser that has the certificate,
 * could ask in their name: what comes from a page is not taken for theirs.
 */
function seen(backends: Backends, { headers, ip, raw }: FastifyRequest): ContractBook | undefined {
  if (headers.origin !== undefined || (headers['sec-fetch-site'] ?? 'none') !== 'none') return undefined
  const { getPeerCertificate } = raw.socket as { getPeerCertificate?: () => { raw?: Buffer } }
  return backends.contractSeen?.(getPeerCertificate?.call(raw.socket).raw, ip)
}

export function addContract(
  scope: FastifyInstance,
  {
    backends,
    isSecure,
    withJson,
  }: { readonly backends: Backends; readonly isSecure: boolean; readonly withJson: WithJson },
): void {
  const open = new Concurrency(AT_ONCE, AT_ONCE_IN_ALL)

  const door = (route: Route) => async (request: FastifyRequest, reply: FastifyReply) => {
    if (!isSecure && !isLoopback(request.ip))
      return sendProblem(reply, {
        ...{ status: 403, code: 'https-required' },
        detail: 'What proves who you are must not travel in plain text: use HTTPS.',
      })
    const { authorization } = request.headers
    const given = basicCredentials(authorization ?? '')
    // Who says a password is known by that alone.
    const book =
      authorization === undefined
        ? seen(backends, request)
        : given && (await backends.contract?.(given.address, given.password, request.ip))
    if (book === 'too-many') return sendProblem(reply, TOO_MANY_TRIES)
    if (book === undefined) {
      reply.header('www-authenticate', 'Basic realm="Borderpost contract", charset="UTF-8"')
      return sendProblem(reply, SIGN_IN)
    }
    const { name } = book.terms
    if (open.enter(name) !== 'ok')
      return sendProblem(reply, { status: 429, code: 'too-many', detail: `At most ${AT_ONCE} requests at once.` })
    try {
      return await route(book, request, reply)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      return sendProblem(reply, { status: 503, code: 'unavailable', detail: 'The disk refuses now. Try again later.' })
    } finally {
      open.leave(name)
    }
  }
  const ofDesk = (route: ProgramRoute) => door((book, request, reply) => route(book.messages, request, reply))

  scope.get(
    UNDER,
    door(async (book, _request, reply) => reply.send(book.overview())),
  )
  addMessages(scope, ofDesk, UNDER)
  addWebhooks(scope, ofDesk, withJson, UNDER)
  scope.get(
    `${UNDER}/suppressed`,
    door(async (book, request, reply) => {
      const { after = '', limit = '100' } = request.query as Readonly<Record<string, unknown>>
      const faults = new Faults()
      const said = faults.text(after, '#/after', 320)
      if (!/^\d{1,4}$/.test(String(limit)) || Number(limit) < 1 || Number(limit) > MAX_PAGE)
        faults.note('#/limit', `A number from 1 to ${MAX_PAGE} is needed.`)
      if (faults.list.length > 0) return sendProblem(reply, invalid(faults.list))
      return reply.send(book.suppressed(said ?? '', Number(limit)))
    }),
  )
  scope.delete(
    `${UNDER}/suppressed/:address`,
    door(async (book, request, reply) => {
      const { address } = request.params as { address: string }
      return (await book.unsuppress(address)) ? reply.code(204).send() : sendProblem(reply, NOT_LISTED)
    }),
  )
}
