import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lineEnds, toCrlf, toLf } from './line-ends.ts'
import { mboxEntry, readMbox } from './mbox.ts'
import { statusFields, statusFlags, withoutStatus } from './mbox-status.ts'
import { memoryPlace } from './testing.ts'

async function read(file: string | Buffer, pieceBytes = 7) {
  const found: string[] = []
  for await (const { content } of readMbox(memoryPlace({ file }, pieceBytes).stream('file'))) {
    found.push(content?.toString('latin1') ?? 'too large')
  }
  return found
}

const first = 'From alice@sender.test Mon Nov 23 10:00:00 2026\n'

const CASES: readonly (readonly [what: string, file: string, messages: readonly string[]])[] = [
  ['nothing', '', []],
  ['no From_ line', 'Subject: x\n\nbody\n', []],
  ['one', `${first}A: b\n\nbody\n\n`, ['A: b\n\nbody\n']],
  ['the last blank line is missing', `${first}A: b\n\nbody`, ['A: b\n\nbody']],
  [
    'two, and blank lines of the body stay',
    `${first}A: b\n\nx\n\n\n${first}A: c\n\ny\n\n`,
    ['A: b\n\nx\n\n', 'A: c\n\ny\n'],
  ],
  ['From in a sentence', `${first}A: b\n\nx\n\nFrom here on\n\n`, ['A: b\n\nx\n\nFrom here on\n']],
  ['mboxo', `${first}A: b\n\n>From here\n\n`, ['A: b\n\nFrom here\n']],
  ['mboxrd', `${first}A: b\n\n>>From here\n>>>From there\n> From\n\n`, ['A: b\n\n>From here\n>>From there\n> From\n']],
  ['no blank line before', `${first}A: b\n\nx\n${first}y\n\n`, [`A: b\n\nx\n${first}y\n`]],
  ['CRLF', `${first}A: b\n\nx\n\n`.repeat(2).replaceAll('\n', '\r\n'), ['A: b\r\n\r\nx\r\n', 'A: b\r\n\r\nx\r\n']],
  ['Thunderbird without a date', 'From \nA: b\n\nx\n\nFrom \nA: c\n\ny\n\n', ['A: b\n\nx\n', 'A: c\n\ny\n']],
  ['Thunderbird with a date', 'From - Tue Nov 04 18:28:23 2025\nA: b\n\nx\n\n', ['A: b\n\nx\n']],
  ['Google', 'From 1790000000@xxx Mon Jan 01 00:00:00 +0000 2024\nA: b\n\nx\n\n', ['A: b\n\nx\n']],
  [
    'a right Content-Length (mboxcl2) holds a From_ line',
    `${first}Content-Length: 55\n\nx\n\n${first}y\n>From\n\n${first}A: c\n\nz\n\n`.replace(
      '55',
      String(3 + first.length + 8),
    ),
    [`Content-Length: ${3 + first.length + 8}\n\nx\n\n${first}y\n>From\n`, 'A: c\n\nz\n'],
  ],
  [
    'a wrong Content-Length',
    `${first}Content-Length: 3\n\nlonger\n\n${first}A: c\n\nz\n\n`,
    ['Content-Length: 3\n\nlonger\n', 'A: c\n\nz\n'],
  ],
  ['a Content-Length beyond the file', `${first}Content-Length: 9999\n\nx\n\n`, ['Content-Length: 9999\n\nx\n']],
]

for (const [what, file, messages] of CASES) {
  test(`mbox: ${what}`, async () => {
    for (const pieceBytes of [1, 7, 100_000]) assert.deepEqual(await read(file, pieceBytes), messages)
  })
}

/** Messages of lines that are hard for the format. */
const line = fc.oneof(
  fc.constantFrom('', 'From ', '>From ', '>>From x', first.trim(), 'From here', 'A: b', 'Content-Length: 5', '\r', ' '),
  fc.string({ unit: 'binary-ascii', maxLength: 20 }).map((text) => text.replaceAll('\n', '')),
)
const message = fc.array(line, { minLength: 1, maxLength: 12 }).map((lines) => lines.map((one) => `${one}\n`).join(''))

test('any messages whose lines end in LF come back as they were, however the file is read', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 6 }),
      fc.integer({ min: 1, max: 300 }),
      async (messages, pieceBytes) => {
        // A length that happens to be right is believed; that is not this test.
        const given = messages.map((text) => text.replace(/^content-length/gim, 'Content-Lengths'))
        const file = Buffer.concat(given.map((text) => mboxEntry(Buffer.from(text, 'latin1'), 'a@b.test', 0)))
        assert.deepEqual(await read(file, pieceBytes), given)
      },
    ),
    { numRuns: 300 },
  )
})

test('line ends go to LF and back, or are told to be mixed', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('\r', '\n', 'a') }), (text) => {
      const bytes = Buffer.from(text)
      const there = toLf(bytes)
      if (there !== undefined) assert.equal(toCrlf(there).toString(), text)
      else assert.ok(lineEnds(bytes) !== 'crlf' || text.includes('\r\r\n'))
      assert.doesNotMatch(toCrlf(bytes).toString(), /(^|[^\r])\n/)
    }),
  )
})

test('flags are fields of the header, and are taken out again', () => {
  const message = Buffer.from('Subject: x\n\nStatus: R is in the body\n')
  const flags = ['$Label1', 'Töpfe', '\\Answered', '\\Flagged', '\\Seen']
  const marked = Buffer.concat([Buffer.from(statusFields(flags)), message])
  assert.deepEqual(statusFlags(marked).sort(), flags)
  assert.deepEqual(withoutStatus(marked), message)
  const mozilla = Buffer.from(
    'X-Mozilla-Status: 1005\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: work\n later\nSubject: x\n\n',
  )
  assert.deepEqual(statusFlags(mozilla), ['\\Seen', '\\Flagged', '$Forwarded', 'work', 'later'])
  assert.equal(withoutStatus(mozilla).toString(), 'Subject: x\n\n')
})
