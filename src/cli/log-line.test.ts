// What a stranger may put into an address, a name or a reply, in the log.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jsonLine, textLine } from './log-line.ts'

const AT = new Date(0)
const EVIL = 'a\r\nb\u001b[2Jc\u009b31md\u007fe\u202ef\u2028g\u200bh\u{e0041}'
const SEEN = 'a\\u000d\\u000ab\\u001b[2Jc\\u009b31md\\u007fe\\u202ef\\u2028g\\u200bh\\udb40\\udc41'

test('one event is one line, and nothing in it does anything', () => {
  const text = textLine(AT, ['sender', 'error', `mail for ${EVIL}`, { reply: EVIL }])
  assert.equal(
    text,
    `1970-01-01T00:00:00.000Z error   sender: mail for ${SEEN} {"reply":"${SEEN.replace('\\u000d\\u000a', '\\r\\n')}"}\n`,
  )
  const json = jsonLine(AT, ['sender', 'error', EVIL, { reply: EVIL }])
  assert.match(json, /^[\x20-\x7e]*\n$/)
  const read = JSON.parse(json)
  assert.deepEqual([read.text, read.reply], [EVIL, EVIL])
})

test('a fact takes no other place than its own', () => {
  const facts = { level: 'info', text: 'all is well', agent: 'nobody', at: 'never' }
  const { level, text, agent, at } = JSON.parse(jsonLine(AT, ['sender', 'error', 'not well', facts]))
  assert.deepEqual([level, text, agent, at], ['error', 'not well', 'sender', '1970-01-01T00:00:00.000Z'])
  assert.equal(textLine(AT, ['sender', 'info', 'ready', undefined]), '1970-01-01T00:00:00.000Z info    sender: ready\n')
})
