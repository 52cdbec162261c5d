// The small things on the wire: mailbox names, sequence sets, patterns, strings.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { matcher } from './list.ts'
import { decodeMailboxName, encodeMailboxName } from './mutf7.ts'
import { astring, dateTime, string } from './response.ts'
import { formatSet, parseSequenceSet, resolveSet, setContains } from './sequence.ts'

test('modified UTF-7 (RFC 3501 §5.1.3)', () => {
  const pairs: [string, string][] = [
    ['INBOX', 'INBOX'],
    ['Entwürfe', 'Entw&APw-rfe'],
    ['a & b', 'a &- b'],
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
    ['😀', '&2D3eAA-'],
  ]
  for (const [name, wire] of pairs) {
    assert.equal(encodeMailboxName(name), wire)
    assert.equal(decodeMailboxName(wire), name)
  }
  for (const wrong of ['a&b', '&', '&AGE-', '&APw', '&APw-&APw-', 'ü', '&2D0-', '&A-', '&APwA-', '&!!-', 'a\x01']) {
    assert.equal(decodeMailboxName(wrong), undefined, wrong)
  }
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (name) => {
      fc.pre(name.isWellFormed())
      if (!/[\0-\x1f\x7f]/.test(name)) assert.equal(decodeMailboxName(encodeMailboxName(name)), name)
    }),
  )
})

test('sequence sets', () => {
  assert.deepEqual(resolveSet(parseSequenceSet('5:*,1,2')!, 3), [[1, 5]])
  assert.deepEqual(resolveSet(parseSequenceSet('9:7,*')!, 20), [
    [7, 9],
    [20, 20],
  ])
  for (const wrong of ['', '0', '1:', ':1', '1,,2', 'a', '1:2:3', '-1', '4294967296', '01']) {
    assert.equal(parseSequenceSet(wrong), undefined, wrong)
  }
  assert.equal(formatSet([1, 2, 3, 7]), '1:3,7')
  const numbers = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 60 }), (list, number) => {
      const set = resolveSet(parseSequenceSet(list.join(','))!, 60)
      assert.equal(setContains(set, number), list.includes(number))
    }),
  )
})

test('LIST patterns', () => {
  const holds = (pattern: string, path: string): boolean => matcher([pattern])(path)
  assert.ok(holds('*', 'a/b/c') && holds('%', 'a') && !holds('%', 'a/b'))
  assert.ok(holds('a/%', 'a/b') && !holds('a/%', 'a/b/c') && holds('a/%/c', 'a/b/c') && holds('%3/%', 'a3/x'))
  assert.ok(
    holds('%t*4', 'at/b/4') && holds('inbox', 'INBOX') && holds('InBoX*', 'INBOX/a') && !holds('inboxes', 'INBOXes'),
  )
  assert.ok(holds('', '') && !holds('', 'a') && holds('a*b*c', 'aXbYc') && !holds('a*b*c', 'aXbY'))
  assert.equal(holds('*%'.repeat(400), 'x'.repeat(900)), true)
})

test('strings are quoted, or literals where they must be', () => {
  assert.equal(string('a "b" \\c'), '"a \\"b\\" \\\\c"')
  assert.equal(string('a\r\nb'), '{4}\r\na\r\nb')
  assert.equal(string('\xfc'), '{1}\r\n\xfc')
  assert.equal(string('a\0b'), '"a b"', 'RFC 3501 §9: not even a literal holds NUL')
  assert.equal(astring('X-Thing'), 'X-Thing')
  assert.equal(astring('nil'), '"nil"')
  assert.equal(astring(''), '""')
  assert.equal(dateTime(Date.UTC(2026, 0, 3, 4, 5, 6)), '" 3-Jan-2026 04:05:06 +0000"')
})
