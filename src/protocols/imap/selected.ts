// The selected mailbox as one client knows it: message numbers are positions in `uids`, and they change only when the
// client is told (RFC 3501 §7.4.1). The store runs ahead; `tell` says what the client does not know yet.

import type { Store } from '../../store/store.ts'
import type { AccountId, Mailbox, MailboxId, Placement } from '../../store/types.ts'
import type { Recent } from './recent.ts'
import type { Output } from './response.ts'
import { resolveSet, type SequenceSet } from './sequence.ts'

export interface TellOptions {
  /** EXPUNGE may not be sent while FETCH, STORE or SEARCH by number is answered (RFC 3501 §7.4.1). */
  readonly expunges: boolean
  readonly withUid: boolean
  /** CONDSTORE is on (RFC 7162 §3.1). */
  readonly withModseq: boolean
}

const MAX_KEYWORDS_TOLD = 200
const SYSTEM_FLAGS = '\\Answered \\Deleted \\Draft \\Flagged \\Seen'

/** Positions in `uids`, inclusive: [first, last]. */
export type IndexRange = readonly [number, number]

export class SelectedMailbox {
  readonly store: Store
  readonly account: AccountId
  readonly id: MailboxId
  readonly readOnly: boolean
  /** When it was selected: the first message without \\Seen (0: none). */
  readonly firstUnseen: number
  /** The keywords that the client was told of. */
  readonly #keywords = new Set<string>()
  /** By message number - 1, ascending. */
  uids: number[]
  readonly #recent: Recent
  /** What the client knows: everything up to this MODSEQ but the expunges that wait. */
  #modseq: number
  #waitingExpunges = new Set<number>()
  /** Flags that an answer has just told: uid → MODSEQ. */
  #told = new Map<number, number>()
  /** The result of the last SEARCH RETURN (SAVE): UIDs (RFC 5182). */
  saved: readonly number[] = []

  constructor(store: Store, account: AccountId, mailbox: Mailbox, recent: Recent, readOnly: boolean) {
    this.store = store
    this.account = account
    this.id = mailbox.id
    this.readOnly = readOnly
    this.#recent = recent
    this.#modseq = store.modseq(account)
    let firstUnseen = 0
    let number = 0
    this.uids = []
    for (const { uid, flags } of store.placements(account, mailbox.id)) {
      number++
      this.uids.push(uid)
      if (firstUnseen === 0 && !flags.includes('\\Seen')) firstUnseen = number
      this.#noteKeywords(flags)
    }
    this.firstUnseen = firstUnseen
    recent.arrived(this.uids, mailbox.uidNext, readOnly)
  }

