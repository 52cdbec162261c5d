// Variables (RFC 5229): set with its modifiers, and the test on strings; :encodeurl of RFC 5435 §6.

import { cutBytes } from './characters.ts'
import type { Checker } from './check.ts'
import {
  type Call,
  constantText,
  MATCHING,
  type Spec,
  type TagSpec,
  type Value,
  type VariableName,
} from './language.ts'
import { isCount, isMatch } from './match.ts'
import type { Run } from './run.ts'
import { isVariableName, variableOf } from './text.ts'

type Modify = (text: string, maxBytes: number) => string

/** In the order in which they are applied, the first first (RFC 5229 §4.1: higher precedence before lower). */
const MODIFIERS: Readonly<Record<string, { precedence: number; modify: Modify; needs?: string }>> = {
  lower: { precedence: 40, modify: (text) => text.toLowerCase() },
  upper: { precedence: 40, modify: (text) => text.toUpperCase() },
  lowerfirst: { precedence: 30, modify: (text) => firstOf(text).toLowerCase() + text.slice(firstOf(text).length) },
  upperfirst: { precedence: 30, modify: (text) => firstOf(text).toUpperCase() + text.slice(firstOf(text).length) },
  quotewildcard: { precedence: 20, modify: (text, maxBytes) => encoded(text, /[*?\\]/, (one) => `\\${one}`, maxBytes) },
  quoteregex: {
    precedence: 20,
    needs: 'regex',
    modify: (text, maxBytes) => encoded(text, /[\\^$.[\]|()?*+{}-]/, (one) => `\\${one}`, maxBytes),
  },
  encodeurl: {
    precedence: 15,
    needs: 'enotify',
    modify: (text, maxBytes) => encoded(text, /[^A-Za-z0-9\-._~]/, percent, maxBytes),
  },
  length: { precedence: 10, modify: (text) => String([...text].length) },
}

const firstOf = (text: string) => String.fromCodePoint(...(text === '' ? [] : [text.codePointAt(0)!]))

const percent = (character: string) =>
  [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')

/** What matches is written otherwise; what does not fit whole is left out. */
function encoded(text: string, special: RegExp, encode: (character: string) => string, maxBytes: number): string {
  let out = ''
  let size = 0
  for (const character of text) {
    const next = special.test(character) ? encode(character) : character
    size += Buffer.byteLength(next)
    if (size > maxBytes) break
    out += next
  }
  return out
}

export const MODIFIER_TAGS: Readonly<Record<string, TagSpec>> = Object.fromEntries(
  Object.entries(MODIFIERS).map(([name, { precedence, needs }]) => {
    return [name, { group: `modifier of precedence ${precedence}`, ...(needs === undefined ? {} : { needs }) }]
  }),
)

/** The text after the modifiers that a call's tags name. */
export function modified(run: Run, { tags }: Call, text: string): string {
  const { variableBytes } = run.limits
  let out = cutBytes(text, variableBytes)
  const chosen = [...tags.keys()].flatMap((name) => MODIFIERS[name] ?? [])
  for (const { modify } of chosen.toSorted((a, b) => b.precedence - a.precedence)) {
    run.charge(out.length * 2)
    out = modify(out, variableBytes)
  }
  return out
}

/** The name that a command sets: fixed, and no match value. */
export function checkSettable(value: Value | undefined, checker: Checker): undefined {
  const name = constantText(value)
  if (value === undefined) return undefined
  if (name === undefined) checker.fail(value.at, 'the name of a variable that is set cannot hold variables')
  const piece = variableOf(name, checker.required)
  if ('error' in piece) checker.fail(value.at, piece.error)
  if (!isVariableName(piece.name)) checker.fail(value.at, `'${name.slice(0, 80)}' is no name for a variable`)
  if (piece.kind === 'environment') checker.fail(value.at, `the variable '${name}' cannot be set`)
  checker.declare(value.at, piece.kind === 'global' ? `global.${piece.name}` : piece.name)
  return undefined
}

export function settable(run: Run, value: Value | undefined): VariableName {
  const piece = variableOf(run.text(value), new Set(['include', 'variables']))
  if ('error' in piece) throw new Error('the checker let a name through that is none')
  return piece
}

export const VARIABLES: readonly Spec[] = [
  {
    name: 'set',
    kind: 'command',
    needs: ['variables'],
    tags: MODIFIER_TAGS,
    args: [
      { label: 'name', type: 'string' },
      { label: 'value', type: 'string' },
    ],
    check: ({ args }, checker) => checkSettable(args[0], checker),
    run: (run, call) => run.set(settable(run, call.args[0]), modified(run, call, run.text(call.args[1]))),
  },
  {
    name: 'string',
    kind: 'test',
    needs: ['variables'],
    tags: MATCHING,
    args: [
      { label: 'source', type: 'strings' },
      { label: 'key list', type: 'strings' },
    ],
    run(run, call) {
      const values = run.texts(call.args[0])
      const keys = run.texts(call.args[1])
      // RFC 5229 §5: strings that are not empty are counted.
      if (call.tags.has('count')) return isCount(run, call, String(values.filter((value) => value !== '').length), keys)
      return isMatch(run, call, values, keys)
    },
  },
]
