import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerOf, keysOf } from './keys.ts'

test('what a resolver says is read: strings in quotes, no such name, no records, no answer', () => {
  assert.deepEqual(answerOf({ Status: 0, AD: true, Answer: [{ type: 16, data: '"v=DKIM1; p=ab" "cd\\"e"' }] }), {
    status: 'records',
    records: ['v=DKIM1; p=abcd"e'],
    ttlS: 0,
    authenticated: true,
  })
  assert.equal(answerOf({ Status: 0, Answer: [{ type: 5, data: 'other.example.' }] }).status, 'no-data')
  assert.equal(answerOf({ Status: 3 }).status, 'no-name')
  for (const Status of [2, undefined]) assert.equal(answerOf({ Status }).status, 'no-answer')
  assert.equal(answerOf({ Status: 0, Answer: 'x' as never }).status, 'no-data')
})

test('without keys and without a resolver there is nobody to ask; a key that was pasted is the answer', async () => {
  assert.equal(keysOf({}, undefined), undefined)
  assert.equal(keysOf({}, 'nobody we know'), undefined)
  const keys = keysOf({ 's._domainkey.a.example': 'p=x' }, undefined)!
  assert.equal((await keys.resolve('s._domainkey.a.example', 'TXT')).status, 'records')
  assert.equal((await keys.resolve('t._domainkey.a.example', 'TXT')).status, 'no-answer')
  assert.equal((await keys.resolve('a.example', 'MX')).status, 'no-answer')
})
