// Webhooks in a person's own settings (docs/sending.md): `GET /api/settings/webhooks` shows them and how each goes, `POST` with
// an action makes, tests, turns on or off, renews the secret of, or removes one. What programs do at /api/webhooks, with the
// cookie of a browser.

import type { FastifyInstance } from 'fastify'
import type { WebhookDesk } from '../roles/webhooks/desk.ts'
import { EVENT_TYPES } from '../roles/webhooks/subscriptions.ts'
import { DiskError } from '../world/disk.ts'
import type { Backends } from './backends.ts'
import type { Json } from './letter-fields.ts'
import type { Guard } from './sign-in.ts'
import { readWish, webhookNumber } from './webhooks.ts'

const PATH = '/api/settings/webhooks'

/** What is answered beside the list. */
interface Done {
  /** Shown once. */
  readonly secret?: string
  readonly said?: string
}

type Action = (desk: WebhookDesk, wish: Json, id: number) => Promise<Done | { readonly complaint: string }>

const GONE = { complaint: 'This webhook is not there any more.' }

const ACTIONS: Readonly<Record<string, Action>> = {
  async make(desk, { url, events, description }) {
    const wish = readWish({ url: url ?? '', events, description }, desk)
    if ('faults' in wish) return { complaint: wish.faults[0]!.detail }
    const made = await desk.make({ ...wish, url: wish.url! })
    return 'complaint' in made ? made : { secret: made.secret }
  },
  async test(desk, _wish, id) {
    const tested = await desk.test(id)
    if (tested === undefined) return GONE
    return { said: `${tested.taken ? 'It took a test' : 'It did not take a test'}: ${tested.answer}` }
  },
  async rotate(desk, _wish, id) {
    const renewed = await desk.rotate(id)
    return renewed === undefined ? GONE : { secret: renewed.secret }
  },
  enable: async (desk, { enabled }, id) =>
    (await desk.change(id, { enabled: enabled === true })) === undefined ? GONE : {},
  remove: async (desk, _wish, id) => ((await desk.remove(id)) ? {} : GONE),
}

export function addOwnWebhooks(app: FastifyInstance, guard: Guard, backends: Backends): void {
  const nothing = { error: 'Nothing is sent from here.' }
  const view = (desk: WebhookDesk) => ({ webhooks: desk.list(), events: EVENT_TYPES })

  app.get(
    PATH,
    guard((_request, reply, person) => {
      const desk = backends.sending?.(person)?.webhooks
      return desk ? view(desk) : reply.code(404).send(nothing)
    }),
  )
  app.post(
    PATH,
    guard(async (request, reply, person) => {
      const desk = backends.sending?.(person)?.webhooks
      if (desk === undefined) return reply.code(404).send(nothing)
      const wish = (request.body ?? {}) as Json
      const { action, id } = wish
      const act = typeof action === 'string' && Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
      if (act === undefined)
        return reply.code(400).send({ error: `An action is needed: ${Object.keys(ACTIONS).join(', ')}.` })
      try {
        const done = await act(desk, wish, webhookNumber(String(id)))
        return 'complaint' in done ? reply.code(400).send({ error: done.complaint }) : { ...view(desk), ...done }
      } catch (error) {
        if (!(error instanceof DiskError)) throw error
        return reply.code(503).send({ error: 'The disk refuses now. Try again later.' })
      }
    }),
  )
}
