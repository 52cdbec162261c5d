// What may be written at a place of a text, for editors: roles and what else they are called, names, arrows, keywords,
// settings and their words. Pure; reads the text as the parser does, so a half-written line is no obstacle.

import { looksLikeEntries, targetEnd } from './attributes.ts'
import { commentStart, lex, NORMAL_ARROW, type Token } from './lexer.ts'
import { type Attribute, blockLabel, type Span, type SystemModel } from './model.ts'
import { parse } from './parse.ts'
import { type About, SETTINGS } from './settings.ts'
import { isUserRole, KEYWORDS, ROLES, roleSays, SYNONYMS } from './vocabulary.ts'
import { ARROW_SAYS, BORDER_SAYS } from './words.ts'

export type SuggestionKind = 'role' | 'synonym' | 'agent' | 'network' | 'arrow' | 'keyword' | 'attribute' | 'value'

export interface Suggestion {
  readonly kind: SuggestionKind
  /** What is shown, and what typed letters are compared with. */
  readonly label: string
  /** What is written in place of the range. */
  readonly insert: string
  /** One line: what it is. */
  readonly says: string
  /** The words that an attribute takes, where they are few. */
  readonly words?: readonly string[]
}

/** What may stand instead of the text from `from` to `to`; the likeliest first. */
export interface Completion {
  readonly from: number
  readonly to: number
  readonly suggestions: readonly Suggestion[]
}

const MAX_SUGGESTIONS = 200

/** What may be written at `offset`. Nothing in comments and brackets. */
export function complete(text: string, offset: number): Completion {
  const place = Math.max(0, Math.min(offset, text.length))
  const lineStart = Math.max(text.lastIndexOf('\n', place - 1), text.lastIndexOf('\r', place - 1)) + 1
  const rest = /[\r\n]/.exec(text.slice(place))
  const line = text.slice(lineStart, rest === null ? text.length : place + rest.index)
  const before = text.slice(lineStart, place)
  if (commentStart(line) < before.length) return { from: place, to: place, suggestions: [] }
  const { model } = parse(text)
  const cursor: Cursor = { model, place, lineStart, before }
  const attribute = attributeAt(cursor, line)
  const found = attribute === undefined ? inFlow(cursor) : inEntries(cursor, attribute)
  const typed = text.slice(found.from, place).toLowerCase()
  const begins = found.suggestions.filter(({ label }) => label.toLowerCase().startsWith(typed))
  const within = found.suggestions.filter((one) => !begins.includes(one) && hasWord(one.label.toLowerCase(), typed))
  const fitting = [...begins, ...within]
  // Who has typed all of it needs no help.
  const isWhole = fitting.length === 1 && fitting[0]!.insert === text.slice(found.from, place)
  return { from: found.from, to: place, suggestions: isWhole ? [] : fitting.slice(0, MAX_SUGGESTIONS) }
}

type Cursor = {
  readonly model: SystemModel
  readonly place: number
  readonly lineStart: number
  /** The line up to the cursor. */
  readonly before: string
}
type Found = { readonly from: number; readonly suggestions: readonly Suggestion[] }

const hasWord = (label: string, typed: string) => label.split(/[\s/@]/).some((word) => word.startsWith(typed))

/** The attribute line that the cursor is in, behind its colon; also on the indented line below, where it goes on. */
function attributeAt({ model, place, lineStart, before }: Cursor, line: string): Attribute | undefined {
  const colon = targetEnd(line)
  if (colon !== undefined && before.length <= colon) return undefined
  const above = model.attributes.findLast(({ span }) => span.start < place)
  if (above === undefined) return undefined
  if (colon !== undefined) return above.span.start >= lineStart ? above : undefined
  const between = model.source.slice(above.span.end, lineStart)
  const isNext = above.span.end >= lineStart || /^[^\r\n]*(?:\r\n|\n|\r)$/.test(between)
  return isNext && /^\s/.test(before) && (before.trim() === '' || looksLikeEntries(line) || /^\s*[\w.-]*$/.test(before))
    ? above
    : undefined
}

