// What the grammar of Sieve makes of a text (RFC 5228 §8): commands with arguments, tests and blocks, each with its place.
// Generic, as the RFC means it: which names exist, and what they take, is known to the checker alone.

/** A place in a script; both count from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Something that is wrong with a script, for the person who wrote it. */
export interface Finding extends Place {
  readonly level: 'error' | 'warning'
  /** What is wrong, and where it helps what to do. No final stop. */
  readonly message: string
  /** The included script in which it stands; undefined: the script itself. */
  readonly script?: string
}

/** A string as written, escapes undone. Bytes that are no UTF-8 are lone surrogates U+DC80 to U+DCFF. */
export interface StringLiteral {
  readonly kind: 'string'
  readonly value: string
  readonly at: Place
}

export type Argument =
  | StringLiteral
  | { readonly kind: 'list'; readonly strings: readonly StringLiteral[]; readonly at: Place }
  | { readonly kind: 'number'; readonly value: number; readonly at: Place }
  | { readonly kind: 'tag'; readonly name: string; readonly at: Place }

/** A command or a test: the grammar does not tell them apart. Names are lower case. */
export interface SyntaxNode {
  readonly name: string
  readonly at: Place
  readonly arguments: readonly Argument[]
  readonly tests: readonly SyntaxNode[]
  /** The tests stand in brackets. */
  readonly isTestList: boolean
  readonly block: readonly SyntaxNode[] | undefined
}

/** `line 3, column 7: what is wrong`, with the included script's name if it is one. */
export function findingText({ line, column, message, script }: Finding): string {
  return `${script === undefined ? '' : `${script}: `}line ${line}, column ${column}: ${message}`
}
