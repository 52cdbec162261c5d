// What FETCH may ask for (RFC 9051 §6.4.5 and §9 fetch-att, RFC 7162 §3.1.5, OBJECTID RFC 8474 §5.1, SAVEDATE RFC 8514,
// PREVIEW RFC 8970, BINARY RFC 3516), as plain data.

import type { Cursor } from './parser.ts'
import { parseSection, type Section } from './section.ts'

export interface Range {
  readonly offset: number
  readonly length: number
}

export type FetchItem =
  | {
      readonly kind:
        | 'FLAGS'
        | 'UID'
        | 'MODSEQ'
        | 'INTERNALDATE'
        | 'RFC822.SIZE'
        | 'EMAILID'
        | 'THREADID'
        | 'SAVEDATE'
        | 'PREVIEW'
        | 'ENVELOPE'
        | 'BODY'
        | 'BODYSTRUCTURE'
    }
  | {
      readonly kind: 'section'
      readonly section: Section
      readonly partial?: Range
      /** Does not set \Seen. */
      readonly peek: boolean
      /** The older name under which it was asked for and is answered. */
      readonly rfc822?: 'RFC822' | 'RFC822.HEADER' | 'RFC822.TEXT'
      /** BODY[]: no structure is needed. */
      readonly wholeMessage: boolean
    }
  | { readonly kind: 'binary'; readonly section: Section; readonly partial?: Range; readonly peek: boolean }
  | { readonly kind: 'binary-size'; readonly section: Section }

export type SimpleKind = Exclude<FetchItem['kind'], 'section' | 'binary' | 'binary-size'>

const MACROS: Record<string, readonly SimpleKind[]> = {
  ALL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'],
  FAST: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
  FULL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'],
}

/** Longer names before their beginnings. */
const SIMPLE: readonly SimpleKind[] = [
  'FLAGS',
  'UID',
  'MODSEQ',
  'INTERNALDATE',
  'RFC822.SIZE',
  'EMAILID',
  'THREADID',
  'SAVEDATE',
  'PREVIEW',
  'ENVELOPE',
  'BODYSTRUCTURE',
  'BODY',
]

const OLD: Record<'RFC822.HEADER' | 'RFC822.TEXT' | 'RFC822', { text: Section['text']; peek: boolean }> = {
  'RFC822.HEADER': { text: 'HEADER', peek: true },
  'RFC822.TEXT': { text: 'TEXT', peek: false },
  RFC822: { text: '', peek: false },
}

/** One item, a macro, or a list of items. */
export function parseFetchItems(args: Cursor): FetchItem[] {
  const items = args.isList() ? args.list(() => parseItemOrMacro(args)).flat() : parseItemOrMacro(args)
  if (items.length === 0) args.fail('FETCH what?')
  return items
}

/** A macro should stand alone (RFC 9051 §6.4.5); some clients put it in parentheses. */
function parseItemOrMacro(args: Cursor): FetchItem[] {
  for (const [macro, kinds] of Object.entries(MACROS)) {
    if (args.skipKeyword(macro)) return kinds.map((kind) => ({ kind }))
  }
  return [parseItem(args)]
}

function parseItem(args: Cursor): FetchItem {
  if (args.skipText('BODY.PEEK[')) return sectionItem(args, true)
  if (args.skipText('BODY[')) return sectionItem(args, false)
  if (args.skipText('BINARY.SIZE[')) return { kind: 'binary-size', section: binarySection(args) }
  if (args.skipText('BINARY.PEEK[')) return binaryItem(args, true)
  if (args.skipText('BINARY[')) return binaryItem(args, false)
  for (const kind of SIMPLE) {
    if (!args.skipKeyword(kind)) continue
    // RFC 8970 §3.2: LAZY says that nothing need be computed; ours was when the message came.
    if (kind === 'PREVIEW' && args.skipText(' (') && (args.keyword() !== 'LAZY' || !args.skipText(')')))
      args.fail('not a way to preview')
    return { kind }
  }
  for (const [name, { text, peek }] of Object.entries(OLD)) {
    if (!args.skipKeyword(name)) continue
    const section: Section = { path: [], text, fields: [] }
    return { kind: 'section', section, peek, rfc822: name as keyof typeof OLD, wholeMessage: text === '' }
  }
  args.fail('not something to FETCH')
  return { kind: 'UID' }
}

function sectionItem(args: Cursor, peek: boolean): FetchItem {
  const section = parseSection(args)
  const wholeMessage = section.path.length === 0 && section.text === ''
  const partial = readRange(args)
  return { kind: 'section', section, peek, wholeMessage, ...(partial && { partial }) }
}

function binaryItem(args: Cursor, peek: boolean): FetchItem {
  const section = binarySection(args)
  const partial = readRange(args)
  return { kind: 'binary', section, peek, ...(partial && { partial }) }
}

/** RFC 3516 §4: part numbers only. */
function binarySection(args: Cursor): Section {
  const section = parseSection(args)
  if (section.text !== '') args.fail('BINARY is of parts')
  return section
}

/** '<0.2048>' where it stands. */
function readRange(args: Cursor): Range | undefined {
  if (!args.skipText('<')) return undefined
  const offset = args.number()
  if (!args.skipText('.')) args.fail('not a partial')
  const length = args.number()
  if (!args.skipText('>') || length === 0) args.fail('not a partial')
  return { offset, length }
}
