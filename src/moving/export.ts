// Mail that leaves: an account's mailboxes as mbox files or as a Maildir, with flags, keywords, dates and UIDs as far as
// the format holds them. What is durable is noted beside the mail, so that an export which is killed and run again goes
// on there, and one that is run again later adds what came since.

import type { Mailbox, Placement } from '../store/nouns/mail.ts'
import type { Account } from '../store/nouns/people.ts'
import type { Store } from '../store/store.ts'
import { EXPORT_STATE, type ExportedMailbox, type ExportState, exportState } from './export-state.ts'
import { lineEnds, toLf } from './line-ends.ts'
import { flagLetters, folderOfParts, hasLetter, MOST_KEYWORDS, parseFileName } from './maildir.ts'
import { mboxEntry } from './mbox.ts'
import { hasStatus, statusFields } from './mbox-status.ts'

const UIDS_AT_ONCE = 500
const CHECKPOINT_BYTES = 64 * 1024 * 1024
const CHECKPOINT_MESSAGES = 2_000
const MOST_NOTES = 1_000

/** Where mail goes: a folder. Paths have '/' between parts; folders are made as they are needed. */
export interface Sink {
  read(path: string): Promise<Buffer | undefined>
  /** Replaces the file at once and for good. */
  keep(path: string, bytes: Uint8Array): Promise<void>
  /** A new file, durable at the next checkpoint. */
  put(path: string, bytes: Uint8Array, modifiedMs: number): Promise<void>
  /** A file that grows from `sizeBytes` on, whatever it holds after that; durable at the next checkpoint. */
  grow(path: string, sizeBytes: number): Promise<{ append(bytes: Uint8Array): Promise<void>; close(): Promise<void> }>
  names(folder: string): Promise<string[]>
  remove(path: string): Promise<void>
  makeFolder(path: string): Promise<void>
  checkpoint(): Promise<void>
}

/** What an export reads of a store. */
export type Shelf = Pick<Store, 'mailboxes' | 'placements' | 'email' | 'readBlob' | 'contents' | 'lists'>

export interface ExportOptions {
  readonly store: Shelf
  readonly account: Account
  readonly sink: Sink
  readonly format: 'mbox' | 'maildir'
  readonly progress?: (progress: {
    readonly mailbox: string
    readonly messages: number
    readonly bytes: number
  }) => void
  readonly isStopped?: () => boolean
}

export interface ExportResult {
  readonly mailboxes: number
  readonly messages: number
  readonly bytes: number
  /** One sentence each: what the format cannot hold as it is. */
  readonly notes: readonly string[]
  readonly moreNotes: number
  readonly stopped: string | undefined
}

/** There is something else at the place. */
export class NotOurs extends Error {}

/** @throws NotOurs @throws DiskError */
export async function takeOut(options: ExportOptions): Promise<ExportResult> {
  const { store, account, sink, format } = options
  const text = await sink.read(EXPORT_STATE)
  const state: ExportState | undefined =
    text === undefined ? { account: account.address, format, mailboxes: [] } : exportState(text)
  if (state === undefined || state.account !== account.address || state.format !== format)
    throw new NotOurs(`${EXPORT_STATE} there is of another export. Name another folder.`)
  if (text === undefined && (await sink.names('')).length > 0)
    throw new NotOurs('There is something in that folder already. Name another one.')
  const run = new Run(options, state)
  await run.save()
  for (const mailbox of store.mailboxes(account.id)) {
    await run.mailbox(mailbox)
    if (run.isStopped) break
  }
  return run.result()
}

/** How a format puts one mailbox down. */
interface Writer {
  add(placement: Placement, content: Buffer, about: About): Promise<void>
  /** Bytes of the file that grows. */
  readonly bytes: number
  close(): Promise<void>
}

interface About {
  readonly name: string
  readonly sender: string
  readonly receivedAtMs: number
  readonly uidl: string
}

class Run {
  isStopped = false
  readonly #options: ExportOptions
  readonly #state: ExportState
  readonly #notes: string[] = []
  #moreNotes = 0
  #mailboxes = 0
  #messages = 0
  #bytes = 0

  constructor(options: ExportOptions, state: ExportState) {
    this.#options = options
    this.#state = state
  }

