import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addWords, fold, testsFor, type WordTest } from './words.ts'

const wordsOf = (text: string) => {
  const words = new Set<string>()
  addWords(fold(text), words, 10_000)
  return [...words]
}
const passes = (word: string, { how, text }: WordTest) =>
  how === 'is'
    ? word === text
    : how === 'begins'
      ? word.startsWith(text)
      : how === 'ends'
        ? word.endsWith(text)
        : word.includes(text)

test('words of several scripts, marks and numbers', () => {
  assert.deepEqual(wordsOf('Grüße, Mr. O’Neil-Smith: 42 €!'), ['grüße', 'mr', 'o', 'neil', 'smith', '42'])
  assert.deepEqual(wordsOf('東京に行く'), ['東京', '京に', 'に行', '行く'])
  assert.deepEqual(wordsOf('a東b'), ['a', '東', 'b'])
  assert.deepEqual(wordsOf('Москва и Αθήνα'), ['москва', 'и', 'αθήνα'])
})

test('a run without end is cut into pieces that overlap', () => {
  for (let length = 41; length < 130; length++) {
    const run = Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * i) % 26))).join('')
    const pieces = wordsOf(run)
    assert.ok(pieces.every((piece) => piece.length <= 40))
    for (let at = 0; at + 21 <= length; at++)
      assert.ok(
        pieces.some((piece) => piece.includes(run.slice(at, at + 21))),
        `${at} of ${length}`,
      )
  }
})

test('whatever a text holds is not missed', () => {
  const letters = fc.constantFrom(...'aäb1 -.東京にสวัسб'.split(''), 'ABCDEFGHIJ'.repeat(5), 'é', 'İ')
  const texts = fc.array(letters, { minLength: 1, maxLength: 60 }).map((some) => some.join(''))
  fc.assert(
    fc.property(texts, fc.nat(), fc.nat(), (text, a, b) => {
      const folded = fold(text)
      const [from, to] = [a % (folded.length + 1), b % (folded.length + 1)].sort((x, y) => x - y)
      const needle = folded.slice(from, to)
      // Half a surrogate pair is nothing that anybody can type.
      if (!needle.isWellFormed()) return
      const words = wordsOf(text)
      for (const one of testsFor(needle))
        assert.ok(
          words.some((word) => passes(word, one)),
          `${needle}: ${one.how} ${one.text}`,
        )
    }),
    { numRuns: 3000 },
  )
})
