// The selected mailbox as one client knows it: message numbers are positions in `uids`, and they change only when the
// client is told (RFC 9051 §7.5.1). The store runs ahead; `changes` says what the client does not know yet, and `tell…`
// tells it.

import type { UidSet } from '../../store/commands.ts'
import type { Mailbox, MailboxId, Placement } from '../../store/nouns/mail.ts'
import type { AccountId } from '../../store/nouns/people.ts'
import type { Store } from '../../store/store.ts'
import type { SearchContext } from './context.ts'
import type { Place } from './names.ts'
import type { Recent } from './recent.ts'
import type { Output } from './response.ts'
import type { Rights } from './rights.ts'
import { formatSet, resolveSet, type SequenceSet } from './sequence.ts'
import { UidMap } from './uid-map.ts'

/** How this client wants to be told. */
export interface Manner {
  /** RFC 7162: VANISHED instead of EXPUNGE. */
  readonly vanished: boolean
  /** RFC 9586: no message numbers at all. */
  readonly uidOnly: boolean
  /** RFC 7162 §3.1: with MODSEQ. */
  readonly modseq: boolean
  /** RFC 9051 has no \Recent. */
  readonly recent: boolean
}

/** What became known since the client was told last. */
export interface Changes {
  /** UIDs that it knows and that are gone, ascending. */
  readonly expunged: readonly number[]
  /** Messages that it does not know, ascending. */
  readonly fresh: readonly Placement[]
  /** Messages that it knows and whose flags changed. */
  readonly flags: readonly Placement[]
}

const MAX_KEYWORDS_TOLD = 200
export const SYSTEM_FLAGS = '\\Answered \\Deleted \\Draft \\Flagged \\Seen'

/** Positions in `uids`, inclusive: [first, last]. */
export type IndexRange = readonly [number, number]

export class SelectedMailbox {
  readonly store: Store
  /** Whose mailbox it is: somebody else's when it is shared. */
  readonly account: AccountId
  readonly id: MailboxId
  /** As the client knows it. */
  readonly path: string
  readonly readOnly: boolean
  /** What the client may do here (RFC 4314). */
  readonly rights: Rights
  /** When it was selected: the first message without \Seen (0: none). */
  readonly firstUnseen: number
  /** The keywords that the client was told of. */
  readonly #keywords = new Set<string>()
  /** The messages that the client knows, in the order of their numbers. */
  uids: UidMap
  readonly #recent: Recent
  /** What the client knows: everything up to this MODSEQ but the expunges that wait. */
  #modseq: number
  #waitingExpunges = new Set<number>()
  /** Flags that an answer has just told: uid → MODSEQ. */
  #told = new Map<number, number>()
  /** The result of the last SEARCH RETURN (SAVE), as ranges of UIDs (RFC 5182). */
  saved: UidSet = []
  /** Searches whose changes the client wants to hear (RFC 5267), by tag. */
  readonly contexts = new Map<string, SearchContext>()

  constructor(store: Store, place: Place, recent: Recent, readOnly: boolean) {
    const { account, mailbox } = place
    this.store = store
    this.account = account
    this.id = mailbox.id
    this.path = place.path
    this.rights = place.rights
    this.readOnly = readOnly
    this.#recent = recent
    this.#modseq = store.modseq(account)
    const ranges = store.contents.uidRanges(account, mailbox.id)
    this.uids = new UidMap(ranges)
    const unseen = store.contents.firstUnseen(account, mailbox.id)
    this.firstUnseen = unseen === undefined ? 0 : this.uids.indexOf(unseen) + 1
    for (const keyword of mailbox.keywords.slice(0, MAX_KEYWORDS_TOLD)) this.#keywords.add(keyword)
    recent.arrived(ranges, mailbox.uidNext, readOnly)
  }

  /** The mailbox as it is now; undefined when somebody deleted it. */
  get mailbox(): Mailbox | undefined {
    return this.store.mailbox(this.account, this.id)
  }

  /** The MODSEQ up to which the client knows everything but expunges that wait. */
  get knownModseq(): number {
    return this.#modseq
  }

