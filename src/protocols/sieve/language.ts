// The shape of Sieve's vocabulary: for each command and test one row that says what it takes, what it needs, and what it
// does. The rows stand in the files of this room, by subject; the checker (check.ts) holds a script against them, and the
// interpreter (run.ts) does what they say.

import type { Checker } from './check.ts'
import type { Run } from './run.ts'
import type { Place } from './syntax.ts'

/** A string of a script, ready to be filled in: variables and match values stand between fixed text. */
export interface Text {
  /** The fixed text; of one with variables, as it was written. */
  readonly source: string
  readonly pieces: readonly Piece[] | undefined
  readonly at: Place
}

export type Piece = string | { readonly kind: 'match'; readonly index: number } | VariableName

export interface VariableName {
  readonly kind: 'variable' | 'global' | 'environment'
  readonly name: string
}

export type Value =
  | { readonly kind: 'texts'; readonly texts: readonly Text[]; readonly at: Place }
  | { readonly kind: 'number'; readonly number: number; readonly at: Place }

/** A command or test of a checked script. */
export interface Call {
  readonly spec: Spec
  readonly at: Place
  /** Tags by name; `true` where they have no value. */
  readonly tags: ReadonlyMap<string, Value | true>
  readonly args: readonly Value[]
  readonly tests: readonly Call[]
  readonly block: readonly Call[]
  /** Of `if`: what is done else, an `if` of its own or the block of `else`. */
  readonly otherwise: readonly Call[]
  /** The included script, of `include`; undefined when it is not there. */
  readonly included?: Program | undefined
  /** What a test answers whatever the message is: of ihave. */
  readonly answer?: boolean
}

/** A checked script. */
export interface Program {
  readonly name: string | undefined
  readonly calls: readonly Call[]
  readonly required: ReadonlySet<string>
}

export type ValueType = 'string' | 'strings' | 'number'

export interface TagSpec {
  readonly value?: ValueType
  /** Of tags of one group only one may be given. */
  readonly group?: string
  readonly needs?: string
  /** The value must be known when the script is checked: no variables. */
  readonly constant?: boolean
}

export interface ArgumentSpec {
  /** For messages: `header names`. */
  readonly label: string
  readonly type: ValueType
  readonly optional?: boolean
}

export interface Spec {
  readonly name: string
  readonly kind: 'command' | 'test'
  /** One of these must be required. */
  readonly needs?: readonly string[]
  readonly tags?: Readonly<Record<string, TagSpec>>
  readonly args?: readonly ArgumentSpec[]
  readonly tests?: 'one' | 'list'
  readonly block?: boolean
  /** What the table cannot say. Called when the arguments fit. */
  check?(call: Call, checker: Checker): Pick<Call, 'included' | 'answer'> | undefined
  /** What it does; of tests, the answer. */
  run?(run: Run, call: Call): unknown
}

const COMPARATOR: Readonly<Record<string, TagSpec>> = { comparator: { value: 'string', constant: true } }

/** RFC 5228 §2.7.1, RFC 5231, RFC 6134 §2.2, draft-ietf-sieve-regex. */
const MATCH_TYPES: Readonly<Record<string, TagSpec>> = {
  is: { group: 'match type' },
  contains: { group: 'match type' },
  matches: { group: 'match type' },
  regex: { group: 'match type', needs: 'regex' },
  count: { group: 'match type', value: 'string', needs: 'relational' },
  value: { group: 'match type', value: 'string', needs: 'relational' },
  list: { group: 'match type', needs: 'extlists' },
}

export const MATCHING = { ...COMPARATOR, ...MATCH_TYPES }

/** RFC 5228 §2.7.4, RFC 5233. */
export const ADDRESS_PARTS: Readonly<Record<string, TagSpec>> = {
  all: { group: 'address part' },
  localpart: { group: 'address part' },
  domain: { group: 'address part' },
  user: { group: 'address part', needs: 'subaddress' },
  detail: { group: 'address part', needs: 'subaddress' },
}

/** RFC 5260 §6. */
export const INDEX: Readonly<Record<string, TagSpec>> = {
  index: { value: 'number', needs: 'index' },
  last: { needs: 'index' },
}

/** RFC 5703 §4: parts of MIME in header, address and exists. */
export const MIME_TAGS: Readonly<Record<string, TagSpec>> = {
  mime: { needs: 'mime' },
  anychild: { needs: 'mime' },
}
export const MIME_OPTIONS: Readonly<Record<string, TagSpec>> = {
  type: { group: 'mime option', needs: 'mime' },
  subtype: { group: 'mime option', needs: 'mime' },
  contenttype: { group: 'mime option', needs: 'mime' },
  param: { group: 'mime option', value: 'strings', needs: 'mime' },
}

/** What is fixed when the script is checked, or undefined where variables stand in it. */
export function constantText(value: Value | true | undefined): string | undefined {
  if (value === undefined || value === true || value.kind !== 'texts') return undefined
  const [only, ...others] = value.texts
  return only === undefined || others.length > 0 || only.pieces !== undefined ? undefined : only.source
}

export function constantTexts(value: Value | true | undefined): Text[] {
  if (value === undefined || value === true || value.kind !== 'texts') return []
  return value.texts.filter(({ pieces }) => pieces === undefined)
}
