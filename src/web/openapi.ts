// The sending API in the words of OpenAPI 3.1, as it is served. A test holds it against the routes, the fields that are read,
// and the answers that are given (sending.test.ts).

import { STORY_TYPES } from '../roles/msa/story.ts'
import { EVENT_TYPES } from '../roles/webhooks/subscriptions.ts'
import { CONTRACT_SCHEMAS, contractPaths } from './openapi-contract.ts'

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const text = (description: string) => ({ type: 'string', description })
const list = (items: object, description: string) => ({ type: 'array', items, description })
const strings = { type: 'object', additionalProperties: { type: 'string' } }
const json = (schema: object) => ({ content: { 'application/json': { schema } } })
const answer = (description: string, schema: object) => ({ description, ...json(schema) })
const problem = {
  description: 'What went wrong, and where (RFC 9457)',
  content: { 'application/problem+json': { schema: ref('Problem') } },
}
const query = (name: string, description: string, schema: object = { type: 'string' }) => ({
  ...{ name, in: 'query', required: false, description, schema },
})
const KEY = {
  ...{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', maxLength: 255 } },
  description: 'For a day the same key with the same request gives the same answer, and the message is sent once.',
}
const ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }
const addresses = { oneOf: [ref('Address'), { type: 'array', items: ref('Address') }] }

const LETTER = {
  from: ref('Address'),
  to: addresses,
  cc: addresses,
  bcc: addresses,
  replyTo: addresses,
  subject: text('One line.'),
  text: text('The message as plain text.'),
  html: text('The message as HTML; cid: names attachments that have a contentId.'),
  attachments: list(ref('Attachment'), 'At most 100.'),
  headers: { ...strings, description: 'Further header fields: X-…, List-…, References, In-Reply-To and their like.' },
  envelopeFrom: {
    ...ref('Address'),
    description: 'Where bounces go, an address of yours; from where it is not given.',
  },
  dsn: ref('Dsn'),
  holdUntil: {
    type: 'string',
    format: 'date-time',
    description: 'It does not leave before then: up to 60 days ahead.',
  },
  priority: { type: 'integer', minimum: -9, maximum: 9, description: 'What goes first (RFC 6710).' },
  requireTls: { type: 'boolean', description: 'Only over proven TLS, or back (RFC 8689).' },
  tags: list({ type: 'string', maxLength: 64 }, 'At most 10, to find it again.'),
  metadata: { ...strings, description: 'At most 20 texts of your own, given back with each event.' },
  variables: {
    type: 'object',
    additionalProperties: { type: ['string', 'number', 'boolean'] },
    description: 'Values for {{name}} in subject, text, html (escaped there) and headers.',
  },
}

const MESSAGE = {
  id: { type: 'string' },
  messageId: { type: 'string' },
  subject: { type: 'string' },
  from: { type: 'string' },
  to: list({ type: 'string' }, 'The first ten recipients.'),
  status: ref('Status'),
  recipientCount: { type: 'integer' },
  createdAt: { type: 'string', format: 'date-time' },
  via: text('HTTP, or the protocol that it came by.'),
  sizeBytes: { type: 'integer' },
  tags: list({ type: 'string' }, 'As they were given.'),
  metadata: strings,
  holdUntil: { type: 'string', format: 'date-time' },
}
const MESSAGE_NEEDS = Object.keys(MESSAGE).filter((name) => name !== 'holdUntil')