  /** True if one of the flags is a keyword that the client has not been told of. */
  #noteKeywords(flags: readonly string[]): boolean {
    const before = this.#keywords.size
    for (const flag of flags) if (!flag.startsWith('\\') && before < MAX_KEYWORDS_TOLD) this.#keywords.add(flag)
    return this.#keywords.size > before
  }

  /** Tells of keywords that these flags bring (RFC 9051 §7.3.5): before the first FETCH that shows them. */
  tellKeywords(output: Output, flags: Iterable<readonly string[]>): void {
    let fresh = false
    for (const some of flags) fresh = this.#noteKeywords(some) || fresh
    if (!fresh) return
    output.line(`* FLAGS (${this.knownFlags})`)
    output.line(`* OK [PERMANENTFLAGS (${this.permanentFlags})] flags that are kept`)
  }

  /** FLAGS: the system flags and the keywords in use. */
  get knownFlags(): string {
    return [SYSTEM_FLAGS, ...[...this.#keywords].sort()].join(' ')
  }

  /** The flags that this client may change here for good. */
  get permanentFlags(): string {
    if (this.readOnly) return ''
    const may = this.rights
    const system = SYSTEM_FLAGS.split(' ').filter((flag) => may.has(rightFor(flag)))
    return may.has('w') ? [...system, ...[...this.#keywords].sort(), '\\*'].join(' ') : system.join(' ')
  }

  get recentCount(): number {
    return this.#recent.count(this.uids)
  }

  get recentRanges(): UidSet {
    return this.#recent.ranges
  }

  isRecent(uid: number): boolean {
    return this.#recent.has(uid)
  }

  /**
   * The messages that a set names, as ranges of positions in order. Undefined when it names a message number that does
   * not exist (RFC 9051 §9 seq-number: an error); UIDs that do not exist are passed over (§6.4.9).
   */
  indexesOf(set: SequenceSet | 'saved', byUid: boolean): IndexRange[] | undefined {
    if (set === 'saved') return this.#ranges(this.saved)
    if (byUid) return this.#ranges(resolveSet(set, this.uids.largest))
    const { length } = this.uids
    // '1:*' in an empty mailbox is no mistake: clients ask it before they know.
    if (length === 0 && set.some((range) => range.includes(Number.POSITIVE_INFINITY))) return []
    const ranges = resolveSet(set, length)
    if (ranges.some(([first, last]) => first < 1 || last > length)) return undefined
    return ranges.map(([first, last]) => [first - 1, last - 1])
  }

  #ranges(uidRanges: UidSet): IndexRange[] {
    const ranges: [number, number][] = []
    for (const [first, last] of uidRanges) {
      const from = this.uids.lowerBound(first)
      const to = this.uids.lowerBound(last + 1) - 1
      if (to < from) continue
      const previous = ranges.at(-1)
      if (previous && from <= previous[1] + 1) previous[1] = Math.max(previous[1], to)
      else ranges.push([from, to])
    }
    return ranges
  }

  /** The UIDs at these positions, as the store takes them. */
  uidSet(ranges: readonly IndexRange[]): [number, number][] {
    return ranges.flatMap(([from, to]) => this.uids.slice(from, to))
  }

  /** What the store holds now at these positions; messages that were expunged meanwhile are missing. */
  placements([from, to]: IndexRange): Placement[] {
    const found = this.store.placements(this.account, this.id, this.uids.at(from), this.uids.at(to))
    // A message that the client was told is gone can not come back; one that waits to be told is still asked for.
    return found.length > to - from + 1 ? found.filter(({ uid }) => this.uids.indexOf(uid) >= 0) : found
  }

  /** FLAGS as they are told: with \Recent. */
  flags(placement: Pick<Placement, 'uid' | 'flags'>, withRecent: boolean): string {
    const { flags } = placement
    return `(${(withRecent && this.#recent.has(placement.uid) ? [...flags, '\\Recent'].sort() : flags).join(' ')})`
  }

  /** An answer told (or, with .SILENT, must not tell) the flags of this placement. */
  flagsTold(uid: number, modseq: number): void {
    // What the client knew already is not told again anyway.
    if (modseq > this.#modseq) this.#told.set(uid, modseq)
  }

  /** The client knows everything up to this MODSEQ: the only commit since it was told last was its own. */
  knows(modseq: number): void {
    this.#modseq = modseq
    this.#told.clear()
  }

  /** What changed since the last time. With `expunges` also those that waited. */
  changes(expunges: boolean): Changes {
    const now = this.store.modseq(this.account)
    let changed: readonly Placement[] = []
    if (now !== this.#modseq) {
      if (this.mailbox === undefined) for (const uid of this.uids) this.#waitingExpunges.add(uid)
      else {
        const since = this.store.placementsSince(this.account, this.id, this.#modseq)
        for (const uid of since.expunged) if (this.uids.indexOf(uid) >= 0) this.#waitingExpunges.add(uid)
        changed = since.changed
      }
      this.#modseq = now
    }
    const expunged = expunges && this.#waitingExpunges.size > 0 ? [...this.#waitingExpunges].sort((a, b) => a - b) : []
    if (expunges) this.#waitingExpunges.clear()
    const last = this.uids.largest
    return {
      expunged,
      fresh: changed.filter(({ uid }) => uid > last),
      flags: changed.filter(({ uid }) => uid <= last && this.uids.indexOf(uid) >= 0),
    }
  }

  /** EXPUNGE, each with the number at its time (RFC 9051 §7.5.1), or VANISHED (RFC 7162 §3.2.10). */
  tellExpunged(output: Output, expunged: readonly number[], manner: Manner): void {
    if (expunged.length === 0) return
    const recentBefore = this.recentCount
    if (manner.vanished || manner.uidOnly) output.line(`* VANISHED ${formatSet(expunged)}`)
    else for (const [before, uid] of expunged.entries()) output.line(`* ${this.uids.indexOf(uid) + 1 - before} EXPUNGE`)
    this.uids = this.uids.without(expunged)
    if (manner.recent && this.recentCount !== recentBefore) output.line(`* ${this.recentCount} RECENT`)
  }

  tellFresh(output: Output, fresh: readonly Placement[], manner: Manner): void {
    if (fresh.length === 0) return
    for (const { uid } of fresh) this.uids.push(uid)
    const uids = fresh.map(({ uid }): [number, number] => [uid, uid])
    this.#recent.arrived(uids, fresh.at(-1)!.uid + 1, this.readOnly)
    output.line(`* ${this.uids.length} EXISTS`)
    if (manner.recent) output.line(`* ${this.recentCount} RECENT`)
  }

  tellFlags(output: Output, changed: readonly Placement[], manner: Manner, withUid: boolean): void {
    for (const placement of changed) {
      if ((this.#told.get(placement.uid) ?? -1) >= placement.modseq) continue
      if (this.uids.indexOf(placement.uid) < 0) continue
      this.tellMessage(output, placement, manner, withUid, `FLAGS ${this.flags(placement, manner.recent)}`)
    }
  }

  /** Everything was told. */
  flagsAreTold(): void {
    this.#told.clear()
  }

  /** One FETCH answer (UIDFETCH: RFC 9586 §3) about flags or MODSEQ. */
  tellMessage(output: Output, placement: Placement, manner: Manner, withUid: boolean, items: string): void {
    const { uid, modseq } = placement
    const parts = items === '' ? [] : [items]
    if (!manner.uidOnly && (withUid || manner.modseq)) parts.push(`UID ${uid}`)
    if (manner.modseq) parts.push(`MODSEQ (${modseq})`)
    const which = manner.uidOnly ? `${uid} UIDFETCH` : `${this.uids.indexOf(uid) + 1} FETCH`
    output.line(`* ${which} (${parts.join(' ')})`)
  }
}

/** RFC 4314 §2.1: the right that changing a flag needs. */
export function rightFor(flag: string): 's' | 't' | 'w' {
  const name = flag.toLowerCase()
  return name === '\\seen' ? 's' : name === '\\deleted' ? 't' : 'w'
}
