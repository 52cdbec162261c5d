// Webhooks at the sending API: a person's programs say where they want to be told what becomes of his mail (roles/webhooks).

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SendingDesk } from '../roles/msa/sending.ts'
import type { WebhookWish } from '../roles/webhooks/desk.ts'
import { EVENT_TYPES, type EventType } from '../roles/webhooks/subscriptions.ts'
import { escapedName, Faults, type Json } from './letter-fields.ts'
import { sendProblem } from './problem.ts'
import type { ProgramRoute } from './program-door.ts'
import { invalid, type WithJson } from './sending.ts'

const NO_WEBHOOK = { status: 404, code: 'not-found', detail: 'No webhook of yours has this id.' } as const
const FIELDS = ['url', 'events', 'description', 'enabled']
const MAX_DESCRIPTION = 200

export function addWebhooks(
  scope: FastifyInstance,
  door: (route: ProgramRoute) => (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
  withJson: WithJson,
  under = '/api',
): void {
  scope.get(
    `${under}/webhooks`,
    door(async ({ webhooks }, _request, reply) => reply.send({ webhooks: webhooks.list() })),
  )
  scope.post(
    `${under}/webhooks`,
    door(
      withJson(async ({ webhooks }, { json }, reply) => {
        const wish = readWish(json, webhooks)
        if ('faults' in wish) return sendProblem(reply, invalid(wish.faults))
        const { url } = wish
        if (url === undefined) return sendProblem(reply, invalid([{ pointer: '#/url', detail: 'A URL is needed.' }]))
        const made = await webhooks.make({ ...wish, url })
        return 'complaint' in made
          ? sendProblem(reply, { status: 403, code: 'forbidden', detail: made.complaint })
          : reply.code(201).header('location', `${under}/webhooks/${made.id}`).send(made)
      }),
    ),
  )
  scope.get(
    `${under}/webhooks/:id`,
    door(async ({ webhooks }, request, reply) => shown(reply, webhooks.find(idOf(request)))),
  )
  scope.patch(
    `${under}/webhooks/:id`,
    door(
      withJson(async ({ webhooks }, { json }, reply, request) => {
        const wish = readWish(json, webhooks)
        return 'faults' in wish
          ? sendProblem(reply, invalid(wish.faults))
          : shown(reply, await webhooks.change(idOf(request), wish))
      }),
    ),
  )
  scope.delete(
    `${under}/webhooks/:id`,
    door(async ({ webhooks }, request, reply) =>
      (await webhooks.remove(idOf(request))) ? reply.code(204).send() : sendProblem(reply, NO_WEBHOOK),
    ),
  )
  scope.post(
    `${under}/webhooks/:id/rotate`,
    door(async ({ webhooks }, request, reply) => shown(reply, await webhooks.rotate(idOf(request)))),
  )
  scope.post(
    `${under}/webhooks/:id/test`,
    door(async ({ webhooks }, request, reply) => shown(reply, await webhooks.test(idOf(request)))),
  )
}

const shown = (reply: FastifyReply, found: object | undefined) =>
  found === undefined ? sendProblem(reply, NO_WEBHOOK) : reply.send(found)

const idOf = ({ params }: FastifyRequest): number => webhookNumber((params as { id: string }).id)

/** 0: it is the name of none. */
export function webhookNumber(name: string): number {
  const digits = /^wh_(\d{1,15})$/.exec(name)?.[1]
  return digits === undefined ? 0 : Number(digits)
}

const isEventType = (value: unknown): value is EventType => (EVENT_TYPES as readonly unknown[]).includes(value)

/** What somebody says of a webhook, or what is wrong with it. */
export function readWish(json: Json, desk: SendingDesk['webhooks']): WebhookWish | { readonly faults: Faults['list'] } {
  const faults = new Faults()
  const { url, events, description, enabled } = json
  for (const name of Object.keys(json))
    if (!FIELDS.includes(name)) faults.note(`#/${escapedName(name)}`, 'There is no such field.')
  const complaint = url === undefined ? undefined : desk.complaintOf(String(url))
  if (complaint !== undefined) faults.note('#/url', complaint)
  const isList = Array.isArray(events) && events.every(isEventType)
  if (events !== undefined && !isList) faults.note('#/events', `A list of these is needed: ${EVENT_TYPES.join(', ')}.`)
  const called = description === undefined ? undefined : faults.text(description, '#/description', MAX_DESCRIPTION)
  if (enabled !== undefined && typeof enabled !== 'boolean') faults.note('#/enabled', 'true or false is needed.')
  if (faults.list.length > 0) return { faults: faults.list }
  return {
    ...(url !== undefined && { url: String(url) }),
    ...(isList && { events: [...new Set(events)] }),
    ...(called !== undefined && { description: called }),
    ...(enabled !== undefined && { enabled: enabled as boolean }),
  }
}
