import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHeader } from '../../message/header.ts'
import { arrivalMs, figuresOf, pointAt, type Scored } from './evaluate.ts'

const scored = (ham: number[], spam: number[]): Scored[] => [
  ...ham.map((score) => ({ score, isSpam: false })),
  ...spam.map((score) => ({ score, isSpam: true })),
]

test('the area above the curve: none when all is in order, half for ties, all when upside down', () => {
  assert.equal(figuresOf(scored([1, 2], [3, 4])).errorAreaPercent, 0)
  assert.equal(figuresOf(scored([1, 1], [1])).errorAreaPercent, 50)
  assert.equal(figuresOf(scored([3], [1, 2])).errorAreaPercent, 100)
  assert.equal(figuresOf(scored([1, 2, 3, 5], [4])).errorAreaPercent, 25)
})

test('the area is the share of pairs that are the wrong way round', () => {
  const scores = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(scores, scores, (ham, spam) => {
      const wrong = ham.flatMap((h) => spam.map((s): number => (h > s ? 1 : h === s ? 0.5 : 0)))
      const expected = (100 * wrong.reduce((a, b) => a + b, 0)) / wrong.length
      assert.ok(Math.abs(figuresOf(scored(ham, spam)).errorAreaPercent - expected) < 1e-9)
    }),
  )
})

test('false positives at the threshold that catches a share of the spam', () => {
  const all = scored([0.1, 0.2, 0.55, 0.95], [0.5, 0.6, 0.7, 0.8, 0.9])
  assert.deepEqual(pointAt(all, 1), { threshold: 0.5, falsePositives: 2, falsePositivePercent: 50 })
  assert.deepEqual(pointAt(all, 0.8), { threshold: 0.6, falsePositives: 1, falsePositivePercent: 25 })
})

test('arrival is the date of the last server, else of the author', () => {
  const at = (text: string) => arrivalMs(parseHeader(Buffer.from(text)))
  const date = 'Date: Mon, 1 Jan 2001 00:00:00 +0000\r\n'
  assert.equal(
    at(`Received: from a by b; Tue, 2 Jan 2001 00:00:00 +0000\r\nReceived: from c by a; bad\r\n${date}\r\n`),
    Date.UTC(2001, 0, 2),
  )
  assert.equal(at(`Received: from a by b\r\n${date}\r\n`), Date.UTC(2001, 0, 1))
  assert.equal(at('Subject: x\r\n\r\n'), undefined)
})
