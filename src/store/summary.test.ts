import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summarise } from './summary.ts'

test('a summary holds what lists and threads need', () => {
  const source = Buffer.from(
    [
      'From: =?utf-8?q?Ann=C3=A4?= <anna@sender.test>',
      'To: Friends: bob@recipient.test, "Dora D." <dora@recipient.test>;',
      'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
      'Date: Mon, 23 Nov 2026 10:00:00 +0100',
      'Message-ID: <one@sender.test>',
      'References: <zero@sender.test>',
      ' <half@sender.test>',
      '',
      'Hello   Bob,',
      'how are you?',
      '',
    ].join('\r\n'),
  )
  const summary = summarise(source)
  assert.deepEqual(summary.from, [{ name: 'Annä', email: 'anna@sender.test' }])
  assert.deepEqual(
    summary.to.map((one) => one.email),
    ['bob@recipient.test', 'dora@recipient.test'],
  )
  assert.equal(summary.subject, 'Grüße')
  assert.equal(summary.sentAtMs, Date.UTC(2026, 10, 23, 9))
  assert.deepEqual(summary.messageId, ['one@sender.test'])
  assert.deepEqual(summary.references, ['zero@sender.test', 'half@sender.test'])
  assert.equal(summary.preview, 'Hello Bob, how are you?')
  assert.equal(summary.hasAttachment, false)
})

test('anything at all has a summary', () => {
  for (const source of ['', '\r\n', 'no header', 'From: <<<>>>\r\nDate: never\r\n\r\n', '\0\0\0'])
    assert.equal(typeof summarise(Buffer.from(source)).subject, 'string')
})
