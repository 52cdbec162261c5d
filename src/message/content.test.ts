import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeText } from './charset.ts'
import { formatDate, parseDate } from './date.ts'
import { decodeEncodedWords, encodeWords } from './encoded-word.ts'
import { unfold } from './header.ts'
import { formatParameter, parseParameterized } from './parameters.ts'
import { decodeTransfer, encodeBase64, encodeQuotedPrintable, transferDecoder } from './transfer.ts'

const suites = join(import.meta.dirname, '../../../shared/suites')

test('charsets: known, unknown, lying and dangerous names', () => {
  assert.equal(decodeText(Buffer.from([0xe9]), 'ISO-8859-1'), 'é')
  assert.equal(decodeText(Buffer.from([0x80]), 'latin1'), '€')
  assert.equal(decodeText(Buffer.from('é'), 'x-unknown'), 'é')
  assert.equal(decodeText(Buffer.from([0xe9]), undefined), 'é')
  assert.equal(decodeText(Buffer.from('+AOk-'), 'utf-7'), 'é')
  assert.equal(decodeText(Buffer.from('\x1b$B4A;z\x1b(B'), 'iso-2022-jp'), '漢字')
  assert.equal(decodeText(Buffer.from('aGk='), 'base64'), 'aGk=')
  assert.equal(decodeText(Buffer.from('x'), '__proto__'), 'x')
})

test('encoded words: joined bytes, dropped spaces, no line ends', () => {
  const cases: [string, string][] = [
    ['=?utf-8?Q?a_b?= c', 'a b c'],
    ['=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=', 'é'],
    ['=?utf-8?B?w6k?= x =?iso-8859-1*fr?q?=E9?=', 'é x é'],
    ['=?utf-8?Q?a b?=', 'a b'],
    ['=?utf-8?Q?a=0D=0ABcc:_x?=', 'a Bcc: x'],
    ['=?x?', '=?x?'],
    ['1 =?= 2', '1 =?= 2'],
    ['=?utf-8?Q??=', ''],
  ]
  for (const [text, expected] of cases) assert.equal(decodeEncodedWords(text), expected, text)
  decodeEncodedWords('=?a?q?'.repeat(100_000))
  decodeEncodedWords(`${'=?a?q?x '.repeat(50_000)}?=`)
})

test('encoded words survive encoding, each at most 75 characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 }), (raw) => {
      const text = raw.replace(/[\0-\x1f\x7f]/g, '').toWellFormed()
      const encoded = encodeWords(text)
      assert.ok(encoded.split(' ').every((word) => word.length <= 75))
      assert.equal(decodeEncodedWords(encoded), text)
    }),
  )
})

test('transfer decoders are tolerant, and chunks do not matter', () => {
  assert.equal(decodeTransfer(Buffer.from('aGVs\r\n bG8=!!aGk='), 'BASE64').toString(), 'hellohi')
  assert.equal(
    decodeTransfer(Buffer.from('a=3Db=\r\nc=  \nd =\xff=3 \r\n=', 'latin1'), 'quoted-printable').toString('latin1'),
    'a=bcd =\xff=3\r\n',
  )
  assert.equal(decodeTransfer(Buffer.from('begin 644 x\n#0V%T\n`\nend\n'), 'x-uuencode').toString(), 'Cat')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 50 }), (raw, size) => {
      const bytes = Buffer.from(raw)
      for (const [encoding, encoded] of [
        ['base64', encodeBase64(bytes)],
        ['quoted-printable', encodeQuotedPrintable(bytes)],
      ] as const) {
        assert.ok(encoded.split('\r\n').every((line) => line.length <= 76))
        assert.deepEqual(decodeTransfer(Buffer.from(encoded), encoding), bytes)
        const decoder = transferDecoder(encoding)
        const chunks: Buffer[] = []
        for (let at = 0; at < encoded.length; at += size)
          chunks.push(decoder.write(Buffer.from(encoded.slice(at, at + size))))
        assert.deepEqual(Buffer.concat([...chunks, decoder.end()]), bytes)
      }
    }),
  )
})

