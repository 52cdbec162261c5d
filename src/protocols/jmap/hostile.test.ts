import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { METHODS } from './methods.ts'
import { atDesk } from './testing.ts'

const NAMES = [
  ...[
    'accountId',
    'ids',
    'properties',
    'filter',
    'sort',
    'position',
    'anchor',
    'limit',
    'calculateTotal',
    'sinceState',
  ],
  ...['create', 'update', 'destroy', 'ifInState', 'emails', 'blobIds', 'bodyProperties', 'maxBodyValueBytes'],
  ...['fetchAllBodyValues', 'onSuccessUpdateEmail', 'onSuccessDestroyEmail', 'maxChanges', 'collapseThreads', '#ids'],
]
const KEYS = [
  ...[
    'mailboxIds',
    'keywords',
    'from',
    'to',
    'subject',
    'textBody',
    'bodyValues',
    'attachments',
    'bodyStructure',
    'subParts',
  ],
  ...['partId', 'blobId', 'type', 'value', 'email', 'name', 'addresses', 'header:X:all', 'header:X:asDate', 'envelope'],
  ...[
    'mailFrom',
    'rcptTo',
    'emailId',
    'identityId',
    'operator',
    'conditions',
    'property',
    'inMailbox',
    'parentId',
    'text',
  ],
  ...[
    'keywords/$seen',
    'mailboxIds/m1',
    'receivedAt',
    'sentAt',
    '#k',
    'e1',
    'm1',
    'path',
    'resultOf',
    '__proto__',
    'before',
  ],
]
const WORDS = [
  'e1',
  'm1',
  'a1',
  '#k',
  'i1',
  'AND',
  'text/plain',
  '2026-01-01T00:00:00Z',
  '/ids',
  '0',
  '$seen',
  'subject',
  '',
]

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<unknown>(...WORDS, null, true, false, 0, 1, -1, 1e9, 0.5, '\u0000\r\nX: y', 'ö\ud800'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 5 }),
  ),
})).value
const call = fc.tuple(
  fc.constantFrom(...Object.keys(METHODS)),
  fc.dictionary(fc.constantFrom(...NAMES), json, { maxKeys: 5 }),
)

/** Past the first checks: objects to create, patches, filters, with plausible values in wrong places. */
const object = fc.dictionary(fc.constantFrom(...KEYS), json, { maxKeys: 8 })
const valid = { mailboxIds: { m1: true }, identityId: 'i1', emailId: '#k', name: 'Folder', blobId: 'b1' }
const create = object.map((extra) => ({ create: { k: { ...valid, ...extra } } }))
const deep = fc.oneof(
  fc.tuple(fc.constantFrom('Email/set', 'Mailbox/set', 'EmailSubmission/set'), create),
  fc.tuple(fc.constantFrom('Email/set', 'Mailbox/set'), fc.record({ update: fc.record({ e1: object, m1: object }) })),
  fc.tuple(fc.constantFrom('Email/query', 'Mailbox/query', 'EmailSubmission/query'), fc.record({ filter: object })),
  fc.tuple(
    fc.constant('Email/import'),
    object.map((extra) => ({ emails: { k: { ...valid, ...extra } } })),
  ),
)

test('whatever is asked, the answer is no fault of ours', () =>
  atDesk(async ({ ask, deliver, accountId }) => {
    await deliver('From: a@x.test\nSubject: one\n\nHi\n')
    const calls = fc.array(fc.oneof(call, deep), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(calls, async (asked) => {
        const own = asked.map(([method, args]): [string, object] => [method, { ...args, accountId }])
        for (const [name, args] of await ask(...own))
          assert.notEqual(name === 'error' && args.type, 'serverFail', JSON.stringify([args, own]))
      }),
      { numRuns: 400, seed: 8621 },
    )
  }))
