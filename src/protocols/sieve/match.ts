// Comparators and match types (RFC 5228 §2.7, RFC 4790, RFC 5231, RFC 6134, draft-ietf-sieve-regex). Every comparison
// charges what it looks at, and nothing here is worse than linear in the text times the pattern, which is bounded.

import { RE2JS } from 're2js'
import { asciiLower } from './characters.ts'
import type { Checker } from './check.ts'
import { type Call, constantText, constantTexts } from './language.ts'
import type { Run } from './run.ts'

interface Comparator {
  /** Texts that are equal become one; the length stays. */
  readonly fold: (text: string) => string
  readonly compare: (a: string, b: string) => number
  readonly hasSubstrings: boolean
}

const octets = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** RFC 4790 §9.1: the digits at the beginning; without any it is larger than every number, and equal to its like. */
function numeric(text: string): string | undefined {
  return /^[0-9]+/.exec(text)?.[0].replace(/^0+(?=.)/, '')
}

function compareNumbers(a: string, b: string): number {
  const [left, right] = [numeric(a), numeric(b)]
  if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined)
  return left.length - right.length || (left < right ? -1 : Number(left > right))
}

const COMPARATORS: Record<string, Comparator> = {
  'i;octet': { fold: (text) => text, compare: octets, hasSubstrings: true },
  'i;ascii-casemap': {
    fold: asciiLower,
    compare: (a, b) => octets(asciiLower(a), asciiLower(b)),
    hasSubstrings: true,
  },
  'i;ascii-numeric': { fold: (text) => numeric(text) ?? '', compare: compareNumbers, hasSubstrings: false },
}

const RELATIONS: Record<string, (order: number) => boolean> = {
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
}

/** Length of a pattern times how often its counted repetitions unroll it: `(a{100}){100}` is ten thousand states. */
const MAX_WEIGHT = 20_000
/** Of a longer value only the beginning is looked at by a regular expression. */
const MAX_REGEX_VALUE = 256 * 1024
/** Work that compiling, and matching a character, costs for each of the weight. */
const COMPILING = 10_000
const MATCHING_ONE = 20

/** Checks comparator, match type and key list of a call against each other. */
export function checkMatching(call: Call, checker: Checker): void {
  const { tags, at, spec } = call
  const name = constantText(tags.get('comparator')) ?? 'i;ascii-casemap'
  const comparator = Object.hasOwn(COMPARATORS, name) ? COMPARATORS[name]! : undefined
  if (comparator === undefined) checker.fail(at, `there is no comparator '${name}'`)
  if (!checker.has(`comparator-${name}`))
    checker.fail(at, `unknown comparator '${name}': it needs require "comparator-${name}"`)
  for (const type of ['contains', 'matches', 'regex'])
    if (tags.has(type) && !comparator.hasSubstrings)
      checker.fail(at, `the comparator '${name}' cannot be used with :${type}: it has no substrings`)
  for (const type of ['count', 'value']) {
    const relation = constantText(tags.get(type))
    if (relation !== undefined && !Object.hasOwn(RELATIONS, relation.toLowerCase()))
      checker.fail(at, `:${type} needs "gt", "ge", "lt", "le", "eq" or "ne", and not "${relation}"`)
  }
  const keys = spec.args?.findIndex(({ label }) => label === 'key list') ?? -1
  if (!tags.has('regex') || keys < 0) return
  for (const { source, at: place } of constantTexts(call.args.at(-1))) {
    const made = regexOf(source, false)
    if ('error' in made) checker.fail(place, made.error)
    checker.addRegex(place, made.weight)
  }
}

interface Regex {
  readonly regex: RE2JS
  readonly weight: number
}

