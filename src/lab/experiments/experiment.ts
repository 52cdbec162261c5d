// An experiment: a question about email systems, as a file that a person can read and change (YAML). What is said there is
// read here, and what cannot be meant is told with its place; running it is run.ts.

import { LineCounter, parseDocument } from 'yaml'
import { KINDS, type Kind } from '../simulate/senders.ts'

export const LEVELS = ['fine', 'coarse'] as const
export type Level = (typeof LEVELS)[number]

/** Of a hundred agents x have these switches, the others those. */
interface Share {
  readonly of: string
  readonly have: string
  readonly others: string
}

export interface Series {
  readonly name: string
  /** For everybody, or `id:key=value`; `{x}` is the value on the axis. */
  readonly switches: string
  readonly share: Share | undefined
  /** A number, `{x}`, or `{rest}`: a hundred without x. */
  readonly mix: Readonly<Partial<Record<Kind, string>>> | undefined
}

export interface Measure {
  readonly name: string
  readonly unit: string
  /** Numbers of the result that are added up; `of` what they are a share (in per cent), or what they are for each of. */
  readonly sum: readonly string[]
  readonly of: readonly string[]
  /** Of the result of the day, and not a share: `cost.bytes`. */
  readonly factor: number
}

export interface Experiment {
  readonly title: string
  readonly question: string
  readonly system: string
  readonly copies: Readonly<Record<string, number>>
  readonly seed: string
  readonly level: Level
  readonly messages: number
  readonly days: number
  /** Each point so often, each time with another seed: how far they are apart says what is chance. */
  readonly repeats: number
  readonly mix: Readonly<Partial<Record<Kind, string>>>
  /** Agents whose domains forgers name; none: of all. */
  readonly forge: readonly string[]
  readonly axis: { readonly name: string; readonly unit: string; readonly values: readonly number[] }
  readonly series: readonly Series[]
  readonly measures: readonly Measure[]
  readonly shows: string
  readonly limits: string
}

type Problem = (path: readonly (string | number)[], what: string) => void
type Fields = Readonly<Record<string, unknown>>

/** The experiment, or sentences that say what is wrong with it, with lines. */
export function readExperiment(text: string): Experiment | readonly string[] {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: true })
  if (document.errors.length > 0) return document.errors.map(({ message }) => message.split('\n')[0]!)
  const problems: string[] = []
  const complain: Problem = (path, what) => {
    const node = document.getIn(path, true) as { range?: readonly number[] } | undefined
    const line = node?.range === undefined ? undefined : lines.linePos(node.range[0]!).line
    problems.push(`${line === undefined ? '' : `line ${line}: `}${path.join('.')}: ${what}`)
  }
  const experiment = read((document.toJS({ maxAliasCount: 0 }) ?? {}) as Fields, complain)
  return problems.length > 0 ? problems : experiment
}

const FIELDS = [
  'title',
  'question',
  'system',
  'copies',
  'seed',
  'level',
  'messages',
  'days',
  'repeats',
  'mix',
  'forge',
  'axis',
  'series',
  'measures',
  'shows',
  'limits',
]

