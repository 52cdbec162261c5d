// SEARCH's keys as a tree of plain data (RFC 9051 §6.4.4 and §9 search-key, RFC 7162 §3.1.5, RFC 8474 §5.2, WITHIN RFC
// 5032, SAVEDATE RFC 8514).

import { decodeText } from '../../message/charset.ts'
import { bytesToText } from '../../message/header.ts'
import { fold } from '../../store/text/words.ts'
import type { Cursor } from './parser.ts'
import type { SequenceSet } from './sequence.ts'
import { readSet } from './set-argument.ts'

export type DayTest = 'before' | 'on' | 'since'

export type SearchKey =
  | { readonly kind: 'all' }
  | { readonly kind: 'and'; readonly keys: readonly SearchKey[] }
  | { readonly kind: 'or'; readonly keys: readonly [SearchKey, SearchKey] }
  | { readonly kind: 'not'; readonly key: SearchKey }
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'recent' }
  | { readonly kind: 'set'; readonly set: SequenceSet | 'saved'; readonly byUid: boolean }
  | { readonly kind: 'size'; readonly larger: boolean; readonly sizeBytes: number }
  /** `day`: days since 1970-01-01, in no zone. */
  | { readonly kind: 'received' | 'sent' | 'saved'; readonly test: DayTest; readonly day: number }
  | { readonly kind: 'address'; readonly field: 'from' | 'to' | 'cc' | 'bcc'; readonly text: string }
  | { readonly kind: 'subject'; readonly text: string }
  | { readonly kind: 'body' | 'text'; readonly text: string }
  | { readonly kind: 'header'; readonly name: string; readonly text: string }
  | { readonly kind: 'modseq'; readonly modseq: number }
  /** RFC 5032: received longer ago than so many seconds, or not so long. */
  | { readonly kind: 'age'; readonly older: boolean; readonly seconds: number }
  | { readonly kind: 'object'; readonly of: 'email' | 'thread'; readonly id: string }

const MAX_DEPTH = 50

const flag = (name: string): SearchKey => ({ kind: 'flag', flag: name })
const not = (key: SearchKey): SearchKey => ({ kind: 'not', key })
const RECENT: SearchKey = { kind: 'recent' }

/** Keys without arguments. */
const PLAIN: ReadonlyMap<string, SearchKey> = new Map<string, SearchKey>([
  ['ALL', { kind: 'all' }],
  ['SAVEDATESUPPORTED', { kind: 'all' }],
  ['RECENT', RECENT],
  ['OLD', not(RECENT)],
  ['NEW', { kind: 'and', keys: [RECENT, not(flag('\\seen'))] }],
  ...['Answered', 'Deleted', 'Draft', 'Flagged', 'Seen'].flatMap((name): [string, SearchKey][] => {
    const key = flag(`\\${name.toLowerCase()}`)
    return [
      [name.toUpperCase(), key],
      [`UN${name.toUpperCase()}`, not(key)],
    ]
  }),
])

export class SearchParser {
  readonly #args: Cursor
  readonly #charset: string | undefined
  usesModseq = false
  /** A key speaks of message numbers: not with UIDONLY (RFC 9586). */
  usesNumbers = false

  constructor(args: Cursor, charset: string | undefined) {
    this.#args = args
    this.#charset = charset
  }

  /** All keys to the end of the command: every one must hold. */
  all(): SearchKey {
    const keys = [this.#key(0)]
    while (this.#args.optionalSpace()) keys.push(this.#key(0))
    return { kind: 'and', keys }
  }

  #text(): string {
    this.#args.space()
    const bytes = this.#args.astring()
    return fold(this.#charset === undefined ? bytesToText(bytes) : decodeText(bytes, this.#charset))
  }

  #day(): number {
    this.#args.space()
    const { year, month, day } = this.#args.date()
    return Date.UTC(year, month, day) / 86_400_000
  }

  #number(): number {
    this.#args.space()
    return this.#args.number()
  }

  #key(depth: number): SearchKey {
    const args = this.#args
    if (depth > MAX_DEPTH) args.fail('too deep')
    if (args.error) return { kind: 'all' }
    if (args.isList()) return { kind: 'and', keys: args.list(() => this.#key(depth + 1)) }
    const next = args.peek()
    if (next === 42 || next === 36 || (next >= 48 && next <= 57)) {
      const set = readSet(args)
      if (set !== 'saved') this.usesNumbers = true
      return { kind: 'set', set, byUid: false }
    }
    const name = args.keyword()
    return PLAIN.get(name) ?? this.#withArgument(name, depth)
  }

  #withArgument(name: string, depth: number): SearchKey {
    const args = this.#args
    switch (name) {
      case 'NOT':
        args.space()
        return not(this.#key(depth + 1))
      case 'OR': {
        args.space()
        const first = this.#key(depth + 1)
        args.space()
        return { kind: 'or', keys: [first, this.#key(depth + 1)] }
      }
      case 'UID':
        args.space()
        return { kind: 'set', set: readSet(args), byUid: true }
      case 'KEYWORD':
      case 'UNKEYWORD': {
        args.space()
        const key = flag(args.flag().toLowerCase())
        return name === 'KEYWORD' ? key : not(key)
      }
      case 'LARGER':
      case 'SMALLER':
        return { kind: 'size', larger: name === 'LARGER', sizeBytes: this.#number() }
      case 'BEFORE':
      case 'ON':
      case 'SINCE':
        return { kind: 'received', test: name.toLowerCase() as DayTest, day: this.#day() }
      case 'SENTBEFORE':
      case 'SENTON':
      case 'SENTSINCE':
        return { kind: 'sent', test: name.slice(4).toLowerCase() as DayTest, day: this.#day() }
      case 'SAVEDBEFORE':
      case 'SAVEDON':
      case 'SAVEDSINCE':
        return { kind: 'saved', test: name.slice(5).toLowerCase() as DayTest, day: this.#day() }
      case 'OLDER':
      case 'YOUNGER': {
        const seconds = this.#number()
        if (seconds === 0) args.fail('not a time')
        return { kind: 'age', older: name === 'OLDER', seconds }
      }
      case 'FROM':
      case 'TO':
      case 'CC':
      case 'BCC':
        return { kind: 'address', field: name.toLowerCase() as 'from' | 'to' | 'cc' | 'bcc', text: this.#text() }
      case 'SUBJECT':
      case 'BODY':
      case 'TEXT':
        return { kind: name.toLowerCase() as 'subject' | 'body' | 'text', text: this.#text() }
      case 'HEADER': {
        args.space()
        const field = args.astring().toString('latin1').toLowerCase()
        return { kind: 'header', name: field, text: this.#text() }
      }
      case 'MODSEQ':
        return this.#modseq()
      case 'EMAILID':
      case 'THREADID':
        args.space()
        return { kind: 'object', of: name === 'EMAILID' ? 'email' : 'thread', id: args.astring().toString('latin1') }
      default:
        args.fail('not a search key')
        return { kind: 'all' }
    }
  }

  /** MODSEQ ["entry name" all|shared|priv] value: we keep one MODSEQ for all entries of a message. */
  #modseq(): SearchKey {
    const args = this.#args
    this.usesModseq = true
    args.space()
    if (args.isString()) {
      args.string()
      args.space()
      args.atom()
      args.space()
    }
    return { kind: 'modseq', modseq: args.number() }
  }
}