function inEntries(cursor: Cursor, attribute: Attribute): Found {
  const { model, place, before } = cursor
  const entries = before.slice((targetEnd(before) ?? -1) + 1)
  const quote = entries.split('"').length % 2 === 0 ? entries.lastIndexOf('"') : -1
  const head = quote < 0 ? entries : entries.slice(0, quote)
  const [, key, unquoted = ''] = /(?:^|[\s,;])([A-Za-z_][\w.-]*)\s*=\s*([^\s;"]*)$/.exec(head) ?? []
  const value = quote < 0 ? unquoted : entries.slice(quote + 1)
  if (key !== undefined) {
    const word = /[^\s,;>:]*$/.exec(value)![0]
    return { from: place - word.length, suggestions: valuesOf(cursor, attribute, key) }
  }
  const word = /[^\s,;]*$/.exec(entries)![0]
  const from = place - word.length
  if (attribute.kind === 'machine' || attribute.kind === 'org') return { from, suggestions: names(cursor) }
  return { from, suggestions: settingsFor(model, attribute) }
}

function settingsFor(model: SystemModel, attribute: Attribute): Suggestion[] {
  const about = aboutOf(model, attribute)
  const given = new Set(attribute.entries.map(({ key }) => key))
  // What is not said yet comes first.
  const settings = SETTINGS.filter((setting) => setting.about === about)
  return [...settings.filter(({ name }) => !given.has(name)), ...settings.filter(({ name }) => given.has(name))].map(
    ({ name, says, without, words }) => ({
      kind: 'attribute',
      label: name,
      insert: `${name}=`,
      says: without === '' ? says : `${says} (without it: ${without})`,
      ...(words.length === 0 ? {} : { words }),
    }),
  )
}

/** Whom an attribute line is about decides what can be said. */
export function aboutOf(model: SystemModel, attribute: Attribute): About {
  if (attribute.kind === 'contract') return 'contract'
  const refs = new Set(attribute.refs)
  const meant = model.actors.filter(({ id, blocks }) => refs.has(id) || blocks.some((block) => refs.has(block)))
  return meant.length > 0 && meant.every(({ kind }) => kind === 'user') ? 'person' : 'agent'
}

/** Settings whose value is somebody. */
const NAMING = new Set(['trusts', 'by', 'with'])

function valuesOf(cursor: Cursor, attribute: Attribute, key: string): Suggestion[] {
  const about = aboutOf(cursor.model, attribute)
  const setting = SETTINGS.find((one) => one.about === about && one.name === key)
  if (key === 'in')
    return cursor.model.networks
      .filter(({ named }) => named)
      .map(({ name }) => ({ kind: 'network', label: name, insert: quoted(name), says: 'a network' }))
  if (NAMING.has(key)) return names(cursor).filter(({ kind }) => kind === 'agent')
  return (setting?.words ?? []).map((word) => ({ kind: 'value', label: word, insert: word, says: setting!.says }))
}

const quoted = (name: string) => (/^[\w.-]+$/.test(name) ? name : `"${name}"`)

/** Everybody who has a name, but who is being written. */
function names({ model, place }: Cursor): Suggestion[] {
  const written = new Set(model.blocks.filter(({ span }) => touch(span, place)).map(({ id }) => id))
  return model.actors.flatMap(({ at, roles, kind, blocks }): Suggestion[] => {
    if (at === undefined || blocks.every((id) => written.has(id))) return []
    const says = `${roles.join('/') || '?'}, ${kind === 'user' ? 'a person' : 'an agent'}`
    return [{ kind: 'agent', label: at, insert: at, says }]
  })
}

const touch = ({ start, end }: Span, place: number) => start <= place && place <= end

function inFlow(cursor: Cursor): Found {
  const { place, lineStart, before } = cursor
  const partial = /(?:^|[\s\w])([-=~]+|[-=~]>)$/.exec(before)?.[1]
  if (partial !== undefined && !/^\s*\|/.test(before)) return { from: place - partial.length, suggestions: arrows() }
  const line = { number: 1, start: lineStart, end: place, text: before }
  const tokens = lex(line, before.length, () => {})
  const last = tokens.at(-1)
  if (last === undefined) return { from: place, suggestions: [...roles(), ...openings(cursor)] }
  const touches = last.span.end === place
  if (last.kind === 'bracket' && touches && !before.endsWith('|')) return { from: place, suggestions: [] }
  if (touches && last.kind === 'at') return { from: last.span.start + 1, suggestions: names(cursor) }
  if (touches && last.kind === 'star') return { from: place, suggestions: [] }
  if (touches && last.kind === 'word') return atWord(cursor, tokens)
  if (last.kind === 'slash' && isJoin(tokens)) return { from: place, suggestions: touches ? roles() : [] }
  if (last.kind === 'slash') return { from: place, suggestions: arrows(touches ? ' ' : '') }
  if (last.kind === 'arrow')
    return { from: place, suggestions: [...roles(usual(tokens)), ...places(cursor)].map(spaced(touches)) }
  if (last.kind === 'bracket') return { from: place, suggestions: roles().map(spaced(touches)) }
  return { from: place, suggestions: arrows() }
}

const spaced = (touches: boolean) => (one: Suggestion) => (touches ? { ...one, insert: ` ${one.insert}` } : one)

/** Words of a role, or of a target or keyword where nothing stands before them. */
function atWord(cursor: Cursor, tokens: Token[]): Found {
  let first = tokens.length - 1
  while (first > 0 && tokens[first - 1]!.kind === 'word') first--
  const from = tokens[first]!.span.start
  const previous = tokens[first - 1]
  if (previous?.kind === 'at' || previous?.kind === 'star') return { from, suggestions: arrows() }
  const opening = first === 0 ? openings(cursor) : []
  const join = previous?.kind === 'slash' && isJoin(tokens.slice(0, first))
  return {
    from,
    suggestions: [...roles(), ...synonyms(), ...(join ? [] : places(cursor)), ...opening],
  }
}

/** A slash that is tight behind a role, so that another role is expected. */
function isJoin(tokens: Token[]): boolean {
  const [previous, slash] = tokens.slice(-2)
  return slash?.kind === 'slash' && !slash.spaceBefore && (previous?.kind === 'word' || previous?.kind === 'at')
}

/** Whom mail usually goes to next. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  Author: ['MSA'],
  MSA: ['Transmitter'],
  Receiver: ['MDA', 'Forwarder'],
  Forwarder: ['MDA'],
  Gateway: ['MDA'],
  Filter: ['MDA'],
  'Backup MX': ['MDA', 'Receiver'],
  MDA: ['Recipient'],
  Border: ['Receiver', 'Filter', 'Gateway', 'Backup MX', 'Mailing List'],
}

function usual(tokens: Token[]): readonly string[] {
  const previous = tokens.at(-2)
  if (previous === undefined) return NEXT.Border!
  if (previous.kind === 'slash') return NEXT.Border!
  const words = tokens.slice(0, -1).filter(({ kind }) => kind === 'word')
  return NEXT[words.at(-1)?.text ?? ''] ?? []
}

function roles(first: readonly string[] = []): Suggestion[] {
  return [...new Set([...first, ...ROLES])].map((role) => ({
    kind: 'role',
    label: role,
    insert: role,
    says: roleSays(role) ?? '',
  }))
}

function synonyms(): Suggestion[] {
  return [...SYNONYMS].map(([written, role]) => ({
    kind: 'synonym',
    label: written,
    insert: role,
    says: `here called ${role}: ${roleSays(role)}`,
  }))
}

/** Actors that stand in the text already, as they may be written again. */
function places({ model, place }: Cursor): Suggestion[] {
  const named = model.blocks.filter(({ at, span }) => at !== undefined && !touch(span, place))
  return [...new Map(named.map((block) => [blockLabel(block), block]))].map(([label, { roles: played }]) => ({
    kind: 'agent',
    label,
    insert: label,
    says: played.every(isUserRole) ? 'a person of this text' : 'an agent of this text',
  }))
}

function arrows(lead = ''): Suggestion[] {
  return [
    ...(['direct', 'flow', 'indirect'] as const).map((arrow): Suggestion => {
      const label = NORMAL_ARROW[arrow]
      return { kind: 'arrow', label, insert: `${lead}${label} `, says: ARROW_SAYS[arrow] }
    }),
    { kind: 'arrow', label: '--> / -->', insert: `${lead}--> / --> `, says: BORDER_SAYS },
  ]
}

/** What a line can begin with beside a role. */
function openings(cursor: Cursor): Suggestion[] {
  return [
    ...names(cursor).map((one) => ({ ...one, insert: `${one.insert}: `, says: `settings of ${one.says}` })),
    ...KEYWORDS.map(({ word, insert, says }): Suggestion => ({ kind: 'keyword', label: word, insert, says })),
  ]
}
