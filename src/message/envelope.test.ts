import assert from 'node:assert/strict'
import { test } from 'node:test'
import { envelope } from './envelope.ts'
import { parseHeader } from './header.ts'

const of = (text: string): string => envelope(parseHeader(Buffer.from(text.replaceAll('\n', '\r\n'))))

test('an envelope has ten fields; Sender and Reply-To are From where they are not there', () => {
  assert.equal(
    of('Date: Mon, 7 Feb 1994 21:52:25 -0800\nFrom: Ann <ann@A.test>\nTo: a@b.test, c@d.test\nMessage-ID: <1@x>\n\n'),
    '("Mon, 7 Feb 1994 21:52:25 -0800" NIL (("Ann" NIL "ann" "A.test")) (("Ann" NIL "ann" "A.test")) ' +
      '(("Ann" NIL "ann" "A.test")) ((NIL NIL "a" "b.test")(NIL NIL "c" "d.test")) NIL NIL NIL "<1@x>")',
  )
  assert.equal(of('\n'), '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)')
})

test('groups, source routes, quotes and other alphabets travel as IMAP has them', () => {
  const text = of(
    'From: <@relay.test:ann@a.test>\nTo: Team: bob@b.test;\nSubject: say "hi" \\o/\nCc: Grüße <g@g.test>\n\n',
  )
  assert.match(text, /\(\(NIL "@relay.test" "ann" "a.test"\)\)/)
  assert.match(text, /\(\(NIL NIL "Team" NIL\)\(NIL NIL "bob" "b.test"\)\(NIL NIL NIL NIL\)\)/)
  assert.match(text, /"say \\"hi\\" \\\\o\/"/)
  assert.match(text, /"=\?utf-8\?/i)
})
