import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lastRecipient } from './people.ts'

test('what is typed is the last recipient, whatever stands in quotes before it', () => {
  assert.deepEqual(lastRecipient('an'), { before: '', typed: 'an' })
  assert.deepEqual(lastRecipient('Anna <anna@x.test>, bo'), { before: 'Anna <anna@x.test>, ', typed: 'bo' })
  assert.deepEqual(lastRecipient('"Author, Anna" <a@x.test>;b'), { before: '"Author, Anna" <a@x.test>; ', typed: 'b' })
  assert.deepEqual(lastRecipient('"Author, A'), { before: '', typed: '"Author, A' })
  assert.deepEqual(lastRecipient('a@x.test,'), { before: 'a@x.test, ', typed: '' })
})
