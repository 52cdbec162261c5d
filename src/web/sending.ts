// The sending API: messages as JSON, as they are (message/rfc822), or many of one text, in the name of whoever signs in; what
// became of them; and taking back what waits. One pipeline with SMTP and JMAP (roles/msa). A request with an Idempotency-Key
// is done once, however often it comes (draft-ietf-httpapi-idempotency-key-header). docs/sending.md is for its users.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { formatAddress } from '../message/address.ts'
import { addressesIn, distinct, withoutBcc } from '../message/recipients.ts'
import type { Reply } from '../protocols/smtp/reply.ts'
import { replyText } from '../protocols/smtp/reply.ts'
import { type Request, requestOf, type SendingDesk, type Sent } from '../roles/msa/sending.ts'
import type { TextMail } from '../roles/msa/submission.ts'
import type { World } from '../world/world.ts'
import type { Backends } from './backends.ts'
import { sendBatch } from './batch.ts'
import { parseJson, streamBodies } from './body.ts'
import { addContract } from './contract.ts'
import { labelsOf, readLetter, readWishes } from './letter.ts'
import { Faults } from './letter-fields.ts'
import { addMessages } from './messages.ts'
import { OPENAPI } from './openapi.ts'
import { type Problem, sendProblem } from './problem.ts'
import { type ProgramRoute, programDoor } from './program-door.ts'
import { Spool } from './spool.ts'
import { addWebhooks } from './webhooks.ts'

/** What a byte costs while its body is read: as it came, as a text, and what is made of it. */
const ROOM_FOR_JSON = 3
const ROOM_FOR_RAW = 2

export function addSending(app: FastifyInstance, world: World, backends: Backends, isSecure: boolean): void {
  const door = programDoor(world, backends, isSecure)
  const spool = new Spool(world)
  const withJson = jsonReader(spool)

  app.get('/api/openapi.json', (_request, reply) => reply.type('application/json').send(OPENAPI))

  app.register(async (scope) => {
    streamBodies(scope)
    scope.post('/api/send', door(withJson(send)))
    scope.post('/api/send/batch', door(withJson(batch)))
    scope.post('/api/send/raw', door(sendRaw))
    addMessages(scope, door)
    addWebhooks(scope, door, withJson)
    addContract(scope, { backends, isSecure, withJson })
  })

  async function send(desk: SendingDesk, { json, key }: Asked, reply: FastifyReply) {
    const { clock, random } = world
    const letter = readLetter(json, { nowMs: clock.now(), random, maxMessageBytes: desk.maxMessageBytes })
    if ('faults' in letter) return sendProblem(reply, invalid(letter.faults))
    return answer(reply, await desk.send(letter, key), (place) => pointerOf(json, letter.forwardPaths[place]!))
  }

  async function batch(desk: SendingDesk, asked: Asked, reply: FastifyReply) {
    const done = await sendBatch(desk, asked, world)
    if ('status' in done) return sendProblem(reply, done)
    if (done.again) reply.header('idempotency-replayed', 'true')
    return reply.send(done.body)
  }

  async function sendRaw(desk: SendingDesk, request: FastifyRequest, reply: FastifyReply) {
    if (!/^message\/rfc822 *(?:;|$)/i.test(request.headers['content-type'] ?? ''))
      return sendProblem(reply, { ...WRONG_TYPE, detail: 'The content type must be message/rfc822.' })
    const body = await spool.take(request, reply, desk.maxMessageBytes)
    if ('status' in body) return sendProblem(reply, body)
    try {
      return await body.read(ROOM_FOR_RAW, async (bytes) => {
        const envelope = ENVELOPE_FIELDS.map((field) => String(request.headers[field] ?? ''))
        const key = keyOf(request, [request.url, ...envelope, bytes])
        if (key !== undefined && 'status' in key) return sendProblem(reply, key)
        const mail = readRaw(request, bytes, world.clock.now())
        if ('faults' in mail) return sendProblem(reply, invalid(mail.faults))
        return answer(reply, await desk.send(mail, key), () => '#')
      })
    } finally {
      await body.remove()
    }
  }
}