test('parameters: quotes, comments, RFC 2231, careless senders', () => {
  const cases: [string, string, Record<string, string>][] = [
    ['text/plain; charset =us-ascii (Plain text)', 'text/plain', { charset: 'us-ascii' }],
    ['a/b; name="x\\"y;z"; B=2', 'a/b', { name: 'x"y;z', b: '2' }],
    ['a/b; boundary="x\\y"', 'a/b', { boundary: 'xy' }],
    ["a/b; title*0*=us-ascii'en'This%20is; title*1*=%20%2A; title*2=\" it's\"", 'a/b', { title: "This is * it's" }],
    ["attachment; filename*=UTF-8''gr%C3%BCn.txt; filename=gruen.txt", 'attachment', { filename: 'grün.txt' }],
    ['attachment; filename==?utf-8?Q?gr=C3=BCn.txt?=', 'attachment', { filename: 'grün.txt' }],
    ['a/b; name=my file.pdf; x=1', 'a/b', { name: 'my file.pdf', x: '1' }],
    ['a/b; charset=utf-8 name="x"', 'a/b', { charset: 'utf-8', name: 'x' }],
    ['a/b; boundary=x\\;y(comment)', 'a/b', { boundary: 'x;y' }],
    ['a/b; name=report (1).pdf', 'a/b', { name: 'report (1).pdf' }],
    ['a/b;;; =; x', 'a/b', {}],
    ['a/b; name="C:\\temp\\x.pdf"', 'a/b', { name: 'C:\\temp\\x.pdf' }],
    ['a/b; __proto__=x', 'a/b', Object.fromEntries([['__proto__', 'x']])],
  ]
  for (const [text, value, expected] of cases) {
    const parsed = parseParameterized(text)
    assert.equal(parsed.value, value, text)
    assert.deepEqual(Object.entries(parsed.parameters), Object.entries(expected), text)
  }
  assert.equal(parseParameterized('a/b; x=1; x=2').ambiguous, true)
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (raw) => {
      const text = raw
        .replace(/[\0-\x1f\x7f]/g, '')
        .toWellFormed()
        .trim()
        .replaceAll('\\', '')
        .replaceAll('=?', '')
      assert.equal(parseParameterized(`a; ${formatParameter('name', text)}`).parameters.name, text)
    }),
  )
})

test('dates', () => {
  const cases: [string, string][] = [
    ['Mon, 23 Nov 2026 15:45:12 +0100', '2026-11-23T14:45:12.000Z'],
    ['23 Nov 26 15:45 EST', '2026-11-23T20:45:00.000Z'],
    ['Mon, 21 Aug 95 13:30:57 -600', '1995-08-21T19:30:57.000Z'],
    ['Fri, 21 Nov 1997 09(comment):   55  :  06 -0600', '1997-11-21T15:55:06.000Z'],
    ['Mon Nov 23 15:45:12 2026', '2026-11-23T15:45:12.000Z'],
    ['2026-11-23T15:45:12Z', '2026-11-23T15:45:12.000Z'],
    ['Thu, 1 Jan 1970 00:00:00 Z', '1970-01-01T00:00:00.000Z'],
  ]
  for (const [text, expected] of cases) {
    assert.equal(new Date(parseDate(text)?.epochMs ?? Number.NaN).toISOString(), expected, text)
  }
  for (const bad of ['', 'yesterday', '99 Xxx 2020', ':::', '+'.repeat(1000)])
    assert.equal(parseDate(bad), undefined, bad)
  assert.equal(formatDate(Date.UTC(2026, 10, 3, 5, 6, 7), -210), 'Tue, 3 Nov 2026 01:36:07 -0330')
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e9 }), fc.integer({ min: -720, max: 840 }), (seconds, offsetMinutes) => {
      assert.deepEqual(parseDate(formatDate(seconds * 1000, offsetMinutes)), { epochMs: seconds * 1000, offsetMinutes })
    }),
  )
})

test('dates, content types and text of mailparser-rs', (t) => {
  const folder = join(suites, 'mime-mailparser-rs/headers')
  if (!existsSync(folder)) return t.skip('conformance data is absent: mime-mailparser-rs')
  const load = (name: string) => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))
  let dates = 0
  for (const { header, expected } of load('date')) {
    // No month by name, or a Received line: these are no dates of RFC 5322.
    if (!expected || /^[\s\d(]*\d+ \d+ (\d|\()/.test(header) || header.startsWith('by ')) continue
    const offset = (expected.tz_hour * 60 + expected.tz_minute) * (expected.tz_before_gmt ? -1 : 1)
    const { year, month, day, hour, minute, second } = expected
    assert.equal(
      parseDate(header)?.epochMs,
      Date.UTC(year, month - 1, day, hour, minute, second) - offset * 60_000,
      header,
    )
    dates++
  }
  assert.ok(dates > 20)
  for (const { header, expected } of load('content_type')) {
    const [type, subtype] = [expected?.c_type, expected?.c_subtype]
    // Left out: contradictory RFC 2231 numbers, missing semicolons before them, values that are no type.
    if (!type || !subtype || /1\*2\*|x-stuff\n|inva\/lid|name= {2}\n|=\?=/.test(header)) continue
    const parsed = parseParameterized(unfold(header))
    assert.equal(parsed.value.replace(/\s/g, '').toLowerCase(), `${type}/${subtype}`, header)
    const theirs = (expected.attributes ?? []).filter(([name]: [string]) => !name.endsWith('-language'))
    if (!header.includes('=?')) assert.deepEqual({ ...parsed.parameters }, Object.fromEntries(theirs), header)
  }
  const collapsed = (text: string) => text.replace(/\s+/g, '')
  for (const { header, expected } of load('unstructured')) {
    if (/\n\S/.test(header)) continue // more than one field
    assert.equal(collapsed(decodeEncodedWords(unfold(header))), collapsed(expected), header)
  }
})
