// What a fuzz target is: a name, a function that throws only on a bug, something to begin with, and words that the
// parser knows. Whatever a stranger may send is legal input.

export interface Target {
  /** Throws (or rejects) on a bug of ours and on nothing else. */
  fuzz(bytes: Buffer): void | Promise<void>
  /** Small inputs of our own to begin with. */
  readonly seeds: readonly string[]
  /** What the mutator puts in. */
  readonly words: readonly string[]
  /** Folders or files below ../shared/suites whose files are inputs too, where they are present. */
  readonly suites?: readonly string[]
}

export type Targets = Readonly<Record<string, Target>>

/** Words in which every text of email is dangerous. */
export const WORDS = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    '\t',
    '"',
    '\\',
    '<',
    '>',
    '(',
    ')',
    '@',
    ',',
    ';',
    ':',
    '=',
    '%',
    '{',
    '}',
    '[',
    ']',
  ],
  ...[
    '\r\n ',
    '\r\n\r\n',
    '--',
    '..',
    '=?utf-8?b?',
    '?=',
    '=?utf-8?q?',
    '\u00e9',
    '\ufeff',
    '\u202e',
    '\xff',
    '\ud83d\ude00',
  ],
  ...['-1', '0', '1', '65536', '2147483648', '4294967296', '99999999999999999999', '__proto__', 'constructor'],
]

/** Two values that must be the same. @throws Error that shows both */
export function same(what: string, one: unknown, other: unknown): void {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)]
  if (a !== b) throw new Error(`${what}:\n  ${a?.slice(0, 2000)}\n  ${b?.slice(0, 2000)}`)
}

/** @throws Error */
export function must(isSo: boolean, what: string, facts?: unknown): void {
  if (!isSo) throw new Error(facts === undefined ? what : `${what}: ${JSON.stringify(facts)?.slice(0, 2000)}`)
}

/** Pieces of sizes that the bytes themselves decide: the same input is always cut alike. */
export function* pieces(bytes: Buffer): Generator<Buffer> {
  let state = bytes.length + 1
  for (let at = 0; at < bytes.length; ) {
    state = (Math.imul(state, 1103515245) + 12345 + bytes[at]!) >>> 0
    const size = 1 + ((state >>> 16) % 37)
    yield bytes.subarray(at, at + size)
    at += size
  }
}