function regexOf(pattern: string, ignoresCase: boolean): Regex | { error: string } {
  let weight = pattern.length
  for (const [, low, high] of pattern.matchAll(/\{([0-9]+)(?:,([0-9]*))?\}/g))
    weight *= Math.max(1, Number(high || low))
  if (weight > MAX_WEIGHT) return { error: 'a regular expression is too large, or repeats too often' }
  try {
    const flags = RE2JS.LONGEST_MATCH | RE2JS.DOTALL | (ignoresCase ? RE2JS.CASE_INSENSITIVE : 0)
    return { regex: RE2JS.compile(pattern, flags), weight }
  } catch (error) {
    return { error: `invalid regular expression: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** Does one of the values match one of the keys, in the way that the call's tags say. */
export function isMatch(run: Run, call: Call, values: readonly string[], keys: readonly string[]): boolean {
  const { tags } = call
  if (tags.has('count')) return isCount(run, call, String(values.length), keys)
  if (tags.has('list')) return isListed(run, values, keys)
  const { comparator, ignoresCase } = comparatorOf(call)
  const relation = tags.has('value') ? relationOf(run, call, 'value') : undefined
  const patterns = tags.has('regex') ? regexesOf(run, call, keys, ignoresCase) : []
  for (const value of values) {
    for (const [i, key] of keys.entries()) {
      run.charge(value.length + key.length)
      if (tags.has('regex')) {
        const pattern = patterns[i]
        const beginning = value.slice(0, MAX_REGEX_VALUE)
        run.charge(beginning.length * (pattern?.weight ?? 0) * MATCHING_ONE)
        const found = pattern?.regex.matcher(beginning)
        if (found === undefined || !found.find()) continue
        const groups = Array.from({ length: found.groupCount() + 1 }, (_, group) => found.group(group) ?? '')
        run.setMatchValues(groups)
        return true
      }
      if (tags.has('matches')) {
        const groups = glob(value, key, comparator.fold, run)
        if (groups === undefined) continue
        run.setMatchValues(groups)
        return true
      }
      if (
        relation !== undefined
          ? relation(comparator.compare(value, key))
          : isPlain(value, key, comparator, tags.has('contains'))
      )
        return true
    }
  }
  return false
}

function isPlain(value: string, key: string, { fold, compare, hasSubstrings }: Comparator, contains: boolean): boolean {
  if (contains) return fold(value).includes(fold(key))
  return hasSubstrings ? fold(value) === fold(key) : compare(value, key) === 0
}

/** Of keys without variables: compiled once, and kept with the program. */
const kept = new WeakMap<Call, (Regex | undefined)[]>()

function regexesOf(run: Run, call: Call, keys: readonly string[], ignoresCase: boolean): (Regex | undefined)[] {
  const known = kept.get(call)
  if (known !== undefined) return known
  const given = call.args.at(-1)
  const isFixed = given?.kind === 'texts' && constantTexts(given).length === given.texts.length
  const made = keys.map((key) => {
    if (!isFixed) run.charge(key.length * COMPILING)
    const regex = regexOf(key, ignoresCase)
    if ('regex' in regex) return regex
    run.warn(call.at, regex.error)
    return undefined
  })
  if (isFixed) kept.set(call, made)
  return made
}

function comparatorOf({ tags }: Call): { comparator: Comparator; ignoresCase: boolean } {
  const name = constantText(tags.get('comparator')) ?? 'i;ascii-casemap'
  return { comparator: COMPARATORS[name]!, ignoresCase: name === 'i;ascii-casemap' }
}

function relationOf(run: Run, call: Call, tag: string): (order: number) => boolean {
  const relation = run.text(call.tags.get(tag)).toLowerCase()
  if (!Object.hasOwn(RELATIONS, relation)) run.fail(call.at, `:${tag} knows no relation "${relation.slice(0, 20)}"`)
  return RELATIONS[relation]!
}

/** RFC 5231 §4.2: the number of values is compared, as text, with the keys. */
export function isCount(run: Run, call: Call, count: string, keys: readonly string[]): boolean {
  const relation = relationOf(run, call, 'count')
  const { comparator } = comparatorOf(call)
  return keys.some((key) => relation(comparator.compare(count, key)))
}

/** RFC 6134 §2.2: the keys name lists. */
function isListed(run: Run, values: readonly string[], lists: readonly string[]): boolean {
  for (const name of lists) {
    const list = run.context.list(name)
    if (list === undefined) continue
    for (const value of values) {
      run.charge(value.length)
      if (!list.has(value)) continue
      run.setMatchValues([value])
      return true
    }
  }
  return false
}

type Atom = string | undefined

/** A pattern of `*` and `?` (RFC 5228 §2.7.1), cut at its stars; `undefined` stands for `?`. */
function segmentsOf(pattern: string): Atom[][] {
  const segments: Atom[][] = [[]]
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!
    if (character === '*') segments.push([])
    else if (character === '?') segments.at(-1)!.push(undefined)
    else segments.at(-1)!.push(character === '\\' && i + 1 < pattern.length ? pattern[++i]! : character)
  }
  return segments
}

/** The match values, the whole first, each star as short as can be (RFC 5229 §3.2); undefined where it does not match. */
function glob(
  value: string,
  pattern: string,
  fold: (text: string) => string,
  run: Pick<Run, 'charge'>,
): string[] | undefined {
  const segments = segmentsOf(fold(pattern))
  const text = fold(value)
  const groups: string[] = [value]
  let at = 0
  for (const [i, segment] of segments.entries()) {
    const isFirst = i === 0
    const isLast = i === segments.length - 1
    let start: number | undefined
    if (isFirst) start = endOf(text, at, segment) === undefined ? undefined : at
    else if (isLast) start = lastStart(text, at, segment)
    else start = firstStart(text, at, segment, run)
    if (start === undefined) return undefined
    if (!isFirst) groups.push(value.slice(at, start))
    at = start
    for (const atom of segment) {
      const next = at + (atom === undefined ? characterAt(text, at) : 1)
      if (atom === undefined) groups.push(value.slice(at, next))
      at = next
    }
  }
  return at === value.length ? groups : undefined
}

/** Units of the character at an offset. */
function characterAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
}

/** Where the segment ends if it stands at `at`. */
function endOf(text: string, at: number, segment: readonly Atom[]): number | undefined {
  let end = at
  for (const atom of segment) {
    if (end >= text.length || (atom !== undefined && text[end] !== atom)) return undefined
    end += atom === undefined ? characterAt(text, end) : 1
  }
  return end
}

function firstStart(
  text: string,
  from: number,
  segment: readonly Atom[],
  run: Pick<Run, 'charge'>,
): number | undefined {
  if (!segment.includes(undefined)) {
    const found = text.indexOf(segment.join(''), from)
    return found < 0 ? undefined : found
  }
  run.charge((text.length - from) * segment.length)
  for (let start = from; start <= text.length; start++) if (endOf(text, start, segment) !== undefined) return start
  return undefined
}

/** Where the segment must begin to end with the text. */
function lastStart(text: string, from: number, segment: readonly Atom[]): number | undefined {
  let start = text.length
  for (const atom of segment.toReversed()) {
    start--
    if (
      atom === undefined &&
      start > from &&
      /[\udc00-\udfff]/.test(text[start]!) &&
      characterAt(text, start - 1) === 2
    )
      start--
    if (start < from || (atom !== undefined && text[start] !== atom)) return undefined
  }
  return start
}
