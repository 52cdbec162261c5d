// Inbox Invasion and its kin: a message that says one thing to the filter and another to the reader. Here both read
// through one walker; these tests hold that the filter sees whatever JMAP and IMAP hand out. The suite mime-ambiguity,
// which src/cli/suite runs, holds it for four hundred messages more.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { difference } from '../../src/cli/suite/mime-ambiguity.ts'

test('P2: boundaries that are empty, long, alike, repeated or split: one view', () => {
  const long = 'b'.repeat(100_000)
  for (const [parameter, boundary] of [
    ['boundary=""', ''],
    [`boundary=${long}`, long],
    ['boundary=x; boundary=y', 'x'],
    ['boundary=x; boundary=y', 'y'],
    ['boundary*0=x; boundary*1=y', 'xy'],
    ["boundary*=utf-8''%78", 'x'],
    ['boundary="x y "', 'x y '],
  ] as const)
    assert.equal(
      difference(
        Buffer.from(
          `Content-Type: multipart/mixed; ${parameter}\r\n\r\n--${boundary}\r\n\r\nseen\r\n--${boundary}\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n--${boundary}--\r\n`,
        ),
      ),
      undefined,
      parameter,
    )
})
