// Looks through the messages of a scope for those that match. Works in windows and lets other connections run between them:
// a search over bodies may take long.

import type { Placement } from '../../store/nouns/mail.ts'
import type { FoundPlacement } from '../../store/read/contents.ts'
import { type PlacementCondition, type PlacementIndex, placementIndex } from '../../store/read/placement-query.ts'
import { type Dialogue, mayHold, pause, readBlobs } from '../dialogue.ts'
import type { SearchScope } from './scope.ts'
import type { SearchKey } from './search-keys.ts'
import { type Candidate, matches, type ResolvedKey } from './search-match.ts'
import { narrowed } from './search-narrow.ts'
import { Source } from './section.ts'
import type { IndexRange } from './selected.ts'
import { resolveSet } from './sequence.ts'

/** So many messages the store looks at in one go, and so many of them are then looked into. */
const WINDOW = 20_000
const LOOKED_INTO = 500
/** Where an index leads to what is wanted. */
const INDEXED_WINDOW = 100_000
/** What an index leads to is looked up one by one, which costs so many times more than passing over it. */
const MANY_TIMES = 4
/** So few messages are looked into sooner than the index is asked. */
const FEW = 50
const WINDOW_BYTES = 1_048_576
const HEADER_GUESS_BYTES = 65_536
/** Bytes of bodies searched between two pauses. */
const PAUSE_EVERY_BYTES = 2_097_152

/** Told after each window: messages looked at, and of how many. */
export type Progress = (done: number, total: number) => Dialogue

export class Searching {
  readonly #scope: SearchScope
  readonly #key: ResolvedKey
  readonly #ranges: readonly IndexRange[]
  readonly #needsBodies: boolean
  readonly #nowMs: number
  readonly found: FoundPlacement[] = []
  unreadable = 0

  /** `nowMs`: what OLDER and YOUNGER count from. */
  constructor(scope: SearchScope, key: SearchKey, nowMs: number) {
    this.#scope = scope
    this.#nowMs = nowMs
    this.#key = this.#resolve(key)
    this.#ranges = this.#startingRanges(key)
    this.#needsBodies = needsBodies(key)
  }

  *run(progress: Progress): Dialogue {
    const total = this.#ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0)
    let done = 0
    if (total > FEW) yield* this.#askIndex(this.#key)
    const narrow = narrowed(this.#key, this.#scope.recentRanges)
    const index = this.#indexFor(narrow.condition)
    const window = index === undefined ? WINDOW : INDEXED_WINDOW
    for (const [from, to] of this.#ranges) {
      for (let first = from; first <= to; first += window) {
        const last = Math.min(to, first + window - 1)
        if (narrow.exact) this.#take([first, last], narrow.condition, index)
        else yield* this.#lookInto([first, last], narrow.condition, index)
        done += last - first + 1
        if (to - first > window) yield* pause()
        yield* progress(done, total)
      }
    }
  }

  #indexFor(condition: PlacementCondition): PlacementIndex | undefined {
    const { store, account, id, uids } = this.#scope
    const unseen = store.mailbox(account, id)?.unseen ?? 0
    return placementIndex(condition, unseen * MANY_TIMES < uids.length)
  }

