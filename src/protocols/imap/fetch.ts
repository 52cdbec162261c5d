// FETCH (RFC 3501 §6.4.5, RFC 7162 §3.1.4, RFC 8474). Messages are answered in windows: flags from the store, then
// what the asked items need and no more (nothing, the header, a range, the whole body), so that memory stays bounded
// however many messages are asked for.

import type { Email, Placement } from '../../store/types.ts'
import { type BlobRequest, commit, type Dialogue, isRefusal, readBlobs } from '../dialogue.ts'
import { type Answer, bad, no, ok } from './answer.ts'
import { bodyStructure, envelope } from './envelope.ts'
import { type FetchItem, parseFetchItems } from './fetch-items.ts'
import { dateTime } from './response.ts'
import { formatSection, needsHeaderOnly, Source, sectionBytes } from './section.ts'
import type { IndexRange, SelectedMailbox } from './selected.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { readSet } from './set-argument.ts'

/** What must be read of a message to answer. Ordered: each holds the ones before. */
type Need = 'flags' | 'email' | 'header' | 'whole'

const WINDOW: Record<Need, number> = { flags: 2_000, email: 500, header: 64, whole: 16 }
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
  let changedSince = 0
  if (args.optionalSpace()) {
    args.list(() => {
      if (args.keyword() !== 'CHANGEDSINCE') return args.fail('not a FETCH modifier')
      args.space()
      changedSince = args.number()
      // RFC 7162 §3.1.4.1: CHANGEDSINCE asks for MODSEQ, and enables CONDSTORE. iOS Mail sends 0.
      session.enableCondstore()
      items.push({ kind: 'MODSEQ' })
    })
  }
  args.end()
  if (args.error) return bad(args.error)
  const ranges = selected.indexesOf(set, uid)
  if (ranges === undefined) return bad('there is no message with that number')
  if (items.some((item) => item.kind === 'MODSEQ')) session.enableCondstore()
  if (uid && !items.some((item) => item.kind === 'UID')) items.push({ kind: 'UID' })
  const fetching = new Fetching(session, selected, items)
  for (const range of ranges) yield* fetching.range(range, changedSince)
  if (fetching.unreadable > 0) return no(`${fetching.unreadable} messages could not be read`, 'SERVERBUG')
  return fetching.missing > 0 ? ok('some messages are gone', 'EXPUNGEISSUED') : ok('that is all')
}

function needOf(items: readonly FetchItem[]): Need {
  let need: Need = 'flags'
  for (const item of items) {
    if (item.kind === 'BODY' || item.kind === 'BODYSTRUCTURE') return 'whole'
    if (item.kind === 'section') {
      if (!needsHeaderOnly(item.section) && !item.wholeMessage) return 'whole'
      need = item.wholeMessage ? (need === 'flags' ? 'email' : need) : 'header'
    } else if (item.kind === 'ENVELOPE') need = 'header'
    else if (need === 'flags' && EMAIL_ITEMS.has(item.kind)) need = 'email'
  }
  return need
}

const EMAIL_ITEMS: ReadonlySet<FetchItem['kind']> = new Set(['INTERNALDATE', 'RFC822.SIZE', 'EMAILID', 'THREADID'])

class Fetching {
  readonly #session: ImapSession
  readonly #selected: SelectedMailbox
  readonly #items: readonly FetchItem[]
  readonly #need: Need
  readonly #setsSeen: boolean
  readonly #tellsFlags: boolean
  /** Messages that have just become \\Seen. */
  readonly #flagsToTell = new Set<number>()
  missing = 0
  unreadable = 0

  constructor(session: ImapSession, selected: SelectedMailbox, items: readonly FetchItem[]) {
    this.#session = session
    this.#selected = selected
    this.#items = items
    this.#need = needOf(items)
    this.#setsSeen = !selected.readOnly && items.some((item) => item.kind === 'section' && !item.peek)
    this.#tellsFlags = items.some((item) => item.kind === 'FLAGS')
  }

