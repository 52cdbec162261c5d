// SEARCH (RFC 3501 §6.4.4, ESEARCH RFC 4731, SEARCHRES RFC 5182, MODSEQ RFC 7162 §3.1.5). Works in windows and lets
// other connections run between them: a search over bodies may take long.

import { knownCharset } from '../../message/charset.ts'
import type { Placement } from '../../store/types.ts'
import { type Dialogue, pause, readBlobs } from '../dialogue.ts'
import { type Answer, bad, no, ok } from './answer.ts'
import type { Cursor } from './parser.ts'
import { type SearchKey, SearchParser } from './search-keys.ts'
import { type Candidate, matches, type ResolvedKey } from './search-match.ts'
import { Source } from './section.ts'
import type { IndexRange, SelectedMailbox } from './selected.ts'
import { formatSet, resolveSet, setContains, toRanges } from './sequence.ts'
import type { CommandContext, ImapSession } from './session.ts'

const WINDOW = 500
const WINDOW_BYTES = 1_048_576
const HEADER_GUESS_BYTES = 16_384
/** Bytes of bodies searched between two pauses. */
const PAUSE_EVERY_BYTES = 2_097_152

const RETURN_OPTIONS = new Set(['MIN', 'MAX', 'COUNT', 'ALL', 'SAVE'])

