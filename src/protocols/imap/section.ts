// BODY[section]<partial>: which bytes of a message a client means (RFC 3501 §6.4.5), found as a range of the source.

import { type Header, parseHeader, rawField } from '../../message/header.ts'
import { allParts, type Part, parseStructure } from '../../message/mime.ts'
import type { Cursor } from './parser.ts'
import { astring } from './response.ts'

export interface Section {
  /** Part numbers; empty: the message itself. */
  readonly path: readonly number[]
  readonly text: '' | 'HEADER' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT' | 'TEXT' | 'MIME'
  /** As the client wrote them. */
  readonly fields: readonly string[]
}

/** Reads a section after its '[' up to and with its ']'. */
export function parseSection(args: Cursor): Section {
  const path: number[] = []
  let text: Section['text'] = ''
  let fields: string[] = []
  while (/\d/.test(String.fromCharCode(args.peek()))) {
    path.push(args.number())
    if (!args.skipText('.')) break
    if (args.peek() === 93) args.fail('a section ends with a dot')
  }
  if (args.skipText('HEADER.FIELDS.NOT')) text = 'HEADER.FIELDS.NOT'
  else if (args.skipText('HEADER.FIELDS')) text = 'HEADER.FIELDS'
  else if (args.skipText('HEADER')) text = 'HEADER'
  else if (args.skipText('TEXT')) text = 'TEXT'
  else if (path.length > 0 && args.skipText('MIME')) text = 'MIME'
  if (text.startsWith('HEADER.FIELDS')) {
    args.space()
    fields = args.list(() => args.astring().toString('latin1'))
    if (fields.length === 0) args.fail('which header fields?')
  }
  if (!args.skipText(']')) args.fail('not a section')
  if (path.length > 100 || path.some((number) => number < 1)) args.fail('not a part number')
  return { path, text, fields }
}

/** The section as an answer names it. */
export function formatSection({ path, text, fields }: Section): string {
  const list = fields.length === 0 ? '' : ` (${fields.map(astring).join(' ')})`
  return `[${path.join('.')}${path.length > 0 && text !== '' ? '.' : ''}${text}${list}]`
}

/** True if the header alone answers this section. */
export function needsHeaderOnly(section: Section): boolean {
  return section.path.length === 0 && section.text.startsWith('HEADER')
}

/** A message being looked at: its structure is found once. */
export class Source {
  readonly bytes: Buffer
  #structure: Part | undefined
  #header: Header | undefined

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get structure(): Part {
    return (this.#structure ??= parseStructure(this.bytes))
  }

  get header(): Header {
    return (this.#header ??= this.#structure?.header ?? parseHeader(this.bytes))
  }
}

/** The bytes, or undefined where the message has no such part. */
export function sectionBytes(source: Source, section: Section): Buffer | undefined {
  const { bytes } = source
  const { path, text } = section
  if (path.length === 0) {
    if (text === '') return bytes
    if (text === 'TEXT') return bytes.subarray(source.header.bodyStart)
    return headerBytes(source.header, 0, section)
  }
  const part = partNumbered(source.structure, path.join('.'))
  if (part === undefined) return undefined
  if (text === '') return bytes.subarray(part.bodyStart, part.bodyEnd)
  if (text === 'MIME') return bytes.subarray(part.headerStart, part.bodyStart)
  // HEADER and TEXT behind a part number are of the message that the part holds.
  if (part.message === undefined) return undefined
  if (text === 'TEXT') return bytes.subarray(part.message.bodyStart, part.message.bodyEnd)
  return headerBytes(part.message.header, part.message.headerStart, section)
}

function headerBytes(header: Header, start: number, { text, fields }: Section): Buffer {
  if (text === 'HEADER') return header.source.subarray(start, header.bodyStart)
  const wanted = new Set(fields.map((name) => name.toLowerCase()))
  const chosen = header.fields.filter((field) => wanted.has(field.lowerName) === (text === 'HEADER.FIELDS'))
  return Buffer.concat([...chosen.map((field) => rawField(header, field)), Buffer.from('\r\n')])
}

/** The walker has numbered the parts as RFC 3501 §6.4.5 counts them. */
export function partNumbered(root: Part, number: string): Part | undefined {
  for (const part of allParts(root)) if (part.number === number) return part
  return undefined
}
