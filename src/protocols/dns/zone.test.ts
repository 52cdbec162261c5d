import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answerMessage } from './server.ts'
import { decodeMessage, encodeQuestion, type Question } from './wire.ts'
import { ZoneTable } from './zone.ts'
import { parseZone, printZone } from './zone-text.ts'

const text = `
$TTL 1h
@       IN SOA ns1 hostmaster ( 2026010101 ; serial
                 2h 10m 1w 5m )
        NS     ns1
        MX     10 mx1
        MX     20 mx2.other.test.
        TXT    "v=spf1 mx -all"
ns1     300 IN A 192.0.2.53
mx1     IN 60 A 192.0.2.1
mx1     AAAA   2001:db8::1
WWW     CNAME  mx1
out     CNAME  elsewhere.test.
_25._tcp.mx1 TLSA 3 1 1 0123456789abcdef 0123456789abcdef
k._domainkey TXT "v=DKIM1; p=" "AAAA\\"B\\\\C\\255"
*.wild  A      192.0.2.7
big     TXT    "${'x'.repeat(255)}" "${'y'.repeat(255)}" "${'z'.repeat(255)}" "${'u'.repeat(255)}" "${'v'.repeat(255)}"
_submissions._tcp SRV 0 1 465 mx1
mx1     CAA    0 issue "ca.test; validationmethods=http-01"
`

const { zone, mistakes } = parseZone(text, 'Example.test.')
const zones = new ZoneTable([zone])

function ask(name: string, type: Question['type'], transport: 'udp' | 'tcp' = 'udp', withEdns = true) {
  const bytes = answerMessage(zones, encodeQuestion(7, name, type, withEdns), transport)!
  const reply = decodeMessage(bytes)!
  return { bytes, reply, data: reply.answers.map((record) => ('data' in record ? record.data : undefined)) }
}

test('a zone file is read, and printed so that it reads the same', () => {
  assert.deepEqual(mistakes, [])
  assert.equal(zone.origin, 'example.test')
  assert.equal(zone.records.length, 16)
  assert.deepEqual(zone.records[0]?.data, {
    primary: 'ns1.example.test',
    responsible: 'hostmaster.example.test',
    serial: 2026010101,
    refreshS: 7200,
    retryS: 600,
    expireS: 604_800,
    minimumS: 300,
  })
  assert.equal(zone.records.find((record) => record.name.startsWith('k.'))?.data, 'v=DKIM1; p=AAAA"B\\C\xff')
  assert.deepEqual(parseZone(printZone(zone), 'example.test'), { zone, mistakes: [] })
})

test('mistakes are told by line, and the rest is kept', () => {
  const bad = parseZone(
    'a A 192.0.2.1\nb A not-an-address\nc HINFO x y\n$INCLUDE f\nd.other. A 1.2.3.4\ne TXT "open\n',
    'test',
  )
  assert.deepEqual(
    bad.mistakes.map((mistake) => mistake.line),
    [6, 2, 3, 4, 5, 6],
  )
  assert.equal(bad.zone.records.length, 1)
})

test('what exists, what has no such record and what does not exist are three answers', () => {
  const mx = ask('EXAMPLE.test', 'MX')
  assert.deepEqual(mx.data, [
    { preference: 10, exchange: 'mx1.example.test' },
    { preference: 20, exchange: 'mx2.other.test' },
  ])
  assert.ok(mx.reply.flag_aa && !mx.reply.flag_ra)
  assert.equal(mx.reply.questions[0]?.name, 'EXAMPLE.test')
  const noData = ask('mx1.example.test', 'MX').reply
  assert.deepEqual([noData.responseCode, noData.answers.length, noData.authorities[0]?.type], [0, 0, 'SOA'])
  const noName = ask('mx9.example.test', 'A').reply
  assert.deepEqual([noName.responseCode, noName.authorities[0]?.type], [3, 'SOA'])
  assert.equal((noName.authorities[0] as { ttl?: number }).ttl, 300)
  assert.equal(ask('_tcp.mx1.example.test', 'A').reply.responseCode, 0, 'an empty non-terminal exists')
  assert.equal(ask('other.test', 'A').reply.responseCode, 5)
})

test('aliases, wildcards and long texts', () => {
  assert.deepEqual(ask('www.example.test', 'A').data, ['mx1.example.test', '192.0.2.1'])
  assert.deepEqual(ask('www.example.test', 'CNAME').data, ['mx1.example.test'])
  assert.deepEqual(ask('out.example.test', 'A').data, ['elsewhere.test'])
  assert.deepEqual(ask('a.b.wild.example.test', 'A').data, ['192.0.2.7'])
  const [strings] = ask('big.example.test', 'TXT', 'tcp').data as Buffer[][]
  assert.deepEqual(
    strings!.map((string) => string.length),
    [255, 255, 255, 255, 255],
  )
})

test('what does not fit is truncated to no more than was asked with', () => {
  const question = encodeQuestion(7, 'big.example.test', 'TXT', true)
  const { bytes, reply } = ask('big.example.test', 'TXT')
  assert.ok(reply.flag_tc && reply.answers.length === 0)
  assert.ok(bytes.length <= question.length)
  assert.ok(ask('big.example.test', 'TXT', 'udp', false).reply.flag_tc)
})

test('any text is read as a zone, and what was read can be printed and read again', () => {
  const piece = fc.constantFrom(
    '"',
    '\\',
    ' ',
    '\n',
    '(',
    ')',
    ';',
    '@',
    'a',
    '.',
    '$TTL',
    ' IN ',
    'A ',
    '192.0.2.1',
    'TXT ',
    '\v',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const { zone: read } = parseZone(pieces.join(''), 'test')
      const texts = read.records.filter((record) => record.type === 'TXT')
      const again = parseZone(printZone({ ...read, records: texts }), 'test')
      assert.deepEqual(
        again.zone.records.map((record) => record.data),
        texts.map((record) => record.data),
      )
    }),
    { numRuns: 500 },
  )
})

test('responses get no answer, nonsense gets an error or none, and nothing throws', () => {
  const response = ask('example.test', 'MX').bytes
  assert.equal(answerMessage(zones, response, 'udp'), undefined)
  const question = encodeQuestion(7, 'example.test', 'MX', true)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), (noise, at) => {
      const damaged = Buffer.from(question)
      damaged.set(noise.subarray(0, damaged.length - (at % damaged.length)), at % damaged.length)
      for (const bytes of [Buffer.from(noise), damaged]) {
        const reply = answerMessage(zones, bytes, 'udp')
        assert.ok(reply === undefined || (reply[2]! & 0x80) !== 0)
      }
      parseZone(Buffer.from(noise).toString('latin1'), 'example.test')
    }),
  )
})
