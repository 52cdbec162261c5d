// Holds the arguments of a command or test against its row of the vocabulary (RFC 5228 §2.6), and makes values of them:
// strings with their encoded characters undone and their variables found.

import type { Checker } from './check.ts'
import type { ArgumentSpec, Spec, TagSpec, Text, Value, ValueType } from './language.ts'
import type { Argument, StringLiteral, SyntaxNode } from './syntax.ts'
import { decodeCharacters, piecesOf } from './text.ts'

export interface Arguments {
  readonly tags: Map<string, Value | true>
  readonly args: Value[]
}

const TYPE_NAMES: Record<ValueType, string> = { string: 'a string', strings: 'a string list', number: 'a number' }

/** Tags first, then the others, each of the type that its row says; the first error is told and ends it. */
export function readArguments(node: SyntaxNode, spec: Spec, checker: Checker): Arguments {
  const what = `the ${spec.name} ${spec.kind}`
  const tags = new Map<string, Value | true>()
  const positional: Argument[] = []
  const given = node.arguments
  for (let i = 0; i < given.length; i++) {
    const argument = given[i]!
    if (argument.kind !== 'tag') {
      positional.push(argument)
      continue
    }
    const tag = tagOf(checker, argument, spec, what)
    if (positional.length > 0)
      checker.fail(argument.at, `unexpected tagged argument ':${argument.name}' after the other arguments of ${what}`)
    for (const name of tags.keys()) {
      if (name === argument.name) checker.fail(argument.at, `the tag ':${name}' is given twice for ${what}`)
      if (tag.group !== undefined && spec.tags?.[name]?.group === tag.group)
        checker.fail(argument.at, `the tags ':${name}' and ':${argument.name}' of ${what} exclude each other`)
    }
    if (tag.value === undefined) {
      tags.set(argument.name, true)
      continue
    }
    const value = given[++i]
    const label = `the tag ':${argument.name}' of ${what}`
    if (value === undefined || value.kind === 'tag')
      checker.fail(argument.at, `${label} needs ${TYPE_NAMES[tag.value]}`)
    if (!fits(value, tag.value))
      checker.fail(value.at, `${label} needs ${TYPE_NAMES[tag.value]}, but ${foundKind(value)} was found`)
    const made = valueFrom(checker, value)
    if (tag.constant === true && made.kind === 'texts' && made.texts.some(({ pieces }) => pieces !== undefined))
      checker.fail(value.at, `${label} cannot hold variables`)
    tags.set(argument.name, made)
  }
  return { tags, args: positionalOf(checker, node, positional, spec.args ?? [], what) }
}

function tagOf(checker: Checker, { name, at }: Extract<Argument, { kind: 'tag' }>, spec: Spec, what: string): TagSpec {
  const tag = Object.hasOwn(spec.tags ?? {}, name) ? spec.tags![name] : undefined
  const isUsable = tag !== undefined && (tag.needs === undefined || checker.has(tag.needs))
  if (isUsable) return tag
  if (tag !== undefined)
    checker.fail(at, `unknown tagged argument ':${name}' for ${what} (it needs require "${tag.needs}")`)
  const known = Object.keys(spec.tags ?? {}).map((one) => `:${one}`)
  const help = known.length === 0 ? 'it takes no tags' : `it takes ${known.join(' ')}`
  checker.fail(at, `unknown tagged argument ':${name}' for ${what} (${help})`)
}

function positionalOf(
  checker: Checker,
  node: SyntaxNode,
  given: readonly Argument[],
  specs: readonly ArgumentSpec[],
  what: string,
): Value[] {
  const needed = specs.filter(({ optional }) => optional !== true)
  const expected = given.length > needed.length ? specs : needed
  for (const [i, argument] of given.entries()) {
    const spec = expected[i]
    if (spec === undefined)
      checker.fail(
        argument.at,
        `${what} takes ${specs.length === 0 ? 'no' : `at most ${specs.length}`} positional ${specs.length === 1 ? 'argument' : 'arguments'}, but more are specified`,
      )
    if (!fits(argument, spec.type)) {
      const place = `argument ${i + 1} (${spec.label})`
      checker.fail(
        argument.at,
        `${what} expects ${TYPE_NAMES[spec.type]} as ${place}, but ${foundKind(argument)} was found`,
      )
    }
  }
  if (given.length < needed.length) {
    const count = `${needed.length} positional ${needed.length === 1 ? 'argument' : 'arguments'}`
    checker.fail(
      node.at,
      `${what} requires ${count}, but ${given.length} ${given.length === 1 ? 'is' : 'are'} specified`,
    )
  }
  return given.map((argument) => valueFrom(checker, argument))
}

function valueFrom(checker: Checker, argument: Argument): Value {
  const { at } = argument
  if (argument.kind === 'number') return { kind: 'number', number: argument.value, at }
  const strings = argument.kind === 'list' ? argument.strings : [argument as StringLiteral]
  return { kind: 'texts', texts: strings.map((one) => textFrom(checker, one)), at }
}

function textFrom(checker: Checker, { value, at }: StringLiteral): Text {
  let source = value
  if (checker.has('encoded-character')) {
    const decoded = decodeCharacters(source)
    if ('error' in decoded) checker.fail(at, decoded.error)
    source = decoded.text
  }
  if (!checker.has('variables')) return { source, pieces: undefined, at }
  const found = piecesOf(source, checker.required)
  if ('error' in found) checker.fail(at, found.error)
  return { source, pieces: found.pieces, at }
}

function fits(argument: Argument, type: ValueType): boolean {
  if (type === 'number') return argument.kind === 'number'
  return argument.kind === 'string' || (type === 'strings' && argument.kind === 'list')
}

const foundKind = ({ kind }: Argument) => (kind === 'list' ? 'a string list' : kind === 'tag' ? 'a tag' : `a ${kind}`)