  /** All of a window that match, by the store's word alone. */
  #take([first, last]: IndexRange, condition: PlacementCondition, index: PlacementIndex | undefined): void {
    const { store, account, id, uids } = this.#scope
    const [from, to] = [uids.at(first), uids.at(last)]
    // Where UIDs are missing in between, the store may hold some again that the client was told are gone.
    const isWhole = to - from === last - first
    for (const one of store.contents.matching(account, id, [from, to], condition, index))
      if (isWhole || uids.indexOf(one.uid) >= 0) this.found.push(one)
  }

  /** Those of a window that may match, a few at a time. */
  *#lookInto([first, last]: IndexRange, condition: PlacementCondition, index: PlacementIndex | undefined): Dialogue {
    const { store, account, id, uids } = this.#scope
    const to = uids.at(last)
    for (let from = uids.at(first); from <= to; ) {
      const some = store.contents.placementsWhere(account, id, [from, to], condition, LOOKED_INTO, index)
      yield* this.among(some.filter(({ uid }) => uids.indexOf(uid) >= 0))
      if (some.length < LOOKED_INTO) return
      from = some.at(-1)!.uid + 1
      yield* pause()
    }
  }

  /** Which emails may hold the texts that are sought: the others need not be read. */
  *#askIndex(key: ResolvedKey): Dialogue {
    if (key.kind === 'and' || key.kind === 'or') for (const one of key.keys) yield* this.#askIndex(one)
    else if (key.kind === 'not') yield* this.#askIndex(key.key)
    else if ('text' in key) {
      const among = yield* mayHold(this.#scope.account, key.text, key.kind === 'body')
      if (among !== undefined) key.among = among
    }
  }

  /** Sets are resolved once; numbers that do not exist match nothing. */
  #resolve(key: SearchKey): ResolvedKey {
    if (key.kind === 'and' || key.kind === 'or')
      return { kind: key.kind, keys: key.keys.map((one) => this.#resolve(one)) }
    if (key.kind === 'not') return { kind: 'not', key: this.#resolve(key.key) }
    if (key.kind === 'age') {
      const limitMs = this.#nowMs - key.seconds * 1000
      return { kind: 'moment', older: key.older, limitMs }
    }
    if ('text' in key) return { ...key }
    if (key.kind !== 'set') return key
    const { uids, saved } = this.#scope
    if (key.set === 'saved') return { kind: 'set', uids: saved }
    const ranges = resolveSet(key.set, key.byUid ? uids.largest : uids.length)
    if (key.byUid) return { kind: 'set', uids: ranges }
    const known = ranges.filter(([first]) => first >= 1 && first <= uids.length)
    return {
      kind: 'set',
      uids: known.map(([first, last]) => [uids.at(first - 1), uids.at(Math.min(last, uids.length) - 1)]),
    }
  }

  /** Where a set must hold anyway, only its messages are looked at. */
  #startingRanges(key: SearchKey): readonly IndexRange[] {
    const { uids, saved } = this.#scope
    const last = uids.length - 1
    if (last < 0) return []
    for (const one of key.kind === 'and' ? key.keys : [key]) {
      if (one.kind !== 'set' || !(one.byUid || one.set === 'saved')) continue
      const set = one.set === 'saved' ? saved : resolveSet(one.set, uids.largest)
      return set.flatMap(([first, end]): IndexRange[] => {
        const range = [uids.lowerBound(first), uids.lowerBound(end + 1) - 1] as const
        return range[1] < range[0] ? [] : [range]
      })
    }
    return [[0, last]]
  }

  /** Adds to `found` those of these messages that match. */
  *among(placements: readonly Placement[]): Dialogue {
    const undecided: Candidate[] = []
    const decided = new Set<Placement>()
    const candidates = placements.map(
      (placement): Candidate => ({ placement, recent: this.#scope.isRecent(placement.uid) }),
    )
    const decide = (candidate: Candidate): void => {
      const outcome = matches(this.#key, candidate)
      if (outcome === undefined) undecided.push(candidate)
      else if (outcome) decided.add(candidate.placement)
    }
    candidates.forEach(decide)
    if (undecided.length > 0) {
      const waiting = undecided.splice(0)
      const { store, account } = this.#scope
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
    return this.#needsBodies ? sizeBytes : Math.min(sizeBytes, HEADER_GUESS_BYTES)
  }
}

function needsBodies(key: SearchKey): boolean {
  if (key.kind === 'and' || key.kind === 'or') return key.keys.some(needsBodies)
  if (key.kind === 'not') return needsBodies(key.key)
  return key.kind === 'body' || key.kind === 'text'
}
