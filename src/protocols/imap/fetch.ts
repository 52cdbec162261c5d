// FETCH (RFC 9051 §6.4.5, RFC 7162 §3.1.4 and §3.2.6, RFC 8474, PARTIAL RFC 9394, UIDONLY RFC 9586). Messages are answered in windows: flags from the store, then
// what the asked items need and no more (nothing, the header, a range, the whole body), so that memory stays bounded
// however many messages are asked for.

import { envelope } from '../../message/envelope.ts'
import { presentFlags } from '../../store/flags.ts'
import type { BlobRef } from '../../store/nouns/bodies.ts'
import type { Email, Placement } from '../../store/nouns/mail.ts'
import { type BlobRequest, commit, type Dialogue, isRefusal, readBlobs } from '../dialogue.ts'
import { type Answer, bad, NO_SUCH_MESSAGE, no, ok } from './answer.ts'
import { binaryBytes } from './binary.ts'
import { bodyStructure } from './body-structure.ts'
import { type FetchItem, parseFetchItems, type Range, type SimpleKind } from './fetch-items.ts'
import { limited } from './message-limit.ts'
import type { Cursor } from './parser.ts'
import { dateTime, nstring } from './response.ts'
import { type Partial, partOf, readPartial } from './search-return.ts'
import { formatSection, needsHeaderOnly, Source, sectionBytes } from './section.ts'
import type { IndexRange, Manner, SelectedMailbox } from './selected.ts'
import {
  formatRanges,
  formatSet,
  inBoth,
  numbersOf,
  resolveSet,
  type SequenceSet,
  setContains,
  toRanges,
} from './sequence.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { readSet } from './set-argument.ts'

/** What must be read of a message to answer. Ordered: each holds the ones before. */
type Need = 'flags' | 'envelope' | 'email' | 'header' | 'whole'

const WINDOW: Record<Need, number> = { flags: 2_000, envelope: 500, email: 500, header: 64, whole: 16 }
/** Enough for nearly every header; a longer one costs a second read. */
const HEADER_GUESS_BYTES = 16_384
/** Bodies from here on are sent piece by piece. */
const STREAM_FROM_BYTES = 524_288
const PIECE_BYTES = 262_144
/** Bodies read at the same time. */
const WINDOW_BYTES = 1_048_576