  result(): ExportResult {
    const counts = { mailboxes: this.#mailboxes, messages: this.#messages, bytes: this.#bytes }
    const stopped = this.isStopped ? 'It was stopped.' : undefined
    return { ...counts, notes: this.#notes, moreNotes: this.#moreNotes, stopped }
  }

  async save(): Promise<void> {
    await this.#options.sink.keep(EXPORT_STATE, Buffer.from(JSON.stringify(this.#state, null, 1)))
  }

  async mailbox(mailbox: Mailbox): Promise<void> {
    const { store, account, sink, format, progress, isStopped } = this.#options
    const known = this.#known(mailbox)
    const note = (sentence: string) => this.#note(sentence)
    const writer = await (format === 'mbox' ? mboxWriter : maildirWriter)(sink, known, mailbox, note)
    this.#mailboxes++
    const uidls = new Map<number, string>()
    if (format === 'maildir' && mailbox.specialUse === 'inbox') {
      for (const { uid, uidl } of store.lists.maildrop(account.id, mailbox.id)) if (uidl !== null) uidls.set(uid, uidl)
    }
    let [messages, bytes] = [0, 0]
    const checkpoint = async (through: number) => {
      await sink.checkpoint()
      known.through = through
      known.bytes = writer.bytes
      await this.save()
      ;[messages, bytes] = [0, 0]
    }
    let through = known.through
    try {
      for await (const placement of this.#placements(mailbox, known.through)) {
        if (isStopped?.()) this.isStopped = true
        if (this.isStopped) break
        const name = `${mailbox.path}, UID ${placement.uid}`
        const found = await this.#content(placement)
        if (found === undefined) note(`${name}: it is gone, or its body cannot be read; it was left out.`)
        else {
          const { content, email } = found
          const uidl = uidls.get(placement.uid) ?? `${mailbox.uidValidity}-${placement.uid}`
          const sender = email.from[0]?.email ?? ''
          await writer.add(placement, content, { name, sender, receivedAtMs: email.receivedAtMs, uidl })
          this.#messages++
          this.#bytes += content.length
          messages++
          bytes += content.length
        }
        through = placement.uid
        progress?.({ mailbox: mailbox.path, messages: this.#messages, bytes: this.#bytes })
        if (messages >= CHECKPOINT_MESSAGES || bytes >= CHECKPOINT_BYTES) await checkpoint(through)
      }
      await checkpoint(through)
    } finally {
      await writer.close()
    }
  }

  #known(mailbox: Mailbox): ExportedMailbox {
    const { path, uidValidity, specialUse, subscribed } = mailbox
    const { mailboxes } = this.#state
    const there = mailboxes.find((one) => one.path === path && one.uidValidity === uidValidity)
    if (there !== undefined) return there
    const parts = path.split('/')
    const plain = this.#options.format === 'mbox' ? fileOfParts(parts) : folderOfParts(parts)
    // A mailbox that was made anew under the name of another comes beside it.
    const isTaken = mailboxes.some(({ location }) => location.toLowerCase() === plain.toLowerCase())
    const location = isTaken ? beside(plain, uidValidity) : plain
    const made = { path, use: specialUse, location, isSubscribed: subscribed, uidValidity, through: 0, bytes: 0 }
    mailboxes.push(made)
    return made
  }

  async *#placements(mailbox: Mailbox, after: number): AsyncGenerator<Placement> {
    const { store, account } = this.#options
    for (const [first, last] of store.contents.uidRanges(account.id, mailbox.id)) {
      for (let from = Math.max(first, after + 1); from <= last; from += UIDS_AT_ONCE) {
        yield* store.placements(account.id, mailbox.id, from, Math.min(last, from + UIDS_AT_ONCE - 1))
      }
    }
  }

  async #content(placement: Placement) {
    const { store, account } = this.#options
    // A body may move while it is looked up: the second time it is where the index says.
    for (let attempt = 0; attempt < 2; attempt++) {
      const email = store.email(account.id, placement.email)
      const content = email && (await store.readBlob(email.blob).catch(() => undefined))
      if (content !== undefined) return { content, email: email! }
    }
    return undefined
  }

  #note(sentence: string): void {
    if (this.#notes.length < MOST_NOTES) this.#notes.push(sentence)
    else this.#moreNotes++
  }
}

type Note = (sentence: string) => void

async function mboxWriter(sink: Sink, known: ExportedMailbox, _: Mailbox, note: Note): Promise<Writer> {
  const file = await sink.grow(known.location, known.bytes)
  const writer = {
    bytes: known.bytes,
    close: () => file.close(),
    async add({ flags }: Placement, content: Buffer, { name, sender, receivedAtMs }: About) {
      const lines = asLines(content, name, note)
      // A line that goes on would go on with our field.
      const canBegin = lines[0] !== 0x20 && lines[0] !== 0x09
      if (!canBegin && flags.length > 0) note(`${name}: its flags are lost, because it begins with white space.`)
      if (hasStatus(lines)) note(`${name}: it has Status fields of its own, which mbox takes for flags.`)
      if (lines.length > 0 && lines.at(-1) !== 10)
        note(`${name}: its last line has no end; in an mbox file it gets one.`)
      const fields = canBegin ? statusFields(flags) : ''
      const entry = mboxEntry(Buffer.concat([Buffer.from(fields), lines]), sender, receivedAtMs)
      await file.append(entry)
      writer.bytes += entry.length
    },
  }
  return writer
}

async function maildirWriter(sink: Sink, known: ExportedMailbox, mailbox: Mailbox, note: Note): Promise<Writer> {
  const at = (name: string) => (known.location === '' ? name : `${known.location}/${name}`)
  for (const sub of ['cur', 'new', 'tmp']) await sink.makeFolder(at(sub))
  // Letters for keywords stay what they are for those that were written before.
  const letters = mailbox.keywords.slice(0, MOST_KEYWORDS)
  if (known.location !== '') await sink.keep(at('maildirfolder'), Buffer.alloc(0))
  await sink.keep(at('dovecot-keywords'), Buffer.from(letters.map((word, index) => `${index} ${word}\n`).join('')))
  // What was written after the last checkpoint is written again, under a name that may say other flags.
  const after = (name: string) => Number(/U(\d+)\.borderpost/.exec(parseFileName(name, []).base)?.[1] ?? 0)
  for (const name of await sink.names(at('cur'))) if (after(name) > known.through) await sink.remove(at(`cur/${name}`))
  const list = await sink.grow(at('dovecot-uidlist'), known.bytes)
  const writer = {
    bytes: known.bytes,
    close: () => list.close(),
    async add({ uid, flags }: Placement, content: Buffer, { name, receivedAtMs, uidl }: About) {
      const lost = flags.filter((flag) => !hasLetter(flag) && !letters.includes(flag))
      if (lost.length > 0) note(`${name}: a Maildir has letters for 26 keywords; ${lost.join(' ')} got none.`)
      const base = `${Math.floor(receivedAtMs / 1000)}.V${mailbox.uidValidity}U${uid}.borderpost`
      const file = asLines(content, name, note)
      await sink.put(at(`cur/${base}${flagLetters(flags, letters)}`), file, receivedAtMs)
      const uidlField = mailbox.specialUse === 'inbox' ? ` P${uidl}` : ''
      await append(`${uid}${uidlField} :${base}\n`)
    },
  }
  const append = async (line: string) => {
    await list.append(Buffer.from(line))
    writer.bytes += Buffer.byteLength(line)
  }
  const guid = `${mailbox.uidValidity.toString(16).padStart(8, '0')}${mailbox.id.toString(16).padStart(24, '0')}`
  if (known.bytes === 0) await append(`3 V${mailbox.uidValidity} N${mailbox.uidNext} G${guid}\n`)
  return writer
}

/** As files have it, where it comes back from that as it is. */
function asLines(content: Buffer, name: string, note: Note): Buffer {
  if (lineEnds(content) === 'lf') note(`${name}: its lines end in LF; brought in again they will end in CRLF.`)
  return toLf(content) ?? content
}

/** A path that every file system takes and that leads nowhere else. */
function fileOfParts(parts: readonly string[]): string {
  const safe = (part: string) =>
    part.replace(/^\.|[\x00-\x1f\x7f<>:"\\|?*%]|[. ]$/g, (character) =>
      encodeURIComponent(character).replace('.', '%2E'),
    )
  return `${parts.map(safe).join('/')}.mbox`
}

const beside = (location: string, uidValidity: number) =>
  location.endsWith('.mbox') ? `${location.slice(0, -5)}-${uidValidity}.mbox` : `${location}-${uidValidity}`
