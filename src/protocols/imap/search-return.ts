// RETURN (…) of SEARCH, SORT and ESEARCH, and the ESEARCH answer (RFC 9051 §6.4.4 and §7.3.4, ESEARCH RFC 4731, SEARCHRES
// RFC 5182, PARTIAL RFC 9394 and RFC 5267 §4.4, CONTEXT RFC 5267).

import type { UidSet } from '../../store/commands.ts'
import type { FoundPlacement } from '../../store/read/contents.ts'
import type { Cursor } from './parser.ts'
import { formatSet, toRanges } from './sequence.ts'

/** RFC 9394: from the first (1) or the last (-1) result on; `last` is not before `first`. */
export interface Partial {
  readonly first: number
  readonly last: number
  readonly fromEnd: boolean
}

export interface ReturnOptions {
  readonly names: ReadonlySet<string>
  readonly partial: Partial | undefined
}

const OPTIONS = new Set(['MIN', 'MAX', 'COUNT', 'ALL', 'SAVE', 'PARTIAL', 'UPDATE', 'CONTEXT'])
const MAX_NUMBER = 4_294_967_295

/** '()' means ALL (RFC 4731 §3.1). Undefined where no RETURN stands. */
export function readReturn(args: Cursor): ReturnOptions | undefined {
  if (!args.skipKeyword('RETURN')) return undefined
  args.space()
  const names = new Set<string>()
  let partial: Partial | undefined
  args.list(() => {
    const name = args.keyword()
    if (!OPTIONS.has(name)) return args.fail('not a SEARCH return option')
    if (names.has(name)) args.fail('a return option is there twice')
    names.add(name)
    if (name !== 'PARTIAL') return
    args.space()
    partial = readPartial(args)
  })
  if (names.size === 0) names.add('ALL')
  // RFC 9394 §3.1: one wants the whole result or a part of it.
  if (names.has('PARTIAL') && names.has('ALL')) args.fail('ALL or PARTIAL')
  args.space()
  return { names, partial }
}

/** '1:100' or '-1:-100'. */
export function readPartial(args: Cursor): Partial {
  const match = /^(-?)([1-9]\d{0,9}):(-?)([1-9]\d{0,9})(?=[ )]|$)/.exec(args.ahead(32))
  if (match === null || match[1] !== match[3] || !args.skipText(match[0])) {
    args.fail('not a range of results')
    return { first: 1, last: 1, fromEnd: false }
  }
  const [a, b] = [Number(match[2]), Number(match[4])]
  if (Math.max(a, b) > MAX_NUMBER) args.fail('not a range of results')
  return { first: Math.min(a, b), last: Math.max(a, b), fromEnd: match[1] === '-' }
}

export function partOf<T>(results: readonly T[], { first, last, fromEnd }: Partial): T[] {
  if (!fromEnd) return results.slice(first - 1, last)
  const end = results.length - first + 1
  return end <= 0 ? [] : results.slice(Math.max(0, results.length - last), end)
}

const rangeText = ({ first, last, fromEnd }: Partial): string => (fromEnd ? `-${first}:-${last}` : `${first}:${last}`)

/** RFC 5182 §2.4, RFC 9394 §3.1: with MIN, MAX or PARTIAL and neither ALL nor COUNT, only what these name is saved. */
export function savedOf({ names, partial }: ReturnOptions, found: readonly FoundPlacement[]): UidSet {
  const uids = found.map(({ uid }) => uid)
  if (names.has('ALL') || names.has('COUNT') || !(names.has('MIN') || names.has('MAX') || partial))
    return toRanges(uids)
  const kept = new Set(partial ? partOf(uids, partial) : [])
  if (names.has('MIN') && uids.length > 0) kept.add(uids[0]!)
  if (names.has('MAX') && uids.length > 0) kept.add(uids.at(-1)!)
  return toRanges([...kept].sort((a, b) => a - b))
}

/** RFC 4731 §3.2: of all that was found, or of the messages that MIN and MAX name when only these were asked for. */
export function highestModseq(options: ReturnOptions | undefined, found: readonly FoundPlacement[]): number {
  const onlyEnds = options && !options.names.has('ALL') && !options.names.has('COUNT') && !options.partial
  const last = found.length - 1
  const told = onlyEnds
    ? found.filter((_, i) => (options.names.has('MIN') && i === 0) || (options.names.has('MAX') && i === last))
    : found
  return told.reduce((highest, { modseq }) => Math.max(highest, modseq), 0)
}

export interface SearchResult {
  /** Message numbers or UIDs, in the order in which they are told. */
  readonly numbers: readonly number[]
  readonly uid: boolean
  /** 0: not told. */
  readonly modseq: number
  /** 'MAILBOX "x" UIDVALIDITY 7': for a mailbox that is not selected (RFC 7377 §2.1). */
  readonly mailbox?: string
}

/** The ESEARCH answer; undefined where there is nothing to say (RFC 5182 §2.1: SAVE alone). */
export function esearch(tag: string, options: ReturnOptions, result: SearchResult): string | undefined {
  const { names, partial } = options
  const { numbers, modseq } = result
  if (names.size === 1 && names.has('SAVE')) return undefined
  const origin = result.mailbox === undefined ? '' : ` ${result.mailbox}`
  const parts = [`* ESEARCH (TAG ${quoted(tag)}${origin})`]
  if (result.uid) parts.push('UID')
  const any = numbers.length > 0
  if (any && names.has('MIN')) parts.push(`MIN ${numbers[0]}`)
  if (any && names.has('MAX')) parts.push(`MAX ${numbers.at(-1)}`)
  if (any && names.has('ALL')) parts.push(`ALL ${formatSet(numbers)}`)
  if (names.has('COUNT')) parts.push(`COUNT ${numbers.length}`)
  if (partial) parts.push(`PARTIAL (${rangeText(partial)} ${formatSet(partOf(numbers, partial)) || 'NIL'})`)
  if (any && modseq > 0) parts.push(`MODSEQ ${modseq}`)
  return parts.join(' ')
}

export const quoted = (tag: string): string => `"${tag.replace(/["\\]/g, '\\$&')}"`
