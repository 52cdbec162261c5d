// Signing in through another issuer (OpenID Connect): the person goes there, comes back to `/api/sign-in/done`, and is signed in
// like anybody else; with a second factor on, our own code is asked for still. What must be remembered meanwhile lies in a
// signed cookie for these paths alone, since the answer comes from another site.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { JmapBackend } from '../protocols/jmap/types.ts'
import type { Attempt, OtherFault } from '../roles/oauth/other-issuer.ts'
import type { World } from '../world/world.ts'
import type { Backends } from './backends.ts'
import { baseOf } from './base.ts'
import { isOwnPage, namedCookie } from './cookies.ts'
import type { Guard } from './sign-in.ts'

const COOKIE = 'borderpost-other'
const PATH = '/api/sign-in'
const LIFETIME_MS = 600_000
const MAX_QUERY = 4000
const MAX_CODE = 40
/** Pages of ours, and nothing that a browser could take for another site. */
const ONWARD = /^\/(?:mail|reports|oauth\/authorize)(?:\?[\x21-\x7e]{0,3000})?$/

/** On the way there, or back with only the code missing. */
type Kept =
  | {
      readonly step: 'there'
      readonly agent: string
      readonly attempt: Attempt
      readonly to: string
      readonly link?: string
    }
  | { readonly step: 'code'; readonly address: string }

interface OtherSignInOptions {
  readonly world: World
  readonly backends: Backends
  readonly guard: Guard
  readonly key: Buffer
  readonly isSecure: boolean
  /** The person is who the issuer says: signed in from now on. */
  readonly signIn: (person: JmapBackend, request: FastifyRequest) => Promise<string>
  readonly describe: (person: JmapBackend) => object
}

export function addOtherSignIn(app: FastifyInstance, options: OtherSignInOptions): void {
  const { world, backends, guard, isSecure, signIn, describe } = options
  const others = backends.otherIssuers
  if (others === undefined) return
  const key = createHmac('sha256', options.key).update('sign-in through another issuer').digest()
  const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url')
  const doneAt = (request: FastifyRequest) => `${baseOf(request, isSecure)}${PATH}/done`

  const cookie = (kept: Kept | undefined): string => {
    const claim = Buffer.from(JSON.stringify([world.clock.now() + LIFETIME_MS, kept])).toString('base64url')
    const age = kept === undefined ? 0 : LIFETIME_MS / 1000
    const value = kept === undefined ? '' : `${claim}.${sign(claim)}`
    return `${COOKIE}=${value}; Path=${PATH}; HttpOnly; SameSite=Lax; Max-Age=${age}${isSecure ? '; Secure' : ''}`
  }
  const keptIn = (request: FastifyRequest): Kept | undefined => {
    const [claim = '', signature = ''] = (namedCookie(request, COOKIE) ?? '').split('.')
    const expected = Buffer.from(sign(claim))
    const given = Buffer.from(signature)
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined
    const [untilMs, kept] = JSON.parse(Buffer.from(claim, 'base64url').toString()) as [number, Kept]
    return untilMs > world.clock.now() ? kept : undefined
  }
  const backWith = (reply: FastifyReply, why: OtherFault) =>
    reply.header('set-cookie', cookie(undefined)).redirect(`/mail?${new URLSearchParams({ 'sign-in': why })}`, 303)

  app.get(`${PATH}/other/:agent`, async (request, reply) => {
    const { agent } = request.params as { agent: string }
    const { to } = request.query as { to?: unknown }
    const begun = await others.begin(agent, doneAt(request), request.ip)
    if ('fault' in begun) return backWith(reply, begun.fault)
    const onward = typeof to === 'string' && ONWARD.test(to) ? to : '/mail'
    const kept: Kept = { step: 'there', agent, attempt: begun.attempt, to: onward }
    return reply.header('set-cookie', cookie(kept)).redirect(begun.to, 303)
  })

  /** Links a subject of the issuer to the account of who is signed in: the password is asked for, since it lasts. */
  app.post(
    `${PATH}/link`,
    guard(async (request, reply, person) => {
      if (request.headers.authorization !== undefined)
        return reply.code(403).send({ error: 'Only for who signed in at the page.' })
      const { password } = (request.body ?? {}) as { password?: unknown }
      const desk = backends.security?.(person, request.host)
      const refusal = await desk?.refusalOf(typeof password === 'string' ? password : '', request.ip)
      if (refusal !== undefined) return reply.code(400).send({ error: refusal })
      const agent = others.of(person)
      const begun = agent === undefined ? undefined : await others.begin(agent, doneAt(request), request.ip)
      if (begun === undefined) return reply.code(404).send({ error: 'There is no other issuer here.' })
      if ('fault' in begun) return reply.code(503).send({ error: 'It does not answer now. Try again later.' })
      const kept: Kept = {
        step: 'there',
        agent: agent!,
        attempt: begun.attempt,
        to: '/mail',
        link: person.account.address,
      }
      return reply.header('set-cookie', cookie(kept)).send({ to: begun.to })
    }),
  )

  app.get(`${PATH}/done`, async (request, reply) => {
    const kept = keptIn(request)
    if (kept?.step !== 'there') return backWith(reply, 'late')
    const query = new URLSearchParams(request.url.slice(request.url.indexOf('?') + 1).slice(0, MAX_QUERY))
    const found = await others.finish(kept, query, doneAt(request), request.ip)
    if ('fault' in found) return backWith(reply, found.fault)
    const { person, needsCode } = found
    if (kept.link !== undefined) return reply.header('set-cookie', cookie(undefined)).redirect('/mail', 303)
    if (needsCode)
      return reply
        .header('set-cookie', cookie({ step: 'code', address: person.account.address }))
        .redirect('/mail?sign-in=code', 303)
    return reply.header('set-cookie', [cookie(undefined), await signIn(person, request)]).redirect(kept.to, 303)
  })

  app.post(`${PATH}/code`, async (request, reply) => {
    const { code } = (request.body ?? {}) as { code?: unknown }
    const kept = keptIn(request)
    if (!isOwnPage(request) || kept?.step !== 'code')
      return reply.code(401).send({ error: 'That took too long. Begin anew.' })
    const text = typeof code === 'string' && code.length <= MAX_CODE ? code.trim() : ''
    const person = await others.takeCode(kept.address, text, request.ip)
    if (person === 'too-many') return reply.code(429).send({ error: 'Too many tries. Wait a minute, then try again.' })
    if (person === undefined)
      return reply.code(401).send({ needsCode: true, error: 'The code is not right, or was used before.' })
    return reply.header('set-cookie', [cookie(undefined), await signIn(person, request)]).send(describe(person))
  })
}