export type WithJson = (route: JsonRoute) => ProgramRoute
type JsonRoute = (desk: SendingDesk, asked: Asked, reply: FastifyReply, request: FastifyRequest) => Promise<unknown>

/** Reads the object that a program sends. */
function jsonReader(spool: Spool): WithJson {
  return (route) => async (desk, request, reply) => {
    if (!/^application\/(?:[\w.-]+\+)?json *(?:;|$)/i.test(request.headers['content-type'] ?? ''))
      return sendProblem(reply, { ...WRONG_TYPE, detail: 'The content type must be application/json.' })
    // Base64 makes four bytes of three, and the rest of it is small.
    const most = Math.ceil((desk.maxMessageBytes * 4) / 3) + 1024 * 1024
    const body = await spool.take(request, reply, most)
    if ('status' in body) return sendProblem(reply, body)
    try {
      return await body.read(ROOM_FOR_JSON, async (bytes) => {
        const key = keyOf(request, [request.routeOptions.url!, bytes])
        if (key !== undefined && 'status' in key) return sendProblem(reply, key)
        const parsed = parseJson(bytes)
        if ('status' in parsed) return sendProblem(reply, parsed)
        return route(desk, { json: parsed.json, key }, reply, request)
      })
    } finally {
      await body.remove()
    }
  }
}

const ENVELOPE_FIELDS = ['x-envelope-from', 'x-envelope-to'] as const

/** What a program asked for, and the key under which it is done once. */
export interface Asked {
  readonly json: Readonly<Record<string, unknown>>
  readonly key: Request | undefined
}

const WRONG_TYPE = { status: 415, code: 'wrong-type' } as const

export const KEY_REUSED: Problem = {
  ...{ status: 422, code: 'key-reused' },
  detail: 'This Idempotency-Key came with another request in the last day. Make a new one for each new request.',
}

export const invalid = (errors: Faults['list']): Problem => ({
  ...{ status: 422, code: 'invalid', errors },
  detail: errors[0]!.detail,
})

/** A string of RFC 9651, or as it is. */
function keyOf({ headers }: FastifyRequest, asked: readonly (string | Uint8Array)[]): Request | Problem | undefined {
  const given = headers['idempotency-key']
  if (given === undefined) return undefined
  const key = typeof given === 'string' ? given.replace(/^"(.*)"$/, '$1') : ''
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    return {
      status: 400,
      code: 'bad-request',
      detail: 'An Idempotency-Key has 1 to 255 characters of ASCII, no spaces.',
    }
  return requestOf(key, asked)
}

function answer(reply: FastifyReply, sent: Sent, pointer: (place: number) => string) {
  if (sent.state === 'another') return sendProblem(reply, KEY_REUSED)
  if (sent.state === 'refused') {
    const { place } = sent
    return sendProblem(reply, refused(sent.reply, place === undefined ? undefined : pointer(place)))
  }
  if (sent.again) reply.header('idempotency-replayed', 'true')
  return reply.code(202).header('location', `/api/messages/${sent.answer.id}`).send(sent.answer)
}

/** What SMTP's reply is in HTTP: its enhanced code decides (RFC 3463). */
export function refused(reply: Reply, pointer?: string): Problem {
  const text = replyText(reply)
  const [, code = ''] = /^\d{3} (\d\.\d{1,3}\.\d{1,3}) /.exec(text) ?? []
  const detail = text.replace(/^\d{3} (?:\d\.\d{1,3}\.\d{1,3} )?/, '')
  const [status, word] =
    code === '5.3.4'
      ? [413, 'too-large']
      : code.startsWith('4.7.')
        ? [429, 'too-many']
        : reply.code < 500
          ? [503, 'unavailable']
          : code.startsWith('5.7.')
            ? [403, 'forbidden']
            : [422, 'invalid']
  const errors = pointer === undefined ? {} : { errors: [{ detail, pointer }] }
  return { ...{ status: status as number, code: word as string, detail, reply: text }, ...errors }
}

