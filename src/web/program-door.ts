// A program of somebody's at the web server: who it is by an app password (Basic, RFC 7617) or an access token (Bearer,
// RFC 6750) that is good for submission, over HTTPS or from this machine, a few requests at a time.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { Concurrency } from '../filter/rate.ts'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { SendingDesk } from '../roles/msa/sending.ts'
import { DiskError } from '../world/disk.ts'
import type { World } from '../world/world.ts'
import type { Backends } from './backends.ts'
import { baseOf } from './base.ts'
import { BasicMemory, basicCredentials } from './cookies.ts'
import { type Problem, sendProblem } from './problem.ts'

const AT_ONCE = 8
const AT_ONCE_IN_ALL = 128

export type ProgramRoute = (desk: SendingDesk, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

const SIGN_IN: Problem = {
  ...{ status: 401, code: 'sign-in' },
  detail:
    'An app password that is good for sending (Basic), or an access token with the scope smtp (Bearer) is needed.',
}

/** Wraps a route for programs that send in somebody's name. */
export function programDoor(
  world: World,
  backends: Backends,
  isSecure: boolean,
): (route: ProgramRoute) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const basic = new BasicMemory(world, backends)
  const open = new Concurrency(AT_ONCE, AT_ONCE_IN_ALL)

  async function whoAsks({ headers, ip }: FastifyRequest): Promise<JmapBackend | Problem> {
    const { authorization = '' } = headers
    const token = /^Bearer +([A-Za-z0-9._~+/=-]{1,8000}) *$/i.exec(authorization)?.[1]
    if (token !== undefined) {
      const found = (await backends.bearer?.(token, ip, 'smtp')) ?? SIGN_IN
      if (found === 'insufficient_scope')
        return {
          status: 403,
          code: 'forbidden',
          detail: 'This access token is for other things: it lacks the scope smtp.',
        }
      return found === 'too-many' ? TOO_MANY_TRIES : found
    }
    const known = basic.get(authorization)
    if (known !== undefined) return known
    const given = basicCredentials(authorization)
    if (given === undefined) return SIGN_IN
    const found = await backends.authenticate(given.address, given.password, ip, 'smtp')
    if (found === 'too-many') return TOO_MANY_TRIES
    if (found === 'unavailable')
      return { status: 503, code: 'unavailable', detail: 'Passwords cannot be checked now. It is not yours.' }
    if (typeof found !== 'object') return SIGN_IN
    basic.put(authorization, found)
    return found
  }

  return (route) => async (request, reply) => {
    if (!isSecure && !isLoopback(request.ip))
      return sendProblem(reply, {
        ...{ status: 403, code: 'https-required' },
        detail: 'What proves who you are must not travel in plain text: use HTTPS.',
      })
    const found = await whoAsks(request)
    if ('status' in found) {
      const metadata = `${baseOf(request, isSecure)}/.well-known/oauth-protected-resource`
      if (found.status === 401)
        reply.header('www-authenticate', [
          'Basic realm="Borderpost", charset="UTF-8"',
          ...(backends.issuer === undefined ? [] : [`Bearer realm="Borderpost", resource_metadata="${metadata}"`]),
        ])
      return sendProblem(reply, found)
    }
    const desk = backends.sending?.(found)
    const isByPassword = !/^Bearer /i.test(request.headers.authorization ?? '')
    if (desk === undefined)
      return sendProblem(reply, { status: 404, code: 'not-found', detail: 'No MSA here takes mail of yours.' })
    if (isByPassword && !desk.takesPasswords)
      return sendProblem(reply, { status: 403, code: 'forbidden', detail: 'This MSA takes no passwords.' })
    const key = desk.author.address
    if (open.enter(key) !== 'ok')
      return sendProblem(reply, { status: 429, code: 'too-many', detail: `At most ${AT_ONCE} requests at once.` })
    try {
      return await route(desk, request, reply)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      return sendProblem(reply, { status: 503, code: 'unavailable', detail: 'The disk refuses now. Try again later.' })
    } finally {
      open.leave(key)
    }
  }
}

export const TOO_MANY_TRIES: Problem = { status: 429, code: 'too-many', detail: 'Too many tries. Wait a minute.' }

export const isLoopback = (address: string) =>
  address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.')
