import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asPasted } from './pasted.ts'

const HEADER = 'Received: from a.example\n\tby b.example; now\nFrom: a@a.example\n\nhello\n'

test('what stands around a pasted message is taken off, and nothing of the message', () => {
  for (const text of [
    HEADER,
    `\n\n \r\n${HEADER}`,
    `\ufeff${HEADER}`,
    HEADER.replace(/^/gm, '    '),
    HEADER.replace(/^/gm, '> '),
    `From a@a.example Tue Mar  5 10:11:12 2024\n${HEADER}`,
  ])
    assert.equal(asPasted(text).trimEnd(), HEADER.trimEnd(), JSON.stringify(text))
  for (const text of ['', 'hello', '  hello\n  you', '\n\n', 'From: a@b.example\n\nFrom here on'])
    assert.equal(asPasted(text).trim(), text.trim())
  asPasted(' '.repeat(200_000))
  asPasted('>'.repeat(200_000))
  asPasted('\n'.repeat(200_000))
})
