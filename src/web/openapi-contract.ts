// What the API says of contracts (contract.ts), as OpenAPI: its own paths, and those of messages and webhooks below them.

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const answer = (description: string, schema: object) => ({ description, content: { 'application/json': { schema } } })
const problem = {
  description: 'Why not.',
  content: { 'application/problem+json': { schema: ref('Problem') } },
}
const whole = (properties: object) => ({
  ...{ type: 'object', properties, required: Object.keys(properties), additionalProperties: false },
})
const count = { type: 'integer' }
const limit = { type: ['integer', 'null'] }
const SECURITY = [{ contract: [] }]

const COUNTS = { messages: count, recipients: count, refused: count, delivered: count, returned: count }

export const CONTRACT_SCHEMAS = {
  Contract: whole({
    name: { type: 'string' },
    state: { enum: ['open', 'suspended'] },
    limits: whole({ messagesPerDay: limit, messagesPerMinute: limit, recipients: limit, messageBytes: limit }),
    domains: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          domain: { type: 'string' },
          isProven: { type: 'boolean' },
          publish: whole({ type: { type: 'string' }, name: { type: 'string' }, value: { type: 'string' } }),
        },
        required: ['domain', 'isProven'],
        additionalProperties: false,
      },
    },
    days: {
      type: 'array',
      description: 'Days (UTC) on which something was carried, the newest first, and today.',
      items: whole({ day: { type: 'string', format: 'date' }, ...COUNTS }),
    },
  }),
  SuppressedPage: whole({
    suppressed: {
      type: 'array',
      items: whole({
        address: { type: 'string' },
        reason: { type: 'string', description: 'A class of bounces, feedback (a complaint), or asked.' },
        said: { type: 'string' },
        since: { type: 'string', format: 'date-time' },
      }),
    },
    next: { type: ['string', 'null'], description: 'Ask with after= this for the next page; null: there is none.' },
  }),
}

const named = (name: string, where: 'query' | 'path', schema: object, description: string) => ({
  ...{ name, in: where, required: where === 'path', schema, description },
})

/** `shared`: what people's programs may ask of messages and webhooks, too. */
export function contractPaths(shared: Readonly<Record<string, Readonly<Record<string, unknown>>>>) {
  const below = Object.entries(shared).map(([path, methods]) => [
    path.replace('/api/', '/api/contract/'),
    Object.fromEntries(
      Object.entries(methods).map(([method, said]) => [
        method,
        method === 'parameters' ? said : { ...(said as object), security: SECURITY },
      ]),
    ),
  ])
  return {
    '/api/contract': {
      get: {
        summary: 'What was agreed, and what was carried',
        security: SECURITY,
        responses: { 200: answer('The contract.', ref('Contract')), default: problem },
      },
    },
    '/api/contract/suppressed': {
      get: {
        summary: 'Whom you do not write to any more',
        security: SECURITY,
        parameters: [
          named('after', 'query', { type: 'string' }, 'Where the page begins: next of the page before.'),
          named('limit', 'query', { type: 'integer', minimum: 1, maximum: 1000 }, '100 where it is not given.'),
        ],
        responses: { 200: answer('A page.', ref('SuppressedPage')), default: problem },
      },
    },
    '/api/contract/suppressed/{address}': {
      parameters: [named('address', 'path', { type: 'string' }, 'As it is on the list.')],
      delete: {
        summary: 'Write to it again',
        security: SECURITY,
        responses: { 204: { description: 'It is off the list.' }, default: problem },
      },
    },
    ...(Object.fromEntries(below) as object),
  }
}
