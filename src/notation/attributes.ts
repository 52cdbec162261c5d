// Attribute lines below the flow: `Target: key=value, key="quoted value"`, continued on indented lines. Reads them and
// finds what a target means; what a key means is not known here. Also `machine`, `org` and `contract` lines.

import { finding } from './findings.ts'
import { type Meaning, MemberReader } from './members.ts'
import type { Attribute, AttributeEntry, AttributeKind, Report, SystemModel } from './model.ts'
import { suggest } from './suggest.ts'
import { after, join, type Line, spanOf } from './text.ts'

export type RawAttribute = Omit<Attribute, 'refs' | 'kind'> & { kind: AttributeKind | undefined }

const KEYWORDS: Record<string, AttributeKind> = { machine: 'machine', org: 'org', contract: 'contract' }
const KEY = /[A-Za-z_][\w.-]*(?=\s*=(?![=>]))/y
const MAX_SUGGESTIONS = 50
const MAX_HOP_TARGETS = 200

/** The index of the colon that ends the target of an attribute line, or undefined if the line is something else. */
export function targetEnd(text: string): number | undefined {
  if (/^\s*\|/.test(text)) return undefined
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') quoted = !quoted
    else if (text[at] === ':' && !quoted) return text.slice(0, at).trim() === '' ? undefined : at
    else if (text[at] === '=' && !quoted && text[at + 1] !== '=' && text[at + 1] !== '>' && text[at - 1] !== '=')
      return undefined
  }
  return undefined
}

/** True for `key=value` without a target: a continued line, or one whose target was forgotten. */
export function looksLikeEntries(text: string): boolean {
  return /^\s*,?\s*[A-Za-z_][\w.-]*\s*=(?![=>])/.test(text)
}

export function readAttribute(line: Line, colon: number, end: number, report: Report): RawAttribute {
  const { text } = line
  const from = text.length - text.trimStart().length
  const to = text.slice(0, colon).trimEnd().length
  const words = /^(\w+)\s+(\S.*)$/.exec(text.slice(from, to))
  const kind = words ? KEYWORDS[words[1]!] : undefined
  const name = kind === undefined ? text.slice(from, to) : unquote(words![2]!)
  const attribute: RawAttribute = {
    kind,
    target: name,
    targetSpan: spanOf(line, from, to),
    entries: [],
    span: spanOf(line, from, Math.max(to, text.slice(0, end).trimEnd().length)),
  }
  readEntries(attribute, line, colon + 1, end, report)
  return attribute
}

/** Reads `key=value` entries of a line into an attribute; also used for its continued lines. */
export function readEntries(attribute: RawAttribute, line: Line, from: number, end: number, report: Report) {
  const { text } = line
  let at = from
  let separated = true
  const skip = (pattern: RegExp) => {
    while (at < end && pattern.test(text[at]!)) at++
  }
  for (skip(/[\s,;]/); at < end; ) {
    const start = at
    KEY.lastIndex = at
    const key = KEY.exec(text)?.[0]
    const previous = attribute.entries.at(-1)
    if (!separated && previous !== undefined)
      report(
        finding('N22', 'warning', spanOf(line, at, at), 'A comma is missing between two entries', [
          { label: 'Write a comma', edits: [{ span: after(previous.valueSpan), text: ',' }] },
        ]),
      )
    if (key === undefined) {
      at = readMember(attribute, line, start, end, report)
    } else {
      at += key.length
      const keySpan = spanOf(line, start, at)
      at = text.indexOf('=', at) + 1
      skip(/\s/)
      const [value, next] = readValue(line, at, end, report)
      attribute.entries.push({ key, value, keySpan, valueSpan: spanOf(line, at, next) })
      at = next
    }
    const gap = at
    skip(/[\s,;]/)
    separated = /[,;]/.test(text.slice(gap, at))
  }
  attribute.span = join(attribute.span, spanOf(line, from, Math.max(from, text.slice(0, end).trimEnd().length)))
}

/** `machine m1: Transmitter, MDA`: a member without a key. Elsewhere a key is needed. */
function readMember(attribute: RawAttribute, line: Line, from: number, end: number, report: Report): number {
  const comma = line.text.slice(from, end).search(/[,;]/)
  const to = comma < 0 ? end : from + comma
  const value = line.text.slice(from, to).trimEnd()
  const span = spanOf(line, from, from + value.length)
  if (attribute.kind !== undefined) {
    const entry: AttributeEntry = { key: 'member', value, keySpan: { ...span, end: span.start }, valueSpan: span }
    attribute.entries.push(entry)
  } else {
    report(
      finding('N22', 'error', span, `"${value.slice(0, 60)}" should be key=value`, [
        { label: 'Write e.g. domain=example.org; values with spaces or commas in "quotes"', edits: [] },
      ]),
    )
  }
  return to
}