  /** True if one of the flags is a keyword that the client has not been told of. */
  #noteKeywords(flags: readonly string[]): boolean {
    const before = this.#keywords.size
    for (const flag of flags) if (!flag.startsWith('\\') && before < MAX_KEYWORDS_TOLD) this.#keywords.add(flag)
    return this.#keywords.size > before
  }

  /** Tells of keywords that these flags bring (RFC 3501 §7.2.6): before the first FETCH that shows them. */
  tellKeywords(output: Output, flags: Iterable<readonly string[]>): void {
    let fresh = false
    for (const some of flags) fresh = this.#noteKeywords(some) || fresh
    if (!fresh) return
    output.line(`* FLAGS (${this.knownFlags})`)
    output.line(`* OK [PERMANENTFLAGS (${this.knownFlags} \\*)] flags that are kept`)
  }

  /** FLAGS: the system flags and the keywords in use. */
  get knownFlags(): string {
    return [SYSTEM_FLAGS, ...[...this.#keywords].sort()].join(' ')
  }

  get recentCount(): number {
    return this.#recent.count(this.uids)
  }

  isRecent(uid: number): boolean {
    return this.#recent.has(uid)
  }

  /** The position of a UID, or -1. */
  indexOf(uid: number): number {
    const at = this.#lowerBound(uid)
    return this.uids[at] === uid ? at : -1
  }

  #lowerBound(uid: number): number {
    let low = 0
    let high = this.uids.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.uids[middle]! < uid) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * The messages that a set names, as ranges of positions in order. Undefined when it names a message number that does
   * not exist (RFC 3501 §9 seq-number: an error); UIDs that do not exist are passed over (§6.4.8).
   */
  indexesOf(set: SequenceSet | 'saved', byUid: boolean): IndexRange[] | undefined {
    if (set === 'saved') return this.#ranges(this.saved.map((uid): [number, number] => [uid, uid]))
    if (byUid) return this.#ranges(resolveSet(set, this.uids.at(-1) ?? 0))
    // '1:*' in an empty mailbox is no mistake: clients ask it before they know.
    if (this.uids.length === 0 && set.some((range) => range.includes(Number.POSITIVE_INFINITY))) return []
    const ranges = resolveSet(set, this.uids.length)
    if (ranges.some(([first, last]) => first < 1 || last > this.uids.length)) return undefined
    return ranges.map(([first, last]) => [first - 1, last - 1])
  }

  #ranges(uidRanges: readonly (readonly [number, number])[]): IndexRange[] {
    const ranges: [number, number][] = []
    for (const [first, last] of uidRanges) {
      const from = this.#lowerBound(first)
      const to = this.#lowerBound(last + 1) - 1
      if (to < from) continue
      const previous = ranges.at(-1)
      if (previous && from <= previous[1] + 1) previous[1] = Math.max(previous[1], to)
      else ranges.push([from, to])
    }
    return ranges
  }

  /** The UIDs at these positions, as the store takes them. */
  uidSet(ranges: readonly IndexRange[]): [number, number][] {
    return ranges.map(([from, to]) => [this.uids[from]!, this.uids[to]!])
  }

  /** What the store holds now at these positions; messages that were expunged meanwhile are missing. */
  placements([from, to]: IndexRange): Placement[] {
    return this.store.placements(this.account, this.id, this.uids[from], this.uids[to])
  }

  /** FLAGS as they are told: with \Recent. */
  flags(placement: Placement): string {
    const { flags } = placement
    return `(${(this.#recent.has(placement.uid) ? [...flags, '\\Recent'].sort() : flags).join(' ')})`
  }

  /** An answer told (or, with .SILENT, must not tell) the flags of this placement. */
  flagsTold(uid: number, modseq: number): void {
    this.#told.set(uid, modseq)
  }

  /** Writes the untagged answers about everything that changed since the last time (RFC 3501 §5.2, §7). */
  tell(output: Output, options: TellOptions): void {
    const now = this.store.modseq(this.account)
    let changed: Placement[] = []
    if (now !== this.#modseq) {
      const since = this.store.mailbox(this.account, this.id)
        ? this.store.placementsSince(this.account, this.id, this.#modseq)
        : { changed: [], expunged: this.uids }
      for (const uid of since.expunged) this.#waitingExpunges.add(uid)
      changed = since.changed
      this.#modseq = now
    }
    if (options.expunges && this.#waitingExpunges.size > 0) this.#tellExpunges(output)
    const last = this.uids.at(-1) ?? 0
    const fresh = changed.filter((placement) => placement.uid > last).map((placement) => placement.uid)
    if (fresh.length > 0) {
      fresh.sort((a, b) => a - b)
      for (const uid of fresh) this.uids.push(uid)
      this.#recent.arrived(fresh, fresh.at(-1)! + 1, this.readOnly)
      output.line(`* ${this.uids.length} EXISTS`)
      output.line(`* ${this.recentCount} RECENT`)
    }
    this.tellKeywords(
      output,
      changed.map((placement) => placement.flags),
    )
    for (const placement of changed) if (placement.uid <= last) this.#tellFlags(output, placement, options)
    this.#told.clear()
  }

  #tellFlags(output: Output, placement: Placement, options: TellOptions): void {
    if ((this.#told.get(placement.uid) ?? -1) >= placement.modseq) return
    const index = this.indexOf(placement.uid)
    if (index < 0) return
    const uid = options.withUid || options.withModseq ? ` UID ${placement.uid}` : ''
    const modseq = options.withModseq ? ` MODSEQ (${placement.modseq})` : ''
    output.line(`* ${index + 1} FETCH (FLAGS ${this.flags(placement)}${uid}${modseq})`)
  }

  #tellExpunges(output: Output): void {
    const kept: number[] = []
    for (const uid of this.uids) {
      // Each EXPUNGE renumbers what follows it (RFC 3501 §7.4.1): the number is one more than what is kept so far.
      if (this.#waitingExpunges.has(uid)) output.line(`* ${kept.length + 1} EXPUNGE`)
      else kept.push(uid)
    }
    const recentBefore = this.recentCount
    this.uids = kept
    this.#waitingExpunges.clear()
    if (this.recentCount !== recentBefore) output.line(`* ${this.recentCount} RECENT`)
  }
}