  *range([from, to]: IndexRange, changedSince: number): Dialogue {
    const step = WINDOW[this.#need]
    for (let first = from; first <= to; first += step) {
      const window: IndexRange = [first, Math.min(to, first + step - 1)]
      let placements = this.#selected.placements(window)
      this.missing += Math.max(0, window[1] - window[0] + 1 - placements.length)
      if (changedSince > 0) placements = placements.filter((placement) => placement.modseq > changedSince)
      if (this.#setsSeen) placements = yield* this.#markSeen(placements, window)
      yield* this.#window(placements)
      yield* this.#session.flushWhenFull()
      if (this.#session.closing) return
    }
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
    const emails = new Map<number, Email>()
    const ids = placements.map((placement) => placement.email)
    for (const email of this.#selected.store.emails(this.#selected.account, ids)) emails.set(email.id, email)
    const known = placements.flatMap((placement): [Placement, Email][] => {
      const email = emails.get(placement.email)
      return email ? [[placement, email]] : []
    })
    this.missing += placements.length - known.length
    if (this.#need === 'email') {
      for (const [placement, email] of known) yield* this.#answerStreaming(placement, email)
      return
    }
    for (let at = 0; at < known.length; ) {
      const group = [known[at++]!]
      let sizeBytes = this.#readBytes(group[0]![1])
      while (at < known.length && sizeBytes + this.#readBytes(known[at]![1]) <= WINDOW_BYTES) {
        sizeBytes += this.#readBytes(known[at]![1])
        group.push(known[at++]!)
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

  #readBytes(email: Email): number {
    return this.#need === 'header' ? Math.min(HEADER_GUESS_BYTES, email.sizeBytes) : email.sizeBytes
  }

  *#sources(emails: readonly Email[]): Dialogue<(Source | undefined)[]> {
    const headerOnly = this.#need === 'header'
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
    output.text(`* ${this.#selected.indexOf(placement.uid) + 1} FETCH (`)
    if (this.#flagsToTell.delete(placement.uid)) output.text(`FLAGS ${this.#selected.flags(placement)} `)
  }

  #end(placement: Placement): void {
    if (this.#tellsFlags || this.#setsSeen) this.#selected.flagsTold(placement.uid, placement.modseq)
    this.#session.output.text(')\r\n')
  }

  #answer(placement: Placement, email: Email | undefined, source: Source | undefined): void {
    const { output } = this.#session
    this.#begin(placement)
    for (const [index, item] of this.#items.entries()) {
      if (index > 0) output.text(' ')
      if (item.kind === 'section') {
        const bytes = sectionBytes(source!, item.section)
        this.#literal(item, bytes && part(bytes, item.partial))
      } else output.text(this.#simple(item.kind, placement, email, source))
    }
    this.#end(placement)
  }

  #literal(item: FetchItem & { kind: 'section' }, bytes: Buffer | undefined): void {
    const { output } = this.#session
    output.text(bytes === undefined ? `${label(item)} NIL` : `${label(item)} {${bytes.length}}\r\n`)
    if (bytes !== undefined) output.bytes(bytes)
  }

  #simple(kind: FetchItem['kind'], placement: Placement, email: Email | undefined, source: Source | undefined): string {
    switch (kind) {
      case 'FLAGS':
        return `FLAGS ${this.#selected.flags(placement)}`
      case 'UID':
        return `UID ${placement.uid}`
      case 'MODSEQ':
        return `MODSEQ (${placement.modseq})`
      case 'INTERNALDATE':
        return `INTERNALDATE ${dateTime(email!.receivedAtMs)}`
      case 'RFC822.SIZE':
        return `RFC822.SIZE ${email!.sizeBytes}`
      case 'EMAILID':
        return `EMAILID (M${email!.id})`
      case 'THREADID':
        return `THREADID (T${email!.thread})`
      case 'ENVELOPE':
        return `ENVELOPE ${envelope(source!.header)}`
      case 'BODY':
        return `BODY ${bodyStructure(source!.structure, false)}`
      case 'BODYSTRUCTURE':
        return `BODYSTRUCTURE ${bodyStructure(source!.structure, true)}`
      case 'section':
        return ''
    }
  }

  /** Answers whose only bodies are whole messages: their bytes pass through in pieces, straight from the blob. */
  *#answerStreaming(placement: Placement, email: Email): Dialogue {
    const { output } = this.#session
    const small = email.sizeBytes < STREAM_FROM_BYTES && this.#items.some((item) => item.kind === 'section')
    const whole = small ? (yield* readBlobs([{ ref: email.blob }]))[0] : undefined
    if (small && whole === undefined) {
      this.unreadable++
      return
    }
    this.#begin(placement)
    for (const [index, item] of this.#items.entries()) {
      if (index > 0) output.text(' ')
      if (item.kind !== 'section') output.text(this.#simple(item.kind, placement, email, undefined))
      else if (whole) this.#literal(item, part(whole, item.partial))
      else yield* this.#stream(item, email)
      if (this.#session.closing) return
    }
    this.#end(placement)
    yield* this.#session.flushWhenFull()
  }

  *#stream(item: FetchItem & { kind: 'section' }, email: Email): Dialogue {
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

function part(bytes: Buffer, partial: { offset: number; length: number } | undefined): Buffer {
  return partial === undefined ? bytes : bytes.subarray(partial.offset, partial.offset + partial.length)
}

function label(item: FetchItem & { kind: 'section' }): string {
  const origin = item.partial === undefined ? '' : `<${item.partial.offset}>`
  return item.rfc822 ?? `BODY${formatSection(item.section)}${origin}`
}