/** Where in the JSON this recipient stands. */
export function pointerOf(json: Asked['json'], address: string): string {
  const holds = (value: unknown) => {
    const text = typeof value === 'string' ? value : String((value as { email?: unknown } | null)?.email)
    return text.toLowerCase().includes(address.toLowerCase())
  }
  for (const name of ['to', 'cc', 'bcc']) {
    const value = json[name]
    const at = Array.isArray(value) ? value.findIndex(holds) : -1
    if (at >= 0) return `#/${name}/${at}`
    if (!Array.isArray(value) && value !== undefined && holds(value)) return `#/${name}`
  }
  return '#/to'
}

/** The envelope in the query or in fields of the request; what is not said is read from the message. */
function readRaw(
  request: FastifyRequest,
  bytes: Buffer,
  nowMs: number,
): TextMail | { readonly faults: Faults['list'] } {
  const faults = new Faults()
  const query = request.query as Readonly<Record<string, string | string[] | undefined>>
  const place = (name: string) => `#/${name}`
  const several = (name: string) => [query[name] ?? []].flat()
  const one = (name: string) => several(name).at(-1)
  for (const name of Object.keys(query))
    if (!RAW_FIELDS.includes(name)) faults.note(place(name), 'There is no such field.')
  const addressed = (name: string, field: string) => {
    const header = request.headers[field]
    const texts = several(name).length > 0 ? several(name) : [header ?? []].flat().flatMap((text) => text.split(','))
    return faults.mailboxes(texts.slice(0, 1001), place(name)).map(({ localPart, domain }) => ({ localPart, domain }))
  }
  const from = addressed('from', ENVELOPE_FIELDS[0])
  const to = addressed('to', ENVELOPE_FIELDS[1])
  const priority = one('priority')
  const wishes = readWishes(
    {
      holdUntil: one('holdUntil'),
      ...(priority !== undefined && { priority: /^-?\d$/.test(priority) ? Number(priority) : priority }),
      ...(one('requireTls') !== undefined && { requireTls: one('requireTls') === 'true' ? true : one('requireTls') }),
      ...(['notify', 'return', 'envelopeId'].some((name) => one(name) !== undefined) && {
        dsn: {
          ...(one('notify') !== undefined && {
            notify: one('notify') === 'never' ? 'never' : one('notify')!.split(','),
          }),
          ...(one('return') !== undefined && { return: one('return') }),
          ...(one('envelopeId') !== undefined && { envelopeId: one('envelopeId') }),
        },
      }),
    },
    ...([faults, place, nowMs] as const),
  )
  const tags = faults.tags(several('tag'), place('tag'))
  if (bytes.length === 0) faults.note('#', 'The message is empty.')
  if (bytes.includes(0)) faults.note('#', 'A message holds no NUL (RFC 5322 §2.1).')
  const senders = from.length > 0 ? from.map(formatAddress) : addressesIn(bytes, ['from'])
  if (senders.length !== 1) faults.note('#/from', 'One sender is needed: from=, or one address in the field From.')
  const forwardPaths = distinct(to.length > 0 ? to.map(formatAddress) : addressesIn(bytes, ['to', 'cc', 'bcc']))
  if (forwardPaths.length === 0)
    faults.note('#/to', 'At least one recipient is needed: to=, or an address in To, Cc, Bcc.')
  if (forwardPaths.length > 1000) faults.note('#/to', 'At most 1000 recipients in all.')
  if (faults.list.length > 0) return { faults: faults.list }
  return { ...wishes, labels: labelsOf(tags, {}), reversePath: senders[0]!, forwardPaths, source: withoutBcc(bytes) }
}

export const RAW_FIELDS = [
  ...['from', 'to', 'holdUntil', 'priority', 'requireTls', 'notify', 'return', 'envelopeId', 'tag'],
]