const SCHEMAS = {
  Address: {
    oneOf: [
      { type: 'string' },
      { type: 'object', properties: { email: { type: 'string' }, name: { type: 'string' } }, required: ['email'] },
    ],
    description: 'anna@example.org, “Anna <anna@example.org>”, or an object.',
  },
  Attachment: {
    type: 'object',
    properties: {
      content: { type: 'string', contentEncoding: 'base64' },
      filename: { type: 'string' },
      contentType: { type: 'string' },
      contentId: text('The HTML shows it as cid:…'),
    },
    required: ['content'],
    additionalProperties: false,
  },
  Dsn: {
    type: 'object',
    properties: {
      notify: { oneOf: [{ enum: ['never'] }, list({ enum: ['success', 'failure', 'delay'] }, 'When to be told.')] },
      return: { enum: ['full', 'headers'] },
      envelopeId: { type: 'string' },
    },
    additionalProperties: false,
    description: 'Delivery status notifications by mail (RFC 3461).',
  },
  Letter: { type: 'object', properties: LETTER, required: ['from'], additionalProperties: false },
  Batch: {
    type: 'object',
    properties: {
      ...LETTER,
      messages: list(
        { type: 'object', properties: LETTER, additionalProperties: false },
        'Up to 1,000: what each has of its own.',
      ),
    },
    required: ['messages'],
    additionalProperties: false,
  },
  Taken: {
    type: 'object',
    properties: {
      id: { type: 'string' },
      messageId: { type: 'string' },
      status: { enum: ['queued', 'held'] },
      recipients: { type: 'integer' },
      holdUntil: { type: 'string', format: 'date-time' },
    },
    required: ['id', 'messageId', 'status', 'recipients'],
    additionalProperties: false,
  },
  Results: {
    type: 'object',
    properties: {
      accepted: { type: 'integer' },
      results: list(
        {
          oneOf: [
            {
              type: 'object',
              properties: {
                status: { enum: [202] },
                state: { enum: ['queued', 'held'] },
                id: { type: 'string' },
                messageId: { type: 'string' },
                recipients: { type: 'integer' },
                holdUntil: { type: 'string' },
              },
              required: ['status', 'state', 'id', 'messageId', 'recipients'],
              additionalProperties: false,
            },
            ref('Problem'),
          ],
        },
        'One for each message, in their order.',
      ),
    },
    required: ['accepted', 'results'],
    additionalProperties: false,
  },
  Status: { enum: STORY_TYPES },
  Event: {
    type: 'object',
    properties: {
      id: { type: 'integer' },
      type: ref('Status'),
      at: { type: 'string', format: 'date-time' },
      recipient: { type: 'string' },
      text: text('A sentence for people.'),
      reply: text('What the other side said.'),
      host: { type: 'string' },
      reason: text('Of a bounce: its class (docs/sending.md).'),
      attempts: { type: 'integer' },
    },
    required: ['id', 'type', 'at', 'recipient', 'text'],
    additionalProperties: false,
  },
  Message: { type: 'object', properties: MESSAGE, required: MESSAGE_NEEDS, additionalProperties: false },
  Story: {
    type: 'object',
    properties: {
      ...MESSAGE,
      recipients: list(
        {
          type: 'object',
          properties: { address: { type: 'string' }, status: ref('Status'), reply: { type: 'string' } },
          required: ['address', 'status'],
          additionalProperties: false,
        },
        'How it stands with each.',
      ),
      events: list(ref('Event'), 'In their order.'),
    },
    required: [...MESSAGE_NEEDS, 'recipients', 'events'],
    additionalProperties: false,
  },
  Page: {
    type: 'object',
    properties: {
      messages: list(ref('Message'), 'The newest first.'),
      next: { type: ['string', 'null'], description: 'Ask with before= this for the next page; null: there is none.' },
    },
    required: ['messages', 'next'],
    additionalProperties: false,
  },
  Problem: {
    type: 'object',
    properties: {
      type: { type: 'string' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string' },
      reply: text('What SMTP would have replied.'),
      errors: list(
        {
          type: 'object',
          properties: { detail: { type: 'string' }, pointer: text('A JSON Pointer into what was sent.') },
          required: ['detail', 'pointer'],
          additionalProperties: false,
        },
        'Each fault, and where it is.',
      ),
    },
    required: ['type', 'title', 'status', 'detail'],
    additionalProperties: false,
  },
}

const WEBHOOK = {
  id: { type: 'string' },
  url: { type: 'string' },
  events: list({ enum: EVENT_TYPES }, 'Empty: all.'),
  description: { type: 'string' },
  createdAt: { type: 'string', format: 'date-time' },
  state: {
    enum: ['active', 'failing', 'stopped', 'disabled'],
    description: 'stopped: after five days without success, or a 410; enable it again when it works.',
  },
  skipped: { type: 'integer', description: 'Events that were refused for a day while others were taken.' },
}
const WEBHOOK_MORE = {
  failingSince: { type: 'string', format: 'date-time' },
  lastFailure: { type: 'string' },
  lastSuccess: { type: 'string', format: 'date-time' },
  stoppedAt: { type: 'string', format: 'date-time' },
}
const WISH = {
  url: text('HTTPS, to a public address.'),
  events: list({ enum: EVENT_TYPES }, 'Which; all where it is not given.'),
  description: { type: 'string', maxLength: 200 },
  enabled: { type: 'boolean' },
}
const SECRET = text('whsec_…: with it you check what comes (Standard Webhooks). It is shown now only.')

const WEBHOOK_SCHEMAS = {
  Webhook: {
    ...{ type: 'object', properties: { ...WEBHOOK, ...WEBHOOK_MORE }, required: Object.keys(WEBHOOK) },
    additionalProperties: false,
  },
  NewWebhook: {
    ...{ type: 'object', properties: { ...WEBHOOK, ...WEBHOOK_MORE, secret: SECRET } },
    ...{ required: [...Object.keys(WEBHOOK), 'secret'], additionalProperties: false },
  },
  WebhookWish: { type: 'object', properties: WISH, additionalProperties: false },
  Webhooks: {
    ...{ type: 'object', properties: { webhooks: list(ref('Webhook'), 'In the order in which they were made.') } },
    ...{ required: ['webhooks'], additionalProperties: false },
  },
  Test: {
    ...{ type: 'object', properties: { taken: { type: 'boolean' }, answer: text('What it said.') } },
    ...{ required: ['taken', 'answer'], additionalProperties: false },
  },
}

const WEBHOOK_PATHS = {
  '/api/webhooks': {
    get: {
      summary: 'Your webhooks, and how they go',
      responses: { 200: answer('All of them.', ref('Webhooks')), default: problem },
    },
    post: {
      summary: 'Be told what becomes of your mail',
      requestBody: { required: true, ...json({ ...ref('WebhookWish'), required: ['url'] }) },
      responses: { 201: answer('It is told from now on.', ref('NewWebhook')), default: problem },
    },
  },
  '/api/webhooks/{id}': {
    parameters: [ID],
    get: { summary: 'One webhook', responses: { 200: answer('It.', ref('Webhook')), default: problem } },
    patch: {
      summary: 'Change it, or enable it again',
      requestBody: { required: true, ...json(ref('WebhookWish')) },
      responses: { 200: answer('As it is now.', ref('Webhook')), default: problem },
    },
    delete: { summary: 'Forget it', responses: { 204: { description: 'It is gone.' }, default: problem } },
  },
  '/api/webhooks/{id}/rotate': {
    parameters: [ID],
    post: {
      summary: 'A new secret; the old one signs beside it for a day',
      responses: { 200: answer('With the new secret.', ref('NewWebhook')), default: problem },
    },
  },
  '/api/webhooks/{id}/test': {
    parameters: [ID],
    post: {
      summary: 'Send it a webhook.test now',
      responses: { 200: answer('What it answered.', ref('Test')), default: problem },
    },
  },
}

const RAW_QUERY = [
  query('from', 'The reverse-path; the address in From where it is not given. Also as X-Envelope-From.'),
  query(
    'to',
    'A recipient; may be repeated. To, Cc and Bcc of the message where none is given. Also as X-Envelope-To.',
  ),
  query('holdUntil', 'It does not leave before then.'),
  query('priority', '-9 to 9.'),
  query('requireTls', 'true: only over proven TLS.'),
  query('notify', 'never, or some of success,failure,delay.'),
  query('return', 'full or headers.'),
  query('envelopeId', 'Comes back in notifications.'),
  query('tag', 'May be repeated.'),
]

const LIST_QUERY = [
  query('limit', 'Messages on a page, 50 where it is not given.', { type: 'integer', minimum: 1, maximum: 200 }),
  query('before', 'Where the page begins: next of the page before.'),
  query('tag', 'Only those with this tag.'),
  query('recipient', 'Only those to this address.'),
  query('since', 'Taken at this time or later.'),
  query('until', 'Taken before this time.'),
]

const MESSAGE_PATHS = {
  '/api/messages': {
    get: {
      summary: 'What you sent, by whatever protocol',
      parameters: LIST_QUERY,
      responses: { 200: answer('A page.', ref('Page')), default: problem },
    },
  },
  '/api/messages/{id}': {
    get: {
      summary: 'The story of one message',
      parameters: [ID],
      responses: { 200: answer('Its story.', ref('Story')), default: problem },
    },
  },
  '/api/messages/{id}/cancel': {
    post: {
      summary: 'Take back what has not left',
      parameters: [ID],
      responses: { 200: answer('It will not leave.', ref('Story')), default: problem },
    },
  },
}

export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Borderpost: sending by HTTP',
    version: '1',
    description:
      'Mail is taken as by SMTP submission: by the same checks, the same queue, and durably before the answer.',
  },
  security: [{ basic: [] }, { bearer: [] }],
  paths: {
    '/api/send': {
      post: {
        summary: 'Send one message',
        parameters: [KEY],
        requestBody: { required: true, ...json(ref('Letter')) },
        responses: { 202: answer('It is durable and will be carried out.', ref('Taken')), default: problem },
      },
    },
    '/api/send/batch': {
      post: {
        summary: 'Send many messages of one text',
        parameters: [KEY],
        requestBody: { required: true, ...json(ref('Batch')) },
        responses: { 200: answer('What became of each.', ref('Results')), default: problem },
      },
    },
    '/api/send/raw': {
      post: {
        summary: 'Send a message as it is',
        parameters: [KEY, ...RAW_QUERY],
        requestBody: { required: true, content: { 'message/rfc822': { schema: { type: 'string' } } } },
        responses: { 202: answer('It is durable and will be carried out.', ref('Taken')), default: problem },
      },
    },
    ...MESSAGE_PATHS,
    ...WEBHOOK_PATHS,
    ...contractPaths({ ...MESSAGE_PATHS, ...WEBHOOK_PATHS }),
    '/api/openapi.json': {
      get: { summary: 'This description', security: [], responses: { 200: { description: 'OpenAPI 3.1' } } },
    },
  },
  components: {
    schemas: { ...SCHEMAS, ...WEBHOOK_SCHEMAS, ...CONTRACT_SCHEMAS },
    securitySchemes: {
      basic: {
        type: 'http',
        scheme: 'basic',
        description: 'Your address, and an app password that is good for sending.',
      },
      bearer: { type: 'http', scheme: 'bearer', description: 'An access token with the scope smtp.' },
      contract: { type: 'http', scheme: 'basic', description: 'The name and the password of a contract.' },
    },
  },
}