function read(all: Fields, complain: Problem): Experiment {
  for (const key of Object.keys(all)) if (!FIELDS.includes(key)) complain([key], `write one of ${FIELDS.join(', ')}`)
  const text = (key: string) => {
    const value = all[key]
    if (typeof value === 'string' && value.trim() !== '') return value.trim()
    complain([key], 'some text is needed')
    return ''
  }
  const number = (key: string, usual: number, from: number, to: number) => {
    const value = all[key] ?? usual
    if (typeof value === 'number' && value >= from && value <= to) return value
    complain([key], `a number from ${from} to ${to} is needed`)
    return usual
  }
  const level = all.level ?? 'fine'
  if (!LEVELS.includes(level as Level)) complain(['level'], `write ${LEVELS.join(' or ')}`)
  const copies = fieldsOf(all.copies ?? {}, ['copies'], complain)
  for (const [id, n] of Object.entries(copies))
    if (!Number.isInteger(n) || (n as number) < 1 || (n as number) > 100)
      complain(['copies', id], 'a whole number from 1 to 100 is needed')
  return {
    title: text('title'),
    question: text('question'),
    system: typeof all.system === 'string' ? all.system : text('system'),
    copies: copies as Record<string, number>,
    seed: String(all.seed ?? 1),
    level: level as Level,
    messages: number('messages', 300, 1, 1e12),
    days: number('days', 1, 0.01, 365),
    repeats: Math.round(number('repeats', 1, 1, 100)),
    mix: mixOf(all.mix ?? { honest: 100 }, ['mix'], complain),
    forge: listOf(all.forge ?? [], ['forge'], complain).map(String),
    axis: axisOf(all.axis, complain),
    series: listOf(all.series, ['series'], complain).map((one, i) => seriesOf(one, ['series', i], complain)),
    measures: listOf(all.measures, ['measures'], complain).map((one, i) => measureOf(one, ['measures', i], complain)),
    shows: text('shows'),
    limits: text('limits'),
  }
}

type Path = readonly (string | number)[]

function fieldsOf(value: unknown, path: Path, complain: Problem): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  complain(path, 'names with values are needed')
  return {}
}

function listOf(value: unknown, path: Path, complain: Problem): readonly unknown[] {
  if (Array.isArray(value)) return value
  complain(path, 'a list is needed')
  return []
}

function axisOf(value: unknown, complain: Problem): Experiment['axis'] {
  const { name, unit = '', values } = fieldsOf(value, ['axis'], complain)
  const all = listOf(values, ['axis', 'values'], complain)
  if (typeof name !== 'string') complain(['axis', 'name'], 'some text is needed')
  if (all.length === 0 || all.length > 50 || !all.every((one) => typeof one === 'number'))
    complain(['axis', 'values'], 'up to fifty numbers are needed')
  return { name: String(name), unit: String(unit), values: all as number[] }
}

function mixOf(value: unknown, path: Path, complain: Problem): Partial<Record<Kind, string>> {
  const mix = fieldsOf(value, path, complain)
  for (const [kind, share] of Object.entries(mix)) {
    if (!KINDS.includes(kind as Kind)) complain([...path, kind], `write one of ${KINDS.join(', ')}`)
    if (!/^(?:\d+(?:\.\d+)?|\{x\}|\{rest\})$/.test(String(share)))
      complain([...path, kind], "a number is needed, or '{x}' or '{rest}'")
  }
  return Object.fromEntries(Object.entries(mix).map(([kind, share]) => [kind, String(share)]))
}

function seriesOf(value: unknown, path: Path, complain: Problem): Series {
  const { name, switches = '', share, mix, ...others } = fieldsOf(value, path, complain)
  for (const key of Object.keys(others)) complain([...path, key], 'write name, switches, share or mix')
  if (typeof name !== 'string') complain(path, 'it needs a name')
  let shared: Share | undefined
  if (share !== undefined) {
    const { of, have = '', others = '' } = fieldsOf(share, [...path, 'share'], complain)
    if (typeof of !== 'string') complain([...path, 'share'], 'write of: and whom it concerns')
    shared = { of: String(of), have: String(have), others: String(others) }
  }
  return {
    name: String(name),
    switches: String(switches),
    share: shared,
    mix: mix === undefined ? undefined : mixOf(mix, [...path, 'mix'], complain),
  }
}

function measureOf(value: unknown, path: Path, complain: Problem): Measure {
  const { name, unit = '%', sum, of = [], factor } = fieldsOf(value, path, complain)
  if (typeof name !== 'string') complain(path, 'it needs a name')
  const [over, under] = [listOf(sum, [...path, 'sum'], complain), listOf(of, [...path, 'of'], complain)]
  if (factor !== undefined && typeof factor !== 'number') complain([...path, 'factor'], 'a number is needed')
  return {
    name: String(name),
    unit: String(unit),
    sum: over.map(String),
    of: under.map(String),
    factor: typeof factor === 'number' ? factor : under.length > 0 && unit === '%' ? 100 : 1,
  }
}
