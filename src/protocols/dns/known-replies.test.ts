import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KnownReplies } from './known-replies.ts'
import { answerMessage } from './server.ts'
import { encodeQuestion } from './wire.ts'
import { type ZoneRecord, ZoneTable } from './zone.ts'

const record = (name: string, data: string): ZoneRecord => ({ name, type: 'A', ttlS: 60, data })
const zone = {
  origin: 'example.test',
  records: [
    record('mx.example.test', '192.0.2.1'),
    record('*.wild.example.test', '192.0.2.2'),
    { name: 'www.example.test', type: 'CNAME', ttlS: 60, data: 'mx.example.test' } satisfies ZoneRecord,
  ],
}
const NAMES = [
  'mx.example.test',
  'MX.Example.test',
  'a.wild.example.test',
  'www.example.test',
  'none.example.test',
  'x',
]

test('what is known is what would be answered, to the byte, whoever asks in whatever letters', () => {
  const zones = new ZoneTable([zone])
  let asked = 0
  const replies = new KnownReplies(zones, (question) => {
    asked++
    return answerMessage(zones, question, 'udp')
  })
  const question = fc
    .tuple(fc.nat(65_535), fc.constantFrom(...NAMES), fc.constantFrom('A' as const, 'MX' as const), fc.boolean())
    .map((parts) => encodeQuestion(...parts))
  const spoilt = fc.tuple(question, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
    bytes[at % bytes.length] = value
    return bytes
  })
  let questions = 0
  fc.assert(
    fc.property(
      fc.oneof(
        question,
        spoilt,
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      ),
      (bytes) => {
        questions++
        const before = Buffer.from(bytes)
        assert.deepEqual(replies.to(bytes), answerMessage(zones, before, 'udp'))
        assert.deepEqual(bytes, before)
      },
    ),
    { numRuns: 2000 },
  )
  assert.ok(asked < questions, 'nothing was known')
})

test('a change of the zones counts at once', () => {
  const zones = new ZoneTable([zone])
  const replies = new KnownReplies(zones, (bytes) => answerMessage(zones, bytes, 'udp'))
  const ask = () => replies.to(encodeQuestion(1, 'mx.example.test', 'A', true))
  const first = ask()
  assert.deepEqual(ask(), first)
  zones.setPart('example.test', 'more', [record('mx.example.test', '192.0.2.3')])
  const second = ask()
  assert.ok(second!.length > first!.length)
  zones.set({ origin: 'example.test', records: [record('mx.example.test', '192.0.2.4')] })
  assert.deepEqual(ask()!.subarray(-15, -11), Buffer.from([192, 0, 2, 4]))
  zones.remove('example.test')
  assert.equal(ask()![3]! & 0xf, 5)
})