export function* fetch(session: ImapSession, { args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const set = readSet(args)
  args.space()
  const items = parseFetchItems(args)
  const { changedSince, vanished, partial } = readModifiers(args)
  args.end()
  if (args.error) return bad(args.error)
  if (vanished && !(uid && session.enabled.has('QRESYNC') && changedSince !== undefined)) {
    return bad('VANISHED goes with UID FETCH, CHANGEDSINCE and ENABLE QRESYNC')
  }
  const all = selected.indexesOf(set, uid)
  if (all === undefined) return NO_SUCH_MESSAGE
  // RFC 7162 §3.1.4.1: CHANGEDSINCE asks for MODSEQ, and enables CONDSTORE. iOS Mail sends 0.
  if (changedSince !== undefined && !items.some((item) => item.kind === 'MODSEQ')) items.push({ kind: 'MODSEQ' })
  if (items.some((item) => item.kind === 'MODSEQ')) session.enableCondstore()
  const { manner } = session
  if (uid && !manner.uidOnly && !items.some((item) => item.kind === 'UID')) items.push({ kind: 'UID' })
  if (vanished) tellVanished(session, selected, set, changedSince ?? 0)
  const { ranges, code } = limited(session, selected, partial ? partOfRanges(all, partial) : all)
  const fetching = new Fetching(session, selected, items, manner)
  for (const range of ranges) yield* fetching.range(range, changedSince ?? 0)
  if (fetching.unknownEncodings > 0) return no('a transfer encoding is not known', 'UNKNOWN-CTE')
  if (fetching.unreadable > 0) return no(`${fetching.unreadable} messages could not be read`, 'SERVERBUG')
  if (code !== undefined) return ok('that is not all', code)
  return fetching.missing > 0 ? ok('some messages are gone', 'EXPUNGEISSUED') : ok('that is all')
}

interface Modifiers {
  changedSince?: number
  vanished: boolean
  partial?: Partial
}

function readModifiers(args: Cursor): Modifiers {
  const modifiers: Modifiers = { vanished: false }
  if (!args.optionalSpace()) return modifiers
  args.list(() => {
    const name = args.keyword()
    if (name === 'VANISHED') modifiers.vanished = true
    else if (name === 'CHANGEDSINCE') {
      args.space()
      modifiers.changedSince = args.number()
    } else if (name === 'PARTIAL') {
      args.space()
      modifiers.partial = readPartial(args)
    } else args.fail('not a FETCH modifier')
  })
  return modifiers
}

/** RFC 9394 §3.2: of the messages that the set names. */
function partOfRanges(ranges: readonly IndexRange[], partial: Partial): IndexRange[] {
  return toRanges(partOf(numbersOf(ranges, Number.POSITIVE_INFINITY), partial))
}

/** RFC 7162 §3.2.6: of the UIDs asked for, those that are gone since. What the client still knows it hears later. */
function tellVanished(
  session: ImapSession,
  selected: SelectedMailbox,
  set: SequenceSet | 'saved',
  since: number,
): void {
  const { expunged } = selected.store.placementsSince(selected.account, selected.id, since)
  const largest = Math.max(selected.uids.largest, expunged.at(-1) ?? 0)
  const wanted = set === 'saved' ? selected.saved : resolveSet(set, largest)
  const vanished = expunged.filter((uid) => setContains(wanted, uid) && selected.uids.indexOf(uid) < 0)
  const gaps = inBoth(selected.store.contents.neverGiven(selected.account, selected.id, since), wanted)
  const gone = [formatSet(vanished), formatRanges(gaps)].filter((text) => text !== '')
  if (gone.length > 0) session.output.line(`* VANISHED (EARLIER) ${gone.join(',')}`)
}

function needOf(items: readonly FetchItem[]): Need {
  const sections = items.filter((item) => item.kind === 'section')
  const wantsWhole = sections.some(({ wholeMessage }) => wholeMessage)
  const wantsHeader = sections.some(({ section, wholeMessage }) => !wholeMessage && needsHeaderOnly(section))
  const wantsEnvelope = items.some(({ kind }) => kind === 'ENVELOPE')
  const wantsEmail = items.some(({ kind }) => EMAIL_ITEMS.has(kind))
  if (items.some(({ kind }) => WHOLE_ITEMS.has(kind))) return 'whole'
  if (sections.some(({ section, wholeMessage }) => !wholeMessage && !needsHeaderOnly(section))) return 'whole'
  if (wantsWhole) return wantsHeader || wantsEnvelope ? 'whole' : 'email'
  if (wantsHeader) return 'header'
  if (wantsEnvelope) return wantsEmail ? 'header' : 'envelope'
  return wantsEmail ? 'email' : 'flags'
}

const EMAIL_ITEMS: ReadonlySet<FetchItem['kind']> = new Set(['THREADID', 'PREVIEW'])
/** Of these alone a list is made from what the store has at hand (`#list`). */
const LISTED: ReadonlySet<FetchItem['kind']> = new Set(['FLAGS', 'UID', 'MODSEQ'])
const WHOLE_ITEMS: ReadonlySet<FetchItem['kind']> = new Set(['BODY', 'BODYSTRUCTURE', 'binary', 'binary-size'])

/** `thread` and `preview`: where EMAIL_ITEMS are asked for. */
type Found = Pick<Email, 'blob' | 'sizeBytes'> & { readonly thread?: number; readonly preview?: string }

export class Fetching {
  readonly #session: ImapSession
  readonly #selected: SelectedMailbox
  readonly #items: readonly FetchItem[]
  readonly #need: Need
  readonly #setsSeen: boolean
  readonly #tellsFlags: boolean
  /** Messages that have just become \\Seen. */
  readonly #flagsToTell = new Set<number>()
  readonly #manner: Manner
  /** Those that the store keeps, of the window under way. */
  #envelopes: ReadonlyMap<number, string> = new Map()
  unknownEncodings = 0
  missing = 0
  unreadable = 0

  constructor(session: ImapSession, selected: SelectedMailbox, items: readonly FetchItem[], manner: Manner) {
    this.#manner = manner
    this.#session = session
    this.#selected = selected
    this.#items = items
    this.#need = needOf(items)
    this.#setsSeen =
      !selected.readOnly &&
      selected.rights.has('s') &&
      items.some((item) => (item.kind === 'section' || item.kind === 'binary') && !item.peek)
    this.#tellsFlags = items.some((item) => item.kind === 'FLAGS')
  }

  *range([from, to]: IndexRange, changedSince: number): Dialogue {
    const isList = changedSince === 0 && this.#items.every((item) => LISTED.has(item.kind))
    const step = WINDOW[this.#need]
    for (let first = from; first <= to; first += step) {
      const window: IndexRange = [first, Math.min(to, first + step - 1)]
      if (isList) {
        this.#list(window)
        yield* this.#session.flushWhenFull()
        continue
      }
      let placements = this.#selected.placements(window)
      this.missing += Math.max(0, window[1] - window[0] + 1 - placements.length)
      if (changedSince > 0) placements = placements.filter((placement) => placement.modseq > changedSince)
      if (this.#setsSeen) placements = yield* this.#markSeen(placements, window)
      yield* this.#window(placements)
      yield* this.#session.flushWhenFull()
      if (this.#session.closing) return
    }
  }

  /** Flags of many messages, which clients ask for again and again: one row, one line, nothing else. */
  #list([first, last]: IndexRange): void {
    const selected = this.#selected
    const { uidOnly, recent } = this.#manner
    const rows = selected.store.contents.flags(
      selected.account,
      selected.id,
      selected.uids.at(first),
      selected.uids.at(last),
    )
    const known = rows.length > last - first + 1 ? rows.filter(({ uid }) => selected.uids.indexOf(uid) >= 0) : rows
    this.missing += last - first + 1 - known.length
    const isWhole = known.length === last - first + 1
    const hasRecent = recent && selected.recentCount > 0
    const texts = new Map<string, string>()
    const kinds = this.#items.map(({ kind }) => kind)
    let lines = ''
    for (let at = 0; at < known.length; at++) {
      const { uid, flags, keywords, modseq } = known[at]!
      const key = hasRecent && selected.isRecent(uid) ? `${flags}R${keywords}` : `${flags} ${keywords}`
      let text = texts.get(key)
      if (text === undefined) {
        const placement = { uid, flags: presentFlags(flags, keywords) }
        texts.set(key, (text = `FLAGS ${selected.flags(placement, recent)}`))
      }
      const number = isWhole ? first + at + 1 : selected.uids.indexOf(uid) + 1
      lines += uidOnly ? `* ${uid} UIDFETCH (` : `* ${number} FETCH (`
      for (let item = 0; item < kinds.length; item++) {
        if (item > 0) lines += ' '
        const kind = kinds[item]
        if (kind === 'FLAGS') lines += text
        else if (kind === 'UID') lines += `UID ${uid}`
        else lines += `MODSEQ (${modseq})`
      }
      lines += ')\r\n'
      if (this.#tellsFlags) selected.flagsTold(uid, modseq)
    }
    this.#session.output.text(lines)
  }

  /** BODY[…] without PEEK sets \Seen, and the answer says so (RFC 3501 §6.4.5). */
  *#markSeen(placements: Placement[], window: IndexRange): Dialogue<Placement[]> {
    const unseen = placements.filter((placement) => !placement.flags.includes('\\Seen'))
    if (unseen.length === 0) return placements
    const outcome = yield* commit({
      kind: 'flags.store',
      account: this.#selected.account,
      mailbox: this.#selected.id,
      uids: unseen.map((placement): [number, number] => [placement.uid, placement.uid]),
      mode: 'add',
      flags: ['\\Seen'],
    })
    // A full disk must not keep people from reading.
    if (isRefusal(outcome)) return placements
    const seen = new Set(unseen.map((placement) => placement.uid))
    const wanted = new Set(placements.map((placement) => placement.uid))
    const now = this.#selected.placements(window).filter((placement) => wanted.has(placement.uid))
    if (!this.#tellsFlags) for (const uid of seen) this.#flagsToTell.add(uid)
    return now
  }

  *#window(placements: readonly Placement[]): Dialogue {
    if (this.#need === 'flags') {
      for (const placement of placements) this.#answer(placement, undefined, undefined)
      return
    }
    if (this.#need === 'envelope') return yield* this.#withEnvelopes(placements)
    yield* this.#withEmails(placements)
  }

  /** From what was kept; of a message that came before envelopes were kept, from its header. */
  *#withEnvelopes(placements: readonly Placement[]): Dialogue {
    const [first, last] = [placements[0], placements.at(-1)]
    if (first === undefined || last === undefined) return
    const { store, account, id } = this.#selected
    this.#envelopes = store.contents.envelopes(account, id, first.uid, last.uid)
    for (let at = 0; at < placements.length; ) {
      const isKept = this.#envelopes.has(placements[at]!.email)
      let end = at + 1
      while (end < placements.length && this.#envelopes.has(placements[end]!.email) === isKept) end++
      const some = placements.slice(at, end)
      if (isKept) for (const placement of some) this.#answer(placement, undefined, undefined)
      else yield* this.#withEmails(some)
      at = end
    }
  }

  *#withEmails(placements: readonly Placement[]): Dialogue {
    const emails = this.#found(placements)
    const known = placements.flatMap((placement): [Placement, Found][] => {
      const email = emails.get(placement.email)
      return email ? [[placement, email]] : []
    })
    this.missing += placements.length - known.length
    const wantsBodies = this.#items.some(({ kind }) => kind === 'section')
    for (const group of this.#groups(known)) {
      if (this.#need === 'email') {
        const small = wantsBodies ? group.filter(([, { sizeBytes }]) => sizeBytes < STREAM_FROM_BYTES) : []
        const bodies = yield* readBlobs(small.map(([, { blob }]) => ({ ref: blob })))
        const whole = new Map(small.map(([{ uid }], index) => [uid, bodies[index] ?? ('unreadable' as const)]))
        for (const [placement, email] of group) {
          yield* this.#answerStreaming(placement, email, whole.get(placement.uid))
          if (this.#session.closing) return
        }
        continue
      }
      const sources = yield* this.#sources(group.map(([, email]) => email))
      for (const [index, [placement, email]] of group.entries()) {
        const source = sources[index]
        if (source === undefined) this.unreadable++
        else this.#answer(placement, email, source)
      }
      yield* this.#session.flushWhenFull()
    }
  }

  /** The messages' bodies, and what else is known of them only where it is asked for. */
  #found(placements: readonly Placement[]): ReadonlyMap<number, Found> {
    const { store, account, id } = this.#selected
    if (!this.#items.some(({ kind }) => EMAIL_ITEMS.has(kind))) {
      const [first, last] = [placements[0], placements.at(-1)]
      const bodies =
        first && last ? store.contents.bodies(account, id, first.uid, last.uid) : new Map<number, BlobRef>()
      return new Map([...bodies].map(([email, blob]) => [email, { blob, sizeBytes: blob.sizeBytes }]))
    }
    const ids = placements.map((placement) => placement.email)
    return new Map(store.emails(account, ids).map((email) => [email.id, email]))
  }

  /** Messages that are read at the same time. */
  *#groups(known: readonly [Placement, Found][]): Generator<[Placement, Found][]> {
    for (let at = 0; at < known.length; ) {
      const group = [known[at++]!]
      let sizeBytes = this.#readBytes(group[0]![1])
      while (at < known.length && sizeBytes + this.#readBytes(known[at]![1]) <= WINDOW_BYTES) {
        sizeBytes += this.#readBytes(known[at]![1])
        group.push(known[at++]!)
      }
      yield group
    }
  }

  #readBytes(email: Found): number {
    return this.#readsHeader ? Math.min(HEADER_GUESS_BYTES, email.sizeBytes) : email.sizeBytes
  }

  get #readsHeader(): boolean {
    return this.#need === 'header' || this.#need === 'envelope'
  }

  *#sources(emails: readonly Found[]): Dialogue<(Source | undefined)[]> {
    const headerOnly = this.#readsHeader
    const bodies = yield* readBlobs(
      emails.map(({ blob }): BlobRequest => {
        if (!headerOnly || blob.sizeBytes <= HEADER_GUESS_BYTES) return { ref: blob }
        return { ref: blob, range: { offset: 0, length: HEADER_GUESS_BYTES } }
      }),
    )
    const sources: (Source | undefined)[] = []
    for (const [index, email] of emails.entries()) {
      let bytes = bodies[index]
      if (headerOnly && bytes && bytes.length < email.sizeBytes && !bytes.includes('\r\n\r\n')) {
        bytes = (yield* readBlobs([{ ref: email.blob }]))[0]
      }
      sources.push(bytes && new Source(bytes))
    }
    return sources
  }

  #begin(placement: Placement): void {
    const { output } = this.#session
    const { uid } = placement
    output.text(this.#manner.uidOnly ? `* ${uid} UIDFETCH (` : `* ${this.#selected.uids.indexOf(uid) + 1} FETCH (`)
    const tellsNow = this.#flagsToTell.delete(uid)
    if (tellsNow) output.text(`FLAGS ${this.#selected.flags(placement, this.#manner.recent)} `)
    // Only flags that were said are told: what others changed meanwhile still is to be said.
    if (tellsNow || this.#tellsFlags) this.#selected.flagsTold(uid, placement.modseq)
  }

  #end(): void {
    this.#session.output.text(')\r\n')
  }

  #answer(placement: Placement, email: Found | undefined, source: Source | undefined): void {
    const { output } = this.#session
    this.#begin(placement)
    for (const [index, item] of this.#items.entries()) {
      if (index > 0) output.text(' ')
      if (item.kind === 'section') {
        const bytes = sectionBytes(source!, item.section)
        this.#literal(item, bytes && part(bytes, item.partial))
      } else if (item.kind === 'binary' || item.kind === 'binary-size') this.#binary(item, source!)
      else output.text(this.#simple(item.kind, placement, email, source))
    }
    this.#end()
  }

  #binary(item: FetchItem & { kind: 'binary' | 'binary-size' }, source: Source): void {
    const { output } = this.#session
    const found = binaryBytes(source, item.section)
    if (found === 'unknown-cte') this.unknownEncodings++
    const bytes = found === 'unknown-cte' ? undefined : found
    if (item.kind === 'binary-size') {
      output.text(`BINARY.SIZE${formatSection(item.section)} ${bytes?.length ?? 0}`)
      return
    }
    const origin = item.partial === undefined ? '' : `<${item.partial.offset}>`
    const name = `BINARY${formatSection(item.section)}${origin}`
    if (bytes === undefined) {
      output.text(`${name} NIL`)
      return
    }
    const wanted = part(bytes, item.partial)
    output.text(`${name} ${wanted.includes(0) ? '~' : ''}{${wanted.length}}\r\n`)
    output.bytes(wanted)
  }

  #literal(item: FetchItem & { kind: 'section' }, bytes: Buffer | undefined): void {
    const { output } = this.#session
    output.text(bytes === undefined ? `${label(item)} NIL` : `${label(item)} {${bytes.length}}\r\n`)
    if (bytes !== undefined) output.bytes(bytes)
  }

  #simple(kind: SimpleKind, placement: Placement, email: Found | undefined, source: Source | undefined): string {
    switch (kind) {
      case 'FLAGS':
        return `FLAGS ${this.#selected.flags(placement, this.#manner.recent)}`
      case 'UID':
        return `UID ${placement.uid}`
      case 'MODSEQ':
        return `MODSEQ (${placement.modseq})`
      case 'INTERNALDATE':
        return `INTERNALDATE ${dateTime(placement.receivedAtMs)}`
      case 'RFC822.SIZE':
        return `RFC822.SIZE ${placement.sizeBytes}`
      case 'EMAILID':
        return `EMAILID (M${placement.email})`
      case 'THREADID':
        return `THREADID (T${email!.thread})`
      case 'SAVEDATE':
        return `SAVEDATE ${placement.savedAtMs === null ? 'NIL' : dateTime(placement.savedAtMs)}`
      case 'PREVIEW':
        // RFC 8970 §3.1: at most 200 characters.
        return `PREVIEW ${nstring(Buffer.from([...email!.preview!].slice(0, 200).join('')).toString('latin1'))}`
      case 'ENVELOPE':
        return `ENVELOPE ${this.#envelopes.get(placement.email) ?? envelope(source!.header)}`
      case 'BODY':
        return `BODY ${bodyStructure(source!.structure, false)}`
      case 'BODYSTRUCTURE':
        return `BODYSTRUCTURE ${bodyStructure(source!.structure, true)}`
    }
  }

  /** Answers whose only bodies are whole messages: large ones pass through in pieces, straight from the blob. */
  *#answerStreaming(placement: Placement, email: Found, whole: Buffer | undefined | 'unreadable'): Dialogue {
    const { output } = this.#session
    if (whole === 'unreadable') {
      this.unreadable++
      return
    }
    this.#begin(placement)
    for (const [index, item] of this.#items.entries()) {
      if (index > 0) output.text(' ')
      if (item.kind === 'binary' || item.kind === 'binary-size') continue
      if (item.kind !== 'section') output.text(this.#simple(item.kind, placement, email, undefined))
      else if (whole) this.#literal(item, part(whole, item.partial))
      else yield* this.#stream(item, email)
      if (this.#session.closing) return
    }
    this.#end()
    yield* this.#session.flushWhenFull()
  }

  *#stream(item: FetchItem & { kind: 'section' }, email: Found): Dialogue {
    const { output } = this.#session
    const offset = Math.min(item.partial?.offset ?? 0, email.sizeBytes)
    const end = Math.min(email.sizeBytes, offset + (item.partial?.length ?? email.sizeBytes))
    output.text(`${label(item)} {${end - offset}}\r\n`)
    for (let at = offset; at < end; at += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, end - at)
      const [piece] = yield* readBlobs([{ ref: email.blob, range: { offset: at, length } }])
      if (piece?.length !== length) {
        // The client waits for bytes that we do not have: only the end of the connection tells it.
        this.#session.closing = true
        return
      }
      output.bytes(piece)
      yield* this.#session.flush()
    }
  }
}

function part(bytes: Buffer, partial: Range | undefined): Buffer {
  return partial === undefined ? bytes : bytes.subarray(partial.offset, partial.offset + partial.length)
}

function label(item: FetchItem & { kind: 'section' }): string {
  const origin = item.partial === undefined ? '' : `<${item.partial.offset}>`
  return item.rfc822 ?? `BODY${formatSection(item.section)}${origin}`
}