function readValue(line: Line, from: number, end: number, report: Report): [string, number] {
  const { text } = line
  if (text[from] !== '"') {
    let to = from
    // `modifies=subject,footer`: a comma that neither a space nor another key follows is part of the value.
    const isWithin = () => {
      KEY.lastIndex = to + 1
      return text[to] === ',' && to + 1 < end && /[\w.-]/.test(text[to + 1]!) && KEY.exec(text) === null
    }
    while (to < end && (!/[\s,;"]/.test(text[to]!) || isWithin())) to++
    return [text.slice(from, to), to]
  }
  let value = ''
  for (let at = from + 1; at < end; at++) {
    const c = text[at]!
    if (c === '"') return [value, at + 1]
    if (c === '\\' && at + 1 < end && (text[at + 1] === '"' || text[at + 1] === '\\')) at++
    value += text[at]
  }
  const span = spanOf(line, from, end)
  report(
    finding('N23', 'error', span, 'The quote is not closed', [
      { label: 'Write " at its end', edits: [{ span: after(span), text: '"' }] },
    ]),
  )
  return [value.trimEnd(), end]
}

function unquote(text: string): string {
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text
}

/** Finds what the targets mean, in a model whose flows are complete. */
export function resolveAttributes(model: SystemModel, raw: RawAttribute[], report: Report): Attribute[] {
  const names = namesOf(model)
  const members = new MemberReader(model, (name) => meaningOf(name, names), names.spellings, report)
  let suggestions = 0
  let hopTargets = 0
  return raw.map((line) => {
    if (line.kind !== undefined) {
      const read = members.membersOf({ kind: line.kind, entries: line.entries })
      const refs = [...new Set(read.flatMap(({ blocks }) => blocks))]
      return { ...line, kind: line.kind, refs, members: read }
    }
    const ends = /^([^=~>]*[^=~>\s-])\s*[-=~]+>\s*([^>]+)$/.exec(line.target)
    const meaning =
      ends === null
        ? meaningOf(line.target, names)
        : hopTargets++ < MAX_HOP_TARGETS
          ? hopBetween(model, meaningOf(ends[1]!, names), meaningOf(ends[2]!, names))
          : undefined
    if (meaning !== undefined) return { ...line, ...meaning }
    const candidates = suggestions++ < MAX_SUGGESTIONS ? names.spellings : []
    const nearest = suggest(line.target.replace(/^@/, ''), candidates)
    const meant = nearest === undefined ? '' : `; did you mean ${nearest}?`
    const message = `${ends === null ? 'Nobody and nothing is called' : 'No arrow leads'} "${line.target.slice(0, 60)}"${meant}`
    const fixes =
      nearest === undefined ? [] : [{ label: `Write ${nearest}`, edits: [{ span: line.targetSpan, text: nearest }] }]
    report(finding('N21', 'warning', line.targetSpan, message, fixes))
    return { ...line, kind: 'unknown', refs: [] }
  })
}

type Names = { exact: Map<string, Meaning>; folded: Map<string, Meaning>; spellings: string[] }

/** Every name a target can have. The first meaning of a name wins: an `@id`, then a role, a network, a block. */
function namesOf(model: SystemModel): Names {
  const exact = new Map<string, Meaning>()
  const add = (name: string, kind: AttributeKind, ref: string) => {
    const known = exact.get(name)
    if (known === undefined) exact.set(name, { kind, refs: [ref] })
    else if (known.kind === kind && known.refs.at(-1) !== ref) known.refs.push(ref)
  }
  for (const actor of model.actors) {
    if (actor.at === undefined) continue
    add(actor.at, 'actor', actor.id)
    add(`@${actor.at}`, 'actor', actor.id)
  }
  for (const actor of model.actors) for (const role of actor.roles) add(role, 'role', actor.id)
  for (const network of model.networks) if (network.named) add(network.name, 'network', network.id)
  for (const block of model.blocks) {
    const at = block.at === undefined ? '' : `@${block.at}`
    if (block.roles.length > 1 && at !== '') add(block.roles.join('/') + at, 'block', block.id)
    if (at !== '') for (const role of block.roles) add(role + at, 'block', block.id)
  }
  for (const block of model.blocks) if (block.roles.length > 1) add(block.roles.join('/'), 'block', block.id)
  const folded = new Map<string, Meaning>()
  for (const [name, meaning] of exact) if (!folded.has(name.toLowerCase())) folded.set(name.toLowerCase(), meaning)
  return { exact, folded, spellings: [...exact.keys()].filter((name) => !name.startsWith('@')).slice(0, 500) }
}

function meaningOf(target: string, names: Names): Meaning | undefined {
  const name = unquote(target.trim().replace(/\s+/g, ' '))
  return names.exact.get(name) ?? names.folded.get(name.toLowerCase())
}

/** `A -> B`: the hops between what A and what B mean. */
function hopBetween(model: SystemModel, from?: Meaning, to?: Meaning): Meaning | undefined {
  if (from === undefined || to === undefined) return undefined
  const left = new Set(from.refs)
  const right = new Set(to.refs)
  const blocks = new Map(model.blocks.map((block) => [block.id, block]))
  const within = (id: string | undefined, refs: Set<string>) => {
    const block = id === undefined ? undefined : blocks.get(id)
    return (
      block !== undefined && [block.id, block.actor, block.network].some((ref) => ref !== undefined && refs.has(ref))
    )
  }
  const refs = model.hops.filter((hop) => within(hop.from, left) && within(hop.to, right)).map((hop) => hop.id)
  return refs.length > 0 ? { kind: 'hop', refs } : undefined
}