export function* search(session: ImapSession, { tag, args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const options = readReturn(args)
  let charset: string | undefined
  if (args.skipKeyword('CHARSET')) {
    args.space()
    charset = args.astring().toString('latin1')
    args.space()
    if (!knownCharset(charset)) return no('charset not known', 'BADCHARSET (UTF-8 US-ASCII)')
  }
  const parser = new SearchParser(args, charset)
  const key = parser.all()
  args.end()
  if (args.error) return bad(args.error)
  if (parser.usesModseq) session.enableCondstore()
  const searching = new Searching(selected, key)
  yield* searching.run()
  const { found } = searching
  if (options?.has('SAVE')) selected.saved = savedOf(options, found)
  const numbers = uid ? found.map((placement) => placement.uid) : found.map(({ uid: one }) => selected.indexOf(one) + 1)
  const modseq = parser.usesModseq ? highestModseq(options, found) : 0
  const line = options === undefined ? plain(numbers, modseq) : extended(tag, uid, options, numbers, modseq)
  if (line !== undefined) session.output.line(line)
  if (searching.unreadable > 0) return ok(`${searching.unreadable} messages could not be searched`)
  return ok('that is all')
}

/** RETURN (…); '()' means ALL (RFC 4731 §3.1). */
function readReturn(args: Cursor): ReadonlySet<string> | undefined {
  if (!args.skipKeyword('RETURN')) return undefined
  args.space()
  const options = new Set(args.list(() => args.keyword()))
  for (const option of options) if (!RETURN_OPTIONS.has(option)) args.fail('not a SEARCH return option')
  if (options.size === 0) options.add('ALL')
  args.space()
  return options
}

/** RFC 5182 §2.4: with MIN or MAX and neither ALL nor COUNT, only those are saved. */
function savedOf(options: ReadonlySet<string>, found: readonly Placement[]): number[] {
  const uids = found.map((placement) => placement.uid)
  if (options.has('ALL') || options.has('COUNT') || !(options.has('MIN') || options.has('MAX'))) return uids
  return uids.filter((_, i) => (options.has('MIN') && i === 0) || (options.has('MAX') && i === uids.length - 1))
}

/** RFC 4731 §3.2: of all that was found, or of the messages that MIN and MAX name when only these were asked for. */
function highestModseq(options: ReadonlySet<string> | undefined, found: readonly Placement[]): number {
  const asked = options && !options.has('ALL') && !options.has('COUNT')
  const last = found.length - 1
  const told = asked
    ? found.filter((_, i) => (options.has('MIN') && i === 0) || (options.has('MAX') && i === last))
    : found
  return told.reduce((highest, { modseq }) => Math.max(highest, modseq), 0)
}

function plain(numbers: readonly number[], modseq: number): string {
  const list = numbers.map((number) => ` ${number}`).join('')
  return `* SEARCH${list}${modseq > 0 ? ` (MODSEQ ${modseq})` : ''}`
}

function extended(
  tag: string,
  uid: boolean,
  options: ReadonlySet<string>,
  numbers: readonly number[],
  modseq: number,
): string | undefined {
  // RFC 5182 §2.1: SAVE alone gives no ESEARCH answer.
  if (options.size === 1 && options.has('SAVE')) return undefined
  const parts = [`* ESEARCH (TAG "${tag}")`]
  if (uid) parts.push('UID')
  const any = numbers.length > 0
  if (any && options.has('MIN')) parts.push(`MIN ${numbers[0]}`)
  if (any && options.has('MAX')) parts.push(`MAX ${numbers.at(-1)}`)
  if (any && options.has('ALL')) parts.push(`ALL ${formatSet(numbers)}`)
  if (options.has('COUNT')) parts.push(`COUNT ${numbers.length}`)
  if (any && modseq > 0) parts.push(`MODSEQ ${modseq}`)
  return parts.join(' ')
}

class Searching {
  readonly #selected: SelectedMailbox
  readonly #key: ResolvedKey
  readonly #ranges: readonly IndexRange[]
  readonly #needsBodies: boolean
  readonly found: Placement[] = []
  unreadable = 0

  constructor(selected: SelectedMailbox, key: SearchKey) {
    this.#selected = selected
    this.#key = this.#resolve(key)
    this.#ranges = this.#startingRanges(key)
    this.#needsBodies = needsBodies(key)
  }

  *run(): Dialogue {
    for (const [from, to] of this.#ranges) {
      for (let first = from; first <= to; first += WINDOW) {
        yield* this.#window([first, Math.min(to, first + WINDOW - 1)])
        if (to - first > WINDOW) yield* pause()
      }
    }
  }

  /** Sets are resolved once; numbers that do not exist match nothing. */
  #resolve(key: SearchKey): ResolvedKey {
    if (key.kind === 'and' || key.kind === 'or')
      return { kind: key.kind, keys: key.keys.map((one) => this.#resolve(one)) }
    if (key.kind === 'not') return { kind: 'not', key: this.#resolve(key.key) }
    if (key.kind !== 'set') return key
    const { uids, saved } = this.#selected
    if (key.set === 'saved') {
      const ranges = toRanges(saved)
      return { kind: 'set', contains: ({ placement }) => setContains(ranges, placement.uid) }
    }
    const ranges = resolveSet(key.set, key.byUid ? (uids.at(-1) ?? 0) : uids.length)
    return {
      kind: 'set',
      contains: key.byUid
        ? ({ placement }) => setContains(ranges, placement.uid)
        : ({ number }) => setContains(ranges, number),
    }
  }

  /** Where a set must hold anyway, only its messages are looked at. */
  #startingRanges(key: SearchKey): readonly IndexRange[] {
    const last = this.#selected.uids.length - 1
    if (last < 0) return []
    const sets = key.kind === 'and' ? key.keys : [key]
    for (const one of sets) {
      if (one.kind === 'set' && (one.byUid || one.set === 'saved')) return this.#selected.indexesOf(one.set, true) ?? []
    }
    return [[0, last]]
  }

  *#window(range: IndexRange): Dialogue {
    const undecided: Candidate[] = []
    const decided = new Set<Placement>()
    const candidates = this.#selected.placements(range).map(
      (placement): Candidate => ({
        placement,
        number: this.#selected.indexOf(placement.uid) + 1,
        recent: this.#selected.isRecent(placement.uid),
      }),
    )
    const decide = (candidate: Candidate): void => {
      const outcome = matches(this.#key, candidate)
      if (outcome === undefined) undecided.push(candidate)
      else if (outcome) decided.add(candidate.placement)
    }
    candidates.forEach(decide)
    if (undecided.length > 0) {
      const waiting = undecided.splice(0)
      const { store, account } = this.#selected
      const ids = waiting.map(({ placement }) => placement.email)
      const emails = new Map(store.emails(account, ids).map((email) => [email.id, email]))
      for (const candidate of waiting) {
        const email = emails.get(candidate.placement.email)
        if (email === undefined) continue
        candidate.email = email
        decide(candidate)
      }
    }
    if (undecided.length > 0) yield* this.#readAndDecide(undecided.splice(0), decide)
    for (const { placement } of candidates) if (decided.has(placement)) this.found.push(placement)
  }

  *#readAndDecide(waiting: readonly Candidate[], decide: (candidate: Candidate) => void): Dialogue {
    let searchedBytes = 0
    for (let at = 0; at < waiting.length; ) {
      const group: Candidate[] = []
      for (let sizeBytes = 0; at < waiting.length && (group.length === 0 || sizeBytes < WINDOW_BYTES); at++) {
        group.push(waiting[at]!)
        sizeBytes += this.#readLength(waiting[at]!)
      }
      const bodies = yield* readBlobs(
        group.map((candidate) => {
          const length = this.#readLength(candidate)
          const ref = candidate.email!.blob
          return length === ref.sizeBytes ? { ref } : { ref, range: { offset: 0, length } }
        }),
      )
      for (const [index, candidate] of group.entries()) {
        const bytes = bodies[index]
        if (bytes === undefined) {
          this.unreadable++
          continue
        }
        searchedBytes += bytes.length
        candidate.source = new Source(bytes)
        decide(candidate)
        delete candidate.source
        if (searchedBytes >= PAUSE_EVERY_BYTES) {
          searchedBytes = 0
          yield* pause()
        }
      }
    }
  }

  #readLength({ email }: Candidate): number {
    const { sizeBytes } = email!.blob
    return this.#needsBodies ? sizeBytes : Math.min(sizeBytes, HEADER_GUESS_BYTES * 4)
  }
}

function needsBodies(key: SearchKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(needsBodies)
  if (key.kind === 'not') return needsBodies(key.key)
  return key.kind === 'body' || key.kind === 'text'
}
