// The body hash of RFC 6376 §3.4 against the standard's own words, line by line, on bodies of chance: whatever is hashed
// where it lies, in pieces, or byte by byte, gives the same.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { SeededRandom } from '../../world/simulated/random.ts'
import { type Canonicalization, canonicalBody, hashBody } from './canonical.ts'

/** §3.4.3 and §3.4.4, slowly. */
function asWritten(body: string, method: Canonicalization): string {
  const lines = body.split('\r\n')
  const kept = method === 'simple' ? lines : lines.map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''))
  while (kept.at(-1) === '') kept.pop()
  if (kept.length === 0) return method === 'simple' ? '\r\n' : ''
  return `${kept.join('\r\n')}\r\n`
}

const PIECES = ['word', 'a', ' ', '  ', '\t', ' \t', '\r\n', '\r\n', '\r\n\r\n', ' \r\n', '\t\r\n', '\r', '\n', ' \n']

test('bodies of chance are hashed as the standard says, whole and up to a limit', () => {
  const random = new SeededRandom(7, 'canonical')
  const plain = `${'All work and no play makes a dull day. '.repeat(2).trimEnd()}\r\n`
  for (let round = 0; round < 600; round++) {
    let body = ''
    for (let pieces = random.integer(12); pieces > 0; pieces--) body += PIECES[random.integer(PIECES.length)]!
    // Some are longer than what is looked at in one piece, and have it in any place.
    if (round % 3 === 0) {
      const long = round % 2 === 0 ? plain.repeat(random.integer(500)) : 'x'.repeat(random.integer(40_000))
      const at = random.integer(body.length + 1)
      body = body.slice(0, at) + long + body.slice(at) + (round % 4 === 0 ? plain.repeat(random.integer(300)) : '')
    }
    const before = random.integer(3) === 0 ? 'Subject: x\r\n\r\n' : ''
    const source = Buffer.from(`${before}${body}\r\nnot of it  `)
    const [start, end] = [before.length, before.length + body.length]
    for (const method of ['simple', 'relaxed'] as const) {
      const wanted = asWritten(body, method)
      const what = `${method} ${JSON.stringify(body.slice(0, 200))}`
      assert.equal(canonicalBody(source, start, end, method).toString(), wanted, what)
      for (const limit of [undefined, 0, random.integer(wanted.length + 2)]) {
        const { sha256, length } = hashBody(source, start, end, method, limit)
        assert.equal(length, wanted.length, what)
        assert.equal(
          sha256.toString('hex'),
          createHash('sha256').update(wanted.slice(0, limit)).digest('hex'),
          `${what}, limit ${limit}`,
        )
      }
    }
  }
})
