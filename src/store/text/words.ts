// Words, as the text index knows them. A text is folded (one form of each character, no case) and cut into runs of
// letters and digits; scripts that write no spaces (Chinese, Japanese, Thai, …) into pairs of characters. What is asked
// for is a piece of text, not a word: the first and last of its words may be parts of longer ones, so they become
// tests on the index's vocabulary. The answer may hold too much, never too little.

/** How texts are compared: no case, one form of each character. */
export function fold(text: string): string {
  return text.normalize('NFC').toLowerCase()
}

const DENSE =
  '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}\\p{sc=Tibetan}'
const RUNS = new RegExp(`(?<dense>[${DENSE}]+)|[[\\p{L}\\p{N}\\p{M}]--[${DENSE}]]+`, 'gv')

/** Longer runs (keys, signatures, encoded lines) are cut into pieces that overlap by half. */
const LONGEST = 40
/** Any part of a run up to this length lies whole in one of its pieces. */
const CERTAIN = LONGEST / 2 + 1

interface Run {
  readonly text: string
  readonly isDense: boolean
  readonly start: number
  readonly end: number
}

function* runsOf(folded: string): Generator<Run> {
  for (const match of folded.matchAll(RUNS)) {
    const [text] = match
    yield { text, isDense: match.groups?.dense !== undefined, start: match.index, end: match.index + text.length }
  }
}

/** Adds the words of a folded text to a set, until it holds `most`. False where that was not enough. */
export function addWords(folded: string, words: Set<string>, most: number): boolean {
  for (const { text, isDense } of runsOf(folded)) {
    if (isDense) for (const pair of pairsOf(text)) words.add(pair)
    else for (const piece of piecesOf(text)) words.add(piece)
    if (words.size >= most) return false
  }
  return true
}

function pairsOf(run: string): string[] {
  const characters = [...run]
  if (characters.length === 1) return characters
  return characters.slice(1).map((character, i) => `${characters[i]}${character}`)
}

function piecesOf(run: string): string[] {
  if (run.length <= LONGEST) return [run]
  const pieces: string[] = []
  for (let at = 0; at < run.length - LONGEST / 2; at += LONGEST / 2) pieces.push(run.slice(at, at + LONGEST))
  return pieces
}

/** One test that a word of the index must pass. */
export interface WordTest {
  readonly how: 'is' | 'begins' | 'ends' | 'holds'
  readonly text: string
}

/**
 * What the words of every text must pass that holds this piece: each test by at least one word. None: nothing can be
 * said, every text may hold it.
 */
export function testsFor(needle: string): WordTest[] {
  const folded = fold(needle)
  return [...runsOf(folded)].flatMap(({ text, isDense, start, end }) =>
    isDense ? denseTests(text) : [wordTest(text, start === 0, end === folded.length)],
  )
}

function denseTests(run: string): WordTest[] {
  const pairs = pairsOf(run)
  return [...run].length === 1
    ? [{ how: 'holds', text: run }]
    : pairs.map((text) => ({ how: 'is', text }) satisfies WordTest)
}

function wordTest(text: string, mayBegin: boolean, mayEnd: boolean): WordTest {
  // Part of a run that was cut, perhaps: then a piece of it is all that a word need hold.
  if (text.length > CERTAIN) return { how: 'holds', text: text.slice(0, CERTAIN) }
  if (mayBegin) return { how: mayEnd ? 'holds' : 'ends', text }
  return { how: mayEnd ? 'begins' : 'is', text }
}
